"""How far goals are: the one that a pledge waits for, and that of a listing."""

from typing import Any

from .output import say, short
from .session import Session
from .times import format_time, now_ms


def goal_by(session: Session, data: dict[str, Any], now: int) -> str | None:
    goal = (data.get("terms") or {}).get("goal")
    if not goal:
        return None
    so_far = (data.get("pledged") or {}).get("pledged")
    known = "" if so_far is None else f"; {_many(session, data, so_far)} so far"
    return f"{_many(session, data, goal['least'])} by {format_time(goal['until'], now)}{known}"


def _many(session: Session, data: dict[str, Any], count: int) -> str:
    """So much of what its goal counts."""
    unit = data["terms"]["goal"].get("unit")
    if unit:
        return session.money({"amount": count, "unit": unit}, network=data.get("network"))
    return f"{count} {'pledge' if count == 1 else 'pledges'}"


def goal_so_far(session: Session, data: dict[str, Any]) -> str:
    """Of a pledge that waits for its goal, to the organiser: `3 hour of 7 hour pledged`."""
    pledged, goal = data.get("pledged"), (data.get("terms") or {}).get("goal")
    if not pledged or not goal or not data.get("waits_for_goal"):
        return ""
    much, least = _many(session, data, pledged["pledged"]), _many(session, data, goal["least"])
    return f"{much} of {least}" if goal.get("unit") else f"{pledged['pledged']} of {least}"


def print_waiting(session: Session, data: dict[str, Any]) -> None:
    """Of a pledge that waits for its goal: who has to say what, and that nothing is owed before."""
    goal = (data.get("terms") or {}).get("goal")
    if not goal or not data.get("waits_for_goal"):
        return
    least, until = _many(session, data, goal["least"]), format_time(goal["until"], now_ms())
    pledged = data.get("pledged")
    if pledged is None:
        who = data.get("counterparty_name") or "the organiser"
        held = next((p for p in data.get("payments") or () if p.get("state") == "proposed"), None)
        if held is not None:
            much = session.money(held["amount"], network=data.get("network"))
            say(f"Set aside: {much}. It is paid when {who} says that {least} came together, or free again {until}.")
            return
        say(f"Nothing is owed until {who} says that {least} came together. If not, it lapses {until}.")
        pays = any(p.get("state") == "pending" for p in data.get("payments") or ())
        if pays and not data.get("cancel_asked"):
            say(f"To set it aside until then: p2pnode exchange pay {short(data.get('exchange_id'))}")
    elif not pledged["reached"]:
        verb = "waits" if pledged["asked"] == 1 else "wait"
        asked = f"; {pledged['asked']} more {verb} for your answer" if pledged["asked"] else ""
        say(f"Waiting for more pledges: {goal_so_far(session, data)} so far{asked}. Without them it lapses {until}.")


def goal_of_listing(session: Session, row: dict[str, Any], goal: dict[str, Any]) -> str:
    """How much has to come together, and to the organiser how much has."""

    def much(count: int) -> str:
        if goal["unit"]:
            return session.money({**goal, "amount": count}, network=row.get("network"))
        return str(count)

    who = "" if goal["unit"] else " who agree"
    pledged = row.get("pledged")
    if not pledged:
        return much(goal["amount"]) + who
    parts = [f"{much(goal['amount'])}{who}; {much(pledged['pledged'])} so far"]
    asked = pledged["asked"]
    parts += [f"{asked} more {'waits' if asked == 1 else 'wait'} for your answer"] if asked else []
    parts += [f"until {format_time(pledged['until'], now_ms())}"] if pledged["until"] else []
    return ", ".join(parts)
