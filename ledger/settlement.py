"""Settling one deal between two chains: a pure machine, the same for payer and payee.

The messages are the entries themselves. The machine never signs: it says which entry to append (`Append`), the driver
appends it with `chain.extend`, tells the machine (`written`), and stores the entry, the chain state and the deal
in ONE durable batch; only then may the `Send`s leave. A crash before the batch leaves nothing, a crash after it
leaves a deal whose `outstanding` entry is sent again. Everything that arrives twice is answered with the same bytes.

    payer                                              payee
    ask = propose(deals.get(id), ...)                  (nothing)
    state, e = extend(state, ..., ask.kind, ...)
    deal, sends = written(None, e)      PAY_PROPOSE ─▶ deal, todo = receive(deal, entry, me, at, policy)
                                                         todo == (Append PAY_ACCEPT,)    or PAY_RELEASE, by the policy
                                                       state, e = extend(state, ..., append.kind, ...)
                                     ◀─ PAY_ACCEPT     deal, sends = written(deal, e)    the commit point
    deal, todo = receive(deal, entry, me, at)
      todo == (Append PAY_COMPLETE,)
    state, e = extend(...)
    deal, sends = written(deal, e)     PAY_COMPLETE ─▶ deal, todo = receive(deal, entry, me, at)
                                                         todo == (Append PAY_RECEIPT,)
                                      ◀─ PAY_RECEIPT   deal, sends = written(deal, e)    settled
    deal, todo = receive(deal, entry, me, at)
      settled, nothing to do
                     refused:         ◀─ PAY_RELEASE
      todo == (Append PAY_CANCEL,): the hold is free again

What arrives is parsed and its signature verified before `receive`; halves need no signature check here, because
they must be, byte for byte, the entry that we sent. `at` is `chain.next_at(state, now)`. On a timer, and
after every start and reconnect, send `outstanding(deal)` for each deal that is not `closed`; never sign again.

A payer never cancels alone: it keeps sending PAY_PROPOSE until the payee has decided, or, where the proposal names
witnesses, asks them (ledger/cancelling.py). People are told "settled" at PAY_COMPLETE, or at accept tokens of a quorum,
and not before (`Deal.settled`).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from protocols.codec import decode_as, encode, plain
from protocols.errors import Ignore, Refusal, Reject

from .entry import Entry, encode_entry, parse_entry, settlement_of
from .halves import half_of, proposal_of, said_to_us, void_acceptance
from .payloads import Settlement
from .tokens import parse_token


class State(StrEnum):
    """Where a deal stands for the one who stores it."""

    PROPOSED = "proposed"  # payer: waits for PAY_ACCEPT or PAY_RELEASE
    COMPLETED = "completed"  # payer: paid; waits for PAY_RECEIPT
    ACCEPTED = "accepted"  # payee: bound; waits for PAY_COMPLETE
    SETTLED = "settled"  # both: the receipt is there
    RELEASED = "released"  # payee: declined
    REQUESTED = "requested"  # payer: has asked the witnesses to cancel
    CANCELLED = "cancelled"  # payer: the hold is free; payee: a quorum of witnesses cancelled what it had accepted


class Decision(StrEnum):
    """What the payee's policy says to a proposal."""

    ACCEPT = "accept"
    RELEASE = "release"  # never: this deal id is then used up
    WAIT = "wait"  # not now: nothing is stored, the payer will send it again


class Deal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One side's view of one deal, as it is stored. amount: minor units; expiry: ms, 0 for never.

    mine: the last entry that I wrote in it, full form without its private payload, or empty for a payee that heard
    first that it was called off; theirs: the PAY_RECEIPT that the payer got, or the PAY_ACCEPT that came after a
    PAY_CANCELREQ, or that payee's PAY_CANCEL, or empty. Earlier entries of both are nested in
    these. witnesses, quorum: of the proposal; tokens: what witnesses signed, verified, at most two of each.
    """

    network: bytes
    id: bytes
    me: bytes
    counterparty: bytes
    payer: bool
    amount: int
    expiry: int
    terms: bytes
    state: State
    mine: bytes
    theirs: bytes = b""
    witnesses: tuple[bytes, ...] = ()
    quorum: int = 0
    tokens: tuple[bytes, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether it is certain that the payment stands, whatever the other side does."""
        if self.state == State.ACCEPTED:
            return self.decided("accept")
        return self.state in (State.COMPLETED, State.SETTLED)

    def decided(self, decision: str) -> bool:
        """Whether a quorum of the witnesses has decided so, as far as we have heard."""
        heard = sum(parse_token(t).decision == decision for t in self.tokens)
        return 0 < self.quorum <= heard

    @property
    def closed(self) -> bool:
        """Whether nothing is outstanding any more on this side."""
        return self.state in (State.SETTLED, State.RELEASED, State.CANCELLED)

    @property
    def receipt(self) -> bytes | None:
        """The PAY_RECEIPT, the same bytes on both sides; None before it is there."""
        if self.state != State.SETTLED:
            return None
        return self.theirs if self.payer else self.mine


