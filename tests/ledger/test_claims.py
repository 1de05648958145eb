"""One private claim between two: the machine, every state and every message, and what an audit holds against liars."""

import random

import msgspec
import pytest

from ledger import claims as machine
from ledger.audit import verify_chain
from ledger.claims import (
    MAX_UNANSWERED,
    Claim,
    accept,
    decline,
    declined,
    outstanding,
    propose,
    receive,
    settle,
    told,
    written,
)
from ledger.entry import Entry, encode_entry, parse_entry
from ledger.lending import MAX_PARTS
from ledger.payloads import Settlement
from ledger.settlement import Append, Send
from protocols.errors import Ignore, Refusal, Reject

from .people import ALICE, BOB, DEAL, NET, Author, outcome, shown

A, B = ALICE.author, BOB.author


class Pair:
    """Alice proposes 0.60 EUR; `ask`: Bob owes her, else she owes him."""

    def __init__(self, ask: bool = False, amount: int = 60) -> None:
        self.sides = {A: Author(ALICE, seed=1), B: Author(BOB, seed=2)}
        self.known: dict[bytes, Claim | None] = {A: None, B: None}
        self.do(A, propose(id=DEAL, counterparty=B, amount=amount, unit="EUR", debtor=not ask, note="bread"))
        self.creditor, self.debtor = (A, B) if ask else (B, A)

    def do(self, who: bytes, ask: Append | Send) -> None:
        assert isinstance(ask, Append)
        entry = self.sides[who].write(ask.kind, ask.settlement)
        self.known[who], _ = written(self.known[who], entry)

    def last(self, who: bytes) -> Entry:
        return shown(self.sides[who].entries[-1])

    def step(self, to: bytes, entry: Entry | None = None) -> tuple[Append | Send, ...]:
        entry = entry or self.last(B if to == A else A)
        self.known[to], todo = receive(self.known[to], entry, to)
        for action in todo:
            if isinstance(action, Append):
                self.do(to, action)
        return todo

    def open(self) -> "Pair":
        self.step(B)
        self.do(B, accept(self[B]))
        self.step(A)
        self.known[B] = told(self[B], self.last(B).id)
        return self

    def __getitem__(self, who: bytes) -> Claim:
        claim = self.known[who]
        assert claim is not None
        return claim

    def sound(self) -> bool:
        return all(verify_chain(x.chain(), network=NET, author=x.author, endowment=0).ok for x in self.sides.values())


@pytest.mark.parametrize("ask", [False, True])
def test_a_claim_is_agreed_and_paid_in_parts(ask: bool) -> None:
    pair = Pair(ask)
    assert outstanding(pair[A])
    pair.step(B)
    assert (pair[B].state, pair[B].debtor, pair[B].note) == ("asked", ask, "bread") and not outstanding(pair[B])
    pair.known[A] = told(pair[A], pair.last(A).id)
    assert not outstanding(pair[A]) and pair[A].state == "offered"
    pair.do(B, accept(pair[B]))
    assert outstanding(pair[B])
    pair.step(A)
    pair.known[B] = told(pair[B], pair.last(B).id)
    assert pair[A].state == pair[B].state == "open" and not outstanding(pair[B])
    for amount, state in ((20, "open"), (None, "closed")):
        pair.do(pair.creditor, settle(pair[pair.creditor], amount))
        paid = pair.last(pair.creditor)
        pair.step(pair.debtor)
        pair.step(pair.creditor)
        assert pair[A].state == pair[B].state == state and pair[A].left == pair[B].left
        assert pair.step(pair.debtor, paid) == (Send(pair.creditor, pair[pair.debtor].answer),)
    assert not any(outstanding(pair[w]) for w in (A, B)) and pair.sound()
    assert all((x.state.balance, x.state.hold, x.state.limit) == (0, 0, 0) for x in pair.sides.values())
    for who in (A, B):  # a fold over the own chain
        again: Claim | None = None
        for entry in pair.sides[who].entries[1:]:
            again, _ = written(again, shown(entry))
        assert again is not None and (again.left, again.debtor, again.unit, again.note, again.state) == (
            0, pair[who].debtor, "EUR", "bread", "closed",
        )  # fmt: skip
        assert machine.decode_claim(machine.encode_claim(pair[who])) == pair[who]


