"""What happens to the core. Events are named in the past tense; `Core.handle(event, now)` answers with effects."""

from dataclasses import dataclass
from typing import Any

from protocols.lan import Find


@dataclass(frozen=True, slots=True)
class Command:
    """Our user asked for something. ticket: which `Reply` answers it; request_id: the same for every repetition."""

    ticket: int
    name: str
    args: Any
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Listening:
    """The host is up. addresses: full multiaddrs, with our peer id."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """outbound: we dialled it; chosen: because the core had asked for it, not because the DHT led there."""

    peer: str
    address: str
    outbound: bool
    chosen: bool = True


@dataclass(frozen=True, slots=True)
class Disconnected:
    peer: str


@dataclass(frozen=True, slots=True)
class DialFailed:
    """None of the addresses of a `Dial` answered. no_route: this machine had no network to reach any of them."""

    key: str
    reason: str
    no_route: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One frame from a peer, unchecked."""

    peer: str
    protocol: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Unspoken:
    """A connected peer has said that it does not speak a protocol of ours; a frame for it was not sent."""

    peer: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Banned:
    """The host lets a peer in no more, for its strikes. until: ms."""

    peer: str
    reason: str
    until: int


@dataclass(frozen=True, slots=True)
class Found:
    """Answer to a `Lookup`, who provides the key; or to a `Find`, without one. With full multiaddrs."""

    key: bytes | None
    peers: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A `Provide` or `Put` was carried out. kept: whether somebody will remember it."""

    key: bytes
    kept: bool


@dataclass(frozen=True, slots=True)
class Got:
    """Answer to a `Get`: the best value that was found, valid when it was; None for none."""

    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a peer answered to a search of ours for so many records at most, unchecked; a `Reply` to the ticket says
    what came of it."""

    ticket: int
    peer: str
    network: bytes
    limit: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Compared:
    """Answer to a `Compare`, in pieces: author and name of a few listings that may go with the one named `name`."""

    network: bytes
    name: bytes
    found: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Probed:
    """Answer to a `Probe`: whether the peer reached us, None if it did not say; address: where it tried."""

    peer: str
    reached: bool | None
    address: str


@dataclass(frozen=True, slots=True)
class Space:
    """What is left of the file system that the store lies on, and its size, bytes; both 0 where it does not say."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Sighted:
    """All that is announced on the local network at present, by whomever, unchecked."""

    finds: tuple[Find, ...]


@dataclass(frozen=True, slots=True)
class Woke:
    """The time of an earlier `Wake` has come."""


Event = (
    Command
    | Listening
    | Connected
    | Disconnected
    | DialFailed
    | Received
    | Unspoken
    | Banned
    | Found
    | Said
    | Got
    | Answered
    | Compared
    | Probed
    | Space
    | Sighted
    | Woke
)