class Append(NamedTuple):
    """Append this entry to the own chain, then call `written`."""

    kind: str
    settlement: Settlement


class Send(NamedTuple):
    """Send these bytes (an entry in full form) to the counterparty, after the batch is durable."""

    counterparty: bytes
    entry: bytes


Action = Append | Send
Policy = Callable[[Entry, Settlement], Decision]
"""Whether the PAY_PROPOSE of this entry matches what was agreed. Asked only while nothing is decided."""


def propose(
    known: Deal | None,
    *,
    deal: bytes,
    counterparty: bytes,
    amount: int,
    expiry: int = 0,
    terms: bytes = b"",
    witnesses: tuple[bytes, ...] = (),
    quorum: int = 0,
) -> Append:
    """The payer's first step. known: the stored deal of this id, if there is one. `Refusal` if it is used up.

    deal: 32 bytes; amount: minor units, above 0; expiry: ms, after which the payee's acceptance is void; witnesses:
    as the terms name them, and more than half of them as quorum (all but f, for f liars among 3f + 1).
    """
    if known is not None:
        raise Refusal("conflict", f"this payment is {known.state} already", "See p2pnode exchange show.")
    if amount <= 0:
        raise Refusal("usage", "a payment needs an amount above zero")
    return Append(
        "PAY_PROPOSE",
        Settlement(counterparty, amount, deal, expiry, terms, witnesses=witnesses, quorum=quorum),
    )


def weighed(deal: Deal) -> tuple[Deal, tuple[Action, ...]]:
    """What follows from the tokens heard so far. Accept tokens are above cancel tokens, everywhere."""
    accepted, cancelled = deal.decided("accept"), deal.decided("cancel")
    if deal.state == State.REQUESTED and accepted:
        return deal, (Append("PAY_COMPLETE", answer_of(deal, deal.theirs)),) if deal.theirs else ()
    if deal.state == State.REQUESTED and cancelled:
        tokens = tuple(t for t in deal.tokens if parse_token(t).decision == "cancel")
        return deal, (Append("PAY_CANCEL", answer_of(deal, deal.mine, tokens)),)
    if deal.state == State.ACCEPTED and cancelled and not accepted:
        return msgspec.structs.replace(deal, state=State.CANCELLED), ()
    return deal, ()


def answer_of(deal: Deal, half: bytes, tokens: tuple[bytes, ...] = ()) -> Settlement:
    """The settlement payload of our next entry in this deal."""
    return Settlement(deal.counterparty, deal.amount, deal.id, 0, deal.terms, half, tokens=tokens)


def receive(
    known: Deal | None, entry: Entry, me: bytes, at: int, policy: Policy | None = None
) -> tuple[Deal | None, tuple[Action, ...]]:
    """What to do about a counterparty's verified entry. known: the stored deal of its deal id, if there is one.

    Returns the deal to store (changed only if nothing is to be appended) and at most one action. `Ignore`: of no use
    here and now. `Reject`: no honest counterparty sends this.
    """
    said = said_to_us(known, entry, me)
    if entry.kind not in _FROM_PAYER | _FROM_PAYEE:
        raise Ignore("state", f"{entry.kind} is no message of a settlement")
    if known is not None and known.payer != (entry.kind in _FROM_PAYEE):
        raise Ignore("context", "a deal in which we are the other side has this id")
    if not entry.within_limit:
        raise Reject("state", "the entry overdraws its author's limit")
    step = _TABLE.get((entry.kind, None if known is None else known.state))
    if step is None:
        raise Ignore("state", f"{entry.kind} in a deal that is {known.state if known else 'not known'}")
    return step(_Incoming(known, entry, said, at, policy))


