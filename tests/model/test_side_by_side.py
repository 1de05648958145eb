"""Two payments with witnesses at once, both parties honest: of one payer to one payee, and to each other."""

import os
import time
from types import ModuleType

import pytest

from ledger import settlement, witnessing
from ledger.entry import Entry
from tests.ledger.people import ALICE, BOB
from tests.longer import LONGER

from .checker import Found
from .mutants import mutant
from .witnessed import WITNESSES, Witnessed
from .world import EARLY, EXPIRY, LATE, Plan, Rules

PEOPLE = ((ALICE, 100, "payer"), (BOB, 100, "payee"))
SKEWED = (EARLY, LATE)
long = pytest.mark.skipif(not os.environ.get("P2PNODE_LONG"), reason="takes minutes: P2PNODE_LONG=1")


class Forgetful(Witnessed):
    """Its witnesses have room for one decision about each payer."""

    def kept_at(self, entry: Entry) -> bytes:
        return super().kept_at(entry)[:48]


def check(
    opposite: bool,
    amounts: tuple[int, int] = (60, 30),
    clocks: tuple[int, ...] = (EARLY,),
    *,
    shared: bool = True,
    kind: type[Witnessed] = Witnessed,
    machine: ModuleType = settlement,
    witness: ModuleType = witnessing,
) -> Found:
    """amounts: of the two payments; either party has 100. shared: both name one witness, else each its own."""
    first = Plan(b"1" * 32, ALICE.author, BOB.author, amounts[0], EXPIRY, (WITNESSES[0].author,), 1)
    named = (WITNESSES[0 if shared else 1].author,)
    payer, payee = (BOB, ALICE) if opposite else (ALICE, BOB)
    other = Plan(b"2" * 32, payer.author, payee.author, amounts[1], EXPIRY, named, 1)
    rules = Rules(machine=machine, witnessing=witness)
    model = kind(PEOPLE, (first, other), 1 if shared else 2, rules=rules, symmetry=False, clocks=clocks)
    model.in_order = not opposite and amounts[0] == amounts[1]
    began = time.monotonic()
    found = model.check()
    way = "opposite ways" if opposite else "the same way"
    print(f"{amounts}, {way}, clocks {clocks}, {time.monotonic() - began:.0f} s: {found}")
    return found


@pytest.mark.parametrize(
    ("opposite", "amounts", "clocks"),
    [
        pytest.param(True, (60, 30), (EARLY,), marks=LONGER, id="opposite ways"),
        pytest.param(False, (30, 30), (EARLY,), marks=LONGER, id="the same way"),
        pytest.param(False, (60, 60), SKEWED, id="the same way, room for one, any clock"),
    ],
)
def test_two_payments_with_a_witness_break_no_promise(
    opposite: bool, amounts: tuple[int, int], clocks: tuple[int, ...]
) -> None:
    found = check(opposite, amounts, clocks)
    assert not found.violation, str(found)
    assert found.states > 1_000


@long
@pytest.mark.parametrize("shared", [True, False], ids=["one witness", "a witness each"])
@pytest.mark.parametrize("opposite", [True, False], ids=["opposite ways", "the same way"])
def test_nor_do_they_in_any_order_or_with_a_witness_each(opposite: bool, shared: bool) -> None:
    found = check(opposite, shared=shared)
    assert not found.violation, str(found)


def test_a_witness_that_keeps_one_decision_for_each_payer_leaves_the_second_payment_open_for_ever() -> None:
    same = ("(known.network, known.payer, known.deal) != (network, payer, deal)", "known.payer != payer")
    found = check(False, kind=Forgetful, witness=mutant(witnessing, same))
    assert "the payer waits for ever" in found.violation


@pytest.mark.parametrize("opposite", [True, False], ids=["opposite ways", "the same way"])
def test_without_the_guard_of_the_request_a_completion_overtakes_the_witness(opposite: bool) -> None:
    rule = ('("PAY_ACCEPT", State.REQUESTED): _accepted_late', '("PAY_ACCEPT", State.REQUESTED): _accepted')
    found = check(opposite, machine=mutant(settlement, rule))
    assert "to be cancelled, the evidence says settled" in found.violation


def test_a_second_payment_over_the_limit_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.chain.check_limit", lambda *_: None)
    found = check(False, (60, 60))
    assert "the chain of payer is unsound" in found.violation
