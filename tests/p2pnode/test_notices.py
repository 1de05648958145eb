"""Notices: a listing that arrives is told once, survives a restart, and costs what is wished for, not what is held."""

from typing import Any

import pytest

from p2pnode.bounds import MAX_SAVED
from p2pnode.core import notices as notices_module
from protocols.errors import Refusal
from tests.p2pnode.lab import Lab

SNOW = {"direction": "offer", "kind": "rent", "title": "Snowblower, two stages", "price": "2/hour"}


@pytest.fixture
def lab() -> Lab:
    return Lab(6)


def publish(lab: Lab, node: Any, **fields: Any) -> Any:
    made = lab.ask(node, "listing.publish", **{**SNOW, **fields})
    lab.sim.run(5_000)
    return made


def test_a_saved_search_tells_of_what_arrives_once_for_each_content(lab: Lab):
    assert (
        lab.ask(lab.ben, "search.save", name="snow", search={"query": "snowblower", "max_price": "3/hour"})["found"]
        == 0
    )
    publish(lab, lab.cleo, title="Ladder")
    publish(lab, lab.cleo, title="Dear snowblower", price="4/hour")
    found = publish(lab, lab.cleo)
    rows = lab.ask(lab.ben, "notices.list")
    assert [(r["title"], r["why"], r["saved"], r["seen"], r["held"]) for r in rows] == [
        ("Snowblower, two stages", "saved", "snow", False, True)
    ]
    assert rows[0]["listing_id"] == found["listing_id"]
    assert lab.ask(lab.ben, "status")["notices"] == 1
    assert lab.ask(lab.ben, "notices.seen") == {"seen": 1}
    lab.ask(lab.cleo, "listing.renew", id=found["listing_id"])
    lab.sim.run(5_000)
    assert lab.ask(lab.ben, "notices.list", unseen=True) == [], "signed again, but it says the same"
    lab.ask(lab.cleo, "listing.edit", id=found["listing_id"], text="With snow chains")
    lab.sim.run(5_000)
    assert len(lab.ask(lab.ben, "notices.list", unseen=True)) == 1, "it says something else now"
    assert len(lab.ask(lab.ben, "notices.list")) == 1
    assert [s["name"] for s in lab.ask(lab.ben, "search.saved")] == ["snow"]
    lab.ask(lab.ben, "search.forget", name="snow")
    publish(lab, lab.dora)
    assert len(lab.ask(lab.ben, "notices.list")) == 1, "forgotten searches tell no more"
    with pytest.raises(Refusal, match="no saved search"):
        lab.ask(lab.ben, "search.forget", name="snow")


def test_offers_and_requests_are_matched_both_ways_and_kept_over_a_restart(lab: Lab):
    mine = publish(lab, lab.ben, direction="request", title="Snowblower for a weekend", price="3/hour")
    theirs = publish(lab, lab.cleo)
    rows = lab.ask(lab.ben, "notices.list", why="match")
    assert [(r["mine"], r["listing_id"], r["reason"]) for r in rows] == [
        (mine["listing_id"], theirs["listing_id"], "rent: snowblower, 0 km away")
    ]
    assert rows[0]["score"] >= 0.5
    (seen,) = lab.ask(lab.cleo, "notices.list")
    assert (seen["mine"], seen["listing_id"]) == (theirs["listing_id"], mine["listing_id"]), "it was there before"
    lab.sim.crash(lab.ben)
    lab.sim.run(30_000)
    assert lab.ask(lab.ben, "notices.list", why="match") == rows
    lab.ask(lab.ben, "listing.withdraw", id=mine["listing_id"])
    lab.sim.run(5_000)
    publish(lab, lab.dora, title="Snowblower, one stage")
    assert len(lab.ask(lab.ben, "notices.list")) == 1, "what is withdrawn is not looked for"


def test_an_offer_of_ours_meets_the_request_that_arrives(lab: Lab):
    mine = publish(lab, lab.ben)
    publish(lab, lab.cleo, direction="request", title="Snowblower", price=None)
    assert [r["mine"] for r in lab.ask(lab.ben, "notices.list")] == [mine["listing_id"]]