def written(known: Deal | None, entry: Entry) -> tuple[Deal, tuple[Send, ...]]:
    """The deal after our own entry was appended, and what to send once entry, chain state and deal are durable.

    A fold over our own entries: applied to a chain from its start it rebuilds every deal (but for a received receipt).
    """
    said = settlement_of(entry)
    if said is None or entry.kind not in _WRITTEN:
        raise ValueError(f"{entry.kind} is no step of a settlement")
    state, before, payer = _WRITTEN[entry.kind]
    if (None if known is None else known.state) not in before or (known is not None and known.payer != payer):
        raise ValueError(f"{entry.kind} in a deal that is {known and known.state}")
    if entry.kind == "PAY_ACCEPT" and void_acceptance(entry):
        state = State.RELEASED
    half = half_of(entry, said)
    proposal = said if half is None else settlement_of(half)
    assert proposal is not None
    of_proposal = known or proposal
    mine = encode_entry(entry)
    deal = Deal(
        entry.network,
        said.deal,
        entry.author,
        said.counterparty,
        payer,
        said.amount,
        of_proposal.expiry,
        said.terms,
        state,
        mine,
        witnesses=of_proposal.witnesses,
        quorum=of_proposal.quorum,
        tokens=() if known is None else known.tokens,
    )
    if entry.kind == "PAY_CANCEL":
        return deal, ()
    return deal, outstanding(deal) or (Send(deal.counterparty, mine),)


def outstanding(deal: Deal) -> tuple[Send, ...]:
    """What must be sent, again and again, until it is answered. Empty when the deal is closed.

    A PAY_ACCEPT goes to the witnesses too, a PAY_CANCELREQ to them alone: until each has answered, and who says
    `accept` until the acceptance is here.
    """
    if deal.closed:
        return ()
    sends: tuple[Send, ...] = () if deal.state == State.REQUESTED else (Send(deal.counterparty, deal.mine),)
    if deal.state in (State.REQUESTED, State.ACCEPTED):
        heard = [parse_token(t) for t in deal.tokens]
        lacking = deal.state == State.REQUESTED and not deal.theirs  # who saw the acceptance can show it
        answered = {t.witness for t in heard if not lacking or t.decision == "cancel"}
        sends += tuple(Send(w, deal.mine) for w in deal.witnesses if w not in answered)
    return sends


def encode_deal(deal: Deal) -> bytes:
    return encode({**plain(deal), "state": deal.state.value})


def decode_deal(data: bytes) -> Deal:
    """What `encode_deal` wrote. `DecodeError` if it is damaged."""
    return decode_as(data, Deal)


class _Incoming(NamedTuple):
    known: Deal | None
    entry: Entry
    said: Settlement
    at: int
    policy: Policy | None


_Answer = tuple[Deal | None, tuple[Action, ...]]


def _append(i: _Incoming, kind: str) -> _Answer:
    """Answer with an entry that embeds what came in."""
    half = encode_entry(i.entry)
    return i.known, (Append(kind, Settlement(i.entry.author, i.said.amount, i.said.deal, 0, i.said.terms, half)),)


def _decide(i: _Incoming) -> _Answer:
    half_of(i.entry, i.said)
    if i.said.amount <= 0:
        raise Reject("field", "a payment without an amount")
    decision = Decision.WAIT if i.policy is None else i.policy(i.entry, i.said)
    if decision == Decision.WAIT:
        raise Ignore("state", "not decided yet")
    late = 0 < i.said.expiry < i.at
    return _append(i, "PAY_RELEASE" if late or decision == Decision.RELEASE else "PAY_ACCEPT")


def _decided(i: _Incoming) -> _Answer:
    """The same proposal, or the same completion, gets the same answer."""
    assert i.known is not None
    mine = settlement_of(parse_entry(i.known.mine))
    if mine is None or mine.half != encode_entry(i.entry):
        raise Ignore("conflict", f"another {i.entry.kind} was answered before")
    return i.known, (Send(i.known.counterparty, i.known.mine),)


