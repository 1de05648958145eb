"""Which proposals a standing rule accepts, each reason why not, and that it is as if our user had."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from p2pnode.core.rules import Asked, Rule, decide
from p2pnode.hours import lies_within, parse_days, parse_hours, zone_of
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from protocols.terms import Duty, Terms
from tests.p2pnode.lab import Lab
from tests.protocols.deals import ANN, BOB, EVE, terms_of
from tests.sim.street import look

NET = b"n" * 16
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


TEN = at("2027-03-02 10:00")  # a Tuesday
LISTED = terms_of(start=TEN, end=TEN + 2 * HOUR)
RULE = Rule(1, NET)


def asked(terms: Terms = LISTED, **changes: Any) -> Asked:
    return Asked(NET, terms, LISTED, False, 2, TEN - DAY)._replace(**changes)


DEPOSIT = replace(LISTED, duties=(*LISTED.duties, Duty("fee", "transfer", "x", BOB.author, ANN.author, 5, "hour")))
NEVER = [
    ("counter", asked(replace(LISTED, previous=b"\1" * 32))),
    ("older version", asked(as_listed=None)),
    ("have to pay", asked(DEPOSIT)),
    ("a deposit, witnesses", asked(replace(LISTED, deposit=5))),
    ("a deposit, witnesses", asked(replace(LISTED, witnesses=(EVE.author,), quorum=1))),
    ("a deposit, witnesses", asked(replace(LISTED, form=2, mediator=EVE.author))),
    ("price", asked(replace(LISTED, amount=199))),
    ("price", asked(replace(LISTED, unit="EUR"))),
    ("note", asked(replace(LISTED, note="Can you bring it?"))),
    ("not what the listing asks", asked(replace(LISTED, duties=LISTED.duties[1:]))),
    ("not what the listing asks", asked(replace(LISTED, kind="lend"))),
    ("not what the listing asks", asked(replace(LISTED, title="Car"))),
]


@pytest.mark.parametrize(("reason", "case"), NEVER, ids=[str(i) for i in range(len(NEVER))])
def test_what_no_rule_accepts(reason, case):
    widest = replace(RULE, who=("anyone",))
    assert decide([widest], asked())[0] == widest
    rule, why = decide([widest], case)
    assert rule is None and reason in why


@pytest.mark.parametrize(
    ("changes", "case", "reason"),
    [
        ({"network": b"m" * 16}, asked(), "about this listing"),
        ({"name": b"\x23" * 16}, asked(), "about this listing"),
        ({"kind": "sell"}, asked(), "not rent"),
        ({}, asked(settled=1), "1 of 2"),
        ({"regular": 3}, asked(), "2 of 3"),
        ({"who": ("members",)}, asked(), "no member"),
        ({"who": (EVE.author.hex(),)}, asked(), "somebody else"),
        ({"most": 199}, asked(), "costs more"),
        ({"most_hours": 1}, asked(), "longer than 1 hour"),
        ({"most_hours": 2}, asked(takes=3 * HOUR), "longer than 2 hour"),
        ({"hours": "10:01-20:00", "zone": "Europe/Berlin"}, asked(), "10:01-20:00"),
        ({"hours": "08:00-11:59", "zone": "Europe/Berlin"}, asked(), "08:00-11:59"),
        ({"days": "wed-mon", "zone": "Europe/Berlin"}, asked(), "wed-mon"),
        ({"hours": "10:00-12:00", "zone": "UTC"}, asked(), "10:00-12:00"),
    ],
)
def test_why_a_rule_does_not_fit(changes, case, reason):
    rule, why = decide([replace(RULE, **changes)], case)
    assert rule is None and reason in why


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": b"\x22" * 16, "kind": "rent"},
        {"who": ("members", "regulars")},
        {"who": (ANN.author.hex(),)},
        {"most": 200, "most_hours": 2},
        {"hours": "10:00-12:00", "days": "tue", "zone": "Europe/Berlin"},
    ],
)
def test_what_fits(changes):
    assert decide([replace(RULE, **changes)], asked()) == (replace(RULE, **changes), "")


PAID = Duty("pay", "transfer", "pay", BOB.author, ANN.author, 5, "hour")


def test_what_costs_us_something_is_for_rules_that_say_so_and_only_as_listed():
    listed = replace(LISTED, duties=(*LISTED.duties, PAID), start=0, end=0)
    task = asked(listed, as_listed=listed)
    tasks = replace(RULE, who=("anyone",), pays=True)
    assert decide([tasks], task) == (tasks, "")
    assert "have to pay" in decide([replace(tasks, pays=False)], task)[1]
    dearer = replace(listed, duties=(*LISTED.duties, replace(PAID, amount=6)))
    assert "have to pay" in decide([tasks], task._replace(terms=dearer))[1]


@pytest.mark.parametrize(
    ("changes", "reason"), [({"quantity": 2}, "pay for 2"), ({"end": TEN}, "time"), ({"start": TEN}, "time")]
)
def test_what_costs_us_something_is_had_once_and_at_no_time_of_the_others_choice(changes, reason):
    listed = replace(LISTED, **({"duties": (*LISTED.duties, PAID), "start": 0, "end": 0} | changes))
    rule, why = decide([replace(RULE, who=("anyone",), pays=True)], asked(listed, as_listed=listed))
    assert rule is None and reason in why


def test_the_first_rule_that_fits_and_the_reason_of_the_nearest():
    two = [replace(RULE, kind="sell"), replace(RULE, number=2)]
    assert decide(two, asked())[0] == two[1]
    assert "costs more" in decide([replace(RULE, kind="sell"), replace(RULE, most=1)], asked())[1]
    assert decide([], asked()) == (None, "there is no standing rule")


def test_where_nothing_is_booked_the_moment_of_arrival_counts():
    open_terms = terms_of()
    rule = replace(RULE, hours="08:00-20:00", zone="Europe/Berlin")
    day, night = at("2027-03-02 19:59"), at("2027-03-02 20:01")
    assert decide([rule], asked(open_terms, as_listed=open_terms, at=day))[0] is rule
    assert decide([rule], asked(open_terms, as_listed=open_terms, at=night))[0] is None


@pytest.mark.parametrize(
    ("start", "end", "hours", "fits"),
    [
        ("2027-03-28 01:00", "2027-03-28 04:00", "01:00-04:00", True),  # an hour is missing that night
        ("2027-10-31 01:00", "2027-10-31 04:00", "01:00-04:00", True),  # and one comes twice
        ("2027-03-02 22:00", "2027-03-03 00:00", "20:00-24:00", True),
        ("2027-03-02 22:00", "2027-03-03 00:01", "00:00-24:00", False),
        ("2027-03-02 10:00", "2027-03-05 00:00", "00:00-24:00", False),
    ],
)
def test_hours_in_a_zone(start, end, hours, fits):
    assert lies_within(at(start), at(end), parse_hours(hours), parse_days("mon-sun"), BERLIN) is fits


@pytest.mark.parametrize("text", ["", "8-20", "20:00-08:00", "08:60-09:00", "00:00-24:01", "08:00-20:00 "[:-2]])
def test_no_hours(text):
    with pytest.raises(Refusal):
        parse_hours(text)


def test_days_and_zones():
    assert parse_days("fri-mon") == {4, 5, 6, 0} and parse_days("Sat, sun") == {5, 6}
    for text in ("", "monday", "mon-", "mon--fri"):
        with pytest.raises(Refusal):
            parse_days(text)
    for text in ("Nowhere/Land", "../etc/passwd", ""):
        with pytest.raises(Refusal):
            zone_of(text)


# With real cores


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.listing = made.ask(made.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")[
        "listing_id"
    ]
    made.sim.run(MINUTE)
    return made


def proposed(lab: Lab, hours: int = 2, after: int = 3 * DAY, by: Any = None, **fields: Any) -> dict[str, Any]:
    start = lab.now + after
    shown = lab.ask(
        by or lab.cleo, "exchange.propose", listing=lab.listing, start=start, end=start + hours * HOUR, **fields
    )
    return look(lab.ben, "exchange.show", lab.now, id=shown["exchange_id"])


def test_a_rule_accepts_and_says_so(lab):
    lab.ask(lab.ben, "rule.add", who=("anyone",), kind="rent")
    shown = proposed(lab)
    assert shown["status"] == "agreed" and shown["rule"] == {"number": 1, "reason": ""}
    assert [n["text"] for n in shown["notes"]] == ["accepted by a standing rule"]
    assert look(lab.cleo, "exchange.show", lab.now, id=shown["exchange_id"])["status"] == "agreed"
    assert len(look(lab.ben, "ledger.log", lab.now)) >= 2


def test_without_a_rule_and_with_one_that_does_not_fit(lab):
    assert proposed(lab)["rule"] is None
    lab.ask(lab.ben, "rule.add")
    shown = proposed(lab, after=5 * DAY)
    assert shown["status"] == "proposed" and "0 of 2" in shown["rule"]["reason"]
    lab.ask(lab.ben, "exchange.accept", id=shown["exchange_id"])


def test_a_conflict_is_left_to_our_user(lab):
    lab.ask(lab.ben, "rule.add", who=("anyone",))
    assert proposed(lab)["status"] == "agreed"
    again = proposed(lab, by=lab.anna)
    assert again["status"] == "proposed" and "same listing at that time" in again["rule"]["reason"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": "1"}, "price"),
        ({"note": "Please sharpen it."}, "note"),
        ({"deposit": "1"}, "deposit"),
        ({"hours": 5}, "longer than 4"),
    ],
)
def test_what_is_not_as_asked_waits(lab, fields, reason):
    lab.ask(lab.ben, "rule.add", who=("anyone",), most_hours=4)
    shown = proposed(lab, **fields)
    assert shown["status"] == "proposed" and reason in shown["rule"]["reason"]


def test_an_edited_listing_is_another_one(lab):
    lab.ask(lab.ben, "rule.add", who=("anyone",))
    held = lab.ben.core.listings
    network = lab.network(lab.ben)
    record = held.mine(network)[0][0]
    shown = lab.ask(lab.ben, "listing.edit", id=lab.listing, price="3/hour")
    assert shown["record_id"] != record.id.hex()
    rules = lab.ben.core.standing.rules
    terms = replace(LISTED, listing=record.id, name=record.name, responder=lab.signer(lab.ben).author)
    assert rules._as_listed(network, terms, lab.now) is None


def test_regulars_are_those_with_whom_two_were_finished(lab):
    lab.ask(lab.ben, "rule.add")
    for _ in range(2):
        shown = proposed(lab, price="free", after=(3 + _) * DAY)
        id_ = shown["exchange_id"]
        assert shown["status"] == "proposed"
        for node, verb in ((lab.ben, "accept"), (lab.ben, "handover"), (lab.cleo, "confirm"), (lab.cleo, "return"),
                           (lab.ben, "confirm")):  # fmt: skip
            lab.ask(node, f"exchange.{verb}", id=id_)
        assert look(lab.ben, "exchange.show", lab.now, id=id_)["status"] == "settled"
    assert proposed(lab, after=9 * DAY)["status"] == "agreed"


def test_a_rule_survives_a_restart_and_is_gone_when_removed(lab):
    lab.ask(lab.ben, "rule.add", who=("members",), hours="06:00-24:00", days="mon-fri", zone="Europe/Berlin", most="5")
    before = look(lab.ben, "rule.list", lab.now)
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert look(lab.ben, "rule.list", lab.now) == before and before[0]["most"] == {"amount": 500, "unit": "hour"}
    lab.ask(lab.ben, "rule.remove", number=1)
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert look(lab.ben, "rule.list", lab.now) == []
    with pytest.raises(Refusal, match="no rule 1"):
        lab.ask(lab.ben, "rule.remove", number=1)


@pytest.mark.parametrize("fields", [{"hours": "8-20"}, {"days": "someday"}, {"zone": "Nowhere"}, {"who": ("Nobody",)}])
def test_rules_that_make_no_sense(lab, fields):
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "rule.add", **fields)


def test_instant_booking_is_a_rule_of_one_listing(lab):
    assert proposed(lab)["status"] == "proposed"
    other = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Saw", instant=True)["listing_id"]
    edited(lab, instant=True, price="0.25/hour")
    assert [(row["number"], row["title"]) for row in look(lab.ben, "rule.list", lab.now)] == [
        (None, "Mower"), (None, "Saw"),
    ]  # fmt: skip
    shown = proposed(lab, after=5 * DAY, hours=30)  # over night
    assert shown["status"] == "agreed" and shown["rule"] == {"number": None, "reason": ""}
    assert "comes with a note" in proposed(lab, after=9 * DAY, note="Please!")["rule"]["reason"]
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert proposed(lab, after=11 * DAY)["status"] == "agreed"
    lab.ask(lab.ben, "listing.withdraw", id=other)
    edited(lab, instant=False)
    assert look(lab.ben, "rule.list", lab.now) == []
    assert proposed(lab, after=15 * DAY)["status"] == "proposed"


def risky(lab: Lab, listing: str, by: Any, hours: int) -> Any:
    id_ = lab.ask(by, "exchange.propose", listing=listing, quantity=hours)["exchange_id"]
    lab.sim.run(MINUTE)
    return look(lab.ben, "exchange.show", lab.now, id=id_)


def by_itself(lab: Lab, **fields: Any) -> str:
    fields = {"direction": "offer", "kind": "help", "title": "Digging", "price": "1/hour", **fields}
    listing: str = lab.ask(lab.ben, "listing.publish", **fields)["listing_id"]
    lab.sim.run(MINUTE)
    return listing


def test_rules_together_risk_no_more_than_a_newcomer_is_lent_or_as_our_user_said():
    """Ben works before he is paid, and nobody he trusts stands for Cleo, Dora or Eve: a crowd is no way round it."""
    lab = Lab()
    digging = by_itself(lab, instant=True)
    assert look(lab.ben, "rule.list", lab.now)[0]["risk"] == {"amount": 1000, "unit": "hour"}
    much = risky(lab, digging, lab.cleo, 11)
    assert much["status"] == "proposed"
    assert much["rule"]["reason"] == (
        "you would give 11 hours before you get anything: those you trust stand for the proposer with 0 hours, and "
        "rules may risk 10 hours beyond that"
    )
    first = risky(lab, digging, lab.cleo, 6)
    assert first["status"] == "agreed"
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    second = risky(lab, digging, lab.dora, 6)
    assert second["status"] == "proposed" and "6 hours of it taken" in second["rule"]["reason"]
    assert risky(lab, digging, lab.dora, 4)["status"] == "agreed"
    for node, verb in ((lab.ben, "done"), (lab.cleo, "confirm"), (lab.cleo, "pay")):
        lab.ask(node, f"exchange.{verb}", id=first["exchange_id"])
        lab.sim.run(MINUTE)
    assert risky(lab, digging, lab.dora, 6)["status"] == "agreed"


@pytest.mark.parametrize(("risk", "status"), [("3", "agreed"), ("2.99", "proposed"), ("0", "proposed")])
def test_how_much_a_rule_may_risk(risk, status):
    lab = Lab()
    digging = by_itself(lab)
    lab.ask(lab.ben, "rule.add", who=("anyone",), risk=risk)
    assert risky(lab, digging, lab.cleo, 3)["status"] == status


def test_what_those_we_trust_stand_for_needs_no_risk():
    """Ben vouches for Cleo: that is a link, and what goes along it takes nothing of what rules may risk."""
    lab = Lab()
    digging = by_itself(lab)
    lab.ask(lab.ben, "vouch", peer="Cleo", amount="5")
    lab.ask(lab.ben, "rule.add", who=("anyone",), risk="3")
    lab.sim.run(MINUTE)
    assert [risky(lab, digging, lab.cleo, hours)["status"] for hours in (6, 5, 4, 3)] == [
        "proposed", "agreed", "proposed", "agreed",
    ]  # fmt: skip


def test_what_comes_back_paid_first_puts_nothing_at_risk():
    """Nothing to give before something is got: as much as anybody wants."""
    lab = Lab()
    free = by_itself(lab, price=None, instant=True)
    assert risky(lab, free, lab.dora, 40)["status"] == "agreed"


def test_a_rule_from_before_risk_was_written_down_has_the_usual_one():
    fields = [1, NET, b"", "", ["anyone"], "00:00-24:00", "mon-sun", "UTC", -1, 0, 2, False]
    assert msgspec.convert(fields, Rule).risk == -1
    task = asked(at_risk=11, carried=0, lent=10)
    assert decide([replace(RULE, who=("anyone",))], task)[0] is None
    assert decide([replace(RULE, who=("anyone",))], task._replace(at_risk=10))[0] is not None
    assert decide([replace(RULE, who=("anyone",))], task._replace(carried=11, open=99))[0] is not None


def edited(lab: Lab, **fields: Any) -> None:
    lab.ask(lab.ben, "listing.edit", id=lab.listing, **fields)
    lab.sim.run(MINUTE)


def test_hours_that_are_counted_and_not_booked_are_hours_too():
    lab = Lab()
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="help", title="Digging", price="1/hour")
    lab.ask(lab.ben, "rule.add", who=("anyone",), most_hours=4)
    lab.sim.run(MINUTE)
    for hours, status in ((5, "proposed"), (4, "agreed")):
        id_ = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"], quantity=hours)["exchange_id"]
        lab.sim.run(MINUTE)
        assert look(lab.cleo, "exchange.show", lab.now, id=id_)["status"] == status
