"""Whose turn it is in an exchange, as its JSON says: the same for the command line and the page. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

YOU = "you"  # what the node calls who asks


class Turn(NamedTuple):
    """command: as typed; word: its verb; begins, until: ms, or None."""

    command: str
    word: str
    begins: int | None
    until: int | None


def turns(exchange: Mapping[str, Any]) -> dict[str, list[Turn]]:
    """Who can do what next, by who; the reader first."""
    found: dict[str, list[Turn]] = {}
    for step in sorted(exchange.get("next") or (), key=lambda step: bool(step.get("who") != YOU)):
        command = str(step.get("command", ""))
        turn = Turn(command, word_of(command), step.get("from") or None, step.get("until") or None)
        found.setdefault(str(step.get("who")), []).append(turn)
    return found


def word_of(command: str) -> str:
    """`p2pnode exchange accept 77c1` is `accept`, `p2pnode attest 77c1 …` is `attest`."""
    words = command.split()
    return next((word for word in words[1:] if word not in ("exchange", "parcel", "claim")), command)
