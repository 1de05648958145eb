"""Payments that are made by a private claim: offered by who owes, taken or declined by who is owed."""

from typing import Any

import pytest

from ledger.payloads import Settlement
from ledger.settlement import Append
from protocols.errors import Refusal
from protocols.limits import MINUTE
from protocols.payments import claim_of
from tests.p2pnode.test_told import Listed
from tests.sim.simulator import Faults
from tests.sim.street import look


class Owing(Listed):
    """Honey of Ben's that Cleo has, and has not paid for."""

    def __init__(self, price: str = "10 EUR", **asked: Any) -> None:
        super().__init__(price=price)
        self.propose(**asked)
        self.do(self.ben, "accept")
        self.do(self.ben, "handover")
        self.do(self.cleo, "confirm")

    def duty(self, node: Any, name: str = "pay") -> Any:
        return next(d for d in self.shown(node)["duties"] if d["id"] == name)

    def answer(self, node: Any, word: str, claim: str) -> Any:
        data = self.ask(node, f"claim.{word}", id=claim)
        self.sim.run(MINUTE)
        return data

    def typed(self, node: Any, who: str = "you") -> list[str]:
        steps = [s["command"].split() for s in self.shown(node)["next"] if s["who"] == who]
        return [" ".join(words[1:3]) for words in steps if "attest" not in words]


@pytest.mark.parametrize(("price", "asked", "state"), [("10 EUR", {}, "confirmed"), ("3", {"form": "full"}, "waived")])
def test_a_claim_pays_the_payment_that_it_names(price: str, asked: dict[str, str], state: str) -> None:
    lab = Owing(price, **asked)
    data = lab.do(lab.cleo, "pay", claim="2 loaves", note="from Saturday's oven")
    assert data["duty"] == "pay" and lab.duty(lab.cleo)["state"] == "pending"
    assert lab.typed(lab.ben) == ["claim accept", "claim decline"] and lab.typed(lab.cleo) == []
    assert lab.typed(lab.cleo, "Ben") == ["claim accept", "claim decline"]
    claim = lab.duty(lab.ben)["claim"]
    assert (claim["amount"]["amount"], claim["amount"]["unit"], claim["state"]) == (200, "loaves", "asked")
    assert claim["note"] == "from Saturday's oven" and (claim["exchange_id"], claim["duty"]) == (lab.id, "pay")
    lab.answer(lab.ben, "accept", claim["claim_id"])
    for node, way in ((lab.ben, "owed_to_me"), (lab.cleo, "owed_by_me")):
        shown = lab.shown(node)
        assert shown["status"] == "settled"
        assert (lab.duty(node)["state"], lab.duty(node)["claim"]["state"]) == (state, "open")
        assert shown["notes"][-1]["text"] == f"claim {claim['claim_id'][:8]}: 2 loaves"
        (owed,) = lab.ask(node, "ledger.statement")["total"]["claims"]
        assert owed["unit"] == "loaves" and owed[way]["amount"] == 200
        assert lab.ask(node, "ledger.balance")["balance"]["amount"] == 0
    lab.ask(lab.ben, "claim.settle", id=claim["claim_id"])
    lab.sim.run(MINUTE)
    assert lab.duty(lab.cleo)["claim"]["state"] == "closed" and lab.shown(lab.cleo)["status"] == "settled"


def test_a_claim_that_is_declined_leaves_the_payment_owed() -> None:
    lab = Owing()
    first = lab.do(lab.cleo, "pay", claim="2 loaves")["duties"][-1]["claim"]["claim_id"]
    with pytest.raises(Refusal, match="you have offered 2 loaves for this, and Ben may take it"):
        lab.do(lab.cleo, "pay")
    with pytest.raises(Refusal, match="2 loaves was offered for it before"):
        lab.do(lab.cleo, "pay", claim="3 loaves")
    assert lab.do(lab.cleo, "pay", claim="2.00 loaves")["duties"][-1]["claim"]["claim_id"] == first  # typed again
    lab.answer(lab.ben, "decline", first)
    for node in (lab.ben, lab.cleo):
        assert lab.duty(node)["state"] == "pending" and lab.duty(node)["claim"] is None
    assert lab.typed(lab.cleo) == ["exchange pay"]
    second = lab.do(lab.cleo, "pay", claim="3 loaves")["duties"][-1]["claim"]["claim_id"]
    assert second != first
    lab.answer(lab.ben, "accept", second)
    assert lab.shown(lab.cleo)["status"] == "settled"
    assert [r["state"] for r in lab.ask(lab.ben, "claim.list")] == ["open", "declined"]


def test_what_was_paid_meanwhile_is_not_owed_on_top() -> None:
    lab = Owing()
    claim = lab.do(lab.cleo, "pay", claim="2 loaves")["duties"][-1]["claim"]["claim_id"]
    lab.do(lab.ben, "confirm", duty="pay")  # he got the money
    with pytest.raises(Refusal, match="paid already"):
        lab.ask(lab.ben, "claim.accept", id=claim)
    lab.answer(lab.ben, "decline", claim)
    assert not lab.ask(lab.cleo, "claim.list", open=True) and lab.shown(lab.cleo)["status"] == "settled"


