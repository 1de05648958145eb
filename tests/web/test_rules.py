"""Standing rules: made, shown, removed; and of what waits for our user, why no rule accepted it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode import commands
from p2pnode.standing_arguments import AddRule
from tests.web.hostile import mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def listed(street: Street, title: str = "Drill") -> str:
    fields = {"direction": "offer", "kind": "rent", "title": title, "price": "1/hour"}
    return str(street.lab.ask(street.lab.ben, "listing.publish", **fields)["listing_id"])


def test_a_rule_is_made_and_removed(street: Street) -> None:
    title = mixed(60)
    listing, ben = listed(street, title), street.browsers["ben"]
    assert "No rules yet" in ben.get("/rules").words
    typed = {"listing": listing, "kind": "rent", "hours": "08:00-20:00", "who:list": "Anna", "most": "2.5"}
    page = ben.submit("/do/rule.add", **typed, most_hours="4")
    assert page.url == "/rules" and "Proposals that fit are accepted" in page.words, page.words
    args = next(args for _, args, _ in street.ports["ben"].calls if isinstance(args, AddRule))
    assert (args.who, args.days, args.most_hours) == (("regulars", "Anna"), "mon,tue,wed,thu,fri,sat,sun", 4)
    for words in ("regulars", "Anna", "08:00-20:00", "after 2 finished exchanges", "4 hours", "2.5 hour"):
        assert words in page.words, words
    page = ben.submit("/do/rule.remove")
    assert "The rule is gone." in page.words and "No rules yet" in page.words


@pytest.mark.parametrize(
    ("field", "given"), [("hours", "soon"), ("most", "<b>"), ("regular", "many"), ("who:list", "nobody here")]
)
def test_a_rule_that_cannot_be_is_said_in_the_form(street: Street, field: str, given: str) -> None:
    listed(street)
    ben = street.browsers["ben"]
    ben.get("/rules")
    page = ben.submit("/do/rule.add", **{field: given})
    assert page.status == 422 and 'role="alert"' in page.source and "No rules yet" in page.words


def test_what_waits_says_why(street: Street) -> None:
    lab, listing = street.lab, listed(street)
    lab.sim.run(20_000)
    lab.ask(lab.ben, "rule.add", listing=listing, who=("regulars",))
    lab.ask(lab.anna, "exchange.propose", listing=listing, quantity=1)
    lab.sim.run(20_000)
    page = street.browsers["ben"].get("/rules")
    assert "What waits for you, and why" in page.words and "Anna" in page.words
    shown = lab.ask(lab.ben, "exchange.list", open=True)[0]
    reason = lab.ask(lab.ben, "exchange.show", id=shown["exchange_id"], unread=True)["rule"]["reason"]
    assert reason and reason in page.words
    seen = [args for _, args, _ in street.ports["ben"].calls if isinstance(args, commands.ShowExchange)]
    assert seen and all(args.unread for args in seen), "who looks at rules has not read the terms"


def test_a_listing_that_is_had_at_once_is_a_rule(street: Street) -> None:
    lab = street.lab
    fields = {"direction": "offer", "kind": "lend", "title": "Ladder", "instant": True}
    lab.ask(lab.ben, "listing.publish", **fields)
    page = street.browsers["ben"].get("/rules")
    assert "Ladder" in page.words and "at once" in page.words and not [f for f in page.forms if "remove" in f.action]
