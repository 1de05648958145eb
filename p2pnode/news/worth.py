"""Which events are worth a message, and its words. Pure.

Nothing goes into a message that the parties alone should read: no note, no address, no text of anybody. A title and a
name do, unless the target wants it brief: then only what kind of thing waits.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

TOPICS: Final = {
    "proposal": "somebody proposes something, or answers with other terms",
    "due": "what you are to do is due within a day, or overdue",
    "payment": "somebody has paid you",
    "rating": "an exchange is over and waits for your rating",
    "health": "the node has a problem: its disk, its clock, its ledger, somebody who cheats",
    "message": "a neighbour wrote to you",
    "match": "a listing arrived that fits a saved search or goes with one of yours",
}
USUAL: Final = ("proposal", "due", "payment", "rating", "health", "message")
BRIEF: Final = {
    "proposal": "A proposal waits for you.",
    "due": "Something is due.",
    "payment": "You were paid.",
    "rating": "An exchange waits for your rating.",
    "health": "The node has a problem.",
    "message": "Somebody wrote to you.",
    "match": "A listing arrived that may suit you.",
}
DUE_WITHIN: Final = 24 * 3_600_000  # ms
MAX_LINE: Final = 120
_TOLD_OTHERWISE: Final = re.compile(r"^overdue: |are overdue: |^still trying to join |^bootstrap peer ")  # or will pass


@dataclass(frozen=True)
class News:
    """key: the same for the same thing, so that it is told once. text: a line; see p2pnode tells the rest."""

    topic: str
    key: str
    text: str


def of_exchange(shown: Mapping[str, Any], overdue: bool, now: int) -> list[News]:
    """shown: the JSON of `exchange.show`. overdue: something of it has just become so."""
    id_, terms = shown["exchange_id"], shown["terms"]
    what = f"{_line(terms['title'])}, with {_line(shown['counterparty_name'])}"
    mine = [step for step in shown["next"] if step["who"] == "you"]
    commands = {verb for step in mine for verb in _verbs(step["command"])}
    found = []
    if "accept" in commands:
        found.append(
            News("proposal", f"proposal {id_} {terms['hash']}{shown.get('amendment') and ' a'}", f"Proposal: {what}")
        )
    late = [duty["id"] for duty in shown["duties"] if duty["overdue"]]
    if overdue and late:
        found.append(News("due", f"overdue {id_} {' '.join(late)}", f"Overdue: {what}"))
    for step in mine:
        until = step["until"]
        if until and now < until <= now + DUE_WITHIN and not {"attest", "accept"} & set(_verbs(step["command"])):
            found.append(News("due", f"due {id_} {step['command']} {until}", f"Due within a day: {what}"))
    if shown["settlement"]["state"] == "settled" and shown["role"] == "giver":
        found.append(News("payment", f"payment {id_}", f"Paid: {what}"))
    if "attest" in commands:
        found.append(News("rating", f"rating {id_}", f"Wants your rating: {what}"))
    return found


def of_event(event: Mapping[str, Any]) -> list[News]:
    """What an event says by itself."""
    match event.get("type"):
        case "warning" if event.get("message"):
            return [_problem(str(event["message"]))]
        case "health":
            said = [str(warning) for warning in event.get("warnings") or ()]
            return [_problem(warning) for warning in said if not _TOLD_OTHERWISE.search(warning)]
        case "recovering":
            return [News("health", f"recovering {event.get('network')}", "The node looks for entries of its ledger.")]
        case "misconduct":
            name = _line(str(event.get("name")))
            return [News("health", f"misconduct {event.get('author')}", f"News of a broken rule: {name}")]
        case "message" if event.get("state") == "new":
            return [News("message", f"message {event.get('id')}", f"Message from {_line(str(event.get('name')))}")]
        case "notice":
            title = _line(str(event.get("title")))
            return [News("match", f"notice {event.get('of')} {title}", f"Found: {title}")]
    return []


def _problem(text: str) -> News:
    """The same with another figure in it is the same problem."""
    return News("health", "problem " + re.sub("[0-9]+", "", text), _line(text))


def text_for(news: Iterable[News], brief: bool) -> str:
    """The body of one message: a line each, the same line once."""
    return "\n".join(dict.fromkeys(BRIEF[one.topic] if brief else one.text for one in news))


def is_quiet(minute: int, quiet: tuple[int, int] | None) -> bool:
    """minute: of the day, here. quiet: from and until, as minutes; it may go over midnight."""
    if quiet is None:
        return False
    first, last = quiet
    return first <= minute < last if first <= last else minute >= first or minute < last


def _verbs(command: str) -> tuple[str, ...]:
    """`p2pnode exchange accept 77c1` and `accept` alike."""
    return tuple(command.split())


def _line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
