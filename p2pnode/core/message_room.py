"""Whether there is room for one more message, and which one gives way. Pure.

Nobody can push out what our user has not read, nor what is still to be delivered; nor what somebody else wrote who has
fewer messages here and is no stranger. Of whom we know nothing only a few messages are taken until our user answers:
all those of strangers together fill a corner, and where there is no more room they are the first to give way.
"""

from collections.abc import Callable, Iterable, Mapping
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
    """A message as it is kept. body: None once it is erased. came: when it came here, ms, or was erased. why: what the
    other side or its node said of it last; empty: nothing."""

    id: bytes
    body: Body | None
    came: int
    state: MessageState
    why: str = ""


Threads = Mapping[bytes, Mapping[bytes, Kept]]
"""By the other side, and by id."""


def to_give_way(threads: Threads, other: bytes, is_stranger: Callable[[bytes], bool]) -> tuple[bytes, Kept] | None:
    """Which message gives way to a new one with this neighbour, where it is full, and with whom it is: his own oldest
    one where he has most; where there is no room for all together, one of a stranger, or of who has most."""
    settled = {each: first for each in threads if (first := _oldest(threads[each])) is not None}
    longest = max((len(threads[each]) for each in settled), default=0)
    if _is_full_of(threads, other) or (other in settled and len(threads[other]) == longest):
        giver = other if other in settled else None
    else:
        strangers = [each for each in settled if is_stranger(each)]
        most = [each for each in settled if len(threads[each]) == longest]
        giver = min(strangers or most, key=lambda each: (settled[each].came, each), default=None)
    return None if giver is None else (giver, settled[giver])


def can_give_way(threads: Threads, other: bytes) -> bool:
    """Whether there is one that would."""
    some = [threads[other]] if _is_full_of(threads, other) else threads.values()
    return any(kept.state not in KEPT for thread in some for kept in thread.values())


def _oldest(thread: Mapping[bytes, Kept]) -> Kept | None:
    """That may give way."""
    settled = (kept for kept in thread.values() if kept.state not in KEPT)
    return min(settled, key=lambda kept: (kept.came, kept.id), default=None)


def _is_full_of(threads: Threads, other: bytes) -> bool:
    return len(threads.get(other, ())) >= MAX_MESSAGES_OF_ONE


def is_full(threads: Threads, other: bytes) -> bool:
    return _is_full_of(threads, other) or sum(map(len, threads.values())) >= MAX_MESSAGES


def why_later(threads: Threads, author: bytes, now: int) -> str:
    """Why no more is taken of this author now, whoever he is; or nothing."""
    theirs = [kept for kept in threads.get(author, {}).values() if kept.state in THEIRS]
    if sum(kept.came > now - MINUTE for kept in theirs) >= MAX_MESSAGES_A_MINUTE:
        return "too many messages in one minute"
    if _unread(theirs) >= MAX_MESSAGES_UNREAD:
        return "the messages before this one are not read yet"
    if is_full(threads, author) and not can_give_way(threads, author):
        return "there is no room for it now"
    return ""


def why_not_of_stranger(threads: Threads, author: bytes, is_stranger: Callable[[bytes], bool], member: bool) -> str:
    """The same for one with whom our user has had nothing to do. is_stranger: asked only of whom something is unread;
    it takes a while, and whoever is put off comes again."""
    if sum(kept.state in THEIRS for kept in threads.get(author, {}).values()) >= MAX_MESSAGES_OF_STRANGER:
        return "the messages before this one are not answered yet"
    room = MAX_MESSAGES_OF_STRANGERS if member else MAX_MESSAGES_OF_STRANGERS // 2
    unread = ((each, count) for each in threads if (count := _unread(threads[each].values())))
    if sum(count for each, count in unread if is_stranger(each)) >= room:
        return "many others whom nobody here knows have written"
    return ""


def _unread(some: Iterable[Kept]) -> int:
    return sum(kept.state is MessageState.NEW for kept in some)
