"""What is said of an exchange that puts more at risk than those whom the user trusts stand for."""

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
