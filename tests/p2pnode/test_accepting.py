"""What is accepted is what was shown: a counter-proposal that comes in between is not signed unread."""

import msgspec
import pytest

from p2pnode import commands
from p2pnode.when import days_in_words
from protocols.booking import Span
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab
from tests.p2pnode.test_amending import Booked
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
    assert e.value.code == "conflict" and "Eggs, for 3 hours" in e.value.message
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


def test_an_amendment_that_came_after_the_last_look_is_not_accepted_unread() -> None:
    lab = Booked()
    lab.do(lab.ben, "amend", price="5")
    first = lab.shown(lab.cleo)["amendment"]["hash"]
    lab.do(lab.ben, "decline")
    lab.do(lab.ben, "amend", price="50")
    with pytest.raises(Refusal, match="price: 50 hours instead of 6 hours") as e:
        lab.ask(lab.cleo, "exchange.accept", id=lab.id)
    newest = lab.shown(lab.ben)["amendment"]["hash"]
    assert f"--terms {newest[:16]}" in str(e.value.hint)
    with pytest.raises(Refusal):
        lab.do(lab.cleo, "accept", terms=first[:16])
    assert lab.do(lab.cleo, "accept", terms=newest[:16])["terms"]["price"]["amount"] == 5_000


def unread(lab: Booked) -> Refusal:
    """What Cleo is told who accepts an amendment that she has not read."""
    before = set(lab.cleo.core.exchanges.get(bytes.fromhex(lab.id)).facts)
    with pytest.raises(Refusal, match="price: 5 hours instead of 6 hours") as e:
        lab.ask(lab.cleo, "exchange.accept", id=lab.id)
    assert set(lab.cleo.core.exchanges.get(bytes.fromhex(lab.id)).facts) == before, "nothing was signed"
    return e.value


def test_who_never_looked_accepts_no_amendment_unread() -> None:
    lab = Booked()
    lab.do(lab.ben, "amend", price="5")
    said = unread(lab)
    newest = look(lab.ben, "exchange.show", lab.now, id=lab.id)["amendment"]["hash"]
    assert f"p2pnode exchange accept {lab.id[:8]} --terms {newest[:16]}" in str(said.hint)
    assert lab.ask(lab.cleo, "exchange.accept", id=lab.id, terms=newest[:16])["terms"]["price"]["amount"] == 500


def test_a_look_at_what_was_agreed_is_none_at_an_amendment() -> None:
    lab = Booked()
    lab.shown(lab.cleo)
    lab.do(lab.ben, "amend", price="5")
    unread(lab)
    lab.ask(lab.cleo, "exchange.list")
    unread(lab)
    lab.shown(lab.cleo)
    assert lab.ask(lab.cleo, "exchange.accept", id=lab.id)["terms"]["price"]["amount"] == 500


def test_after_a_restart_an_amendment_is_to_be_read_again() -> None:
    lab = Booked()
    lab.do(lab.ben, "amend", price="5")
    lab.shown(lab.cleo)
    lab.sim.crash(lab.cleo)
    lab.sim.run(MINUTE)
    unread(lab)
    lab.shown(lab.cleo)
    assert lab.ask(lab.cleo, "exchange.accept", id=lab.id)["terms"]["price"]["amount"] == 500
    lab.sim.run(MINUTE)
    assert lab.ask(lab.cleo, "exchange.accept", id=lab.id)["amended"] == 1, "again: nothing new is signed"


def test_other_terms_name_their_time() -> None:
    lab = Lab(3)
    asked = {"direction": "offer", "kind": "rent", "title": "Barn", "price": "2/hour", "quantity": 1}
    listing = lab.ask(lab.ben, "listing.publish", **asked)["listing_id"]
    lab.sim.run(MINUTE)
    start = lab.now + 2 * DAY
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=listing, start=start, end=start + HOUR)["exchange_id"]
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.show", id=id_)
    lab.ask(lab.ben, "exchange.counter", id=id_, price="3")
    lab.sim.run(MINUTE)
    lab.ask(lab.cleo, "exchange.counter", id=id_, start=start + DAY, end=start + DAY + HOUR)
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal) as e:
        lab.ask(lab.ben, "exchange.accept", id=id_)
    assert f"{days_in_words([Span(start + DAY, start + DAY + HOUR)], 'UTC')} (UTC)" in e.value.message


def test_what_a_program_looks_at_nobody_has_read(lab: Lab) -> None:
    """The node itself looks, to tell of a proposal by e-mail, say."""
    later_terms(lab)
    look(lab.cleo, "exchange.show", lab.now, id=lab.id, unread=True)
    with pytest.raises(Refusal) as e:
        lab.ask(lab.cleo, "exchange.accept", id=lab.id)
    assert e.value.code == "conflict" and "Eggs, for 3 hours" in e.value.message
