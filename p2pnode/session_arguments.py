"""The commands about who may use the page: the browsers that are logged in, the devices that are paired."""

from typing import Annotated

from msgspec import Meta

from .arguments import Args
from .bounds import MAX_DEVICES, MAX_SESSIONS

SessionId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}$")]


class LogIn(Args, frozen=True):
    """For a browser of this machine."""


class ListSessions(Args, frozen=True):
    """All that are not over, the newest first."""


class Revoke(Args, frozen=True):
    """ids: as `web.sessions` names them; those that are over already are passed over."""

    ids: Annotated[tuple[SessionId, ...], Meta(min_length=1, max_length=MAX_SESSIONS + MAX_DEVICES)]


class Pair(Args, frozen=True):
    """A device of the local network; the page is opened to that network, if it is not."""


class OpenToLan(Args, frozen=True):
    """open: None changes nothing; no: pairings stay, and what devices look at ends."""

    open: bool | None = None


# Rows of the table of commands: name, arguments, whether it writes, summary.
SESSIONS: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("web.login", LogIn, False, "A link that opens this node's page in a browser, once"),
    ("web.sessions", ListSessions, False, "Who may use this node's page: browsers that are logged in, paired devices"),
    ("web.revoke", Revoke, False, "Log browsers out of this node's page, or end pairings"),
    ("web.pair", Pair, False, "A link that pairs a device of the local network with this node's page, once"),
    ("web.lan", OpenToLan, False, "Whether the local network can reach this node's page; opens or closes it"),
)
