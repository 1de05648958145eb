"""Agreements that do not go as agreed, between real cores: other terms, a mediator, defaults, goals."""

from base64 import b64decode
from typing import Any

import pytest

from ledger.history import check_history
from p2pnode.core.held import step_payload
from p2pnode.when import days_in_words
from protocols import exchange_messages as messages
from protocols.booking import Span
from protocols.errors import Refusal
from protocols.fact import seal_fact
from protocols.limits import DAY, HOUR, MAX_SKEW, MINUTE
from protocols.payments import Payment
from protocols.steps import parse_step
from tests.p2pnode.lab import Lab, sent

PAUSE = 2 * MINUTE


class Booked(Lab):
    """Cleo books Ben's barn from the day after tomorrow; Anna is the mediator."""

    def __init__(self, **asked: Any) -> None:
        super().__init__()
        listing = self.ask(
            self.ben, "listing.publish", direction="offer", kind="rent", title="Barn", price="2/hour", quantity=1
        )
        self.sim.run(PAUSE)
        start = self.now + 2 * DAY
        given = {"listing": listing["listing_id"], "start": start, "end": start + 3 * HOUR, "mediator": "Anna"}
        self.start = start
        self.id = self.ask(self.cleo, "exchange.propose", **(given | asked))["exchange_id"]
        self.sim.run(PAUSE)
        self.ask(self.ben, "exchange.accept", id=self.id)
        self.sim.run(PAUSE)

    def do(self, node: Any, verb: str, **fields: Any) -> Any:
        """One step; who accepts without naming the terms has read them."""
        if verb == "accept" and "terms" not in fields:
            self.shown(node)
        data = self.ask(node, f"exchange.{verb}", id=self.id, **fields)
        self.sim.run(PAUSE)
        return data

    def shown(self, node: Any) -> Any:
        return self.ask(node, "exchange.show", id=self.id)

    def both(self) -> list[Any]:
        return [self.shown(node) for node in (self.ben, self.cleo)]

    def states(self) -> dict[str, str]:
        ben, cleo = ({d["id"]: d["state"] for d in shown["duties"]} for shown in self.both())
        assert ben == cleo, "both see the same"
        return ben


def test_a_price_that_is_not_paid_is_replaced() -> None:
    lab = Booked()
    assert lab.shown(lab.cleo)["terms"]["form"] == 2
    lab.do(lab.ben, "amend", price="5", note="It was shorter")
    shown = lab.shown(lab.cleo)
    assert shown["amendment"]["by"] == "Ben"
    assert [s["command"].split()[2] for s in shown["next"] if s["who"] == "you"][:2] == ["accept", "decline"]
    lab.do(lab.cleo, "accept")
    for shown in lab.both():
        assert (shown["terms"]["price"]["amount"], shown["amendment"], shown["amended"]) == (500, None, 1)
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "confirm")
    lab.do(lab.cleo, "return")
    lab.do(lab.ben, "confirm")
    lab.do(lab.cleo, "pay")
    assert {shown["status"] for shown in lab.both()} == {"settled"}
    assert lab.ask(lab.ben, "ledger.balance")["balance"]["amount"] == 500


def test_what_was_paid_is_corrected_by_another_payment() -> None:
    lab = Booked()
    lab.do(lab.cleo, "pay")
    lab.do(lab.ben, "amend", price="4.50", note="One hour less")
    lab.do(lab.cleo, "accept")
    lab.do(lab.ben, "pay")
    assert lab.ask(lab.ben, "ledger.balance")["balance"]["amount"] == 450
    assert lab.states()["adjust-1"] == "confirmed"
    lab.do(lab.cleo, "amend", price="5")
    lab.do(lab.ben, "accept")
    lab.do(lab.cleo, "pay")
    assert lab.ask(lab.ben, "ledger.balance")["balance"]["amount"] == 500


def test_a_longer_time_moves_what_is_due() -> None:
    lab = Booked()
    before = {d["id"]: d["until"] for d in lab.shown(lab.ben)["duties"]}
    lab.do(lab.cleo, "amend", end=lab.start + 5 * HOUR)
    old, new = (days_in_words([Span(lab.start, lab.start + hours * HOUR)], "UTC") for hours in (3, 5))
    assert f"time: {new} (UTC) instead of {old} (UTC)" in lab.shown(lab.ben)["amendment"]["changes"]
    lab.do(lab.ben, "accept")
    after = {d["id"]: d["until"] for d in lab.shown(lab.ben)["duties"]}
    assert after["return"] == before["return"] + 2 * HOUR
    assert after["handover"] == before["handover"]


