"""Whether a thing is brought or fetched: what its listing offers, what is asked, what is agreed; old and new nodes."""

import pytest

from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.lab import Lab


class Stall(Lab):
    """Ben publishes; Cleo asks for it."""

    def listing(self, kind="sell", direction="offer", **more):
        price = {} if kind in ("give", "lend") else {"price": "1"}
        fields = {"direction": direction, "kind": kind, "title": "Honey", **price, **more}
        made = self.ask(self.ben, "listing.publish", **fields)
        self.sim.run(MINUTE)
        return made["listing_id"]

    def foreseen(self, listing, **asked):
        terms = self.ask(self.cleo, "exchange.foresee", listing=listing, **asked)["terms"]
        return terms["handover"], terms["form"], [d["what"] for d in terms["duties"] if not d["amount"]]

    def proposed(self, listing, **asked):
        id_ = self.ask(self.cleo, "exchange.propose", listing=listing, **asked)["exchange_id"]
        self.sim.run(MINUTE)
        return id_

    def countered(self, listing):
        id_ = self.proposed(listing)
        self.step(self.ben, "counter", id_, price="2")
        return id_

    def step(self, node, command, id_, **more):
        self.ask(node, f"exchange.{command}", id=id_, **more)
        self.sim.run(MINUTE)
        both = [self.ask(n, "exchange.show", id=id_) for n in (self.ben, self.cleo)]
        assert both[0]["terms"]["hash"] == both[1]["terms"]["hash"]
        return both[0]["status"], both[0]["terms"]["handover"], both[0]["duties"][0]["what"]


@pytest.fixture(scope="module")
def stall():
    return Stall(38)


@pytest.mark.parametrize("kind", ["sell", "give", "food", "want", "rent", "lend"])
def test_it_is_said_in_words_and_old_nodes_read_it(stall, kind):
    honey = stall.listing(kind, "request" if kind == "want" else "offer")
    assert stall.foreseen(honey)[0] is None and "hand over Honey" in stall.foreseen(honey)[2]
    way, form, what = stall.foreseen(honey, way="bring")
    assert (way, form) == ("bring", 1) and "bring Honey" in what and "hand over Honey" not in what
    assert "let Honey be fetched" in stall.foreseen(honey, way="fetch")[2]


def test_who_waits_for_what_is_brought_is_not_told_to_fetch_it(stall):
    full = stall.foreseen(stall.listing("rent"), way="bring", form="full")
    assert full[2][:2] == ["be there when Honey is brought", "bring Honey"]
    assert stall.foreseen(stall.listing("rent"), way="fetch", form="full")[2][0] == "be there to fetch Honey"


def test_what_goes_nowhere_is_not_brought(stall):
    lawn = stall.listing("service", title="The lawn")
    with pytest.raises(Refusal, match="nothing is brought or fetched in a service"):
        stall.foreseen(lawn, way="bring")
    with pytest.raises(Refusal, match="nothing is brought or fetched in a service"):
        stall.listing("service", handover="bring")


def test_a_counter_keeps_the_way_unless_it_names_another(stall):
    id_ = stall.proposed(stall.listing(), way="bring")
    assert stall.step(stall.ben, "counter", id_, price="2") == ("countered", "bring", "bring Honey")
    assert stall.step(stall.cleo, "counter", id_, way="fetch") == ("countered", "fetch", "let Honey be fetched")
    assert stall.step(stall.ben, "counter", id_, way="") == ("countered", None, "hand over Honey")
    assert stall.step(stall.cleo, "counter", id_, way="bring", instalments=2)[1:] == (
        "bring",
        "bring Honey, part 1 of 2",
    )
    assert stall.step(stall.ben, "counter", id_, price="3")[1:] == ("bring", "bring Honey, part 1 of 2")
    assert stall.step(stall.cleo, "accept", id_) == ("agreed", "bring", "bring Honey, part 1 of 2")


def test_a_listing_that_offers_one_way_is_had_that_way_only(stall):
    fetched, either = stall.listing(handover="fetch"), stall.listing(handover="both")
    assert stall.ask(stall.cleo, "listing.show", id=fetched)["labels"]["handover"] == "fetch"
    assert stall.foreseen(fetched)[0] == "fetch", "what is proposed says so, too"
    assert [stall.foreseen(either, way=way)[0] for way in ("", "bring", "fetch")] == [None, "bring", "fetch"]
    before = len(stall.ask(stall.cleo, "exchange.list"))
    with pytest.raises(Refusal, match="only to be fetched"):
        stall.proposed(fetched, way="bring")
    assert len(stall.ask(stall.cleo, "exchange.list")) == before, "nothing was signed"
    id_ = stall.proposed(fetched)
    assert stall.step(stall.ben, "counter", id_, way="bring", price="2")[1] == "bring", "its owner may go beyond it"
    with pytest.raises(Refusal, match="only to be fetched"):
        stall.ask(stall.cleo, "exchange.counter", id=stall.countered(fetched), way="bring")


def test_an_edit_keeps_the_label_and_the_empty_text_takes_it_away(stall):
    honey = stall.listing(handover="bring", tags=("bees",))
    row = stall.ask(stall.ben, "listing.edit", id=honey, tags=("wax",))
    assert row["tags"] == ["wax", "handover=bring"]
    row = stall.ask(stall.ben, "listing.edit", id=honey, handover="")
    assert (row["tags"], row["labels"]["handover"]) == (["wax"], None)
    with pytest.raises(Refusal, match="nothing is brought or fetched in a help"):
        stall.ask(stall.ben, "listing.edit", id=honey, kind="help", handover="both")


@pytest.mark.parametrize(
    ("handover", "way", "status"),
    [
        ("", "", "agreed"), ("", "bring", "proposed"), ("", "fetch", "proposed"), ("bring", "", "agreed"),
        ("bring", "bring", "agreed"), ("both", "", "agreed"), ("both", "bring", "agreed"), ("both", "fetch", "agreed"),
    ],
)  # fmt: skip
def test_by_itself_is_accepted_what_the_listing_offers_and_nothing_beyond(stall, handover, way, status):
    id_ = stall.proposed(stall.listing(handover=handover, instant=True), way=way)
    assert stall.ask(stall.ben, "exchange.show", id=id_)["status"] == status
