"""The local network: announces the node's services by multicast DNS, and listens for others'.

The only module that knows zeroconf, which is imported when it is first needed, and runs in threads of its own.

Whatever is wrong with the local network is said once in the log and by `state`, and tried again; the node goes on.
"""

import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode.bounds import (
    LAN_AGAIN,
    LAN_ANSWER,
    LAN_GATHERED,
    LAN_LOOK,
    LAN_RENEWED,
    MAX_LAN_NEW,
    MAX_LAN_QUESTIONS,
    MAX_LAN_SERVICES,
    STOP_TIMEOUT,
)
from protocols.lan import SERVICE, Find, Service, parse_find

T = TypeVar("T")
DEAF: Final = "what is sent to the local network does not come back: multicast (UDP port 5353) is blocked"
FLOODED: Final = "something floods the local network with announcements"
FRESH: Final = LAN_AGAIN / 1000  # seconds: so much in less is a flood; in more, room is made for who is there now
UNHEARD: Final = 2  # looks in which our own service was not to be seen, after which that is said


class Wanted(Protocol):
    """ips: IPv4 addresses of the interfaces to use; services: to announce there."""

    @property
    def ips(self) -> tuple[str, ...]: ...
    @property
    def services(self) -> tuple[Service, ...]: ...


class Lan:
    """on: whether our user wants it at all; wanted: what to announce and where, asked again and again; found: is told
    all that is announced at present, whenever that changes and once in `LAN_RENEWED`."""

    def __init__(
        self,
        on: bool,
        wanted: Callable[[], Wanted],
        found: Callable[[tuple[Find, ...]], Awaitable[None]],
        log: FilteringBoundLogger,
    ) -> None:
        self._on = on
        self._wanted = wanted
        self._found = found
        self._log = log
        self._news = trio.Event()
        self._state = ("none", "") if on else ("off", "")

    def state(self) -> tuple[str, str]:
        """on, off (by our user), none (this node listens at no address of a local network) or problem, and which."""
        return self._state

    async def run(self) -> None:
        """Does nothing if it is switched off."""
        while self._on:
            wanted = self._wanted()
            if not wanted.ips:
                await self._silent("none")
                await trio.sleep(LAN_LOOK)
                continue
            try:
                await self._use(wanted)
            except Exception as e:  # of the system or of zeroconf: no interface, no right, no multicast
                await self._silent("problem", str(e) or type(e).__name__)
                await trio.sleep(LAN_RENEWED)

    async def _use(self, wanted: Wanted) -> None:
        """Until something else is wanted, or what was heard is to be forgotten."""
        token = trio.lowlevel.current_trio_token()

        def heard() -> None:  # in a thread of zeroconf's
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._note, idempotent=True)

        radio = _Radio(heard)
        try:
            await _aside(radio.open, wanted.ips, wanted.services)
            await self._listen(radio, wanted)
        finally:
            with trio.CancelScope(deadline=trio.current_time() + STOP_TIMEOUT, shield=True):
                await _aside(radio.close)

    async def _listen(self, radio: "_Radio", wanted: Wanted) -> None:
        if self._state[0] != "problem":
            self._become("on")
        unheard, due = 0, trio.current_time() + LAN_RENEWED
        fresh = trio.current_time() + FRESH
        while self._wanted() == wanted and not (radio.is_full and trio.current_time() >= fresh):
            with trio.move_on_after(LAN_LOOK):
                await self._news.wait()
                await trio.sleep(LAN_GATHERED)
            if radio.is_flooded and trio.current_time() < fresh:
                raise OSError(FLOODED)
            renew = trio.current_time() >= due
            if not (self._news.is_set() or renew):
                continue
            self._news = trio.Event()
            finds = await _aside(radio.look)
            if radio.hears_itself or not wanted.services:
                unheard = 0
                self._become("on")
            elif renew:
                unheard += 1
                if unheard >= UNHEARD:
                    self._become("problem", DEAF)
            due = trio.current_time() + LAN_RENEWED
            await self._found(finds)

    async def _silent(self, state: str, problem: str = "") -> None:
        """Nobody can be heard."""
        if self._state[0] != state:
            await self._found(())
        self._become(state, problem)

    def _note(self) -> None:
        self._news.set()

    def _become(self, state: str, problem: str = "") -> None:
        if (state, problem) != self._state and problem:
            self._log.warning("neighbours on the local network are not found", problem=problem)
        self._state = (state, problem)


