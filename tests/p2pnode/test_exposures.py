"""Exposure on whole nodes: from vouches and settled deals to what `reputation` says."""

from typing import Any

import pytest

from ledger.exposure import Web
from p2pnode.core import exchanges
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    """Anna's invites vouch for Ben and Cleo with 10 hours each. Nobody vouches for Dora."""
    return Lab(5)


def exposure(lab: Lab, node: Node, peer: str) -> Any:
    return look(node, "reputation", lab.now, peer=peer, why=True)["exposure"]


def hours(found: Any) -> tuple[float, float]:
    return found["most"]["amount"] / 100, found["open"]["amount"] / 100


def agree(lab: Lab, giver: Node, taker: Node, price: str) -> str:
    made = lab.ask(giver, "listing.publish", direction="offer", kind="help", title="A wall", price=price)
    lab.sim.run(MINUTE)
    id_: str = lab.ask(taker, "exchange.propose", listing=made["listing_id"], quantity=1)["exchange_id"]
    lab.sim.run(MINUTE)
    lab.ask(giver, "exchange.accept", id=id_)
    lab.sim.run(MINUTE)
    return id_


def settle(lab: Lab, giver: Node, taker: Node, id_: str, giver_says: int = 2, taker_says: int = 2) -> None:
    for node, step in ((giver, "done"), (taker, "confirm"), (taker, "pay")):
        lab.ask(node, f"exchange.{step}", id=id_)
        lab.sim.run(MINUTE)
    lab.ask(giver, "attest", exchange=id_, outcome=giver_says)
    lab.ask(taker, "attest", exchange=id_, outcome=taker_says)
    lab.sim.run(MINUTE)


def test_a_vouch_is_what_its_voucher_may_risk_and_a_stranger_gets_nothing(lab: Lab) -> None:
    found = exposure(lab, lab.anna, "Ben")
    assert hours(found) == (10, 0)
    assert [(p["path_names"], p["amount"]["amount"]) for p in found["paths"]] == [(["you", "Ben"], 1000)]
    assert found["paths"][0]["vouched"]
    assert hours(exposure(lab, lab.anna, "Dora")) == hours(exposure(lab, lab.ben, "Cleo")) == (0, 0)


def test_what_is_agreed_is_open_and_what_went_well_carries_a_quarter(lab: Lab) -> None:
    """Anna works for Ben, who pays afterwards: until then she has 4 hours at risk."""
    id_ = agree(lab, lab.anna, lab.ben, "4/hour")
    found = exposure(lab, lab.anna, "Ben")
    assert hours(found) == (10, 4)
    assert [(p["open"], p["amount"]["amount"]) for p in found["paths"]] == [(False, 600), (True, 400)]
    assert hours(exposure(lab, lab.ben, "Anna")) == (0, 0)  # he pays last, and risks nothing
    settle(lab, lab.anna, lab.ben, id_)
    assert hours(exposure(lab, lab.anna, "Ben")) == (11, 0)
    assert [p["vouched"] for p in exposure(lab, lab.anna, "Ben")["paths"]] == [True, False]
    assert hours(exposure(lab, lab.ben, "Anna")) == (1, 0)
    lab.leap(180 * DAY)
    assert hours(exposure(lab, lab.ben, "Anna")) == (0.5, 0)


def in_instalments(lab: Lab) -> str:
    """Anna works for Ben, who pays 4 hours in four parts; both are content."""
    made = lab.ask(lab.anna, "listing.publish", direction="offer", kind="help", title="A wall", price="4/hour")
    lab.sim.run(MINUTE)
    id_: str = lab.ask(lab.ben, "exchange.propose", listing=made["listing_id"], quantity=1, instalments=4)[
        "exchange_id"
    ]
    lab.sim.run(MINUTE)
    lab.ask(lab.anna, "exchange.accept", id=id_)
    for node, step in 4 * ((lab.anna, "done"), (lab.ben, "confirm"), (lab.ben, "pay")):
        lab.sim.run(MINUTE)
        lab.ask(node, f"exchange.{step}", id=id_)
    lab.sim.run(MINUTE)
    for node in (lab.anna, lab.ben):
        lab.ask(node, "attest", exchange=id_, outcome=2)
    lab.sim.run(MINUTE)
    return id_


