"""Settlements with witnesses: one; three of whom two must agree; four of whom three must, one being a liar."""

import os
import time
from types import ModuleType

import pytest

from ledger import outcome, settlement
from tests.ledger.people import ALICE, BOB
from tests.longer import LONGER, either

from . import liars
from .checker import Found, State
from .mutants import mutant
from .witnessed import WITNESSES, Witnessed
from .world import EXPIRY, Plan, Rules

PEOPLE = ((ALICE, 100, "payer"), (BOB, 100, "payee"))
long = pytest.mark.skipif(not os.environ.get("P2PNODE_LONG"), reason="takes minutes: P2PNODE_LONG=1")


def check(
    count: int,
    quorum: int,
    lying: int = 0,
    bad: str = "",
    *,
    machine: ModuleType = settlement,
    evidence: ModuleType = outcome,
    liveness: bool = True,
) -> Found:
    model = modelled(count, quorum, lying, bad, machine=machine, evidence=evidence)
    began = time.monotonic()
    found = model.check(liveness, most=50_000_000)
    took = time.monotonic() - began
    print(f"{count} witnesses, quorum {quorum}, {lying} lying, {bad or 'nobody else'} lying, {took:.0f} s: {found}")
    return found


def modelled(
    count: int,
    quorum: int,
    lying: int = 0,
    bad: str = "",
    *,
    machine: ModuleType = settlement,
    evidence: ModuleType = outcome,
    symmetry: bool = True,
) -> Witnessed:
    named = tuple(w.author for w in WITNESSES[:count])
    plan = Plan(b"1" * 32, ALICE.author, BOB.author, 60, EXPIRY, named, quorum)
    forger = {"": None, "payer": liars.payer(ALICE, BOB, plan), "payee": liars.payee(BOB, ALICE)}[bad]
    liar = {"": b"", "payer": ALICE.author, "payee": BOB.author}[bad]
    rules = Rules(machine=machine, evidence=evidence)
    return Witnessed(PEOPLE, plan, count, liars=lying, rules=rules, bad=liar, forger=forger, symmetry=symmetry)


@pytest.mark.parametrize(
    ("count", "quorum", "lying", "bad"),
    [
        (1, 1, 0, "payer"),
        (1, 1, 0, "payee"),
        (3, 2, 0, ""),
        (3, 2, 0, "payee"),
        pytest.param(3, 3, 1, "", marks=LONGER),
    ],
)
def test_the_search_by_symmetry_leaves_nothing_out(count: int, quorum: int, lying: int, bad: str) -> None:
    """A search of every single state meets as many disks that differ up to symmetry, and no more."""
    whole, short = (modelled(count, quorum, lying, bad, symmetry=s) for s in (False, True))
    everything, less = whole.check(False), short.check(False)
    assert not everything.violation and not less.violation
    met = {whole.disks_in(whole.orbit(s)) for s in whole.seen if isinstance(s, State)}
    assert len(met) == len({short.disks_in(key) for key in short.seen if isinstance(key, bytes)})
    print(f"{everything.states} states are {less.states} up to symmetry, {len(met)} on disks")


@pytest.mark.parametrize(
    ("count", "quorum", "lying", "bad"),
    [
        (1, 1, 0, ""),
        (1, 1, 0, "payer"),
        (1, 1, 0, "payee"),
        (3, 2, 0, ""),
        (3, 2, 0, "payee"),
        (3, 2, 0, "payer"),
    ],
)
def test_no_reachable_state_breaks_a_promise(count: int, quorum: int, lying: int, bad: str) -> None:
    found = check(count, quorum, lying, bad)
    assert not found.violation, str(found)


@pytest.mark.parametrize("bad", either(["", "payee", "payer"], "payee", "payer"))
def test_one_liar_among_four_breaks_no_promise_whoever_else_lies(bad: str) -> None:
    found = check(4, 3, 1, bad, liveness=False)
    assert not found.violation, str(found)


@long
def test_two_liars_among_seven_break_no_promise() -> None:
    found = check(7, 5, 2, liveness=False)
    assert not found.violation, str(found)


def test_one_liar_is_too_much_for_one_witness_and_for_three() -> None:
    for count, quorum in ((1, 1), (3, 2)):
        found = check(count, quorum, 1, liveness=False)
        assert "the evidence says" in found.violation


def test_four_honest_witnesses_can_split_in_two_halves() -> None:
    """A known price of a quorum of three in four: two decisions each way leave the payer's hold bound."""
    found = check(4, 3)
    assert "the payer waits for ever" in found.violation


def test_without_the_guard_of_the_request_a_completion_overtakes_the_witnesses() -> None:
    rule = ('("PAY_ACCEPT", State.REQUESTED): _accepted_late', '("PAY_ACCEPT", State.REQUESTED): _accepted')
    found = check(1, 1, machine=mutant(settlement, rule))
    assert "payee holds deal 31 to be cancelled, the evidence says settled" in found.violation


def test_without_release_above_tokens_a_payee_that_says_both_deceives() -> None:
    found = check(1, 1, bad="payee", evidence=mutant(outcome, ('if "PAY_RELEASE" in seen:', "if False:")))
    assert "payer holds deal 31 to be cancelled, the evidence says" in found.violation


def test_without_tokens_above_a_bare_acceptance_nobody_could_cancel() -> None:
    rule = ('(("accept", "settled"), ("cancel", "cancelled"))', '(("accept", "settled"),)')
    found = check(1, 1, evidence=mutant(outcome, rule))
    assert "holds deal 31 to be cancelled, the evidence says" in found.violation
