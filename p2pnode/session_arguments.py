"""The commands about the page's own sessions: the browsers that are logged in."""

from typing import Annotated

from msgspec import Meta

from .arguments import Args
from .bounds import MAX_SESSIONS

SessionId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}$")]


class LogIn(Args, frozen=True):
    """For a browser of this machine."""


class ListSessions(Args, frozen=True):
    """All that are not over, the newest first."""


class Revoke(Args, frozen=True):
    """ids: as `web.sessions` names them; those that are over already are passed over."""

    ids: Annotated[tuple[SessionId, ...], Meta(min_length=1, max_length=MAX_SESSIONS)]


# Rows of the table of commands: name, arguments, whether it writes, summary.
SESSIONS: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("web.login", LogIn, False, "A link that opens this node's page in a browser, once"),
    ("web.sessions", ListSessions, False, "The browsers that are logged in to this node's page"),
    ("web.revoke", Revoke, False, "Log browsers out of this node's page"),
)
