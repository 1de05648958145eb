"""What is asked beyond a listing, from the command to the terms that both hold."""

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.street import look


class Market(Lab):
    """Ben publishes; Cleo asks for it."""

    def listing(self, direction="offer", kind="rent", title="A drill", **more):
        made = self.ask(self.ben, "listing.publish", direction=direction, kind=kind, title=title, **more)
        self.sim.run(MINUTE)
        return made["listing_id"]

    def foreseen(self, listing, **asked):
        terms = self.ask(self.cleo, "exchange.foresee", listing=listing, **asked)["terms"]
        assert not look(self.cleo, "exchange.list", self.now), "nothing was said"
        return terms

    def times(self):
        return {"start": self.now + 10 * DAY, "end": self.now + 10 * DAY + 4 * HOUR}


@pytest.fixture(scope="module")
def market():
    return Market(31)


def test_a_booking_is_full_by_itself_and_plain_if_asked(market):
    drill = market.listing(price="1/hour", quantity=2)
    times = market.times()
    terms = market.foreseen(drill, **times)
    assert (terms["form"], terms["capacity"]) == (2, 2)
    assert [d["id"] for d in terms["duties"]] == ["fetch", "handover", "return", "pay"]
    assert {rule["until"] for rule in terms["cancellation"]} == {times["start"] - DAY}
    assert market.foreseen(drill, **times, form="plain")["form"] == 1
    assert market.foreseen(drill, quantity=2)["form"] == 1, "no time, no booking"
    assert market.foreseen(drill, quantity=2, form="full")["form"] == 2


def test_conditions_one_by_one(market):
    saw = market.listing(kind="sell", title="A saw", price="3")
    times = market.times()
    assert market.foreseen(saw)["form"] == 1
    assert market.foreseen(saw, mediator="Anna")["mediator"] == "Anna"
    assert market.foreseen(saw, within=2 * DAY)["duties"][0]["within"] == 2 * DAY
    assert market.foreseen(saw, share=("me:1", "Anna:2"))["split"] == [
        {"who": "you", "parts": 1}, {"who": "Anna", "parts": 2},
    ]  # fmt: skip
    assert market.foreseen(saw, parent="ab" * 32)["parent"] == "ab" * 32
    terms = market.foreseen(saw, cancel_until=2 * DAY, fee="0.5", **times)
    assert {rule["until"] for rule in terms["cancellation"]} == {times["start"] - 2 * DAY}
    assert {(d["id"], d["amount"]["amount"]) for d in terms["duties"] if d["on"]} == {
        ("fee-giver", 50), ("fee-taker", 50),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"mediator": "Ben"}, "mediator of its own deal"),
        ({"mediator": "Nobody"}, "no peer"),
        ({"share": ("Anna",)}, "not a share"),
        ({"share": ("Anna:0",)}, "not a share"),
        ({"share": ("Anna:1", "Anna:2")}, "named twice"),
        ({"parent": "zz" * 32}, "not an exchange"),
        ({"parent": "ab"}, "no exchange"),
        ({"cancel_until": DAY}, "no start"),
        ({"fee": "1"}, "a fee is for who may cancel alone"),
        ({"goal": "0"}, "goal of nothing"),
        ({"goal": "many"}, "not an amount"),
        ({"leg": ("mine: apples",)}, "no legs"),
    ],
)
def test_what_cannot_be_asked(market, asked, said):
    saw = look(market.ben, "listing.list", market.now)
    listing = next(r["listing_id"] for r in saw if r["title"] == "A saw")
    with pytest.raises(Refusal, match=said):
        market.foreseen(listing, **asked)


