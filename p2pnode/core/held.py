"""An exchange as this node holds it, and the payloads of what is said in it."""

from typing import NamedTuple

import msgspec

from protocols import exchange_messages as messages
from protocols.codec import encode, plain
from protocols.conditions import SECOND_FORM
from protocols.exchange import Exchange
from protocols.fact import WITH_TERMS, Fact, Step
from protocols.payments import PAY, deal_of
from protocols.receipt import Receipt
from protocols.steps import parse_step
from protocols.terms import Terms, parse_terms, terms_hash

_SEVERAL = (
    b"pay-1",
    b"deposit",
    b"form",
)  # what terms with several payments have in their bytes: only these are parsed


class Seen(msgspec.Struct):
    """A view, and for how long it is the right one: for so many facts, for these hand-overs of a parcel, from a time on
    until time alone changes it."""

    facts: int
    passed: dict[str, int]
    since: int
    view: Exchange

    def holds(self, facts: int, passed: object, now: int) -> bool:
        changes = self.view.changes_at
        return (self.facts, self.passed) == (facts, passed) and self.since <= now and (changes is None or now < changes)


class Held(msgspec.Struct):
    """agreed_seq: of our AGREE entry, −1 before; seen_at: newest change, ms; deals: settlement of `pay`, and of each
    other payment that any terms in it name, by its duty; first: the terms of the proposal; shown: hash of the terms
    that our user was shown last, of an amendment if one waited, since this node started, or empty;
    second: whether any terms in it are of form 2; came: how many facts came since then, those erased among them;
    away: whether it is put away, and this was read from there (`p2pnode/core/put_away.py`); well: put away as done to
    the end; receipts: those of its parcel, as they were when it was put away.
    """

    id: bytes
    network: bytes
    began_at: int
    seen_at: int
    listing: bytes  # wire of the record that the proposal names, as we had it; may be empty
    agreed_seq: int
    facts: dict[bytes, Fact]
    deals: dict[str, bytes] = {}
    shown: bytes = b""
    seen: Seen | None = None
    terms: Terms | None = None
    second: bool = False
    came: int = 0
    away: bool = False
    well: bool = False
    receipts: tuple[Receipt, ...] = ()

    def hold(self, fact: Fact) -> None:
        """One more fact, and the payments that it names."""
        self.facts[fact.id] = fact
        self.came += 1
        self.deals[PAY] = self.id
        if fact.kind in WITH_TERMS and any(name in fact.payload for name in _SEVERAL):
            terms = parse_terms(fact.payload)
            self.second = self.second or terms.form == SECOND_FORM
            for duty in terms.payments:
                self.deals[duty.id] = deal_of(self.id, duty.id)

    @property
    def proposal(self) -> Fact:
        return self.facts[self.id]

    @property
    def first(self) -> Terms:
        if self.terms is None:
            self.terms = parse_terms(self.proposal.payload)
        return self.terms

    @property
    def protocol(self) -> str:
        """What its facts travel by: who speaks form 1 alone is not given what he would take for malformed."""
        return messages.SECOND_PROTOCOL if self.second else messages.PROTOCOL

    def commitments(self, author: bytes) -> set[bytes]:
        """What this party has sealed as its rating."""
        return {parse_step(f).commitment for f in self.facts.values() if f.kind == "rated" and f.author == author}

    def count(self, author: bytes, kind: str = "") -> int:
        """How many facts this author has said, of this kind or of any."""
        return sum(f.author == author and kind in ("", f.kind) for f in self.facts.values())


class Hands(NamedTuple):
    """holder: who has a parcel, by the receipts known here; taker, offer: to whom he has offered it, and the id of
    that, if he has; all empty where there is no parcel. at_door: the code was shown, and so he has it no more, whatever
    the receipts say."""

    holder: bytes = b""
    taker: bytes = b""
    offer: bytes = b""
    at_door: bool = False


NOBODYS = Hands()  # where there is no parcel


def step_payload(text: str = "", duty: str = "", commitment: bytes = b"", **more: object) -> bytes:
    """Payload of a fact that carries no terms."""
    given = plain(Step(duty=duty, text=text, commitment=commitment, **more))  # type: ignore[arg-type]
    return encode(given) if given else b""


def accept_payload(view: Exchange, text: str = "") -> bytes:
    """Payload of the acceptance of the newest terms."""
    return accept_terms(view.terms_fact, view.terms, text)


def accept_terms(fact: Fact, terms: Terms, text: str = "") -> bytes:
    """Payload of the acceptance of terms that stand in this fact."""
    return encode(plain(Step(text=text, party=fact.author, terms=terms_hash(terms))))


def fact_frame(fact: Fact) -> bytes:
    """The message that tells a fact."""
    return messages.encode_message(messages.FactMessage(fact.wire))


def agreement(view: Exchange) -> bytes:
    """What a fact about an agreement names: its acceptance."""
    return view.acceptance.id if view.acceptance is not None else view.terms_fact.id
