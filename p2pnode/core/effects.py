"""What the core wants done. Effects are named in the imperative, and carried out in order.

The journal rule: the `Write` of a step is committed before anything else of that step leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.head import Head
from protocols.errors import Refusal


@dataclass(frozen=True, slots=True)
class Write:
    """One atomic batch. durable: synced before the step goes on; heads: newest head of our chains, by network;
    purge: keys, put or deleted, of which no older value is to be left in the store's files, before the step goes on."""

    puts: Mapping[bytes, bytes]
    deletes: frozenset[bytes] = frozenset()
    durable: bool = False
    heads: Mapping[bytes, Head] = field(default_factory=dict)
    purge: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Send:
    """One frame to a connected peer. May be lost: what matters is sent again until it is answered."""

    peer: str
    protocol: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect to whichever address answers first; `Connected` or `DialFailed(key)` follows."""

    key: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hangup:
    """Let a peer go that was dialled only to see whether it answers; `Disconnected` follows."""

    peer: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask a connected peer to dial us back at this port; `Probed` follows."""

    peer: str
    port: int


@dataclass(frozen=True, slots=True)
class Provide:
    """Tell the DHT that we hold what this key stands for; `Said` follows."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Tell the DHT no more that we hold what this key stands for."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Put:
    """Have the DHT keep a value under a key; `Said` follows."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Get:
    """Ask the DHT for the value under a key; `Got` follows."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask the DHT who provides this key; `Found` follows."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Find:
    """Ask the DHT where a peer can be dialled; `Found` without a key follows, if anybody knows."""

    peer: str


@dataclass(frozen=True, slots=True)
class Penalize:
    """A peer sent what no honest peer sends."""

    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Credit:
    """A peer brought something new and valid."""

    peer: str


@dataclass(frozen=True, slots=True)
class Ban:
    """Cut a peer off and let it in no more. until: ms, FOREVER for no end; by_user: others do not push it out."""

    peer: str
    until: int
    reason: str
    by_user: bool


@dataclass(frozen=True, slots=True)
class Unban:
    """Let a peer in again."""

    peer: str


@dataclass(frozen=True, slots=True)
class Admit:
    """Let these peers in from wherever they come, as long as they are not banned: we have reached them before, or our
    user named them. The last is forgotten last."""

    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to the `Command` with this ticket: JSON data, or why not."""

    ticket: int
    result: Any | Refusal


@dataclass(frozen=True, slots=True)
class Emit:
    """Something that a face may want to show at once."""

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reindex:
    """Listings that changed. slots: (network, author, name) to read again; gone: ids of records that are no more."""

    slots: tuple[tuple[bytes, bytes, bytes], ...] = ()
    gone: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Compare:
    """Look in the index for listings that may go with one of ours; `Compared` follows. author, name: of its slot."""

    network: bytes
    author: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Wake:
    """Send `Woke` at this time (ms)."""

    at: int


@dataclass(frozen=True, slots=True)
class Remake:
    """Make the core anew from what is stored: its timers were set by a time that was not the right one."""


Effect = (
    Write | Send | Dial | Hangup | Probe | Provide | Withdraw | Put | Get | Lookup | Find | Penalize | Credit | Ban
    | Unban | Admit | Reply | Emit | Reindex | Compare | Wake | Remake
)  # fmt: skip
