"""What went wrong in an exchange, in words, and what that suggests for a rating."""

from typing import Any

from .output import say, short, warn
from .times import format_time


def print_faults(data: dict[str, Any], now: int) -> None:
    """A line for each fault, and that a rating can be corrected once what was owed is made good."""
    for line in fault_lines(data, now):
        warn(line)
    better = (data.get("attestations") or {}).get("correct")
    if better is not None:
        id_ = short(data.get("exchange_id"))
        say(f"Made good since. Your rating can be corrected: p2pnode attest {id_} --again --outcome {better}")


def fault_lines(data: dict[str, Any], now: int) -> list[str]:
    """now: ms. That somebody cancelled alone stands beside the status already."""
    what = {duty.get("id"): duty.get("what") for duty in data.get("duties") or ()}
    return [
        _line(fault, str(what.get(fault.get("duty"), fault.get("duty"))), now)
        for fault in data.get("faults") or ()
        if fault.get("kind") != "cancelled"
    ]


def _line(fault: dict[str, Any], what: str, now: int) -> str:
    """`Ben did not come: hand over the barn, due Tue 9:00`."""
    who = str(fault.get("by_name"))
    did = {"late": "was late", "no-show": "did not come"}.get(str(fault.get("kind")), "did not do it")
    if who == "you":
        who, did = "You", did.replace("was", "were")
    came = f", done {format_time(fault['came'], now)}" if fault.get("came") else ""
    return f"{who} {did}: {what}, due {format_time(fault['until'], now)}{came}"


def record_lines(told: dict[str, Any]) -> list[str]:
    """told: `faults` of a reputation. `late twice, did not come once, as those who dealt with them say`."""
    said = _counted({name: row["times"] for name, row in (told.get("said") or {}).items()})
    own = _counted(told.get("own") or {})
    lines = [f"With you: {own}, as your exchanges show."] if own else []
    return lines + ([f"{said[0].upper()}{said[1:]}, as those who dealt with them say."] if said else [])


def _counted(times: dict[str, int]) -> str:
    words = {"late": "late", "no-show": "did not come", "default": "did not do it"}
    often = {1: "once", 2: "twice"}
    return ", ".join(f"{words[k]} {often.get(times[k], f'{times[k]} times')}" for k in words if times.get(k))


def marked(data: dict[str, Any]) -> str:
    """What a rating says of faults, too: `; it says, too: no-show`, or nothing."""
    names = [name for name in (data.get("dimensions") or {}) if name in ("late", "no-show", "default")]
    return f"; it says, too: {', '.join(names)}" if names else ""


def suggestion(data: dict[str, Any], now: int) -> str:
    """`-2 (Ben did not come: …)`, or empty where the node suggests nothing."""
    outcome = data.get("suggested")
    if outcome is None:
        return ""
    theirs = [f for f in data.get("faults") or () if f.get("by_name") != "you"]
    lines = fault_lines({**data, "faults": theirs}, now)
    if any(f.get("kind") == "cancelled" for f in theirs):
        lines.append(f"{theirs[-1].get('by_name')} cancelled alone, as the terms allow")
    nothing = "nothing came of it" if outcome == 0 else "nothing went wrong"
    return f"{outcome:+d} ({'; '.join(lines) or nothing})" if outcome else f"0 ({'; '.join(lines) or nothing})"
