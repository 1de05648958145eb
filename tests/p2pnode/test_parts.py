"""One payment in parts: proposed by who pays, agreed by who is paid, each part a payment of its own."""

from typing import Any

import pytest

from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.test_claimed import Owing


def paid(lab: Owing, node: Any) -> int:
    return (lab.shown(node)["settlement"]["paid"] or {}).get("amount", 0)


def split(lab: Owing, amount: str) -> None:
    lab.do(lab.cleo, "pay", amount=amount)
    lab.do(lab.ben, "accept")


def test_one_price_in_three_parts() -> None:
    lab = Owing("10", form="full")
    lab.do(lab.cleo, "pay", amount="4", note="the rest at the end of the month")
    assert lab.typed(lab.ben) == ["exchange accept", "exchange decline"] and paid(lab, lab.ben) == 0
    assert lab.shown(lab.ben)["amendment"]["changes"] == [
        "Cleo: pay 4 hours, part 1 of 2", "Cleo: pay 6 hours, part 2 of 2", "pay: owed no more",
    ]  # fmt: skip
    assert lab.typed(lab.cleo) == []
    with pytest.raises(Refusal, match="you have proposed to change this payment"):
        lab.do(lab.cleo, "pay")
    lab.do(lab.ben, "accept")
    for amount, so_far in ((None, 400), ("2.50", 650), (None, 1000)):
        if amount is not None:
            split(lab, amount)
        lab.do(lab.cleo, "pay")
        assert [paid(lab, n) for n in (lab.ben, lab.cleo)] == [so_far] * 2
    assert [lab.ask(n, "ledger.balance")["balance"]["amount"] for n in (lab.ben, lab.cleo)] == [1000, -1000]
    assert {lab.shown(n)["status"] for n in (lab.ben, lab.cleo)} == {"settled"}
    assert [(p["duty"], p["state"]) for p in lab.shown(lab.ben)["payments"]] == [
        (f"pay-{k}", "settled") for k in (1, 2, 3)
    ]


def test_each_part_by_its_own_means() -> None:
    lab = Owing("10", form="full")
    split(lab, "4")
    lab.do(lab.cleo, "pay")
    claim = lab.do(lab.cleo, "pay", claim="2 loaves")["duties"][-1]["claim"]
    lab.answer(lab.ben, "accept", claim["claim_id"])
    shown = lab.shown(lab.ben)
    assert [d["state"] for d in shown["duties"]] == ["confirmed", "confirmed", "waived"]
    assert shown["status"] == "settled" and paid(lab, lab.ben) == 400
    lab = Owing("10 EUR", form="full")
    split(lab, "4")
    lab.do(lab.cleo, "pay", note="in cash")
    lab.do(lab.ben, "confirm")
    assert paid(lab, lab.cleo) == 400 and lab.typed(lab.cleo) == ["exchange pay"]
    lab.do(lab.cleo, "pay", note="by bank")
    lab.do(lab.ben, "confirm")
    assert lab.shown(lab.cleo)["status"] == "settled" and paid(lab, lab.cleo) == 1000


def test_the_payee_need_not_agree_to_parts() -> None:
    lab = Owing("10", form="full")
    lab.do(lab.cleo, "pay", amount="4")
    lab.do(lab.ben, "decline")
    lab.do(lab.cleo, "pay")
    assert paid(lab, lab.ben) == 1000


def test_what_cannot_be_split_says_why() -> None:
    lab = Owing("10")
    with pytest.raises(Refusal, match="plain form cannot be changed"):
        lab.do(lab.cleo, "pay", amount="4")
    lab = Owing("10", form="full")
    for amount in ("0", "10", "11", "1.234"):
        with pytest.raises(Refusal):
            lab.do(lab.cleo, "pay", amount=amount)
    lab.do(lab.cleo, "pay", claim="2 loaves")
    with pytest.raises(Refusal, match="was offered for a payment that it changes"):
        lab.do(lab.cleo, "pay", amount="4")
    lab = Owing("10", form="full")
    lab.ben.alive = False
    lab.ask(lab.cleo, "exchange.pay", id=lab.id)
    with pytest.raises(Refusal, match="not open any more"):
        lab.ask(lab.cleo, "exchange.pay", id=lab.id, amount="4")
    lab.ben.alive = True
    lab.sim.run(10 * MINUTE)
    assert paid(lab, lab.cleo) == 1000
