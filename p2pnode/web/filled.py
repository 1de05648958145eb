"""A form as it is shown: empty, or with what was typed before and what was wrong with it. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_ITS_OWN = frozenset({"request_id", "form", "back", "look", "sure"})  # of one form as it stands on one page
_PLAIN = re.compile(":(list|days|from|hash)?$")


class Filled:
    """key: which of a page's forms it is. typed: by field; field, message, hint: what was wrong; empty at first."""

    def __init__(
        self,
        key: str,
        typed: Mapping[str, list[str]] | None = None,
        field: str = "",
        message: str = "",
        hint: str = "",
    ) -> None:
        self.key = key
        self.field = field
        self.message = message
        self.hint = hint
        self._typed = typed
        self._names: set[str] = set()

    def value(self, name: str, default: Any = "") -> str:
        """What a field shows."""
        if self._typed is None:
            return "" if default is None else str(default)
        return "\n".join(self._typed.get(name, []))

    def is_chosen(self, name: str, value: Any, default: Any = None) -> bool:
        """Whether a box is ticked, or a line of a list chosen."""
        if self._typed is None:
            return bool(default is not None and str(default) == str(value))
        return str(value) in self._typed.get(name, [])

    def values(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """What the fields of one name show."""
        return list(default) if self._typed is None else list(self._typed.get(name, []))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All that was typed, to be sent again."""
        return [(name, text) for name, texts in (self._typed or {}).items() if name not in _ITS_OWN for text in texts]

    def has_error(self, name: str) -> bool:
        return bool(self.message) and self.field == _PLAIN.sub("", name)

    def knows(self, name: str) -> str:
        """Note that the form has this field, so that what is wrong with another one is said above all. An id."""
        self._names.add(_PLAIN.sub("", name))
        return f"{self.key}-{name}".replace(".", "-").replace(":", "-").replace("/", "-")
