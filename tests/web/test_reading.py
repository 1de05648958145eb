"""Amounts as a reader of the page sees them."""

import pytest

from p2pnode.web.languages import load_catalog
from p2pnode.web.reading import Reader
from p2pnode.when import rule_in_words

NETWORKS = [{"id": "aa", "unit": "hour", "decimals": 1}, {"id": "bb", "unit": "Beule", "decimals": 2}]
READERS = {language: Reader(language, load_catalog(language), 0, None, NETWORKS) for language in ("en", "de")}


@pytest.mark.parametrize(
    ("amount", "unit", "network", "english", "german"),
    [
        (10, "hour", "aa", "1 hour", "1 Stunde"),
        (-10, "hour", "aa", "-1 hour", "-1 Stunde"),
        (0, "hour", "aa", "0 hours", "0 Stunden"),
        (5, "hour", "aa", "0.5 hours", "0,5 Stunden"),
        (100, "hour", "aa", "10 hours", "10 Stunden"),
        (300, "day", "aa", "3 days", "3 Tage"),
        (100, "week", "bb", "1 week", "1 Woche"),
        (200, "month", "bb", "2 months", "2 Monate"),
        (300, "Stunde", "bb", "3 Stunde", "3 Stunden"),
        (200, "Beule", "bb", "2 Beule", "2 Beule"),
        (300, "eggs", "bb", "3 eggs", "3 eggs"),
        (300, "hours", "bb", "3 hours", "3 hours"),
        (300, "kg", "bb", "3 kg", "3 kg"),
    ],
)
def test_units_of_time_are_bent_and_no_others(amount: int, unit: str, network: str, english: str, german: str) -> None:
    money = {"amount": amount, "unit": unit}
    assert [READERS[language].money(money, network) for language in ("en", "de")] == [english, german]


def test_a_unit_is_named_for_many() -> None:
    assert [READERS["de"].units(unit) for unit in ("Stunde", "hour", "kg")] == ["Stunden", "Stunden", "kg"]
    assert READERS["en"].units("hour") == "hours"


@pytest.mark.parametrize(
    ("rule", "english", "german"),
    [
        ("FREQ=WEEKLY;BYDAY=SA,SU", "Sat, Sun each week", "jede Woche: Sa, So"),
        ("FREQ=DAILY", "every day", "jeden Tag"),
        ("FREQ=MONTHLY;BYDAY=1SA", "FREQ=MONTHLY;BYDAY=1SA", "FREQ=MONTHLY;BYDAY=1SA"),
    ],
)
def test_the_days_of_a_week_are_said_in_the_readers_language(rule: str, english: str, german: str) -> None:
    assert [READERS[one].days(rule_in_words(rule)) for one in ("en", "de")] == [english, german]
    assert READERS["de"].days(None) == ""


def test_what_a_price_is_for_stays_one() -> None:
    price = {"amount": 20, "unit": "hour", "per": "day"}
    assert READERS["en"].price(price, "aa") == "2 hours per day"
    assert READERS["de"].price(price, "aa") == "2 Stunden je Tag"


def test_an_amount_in_a_sentence_of_the_node_is_bent_too() -> None:
    money = {"amount": 25, "unit": "hour"}
    assert READERS["de"].with_money("2.5 hours bezahlen", money, "aa") == "2,5 Stunden bezahlen"
    assert READERS["en"].with_money("mow 3 hours", money, "aa") == "mow 3 hours", "it is another amount"
    assert READERS["en"].with_money("mow", None, "aa") == "mow"


@pytest.mark.parametrize(
    ("cell", "home", "english", "german"),
    [
        ("u33dc", "u33dc", "in your own area", "in deiner eigenen Gegend"),
        ("u33dc1", "u33dc", "in your own area", "in deiner eigenen Gegend"),
        ("u33d", "u33dc", "around your own area", "rund um deine eigene Gegend"),
        ("u33d9", "u33dc", "4.9 km to the south", "4,9 km südlich"),
        ("u33db", "u33dc", "3 km to the west", "3 km westlich"),
        ("u33dc", "u33db", "3 km to the east", "3 km östlich"),
        ("u33d8", "u33dc", "5.7 km to the south-west", "5,7 km südwestlich"),
        ("u33dc", "", "u33dc", "u33dc"),
        ("no cell<b>", "u33dc", "no cell<b>", "no cell<b>"),
        ("", "u33dc", "", ""),
    ],
)
def test_where_an_area_lies_is_said_from_where_one_lives(cell: str, home: str, english: str, german: str) -> None:
    assert [READERS[language].where(cell, home) for language in ("en", "de")] == [english, german]


def test_an_area_is_told_by_its_size() -> None:
    assert READERS["en"].field("u33dc") == "a field of 3 × 4.9 km" and READERS["en"].field("") == ""
