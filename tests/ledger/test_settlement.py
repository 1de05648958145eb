"""The full table of the settlement machine: every kind in every state, and the evidence rule."""

from collections.abc import Callable

import msgspec
import pytest

from ledger.entry import Entry, encode_entry
from ledger.halves import proof_of_deal, void_acceptance
from ledger.outcome import outcome
from ledger.payloads import Settlement
from ledger.settlement import (
    Append,
    Deal,
    Decision,
    Send,
    State,
    decode_deal,
    encode_deal,
    outstanding,
    propose,
    receive,
    written,
)
from protocols.errors import Ignore, Refusal, Reject

from .people import ALICE, BOB, CAROL, DEAL, NET, Author, accept, settle, shown

TERMS = b"t" * 32


def release(entry: Entry, said: Settlement) -> Decision:
    return Decision.RELEASE


class Two:
    """Both sides of one deal, with every entry and every state of both at hand."""

    def __init__(self, policy: Callable[[Entry, Settlement], Decision] = accept, expiry: int = 0, at: int = 10) -> None:
        self.payer, self.payee = Author(ALICE, endowment=1000), Author(BOB)
        self.entry: dict[str, Entry] = {}
        self.deal: dict[State | None, Deal | None] = {None: None}
        self.payee_settled: Deal | None = None
        ask = propose(None, deal=DEAL, counterparty=BOB.author, amount=200, expiry=expiry, terms=TERMS)
        mine = self._write(self.payer, ask, None)
        _, todo = receive(None, self.entry["PAY_PROPOSE"], BOB.author, at, policy)
        theirs = self._write(self.payee, todo[0], None, at)
        _, todo = receive(mine, shown(self.payee.entries[-1]), ALICE.author, 11)
        mine = self._write(self.payer, todo[0], mine)
        if mine.state == State.COMPLETED:
            _, todo = receive(theirs, self.entry["PAY_COMPLETE"], BOB.author, 12)
            self.payee_settled = self._write(self.payee, todo[0], theirs)
            settled, todo = receive(mine, self.entry["PAY_RECEIPT"], ALICE.author, 13)
            assert settled is not None and todo == ()
            self.deal[State.SETTLED] = settled

    def _write(self, author: Author, ask: object, known: Deal | None, at: int = 0) -> Deal:
        assert isinstance(ask, Append)
        entry = author.append(ask, at)
        self.entry[entry.kind] = shown(entry)
        deal, _ = written(known, entry)
        self.deal[deal.state] = deal
        return deal


@pytest.fixture(scope="module")
def good() -> Two:
    return Two()


@pytest.fixture(scope="module")
def refused() -> Two:
    return Two(release)


# (kind, state of the deal) -> what happens; "" means nothing to do, a state means that the deal moves there
TABLE = {
    ("PAY_PROPOSE", None): "PAY_ACCEPT",
    ("PAY_PROPOSE", State.ACCEPTED): "again",
    ("PAY_COMPLETE", State.ACCEPTED): "PAY_RECEIPT",
    ("PAY_ACCEPT", State.PROPOSED): "PAY_COMPLETE",
    ("PAY_ACCEPT", State.COMPLETED): "again",
    ("PAY_ACCEPT", State.SETTLED): "",
    ("PAY_RECEIPT", State.COMPLETED): "settled",
    ("PAY_RECEIPT", State.SETTLED): "",
    ("PAY_RECEIPT", State.PROPOSED): "ignore",
    ("PAY_COMPLETE", None): "ignore",
    ("PAY_ACCEPT", None): "ignore",
    ("PAY_RECEIPT", None): "ignore",
}


def outcome_of(known: Deal | None, entry: Entry, me: bytes) -> str:
    try:
        after, todo = receive(known, entry, me, 20, accept)
    except Ignore:
        return "ignore"
    if not todo:
        return "" if after == known else str(after and after.state)
    (action,) = todo
    if isinstance(action, Send):
        assert after == known and known is not None and action.entry == known.mine
        return "again"
    assert after == known  # nothing changes before our entry is written
    assert action.settlement.half == encode_entry(entry)
    return action.kind


@pytest.mark.parametrize(("kind", "state"), list(TABLE))
def test_the_table(good: Two, kind: str, state: State | None) -> None:
    entry = good.entry[kind]
    me = BOB.author if kind in ("PAY_PROPOSE", "PAY_COMPLETE") else ALICE.author
    assert outcome_of(good.deal[state], entry, me) == TABLE[kind, state]


def test_the_payee_answers_every_completion_after_the_end(good: Two) -> None:
    assert outcome_of(good.payee_settled, good.entry["PAY_COMPLETE"], BOB.author) == "again"
    assert outcome_of(good.payee_settled, good.entry["PAY_PROPOSE"], BOB.author) == ""


