"""Listings that are to be had at single times: published, searched for on a date, booked, in the calendar."""

import msgspec
import pytest

from p2pnode.arguments import Search
from p2pnode.core.notices import _wish
from p2pnode.search.answering import asked_of
from p2pnode.search.finding import Query
from p2pnode.search.matching import fits, forms, said
from p2pnode.search.searching import of_network
from p2pnode.search.sql_functions import to_be_had
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.test_bookings import Rental


def hall(*times: tuple[int, int]) -> Rental:
    """A hall; times: in hours from the full hour five days ahead."""
    rental = Rental(form="full", title="Hall")
    on = [[rental.start + a * HOUR, rental.start + b * HOUR] for a, b in times]
    rental.lab.ask(rental.lab.ben, "listing.edit", id=rental.listing, on=on)
    rental.lab.sim.run(MINUTE)
    return rental


def test_a_single_time_is_booked_and_no_other() -> None:
    rental = hall((26, 30), (2, 4))
    lab, start = rental.lab, rental.start
    shown = lab.ask(lab.cleo, "listing.show", id=rental.listing)
    hours_of = [((t["from"] - start) // HOUR, (t["until"] - start) // HOUR) for t in shown["on"]]
    assert hours_of == [(2, 4), (26, 30)]
    assert (shown["when"], shown["times"], shown["zone"]) == ("", None, None)
    for hour, hours in ((1, 2), (3, 2), (4, 1), (2, 26)):
        with pytest.raises(Refusal, match="not to be had at that time; "):
            rental.propose(lab.cleo, hour=hour, hours=hours)
    rental.do(lab.ben, "accept", rental.propose(lab.cleo, hour=2, hours=1))
    free = lab.ask(lab.cleo, "calendar", listing=rental.listing)["free"]
    assert [(s["from"] - start, s["until"] - start) for s in free] == [(3 * HOUR, 4 * HOUR), (26 * HOUR, 30 * HOUR)]


def test_times_that_are_none_are_refused_and_nothing_changes() -> None:
    rental = hall((2, 4))
    lab, start = rental.lab, rental.start
    for on, why in (
        ([[start, start + HOUR], [start + 1, start + DAY]], "overlap"),
        ([[start + HOUR, start]], "end before they begin"),
        ([[lab.now - HOUR, lab.now]], "is over"),
    ):
        with pytest.raises(Refusal, match=why):
            lab.ask(lab.ben, "listing.edit", id=rental.listing, on=on)
    with pytest.raises(Refusal, match="--on and --when"):
        lab.ask(lab.ben, "listing.edit", id=rental.listing, on=[[start, start + HOUR]], when="sat")
    with pytest.raises(Refusal, match="no times"):
        lab.ask(lab.ben, "listing.edit", id=rental.listing, zone="Europe/Berlin")
    assert len(lab.ask(lab.ben, "listing.show", id=rental.listing)["on"]) == 1
    assert lab.ask(lab.ben, "listing.edit", id=rental.listing, when="sat")["on"] is None
    assert lab.ask(lab.ben, "listing.edit", id=rental.listing, when="")["times"] is None


def test_who_searches_for_a_date_finds_what_is_to_be_had_on_it() -> None:
    rental = hall((2, 4))
    lab, start = rental.lab, rental.start
    network = lab.network(lab.ben)
    _, record, listing = lab.ben.core.listings.find(rental.listing)
    stored = msgspec.msgpack.encode(listing.available)
    plain = forms([])
    for at, until, found in (
        (start, None, False), (start + 2 * HOUR, None, True), (start, start + DAY, True),
        (start, start + 2 * HOUR, False), (start + 4 * HOUR, start + DAY, False),
    ):  # fmt: skip
        args = Search(available=at, available_until=until)
        query = of_network(lab.ben.core, network, args, lab.now)
        assert to_be_had(stored, record.created, query.available or 0, query.available_until or 0) is found
        assert fits(_wish(args, network, ""), said(listing, record.created, plain), plain) is found
    beyond = asked_of(Query(network=network.id, now=lab.now, available=start, available_until=start + DAY), 10)
    assert beyond.available == 0, "others cannot be asked about a day: what they send is looked through here"