def _expect(i: _Incoming) -> Deal:
    """The deal, if what came in embeds, byte for byte, what we sent."""
    assert i.known is not None
    mine = i.known.mine
    if i.known.state == State.REQUESTED:
        mine = encode_entry(proposal_of(parse_entry(mine)))
    if i.said.half != mine:
        raise Reject("context", f"{i.entry.kind} does not embed what we sent")
    half_of(i.entry, i.said)
    return i.known


def _accepted(i: _Incoming) -> _Answer:
    _expect(i)
    return _append(i, "PAY_CANCEL" if void_acceptance(i.entry) else "PAY_COMPLETE")


def _accepted_late(i: _Incoming) -> _Answer:
    """After PAY_CANCELREQ an acceptance alone is not enough: the witnesses may have cancelled already."""
    deal = _expect(i)
    if void_acceptance(i.entry):
        return _append(i, "PAY_CANCEL")
    return weighed(msgspec.structs.replace(deal, theirs=encode_entry(i.entry)))


def _released(i: _Incoming) -> _Answer:
    _expect(i)
    return _append(i, "PAY_CANCEL")


def _completed(i: _Incoming) -> _Answer:
    _expect(i)
    return _append(i, "PAY_RECEIPT")


def _received(i: _Incoming) -> _Answer:
    return msgspec.structs.replace(_expect(i), state=State.SETTLED, theirs=encode_entry(i.entry)), ()


def _again(i: _Incoming) -> _Answer:
    assert i.known is not None
    return i.known, (Send(i.known.counterparty, i.known.mine),)


def _nothing(i: _Incoming) -> _Answer:
    return i.known, ()


_FROM_PAYER = frozenset({"PAY_PROPOSE", "PAY_COMPLETE"})
_FROM_PAYEE = frozenset({"PAY_ACCEPT", "PAY_RELEASE", "PAY_RECEIPT"})

# (what comes in, where the deal stands) -> what to do; a pair that is not here is ignored
_TABLE: dict[tuple[str, State | None], Callable[[_Incoming], _Answer]] = {
    # the payee's side
    ("PAY_PROPOSE", None): _decide,
    ("PAY_PROPOSE", State.ACCEPTED): _decided,
    ("PAY_PROPOSE", State.RELEASED): _decided,
    ("PAY_PROPOSE", State.SETTLED): _nothing,
    ("PAY_COMPLETE", State.ACCEPTED): _completed,
    ("PAY_COMPLETE", State.SETTLED): _decided,
    ("PAY_COMPLETE", State.CANCELLED): _completed,
    # the payer's side
    ("PAY_ACCEPT", State.PROPOSED): _accepted,
    ("PAY_ACCEPT", State.REQUESTED): _accepted_late,
    ("PAY_ACCEPT", State.COMPLETED): _again,
    ("PAY_ACCEPT", State.SETTLED): _nothing,
    ("PAY_ACCEPT", State.CANCELLED): _nothing,
    ("PAY_RELEASE", State.PROPOSED): _released,
    ("PAY_RELEASE", State.REQUESTED): _released,
    ("PAY_RELEASE", State.COMPLETED): _nothing,
    ("PAY_RELEASE", State.SETTLED): _nothing,
    ("PAY_RELEASE", State.CANCELLED): _nothing,
    ("PAY_RECEIPT", State.COMPLETED): _received,
    ("PAY_RECEIPT", State.SETTLED): _nothing,
}

# what we write -> where the deal stands then, where it stood before, whether the payer writes it
_WRITTEN: dict[str, tuple[State, tuple[State | None, ...], bool]] = {
    "PAY_PROPOSE": (State.PROPOSED, (None,), True),
    "PAY_CANCELREQ": (State.REQUESTED, (State.PROPOSED,), True),
    "PAY_COMPLETE": (State.COMPLETED, (State.PROPOSED, State.REQUESTED), True),
    "PAY_CANCEL": (State.CANCELLED, (State.PROPOSED, State.REQUESTED), True),
    "PAY_ACCEPT": (State.ACCEPTED, (None,), False),
    "PAY_RELEASE": (State.RELEASED, (None,), False),
    "PAY_RECEIPT": (State.SETTLED, (State.ACCEPTED, State.CANCELLED), False),
}