def test_what_cannot_be_owed_instead_says_why() -> None:
    lab = Owing("3")  # the plain form
    with pytest.raises(Refusal, match="the plain form of terms knows no other means for a price in hour"):
        lab.do(lab.cleo, "pay", claim="2 loaves")
    lab = Owing("3", form="full")
    with pytest.raises(Refusal, match="own credit"):
        lab.do(lab.cleo, "pay", claim="2 hour")
    lab = Owing()
    for text in ("loaves", "2", "0 loaves", "-1 EUR", "two EUR", "2 fine loaves"):
        with pytest.raises(Refusal):
            lab.do(lab.cleo, "pay", claim=text)
    assert not lab.ask(lab.cleo, "claim.list")


def test_what_is_owed_by_a_claim_is_not_cancelled() -> None:
    lab = Listed(price="3")
    lab.propose(form="full")
    lab.do(lab.ben, "accept")
    claim = lab.do(lab.cleo, "pay", claim="2 loaves")["duties"][-1]["claim"]["claim_id"]
    lab.ask(lab.ben, "claim.accept", id=claim)
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="3 hours: that was waived, perhaps for a claim"):
        lab.do(lab.ben, "cancel")


def test_a_claim_of_another_debtor_or_by_hand_pays_nothing() -> None:
    lab = Owing()
    by_hand = lab.ask(lab.cleo, "claim.propose", peer="Ben", amount="2", unit="loaves", exchange=lab.id)
    lab.sim.run(MINUTE)
    lab.answer(lab.ben, "accept", by_hand["claim_id"])
    assert by_hand["duty"] is None
    assert lab.duty(lab.ben)["state"] == "pending" and lab.typed(lab.cleo) == ["exchange pay"]
    # Ben says that he owes under the id that would be Cleo's: she takes it for what it is
    core, id_ = lab.ben.core, bytes.fromhex(lab.id)
    said = Settlement(lab.signer(lab.cleo).author, 100, claim_of(id_, "pay", 0), 0, id_, unit="eggs")
    core.claims._append(lab.network(lab.ben), None, Append("CLAIM", said), lab.now)
    lab.ask(lab.ben, "claim.list")
    lab.sim.run(10 * MINUTE)
    (asked,) = [c for c in lab.ask(lab.cleo, "claim.list") if c["state"] == "asked"]
    lab.answer(lab.cleo, "accept", asked["claim_id"])
    assert lab.duty(lab.cleo)["state"] == "pending" and lab.duty(lab.cleo)["claim"] is None
    second = lab.do(lab.cleo, "pay", claim="3 loaves")["duties"][-1]["claim"]["claim_id"]
    lab.answer(lab.ben, "accept", second)
    assert lab.shown(lab.cleo)["status"] == "settled"


@pytest.mark.parametrize("seed", range(6))
def test_with_crashes_and_losses_both_come_to_the_same(seed: int) -> None:
    lab = Owing()
    lab.sim.rng.seed(seed)
    claim = lab.ask(lab.cleo, "exchange.pay", id=lab.id, claim="2 loaves")["duties"][-1]["claim"]["claim_id"]
    lab.sim.faults = Faults(loss=0.25, duplicate=0.25, broken=0.01, crash=0.03, power_cut=0.01)
    for _ in range(20):
        lab.sim.run(10_000)
        if lab.ben.alive and any(c["state"] == "asked" for c in look(lab.ben, "claim.list", lab.now)):
            lab.sim.ask(lab.ben, "claim.accept", id=claim)
    lab.sim.faults = Faults()
    lab.sim.run(15 * MINUTE)
    for node in (lab.ben, lab.cleo):
        duty = lab.duty(node)
        assert (duty["state"] == "confirmed") == (duty["claim"]["state"] == "open")
    assert lab.duty(lab.ben)["state"] == lab.duty(lab.cleo)["state"]


def test_other_terms_and_a_claim_do_not_cross() -> None:
    lab = Owing("3", form="full")
    claim = lab.do(lab.cleo, "pay", claim="2 loaves")["duties"][-1]["claim"]["claim_id"]
    with pytest.raises(Refusal, match="2 loaves was offered for a payment that it changes"):
        lab.do(lab.cleo, "amend", price="2")
    lab.do(lab.ben, "amend", price="2")
    with pytest.raises(Refusal, match="other terms wait for an answer"):
        lab.answer(lab.ben, "accept", claim)
    with pytest.raises(Refusal, match="2 loaves was offered for a payment that it changes"):
        lab.do(lab.cleo, "accept")
    lab.do(lab.ben, "decline")  # he takes it back
    lab.answer(lab.ben, "accept", claim)
    assert lab.shown(lab.cleo)["status"] == "settled"
    with pytest.raises(Refusal, match="2 loaves is owed for a payment that it changes"):
        lab.do(lab.ben, "amend", price="4")
