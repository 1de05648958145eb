"""Asking first costs the others less each time, and what is remembered of it is bounded."""

from dht.flights import MAX_FLIGHTS, Flights

PAUSE = 2_000


def test_all_turns_together_last_less_than_two_first_ones():
    flights, now = Flights(), 5
    for _ in range(50):
        flights.take_off(b"id", now, PAUSE)
        now = max(now, flights.until(b"id"))
    assert PAUSE < now - 5 < 2 * PAUSE


def test_who_fails_has_had_its_turn_and_whose_answer_was_full_has_not():
    flights = Flights()
    flights.take_off(b"id", 0, PAUSE)
    flights.turn_back(b"id")
    assert flights.until(b"id") == 0
    flights.take_off(b"id", 0, PAUSE)
    assert flights.until(b"id") == PAUSE
    flights.fail(b"id")
    assert flights.until(b"id") == 0
    flights.take_off(b"id", 0, PAUSE)
    assert flights.until(b"id") == PAUSE // 2


def test_who_reserves_nothing_ends_nobodys_turn():
    flights = Flights()
    flights.take_off(b"id", 0, PAUSE)
    flights.take_off(b"id", 1, 0)
    assert flights.until(b"id") == PAUSE


def test_what_is_remembered_is_bounded():
    flights = Flights()
    for i in range(MAX_FLIGHTS + 10):
        flights.take_off(i.to_bytes(4, "big"), 0, PAUSE)
    assert len(flights) == MAX_FLIGHTS
    assert not flights.until(bytes(4)) and flights.until((MAX_FLIGHTS + 9).to_bytes(4, "big"))