def test_declining_and_taking_back_an_amendment() -> None:
    lab = Booked()
    lab.do(lab.ben, "amend", price="9")
    lab.do(lab.cleo, "decline")
    lab.do(lab.cleo, "amend", price="3")
    lab.do(lab.cleo, "decline")
    for shown in lab.both():
        assert (shown["amendment"], shown["terms"]["price"]["amount"]) == (None, 600)
    with pytest.raises(Refusal, match="changes nothing"):
        lab.ask(lab.ben, "exchange.amend", id=lab.id)


def test_the_mediator_decides_with_one_of_them() -> None:
    lab = Booked()
    lab.do(lab.ben, "handover")
    with pytest.raises(Refusal, match="no exchange"):
        lab.ask(lab.anna, "exchange.show", id=lab.id)  # until he is called, it is none of his business
    lab.do(lab.cleo, "dispute", note="The roof leaks")
    shown = lab.shown(lab.anna)
    assert (shown["role"], shown["dispute"]) == ("mediator", "open")
    assert [s["command"].split()[2] for s in shown["next"] if s["who"] == "you"] == ["rule"]
    lab.do(lab.anna, "rule", award="1.50", to="Cleo", note="Half of it")
    assert lab.shown(lab.ben)["amendment"]["ruling"]
    lab.do(lab.cleo, "accept")
    for node in (lab.ben, lab.cleo, lab.anna):
        assert lab.shown(node)["dispute"] == "ruled"
    assert lab.states() == {"award-1": "pending"}
    names = [lab.shown(node)["role_name"] for node in (lab.ben, lab.cleo, lab.anna)]
    assert names == ["owner", "renter", "mediator"], "whatever is owed in the end"
    lab.do(lab.ben, "pay")
    assert {shown["status"] for shown in lab.both()} == {"settled"}
    assert lab.ask(lab.cleo, "ledger.balance")["balance"]["amount"] == 150


def test_a_mediator_has_nothing_left_to_do_once_his_ruling_stands() -> None:
    lab = Booked()
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "dispute", note="Full of hens")
    lab.do(lab.anna, "rule", award="1.50", to="Ben")
    assert lab.ask(lab.anna, "exchange.list", open=True), "nobody has accepted it yet"
    lab.do(lab.ben, "accept")
    assert lab.shown(lab.anna)["next"] == [] and lab.ask(lab.anna, "exchange.list", open=True) == []
    assert [row["dispute"] for row in lab.ask(lab.anna, "exchange.list")] == ["ruled"]
    assert [s["who"] for s in lab.shown(lab.ben)["next"]] == ["Cleo"] and lab.ask(lab.ben, "exchange.list", open=True)
    lab.do(lab.cleo, "pay")
    assert lab.shown(lab.anna)["status"] == "settled", "she sees what became of it"


def test_the_mediator_sees_what_was_paid() -> None:
    lab = Booked(deposit="1")
    lab.do(lab.cleo, "pay", duty="deposit")
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "dispute")
    shown = {p["duty"]: p["state"] for p in lab.shown(lab.anna)["payments"]}
    assert (shown["deposit"], shown["pay"]) == ("settled", "pending")
    lab.sim.crash(lab.anna)
    lab.sim.restart(lab.anna)
    lab.sim.run(PAUSE)
    lab.do(lab.anna, "rule", award="2", to="Ben")
    lab.do(lab.ben, "accept")
    assert lab.states() == {"deposit": "confirmed", "refund": "pending", "award-1": "pending"}
    lab.do(lab.ben, "pay", duty="refund")
    lab.do(lab.cleo, "pay")
    assert {shown["status"] for shown in lab.both()} == {"settled"}
    assert lab.ask(lab.ben, "ledger.balance")["balance"]["amount"] == 200


def test_who_defies_a_ruling_is_overdue_and_defaults() -> None:
    lab = Booked()
    lab.do(lab.cleo, "dispute")
    lab.do(lab.anna, "rule", award="1", to="Cleo")
    lab.do(lab.cleo, "accept")
    lab.leap(8 * DAY)
    assert [d["overdue"] for d in lab.shown(lab.ben)["duties"]] == [True]
    lab.do(lab.cleo, "default")
    assert lab.states() == {"award-1": "defaulted"}
    assert {shown["status"] for shown in lab.both()} == {"defaulted"}


