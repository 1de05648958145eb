"""What neighbours are told of their exchanges, in words, and whose turn it is."""

from typing import Any

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab


class Listed(Lab):
    """Something of Ben's that Cleo asks for."""

    def __init__(self, **listing: Any) -> None:
        super().__init__(3)
        given = {"direction": "offer", "kind": "sell", "title": "Honey"} | listing
        self.listing = self.ask(self.ben, "listing.publish", **given)["listing_id"]
        self.sim.run(MINUTE)

    def propose(self, **asked: Any) -> str:
        self.id = str(self.ask(self.cleo, "exchange.propose", listing=self.listing, **asked)["exchange_id"])
        self.sim.run(MINUTE)
        return self.id

    def do(self, node: Any, verb: str, **fields: Any) -> Any:
        """One step; who accepts without naming the terms has read them."""
        if verb == "accept" and "terms" not in fields:
            self.shown(node)
        data = self.ask(node, f"exchange.{verb}", id=self.id, **fields)
        self.sim.run(MINUTE)
        return data

    def shown(self, node: Any) -> Any:
        return self.ask(node, "exchange.show", id=self.id)

    def mine(self, node: Any) -> list[tuple[str, int | None]]:
        steps = self.shown(node)["next"]
        return [(s["command"].split()[2], s["until"]) for s in steps if s["who"] == "you"]


def test_who_borrows_is_the_taker_though_he_comes_to_fetch_it() -> None:
    lab = Listed(kind="lend", title="Apple press")
    lab.propose(start=lab.now + 2 * DAY, end=lab.now + 2 * DAY + 4 * HOUR)
    assert [d["id"] for d in lab.shown(lab.cleo)["duties"]] == ["fetch", "handover", "return"]
    assert [lab.shown(node)["role"] for node in (lab.ben, lab.cleo)] == ["giver", "taker"]


def test_until_when_something_can_be_contested() -> None:
    lab = Listed(price="2")
    lab.propose(form="full")
    lab.do(lab.ben, "accept")
    done_at = lab.now
    lab.do(lab.ben, "handover")
    handover = lab.shown(lab.cleo)["duties"][0]
    assert handover["state"] == "done" and done_at + 2 * DAY <= handover["confirmed_at"] < done_at + 2 * DAY + MINUTE
    assert ("confirm", handover["confirmed_at"]) in lab.mine(lab.cleo)
    lab.do(lab.cleo, "confirm")
    assert lab.shown(lab.cleo)["duties"][0]["confirmed_at"] is None


def test_a_correction_says_who_pays_what_and_what_the_price_is_now() -> None:
    lab = Listed(price="2")
    lab.propose(form="full")
    lab.do(lab.ben, "accept")
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "pay")
    lab.do(lab.cleo, "amend", price="1.50")
    assert lab.shown(lab.ben)["amendment"]["changes"] == ["you: pay 0.5 hours back, as the price was corrected"]
    lab.do(lab.ben, "accept")
    shown = lab.shown(lab.cleo)
    assert shown["terms"]["corrected"] == {"amount": 150, "unit": "hour"}
    assert shown["duties"][-1]["what"] == "pay 0.5 hours back, as the price was corrected"
    lab.do(lab.ben, "pay")
    lab.do(lab.ben, "amend", price="3")
    assert lab.shown(lab.cleo)["amendment"]["changes"] == ["you: pay 1.5 hours more, as the price was corrected"]


def test_what_is_given_in_return_in_a_barter() -> None:
    lab = Listed(kind="barter", title="Potatoes")
    lab.propose(leg=("mine: thirty eggs", "mine: a loaf", "mine: a jar of jam"))
    assert lab.shown(lab.ben)["terms"]["in_return"] == "thirty eggs, a loaf and a jar of jam"
    lab.do(lab.ben, "counter", leg=("yours: thirty eggs", "mine: potatoes"), price="1", note="And an hour")
    with pytest.raises(Refusal, match=r"Potatoes, for thirty eggs and 1 hour; note: And an hour$"):
        lab.do(lab.cleo, "accept", terms="0" * 16)


