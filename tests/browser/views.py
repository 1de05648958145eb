"""The table of views, as a browser can visit it."""

import re

from p2pnode.web.views import VIEWS

NAMES = [view.name for view in VIEWS]


def path_of(name: str, examples: dict[str, str]) -> str:
    """Of the view of this name, with what is to be looked at filled in: by the view's name, or the parameter's."""
    view = next(view for view in VIEWS if view.name == name)

    def fill(match: re.Match[str]) -> str:
        example = examples.get(name) or examples.get(match[1])
        assert example, f"no example of {match[1]} for the view {name}: add one to tests/browser/street.py"
        return example

    return re.sub(r"\{(\w+)\}", fill, view.path)
