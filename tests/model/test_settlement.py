"""Every reachable state of one deal and of two, honest and not; and what happens without each rule."""

import os
from dataclasses import dataclass

import pytest

from ledger import outcome, settlement
from tests.ledger.people import ALICE, BOB
from tests.longer import either

from . import liars
from .checker import Found, Model
from .mutants import mutant
from .world import EARLY, EXPIRY, Plan, Rules

LONG = bool(os.environ.get("P2PNODE_LONG"))
PEOPLE = ((ALICE, 100, "payer"), (BOB, 100, "payee"))
ONE = Plan(b"1" * 32, ALICE.author, BOB.author, 60, EXPIRY)
SAME_WAY = Plan(b"2" * 32, ALICE.author, BOB.author, 30)
TOO_MUCH = Plan(b"2" * 32, ALICE.author, BOB.author, 60)
OTHER_WAY = Plan(b"2" * 32, BOB.author, ALICE.author, 60)


@dataclass(frozen=True)
class Setting:
    bad: str = ""
    plans: tuple[Plan, ...] = (ONE,)
    clocks: tuple[int, ...] = (EARLY, EXPIRY + 5)

    def check(self, rules: Rules | None = None, liveness: bool = True) -> Found:
        liar = {"": b"", "payer": ALICE.author, "payee": BOB.author}[self.bad]
        forger = None
        if self.bad == "payer":
            forger = liars.payer(ALICE, BOB, self.plans[0])
        elif self.bad == "payee":
            forger = liars.payee(BOB, ALICE)
        return Model(PEOPLE, self.plans, rules=rules, bad=liar, forger=forger, clocks=self.clocks).check(liveness)


HONEST, BAD_PAYER, BAD_PAYEE = Setting(), Setting("payer"), Setting("payee")
SETTINGS = {
    "one deal": HONEST,
    "one deal, malicious payer": BAD_PAYER,
    "one deal, malicious payee": BAD_PAYEE,
    "two deals, the same way, room for one": Setting(plans=(ONE, TOO_MUCH)),
    "two deals, opposite ways": Setting(plans=(ONE._replace(expiry=0), OTHER_WAY), clocks=(EARLY,)),
    "two deals, the same way": Setting(plans=(ONE._replace(expiry=0), SAME_WAY), clocks=(EARLY,)),
    "two deals, the same way, malicious payee": Setting("payee", (ONE._replace(expiry=0), SAME_WAY), (EARLY,)),
}
FURTHER = {
    "two deals, opposite ways, any clock": Setting(plans=(ONE, OTHER_WAY)),
    "two deals, the same way, any clock": Setting(plans=(ONE, SAME_WAY)),
    "two deals, opposite ways, malicious payer": Setting("payer", (ONE, OTHER_WAY), (EARLY,)),
}


@pytest.mark.parametrize(
    "name", either([*SETTINGS, *(FURTHER if LONG else ())], "two deals, the same way, malicious payee")
)
def test_no_reachable_state_breaks_a_promise(name: str) -> None:
    found = {**SETTINGS, **FURTHER}[name].check()
    print(f"{name}: {found}")
    assert not found.violation, str(found)
    assert found.states > 10