def test_the_other_terms_are_named_without_what_goes_without_saying() -> None:
    lab = Listed(price="2")
    lab.propose(quantity=3)
    lab.do(lab.ben, "counter", price="5")
    with pytest.raises(Refusal, match=r"are other ones now: 3 × Honey, for 5 hours$"):
        lab.do(lab.cleo, "accept", terms="0" * 16)


def test_what_a_fee_is_for_is_said() -> None:
    lab = Listed(kind="lend", title="Apple press")
    lab.propose(start=lab.now + 2 * DAY, end=lab.now + 2 * DAY + 4 * HOUR, cancel_until=DAY, fee="1")
    fees = [d["what"] for d in lab.shown(lab.cleo)["duties"] if d["id"].startswith("fee-")]
    assert fees == ["pay 1 hour for cancelling alone"] * 2


def test_terms_with_a_fee_can_be_countered() -> None:
    lab = Listed(kind="rent", title="Mower", price="2/hour")
    lab.propose(start=lab.now + 2 * DAY, end=lab.now + 2 * DAY + 4 * HOUR, cancel_until=DAY, fee="1")
    assert lab.do(lab.ben, "counter", note="Mind the rain")["status"] == "countered"
    assert lab.do(lab.cleo, "accept")["status"] == "agreed"


def test_who_wants_to_cancel_still_gives_back_what_he_has() -> None:
    lab = Listed(kind="lend", title="Apple press")
    lab.propose()
    lab.do(lab.ben, "accept")
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "cancel")
    assert [word for word, _ in lab.mine(lab.cleo)] == ["return"]
    lab.do(lab.cleo, "return")
    lab.do(lab.ben, "confirm")
    steps = {(s["who"], s["command"].split()[1]) for s in lab.shown(lab.ben)["next"]}
    assert steps == {("you", "attest"), ("Cleo", "attest")}, "nothing that is over can be cancelled"


def test_what_the_other_side_does_without_is_not_asked_for_any_more() -> None:
    lab = Listed(kind="help", title="Pruning", price="1")
    lab.propose(form="full")
    lab.do(lab.ben, "accept")
    lab.do(lab.ben, "done")
    lab.do(lab.ben, "waive")
    assert [word for word, _ in lab.mine(lab.cleo) if word == "pay"] == []
    with pytest.raises(Refusal, match="does without"):
        lab.do(lab.cleo, "pay")


def test_one_command_is_named_once_though_it_stands_for_several_duties() -> None:
    lab = Listed(kind="barter", title="Potatoes")
    lab.propose(leg=("mine: thirty eggs", "mine: a loaf"))
    lab.do(lab.ben, "accept")
    assert [word for word, _ in lab.mine(lab.cleo)] == ["done"]


def test_how_many_are_left_is_said_in_good_english() -> None:
    lab = Listed(quantity=1)
    first = lab.propose()
    second = lab.propose()
    assert lab.ask(lab.ben, "exchange.accept", id=first)["status"] == "agreed"
    with pytest.raises(Refusal, match=r"^1 is wanted, none is left$") as e:
        lab.ask(lab.ben, "exchange.accept", id=second)
    assert e.value.hint.startswith("Decline")


def test_what_is_sold_does_not_come_back_when_the_listing_is_signed_again() -> None:
    lab = Listed(quantity=1)
    lab.propose()
    lab.do(lab.ben, "accept")
    lab.ask(lab.ben, "listing.renew", id=lab.listing)
    lab.ask(lab.ben, "listing.edit", id=lab.listing, text="From the hives by the mill")
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="paused"):
        lab.propose()
    lab.ask(lab.ben, "listing.edit", id=lab.listing, quantity=1)
    lab.sim.run(MINUTE)
    lab.propose()
    assert lab.do(lab.ben, "accept")["status"] == "agreed", "its owner has said how many there are now"


