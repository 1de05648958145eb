"""The table of views: the `VIEW` (or `VIEWS`) of each module of this package. To add one, add a module."""

import importlib
import pkgutil
from collections.abc import Iterator

from p2pnode.web.languages import N_
from p2pnode.web.view import View

# The navigation, in its order. A group without views is not shown.
GROUPS = {
    "market": N_("Market"),
    "yours": N_("Yours"),
    "people": N_("Neighbours"),
    "node": N_("Your node"),
}


def _rows() -> Iterator[View]:
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        yield from getattr(loaded, "VIEWS", None) or (loaded.VIEW,)


VIEWS: tuple[View, ...] = tuple(_rows())


def navigation() -> list[tuple[str, list[View]]]:
    """Each group's title and views."""
    rows = sorted(VIEWS, key=lambda view: (view.order, view.name))
    groups = [(title, [view for view in rows if view.group == group]) for group, title in GROUPS.items()]
    return [(title, views) for title, views in groups if views]
