"""How amounts are written for people, by the node and by the command line: which imports this, and so nothing heavy."""

from typing import Final

SEVERAL: Final = {"hour": "hours", "day": "days", "week": "weeks", "month": "months"}  # of units of time
OTHER_DECIMALS: Final = 2  # every unit but the network's is counted in hundredths


def format_amount(amount: int, decimals: int) -> str:
    """The decimal of an amount in minor units: 250 with 2 decimals is `2.5`, 200 is `2`. May be negative."""
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(decimals + 1, "0")
    if decimals == 0:
        return sign + digits
    whole, fraction = digits[:-decimals], digits[-decimals:].rstrip("0")
    return sign + (f"{whole}.{fraction}" if fraction else whole)


def is_one(amount: int, decimals: int) -> bool:
    """Whether an amount in minor units is one of its unit, as of `1 hour`; `1.5 hours` are several."""
    one: int = 10**decimals
    return abs(amount) == one


def bent(unit: str, amount: int, decimals: int) -> str:
    """A unit of time, in English, as it is said of an amount in minor units. Any other unit as it is: it may be
    anybody's word."""
    return unit if is_one(amount, decimals) else SEVERAL.get(unit, unit)


def in_words(amount: int, decimals: int, unit: str) -> str:
    """An amount in minor units as a sentence says it: `2.5 hours`, `3 eggs`."""
    return f"{format_amount(amount, decimals)} {bent(unit, amount, decimals)}".strip()
