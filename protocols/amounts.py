"""Amounts and prices: integers in minor units, written as decimals. No floats anywhere."""

import re
from typing import Final

import msgspec

from protocols.errors import Refusal
from protocols.fields import Positive, Token, Unit
from protocols.limits import MAX_INT

OTHER_DECIMALS: Final = 2  # every unit but the network's is counted in hundredths
_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,16}))?")
_PRICE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:\s+([^\s/]+))?(?:\s*/\s*([^\s/]+))?")
_HINT = 'a price is AMOUNT[ UNIT][/PER], such as 2/hour, "3.50 EUR/day" or free'


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """amount: minor units of `unit`, at least 1 (nothing asked is no price at all). per: what it is counted by."""

    amount: Positive
    unit: Unit
    per: Token = "item"


def parse_amount(text: str, decimals: int) -> int:
    """Minor units of a decimal such as `2.5`; `Refusal` for signs, exponents, commas, too many decimals, too much."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise Refusal("usage", f"not an amount: {text!r}", "write a decimal number with a point, such as 2 or 3.50")
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise Refusal("usage", f"{text!r} has more than {decimals} decimals", "round it")
    value: int = int(whole) * 10**decimals + int(fraction.ljust(decimals, "0") or "0")
    if value > MAX_INT:
        raise Refusal("usage", f"{text!r} is too large", "")
    return value


def format_amount(amount: int, decimals: int) -> str:
    """The decimal of an amount in minor units: `250` with 2 decimals is `2.50`, with 0 `250`. May be negative."""
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(decimals + 1, "0")
    if decimals == 0:
        return sign + digits
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def decimals_of(unit: str, network_unit: str, network_decimals: int) -> int:
    """How many decimals amounts of a unit have, seen from a network."""
    return network_decimals if unit == network_unit else OTHER_DECIMALS


def parse_price(text: str, network_unit: str, decimals: int) -> Price | None:
    """`2/hour`, `3.50 EUR/day`, `free`: the price, or None where nothing is asked. `Refusal` (usage) else.

    Without a unit the network's is meant: `2/hour` where the network counts in hours is two hours for each hour.
    """
    text = text.strip()
    if text.lower() == "free":
        return None
    match = _PRICE.fullmatch(text)
    if match is None:
        raise Refusal("usage", f"not a price: {text!r}", _HINT)
    unit, per = match[2] or network_unit, match[3] or "item"
    amount = parse_amount(match[1], decimals_of(unit, network_unit, decimals))
    if amount == 0:
        return None
    try:
        return msgspec.convert({"amount": amount, "unit": unit, "per": per}, Price)
    except msgspec.ValidationError as e:
        raise Refusal("usage", f"not a price: {text!r} (its unit, or what it is for, is no short word)", _HINT) from e


def format_price(price: Price | None, network_unit: str, decimals: int) -> str:
    """The text that `parse_price` reads back as this price."""
    if price is None:
        return "free"
    number = format_amount(price.amount, decimals_of(price.unit, network_unit, decimals))
    return f"{number} {price.unit}" + (f"/{price.per}" if price.per != "item" else "")