def test_what_our_user_may_not_do() -> None:
    pair = Pair().open()
    for call in (
        lambda: accept(pair[B]),
        lambda: decline(pair[B]),
        lambda: settle(pair[A]),
        lambda: settle(pair[B], 61),
        lambda: settle(pair[B], 0),
        lambda: propose(id=DEAL, counterparty=B, amount=0, unit="EUR", debtor=True),
    ):
        with pytest.raises(Refusal):
            call()
    for _ in range(MAX_UNANSWERED):
        pair.do(B, settle(pair[B], 1))
    with pytest.raises(Refusal, match="wait"):
        settle(pair[B], 1)
    for _ in range(MAX_UNANSWERED):
        (send,) = outstanding(pair[B])
        pair.step(A, parse_entry(send.entry))
        pair.step(B)
    assert pair[A].left == pair[B].left == 60 - MAX_UNANSWERED and pair.sound()


def test_a_claim_that_is_declined_signs_nothing() -> None:
    pair = Pair()
    pair.step(B)
    pair.known[B] = decline(pair[B])
    assert len(pair.sides[B].entries) == 1 and pair.step(B) == ()
    pair.known[A] = declined(pair[A])
    assert pair[A].state == "declined" and not outstanding(pair[A])
    with pytest.raises(Ignore):
        declined(pair[A])
    with pytest.raises(Refusal):
        settle(pair[B])


def states() -> dict[str, Claim | None]:
    offered, asked, half, closed, no = Pair(), Pair(), Pair().open(), Pair().open(), Pair()
    for pair in (asked, no):
        pair.step(B)
    no.known[B] = decline(no[B])
    half.do(B, settle(half[B], 20))
    closed.do(B, settle(closed[B]))
    closed.step(A)
    closed.step(B)
    return {
        "nothing": None,
        "offered": offered[A],
        "asked": asked[B],
        "open, debtor": half[A],
        "open, creditor": half[B],
        "closed, debtor": closed[A],
        "closed, creditor": closed[B],
        "declined": no[B],
    }


def sayings() -> dict[str, tuple[bytes, Entry]]:
    pair = Pair().open()
    pair.do(B, settle(pair[B], 20))
    pair.step(A)
    said = {e.kind: (B if w == A else A, shown(e)) for w, x in pair.sides.items() for e in x.entries[1:]}
    return said


EXPECTED = {
    ("nothing", "CLAIM"): "changed",
    ("asked", "CLAIM"): "nothing",
    ("declined", "CLAIM"): "nothing",
    ("open, creditor", "CLAIM"): "again",
    ("closed, creditor", "CLAIM"): "again",
    ("offered", "CLAIM_ACCEPT"): "changed",
    ("open, debtor", "CLAIM_ACCEPT"): "nothing",
    ("closed, debtor", "CLAIM_ACCEPT"): "nothing",
    ("open, debtor", "CLAIM_PAID"): "CLAIM_CLOSED",
    ("open, creditor", "CLAIM_CLOSED"): "changed",
    ("closed, debtor", "CLAIM_PAID"): "again",
}


@pytest.mark.parametrize("state", list(states()))
@pytest.mark.parametrize("kind", ["CLAIM", "CLAIM_ACCEPT", "CLAIM_PAID", "CLAIM_CLOSED"])
def test_every_state_and_every_message(state: str, kind: str) -> None:
    known = states()[state]
    to, entry = sayings()[kind]
    came = outcome(known, lambda: receive(known, entry, known.me if known else to))
    assert came == EXPECTED.get((state, kind), "ignored")


def test_an_answer_must_embed_what_we_sent() -> None:
    pair = Pair()
    other = Author(ALICE, seed=9).write("CLAIM", Settlement(B, 60, DEAL, unit="EUR", note="bread"))
    forged = Author(BOB, seed=3).write("CLAIM_ACCEPT", Settlement(A, 60, DEAL, half=encode_entry(other), unit="EUR"))
    with pytest.raises(Reject, match="embed"):
        receive(pair[A], shown(forged), A)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("CLAIM", Settlement(B, 60, DEAL)),  # no unit
        ("VOUCH", Settlement(B, 0, DEAL, unit="EUR")),
        ("CLAIM_PAID", Settlement(B, 60, DEAL, unit="EUR", note="x")),
        ("CLAIM_PAID", Settlement(B, 60, DEAL, unit="EUR")),  # of no claim
    ],
)
def test_what_no_audit_passes(kind: str, said: Settlement) -> None:
    a = Author(ALICE)
    a.write(kind, said)
    assert not verify_chain(a.chain(), network=NET, author=A, endowment=0).ok


