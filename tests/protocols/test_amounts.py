"""Amounts and prices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.amounts import Price, format_price, parse_amount, parse_price
from protocols.decimals import format_amount
from protocols.errors import Refusal
from protocols.limits import MAX_INT
from tests.strategies import amounts, decimals, prices, units


@given(amounts, decimals)
def test_amounts_round_trip(amount: int, places: int) -> None:
    assert parse_amount(format_amount(amount, places), places) == amount
    assert format_amount(-amount, places) == ("-" if amount else "") + format_amount(amount, places)


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [(250, 2, "2.5"), (200, 2, "2"), (205, 2, "2.05"), (5, 2, "0.05"), (0, 2, "0"), (-20, 2, "-0.2"), (200, 0, "200")],
)
def test_amounts_are_written_without_idle_zeros(amount: int, places: int, text: str) -> None:
    assert format_amount(amount, places) == text


@given(st.none() | prices, units, decimals)
def test_prices_round_trip(price: Price | None, unit: str, places: int) -> None:
    read = parse_price(format_price(price, unit, places), unit, places)
    assert read == price or (price and read and read.unit == unit and price.unit.casefold()[:3] == unit.casefold()[:3])


@given(st.text(max_size=20) | st.text("0123456789./- EURhour", max_size=20), decimals)
def test_any_text_is_a_price_or_a_refusal(text: str, places: int) -> None:
    try:
        price = parse_price(text, "hour", places)
    except Refusal as e:
        assert e.code == "usage"
        return
    assert price is None or 1 <= price.amount <= MAX_INT


@pytest.mark.parametrize(
    ("typed", "unit"),
    [("2 hours", "hour"), ("2 Hour/day", "hour"), ("2 Stunden/day", "Stunde"), ("2 hour", "hours"), ("2 eur", "EUR")],
)
def test_one_and_several_of_the_networks_unit_are_its_unit(typed: str, unit: str) -> None:
    price = parse_price(typed, unit, 2)
    assert price is not None and price.unit == unit


@pytest.mark.parametrize(("typed", "unit"), [("2 hourglass", "hour"), ("2 eggs", "hour"), ("2 es", "e")])
def test_another_unit_is_another_one(typed: str, unit: str) -> None:
    price = parse_price(typed, unit, 2)
    assert price is not None and price.unit == typed[2:]


def test_other_units_have_two_decimals() -> None:
    assert parse_price("1.5", "hour", 6) == Price(1_500_000, "hour")
    assert parse_price("1.5 EUR", "hour", 6) == Price(150, "EUR")
    with pytest.raises(Refusal):
        parse_price("1.555 EUR", "hour", 6)
    with pytest.raises(Refusal):
        parse_price("1.5", "hour", 0)
    assert parse_amount("1.0", 0) == 1  # no more decimals than zeros