def test_a_refused_payment_frees_the_hold(refused: Two) -> None:
    assert [e.kind for e in refused.payer.entries] == ["INCEPT", "PAY_PROPOSE", "PAY_CANCEL"]
    assert refused.payer.state.hold == 0 and refused.payer.state.balance == 0
    proposal, release_ = refused.entry["PAY_PROPOSE"], refused.entry["PAY_RELEASE"]
    assert outcome_of(refused.deal[State.RELEASED], proposal, BOB.author) == "again"
    assert outcome_of(refused.deal[State.CANCELLED], release_, ALICE.author) == ""
    assert refused.deal[State.CANCELLED].receipt is None  # type: ignore[union-attr]


def test_whoever_is_on_the_wrong_side_is_ignored(good: Two, refused: Two) -> None:
    for kind, state, me in [
        ("PAY_PROPOSE", State.PROPOSED, BOB.author),
        ("PAY_COMPLETE", State.COMPLETED, BOB.author),
        ("PAY_ACCEPT", State.ACCEPTED, ALICE.author),
    ]:
        assert outcome_of(good.deal[state], good.entry[kind], me) == "ignore"
    assert outcome_of(None, good.entry["PAY_PROPOSE"], CAROL.author) == "ignore"
    assert outcome_of(None, good.entry["PAY_PROPOSE"], ALICE.author) == "ignore"
    assert outcome_of(good.deal[State.COMPLETED], refused.entry["PAY_RELEASE"], ALICE.author) == ""


def test_a_deal_id_that_is_taken_by_somebody_else_is_ignored(good: Two) -> None:
    mallory = Author(CAROL, endowment=1000)
    entry = mallory.append(propose(None, deal=DEAL, counterparty=BOB.author, amount=200, terms=TERMS))
    assert outcome_of(good.deal[State.ACCEPTED], shown(entry), BOB.author) == "ignore"


def test_a_second_proposal_for_the_same_deal_is_not_answered(good: Two) -> None:
    twin = Author(ALICE, endowment=1000, seed=5)
    entry = twin.append(propose(None, deal=DEAL, counterparty=BOB.author, amount=200, terms=TERMS))
    assert entry.id != good.entry["PAY_PROPOSE"].id
    assert outcome_of(good.deal[State.ACCEPTED], shown(entry), BOB.author) == "ignore"


@pytest.mark.parametrize("kind", ["PAY_ACCEPT", "PAY_RELEASE"])
def test_an_answer_must_embed_exactly_what_we_sent(good: Two, kind: str) -> None:
    for half in (
        encode_entry(msgspec.structs.replace(good.entry["PAY_PROPOSE"], signature=bytes(64))),
        encode_entry(good.entry["PAY_COMPLETE"]),
        b"",
    ):
        bob = Author(BOB)
        entry = bob.write(kind, Settlement(ALICE.author, 200, DEAL, terms=TERMS, half=half))
        with pytest.raises(Reject):
            receive(good.deal[State.PROPOSED], shown(entry), ALICE.author, 20)


@pytest.mark.parametrize(
    "change", [{"amount": 199}, {"terms": b"u" * 32}, {"deal": b"e" * 32}, {"counterparty": CAROL.author}]
)
def test_an_answer_with_other_words_is_refused(good: Two, change: dict[str, object]) -> None:
    bob = Author(BOB)
    said = Settlement(ALICE.author, 200, DEAL, terms=TERMS, half=encode_entry(good.entry["PAY_PROPOSE"]))
    entry = bob.write("PAY_ACCEPT", msgspec.structs.replace(said, **change))
    with pytest.raises((Reject, Ignore)):
        receive(good.deal[State.PROPOSED], shown(entry), ALICE.author, 20)


def test_a_proposal_over_the_limit_is_refused() -> None:
    a = Author(endowment=1000)
    entry = shown(a.append(propose(None, deal=DEAL, counterparty=BOB.author, amount=200)))
    with pytest.raises(Reject, match="overdraws"):
        receive(None, msgspec.structs.replace(entry, hold=1001), BOB.author, 1, accept)


def test_the_policy_decides_and_may_wait(good: Two) -> None:
    proposal = good.entry["PAY_PROPOSE"]
    for policy in (None, lambda e, s: Decision.WAIT):
        with pytest.raises(Ignore):
            receive(None, proposal, BOB.author, 1, policy)
    _, (action,) = receive(None, proposal, BOB.author, 1, release)
    assert isinstance(action, Append) and action.kind == "PAY_RELEASE"


def test_after_the_expiry_the_answer_is_a_release() -> None:
    late = Two(expiry=9, at=10)
    assert [e.kind for e in late.payee.entries] == ["INCEPT", "PAY_RELEASE"]
    in_time = Two(expiry=10, at=10)
    assert in_time.deal[State.SETTLED] is not None


def test_a_void_acceptance_counts_as_a_release() -> None:
    two = Two(expiry=50)
    bob = Author(BOB)
    said = Settlement(ALICE.author, 200, DEAL, terms=TERMS, half=encode_entry(two.entry["PAY_PROPOSE"]))
    late = shown(bob.write("PAY_ACCEPT", said, now=51))
    assert void_acceptance(late)
    assert written(None, late)[0].state == State.RELEASED
    known = two.deal[State.PROPOSED]
    _, (action,) = receive(known, late, ALICE.author, 60)
    assert isinstance(action, Append) and action.kind == "PAY_CANCEL"
    assert outcome([two.entry["PAY_PROPOSE"], late]) == "cancelled"
    alice = Author(endowment=1000)
    alice.append(propose(None, deal=DEAL, counterparty=BOB.author, amount=200, expiry=50, terms=TERMS))
    entry = alice.append(action)
    assert written(known, entry)[0].state == State.CANCELLED


