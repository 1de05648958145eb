"""What machines read of a listing's tags: a small closed set of words, so that its record needs no new keys.

An older node shows them as the tags they are. What only looks like one of them, or is out of bounds, is a tag and says
nothing; of two that say the same the first counts.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, get_args

from protocols.errors import Refusal
from protocols.limits import MAX_LIFETIME, MAX_TOKEN
from protocols.spans import format_span, parse_span

PART_SIZE: Final = 12  # bytes of the project's listing id: a tag has room for 32 characters
_GOAL = re.compile(r"goal=(0|[1-9][0-9]{0,14})(?:(\.[0-9]{1,6})?([^/0-9+\-.,\s][^/\s]{0,15}))?")
_PART = re.compile(rf"part=([0-9a-f]{{{2 * PART_SIZE}}})")
Handover = Literal["", "fetch", "bring", "both"]  # which way a thing may go; empty where nothing is said
_HANDOVER: Final[dict[str, Handover]] = {f"handover={way}": way for way in get_args(Handover) if way}
_ORDERS = re.compile(r"orders=([0-9]{1,6}(?:s|min|h|d|w))")


class GoalLabel(NamedTuple):
    """What must come together: a number of pledges (unit empty), or a decimal amount of a unit in all."""

    number: str
    unit: str = ""


class Labels(NamedTuple):
    """goal: as it stands in the tag; orders: how long before its time something must be ordered, ms, 0 for never; part:
    the first 12 bytes of the id of the project's listing; instant: who proposes what it asks need not wait; handover:
    which way the thing may go."""

    goal: GoalLabel | None = None
    orders: int = 0
    part: bytes = b""
    instant: bool = False
    handover: Handover = ""


def parse_labels(tags: Iterable[str]) -> Labels:
    found = Labels()
    for tag in tags:
        if found.goal is None and (goal := _GOAL.fullmatch(tag)) and float(goal[1] + (goal[2] or "")) > 0:
            found = found._replace(goal=GoalLabel(goal[1] + (goal[2] or ""), goal[3] or ""))
        elif not found.orders and (orders := _ORDERS.fullmatch(tag)):
            span = parse_span(orders[1])
            found = found._replace(orders=span if span <= MAX_LIFETIME else 0)
        elif not found.part and (part := _PART.fullmatch(tag)):
            found = found._replace(part=bytes.fromhex(part[1]))
        elif tag == "instant":
            found = found._replace(instant=True)
        elif not found.handover:
            found = found._replace(handover=_HANDOVER.get(tag, ""))
    return found


def format_labels(labels: Labels) -> tuple[str, ...]:
    """The tags that say this. `Refusal` (usage) for what no tag can say."""
    tags = []
    if labels.goal is not None:
        tags.append(f"goal={labels.goal.number}{labels.goal.unit}")
    if labels.orders:
        tags.append(f"orders={format_span(labels.orders)}")
    if labels.part:
        tags.append(f"part={labels.part[:PART_SIZE].hex()}")
    if labels.instant:
        tags.append("instant")
    if labels.handover:
        tags.append(f"handover={labels.handover}")
    short = labels._replace(part=labels.part[:PART_SIZE])
    if parse_labels(tags) != short or any(len(tag) > MAX_TOKEN for tag in tags):
        raise Refusal(
            "usage",
            "this cannot be said in the tags of a listing",
            "A goal is 10 or '500 hour', an order window at most 90d, in whole seconds.",
        )
    return tuple(tags)


def without_labels(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that are words for people alone."""
    return tuple(tag for tag in tags if parse_labels((tag,)) == Labels())
