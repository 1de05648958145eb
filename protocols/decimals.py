"""How amounts are written for people, by the node and by the command line: which imports this, and so nothing heavy."""

from typing import Final

OTHER_DECIMALS: Final = 2  # every unit but the network's is counted in hundredths


def format_amount(amount: int, decimals: int) -> str:
    """The decimal of an amount in minor units: 250 with 2 decimals is `2.5`, 200 is `2`. May be negative."""
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(decimals + 1, "0")
    if decimals == 0:
        return sign + digits
    whole, fraction = digits[:-decimals], digits[-decimals:].rstrip("0")
    return sign + (f"{whole}.{fraction}" if fraction else whole)
