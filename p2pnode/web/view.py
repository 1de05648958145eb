"""What a view is: a row of the table, and what its function is given."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from .logins import Session
from .reading import Reader


class Ask(Protocol):
    def __call__(self, name: str, /, **args: Any) -> Awaitable[Any]:
        """What a command of the node answers that only reads. Arguments that are None are left to its defaults.
        `Refusal` is shown by the error page, unless the view has something better to show."""


class File(NamedTuple):
    """What a view answers in place of a page. name: to be saved as; empty: it is a picture that some page names."""

    data: bytes
    media: str
    name: str = ""


@dataclass(frozen=True)
class Visit:
    """One look at a view. params: of its path; query: of the URL, what is empty left out; status: of the node.
    looked: the arguments of the command that a form of this view would give, to be looked at before; else None.
    session: of the browser; what it was shown, and what is only for it to see."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    ask: Ask
    reader: Reader
    status: Mapping[str, Any]
    looked: Mapping[str, Any] | None = None
    session: Session = field(default_factory=lambda: Session("", 0, 0, 0))


class View(NamedTuple):
    """A row. name: of its template and of its page in docs/web. path: `{id}` stands for anything but a slash. title: in
    English. group: of the navigation, one of `GROUPS`; empty: it is not there. order: within the group. live: after
    which changes it is asked for anew: what the event `changed` names, or `listings` or `health` (p2pnode.event_types).
    every: after how many seconds it is asked for anew, while somebody looks at it; 0: never."""

    name: str
    path: str
    title: str
    show: Callable[[Visit], Awaitable[dict[str, Any] | File]]
    group: str = ""
    order: int = 100
    live: tuple[str, ...] = ()
    every: int = 0

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of a path that is this view's."""
        found = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]{1,256})", re.escape(self.path)), path)
        return found.groupdict() if found else None
