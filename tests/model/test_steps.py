"""Two instalments, and a deposit with its refund: every reachable state; and what happens without each rule."""

from types import ModuleType

import pytest

from protocols import exchange
from protocols.identity import Signer
from tests.ledger.people import ALICE, BOB
from tests.protocols.deals import propose

from . import liars
from .checker import Forger, Found
from .mutants import mutant
from .stepped import Stepped, plans_of
from .world import parsed

WORK = {"kind": "help", "amount": 60, "instalments": 2}
LENT = {"kind": "lend", "amount": 0, "unit": "", "deposit": (60, "hour")}
NAMES = {"": None, "taker": ALICE, "giver": BOB}


def liar(asked: dict[str, object], bad: Signer, victim: Signer) -> Forger:
    """Signs what a payer and a payee may sign, in each of the deals that are this one's to pay."""
    plans = plans_of(propose(by=ALICE, proposer=ALICE.author, responder=BOB.author, **asked))
    forgers = [liars.payer(bad, victim, p) for p in plans if p.payer == bad.author]
    if any(p.payee == bad.author for p in plans):
        forgers.append(liars.payee(bad, victim))

    def forge(known):
        made = [data for f in forgers for data in f(known)]
        return [data for data in made if parsed(data).kind != "PAY_CANCELREQ"]  # there are no witnesses to hear it

    return forge


def check(
    asked: dict[str, object],
    bad: str = "",
    *,
    rules_of: ModuleType = exchange,
    cancels: bool = False,
    careless: bool = False,
) -> Found:
    who = NAMES[bad]
    forger = None if who is None else liar(asked, who, BOB if who is ALICE else ALICE)
    author = b"" if who is None else who.author
    model = Stepped(ALICE, BOB, asked, bad=author, forger=forger, rules_of=rules_of, cancels=cancels, careless=careless)
    found = model.check(liveness=not careless)
    print(f"{asked['kind']}, {bad or 'nobody'} lying: {found}")
    return found


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("asked", [WORK, LENT], ids=["instalments", "deposit"])
def test_two_who_are_honest_come_to_the_end(asked, cancels):
    found = check(asked, cancels=cancels)
    assert not found.violation, str(found)
    assert found.states > 40


@pytest.mark.parametrize(
    ("asked", "bad", "cancels"),
    [
        (WORK, "taker", False),
        (WORK, "taker", True),
        (WORK, "giver", False),
        (WORK, "giver", True),
        (LENT, "taker", False),
        (LENT, "taker", True),
        (LENT, "giver", False),
        (LENT, "giver", True),
    ],
    ids=str,
)
def test_who_is_honest_is_never_out_of_more_than_one_step(asked, bad, cancels):
    found = check(asked, bad, cancels=cancels)
    assert not found.violation, str(found)
    assert found.states > 100


# what is taken away -> the passages replaced, the setting that shows why it is needed, what goes wrong
HAS_COME = "state in OVER if duty in payments else state not in _NOT_COME"
OFF = "if self.called_off and self.deposit_is_out:"
RULES: dict[str, tuple[tuple[tuple[str, str], ...], dict[str, object], str, bool, str]] = {
    "the next step of work waits for the payment to be settled": (
        ((HAS_COME, "state not in _NOT_COME"),),
        WORK,
        "taker",
        False,
        "giver is out of pocket by 60",
    ),
    "the handover waits for the deposit to be settled": (
        ((HAS_COME, "state not in _NOT_COME"),),
        LENT,
        "taker",
        False,
        "giver is out of pocket by 60",
    ),
    "each step waits for the one before": (
        (("        return come\n", "        return True\n"),),
        WORK,
        "",
        False,
        "giver is out of pocket by 60",
    ),
    "a deposit goes back once the thing is back": (
        (("(come or (self.called_off and not self._begun_before(duty)))", "True"),),
        LENT,
        "taker",
        False,
        "giver is out of pocket by 60",
    ),
    "what was handed over is returned although both have called it off": (
        (("(self.called_off and not self._begun_before(duty))", "self.called_off"),),
        LENT,
        "",
        True,
        "giver is out of pocket by 60",
    ),
    "nothing goes back that was not deposited": (
        (("return self.deposit_is_out and (come", "return (come"),),
        LENT,
        "",
        True,
        "giver is out of pocket by 60",
    ),
    "nothing is handed over once both have called it off": (
        (("come and bool(duty.after) and not {duty.id, duty.after} & {*self.payments}", "come"),),
        LENT,
        "",
        True,
        "giver is out of pocket by 60",
    ),
    "it is cancelled only once the deposit is back": (
        (("not _deposit_is_out(terms, duties, payments) and _unpaid", "_unpaid"),),
        LENT,
        "",
        True,
        "called off with balances of [-60, 60]",
    ),
    "a deposit can go back when both have called it off": (
        (("come or (self.called_off and not self._begun_before(duty))", "come"),),
        LENT,
        "",
        True,
        "stuck for ever",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_needed(rule):
    changes, asked, bad, cancels, expected = RULES[rule]
    found = check(asked, bad, cancels=cancels, rules_of=mutant(exchange, *changes))
    print(f"without '{rule}'")
    assert expected in found.violation, str(found)


def test_a_payee_that_waits_keeps_a_careless_payer_from_paying_ahead():
    assert not check(WORK, careless=True).violation
    takes = mutant(exchange, ("return True if self.due(duty) else None", "return True"))
    found = check(WORK, careless=True, rules_of=takes)
    assert "taker is out of pocket by 30" in found.violation, str(found)