async def _aside(work: Callable[..., T], *args: Any) -> T:
    """In a thread, which is left to itself when nobody waits for it any more."""
    return await trio.to_thread.run_sync(work, *args, abandon_on_cancel=True)  # type: ignore[call-arg]  # stubs of old


class _Radio:
    """What zeroconf does for us. Its methods block, and are for worker threads. heard: called from another thread."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._lock = threading.Lock()
        self._names: dict[str, None] = {}  # of instances that are announced
        self._own: frozenset[str] = frozenset()
        self._zeroconf: Any = None
        self._browser: Any = None
        self._closed = False
        self._new = 0  # names heard of since it was opened, kept or not: zeroconf keeps something of each
        self.hears_itself = False

    @property
    def is_full(self) -> bool:
        """Whether no more names are kept. None leaves before its announcer's time, which may be years."""
        return len(self._names) >= MAX_LAN_SERVICES or self.is_flooded

    @property
    def is_flooded(self) -> bool:
        return self._new >= MAX_LAN_NEW

    def open(self, ips: Sequence[str], services: Sequence[Service]) -> None:
        """`OSError`, or an error of zeroconf, where this cannot be."""
        import zeroconf

        log = logging.getLogger("zeroconf")  # it tells of each odd packet
        log.propagate = False
        if not log.handlers:
            log.addHandler(logging.NullHandler())
        made = zeroconf.Zeroconf(interfaces=list(ips), ip_version=zeroconf.IPVersion.V4Only)
        with self._lock:
            self._zeroconf, closed = made, self._closed
        if closed:  # while this was under way
            return made.close()
        self._own = frozenset(f"{service.name}.{SERVICE}" for service in services)
        browser = zeroconf.ServiceBrowser(made, SERVICE, handlers=[self._changed])
        with self._lock:
            self._browser, closed = browser, self._closed
        if closed:
            return browser.cancel()
        for service in services:
            info = zeroconf.ServiceInfo(
                SERVICE,
                f"{service.name}.{SERVICE}",
                port=service.port,
                properties=dict(service.properties),
                server=f"{service.name}.local.",
                parsed_addresses=list(service.ips),
            )
            made.register_service(info, cooperating_responders=True)

    def look(self) -> tuple[Find, ...]:
        """All that is announced, as far as it can be understood."""
        import zeroconf

        with self._lock:
            names = list(self._names)
        found, questions = [], 0
        for name in names:
            try:
                info = zeroconf.ServiceInfo(SERVICE, name)
                known = info.load_from_cache(self._zeroconf)
                if not known and questions < MAX_LAN_QUESTIONS:
                    questions += 1
                    known = info.request(self._zeroconf, LAN_ANSWER)
                packed = info.addresses_by_version(zeroconf.IPVersion.All) if known else ()
                find = parse_find(info.properties, info.port, packed)
            except Exception:  # whatever a stranger's names and records do to zeroconf
                continue
            if find is not None:
                found.append(find)
        self.hears_itself = bool(self._own.intersection(names))
        return tuple(found)

    def close(self) -> None:
        """Says goodbye for what was announced. May be called while it is being opened."""
        with self._lock:
            made, self._zeroconf, self._closed = self._zeroconf, None, True
            browser, self._browser = self._browser, None
        if browser is not None:
            browser.cancel()  # zeroconf does not end the thread of one that was made like this
        if made is not None:
            made.close()

    def _changed(self, zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        with self._lock:
            if state_change.name == "Removed":
                self._names.pop(name, None)
            elif name in self._own or len(self._names) < MAX_LAN_SERVICES:
                self._names[name] = None
            self._new += state_change.name == "Added"
        self._heard()
