"""Amounts and prices: integers in minor units, written as decimals. No floats anywhere."""

import re

import msgspec

from protocols.decimals import OTHER_DECIMALS
from protocols.errors import Refusal
from protocols.fields import Positive, Token, Unit
from protocols.limits import MAX_INT

_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,16}))?")
_PRICE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:\s+([^\s/]+))?(?:\s*/\s*([^\s/]+))?")
_HINT = 'a price is AMOUNT[ UNIT][/PER], with a point before decimals, such as 2/hour, "3.50 EUR/day" or free'
_PLURALS = ("", "s", "es", "n", "en")


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


def decimals_of(unit: str, network_unit: str, network_decimals: int) -> int:
    """How many decimals amounts of a unit have, seen from a network."""
    return network_decimals if unit == network_unit else OTHER_DECIMALS


def parse_price(text: str, network_unit: str, decimals: int) -> Price | None:
    """`2/hour`, `3.50 EUR/day`, `free`: the price, or None where nothing is asked. `Refusal` (usage) else.

    Without a unit the network's is meant: `2/hour` where the network counts in hours is two hours for each hour. So it
    is with what differs from it by its case or by being of one or several, as `2 Hours`: else nobody could pay that.
    """
    text = text.strip()
    if text.lower() == "free":
        return None
    match = _PRICE.fullmatch(text)
    if match is None:
        raise Refusal("usage", f"not a price: {text!r}", _HINT)
    unit, per = _meant(match[2] or network_unit, network_unit), match[3] or "item"
    amount = parse_amount(match[1], decimals_of(unit, network_unit, decimals))
    if amount == 0:
        return None
    try:
        return msgspec.convert({"amount": amount, "unit": unit, "per": per}, Price)
    except msgspec.ValidationError as e:
        raise Refusal("usage", f"not a price: {text!r} (its unit, or what it is for, is no short word)", _HINT) from e


def _meant(unit: str, network_unit: str) -> str:
    one, several = sorted((unit.casefold(), network_unit.casefold()), key=len)
    same = several.startswith(one) and several.removeprefix(one) in _PLURALS
    return network_unit if same and (len(one) > 2 or one == several) else unit


def format_price(price: Price | None, network_unit: str, decimals: int) -> str:
    """The text that `parse_price` reads back as this price, with all decimals."""
    if price is None:
        return "free"
    places = decimals_of(price.unit, network_unit, decimals)
    digits = str(price.amount).rjust(places + 1, "0")
    number = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"{number} {price.unit}" + (f"/{price.per}" if price.per != "item" else "")