def test_what_we_settled_in_instalments_is_a_link_of_our_own(lab: Lab) -> None:
    """Their ratings prove the agreement alone, so nobody else can know; the two themselves do."""
    in_instalments(lab)
    assert hours(exposure(lab, lab.anna, "Ben")) == (11, 0) and hours(exposure(lab, lab.ben, "Anna")) == (1, 0)
    assert hours(exposure(lab, lab.cleo, "Anna")) == (0, 0)
    lab.leap(60 * DAY)  # it is put away by now
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert not lab.ben.core.exchanges.held and hours(exposure(lab, lab.ben, "Anna"))[0] > 0.7


def test_what_is_over_is_not_looked_at_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = agree(lab, lab.anna, lab.ben, "4/hour")
    looked: list[str] = []
    view = exchanges.Exchanges.view
    monkeypatch.setattr(
        exchanges.Exchanges, "view", lambda self, held, now: looked.append(held.id.hex()) or view(self, held, now)
    )
    asked = lab.anna.core.reputations.exposures

    def ask() -> int:
        looked.clear()
        asked.to(lab.network(lab.anna), lab.signer(lab.ben).author, lab.now)
        return looked.count(id_)

    assert [ask(), ask()] == [1, 1], "4 hours are at risk"
    settle(lab, lab.anna, lab.ben, id_)
    lab.leap(40 * DAY)
    assert id_ in [each.hex() for each in lab.anna.core.exchanges.held], "still in memory"
    ask()
    assert ask() == 0


def test_a_deal_of_which_one_side_spoke_ill_carries_nothing_and_is_a_loss(lab: Lab) -> None:
    id_ = agree(lab, lab.anna, lab.ben, "4/hour")
    settle(lab, lab.anna, lab.ben, id_, giver_says=-2)
    assert hours(exposure(lab, lab.ben, "Anna")) == (0, 0)
    assert hours(exposure(lab, lab.anna, "Ben")) == (6, 0)


def test_a_way_is_told_once_whatever_joins_the_people_on_it(lab: Lab) -> None:
    """Anna vouches for Ben, and has dealt with him, too: two ways to Cleo by the same people."""
    for giver, taker, price in ((lab.ben, lab.anna, "1/hour"), (lab.cleo, lab.ben, "8/hour")):
        settle(lab, giver, taker, agree(lab, giver, taker, price))
    lab.ask(lab.anna, "unvouch", peer="Ben", amount="9.9")
    lab.sim.run(MINUTE)
    found = lab.anna.core.reputations.exposures.to(lab.network(lab.anna), lab.signer(lab.cleo).author, lab.now)
    ways = [path.authors for path in found.paths]
    assert len(set(ways)) < len(ways), "else nothing is joined here"
    told = exposure(lab, lab.anna, "Cleo")
    assert len({(*p["path"], p["vouched"]) for p in told["paths"]}) == len(told["paths"])
    assert sum(p["amount"]["amount"] for p in told["paths"]) == told["most"]["amount"] == found.most


def test_whose_word_does_not_come_is_counted_as_missing(lab: Lab) -> None:
    """Dora knows nobody: Anna and Ben have rated each other, and no path leads from her to either."""
    settle(lab, lab.anna, lab.ben, agree(lab, lab.anna, lab.ben, "4/hour"))
    told = look(lab.dora, "reputation", lab.now, peer="Ben", why=True)
    assert (told["unheard"], told["confidence"], told["mood"]) == (1, 0.0, 1.0)
    told = look(lab.cleo, "reputation", lab.now, peer="Ben", why=True)
    assert told["unheard"] == 0 and told["confidence"] > 0.0
    settle(lab, lab.anna, lab.cleo, agree(lab, lab.anna, lab.cleo, "1/hour"), taker_says=-2)
    assert look(lab.cleo, "reputation", lab.now, peer="Ben", why=True)["mood"] < 1.0
    assert "unheard" not in look(lab.cleo, "reputation", lab.now, peer="Ben")


def test_of_myself_it_says_what_others_may_risk_at_most_and_what_would_help(lab: Lab) -> None:
    found = exposure(lab, lab.ben, "me")
    assert hours(found) == (10, 0)
    assert [p["path_names"] for p in found["paths"]] == [["Anna", "you"]]
    assert len(found["helps"]) == 3 and "4 hours" in found["helps"][0] and "10 hours" in found["helps"][2]
    assert exposure(lab, lab.ben, "Anna")["helps"] == []