def test_only_a_mediator_rules_and_only_what_is_overdue_defaults() -> None:
    lab = Booked()
    with pytest.raises(Refusal, match="not the mediator"):
        lab.ask(lab.ben, "exchange.rule", id=lab.id)
    with pytest.raises(Refusal, match="nothing that the other side owes you is overdue"):
        lab.ask(lab.cleo, "exchange.default", id=lab.id)
    with pytest.raises(Refusal, match="which of them"):
        lab.ask(lab.ben, "exchange.waive", id=lab.id)


def test_a_no_show_is_told_by_the_node_and_proved() -> None:
    lab = Booked()
    lab.leap(3 * DAY)
    shown = lab.shown(lab.cleo)
    assert {d["id"]: d["overdue"] for d in shown["duties"]}["handover"]
    assert "default" in [s["command"].split()[2] for s in shown["next"] if s["who"] == "you"]
    lab.do(lab.cleo, "default", duty="handover")
    lab.do(lab.cleo, "cancel")
    assert {shown["status"] for shown in lab.both()} == {"defaulted"}
    assert lab.shown(lab.ben)["cancelled_by"] == "Cleo"


def test_cancelling_alone_and_its_fee() -> None:
    lab = Booked(cancel_until=DAY, fee="1")
    lab.do(lab.cleo, "cancel")
    assert {shown["status"] for shown in lab.both()} == {"cancelled"}
    assert [s["who"] for s in lab.shown(lab.cleo)["next"]] == ["you", "Ben"], "she pays the fee, he may rate"
    lab.do(lab.cleo, "pay")
    assert lab.ask(lab.ben, "ledger.balance")["balance"]["amount"] == 100
    assert [s["who"] for s in lab.shown(lab.cleo)["next"]] == ["Ben"]


@pytest.mark.parametrize(("ahead", "taken"), [(MAX_SKEW, True), (MAX_SKEW + 1, False)])
def test_what_is_dated_ahead_is_not_taken_yet(ahead: int, taken: bool) -> None:
    lab = Booked()
    held = lab.cleo.core.exchanges.held[bytes.fromhex(lab.id)]
    view = lab.cleo.core.exchanges.view(held, lab.now)
    fact = seal_fact(
        lab.signer(lab.ben),
        network=held.network,
        deal=held.id,
        kind="done",
        prev=view.acceptance.id,
        at=lab.now + ahead,
        payload=step_payload(duty="handover"),
    )
    answers = sent(lab.say(lab.cleo, messages.FactMessage(fact.wire)))
    assert (messages.Ack(fact.id) in answers) == taken
    assert (fact.id in held.facts) == taken


def test_the_history_shows_the_same_to_anybody() -> None:
    lab = Booked()
    lab.do(lab.ben, "handover", note="Two keys")
    lab.do(lab.cleo, "pay")
    data = b64decode(lab.ask(lab.ben, "exchange.history", id=lab.id)["history"])
    view = check_history(data, lab.now).view
    assert {d["id"]: d["state"] for d in lab.shown(lab.cleo)["duties"]} == {k: str(v) for k, v in view.duties.items()}
    assert view.payments["pay"] is Payment.SETTLED
    assert [f.text for f in map(parse_step, view.notes)] == ["Two keys"]


def test_waived_instead_of_paid() -> None:
    lab = Booked()
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "return")
    lab.do(lab.ben, "confirm")
    lab.do(lab.ben, "waive", duty="pay", note="Thanks for mowing")
    assert {shown["status"] for shown in lab.both()} == {"settled"}
    assert lab.ask(lab.ben, "ledger.balance")["balance"]["amount"] == 0


def service(lab: Lab, **asked: Any) -> str:
    """The exchange in which Ben works for Cleo, who has to be sure of it in full form; it is agreed."""
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="service", title="Fence", quantity=1)
    lab.sim.run(PAUSE)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"], form="full", **asked)["exchange_id"]
    lab.sim.run(PAUSE)
    lab.ask(lab.ben, "exchange.accept", id=id_)
    lab.sim.run(PAUSE)
    return str(id_)


