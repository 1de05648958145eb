"""Who may use the page: links that log in once, and the sessions that come of them. In memory, and by hash. Pure.

A link and a session's secret are 32 random bytes in hex; of both only the hash is kept, so nothing that reads this
memory, or shows the list of sessions, can use one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from p2pnode.bounds import LINK_LIFE, MAX_FLASHES, MAX_LINKS, MAX_READ, MAX_SESSIONS, SESSION_LIFE


@dataclass
class Session:
    """A browser that is logged in. id: by which it is named and revoked. Times in ms. kind: `browser`, of this machine,
    or `device`, one of the local network; of a device name, what its user calls it, and address, from where it was seen
    last. flashes: what it is to be told on the next page, as (kind, text). kept: what commands answered that is to be
    shown, by their names (`words.KEPT`). read: how each exchange was when its page was last looked at, by its id."""

    id: str
    since: int
    until: int
    seen: int
    browser: str = ""
    kind: str = "browser"
    name: str = ""
    address: str = ""
    flashes: list[tuple[str, str]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)

    def tell(self, kind: str, text: str) -> None:
        self.flashes = [*self.flashes, (kind, text)][-MAX_FLASHES:]

    def has_read(self, id_: str, how: str) -> None:
        """Note how something was when it was shown."""
        self.read.pop(id_, None)
        self.read[id_] = how
        while len(self.read) > MAX_READ:
            del self.read[next(iter(self.read))]

    def take_flashes(self) -> list[tuple[str, str]]:
        taken, self.flashes = self.flashes, []
        return taken


class Logins:
    """now: the time, ms. life: of a session, ms. most: how many there may be."""

    def __init__(self, now: Callable[[], int], life: int = SESSION_LIFE, most: int = MAX_SESSIONS) -> None:
        self._now, self._life, self._most = now, life, most
        self.ended: Callable[[str], None] = lambda id_: None  # is told which session is over before its time
        self._links: dict[bytes, int] = {}  # hash → until
        self._sessions: dict[bytes, Session] = {}

    def invite(self, token: str) -> int:
        """Make a link of this token, which is random. Returns until when it is good."""
        until = self._now() + LINK_LIFE
        self._links[hashed(token.encode())] = until
        while len(self._links) > MAX_LINKS:
            del self._links[next(iter(self._links))]
        return until

    def is_invited(self, token: bytes, caller: str = "") -> bool:
        return self._links.get(hashed(token), 0) > self._now()

    def log_in(self, token: str, secret: str, browser: str = "") -> Session | None:
        """Use a link up: a session with this secret comes of it, or None if there is none."""
        if self._links.pop(hashed(token.encode()), 0) <= self._now():
            return None
        now, key = self._now(), hashed(secret.encode())
        session = Session(key.hex()[:8], now, now + self._life, now, browser[:200])
        self._sessions[key] = session
        while len(self._sessions) > self._most:
            oldest = min(self._sessions, key=lambda k: self._sessions[k].seen)
            self.ended(self._sessions.pop(oldest).id)
        return session

    def is_known(self, secret: bytes) -> bool:
        return self.session(secret) is not None

    def session(self, secret: bytes) -> Session | None:
        """The session with this secret, unless it is over."""
        found = self._sessions.get(hashed(secret))
        if found is None or found.until <= self._now():
            return None
        found.seen = self._now()
        return found

    def sessions(self) -> list[Session]:
        """Those that are not over, the newest first."""
        now = self._now()
        self._sessions = {key: session for key, session in self._sessions.items() if session.until > now}
        return sorted(self._sessions.values(), key=lambda session: -session.since)

    def listed(self) -> list[dict[str, Any]]:
        """As `sessions`, for who is shown them. seen: when a page was last asked for."""
        return [
            {"id": s.id, "kind": s.kind, "name": s.name, "browser": s.browser, "address": s.address, "since": s.since,
             "seen": s.seen, "valid_until": s.until}
            for s in self.sessions()
        ]  # fmt: skip

    def revoke(self, id_: str) -> bool:
        """Log a browser out; whether there was one."""
        before = len(self._sessions)
        self._sessions = {key: session for key, session in self._sessions.items() if session.id != id_}
        if len(self._sessions) == before:
            return False
        self.ended(id_)
        return True


def hashed(secret: bytes) -> bytes:
    """What is kept of a link or a secret."""
    return blake2b(secret, digest_size=32).digest()