def test_an_exchange_says_what_it_puts_at_risk_and_whether_the_links_carry_that(lab: Lab) -> None:
    """Who gives first risks the price, whoever the other is; who pays last risks nothing."""
    id_ = agree(lab, lab.anna, lab.ben, "4/hour")
    shown = look(lab.anna, "exchange.show", lab.now, id=id_)["exposure"]
    assert shown == {
        "at_risk": {"amount": 400, "unit": "hour"},
        "most": {"amount": 1000, "unit": "hour"},
        "beyond": False,
        "small": True,
    }
    assert look(lab.ben, "exchange.show", lab.now, id=id_)["exposure"] is None
    made = lab.ask(lab.anna, "listing.publish", direction="offer", kind="help", title="A roof", price="3/hour")
    lab.sim.run(MINUTE)
    asked = lab.ask(lab.dora, "exchange.propose", listing=made["listing_id"], quantity=1)["exchange_id"]
    lab.sim.run(MINUTE)
    before = look(lab.anna, "exchange.show", lab.now, id=asked)["exposure"]
    assert (before["at_risk"]["amount"], before["most"]["amount"], before["beyond"]) == (300, 0, True)
    accepted = lab.ask(lab.anna, "exchange.accept", id=asked)
    assert accepted["exposure"]["beyond"]


def test_instalments_put_a_part_at_risk_at_a_time(lab: Lab) -> None:
    made = lab.ask(lab.anna, "listing.publish", direction="offer", kind="help", title="A wall", price="4/hour")
    lab.sim.run(MINUTE)
    id_ = lab.ask(lab.ben, "exchange.propose", listing=made["listing_id"], quantity=1, instalments=4)["exchange_id"]
    lab.sim.run(MINUTE)
    assert look(lab.anna, "exchange.show", lab.now, id=id_)["exposure"]["at_risk"]["amount"] == 100


def test_what_is_open_with_the_same_one_beyond_the_links_makes_a_deal_less_small(lab: Lab) -> None:
    """Nobody vouches for Dora, and a newcomer is lent 10 hours: two deals of 6 are not small, the first alone is."""
    ids = []
    for title in ("A wall", "A roof"):
        made = lab.ask(lab.anna, "listing.publish", direction="offer", kind="help", title=title, price="6/hour")
        lab.sim.run(MINUTE)
        ids.append(lab.ask(lab.dora, "exchange.propose", listing=made["listing_id"], quantity=1)["exchange_id"])
        lab.sim.run(MINUTE)
    first, second = (lab.ask(lab.anna, "exchange.accept", id=id_)["exposure"] for id_ in ids)
    assert (first["beyond"], first["small"]) == (True, True)
    assert (second["beyond"], second["small"]) == (True, False)


def test_only_what_changes_a_link_makes_the_web_anew(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one side says changes nothing, a loss takes up what is left, a deal of which both spoke well is a link."""
    made: list[int] = []
    begin = Web.__init__
    monkeypatch.setattr(Web, "__init__", lambda self, *args, **more: made.append(1) or begin(self, *args, **more))
    network, asked = lab.network(lab.anna), lab.anna.core.reputations.exposures
    cleo, hour = lab.signer(lab.cleo).author, []

    def ask() -> int:
        """How many webs it took; within one hour, for words fade."""
        made.clear()
        hour.append(lab.now // HOUR)
        asked.to(network, cleo, lab.now)
        return len(made)

    lab.leap(HOUR - lab.now % HOUR)
    ask()
    first = agree(lab, lab.anna, lab.ben, "4/hour")
    for node, step in ((lab.anna, "done"), (lab.ben, "confirm"), (lab.ben, "pay")):
        lab.ask(node, f"exchange.{step}", id=first)
        lab.sim.run(MINUTE)
    lab.ask(lab.anna, "attest", exchange=first, outcome=2)
    lab.sim.run(MINUTE)
    assert ask() == 0
    lab.ask(lab.ben, "attest", exchange=first, outcome=2)
    lab.sim.run(MINUTE)
    assert ask() == 1
    settle(lab, lab.anna, lab.cleo, agree(lab, lab.anna, lab.cleo, "3/hour"), giver_says=-2)
    assert ask() == 0
    assert len(set(hour)) == 1
    found = asked.to(network, cleo, lab.now)
    assert found.most == 700, "ten vouched, three lost"
    asked._webs.clear()
    assert asked.to(network, cleo, lab.now) == found
