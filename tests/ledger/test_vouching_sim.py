"""One vouch between two nodes over a network that loses, doubles and reorders, while the voucher asks for parts of it,
takes parts over, and the subject spends and earns. A crash takes back whatever was not yet sent: entry and vouch are
one batch, so it only loses messages.
"""

import random

import pytest

from ledger import vouching
from ledger.audit import verify_chain
from ledger.balance import OverLimit
from ledger.entry import encode_entry, parse_entry, settlement_of
from ledger.payloads import Settlement
from ledger.settlement import Append
from ledger.vouching import Vouch
from protocols.errors import Ignore, Refusal

from .people import ALICE, BOB, CAROL, DEAL, NET, Author, settle

AMOUNT = 60
OTHER = b"o" * 32


class World:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sides = {ALICE.author: Author(ALICE, endowment=100), BOB.author: Author(BOB, endowment=10)}
        self.carol = Author(CAROL, endowment=10_000)
        self.known: dict[bytes, Vouch | None] = {ALICE.author: None, BOB.author: None}
        self.under_way: list[tuple[bytes, bytes]] = []
        self.fair = False
        self.payments = 0
        # another vouch of Carol's, so that the subject's limit is not of this one alone
        other = self.carol.write("VOUCH", Settlement(BOB.author, 25, OTHER))
        self.sides[BOB.author].write("VOUCH_ACCEPT", Settlement(CAROL.author, 25, OTHER, half=encode_entry(other)))

    def send(self, to: bytes, data: bytes) -> None:
        self.under_way += [(to, data)] * (1 if self.fair else self.rng.choice((0, 0, 1, 1, 2)))

    def do(self, who: bytes, ask: Append) -> None:
        entry = self.sides[who].write(ask.kind, ask.settlement)
        self.known[who], sends = vouching.written(self.known[who], entry)
        stored = self.known[who]
        assert stored is not None
        self.known[who] = vouching.decode_vouch(vouching.encode_vouch(stored))
        for send in sends:
            self.send(send.counterparty, send.entry)

    def arrived(self, to: bytes, data: bytes) -> None:
        try:
            self.known[to], todo = vouching.receive(self.known[to], parse_entry(data), to)
        except Ignore:
            return  # between honest nodes nothing is ever rejected
        for action in todo:
            if isinstance(action, Append):
                self.do(to, action)
            else:
                self.send(action.counterparty, action.entry)

    def resend(self) -> None:
        for vouch in self.known.values():
            for send in vouching.outstanding(vouch) if vouch else ():
                self.send(send.counterparty, send.entry)

    def people(self) -> None:
        """Something that one of the two decides."""
        voucher, subject = self.known[ALICE.author], self.known[BOB.author]
        bob = self.sides[BOB.author]
        part = self.rng.randrange(1, 30)
        match self.rng.randrange(5):
            case 0 if voucher and subject:
                for who, vouch in self.known.items():
                    assert vouch is not None
                    self.known[who] = vouching.asked(vouch, voucher.returned + part)
            case 1:
                try:
                    self.do(ALICE.author, vouching.take_over(voucher, part))
                except Refusal:
                    return
            case 2 | 3 if subject:
                self.payments += 1
                payer, payee = (bob, self.carol) if self.rng.random() < 0.5 else (self.carol, bob)
                try:
                    settle(payer, payee, part, self.payments.to_bytes(32, "big"))
                except OverLimit:
                    return

    def give(self) -> None:
        subject = self.known[BOB.author]
        ask = vouching.due(subject, self.sides[BOB.author].state.figures.spendable) if subject else None
        if ask is not None:
            self.do(BOB.author, ask)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.under_way and self.rng.random() < 0.6:
                self.arrived(*self.under_way.pop(self.rng.randrange(len(self.under_way))))
            elif self.rng.random() < 0.4:
                self.resend()
            else:
                self.people()
                if self.rng.random() < 0.5:
                    self.give()

    def calm(self) -> None:
        self.fair = True
        for _ in range(20):
            self.resend()
            while self.under_way:
                self.arrived(*self.under_way.pop(0))
            self.give()

    def check(self) -> None:
        voucher, subject = self.known[ALICE.author], self.known[BOB.author]
        assert voucher is not None and subject is not None
        assert not vouching.outstanding(voucher) and not vouching.outstanding(subject), (voucher, subject)
        assert (voucher.left, voucher.returned) == (subject.left, subject.returned)
        assert voucher.consumed == voucher.confirmed == subject.consumed
        assert (voucher.state == "ended") == (subject.state == "ended") == (voucher.left == 0)
        a, b = (self.sides[s.author].state for s in (ALICE, BOB))
        assert (a.hold, b.limit, a.balance) == (voucher.left, 10 + 25 + subject.left, -voucher.consumed)
        assert a.balance + b.balance + self.carol.state.balance == 0
        for author in (*self.sides.values(), self.carol):
            assert verify_chain(author.chain(), network=NET, author=author.author, endowment=author.endowment).ok
        used: set[bytes] = set()
        for entry in self.sides[ALICE.author].entries:
            said = settlement_of(entry) if entry.kind == "UNVOUCH" else None
            if said is not None:
                assert said.half not in used
                used.add(said.half)


def run(seed: int) -> World:
    world = World(seed)
    world.do(ALICE.author, vouching.vouch(None, id=DEAL, subject=BOB.author, amount=AMOUNT))
    world.run(120)
    world.calm()
    world.check()
    return world


@pytest.mark.parametrize("seed", range(60))
def test_both_come_to_the_same_sums(seed: int) -> None:
    run(seed)


def test_returns_and_take_overs_do_cross_here() -> None:
    kinds = [e.kind for seed in range(60) for e in run(seed).sides[ALICE.author].entries]
    assert all(kinds.count(k) > 20 for k in ("UNVOUCH", "VOUCH_CONSUME")) and kinds.count("VOUCH_RESTORE") > 5


@pytest.mark.parametrize("without", ["restore", "part"])
def test_the_rules_for_crossing_are_needed(without: str, monkeypatch: pytest.MonkeyPatch) -> None:
    receive = vouching.receive

    def mutant(known, entry, me):  # type: ignore[no-untyped-def]
        after, todo = receive(known, entry, me)
        if without == "restore" and len(todo) == 2:
            todo = todo[1:]
        if without == "part" and todo and isinstance(todo[0], Append) and todo[0].kind == "VOUCH_CONSUMED":
            said = settlement_of(entry)
            assert said is not None
            if todo[0].settlement.amount < said.amount:
                raise Ignore("state", "all or nothing")
        return after, todo

    monkeypatch.setattr(vouching, "receive", mutant)
    with pytest.raises((AssertionError, ValueError)):
        for seed in range(60):
            run(seed)
