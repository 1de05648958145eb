"""The arguments of commands about messages to neighbours."""

from typing import Annotated

from msgspec import Meta

from protocols.fields import PARAGRAPHS
from protocols.limits import MAX_MESSAGE_TEXT, MAX_MESSAGES

from .arguments import Args, Hash, Id, NoArgs, PeerName


class SendMessage(Args, frozen=True):
    """exchange: which one it is about, with this peer; None: none."""

    peer: PeerName
    text: Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_TEXT, pattern=PARAGRAPHS)]
    exchange: Id | None = None

    def __repr__(self) -> str:
        return f"SendMessage(peer={self.peer!r}, exchange={self.exchange!r})"


class SomeMessages(Args, frozen=True):
    """Those with one neighbour, or about one exchange; None for all."""

    peer: PeerName | None = None
    exchange: Id | None = None


class SeenMessages(SomeMessages, frozen=True):
    """ids: only these, each whole, such as those that were shown; what is no more is left out. None for all."""

    ids: Annotated[tuple[Hash, ...], Meta(max_length=MAX_MESSAGES)] | None = None


class ListMessages(SomeMessages, frozen=True):
    """new: only those that our user has not marked as read. limit: the newest so many."""

    new: bool = False
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 200


class OneMessage(Args, frozen=True):
    id: Id


# Rows of the table of commands: name, arguments, whether it writes, summary.
MESSAGES: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("message.send", SendMessage, True, "Write to a neighbour, sealed to them"),
    ("message.list", ListMessages, False, "What you and your neighbours wrote to each other, the oldest first"),
    ("message.threads", NoArgs, False, "With whom and about what you write, the newest first"),
    ("message.show", OneMessage, False, "One message"),
    ("message.seen", SeenMessages, True, "Mark messages as read"),
    ("message.erase", OneMessage, True, "Erase a message here; one that is still queued is not sent any more"),
)