def test_what_was_held_before_a_listing_of_ours_is_matched_with_it_once(lab: Lab):
    theirs = publish(lab, lab.cleo)
    publish(lab, lab.cleo, title="Ladder")
    assert lab.ask(lab.ben, "notices.list") == []
    mine = publish(lab, lab.ben, direction="request", title="Snowblower", price=None)
    for told in (lab.ask(lab.ben, "notices.list"),):
        assert [(r["mine"], r["listing_id"]) for r in told] == [(mine["listing_id"], theirs["listing_id"])]
    lab.ask(lab.ben, "notices.seen")
    lab.ask(lab.ben, "listing.renew", id=mine["listing_id"])
    lab.ask(lab.ben, "listing.edit", id=mine["listing_id"], text="For the drive")
    lab.sim.run(5_000)
    assert lab.ask(lab.ben, "notices.list", unseen=True) == [], "told once"
    lab.ask(lab.ben, "listing.edit", id=mine["listing_id"], title="Ladder")
    lab.sim.run(5_000)
    assert [r["title"] for r in lab.ask(lab.ben, "notices.list", unseen=True)] == ["Ladder"]


def test_what_is_paused_or_withdrawn_is_compared_with_nothing(lab: Lab):
    publish(lab, lab.cleo)
    mine = publish(lab, lab.ben, direction="request", title="Something else", price=None)["listing_id"]
    lab.ask(lab.ben, "listing.pause", id=mine)
    lab.ask(lab.ben, "listing.edit", id=mine, title="Snowblower")
    lab.sim.run(5_000)
    assert lab.ask(lab.ben, "notices.list") == []
    lab.ask(lab.ben, "listing.resume", id=mine)
    lab.sim.run(5_000)
    assert len(lab.ask(lab.ben, "notices.list")) == 1


def test_both_are_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notices_module, "MAX_NOTICES", 3)
    for number in range(MAX_SAVED):
        lab.ask(
            lab.ben, "search.save", name=f"s{number}", search={"query": "snowblower" if number == 0 else f"x{number}"}
        )
    with pytest.raises(Refusal, match="saved already"):
        lab.ask(lab.ben, "search.save", name="one more", search={})
    lab.ask(lab.ben, "search.save", name="s1", search={"query": "other"})
    for number in range(5):
        publish(lab, lab.cleo, title=f"Snowblower {number}")
    assert [r["title"] for r in lab.ask(lab.ben, "notices.list")] == [f"Snowblower {n}" for n in (4, 3, 2)]
    lab.sim.crash(lab.ben)
    lab.sim.run(30_000)
    assert [r["title"] for r in lab.ask(lab.ben, "notices.list")] == [f"Snowblower {n}" for n in (4, 3, 2)]


def test_what_is_hidden_is_no_search_to_be_saved(lab: Lab):
    with pytest.raises(Refusal, match="--hidden cannot be saved"):
        lab.ask(lab.ben, "search.save", name="all", search={"query": "snowblower", "hidden": True})
    assert lab.ask(lab.ben, "search.saved") == []
    assert lab.ask(lab.ben, "search.save", name="all", search={"query": "snowblower", "hidden": False})