def words(lab: Lab, node: Any, id_: str) -> list[str]:
    return [s["command"].split()[2] for s in lab.ask(node, "exchange.show", id=id_)["next"] if s["who"] == "you"]


def test_work_that_was_contested_can_be_done_again() -> None:
    lab = Lab()
    id_ = service(lab)
    for result in ("ab" * 32, "cd" * 32):
        lab.ask(lab.ben, "exchange.done", id=id_, result=result)
        lab.sim.run(PAUSE)
        if result[0] == "a":
            lab.ask(lab.cleo, "exchange.dispute", id=id_, note="Two boards are missing")
            lab.sim.run(PAUSE)
            assert (words(lab, lab.ben, id_), words(lab, lab.cleo, id_)) == (["done", "cancel"], ["confirm", "cancel"])
    facts = lab.cleo.core.exchanges.held[bytes.fromhex(id_)].facts.values()
    assert [parse_step(f).result.hex()[:2] for f in sorted(facts, key=lambda f: f.at) if f.kind == "done"] == [
        "ab",
        "cd",
    ]
    lab.ask(lab.cleo, "exchange.confirm", id=id_)
    lab.sim.run(PAUSE)
    assert lab.ask(lab.ben, "exchange.show", id=id_)["duties"][0]["state"] == "confirmed"


def test_a_mediator_decides_on_work_that_was_paid_before_it_was_looked_at() -> None:
    lab = Lab()
    id_ = service(lab, price="2", mediator="Anna")
    steps = (
        (lab.ben, "done", {}), (lab.cleo, "pay", {}), (lab.cleo, "dispute", {"note": "It leans"}),
        (lab.anna, "rule", {"award": "1", "to": "Cleo"}), (lab.cleo, "accept", {}), (lab.ben, "pay", {}),
    )  # fmt: skip
    for node, verb, fields in steps:
        lab.ask(node, "exchange.show", id=id_)
        lab.ask(node, f"exchange.{verb}", id=id_, **fields)
        lab.sim.run(PAUSE)
    shown = lab.ask(lab.ben, "exchange.show", id=id_)
    assert ({d["id"]: d["state"] for d in shown["duties"]}, shown["status"]) == (
        {"pay": "confirmed", "award-1": "confirmed"},
        "settled",
    )
    assert lab.ask(lab.ben, "ledger.balance")["balance"]["amount"] == 100


def test_what_was_never_done_is_to_be_had_again() -> None:
    """A default frees what there is of a listing; what was done does not come back."""
    lab = Lab()
    listing = lab.ask(lab.ben, "listing.publish", direction="request", kind="task", title="Sort", quantity=1)
    lab.sim.run(PAUSE)

    def claimed(node: Any) -> str:
        id_ = lab.ask(node, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
        lab.sim.run(PAUSE)
        lab.ask(lab.ben, "exchange.accept", id=id_)
        lab.sim.run(PAUSE)
        return str(id_)

    first = claimed(lab.cleo)
    with pytest.raises(Refusal, match="paused"):
        claimed(lab.dora)
    lab.sim.now += 8 * DAY
    lab.ask(lab.ben, "exchange.default", id=first)
    lab.sim.run(PAUSE)
    lab.ask(lab.dora, "exchange.done", id=claimed(lab.dora))
    lab.sim.run(PAUSE)
    with pytest.raises(Refusal, match="paused"):
        claimed(lab.anna)


def test_what_is_contested_is_not_to_be_paid_before_it_is_decided() -> None:
    lab = Booked()
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "return")
    assert "pay" in [s["command"].split()[2] for s in lab.shown(lab.cleo)["next"]]
    lab.do(lab.ben, "dispute", duty="return", note="It has a hole")
    shown = lab.shown(lab.cleo)
    assert "pay" not in [s["command"].split()[2] for s in shown["next"]]
    assert [n["text"] for n in shown["notes"]].count("It has a hole") == 1


def test_status_says_what_is_overdue() -> None:
    lab = Booked()
    assert not [w for w in lab.ask(lab.cleo, "status")["warnings"] if "overdue" in w]
    lab.leap(3 * DAY)
    show = f"p2pnode exchange show {lab.id[:8]}"
    for node, other in ((lab.cleo, "Ben"), (lab.ben, "Cleo")):  # neither was there, as far as the other knows
        assert f"overdue: 'Barn' with {other}: {show}" in lab.ask(node, "status")["warnings"]