@pytest.mark.parametrize("what", ["more", "twice", "debtor", "unit"])
def test_sums_that_no_audit_passes(what: str) -> None:
    pair = Pair().open()
    if what == "more":
        pair.sides[B].write("CLAIM_PAID", Settlement(A, 61, DEAL, unit="EUR"))
    elif what == "unit":
        pair.sides[B].write("CLAIM_PAID", Settlement(A, 1, DEAL, unit="eggs"))
    elif what == "debtor":
        pair.sides[A].write("CLAIM_PAID", Settlement(B, 1, DEAL, unit="EUR"))
    else:
        pair.do(B, settle(pair[B], 20))
        paid = pair.last(B)
        pair.step(A)
        pair.sides[A].write("CLAIM_CLOSED", Settlement(B, 20, DEAL, half=encode_entry(paid), unit="EUR"))
    assert not pair.sound()


@pytest.mark.parametrize("seed", range(40))
def test_loss_doubling_and_reordering(seed: int) -> None:
    """Both come to the same, whatever becomes of the messages."""
    rng = random.Random(seed)
    pair = Pair(ask=rng.random() < 0.5)
    under_way: list[tuple[bytes, bytes]] = []

    def send(fair: bool) -> None:
        for claim in pair.known.values():
            for each in outstanding(claim) if claim else ():
                under_way.extend([(each.counterparty, each.entry)] * (1 if fair else rng.choice((0, 1, 2))))

    def arrive(to: bytes, data: bytes) -> None:
        entry = parse_entry(data)
        try:
            todo = pair.step(to, entry)
        except Ignore:
            return
        under_way.extend((a.counterparty, a.entry) for a in todo if isinstance(a, Send))
        if any(isinstance(a, Append) for a in todo):
            under_way.append((entry.author, pair[to].answer))
        if entry.kind in ("CLAIM", "CLAIM_ASK", "CLAIM_ACCEPT") and rng.random() < 0.7:  # an "ack" that may be lost
            pair.known[entry.author] = told(pair[entry.author], entry.id)

    for _ in range(80):
        send(False)
        if under_way and rng.random() < 0.8:
            arrive(*under_way.pop(rng.randrange(len(under_way))))
        bob, creditor = pair.known[B], pair.known[pair.creditor]
        if bob and bob.state == "asked" and rng.random() < 0.3:
            pair.do(B, accept(bob))
        if creditor and creditor.state == "open" and rng.random() < 0.2:
            try:
                pair.do(pair.creditor, settle(creditor, rng.randrange(1, 20)))
            except Refusal:
                continue
    for _ in range(40):
        send(True)
        while under_way:
            arrive(*under_way.pop(0))
        if pair[B].state == "asked":
            pair.do(B, accept(pair[B]))
    assert pair[A].state == pair[B].state and pair[A].paid == pair[B].paid
    assert not any(outstanding(pair[w]) for w in (A, B)) and pair.sound()


def test_nobody_fills_a_ledger_with_small_payments() -> None:
    pair = Pair(amount=1_000).open()
    for _ in range(MAX_PARTS):
        pair.do(B, settle(pair[B], 1))
        pair.step(A)
        pair.step(B)
    with pytest.raises(Refusal, match="parts"):
        settle(pair[B], 1)
    assert settle(pair[B])
    for _ in range(MAX_PARTS):  # by a node that does not stop there
        pair.do(B, settle(msgspec.structs.replace(pair[B], parts=0), 1))
        pair.step(A)
        pair.step(B)
    pair.do(B, settle(msgspec.structs.replace(pair[B], parts=0), 1))
    with pytest.raises(Ignore, match="parts"):
        pair.step(A)
