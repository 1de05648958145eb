"""What neighbours meet in daily use: stock that runs out, an exchange that one wants to cancel, who was seen last."""

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    return Lab()


def agree(lab: Lab, listing: str, quantity: int) -> str:
    exchange: str = lab.ask(lab.cleo, "exchange.propose", listing=listing, quantity=quantity)["exchange_id"]
    lab.ask(lab.ben, "exchange.accept", id=exchange)
    lab.sim.run(MINUTE)
    return exchange


def test_what_is_promised_is_gone_from_the_stock(lab: Lab) -> None:
    jars = lab.ask(lab.ben, "listing.publish", direction="offer", kind="sell", title="Jam", price="1", quantity=3)
    lab.sim.run(MINUTE)
    first = agree(lab, jars["listing_id"], 2)
    second = lab.ask(lab.cleo, "exchange.propose", listing=jars["listing_id"], quantity=2)["exchange_id"]
    with pytest.raises(Refusal, match="2 are wanted, 1 is left"):
        lab.ask(lab.ben, "exchange.accept", id=second)
    for node in (lab.ben, lab.cleo):  # cancelled by both: they are there again
        lab.ask(node, "exchange.cancel", id=first)
    lab.sim.run(MINUTE)
    assert lab.ask(lab.ben, "exchange.accept", id=second)["status"] == "agreed"


def test_an_edit_of_the_listing_counts_the_stock_anew(lab: Lab) -> None:
    jars = lab.ask(lab.ben, "listing.publish", direction="offer", kind="sell", title="Jam", price="1", quantity=1)
    lab.sim.run(MINUTE)
    agree(lab, jars["listing_id"], 1)
    lab.ask(lab.ben, "listing.edit", id=jars["listing_id"], quantity=2)
    lab.sim.run(MINUTE)
    agree(lab, jars["listing_id"], 2)


def test_who_asked_to_cancel_is_shown_and_has_nothing_else_to_do(lab: Lab) -> None:
    mower = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    lab.sim.run(MINUTE)
    exchange = agree(lab, mower["listing_id"], 1)
    lab.ask(lab.cleo, "exchange.cancel", id=exchange)
    lab.sim.run(MINUTE)
    for node, who in ((lab.cleo, "you"), (lab.ben, "Cleo")):
        shown = look(node, "exchange.show", lab.now, id=exchange)
        assert shown["cancel_asked"] == [who] and shown["status"] == "agreed"
    mine = [
        s["command"].split()[2]
        for s in look(lab.cleo, "exchange.show", lab.now, id=exchange)["next"]
        if s["who"] == "you"
    ]
    theirs = [
        s["command"].split()[2]
        for s in look(lab.ben, "exchange.show", lab.now, id=exchange)["next"]
        if s["who"] == "you"
    ]
    assert mine == [] and "cancel" in theirs


@pytest.mark.parametrize(("start", "end"), [(-2 * DAY, -DAY), (None, HOUR), (-2 * DAY, None)])
def test_a_time_that_makes_no_sense_is_refused(lab: Lab, start: int | None, end: int | None) -> None:
    mower = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    lab.sim.run(MINUTE)
    times = {k: lab.now + v for k, v in (("start", start), ("end", end)) if v is not None}
    with pytest.raises(Refusal) as refused:
        lab.ask(lab.cleo, "exchange.propose", listing=mower["listing_id"], **times)
    assert refused.value.code == "usage"


def test_last_seen_is_now_while_connected_and_replicas_outlive_a_restart(lab: Lab) -> None:
    mower = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    lab.sim.run(HOUR)
    assert look(lab.cleo, "listing.show", lab.now, id=mower["listing_id"])["last_seen"] == lab.now
    lab.sim.crash(lab.ben)
    parted = lab.now
    lab.sim.run(1_000)
    assert parted <= look(lab.cleo, "listing.show", lab.now, id=mower["listing_id"])["last_seen"] <= parted + 10
    lab.sim.run(2 * MINUTE)
    shown = look(lab.ben, "listing.show", lab.now, id=mower["listing_id"])
    assert shown["replicas"] == 3 and shown["state"] == "spread"


def test_a_join_under_way_is_named_until_it_is_over(lab: Lab) -> None:
    target = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWDKPDqLpgdMQqnzSyMRiUs6wYr4V8X5iFWd4Jbm5T8bT9"
    answer = lab.ask(lab.dora, "join", target=target)
    assert answer["state"] == "trying" and answer["problem"]
    status = look(lab.dora, "status", lab.now)
    assert [j["target"] for j in status["joining"]] == [target] and status["state"] == "joined"


def test_a_network_is_named_in_any_case_and_an_unknown_one_is_refused(lab: Lab) -> None:
    assert look(lab.ben, "status", lab.now, network="elm street")["network"]["name"] == "Elm Street"
    assert isinstance(look(lab.ben, "status", lab.now, network="Nope"), Refusal)
