"""Talk to a running node over its control socket. Standard library only, so that the command line starts at once.

>>> from p2pnode.client import Client
>>> Client("~/.local/share/p2pnode").search("snow", within_km=5)    # doctest: +SKIP
[{'listing_id': …, 'title': 'Snowblower', …}]
"""

import http.client
import json
import secrets
import socket
import time
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from p2pnode.home.folder import Home, default_home
from protocols.errors import Refusal

TRIES = 5  # of one call, when the connection drops in between
PAUSE = 0.3  # seconds before the second try; doubled for each further one
WATCH_AGAIN = 1.0  # seconds until a node that stopped is looked for again
CHOOSE = "Name the node's folder with --home or P2PNODE_HOME"
TIMEOUT = 90.0  # seconds for one answer


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("p2pnode")
        self.path = path
        self.wait = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.wait)
            self.sock.connect(str(self.path))
        except BaseException:
            self.sock.close()
            raise


class Client:
    """Every command of the node as a method: `exchange.propose` is `client.exchange_propose(listing=…)`.

    home: the node's folder; None for the default one. network: name or id prefix of the one meant, where the node is
    in several. All methods return the JSON data of CLI.md as dicts, lists and scalars; `Refusal` for every error.
    """

    def __init__(self, home: str | Path | None = None, network: str | None = None, timeout: float = TIMEOUT) -> None:
        self.home = Home(default_home() if home is None else Path(home).expanduser())
        self.network = network
        self.timeout = timeout

    def call(self, name: str, args: dict[str, Any] | None = None, request_id: str | None = None) -> Any:
        """Send one command and return its data. If the connection drops in between, the call is repeated with the
        same request id, so that nothing is done twice."""
        body = dict(args or {})
        if self.network is not None:
            body.setdefault("network", self.network)
        identity = request_id or secrets.token_hex(16)
        pause, begun = PAUSE, False
        for left in reversed(range(TRIES)):
            try:
                return _unwrap(*self._post(name, body, identity))
            except TimeoutError as e:
                raise Refusal(
                    "unreachable",
                    f"The node gave no answer within {self.timeout:.0f} s",
                    "See p2pnode status, node.log",
                ) from e
            except PermissionError as e:
                raise Refusal("no_daemon", f"{self.home.root} may not be entered: {e.strerror}", CHOOSE) from e
            except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as e:
                # Nobody listens. Only a node that answered a moment ago (and may be starting again) is waited for.
                if not begun or left == 0:
                    raise self.no_daemon() from e
            except (OSError, http.client.HTTPException) as e:
                begun = True
                if left == 0:
                    raise Refusal(
                        "no_daemon", f"The node hangs up ({e or type(e).__name__})", "Is it running? p2pnode run"
                    ) from e
            time.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    def events(self, after: str | None = None) -> Generator[dict[str, Any], None, None]:
        """Events of the node from this call on, not only from the first that is asked for; or after the one with this
        `event_id`. Ends when the node stops. See docs/api.md for the types; `resync`: some were missed."""
        connection = _Connection(self.home.socket_path(), None)
        try:
            headers = {"Host": "p2pnode"} | ({"Last-Event-ID": after} if after else {})
            connection.request("GET", "/v1/events", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                _unwrap(response.status, response.read())
        except (FileNotFoundError, ConnectionRefusedError) as e:
            connection.close()
            raise self.no_daemon() from e
        except BaseException:
            connection.close()
            raise
        return _events_of(connection, response)

    def watch(self) -> Generator[dict[str, Any], None, None]:
        """Events for as long as they are asked for: over restarts of the node, too. The first is `resync`, and so is
        the one after a gap: whoever shows anything reads it again then."""
        last = "0"  # no event has this id, so the node answers `resync`
        while True:
            try:
                for event in self.events(last):
                    last = event.get("event_id", last)
                    yield event
            except Refusal as e:
                if e.code != "no_daemon":
                    raise
            time.sleep(WATCH_AGAIN)

    def search(self, query: str = "", **args: Any) -> list[dict[str, Any]]:
        """Find listings: kind, direction, within_km, near, max_price, available (ms), sort, limit, everywhere."""
        found: list[dict[str, Any]] = self.call("search", {"query": query, **args})
        return found

    def __getattr__(self, name: str) -> Any:
        """`listing_publish(…)` calls `listing.publish`; the node says which commands there are."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda **args: self.call(name.replace("_", "."), args)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is kept open between calls."""

    def no_daemon(self) -> Refusal:
        """Why nobody answers, and what to do about it."""
        if (wrong := self.home.blocked_by()) is not None:
            return Refusal("no_daemon", f"{wrong} is not a folder", CHOOSE)
        if not self.home.initialised:
            return Refusal(
                "no_daemon",
                f"There is no node in {self.home.root}",
                "Make one: p2pnode init --name NAME, or by its page: p2pnode web; or see --home",
            )
        if self.home.in_use():
            return Refusal("no_daemon", "The node is starting or stopping", "Try again in a moment")
        return Refusal("no_daemon", f"The node in {self.home.root} is not running", "Start it: p2pnode run")

    def _post(self, name: str, body: dict[str, Any], request_id: str) -> tuple[int, bytes]:
        connection = _Connection(self.home.socket_path(), self.timeout)
        try:
            headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
            connection.request("POST", f"/v1/{name}", json.dumps(body).encode(), headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def _events_of(
    connection: http.client.HTTPConnection, response: http.client.HTTPResponse
) -> Generator[dict[str, Any], None, None]:
    try:
        for line in response:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
    except (ConnectionError, http.client.HTTPException):
        return
    finally:
        connection.close()


def _unwrap(status: int, raw: bytes) -> Any:
    try:
        value = json.loads(raw)
        if "data" in value:
            return value["data"]
        error = value["error"]
        refusal = Refusal(error["code"], error["message"], error["hint"])
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise http.client.BadStatusLine(f"{status}, and no JSON") from e
    raise refusal
