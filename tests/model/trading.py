"""People who trade by the real exchange engine and the real ledger machine, without nodes around them.

A person is what is on his disk: facts, entries, deals, receipts of custody. Whatever was sent once may arrive at any
time, any number of times, or never; a crash takes what was not on the disk, of which nothing had left. Honest people
sign what a node signs for its user, which is what `next_steps` and `due` allow; liars sign anything (`trading_lies`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ledger import claims as owing
from ledger import settlement as machine
from ledger.balance import OverLimit
from ledger.chain import ChainState, extend, next_at, start
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.payloads import InceptPayload, Settlement
from p2pnode.core import payable
from p2pnode.core.held import accept_terms, agreement, step_payload
from protocols import exchange as engine
from protocols import parcel as parcels
from protocols.errors import Ignore
from protocols.exchange import Exchange
from protocols.fact import NO_DEAL, Fact, seal_fact
from protocols.identity import Signer
from protocols.payments import Payment, deal_of
from protocols.receipt import Receipt
from protocols.steps import check_fact
from protocols.terms import Duty, Terms, encode_terms, parse_terms, terms_hash
from tests.strategies import NOW, network

UNIT = "hour"
ENDOWMENT = 20_000  # minor units, for each

_PAYMENT = {
    machine.State.PROPOSED: Payment.PROPOSED,
    machine.State.ACCEPTED: Payment.ACCEPTED,
    machine.State.COMPLETED: Payment.SETTLED,
    machine.State.SETTLED: Payment.SETTLED,
    machine.State.RELEASED: Payment.RELEASED,
    machine.State.CANCELLED: Payment.RELEASED,
}


class Salts:
    def randbytes(self, n: int, /) -> bytes:
        return bytes(n)


class Declined(NamedTuple):
    """The word of a creditor that he does not take a claim: it is not signed."""

    id: bytes
    claim: bytes


Said = Fact | Entry | Receipt | Declined


class Message(NamedTuple):
    """One thing that was sent: a fact, an entry of settlement, a receipt of custody, or that a claim is declined."""

    to: int
    what: Said


class Person:
    def __init__(self, number: int, signer: Signer, honest: bool) -> None:
        self.number, self.signer, self.honest = number, signer, honest
        self.up = True
        self.chain: ChainState
        self.chain, _ = extend(
            start(network(), signer.author), signer, "INCEPT", InceptPayload(), None, 0, Salts(), endowment=ENDOWMENT
        )
        self.facts: dict[bytes, dict[bytes, Fact]] = {}
        self.deals: dict[bytes, machine.Deal] = {}
        self.receipts: dict[bytes, dict[bytes, Receipt]] = {}
        self.claims: dict[bytes, owing.Claim] = {}
        self._seen: dict[bytes, tuple[Any, Exchange]] = {}

    @property
    def me(self) -> bytes:
        return self.signer.author

    def disk(self) -> tuple[Any, ...]:
        facts = {deal: dict(held) for deal, held in self.facts.items()}
        receipts = {p: dict(held) for p, held in self.receipts.items()}
        return (self.chain, facts, dict(self.deals), receipts, dict(self.claims))

    def back_to(self, disk: tuple[Any, ...]) -> None:
        self.chain, self.facts, self.deals, self.receipts, self.claims = disk
        self._seen = {}

    def root(self, deal: bytes) -> Terms | None:
        found = self.facts.get(deal, {}).get(deal)
        return None if found is None else parse_terms(found.payload)

    def view(self, deal: bytes, now: int) -> Exchange:
        """As a node sees it. The proposal must have come."""
        facts = self.facts[deal]
        first = parse_terms(facts[deal].payload)
        names = {d.id for f in facts.values() if f.kind in ("propose", "counter", "amend")
                 for d in parse_terms(f.payload).payments}  # fmt: skip
        payments, paid_at = {}, {}
        for name in sorted(names):
            payments[name], at = self.moved(deal_of(deal, name))
            if at is not None:
                paid_at[name] = at
        passed = dict(parcels.passed(first, self.receipts.get(first.parcel, {}).values()))
        key = (len(facts), payments, paid_at, passed, now)
        known = self._seen.get(deal)
        if known is None or known[0] != key:
            view = engine.evaluate(facts.values(), payments, UNIT, now, paid_at, passed)
            known = self._seen[deal] = (key, view)
        return known[1]

    def moved(self, deal: bytes) -> tuple[Payment, int | None]:
        found = self.deals.get(deal)
        if found is None:
            return Payment.PENDING, None
        if not found.settled:
            return _PAYMENT[found.state], None
        entry = parse_entry(found.mine)
        if entry.kind == "PAY_RECEIPT":
            said = settlement_of(entry)
            assert said is not None
            entry = parse_entry(said.half)
        return Payment.SETTLED, entry.at

    def custody(self, terms: Terms) -> parcels.Custody:
        return parcels.trace(self.receipts.get(terms.parcel, {}).values(), parcels.parties_of(terms))


class World:
    """Everybody, everything ever sent, the one time that all go by, and who has which parcel in his hands."""

    def __init__(self, signers: list[Signer], liars: set[int]) -> None:
        self.people = [Person(k, s, k not in liars) for k, s in enumerate(signers)]
        self.by_author = {p.me: p for p in self.people}
        self.sent: list[Message] = []
        self._known: set[tuple[int, bytes]] = set()
        self.deals: list[bytes] = []
        self.hands: dict[bytes, bytes] = {}  # parcel → who really has it
        self.now = NOW
        self.lies: list[Fact | Entry | Receipt] = []
        self.promises = False  # whether payers offer private claims

    def tick(self) -> int:
        self.now += 1
        return self.now

    # What people write

    def say(self, by: Person, deal: bytes, kind: str, prev: bytes, payload: bytes, at: int | None = None) -> Fact:
        fact = seal_fact(
            by.signer, network=network(), deal=deal, kind=kind, prev=prev, payload=payload,
            at=self.tick() if at is None else at,
        )  # fmt: skip
        check_fact(fact)
        by.facts.setdefault(fact.exchange_id, {})[fact.id] = fact
        self.tell(by, fact)
        return fact

    def propose(self, by: Person, terms: Terms) -> bytes:
        fact = self.say(by, NO_DEAL, "propose", terms.listing, encode_terms(terms))
        self.deals.append(fact.id)
        return fact.id

    def step(self, by: Person, view: Exchange, kind: str, **fields: Any) -> Fact:
        return self.say(by, view.id, kind, agreement(view), step_payload(**fields))

    def accept(self, by: Person, view: Exchange) -> Fact:
        return self.say(by, view.id, "accept", view.terms_fact.id, accept_terms(view.terms_fact, view.terms))

    def pay(self, by: Person, view: Exchange, duty: Duty, amount: int = 0) -> None:
        deal = deal_of(view.id, duty.id)
        if deal in by.deals:
            return
        ask = machine.propose(
            None, deal=deal, counterparty=duty.receiver, amount=amount or duty.amount, terms=terms_hash(view.terms)
        )
        self._write(by, None, ask)

    def _write(self, by: Person, known: machine.Deal | None, ask: machine.Append) -> None:
        try:
            by.chain, entry = extend(by.chain, by.signer, ask.kind, ask.settlement, None, self.tick(), Salts())
        except OverLimit:
            return
        deal, sends = machine.written(known, entry)
        by.deals[deal.id] = deal
        for send in sends:
            self.send(self.by_author[send.counterparty], parse_entry(send.entry))

    def write_claim(self, by: Person, known: owing.Claim | None, ask: machine.Append) -> None:
        by.chain, entry = extend(by.chain, by.signer, ask.kind, ask.settlement, None, self.tick(), Salts())
        claim, sends = owing.written(known, entry)
        by.claims[claim.id] = claim
        for send in sends:
            self.send(self.by_author[send.counterparty], parse_entry(send.entry))

    def decline_claim(self, by: Person, claim: owing.Claim) -> None:
        by.claims[claim.id] = owing.decline(claim)
        self.send(self.by_author[claim.counterparty], Declined(b"no" + claim.id, claim.id))

    # The post

    def concerned(self, deal: bytes, by: Person) -> list[Person]:
        """Whom a node tells of a fact: the other party, and the mediator where he was called; all that it knows."""
        terms = by.root(deal)
        if terms is None:
            return []
        authors = [*terms.parties, terms.mediator]
        return [self.by_author[a] for a in authors if a in self.by_author and a != by.me]

    def tell(self, by: Person, fact: Fact) -> None:
        for to in self.concerned(fact.exchange_id, by):
            self.send(to, fact)

    def send(self, to: Person, what: Said) -> None:
        if (to.number, what.id) not in self._known:
            self._known.add((to.number, what.id))
            self.sent.append(Message(to.number, what))

    @contextmanager
    def nothing_leaves(self) -> Iterator[None]:
        """What is sent within is lost with a crash: it is on the disk, and will be sent again."""
        sent, known = len(self.sent), set(self._known)
        yield
        del self.sent[sent:]
        self._known = known

    def tend(self, by: Person) -> None:
        """All that waits for an answer is sent again, and what others should know is passed on."""
        for held in by.facts.values():
            for fact in held.values():
                self.tell(by, fact)
        for deal_of_mine in by.deals.values():
            for send in machine.outstanding(deal_of_mine):
                self.send(self.by_author[send.counterparty], parse_entry(send.entry))
        for claim in by.claims.values():
            for send in owing.outstanding(claim):
                self.send(self.by_author[send.counterparty], parse_entry(send.entry))
            if claim.theirs and claim.state is owing.ClaimState.DECLINED:
                self.send(self.by_author[claim.counterparty], Declined(b"no" + claim.id, claim.id))
        for held_receipts in by.receipts.values():
            for receipt in held_receipts.values():
                for other in self.people:
                    self.send(other, receipt)

    def deliver(self, message: Message) -> None:
        to = self.people[message.to]
        if not to.up:
            return
        match message.what:
            case Fact() as fact:  # without its proposal it is not kept: both are sent again
                if fact.kind == "propose" or fact.exchange_id in to.facts:
                    to.facts.setdefault(fact.exchange_id, {})[fact.id] = fact
            case Receipt() as receipt:
                to.receipts.setdefault(receipt.parcel, {})[receipt.id] = receipt
            case Declined(_, claim):
                if claim in to.claims and to.claims[claim].state is owing.ClaimState.OFFERED:
                    to.claims[claim] = owing.declined(to.claims[claim])
            case Entry() as entry if entry.kind.startswith("CLAIM"):
                said = settlement_of(entry)
                assert said is not None
                to.claims[said.deal], _ = owing.receive(to.claims.get(said.deal), entry, to.me)
            case Entry() as entry:
                self._settle(to, entry)

    def _settle(self, to: Person, entry: Entry) -> None:
        said = settlement_of(entry)
        assert said is not None
        known = to.deals.get(said.deal)
        at = next_at(to.chain, self.now)
        try:
            deal, actions = machine.receive(known, entry, to.me, at, lambda e, s: self._policy(to, e, s))
        except Ignore:
            return
        if deal is not None:
            to.deals[deal.id] = deal
        for action in actions:
            if isinstance(action, machine.Append):
                self._write(to, deal, action)
            else:
                self.send(self.by_author[action.counterparty], parse_entry(action.entry))

    def _policy(self, to: Person, entry: Entry, said: Settlement) -> machine.Decision:
        if not to.honest:
            return machine.Decision.ACCEPT
        for deal in to.facts:
            if deal not in to.facts[deal]:
                continue
            view = to.view(deal, self.now)
            for duty in view.terms.payments:
                if deal_of(deal, duty.id) == said.deal:
                    return payable.decide(view, to.me, duty.id, UNIT, entry, said)
        return machine.Decision.WAIT

    def deliver_all(self) -> None:
        """Everybody is there, and everything arrives, until nothing new is said."""
        for person in self.people:
            person.up = True
        done = -1
        while done != (done := self._progress()):
            for person in self.people:
                self.tend(person)
            for message in list(self.sent):
                self.deliver(message)
            for person in self.people:  # whatever stands outstanding is sent again, to be answered by now
                for deal in list(person.deals.values()):
                    for send in machine.outstanding(deal):
                        self.deliver(Message(self.by_author[send.counterparty].number, parse_entry(send.entry)))

    def _progress(self) -> int:
        return sum(
            p.chain.count + sum(map(len, p.facts.values())) + sum(map(len, p.receipts.values()))
            + sum(d.closed for d in p.deals.values())
            for p in self.people
        )  # fmt: skip


def root_of(person: Person, deal: bytes) -> Terms:
    found = person.root(deal)
    assert found is not None
    return found
