"""Targets of searching other cells: the questions of others to a node, and what the core makes of their answers."""

from collections.abc import Sequence
from functools import cache

import trio

from p2pnode.core.effects import Penalize, Write
from p2pnode.core.events import Answered
from protocols.errors import Reject
from protocols.frames import frame
from protocols.limits import DAY, MAX_ANSWERED
from protocols.search_messages import Answer, Query, encode_message
from tests.p2pnode.city import City, Ear, ears

from .sound import frames_of
from .table import Target

ASKER = "12D3KooW" + "F" * 44


@cache
def city() -> City:
    made = City()
    for title in ("Ladder", "C++ lessons", "Home-made jam"):
        made.publish(title, made.erik)
    return made


def question(data: bytes) -> None:
    """A stream of the protocol. What the handler raises costs the peer its stream (`Connection`), no more."""
    erik = city().erik
    erik.remote._answering.__init__(0)  # type: ignore[misc]  # or it would soon be too often

    async def main() -> None:
        mine, theirs = ears()
        if data:
            mine.give.send_nowait(data)
        await mine.finish()
        await _serve(theirs)

    async def _serve(stream: Ear) -> None:
        await erik.remote.serve(ASKER, stream)  # type: ignore[arg-type]

    trio.run(main)


def answer(data: bytes) -> None:
    """One frame that is said to be an answer. Nothing is written, whatever it holds."""
    town = city().town
    event = Answered(1, ASKER, town.network(town.anna).id, MAX_ANSWERED, data)
    effects = town.anna.core.handle(event, town.now)
    assert not any(isinstance(effect, Write) for effect in effects)
    town.ask(town.anna, "listing.list")
    if any(isinstance(effect, Penalize) for effect in effects):
        raise Reject("state", "a strike")


def questions() -> Sequence[bytes]:
    network = city().town.network(city().town.erik).id
    own = [Query(network, text=text) for text in ("ladder", "c++ OR jam", '"', "lad*")]
    return [frame(data) for data in [*frames_of("search"), *map(encode_message, own)]]


def answers() -> Sequence[bytes]:
    town = city().town
    eves = town.listing(), town.listing(until=town.now + 2 * DAY), town.listing(network=b"o" * 16)
    return [*frames_of("search"), *(encode_message(Answer(False, (one.wire,))) for one in eves)]


TARGETS: Sequence[Target] = (
    Target("search-questions", question, questions),
    Target("search-answers", answer, answers),
)
