"""A personal chain: its state in constant size, the next entry of our own, and the check of anybody's.

    state = start(network, author)
    state, entry = extend(state, signer, "INCEPT", InceptPayload(), None, now, rng, endowment=2000)
    state, entry = extend(state, signer, "PAY_PROPOSE", Settlement(...), b"terms in the clear", now, rng)
    theirs = apply(theirs, entry)

Everything is stored in one batch with the entry; whoever crashes before starts from the state as it was.
"""

from typing import Any

import msgspec

from protocols.codec import decode, encode_flat
from protocols.errors import DecodeError, Reject
from protocols.identity import Signer

from .balance import RULES, Figures, check_limit, check_step, moved
from .entry import NO_PREV, Entry, sign_entry
from .halves import Keys, check_half, first_key, verify_with
from .merkle import Frontier, frontier_root, push
from .payloads import NO_PAYLOAD, Randomness, Settlement, encode_payload, parse_incept, parse_settlement, salted

_FIELDS = (bytes, bytes, int, int, bytes, list, int, int, int, int)


class ChainState(msgspec.Struct, frozen=True):
    """What the next entry of a chain depends on: some 100 bytes, and 32 for each bit that is set in `count`.

    count: entries so far; head: id of the last one (32 zero bytes if none); frontier: see ledger/merkle.py;
    balance, hold, limit: minor units; at: time of the last entry, ms.
    """

    network: bytes
    author: bytes
    epoch: int = 0
    count: int = 0
    head: bytes = NO_PREV
    frontier: Frontier = ()
    balance: int = 0
    hold: int = 0
    limit: int = 0
    at: int = 0

    @property
    def figures(self) -> Figures:
        return Figures(self.balance, self.hold, self.limit)


def start(network: bytes, author: bytes) -> ChainState:
    """The state before the first entry."""
    return ChainState(network, author)


def encode_state(state: ChainState) -> bytes:
    """What is stored beside the newest entry."""
    return encode_flat(
        (
            state.network,
            state.author,
            state.epoch,
            state.count,
            state.head,
            state.frontier,
            state.balance,
            state.hold,
            state.limit,
            state.at,
        )
    )


def decode_state(data: bytes) -> ChainState:
    """What `encode_state` wrote. `DecodeError` if it is damaged."""
    v: Any = decode(data)
    if not (type(v) is list and tuple(map(type, v)) == _FIELDS and len(v[5]) == v[3].bit_count()):
        raise DecodeError("not a chain state", "field")
    if any(type(h) is not bytes or len(h) != 32 for h in (v[1], v[4], *v[5])) or len(v[0]) != 16:
        raise DecodeError("not a chain state", "field")
    v[5] = tuple(v[5])
    return ChainState(*v)


def next_at(state: ChainState, now: int) -> int:
    """The time that an entry written now would carry: a chain's times never decrease."""
    return max(now, state.at)


def extend(
    state: ChainState,
    signer: Signer,
    kind: str,
    settlement: msgspec.Struct | None,
    private: bytes | None,
    now: int,
    rng: Randomness,
    endowment: int = 0,
) -> tuple[ChainState, Entry]:
    """The next entry of our own chain, signed. `OverLimit` if the account cannot carry it.

    settlement: a `Settlement`, an `InceptPayload` for an INCEPT, or None; endowment: this author's, from the genesis,
    only for an INCEPT; now: ms. What the settlement machine asks for fits the chain; anything that does not is a bug
    (`ValueError`).
    """
    if signer.author != state.author or signer.epoch < state.epoch:
        raise ValueError("not the signer of this chain")
    if (kind == "INCEPT") != (state.count == 0):
        raise ValueError("a chain starts with its one INCEPT")
    before = state.figures
    if kind == "INCEPT":
        after = Figures(0, 0, endowment)
    else:
        if kind in RULES and not isinstance(settlement, Settlement):
            raise ValueError(f"{kind} needs a settlement payload")
        after = moved(before, kind, settlement.amount if isinstance(settlement, Settlement) else 0)
    check_limit(before, after, kind)
    if after.hold < 0 or after.limit < 0:
        raise ValueError(f"{kind} does not fit the account: {after}")
    entry = sign_entry(
        signer,
        network=state.network,
        seq=state.count,
        prev=state.head,
        root=frontier_root(state.frontier),
        kind=kind,
        at=max(now, state.at),
        balance=after.balance,
        hold=after.hold,
        limit=after.limit,
        settlement=None if settlement is None else salted(encode_payload(settlement), rng),
        private=None if private is None else salted(private, rng),
    )
    return follow(state, entry), entry


def apply(state: ChainState, entry: Entry, *, keys: Keys = first_key, endowment: int = 0) -> ChainState:
    """The state after the next entry of anybody's chain. `Reject` unless the entry is signed, continues the chain,
    moves the figures as its kind and its settlement say, keeps the limit, and embeds the right half.

    With the settlement payload withheld its effect must still fit the kind; the half is then not checked.
    endowment: the author's, from the genesis.
    """
    check_place(state, entry)
    verify_with(entry, keys)
    check_meaning(state, entry, keys, endowment)
    return follow(state, entry)


def check_place(state: ChainState, entry: Entry) -> None:
    """`Reject` unless the entry stands right after this state: network, author, seq, prev, root, epoch, time."""
    if entry.network != state.network or entry.author != state.author:
        raise Reject("context", "an entry of another chain")
    if entry.seq != state.count or entry.prev != state.head:
        raise Reject("context", f"entry {entry.seq} does not follow entry {state.count - 1}")
    if entry.root != frontier_root(state.frontier):
        raise Reject("context", f"the root in entry {entry.seq} is not that of the entries before")
    if entry.epoch < state.epoch:
        raise Reject("signature", "signed with a key that was replaced earlier in the chain")
    if entry.at < state.at:
        raise Reject("age", "the time of an entry is before that of the one before")


def check_meaning(state: ChainState, entry: Entry, keys: Keys = first_key, endowment: int = 0) -> Settlement | None:
    """`Reject` unless figures, settlement payload and half are right after this state. Returns the settlement, if the
    kind has one and it is at hand.
    """
    after = Figures(entry.balance, entry.hold, entry.limit)
    if entry.kind == "INCEPT":
        if entry.settlement is not None:
            parse_incept(entry.settlement)
        if after != Figures(0, 0, endowment):
            raise Reject("state", f"the limit at the start is {entry.limit}, the genesis gives {endowment}")
        return None
    settlement = None
    if entry.kind in RULES:
        if entry.settlement_hash == NO_PAYLOAD:
            raise Reject("field", f"{entry.kind} without a settlement payload")
        settlement = None if entry.settlement is None else parse_settlement(entry.settlement)
    check_step(state.figures, after, entry.kind, settlement)
    if settlement is not None:
        check_half(entry, settlement, keys)
    return settlement


def follow(state: ChainState, entry: Entry) -> ChainState:
    """The state after an entry that has been checked, or that we made."""
    return ChainState(
        state.network,
        state.author,
        entry.epoch,
        state.count + 1,
        entry.id,
        push(state.frontier, state.count, entry.id),
        entry.balance,
        entry.hold,
        entry.limit,
        entry.at,
    )
