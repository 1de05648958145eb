"""Households in three towns that ask one another over streams in memory."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import structlog
import trio
import trio.testing

from p2pnode import commands
from p2pnode.core.effects import Penalize, Reply
from p2pnode.core.state import Network
from p2pnode.net.dialing import Unreachable
from p2pnode.search.index import Index
from p2pnode.search.remote import Remote
from p2pnode.search.searching import Searching
from protocols.frames import FrameReader, frame
from protocols.search_messages import Message, Query, encode_message, parse_message
from tests.p2pnode.test_elsewhere import Town
from tests.sim.simulator import Node

LOG = structlog.wrap_logger(structlog.ReturnLogger())
FARTHER = "ezjmg"


class Ear:
    """One end of a stream in memory; `reset` would be seen at the other end as a broken connection."""

    def __init__(self, give: Any, take: Any) -> None:
        self.give, self.take = give, take
        self.was_reset = False

    async def write(self, data: bytes) -> None:
        await self.give.send(data)

    async def read(self, n: int | None = None) -> bytes:
        try:
            data: bytes = await self.take.receive()
        except trio.EndOfChannel:
            return b""
        return data

    async def finish(self) -> None:
        self.give.close()

    def abort(self) -> None:
        self.was_reset = True


def ears() -> tuple[Ear, Ear]:
    one, two = trio.open_memory_channel[bytes](8), trio.open_memory_channel[bytes](8)
    return Ear(one[0], two[1]), Ear(two[0], one[1])


class House:
    """A node with an index and its faces to others; `speaks` in place of it for one that lies."""

    def __init__(self, city: "City", node: Node) -> None:
        self.city, self.node = city, node
        self.index = Index(":memory:")
        self.searching = Searching(self.index, LOG)
        self.remote = Remote(
            self, self.searching, lambda: node.core, self.tell, self.spawn, lambda: city.town.now, LOG  # type: ignore[arg-type]
        )  # fmt: skip
        self.speaks: Callable[[str, Ear], Awaitable[None]] = self.remote.serve  # type: ignore[assignment]
        self.asked: list[Query] = []
        self.streams: list[Ear] = []
        self.struck: list[str] = []
        self.dialled: list[tuple[str, ...]] = []
        self.let_go: list[str] = []
        self.slots: set[Any] = set()

    async def tell(self, make: Callable[[int], Any]) -> Any:
        effects = self.node.core.handle(make(3), self.city.town.now)
        self.struck += [e.peer for e in effects if isinstance(e, Penalize)]
        return next(e.result for e in effects if isinstance(e, Reply))

    def spawn(self, task: Any, *args: Any) -> None:
        self.city.nursery.start_soon(task, *args)

    def look(self) -> None:
        """Take what the node holds now into its index."""
        networks: dict[bytes, Network] = self.node.core.state.networks
        self.searching.changed(
            tuple((n.id, r.author, r.name) for n in networks.values() for r in n.catalog.rows(kind="listing"))
        )

    # As a host

    async def ask(self, peer: str, protocol: str) -> Any:
        assert protocol == "/p2pnode/search/1.0.0"
        mine, theirs = ears()
        self.streams.append(mine)
        self.city.nursery.start_soon(self._served, self.city.houses[peer], theirs)
        return mine

    async def _served(self, other: "House", stream: Ear) -> None:
        await other.speaks(self.node.peer_id, stream)
        await stream.finish()

    async def dial(self, address: Any, *, keep: bool = True) -> str:
        assert not keep
        self.dialled.append(tuple(address))
        if self.city.unreachable:
            raise Unreachable("nobody answers")
        return ""

    async def disconnect(self, peer: str) -> None:
        self.let_go.append(peer)

    def connections(self) -> list[Any]:
        return [SimpleNamespace(peer=peer, kept=False) for peer in self.city.houses]

    async def find_providers(self, key: bytes) -> list[Any]:
        return []

    def strike(self, peer: str, reason: str) -> None:
        self.struck.append(peer)

    # What a test does

    async def begin(self, **fields: Any) -> Any:
        return await self.remote.begin(commands.BeginSearch(**{"everywhere": True, "wait": 15.0, **fields}))

    async def finds(self, **fields: Any) -> Any:
        """The last state of a search."""
        state = await self.begin(**fields)
        while not state["done"]:
            state = await self.remote.more(
                commands.MoreOfSearch(search=state["search"], step=state["step"], within=5_000)
            )
        return state

    async def puts(self, other: "House", message: Message | bytes) -> Message:
        """One question to another, with nothing in between; what it raises is raised."""
        mine, theirs = ears()
        await mine.write(frame(message if isinstance(message, bytes) else encode_message(message)))
        await mine.finish()
        await other.remote.serve(self.node.peer_id, theirs)  # type: ignore[arg-type]
        (data,) = FrameReader().feed(await mine.read())
        return parse_message(data)


class City:
    """Anna in Berlin, Erik in Munich, Fay in Spain; what each has published is in its index."""

    def __init__(self) -> None:
        self.town = Town()
        self.fay = self.town.sim.spawn("Fay", FARTHER)
        assert self.town.ask(self.fay, "join", target=self.town.anna.address)["state"] == "joined"
        self.town.sim.run(120_000)
        self.unreachable = False
        self.nursery: Any = None
        self.houses = {n.peer_id: House(self, n) for n in (self.town.anna, self.town.erik, self.fay)}
        self.anna, self.erik, self.fays = self.houses.values()

    def publish(self, title: str, house: House, **fields: Any) -> Any:
        record = self.town.publish(title, house.node, **fields)
        house.look()
        return record

    def run(self, test: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            async with trio.open_nursery() as self.nursery:
                with trio.fail_after(20):
                    for house in self.houses.values():
                        self.nursery.start_soon(house.searching.run, lambda house=house: house.node.core)
                    await trio.testing.wait_all_tasks_blocked(0.01)
                    await test()
                self.nursery.cancel_scope.cancel()

        trio.run(main)