def test_legs_of_barter(market):
    hens = market.listing(kind="barter", title="Two hens")
    terms = market.foreseen(hens, leg=("mine: a basket of apples",))
    assert [(d["who"], d["what"]) for d in terms["duties"]] == [("Ben", "Two hens"), ("you", "a basket of apples")]
    assert terms["form"] == 1 and terms["price"] is None
    wanted = market.listing("request", "barter", "Straw")
    terms = market.foreseen(wanted, leg=("yours: honey", "yours: wax"))
    assert [(d["who"], d["what"]) for d in terms["duties"]] == [("you", "Straw"), ("Ben", "honey"), ("Ben", "wax")]
    with pytest.raises(Refusal, match="not a leg"):
        market.foreseen(hens, leg=("apples",))
    with pytest.raises(Refusal, match="to and fro"):
        market.foreseen(hens)


def test_a_goal_comes_from_the_listing(market):
    barn = market.listing("request", "barn", "Raise the barn", goal="10")
    fund = market.listing("request", "fund", "A well", goal="500 hour")
    times = market.times()
    terms = market.foreseen(barn, **times)
    assert terms["goal"] == {"least": 10, "unit": "", "until": times["start"] - DAY}
    terms = market.foreseen(fund, price="20")
    assert (terms["goal"]["least"], terms["goal"]["unit"]) == (50_000, "hour")
    assert [(d["id"], d["who"]) for d in terms["duties"]] == [("pay", "you"), ("work", "Ben")]
    until = market.now + DAY
    assert market.foreseen(fund, price="20", goal="30 hour", goal_until=until)["goal"] == {
        "least": 3_000, "unit": "hour", "until": until,
    }  # fmt: skip
    with pytest.raises(Refusal, match="a barn is at a time"):
        market.foreseen(barn)


def test_it_can_be_too_late_to_order(market):
    box = market.listing(kind="food", title="A box", orders=2 * DAY)
    assert market.foreseen(box, start=market.now + 3 * DAY)["form"] == 1
    with pytest.raises(Refusal, match="orders close 2d before"):
        market.foreseen(box, start=market.now + DAY)


def test_labels_are_tags_that_an_edit_keeps(market):
    project = market.listing("request", "project", "A map of all paths", tags=("map",))
    task = market.listing("request", "task", "Map the north", tags=("map",), part_of=project[:12], instant=True)
    row = market.ask(market.ben, "listing.edit", id=task, tags=("paths",), goal="3")
    assert row["tags"] == ["paths", "goal=3", f"part={project[:24]}", "instant"]
    assert row["labels"] == {
        "goal": {"amount": 3, "unit": ""}, "orders": None, "part_of": project[:24], "instant": True,
        "handover": None,
    }  # fmt: skip
    row = market.ask(market.ben, "listing.edit", id=task, goal="", part_of="", instant=False)
    assert row["tags"] == ["paths"]


def test_what_is_agreed_is_what_was_asked_and_a_counter_keeps_it():
    lab = Market(32)
    drill = lab.listing(price="1/hour")
    times = lab.times()
    shown = lab.ask(lab.cleo, "exchange.propose", listing=drill, mediator="Anna", within=HOUR, **times)
    lab.sim.run(MINUTE)
    later = {key: at + HOUR for key, at in times.items()}
    foreseen = lab.ask(lab.ben, "exchange.foresee_counter", id=shown["exchange_id"], **later)
    assert foreseen["terms"]["from"] == later["start"] and foreseen["terms"]["mediator"] == "Anna"
    assert look(lab.ben, "exchange.list", lab.now)[0]["status"] == "proposed", "nothing was said"
    lab.ask(lab.ben, "exchange.counter", id=shown["exchange_id"], **later)
    lab.sim.run(MINUTE)
    held = lab.cleo.core.exchanges.find(shown["exchange_id"])
    terms = lab.cleo.core.exchanges.view(held, lab.now).terms
    assert lab.cleo.core.state.directory.name(terms.mediator) == "Anna"
    assert {rule.until for rule in terms.cancellation} == {later["start"] - DAY}
    assert [d.id for d in terms.duties] == ["fetch", "handover", "return", "pay"]
    assert terms.duty("handover").within == HOUR
    assert terms.duty("return").until == later["end"] + HOUR // 2
    assert lab.ask(lab.cleo, "exchange.accept", id=shown["exchange_id"])["status"] == "agreed"
