"""The labels in a listing's tags: from what was typed, and as faces show them."""

from typing import Any

from p2pnode.exchange_arguments import Labelled
from protocols.amounts import decimals_of, parse_amount
from protocols.decimals import format_amount
from protocols.errors import Refusal
from protocols.genesis import Genesis
from protocols.labels import GoalLabel, Labels, format_labels, parse_labels, without_labels


def labels_of(old: tuple[str, ...], given: tuple[str, ...] | None) -> Labels:
    """What stands, with what is typed among the tags above it."""
    before, said = parse_labels(old), parse_labels(given or ())
    return Labels(
        goal=said.goal or before.goal,
        orders=said.orders or before.orders,
        part=said.part or before.part,
        instant=said.instant or before.instant,
        handover=said.handover or before.handover,
    )


def labelled(
    tags: tuple[str, ...] | None, args: Labelled, genesis: Genesis, old: tuple[str, ...], part: bytes | None
) -> tuple[str, ...]:
    """The tags of a listing: words as given, or as they were, and what machines read. part: of which project, where
    that is said; empty for none. `Refusal`."""
    labels = labels_of(old, tags)
    if args.goal is not None:
        labels = labels._replace(goal=goal_label(args.goal, genesis) if args.goal else None)
    if part is not None:
        labels = labels._replace(part=part)
    if args.orders is not None:
        labels = labels._replace(orders=args.orders)
    if args.instant is not None:
        labels = labels._replace(instant=args.instant)
    if args.handover is not None:
        labels = labels._replace(handover=args.handover)
    words = without_labels(old if tags is None else tags)
    return (*dict.fromkeys(words), *format_labels(labels))


def goal_label(text: str, genesis: Genesis) -> GoalLabel:
    """`10`, or `500 hour`, as a tag says it. `Refusal` (usage)."""
    number, _, unit = text.strip().partition(" ")
    unit = unit.strip()
    places = decimals_of(unit, genesis.unit, genesis.decimals) if unit else 0
    least = parse_amount(number, places)
    if not least:
        raise Refusal("usage", "a goal of nothing", "Write --goal 10 or --goal '500 hour'.")
    return GoalLabel(format_amount(least, places), unit)


def labels_json(tags: tuple[str, ...], genesis: Genesis) -> dict[str, Any]:
    """goal: a number of people, or an amount of a unit; orders: ms; part_of: beginning of a listing's id; handover:
    fetch, bring or both."""
    labels = parse_labels(tags)
    goal = None
    if labels.goal is not None:
        try:
            places = decimals_of(labels.goal.unit, genesis.unit, genesis.decimals) if labels.goal.unit else 0
            goal = {"amount": parse_amount(labels.goal.number, places), "unit": labels.goal.unit}
        except Refusal:  # more decimals than the unit has: a stranger's words
            goal = None
    return {
        "goal": goal,
        "orders": labels.orders or None,
        "part_of": labels.part.hex() or None,
        "instant": labels.instant,
        "handover": labels.handover or None,
    }