def test_a_barter_that_was_asked_for_is_countered_the_right_way_round() -> None:
    lab = Listed(direction="request", kind="barter", title="Potatoes")
    lab.propose(leg=("yours: two hours",))
    lab.do(lab.ben, "counter", leg=("mine: one hour",))
    given = [(d["provider_name"], d["what"]) for d in lab.shown(lab.ben)["duties"]]
    assert given == [("Cleo", "Potatoes"), ("you", "one hour")]


def test_cash_that_was_received_stands_against_cancelling_as_a_settled_payment_does() -> None:
    lab = Listed(price="80 EUR")
    lab.propose()
    lab.do(lab.ben, "accept")
    lab.do(lab.cleo, "pay", note="in an envelope")
    lab.do(lab.cleo, "cancel")  # so far it is only her word
    lab.do(lab.ben, "confirm", duty="pay")
    assert lab.mine(lab.ben) == [("handover", None)] and lab.mine(lab.cleo) == []
    with pytest.raises(Refusal, match="80 EUR: that was confirmed as received") as refused:
        lab.do(lab.ben, "cancel")
    assert "new exchange" in refused.value.hint
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "confirm")
    assert [lab.shown(n)["status"] for n in (lab.ben, lab.cleo)] == ["settled"] * 2


@pytest.mark.parametrize("price", ["2", "2 EUR"])
def test_who_contests_what_he_got_is_not_asked_to_pay_for_it(price: str) -> None:
    lab = Listed(price=price)
    lab.propose()
    lab.do(lab.ben, "accept")
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "dispute", note="The jar is broken")
    assert lab.mine(lab.cleo) == [("confirm", None), ("cancel", None)] and lab.mine(lab.ben) == [("cancel", None)]
    with pytest.raises(Refusal, match="you have contested this: hand over Honey") as refused:
        lab.do(lab.cleo, "pay")
    assert "confirm or cancel" in refused.value.hint
    lab.do(lab.cleo, "confirm")
    assert ("pay", None) in lab.mine(lab.cleo)
    lab.do(lab.cleo, "pay")
    lab.do(lab.ben, "confirm") if "EUR" in price else None
    assert lab.shown(lab.ben)["status"] == "settled"


def test_who_contests_may_pay_all_the_same_or_both_cancel() -> None:
    lab = Listed(price="2")
    for verb in ("pay", "cancel"):
        lab.propose()
        lab.do(lab.ben, "accept")
        lab.do(lab.ben, "handover")
        lab.do(lab.cleo, "dispute")
        lab.do(lab.cleo, verb, **({"duty": "pay"} if verb == "pay" else {}))
        if verb == "cancel":
            lab.do(lab.ben, "cancel")
        assert lab.shown(lab.ben)["status"] == ("active" if verb == "pay" else "cancelled")


def test_money_that_has_not_come_can_be_paid_again() -> None:
    lab = Listed(price="2 EUR")
    lab.propose()
    lab.do(lab.ben, "accept")
    lab.do(lab.cleo, "pay")
    lab.do(lab.ben, "dispute", duty="pay", note="Nothing on my account")
    assert lab.mine(lab.cleo)[0] == ("pay", None) and ("confirm", None) in lab.mine(lab.ben)
    lab.do(lab.cleo, "pay", note="in cash")
    lab.do(lab.ben, "confirm")
    assert {d["id"]: d["state"] for d in lab.shown(lab.cleo)["duties"]}["pay"] == "confirmed"


def test_who_waits_to_be_fetched_from_what_the_other_does_without_says_so_too() -> None:
    lab = Listed(kind="lend", title="Apple press")
    lab.propose(start=lab.now + 2 * DAY, end=lab.now + 2 * DAY + 4 * HOUR)
    lab.do(lab.ben, "accept")
    lab.do(lab.cleo, "waive", duty="handover")
    lab.do(lab.ben, "waive", duty="return")
    assert ("waive", None) in lab.mine(lab.ben)
    lab.do(lab.ben, "waive", duty="fetch")
    assert lab.shown(lab.cleo)["status"] == "settled"