def test_one_decision_per_deal_for_ever(good: Two, refused: Two) -> None:
    for two in (good, refused):
        for known in two.deal.values():
            if known is not None:
                with pytest.raises(Refusal) as e:
                    propose(known, deal=DEAL, counterparty=BOB.author, amount=200)
                assert e.value.code == "conflict"
    for state in (State.ACCEPTED, State.SETTLED):
        with pytest.raises(ValueError):
            written(good.deal[state], refused.entry["PAY_RELEASE"])
    with pytest.raises(Refusal):
        propose(None, deal=DEAL, counterparty=BOB.author, amount=0)


def test_what_is_outstanding(good: Two, refused: Two) -> None:
    def kinds(deal: Deal | None) -> bool:
        assert deal is not None
        sends = outstanding(deal)
        assert all(s == Send(deal.counterparty, deal.mine) for s in sends)
        return bool(sends)

    assert [kinds(good.deal[s]) for s in (State.PROPOSED, State.ACCEPTED, State.COMPLETED)] == [True] * 3
    assert not kinds(good.deal[State.SETTLED]) and not kinds(good.payee_settled)
    assert not kinds(refused.deal[State.RELEASED]) and not kinds(refused.deal[State.CANCELLED])


def test_settled_is_said_at_the_completion_and_not_before(good: Two) -> None:
    said = {state: deal.settled for state, deal in good.deal.items() if deal is not None}
    assert said == {State.PROPOSED: False, State.ACCEPTED: False, State.COMPLETED: True, State.SETTLED: True}


def test_both_hold_the_same_receipt_and_it_proves_the_deal(good: Two) -> None:
    mine, theirs = good.deal[State.SETTLED], good.payee_settled
    assert mine is not None and theirs is not None
    assert mine.receipt == theirs.receipt == encode_entry(good.entry["PAY_RECEIPT"])
    for kind in ("PAY_COMPLETE", "PAY_RECEIPT"):
        proof = proof_of_deal(good.entry[kind])
        assert proof[:6] == (NET, ALICE.author, BOB.author, 200, DEAL, TERMS)


@pytest.mark.parametrize("kind", ["PAY_PROPOSE", "PAY_ACCEPT"])
def test_less_than_a_completion_proves_no_deal(good: Two, kind: str) -> None:
    with pytest.raises(Reject):
        proof_of_deal(good.entry[kind])


def test_a_proof_with_one_false_signature_in_it_is_none(good: Two) -> None:
    a, b = Author(endowment=1000), Author(BOB)
    proposed, accepted, _, _ = settle(a, b, 200)
    assert proof_of_deal(a.entries[-1])
    inner = encode_entry(msgspec.structs.replace(proposed, signature=bytes(64)))
    fake = b.write("PAY_ACCEPT", Settlement(ALICE.author, 200, DEAL, terms=TERMS, half=inner))
    for half in (fake, msgspec.structs.replace(accepted, signature=bytes(64))):
        payer = Author(endowment=1000)
        payer.write("PAY_PROPOSE", Settlement(BOB.author, 200, DEAL, terms=TERMS))
        entry = payer.write("PAY_COMPLETE", Settlement(BOB.author, 200, DEAL, terms=TERMS, half=encode_entry(half)))
        with pytest.raises(Reject, match="signature"):
            proof_of_deal(entry)


def test_the_stored_form(good: Two, refused: Two) -> None:
    for two in (good, refused):
        for deal in two.deal.values():
            assert deal is None or decode_deal(encode_deal(deal)) == deal


def test_deals_are_rebuilt_from_the_own_chain(good: Two, refused: Two) -> None:
    for author, last in [
        (good.payer, good.deal[State.COMPLETED]),
        (good.payee, good.payee_settled),
        (refused.payer, refused.deal[State.CANCELLED]),
        (refused.payee, refused.deal[State.RELEASED]),
    ]:
        deal: Deal | None = None
        for entry in author.entries[1:]:
            deal, _ = written(deal, entry)
        assert deal == last


def test_the_evidence_rule(good: Two, refused: Two) -> None:
    propose_, accept_, complete = (good.entry[k] for k in ("PAY_PROPOSE", "PAY_ACCEPT", "PAY_COMPLETE"))
    release_ = refused.entry["PAY_RELEASE"]
    assert outcome([]) == outcome([propose_]) == "open"
    assert outcome([propose_, accept_]) == "settled"
    assert outcome([accept_, release_]) == outcome([release_]) == "cancelled"
    assert outcome([release_, complete, accept_]) == outcome([good.entry["PAY_RECEIPT"]]) == "settled"
