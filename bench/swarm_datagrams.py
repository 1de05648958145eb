"""Peers that speak UDP under asyncio, where they are installed: py-ipv8's communities, and the Kademlia of `kademlia`.

    .venv/bin/pip install --target FOLDER pyipv8 kademlia, then PYTHONPATH=FOLDER     (not in our lock files)

An overlay of py-ipv8 signs each packet and verifies each packet that comes, so once for every copy; what it has not
seen it sends on to all its neighbours but the one that it came from. Nothing repairs what gets lost.
"""

import asyncio
import importlib
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.swarm import SIZE, Seen, neighbours


class Communities:
    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.verified = 0
        self.overlays: list[Any] = []
        self._rng = random.Random(1)

    async def publish(self, node: int, count: int) -> list[bytes]:
        made = [self._rng.randbytes(SIZE) for _ in range(count)]
        for data in made:
            self.overlays[node].spread(data, None)
            await asyncio.sleep(0)
        return made

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)


@asynccontextmanager
async def ipv8(size: int, pairs: Sequence[tuple[int, int]], seed: int) -> AsyncIterator[Communities]:
    def of(module: str, name: str) -> Any:
        return getattr(importlib.import_module(f"ipv8.{module}"), name)

    Community: Any = of("community", "Community")
    VariablePayload: Any = of("messaging.lazy_payload", "VariablePayload")
    lazy_wrapper, Peer = of("lazy_community", "lazy_wrapper"), of("peer", "Peer")
    made = Communities(Seen(size))

    @of("messaging.lazy_payload", "vp_compile")
    class Told(VariablePayload):  # type: ignore[misc]
        msg_id = 1
        format_list = ("raw",)
        names = ("data",)

    class Overlay(Community):  # type: ignore[misc]
        community_id = b"p2pnode-benchmark---"

        def begin(self, number: int) -> None:
            self.number = number
            self.told: list[Any] = []
            self.add_message_handler(Told, self.arrived)

        def spread(self, data: bytes, source: Any) -> None:
            made.seen.by(self.number, data)
            for peer in self.told:
                if source is None or peer.address != source.address:
                    self.ez_send(peer, Told(data))

        @lazy_wrapper(Told)  # type: ignore[untyped-decorator]
        def arrived(self, peer: Any, payload: Any) -> None:
            made.verified += 1
            if not made.seen.has(self.number, payload.data):
                self.spread(payload.data, peer)

    for number in range(size):
        endpoint = of("messaging.interfaces.udp.endpoint", "UDPEndpoint")(port=0, ip="127.0.0.1")
        await endpoint.open()
        key = of("keyvault.crypto", "default_eccrypto").generate_key("curve25519")
        settings = of("community", "CommunitySettings")(
            my_peer=Peer(key), endpoint=endpoint, network=of("peerdiscovery.network", "Network")()
        )
        overlay = Overlay(settings)
        overlay.begin(number)
        made.overlays.append(overlay)
    for number, others in enumerate(neighbours(size, pairs)):
        for other in others:
            there = made.overlays[other]
            where = ("127.0.0.1", there.endpoint.get_address()[1])
            made.overlays[number].told.append(Peer(there.my_peer.public_key, where))
    yield made
    for overlay in made.overlays:
        await overlay.unload()
        overlay.endpoint.close()


async def kademlia(size: int, rounds: int) -> dict[str, float]:
    """Milliseconds from the question to the answer of a DHT that keeps its values at 20 peers: the median."""
    server_type: Any = importlib.import_module("kademlia.network").Server

    servers = [server_type() for _ in range(size)]
    ports = []
    for server in servers:
        await server.listen(0, interface="127.0.0.1")
        ports.append(server.transport.get_extra_info("sockname")[1])
        if len(ports) > 1:
            await server.bootstrap([("127.0.0.1", ports[0])])
    taken, spent = [], []
    for number in range(rounds):
        await servers[number % size].set(f"key{number}", "v" * 100)
        asker = servers[(number + size // 2) % size]
        asker.storage.data.clear()  # what is here already is not looked for
        at, cpu = time.perf_counter(), time.process_time()
        assert await asker.get(f"key{number}") == "v" * 100
        taken.append((time.perf_counter() - at) * 1_000)
        spent.append((time.process_time() - cpu) * 1_000)
    for server in servers:
        server.stop()
    return {"get_ms": statistics.median(taken), "get_cpu_ms": statistics.median(spent)}
