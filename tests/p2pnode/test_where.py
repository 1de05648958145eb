"""Who is told to say where something is to be brought: whoever waits for it, from the agreement until it has come."""

import pytest

from p2pnode.turns import where_to_say
from protocols.limits import MINUTE
from tests.p2pnode.test_ways import Stall


def both(stall: Stall, id_: str) -> tuple[str, str]:
    """What Ben is told, and what Cleo is."""
    ben, cleo = (where_to_say(stall.ask(node, "exchange.show", id=id_)) for node in (stall.ben, stall.cleo))
    return ben, cleo


def agreed(stall: Stall, listing: str, **asked: object) -> str:
    id_: str = stall.proposed(listing, **asked)
    assert both(stall, id_) == ("", ""), "nothing is agreed yet"
    stall.step(stall.ben, "accept", id_)
    return id_


@pytest.fixture(scope="module")
def stall() -> Stall:
    return Stall(41)


@pytest.mark.parametrize("kind", ["sell", "give", "food", "lend"])
@pytest.mark.parametrize(("form", "how"), [("full", "sealed"), ("plain", "otherwise")])
def test_who_is_brought_something_says_where(stall: Stall, kind: str, form: str, how: str) -> None:
    honey = stall.listing(kind)
    assert both(stall, agreed(stall, honey, way="bring", form=form)) == ("", how)
    assert both(stall, agreed(stall, honey, way="fetch", form=form)) == ("", "")
    assert both(stall, agreed(stall, honey, form=form)) == ("", "")


def test_who_wants_something_and_is_brought_it_says_where(stall: Stall) -> None:
    assert both(stall, agreed(stall, stall.listing("want", "request"), way="bring", form="full")) == ("sealed", "")


def test_who_sends_a_courier_says_where_to(stall: Stall) -> None:
    assert both(stall, agreed(stall, stall.listing("deliver"), form="full")) == ("", "sealed")
    assert both(stall, agreed(stall, stall.listing("deliver"))) == ("", "otherwise")


def test_it_is_said_once(stall: Stall) -> None:
    id_ = agreed(stall, stall.listing(), way="bring", form="full")
    stall.ask(stall.cleo, "exchange.contact", id=id_, address="Elm Street 7")
    assert both(stall, id_) == ("", ""), "on its way already"
    stall.ask(stall.cleo, "exchange.erase", id=id_)
    assert both(stall, id_) == ("", ""), "whoever erased it knows why"


@pytest.mark.parametrize("more", [{}, {"instalments": 2, "quantity": 2}])
def test_what_has_come_once_finds_its_way(stall: Stall, more: dict[str, int]) -> None:
    id_ = agreed(stall, stall.listing(quantity=2), way="bring", form="full", **more)
    assert both(stall, id_) == ("", "sealed")
    stall.ask(stall.ben, "exchange.handover", id=id_)
    stall.sim.run(MINUTE)
    assert both(stall, id_) == ("", "")


def test_what_is_called_off_is_brought_nowhere(stall: Stall) -> None:
    id_ = agreed(stall, stall.listing(), way="bring", form="full")
    for node in (stall.ben, stall.cleo):
        stall.ask(node, "exchange.cancel", id=id_)
        stall.sim.run(MINUTE)
    assert both(stall, id_) == ("", "")


def test_a_mediator_and_answers_without_a_contact_say_nothing(stall: Stall) -> None:
    id_ = agreed(stall, stall.listing(), way="bring", form="full")
    whole = stall.ask(stall.cleo, "exchange.show", id=id_)
    assert where_to_say(whole) == "sealed" and where_to_say({**whole, "role": "mediator"}) == ""
    assert where_to_say({name: value for name, value in whole.items() if name != "contact"}) == ""