# what is taken away -> the passages replaced, the setting that shows why it is needed, what goes wrong
MACHINE: dict[str, tuple[tuple[tuple[str, str], ...], Setting, str]] = {
    "an acceptance after the expiry is void: the payer": (
        (('"PAY_CANCEL" if void_acceptance(i.entry) else "PAY_COMPLETE"', '"PAY_COMPLETE"'),),
        BAD_PAYEE,
        "the machine contradicts itself",
    ),
    "the payee does not accept after the expiry": (
        (
            ("late = 0 < i.said.expiry < i.at", "late = False"),
            ('if entry.kind == "PAY_ACCEPT" and void_acceptance(entry):', "if False:"),
        ),
        HONEST,
        "stuck for ever",
    ),
    "an answer embeds exactly what we sent": (
        (("if i.said.half != mine:", "if False:"),),
        BAD_PAYEE,
        "the chain of payer is unsound",
    ),
    "one decision for each deal": (
        (('("PAY_PROPOSE", State.ACCEPTED): _decided', '("PAY_PROPOSE", State.ACCEPTED): _decide'),),
        HONEST,
        "the machine contradicts itself",
    ),
    "a release is repeated when it is asked for": (
        (('("PAY_PROPOSE", State.RELEASED): _decided', '("PAY_PROPOSE", State.RELEASED): _nothing'),),
        HONEST,
        "stuck for ever",
    ),
    "a receipt is repeated when it is asked for": (
        (('("PAY_COMPLETE", State.SETTLED): _decided', '("PAY_COMPLETE", State.SETTLED): _nothing'),),
        HONEST,
        "stuck for ever",
    ),
    "settled is not said before COMPLETE": (
        (
            (
                'if self.state == State.ACCEPTED:\n            return self.decided("accept")',
                "if self.state == State.PROPOSED:\n            return True",
            ),
        ),
        HONEST,
        "payer holds deal 31 to be settled, the evidence says open",
    ),
}
EVIDENCE = {
    "COMPLETE above RELEASE": (
        ('if "PAY_COMPLETE" in seen:', 'if "PAY_COMPLETE" in seen and "PAY_RELEASE" not in seen:'),
        "payer holds deal 31 to be settled, the evidence says cancelled",
    ),
    "RELEASE above a bare ACCEPT": (
        ('if "PAY_RELEASE" in seen:', 'if "PAY_RELEASE" in seen and "PAY_ACCEPT" not in seen:'),
        "payer holds deal 31 to be cancelled, the evidence says settled",
    ),
}
DRIVER = {
    "the batch before the sends": (Rules(batch_first=False), HONEST, "forked its chain"),
    "entry and deal in one batch": (Rules(deal_in_batch=False), HONEST, "hold is 60, open proposals are 0"),
    "what is unanswered is sent again": (Rules(resends=False), HONEST, "stuck for ever"),
}


@pytest.mark.parametrize("rule", MACHINE)
def test_every_rule_of_the_machine_is_needed(rule: str) -> None:
    changes, setting, expected = MACHINE[rule]
    found = setting.check(Rules(machine=mutant(settlement, *changes)))
    print(f"without '{rule}': {found}")
    assert expected in found.violation, str(found)


@pytest.mark.parametrize("rule", EVIDENCE)
def test_every_rule_of_precedence_is_needed(rule: str) -> None:
    change, expected = EVIDENCE[rule]
    found = BAD_PAYEE.check(Rules(evidence=mutant(outcome, change)))
    print(f"without '{rule}': {found}")
    assert expected in found.violation, str(found)


@pytest.mark.parametrize("rule", DRIVER)
def test_every_rule_of_the_driver_is_needed(rule: str) -> None:
    rules, setting, expected = DRIVER[rule]
    found = setting.check(rules)
    print(f"without '{rule}': {found}")
    assert expected in found.violation, str(found)


def test_a_payer_that_cancels_alone_on_a_time_out_is_caught() -> None:
    careless = mutant(settlement, ("half = half_of(entry, said)", "half = half_of(entry, said) if said.half else None"))
    found = HONEST.check(Rules(careless, cancels_alone=True), liveness=False)
    print(f"without 'a payer never cancels alone': {found}")
    assert "payer holds deal 31 to be cancelled, the evidence says open" in found.violation


def test_a_payment_over_the_limit_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.chain.check_limit", lambda *_: None)
    found = SETTINGS["two deals, the same way, room for one"].check()
    print(f"without 'the limit is checked before signing': {found}")
    assert "the chain of payer is unsound" in found.violation


@pytest.mark.parametrize(
    "row", ['("PAY_PROPOSE", State.ACCEPTED): _decided', '("PAY_ACCEPT", State.COMPLETED): _again']
)
def test_two_rows_only_save_time(row: str) -> None:
    """What is outstanding is sent again anyway, so these answers to duplicates could go: the checker says that, too."""
    faster = mutant(settlement, (row, row.partition(":")[0] + ": _nothing"))
    for setting in (HONEST, BAD_PAYEE, BAD_PAYER):
        assert not setting.check(Rules(machine=faster)).violation
