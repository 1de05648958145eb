"""The arguments of getting into a network, and out of it: see `p2pnode/commands.py`."""

from typing import Annotated, Final

from msgspec import Meta

from .arguments import Args


class Join(Args, frozen=True):
    """target: a multiaddr that ends in /p2p/PEERID, an invite link, or the name or id of a network that was left."""

    target: Annotated[str, Meta(min_length=1, max_length=16_384)]


class Leave(Args, frozen=True):
    """anyway: also with exchanges under way, which stay as they are."""

    anyway: bool = False


JOINING: Final = (
    ("join", Join, True, "Join a network by a peer's address or an invite link; one that was left, by its name"),
    ("leave", Leave, True, "Leave a network: end your listings in it, and take no part any more"),
    ("leave.foresee", Leave, False, "What leaving a network would end and leave open; nothing is done"),
)
