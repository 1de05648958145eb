"""Whose turn it is in an exchange, and who has yet to say where he is found, as its JSON says: the same for the
command line and the page. Pure."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from protocols.conditions import SECOND_FORM

YOU = "you"  # what the node calls who asks
_UNDER_WAY = ("agreed", "active", "fulfilled")
_HANDED = ("transfer", "transferCustody")


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


def where_to_say(exchange: Mapping[str, Any]) -> Literal["", "sealed", "otherwise"]:
    """How the reader can say where to, if something is to be brought to him or for him and has not come yet: sealed in
    a contact, or otherwise, in terms that take none. Empty: nothing is, or he has said it; and for the
    answers to other commands than `exchange.show`, which alone knows."""
    mine = (exchange.get("contact") or {}).get("mine")
    if mine != "none" or exchange.get("status") not in _UNDER_WAY or exchange.get("role") == "mediator":
        return ""
    terms, other = exchange.get("terms") or {}, exchange.get("counterparty")
    brought = [
        duty["state"]
        for duty in exchange.get("duties") or ()
        if duty.get("provider") == other
        and not duty.get("amount")
        and duty.get("id") != "return"
        and (duty.get("action") == "dropoff" or (terms.get("handover") == "bring" and duty.get("action") in _HANDED))
    ]
    if not brought or any(state != "pending" for state in brought):
        return ""
    return "sealed" if terms.get("form") == SECOND_FORM else "otherwise"