def test_an_arrival_is_compared_with_own_listings_only(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    """However many listings of others are held."""
    publish(lab, lab.ben, title="Ladder")
    for number in range(10):
        publish(lab, lab.cleo, title=f"Request {number}", direction="request")
    compared = []
    real = notices_module.matches
    monkeypatch.setattr(
        notices_module, "matches", lambda mine, theirs: compared.append(mine.listing.title) or real(mine, theirs)
    )
    publish(lab, lab.dora, title="Request for a ladder", direction="request", price=None)
    arrived = [title for title in compared if title != "Request for a ladder"]  # which Dora's node compares itself
    assert sorted(arrived) == ["Ladder", *(f"Request {number}" for number in range(10))], "each node its own, once"
    assert len(lab.ask(lab.ben, "notices.list")) == 1


def test_a_saved_search_tells_of_those_alone_who_are_trusted_enough(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    lab.ask(lab.ben, "search.save", name="snow", search={"query": "snowblower", "min_trust": 0.5})
    lab.ask(lab.ben, "search.save", name="any", search={"query": "snowblower"})
    cleo = lab.cleo.core.state.me
    monkeypatch.setattr(
        lab.ben.core.notices, "_trust", lambda network, author, now: 0.5 if author == cleo else 0.4, raising=True
    )
    publish(lab, lab.dora)
    publish(lab, lab.cleo)
    told = [(row["saved"], row["author"]) for row in lab.ask(lab.ben, "notices.list")]
    assert sorted(told) == sorted([("any", lab.dora.core.state.me.hex()), ("any", cleo.hex()), ("snow", cleo.hex())])


def test_of_a_day_that_is_not_over_a_search_can_be_saved(lab: Lab):
    today = {"available": lab.now - 1_000, "available_until": lab.now + 60_000}
    assert lab.ask(lab.ben, "search.save", name="today", search=today)["name"] == "today"
    with pytest.raises(Refusal, match="in the past"):
        lab.ask(lab.ben, "search.save", name="before", search={**today, "available_until": lab.now - 1})


def test_a_paused_search_tells_of_nothing_and_its_pause_outlasts_a_restart(lab: Lab):
    lab.ask(lab.ben, "search.save", name="snow", search={"query": "snowblower"})
    assert lab.ask(lab.ben, "search.pause", name="snow")["paused"]
    publish(lab, lab.cleo)
    lab.sim.crash(lab.ben)
    lab.sim.run(30_000)
    assert lab.ask(lab.ben, "search.saved")[0]["paused"]
    publish(lab, lab.cleo, title="Snowblower, one stage")
    assert lab.ask(lab.ben, "notices.list") == []
    assert not lab.ask(lab.ben, "search.resume", name="snow")["paused"]
    publish(lab, lab.cleo, title="Snowblower, small")
    assert [row["title"] for row in lab.ask(lab.ben, "notices.list")] == ["Snowblower, small"]
    for word in ("pause", "resume"):
        with pytest.raises(Refusal, match="no saved search"):
            lab.ask(lab.ben, f"search.{word}", name="sun")


def test_what_is_dismissed_comes_back_only_when_it_says_something_else(lab: Lab):
    for name in ("snow", "two"):
        lab.ask(lab.ben, "search.save", name=name, search={"query": "snowblower"})
    first = publish(lab, lab.cleo)["listing_id"]
    other = publish(lab, lab.cleo, title="Snowblower, one stage")["listing_id"]
    assert lab.ask(lab.ben, "notices.seen", listing=other) == {"seen": 2}
    assert lab.ask(lab.ben, "notices.seen", listing=other) == {"seen": 0}
    assert lab.ask(lab.ben, "notices.dismiss", listing=first[:12]) == {"dismissed": 2}
    assert {row["listing_id"] for row in lab.ask(lab.ben, "notices.list")} == {other}
    assert lab.ask(lab.ben, "status")["notices"] == 0
    lab.ask(lab.cleo, "listing.renew", id=first)
    lab.sim.crash(lab.ben)
    lab.sim.run(30_000)
    assert {row["listing_id"] for row in lab.ask(lab.ben, "notices.list")} == {other}
    lab.ask(lab.cleo, "listing.edit", id=first, text="With snow chains")
    lab.sim.run(5_000)
    assert {row["listing_id"] for row in lab.ask(lab.ben, "notices.list", unseen=True)} == {first}
    for gone in ("ff" * 16, first + "0"):
        with pytest.raises(Refusal, match="no notice"):
            lab.ask(lab.ben, "notices.dismiss", listing=gone)
    assert lab.ask(lab.ben, "notices.dismiss") == {"dismissed": 4} and lab.ask(lab.ben, "notices.list") == []
