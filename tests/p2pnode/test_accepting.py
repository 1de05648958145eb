"""What is accepted is what was shown: a counter-proposal that comes in between is not signed unread."""

import msgspec
import pytest

from p2pnode import commands
from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    made = Lab(61)
    made.listing = made.ask(made.ben, "listing.publish", direction="offer", kind="sell", title="Eggs", price="1")
    made.sim.run(MINUTE)
    made.id = made.ask(made.cleo, "exchange.propose", listing=made.listing["listing_id"])["exchange_id"]
    made.sim.run(MINUTE)
    return made


def counter(lab: Lab, node, price: str) -> None:
    lab.ask(node, "exchange.counter", id=lab.id, price=price)
    lab.sim.run(MINUTE)


def shown(lab: Lab, node) -> str:
    terms = look(node, "exchange.show", lab.now, id=lab.id)["terms"]
    return str(terms["hash"])


def later_terms(lab: Lab) -> tuple[str, str]:
    """Cleo read an offer of 2; then Ben, with her consent to go on, came to ask 3. Hashes of both."""
    counter(lab, lab.ben, "2")
    first = shown(lab, lab.cleo)
    counter(lab, lab.cleo, "1.5")
    counter(lab, lab.ben, "3")
    return first, look(lab.ben, "exchange.show", lab.now, id=lab.id)["terms"]["hash"]


def test_terms_that_came_after_the_last_look_are_not_accepted_unread(lab: Lab) -> None:
    _, newest = later_terms(lab)
    with pytest.raises(Refusal) as e:
        lab.ask(lab.cleo, "exchange.accept", id=lab.id)
    assert e.value.code == "conflict" and "Eggs, for 3 hour" in e.value.message
    assert f"--terms {newest[:16]}" in str(e.value.hint)
    assert look(lab.cleo, "exchange.list", lab.now, open=False)[0]["status"] == "countered"
    assert shown(lab, lab.cleo) == newest
    assert lab.ask(lab.cleo, "exchange.accept", id=lab.id)["status"] == "agreed"


def test_the_terms_that_are_named_are_accepted_and_no_others(lab: Lab) -> None:
    first, newest = later_terms(lab)
    with pytest.raises(Refusal):
        lab.ask(lab.cleo, "exchange.accept", id=lab.id, terms=first[:16])
    assert lab.ask(lab.cleo, "exchange.accept", id=lab.id, terms=newest[:16])["status"] == "agreed"
    lab.sim.run(MINUTE)
    for node in (lab.cleo, lab.ben):
        assert lab.ask(node, "exchange.accept", id=lab.id)["status"] == "agreed"
        with pytest.raises(Refusal):
            lab.ask(node, "exchange.accept", id=lab.id, terms=first)


def test_who_never_looked_accepts_the_newest(lab: Lab) -> None:
    counter(lab, lab.ben, "2")
    counter(lab, lab.cleo, "1.5")
    counter(lab, lab.ben, "3")
    agreed = lab.ask(lab.cleo, "exchange.accept", id=lab.id)
    assert agreed["status"] == "agreed" and agreed["terms"]["price"]["amount"] == 300


@pytest.mark.parametrize("short", ["", "0123456789abcde", "xyz" * 8, "0" * 65])
def test_a_hash_that_somebody_could_hit_by_trying_is_no_name(short: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        commands.parse_args("exchange.accept", {"id": "ab", "terms": short})
