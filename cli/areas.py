"""Areas as people type them: names of places are looked up here, so that the node need not; and what lies in a cell."""

from typing import Any

NAMED = 2  # places of a cell that are told


def looked_up(text: str) -> str:
    """A name as its cell; what is none stays as it is typed, for the node to cut to what the network knows."""
    if not text or any(c.isdigit() or c == "+" for c in text):
        return text
    from p2pnode.gazetteer import area_of  # 235,000 places; not on the way of every command
    from protocols.limits import MAX_SCOPE

    return area_of(text, MAX_SCOPE)


def with_cells(args: dict[str, Any], *names: str) -> dict[str, Any]:
    """The arguments of a command, with `names` looked up where they are given."""
    return {key: looked_up(value) if key in names and isinstance(value, str) else value for key, value in args.items()}


def told(cell: str) -> str:
    """A cell for people: `u33dc (Berlin, Mitte)`."""
    from p2pnode.gazetteer import within

    names = within({cell}).get(cell, [])
    return f"{cell} ({', '.join(names[:NAMED])})" if names else cell
