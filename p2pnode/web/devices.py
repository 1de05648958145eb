"""Devices of the local network that were paired: sessions that outlive the node. Kept by hash. Pure.

A pairing code is good once, for some minutes. Whoever asks with a wrong one is counted: an address that does so again
and again is locked out for a while. Its guesses cost nobody else anything: a code has 100 bits, and if strangers could
spoil one, none would ever pair a device.
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from p2pnode.bounds import (
    DEVICE_LIFE,
    GUESSES_LOCKED,
    LINK_LIFE,
    MAX_DEVICE_NAME,
    MAX_DEVICES,
    MAX_GUESSERS,
    MAX_GUESSES,
    MAX_LINKS,
    SEEN_SAVED_EVERY,
)

from .languages import N_
from .logins import Logins, Session, hashed

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Meta(max_length=200)]
Time = Annotated[int, Meta(ge=0, le=2**53)]

_KINDS: Final = (
    (re.compile(r"iPad|Tablet|Android(?!.*Mobile)"), N_("tablet")),
    (re.compile(r"iPhone|Mobile|Android"), N_("phone")),
    (re.compile(r"Windows|Macintosh|X11|Linux|CrOS"), N_("computer")),
)
_BROWSERS: Final = (  # each says that it is those below it, too
    ("Firefox", re.compile(r"Firefox/|FxiOS/")),
    ("Edge", re.compile(r"Edg(?:e|A|iOS)?/")),
    ("Samsung Internet", re.compile(r"SamsungBrowser/")),
    ("Opera", re.compile(r"OPR/|Opera")),
    ("Chrome", re.compile(r"Chrom(?:e|ium)/|CriOS/")),
    ("Safari", re.compile(r"Safari/")),
)


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pairing as the disk has it. hash: of the secret in the device's cookie, hex. Times in ms."""

    hash: Hash
    name: Text
    browser: Text
    address: Text
    since: Time
    until: Time
    seen: Time


class Devices(Logins):
    """now: the time, ms. kept: what the disk has. changed: is called when it should have something else."""

    def __init__(
        self, now: Callable[[], int], kept: Iterable[Kept] = (), changed: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(now, DEVICE_LIFE, MAX_DEVICES)
        self.changed = changed
        self._spent: dict[bytes, int] = {}  # codes that were used: hash → until when that is remembered
        self._guesses: dict[str, tuple[int, int]] = {}  # address → how many, locked or forgotten at
        self._saved: dict[str, int] = {}  # id → the `seen` that the disk has
        for one in kept:
            key = bytes.fromhex(one.hash)
            self._sessions[key] = Session(
                one.hash[:8], one.since, one.until, one.seen, one.browser, "device", one.name, one.address
            )
            self._saved[one.hash[:8]] = one.seen

    def dump(self) -> list[Kept]:
        """What the disk is to have."""
        now = self._now()
        live = {key: s for key, s in self._sessions.items() if s.until > now}
        self._saved = {s.id: s.seen for s in live.values()}
        return [Kept(k.hex(), s.name, s.browser, s.address, s.since, s.until, s.seen) for k, s in live.items()]

    def is_invited(self, token: bytes, caller: str = "") -> bool:
        """Is this a code that was not used yet? A wrong one is counted as a guess of this address."""
        now, key = self._now(), hashed(token)
        count, until = self._guesses.get(caller, (0, 0))
        if until <= now:
            count = 0
        if count >= MAX_GUESSES:
            return False
        if key in self._links or self._spent.get(key, 0) > now:  # good, or it has been; that is no guess
            return super().is_invited(token)
        self._guesses.pop(caller, None)
        self._guesses[caller] = count + 1, now + GUESSES_LOCKED
        while len(self._guesses) > MAX_GUESSERS:
            del self._guesses[next(iter(self._guesses))]
        return False

    def log_in(self, token: str, secret: str, browser: str = "") -> Session | None:
        """Use a code up: a pairing with this secret comes of it, or None."""
        session = super().log_in(token, secret, browser)
        if session is not None:
            session.kind = "device"
            self._spent[hashed(token.encode())] = self._now() + LINK_LIFE
            while len(self._spent) > MAX_LINKS:
                del self._spent[next(iter(self._spent))]
        return session

    def pair(self, token: str, secret: str, name: str, browser: str, address: str) -> Session | None:
        """The same, with what the user calls the device; if nothing, what it seems to be."""
        session = self.log_in(token, secret, browser)
        if session is not None:
            session.name, session.address = clean(name) or guessed(browser), address[:64]
            self.changed()
        return session

    def saw(self, session: Session, address: str) -> None:
        """A device has asked for something from this address."""
        session.address = address[:64]
        if session.seen - self._saved.get(session.id, 0) >= SEEN_SAVED_EVERY:
            self.changed()

    def revoke(self, id_: str) -> bool:
        gone = super().revoke(id_)
        if gone:
            self.changed()
        return gone


def load(raw: bytes) -> list[Kept]:
    """Pairings as `dump` gave them. `ValueError` for what is none of ours: then nothing of it counts."""
    kept = msgspec.json.decode(raw, type=list[Kept])
    if len(kept) > MAX_DEVICES:
        raise ValueError("more devices than there may be")
    return kept


def clean(name: str) -> str:
    """A name in one line, without what cannot be seen."""
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(shown.split())[:MAX_DEVICE_NAME]


def guessed(agent: str, words: Callable[[str], Any] = str) -> str:
    """What a device calls itself (User-Agent), as a name: `phone, Firefox`. words: translates."""
    kind = next((word for pattern, word in _KINDS if pattern.search(agent)), N_("device"))
    browser = next((name for name, pattern in _BROWSERS if pattern.search(agent)), "")
    return f"{words(kind)}, {browser}" if browser else str(words(kind))
