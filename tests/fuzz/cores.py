"""Targets at the core: a frame of each protocol, handed to a true core in the midst of a story (tests/fuzz/story.py).

An input is two bytes that say at which moment, and a frame. The highest bit: it comes from a stranger. After a frame
that leaves anything on the disk, the user looks at everything, time goes on, and the node starts anew from that disk.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import msgspec

from p2pnode.core.effects import Penalize, Write
from p2pnode.core.events import Received, Woke
from protocols import gossip_messages, message_messages
from protocols.codec import decode, encode
from protocols.errors import Reject
from protocols.identity import Signer, incept, seal_to
from protocols.limits import HOUR, MAX_FRAME, MAX_MESSAGE
from protocols.message import open_message
from protocols.padding import pad
from tests.p2pnode.lab import EVES_PEER

from .mutate import Signers
from .story import Moment, Replica, carried, hello_of, told
from .table import Target

PROTOCOLS = ("join", "gossip", "exchange", "ledger", "recovery", "vouch", "replica", "custody", "message")
STRANGER = 0x80
MOST_SEEDS = 40
LOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("status", {}),
    ("peers.list", {}),
    ("listing.list", {}),
    ("exchange.list", {}),
    ("ledger.log", {}),
    ("ledger.balance", {}),
    ("ledger.statement", {}),
    ("ledger.export", {}),
    ("vouch.list", {}),
    ("claim.list", {}),
    ("message.list", {}),
    ("message.threads", {}),
    ("parcel.list", {}),
    ("reputation", {"peer": "Ben", "why": True}),
    ("reputation", {"peer": "Cleo", "why": True}),
)


@cache
def moments_of(protocol: str) -> tuple[Moment, ...]:
    """Of each kind of message the first ones, and the last."""
    name = f"/p2pnode/{protocol}/1.0.0"
    found = [m for m in (carried() if protocol in ("custody", "message") else told()[0]) if m.protocol == name]
    if not found:  # spoken by nobody: nothing listens there
        return told()[0][:1]
    kinds: dict[Any, list[Moment]] = {}
    for moment in found:
        kinds.setdefault(_kind(moment.data), []).append(moment)
    return tuple(m for same in kinds.values() for m in [*same[:6], *same[6:][-2:]])


def _kind(frame: bytes) -> Any:
    value = decode(frame)
    if value[0] in ("entry", "fact"):
        return value[0], decode(decode(value[-1])[0])[5 if value[0] == "fact" else 7]
    return value[0]


def seeds(protocol: str) -> Sequence[bytes]:
    found = [place.to_bytes(2, "big") + moment.data for place, moment in enumerate(moments_of(protocol))]
    step = -(-len(found) // MOST_SEEDS)
    return found[::step]


def signers() -> Signers:
    return told()[1]


class _Ready:
    """The replica of the last moment, as long as nothing was written to it."""

    moment: Moment | None = None
    replica: Replica
    frames = 0


_ready = _Ready()


def receive(protocol: str, data: bytes) -> None:
    known = moments_of(protocol)
    number = int.from_bytes(data[:2], "big")
    stranger = bool(data and data[0] & STRANGER)
    moment = known[(number & 0x7FFF) % len(known)]
    hear(moment, f"/p2pnode/{protocol}/1.0.0", data[2 : 2 + MAX_FRAME], stranger)


def bodies() -> Sequence[bytes]:
    """What stands in the boxes of the story, behind two bytes that say at which moment it came."""
    found = []
    for place, moment in enumerate(moments_of("message")):
        value = decode(moment.data)
        if value[0] == "message":
            signer = incept(moment.entropy)[0]
            found.append(place.to_bytes(2, "big") + open_message(signer, value[1]).header)
    return found


def write(data: bytes) -> None:
    """A message that its author has signed and sealed to its reader, whatever stands in it."""
    known = moments_of("message")
    moment = known[int.from_bytes(data[:2], "big") % len(known)]
    author = next(s for s in writers() if s.author != incept(moment.entropy)[0].author)
    body = data[2 : 2 + MAX_MESSAGE - 1_000]
    inside = encode([body, author.epoch, author.sign("message", body), author.inception])
    box = seal_to(incept(moment.entropy)[0].public_key, pad(inside), bytes(range(32)))
    hear(moment, message_messages.PROTOCOL, encode(["message", box]), False)


def writers() -> Sequence[Signer]:
    """Anna and Ben, who write to each other in the story."""
    return [incept(moment.entropy)[0] for moment in moments_of("message")]


def hear(moment: Moment, protocol: str, frame: bytes, stranger: bool) -> None:
    """One frame at a moment. `Reject` if it cost the peer a strike."""
    if _ready.moment is not moment or _ready.frames > 100:
        _ready.replica, _ready.moment, _ready.frames = Replica(moment), moment, 0
        if protocol == gossip_messages.PROTOCOL:
            _ready.replica.handle(Received(moment.sender, protocol, hello_of(moment)))
    _ready.frames += 1
    replica = _ready.replica
    peer = EVES_PEER if stranger else moment.sender
    _ready.moment = None  # whatever happens from here on is not kept, unless nothing does
    effects = replica.handle(Received(peer, protocol, _in_turn(protocol, frame)))
    struck = {effect.peer for effect in effects if isinstance(effect, Penalize)}
    assert struck <= {peer}, "only the sender pays"
    if not any(isinstance(effect, Write) for effect in effects):
        _ready.moment = moment
    else:
        look_at_everything(replica)
        replica.now += HOUR
        replica.handle(Woke())
        replica.again()
        look_at_everything(replica)
    if struck:
        raise Reject("state", "a strike")


def look_at_everything(replica: Replica) -> None:
    """No command of the user's meets a bug, and what is in the own ledger is sound."""
    for name, fields in LOOKS:
        _answer(replica, name, fields)
    for held in list(replica.core.exchanges.held.values()):
        _answer(replica, "exchange.show", {"id": held.id.hex()})
    for network in replica.core.state.networks.values():
        if network.chain.ready:
            report = network.chain.audit()
            assert report.ok, report


def _answer(replica: Replica, name: str, fields: dict[str, Any]) -> None:
    result = replica.ask(name, **fields)
    if not isinstance(result, Exception):
        msgspec.json.encode(result)


def _in_turn(protocol: str, frame: bytes) -> bytes:
    """A recorded answer of gossip, numbered so that it answers the first question of a core that was made anew."""
    if protocol == gossip_messages.PROTOCOL and frame[:1] == b"\x94" and frame[1:2] == b"\x03":
        try:
            kind, network, _, ranges = decode(frame)
            return encode([kind, network, 1, ranges])
        except (Reject, ValueError):
            return frame
    return frame


TARGETS: Sequence[Target] = (
    *(Target(f"core-{name}", partial(receive, name), partial(seeds, name), signers) for name in PROTOCOLS),
    Target("core-written", write, bodies),
)
