"""What is said before somebody is bound: of more at risk than those stand for whom the user trusts, and of a price that
no ledger settles."""

from typing import Any

from .output import note, short
from .session import Session


def warn_of_risk(session: Session, data: dict[str, Any]) -> None:
    """A line where more is at risk than the links to the other side carry, unless it is little: everybody begins with
    small deals. Nothing of it from a node that is older."""
    exposure = data.get("exposure") or {}
    if not exposure.get("beyond") or exposure.get("small", True):
        return
    name, network = data.get("counterparty_name") or short(data.get("counterparty")), data.get("network")
    risk, most = (session.money(exposure.get(key), network=network) for key in ("at_risk", "most"))
    stands = (exposure.get("most") or {}).get("amount")
    who = f"those you trust stand for {name} with {most}" if stands else f"nobody you trust stands for {name} yet"
    safer = f"smaller steps (--instalments), a deposit, or {name} goes first"
    note(f"! You give up to {risk} before you get anything for it, and {who}. Safer: {safer}.")


def warn_of_unit(session: Session, price: Any, network: Any) -> None:
    """A line for a price that is in another unit than the credit of its network."""
    unit = str((price or {}).get("unit", ""))
    if unit and not session.counts_in(unit, network):
        note(
            f"! The price is in {unit}, not in the network's credit: `pay` moves nothing, the two of you settle it "
            "yourselves."
        )
