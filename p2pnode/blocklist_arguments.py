"""The arguments of commands about block lists: see `p2pnode/commands.py`."""

from typing import Annotated

from msgspec import Meta

from protocols.blocklist import ListName, ReasonText
from protocols.fields import LINE, Kind
from protocols.limits import MAX_BLOCKLIST_TEXT

from .arguments import Args, Id, NoArgs, PeerName

MINE = "mine"  # the list that is meant where none is named


class BlockSubject(Args, frozen=True):
    """Exactly one of the two. peer: all that this author lists; listing: one listing."""

    peer: PeerName | None = None
    listing: Id | None = None


class CreateList(Args, frozen=True):
    """about: None leaves it as it is."""

    name: ListName
    about: Annotated[str, Meta(max_length=MAX_BLOCKLIST_TEXT, pattern=LINE)] | None = None


class AddToList(BlockSubject, frozen=True, kw_only=True):
    """A list that is not there yet is made. reason: spam, fraud, unsafe, illegal, other."""

    name: ListName = MINE
    reason: Kind = "other"
    text: ReasonText


class RemoveFromList(BlockSubject, frozen=True):
    name: ListName = MINE


class Allow(BlockSubject, frozen=True):
    """undo: what the lists say counts again."""

    undo: bool = False


class OneOwnList(Args, frozen=True):
    name: ListName


class ShowList(Args, frozen=True):
    """peer: whose list; None: ours. name: None: the only one, or of ours `mine`."""

    peer: PeerName | None = None
    name: ListName | None = None


class FollowList(Args, frozen=True):
    """name: None: the only list of this peer; to unsubscribe: all of them."""

    peer: PeerName
    name: ListName | None = None


# Rows of the table of commands: name, arguments, whether it writes, summary.
BLOCKLISTS: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("blocklist.list", NoArgs, False, "Your block lists, and those that you follow"),
    ("blocklist.show", ShowList, False, "One block list, with its reasons"),
    ("blocklist.create", CreateList, True, "Begin a block list, or say what it is about"),
    ("blocklist.add", AddToList, True, "Hide somebody's listings, or one, and say why"),
    ("blocklist.remove", RemoveFromList, True, "Take an entry off a list of yours"),
    ("blocklist.publish", OneOwnList, True, "Sign a list of yours as it is now, for whoever follows it"),
    ("blocklist.withdraw", OneOwnList, True, "Take a published list back everywhere; it stays with you"),
    ("blocklist.subscribe", FollowList, True, "Follow a list of somebody's: what it names is hidden here"),
    ("blocklist.unsubscribe", FollowList, True, "Follow a list no longer"),
    ("blocklist.allow", Allow, True, "Show something whatever the lists of others say"),
    ("blocklist.hidden", NoArgs, False, "What is hidden here and why, and what you allowed"),
    ("blocklist.naming", NoArgs, False, "The lists that name you or a listing of yours, and why"),
)
