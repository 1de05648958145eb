"""What of a listing of ours is gone, by what was agreed about it."""

from collections.abc import Iterable

from protocols.exchange import Exchange


def taken(views: Iterable[Exchange], owner: bytes, name: bytes, since: int) -> int:
    """How much of a listing was agreed on since a time, and is not free again."""
    return sum(v.terms.quantity for v in views if takes(v, owner, name, since))


def takes(view: Exchange, owner: bytes, name: bytes, since: int) -> bool:
    """Whether this took some of it, and what it took is not free again."""
    return (
        view.acceptance is not None
        and (view.terms.responder, view.terms.name) == (owner, name)
        and view.acceptance.at >= since
        and not view.came_to_nothing
    )
