"""Whether there is room for one more message, and which one gives way. Pure.

Nobody can push out what somebody else wrote, nor what our user has not read, nor what is still to be delivered. Of whom
we know nothing only a few messages are taken until our user answers: all those of strangers together fill a corner.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from protocols.limits import (
    MAX_MESSAGES,
    MAX_MESSAGES_A_MINUTE,
    MAX_MESSAGES_OF_ONE,
    MAX_MESSAGES_OF_STRANGER,
    MAX_MESSAGES_OF_STRANGERS,
    MAX_MESSAGES_UNREAD,
    MINUTE,
)
from protocols.message import Body


class MessageState(StrEnum):
    """Of what we wrote: the first three; of what others wrote: the last three. ERASED: only its id is left."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    REFUSED = "refused"
    NEW = "new"
    READ = "read"
    ERASED = "erased"


KEPT = frozenset({MessageState.QUEUED, MessageState.NEW})  # what gives way to nothing
THEIRS = frozenset({MessageState.NEW, MessageState.READ, MessageState.ERASED})


class Kept(msgspec.Struct, frozen=True):
    """A message as it is kept. body: None once it is erased. came: when it came here, ms. why: what the other side or
    its node said of it last; empty: nothing."""

    id: bytes
    body: Body | None
    came: int
    state: MessageState
    why: str = ""


Threads = Mapping[bytes, Mapping[bytes, Kept]]
"""By the other side, and by id."""


def to_give_way(threads: Threads, other: bytes) -> Kept | None:
    """Which message with this neighbour gives way to a new one, where all is full."""
    return min(
        (kept for kept in threads.get(other, {}).values() if kept.state not in KEPT),
        key=lambda kept: (kept.came, kept.id),
        default=None,
    )


def is_full(threads: Threads, other: bytes) -> bool:
    return len(threads.get(other, ())) >= MAX_MESSAGES_OF_ONE or sum(map(len, threads.values())) >= MAX_MESSAGES


def why_later(threads: Threads, author: bytes, now: int) -> str:
    """Why no more is taken of this author now, whoever he is; or nothing."""
    theirs = [kept for kept in threads.get(author, {}).values() if kept.state in THEIRS]
    if sum(kept.came > now - MINUTE for kept in theirs) >= MAX_MESSAGES_A_MINUTE:
        return "too many messages in one minute"
    if _unread(theirs) >= MAX_MESSAGES_UNREAD:
        return "the messages before this one are not read yet"
    if is_full(threads, author) and to_give_way(threads, author) is None:
        return "there is no room for it now"
    return ""


def why_not_of_stranger(threads: Threads, author: bytes, strangers: Iterable[bytes], member: bool) -> str:
    """The same for one with whom our user has had nothing to do. strangers: all such authors."""
    if sum(kept.state in THEIRS for kept in threads.get(author, {}).values()) >= MAX_MESSAGES_OF_STRANGER:
        return "the messages before this one are not answered yet"
    room = MAX_MESSAGES_OF_STRANGERS if member else MAX_MESSAGES_OF_STRANGERS // 2
    if sum(_unread(threads.get(each, {}).values()) for each in strangers) >= room:
        return "many others whom nobody here knows have written"
    return ""


def _unread(some: Iterable[Kept]) -> int:
    return sum(kept.state is MessageState.NEW for kept in some)
