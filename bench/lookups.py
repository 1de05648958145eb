"""Searches in the DHT: how far, how many questions, what is found; and what a get costs beside the plain library.

Simulated: 1,000 nodes with the real routing tables and lookups, which have come one after the other with the names of
a few others; then a fifth of them is gone, or a fifth of them is hostile from the start (names only its own kind, or
peers that do not exist). One path instead of three is the control. `--nodes` for another number.

Real: a value that all of 20 nodes on loopback keep is got by one that does not, our nodes and plain py-libp2p hosts in
one run, each in a process of its own; the processor time is that of all 20 together. `--get` for this part alone.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import trio

from bench.report import Figure, arguments, show
from tests.dht.kademlia import Crowd, Outcome

SEARCHES = 400
GETS: Final = 40
STREET: Final = 20  # nodes
LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"


def searched(
    size: int, *, dead: float = 0.0, hostile: float = 0.0, ghosts: bool = False, paths: int = 3
) -> list[Outcome]:
    crowd = Crowd(1, size, hostile=hostile, ghosts=ghosts)
    keys = [crowd.rng.randbytes(32) for _ in range(SEARCHES)]
    for key in keys:
        crowd.provide(key)
    crowd.leave(dead)
    return [crowd.find(key, paths=paths) for key in keys]


def percent(outcomes: list[Outcome]) -> float:
    return 100 * sum(o.found for o in outcomes) / len(outcomes)


def measure(size: int) -> list[Figure]:
    dead, liars, ghosts, one = (
        searched(size, dead=0.2),
        searched(size, hostile=0.2),
        searched(size, hostile=0.2, ghosts=True),
        searched(size, hostile=0.2, paths=1),
    )
    found = [o for o in dead if o.found]
    return [
        Figure("found_percent", percent(dead), "%", "with a fifth of the entries dead", at_least=99),
        Figure("hops", sum(o.hops for o in found) / len(found), "", "to the first who has it", at_most=2.5),
        Figure("requests", sum(o.requests for o in dead) / len(dead), "", "of one search", at_most=30),
        Figure("requests_most", max(o.requests for o in dead), "", "of the longest", at_most=30),
        Figure("found_among_liars_percent", percent(liars), "%", "a fifth names only its own", at_least=99),
        Figure(
            "found_among_ghosts_percent", percent(ghosts), "%", "a fifth names peers that do not exist", at_least=99
        ),
        Figure("found_by_one_path_percent", percent(one), "%", "the control: one path among liars", at_most=99),
    ]


class Any32:
    """Keeps every value of 32 bytes."""

    def validate(self, key: Any, value: bytes) -> None:
        if len(value) != 32:
            raise ValueError

    def select(self, key: Any, values: Any) -> int:
        return 0


async def timed(get: Callable[[int, bytes], Awaitable[bytes | None]], keys: list[bytes]) -> dict[str, float]:
    """get: by a node of this number. Medians of one get, ms."""
    cpu, took = [], []
    for number in range(GETS + 5):
        key, who = keys[number % len(keys)], 1 + number % (STREET - 1)
        began, used = time.perf_counter(), time.process_time()
        found = await get(who, key)
        if number >= 5:
            cpu.append(1_000 * (time.process_time() - used))
            took.append(1_000 * (time.perf_counter() - began))
        if found != key:
            raise SystemExit("a value was not found")
    return {"cpu": statistics.median(cpu), "wall": statistics.median(took)}


async def ours() -> dict[str, float]:
    from p2pnode.net.host import Host

    async def ignore(event: object) -> None: ...

    hosts = [Host(bytes([n + 1]) * 32, [LOOPBACK], ignore, validator=Any32()) for n in range(STREET)]
    async with trio.open_nursery() as nursery:
        for number, host in enumerate(hosts):
            await nursery.start(host.run)
            for other in hosts[max(0, number - 4) : number]:
                await host.dial(other.addresses())
        await trio.sleep(0.5)
        for host in hosts:
            assert host.dht is not None
            await host.dht._refresh()
        keys = [bytes([n]) * 32 for n in range(10)]
        for key in keys:
            assert await hosts[0].put(key, key)

        async def get(who: int, key: bytes) -> bytes | None:
            dht = hosts[who].dht
            assert dht is not None
            dht._values.remove(f"/p2pnode/{key.hex()}".encode())
            return await dht.get(key)

        found = await timed(get, keys)
        nursery.cancel_scope.cancel()
    return found


async def plain() -> dict[str, float]:
    import multiaddr
    from libp2p import new_host
    from libp2p.crypto.ed25519 import create_new_key_pair
    from libp2p.crypto.x25519 import create_new_key_pair as noise_pair
    from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
    from libp2p.peer.peerinfo import PeerInfo
    from libp2p.records.validator import NamespacedValidator
    from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
    from libp2p.security.noise.transport import Transport

    def host(number: int) -> Any:
        pair = create_new_key_pair(bytes([number + 1]) * 32)
        noise: Any = Transport(libp2p_keypair=pair, noise_privkey=noise_pair().private_key)
        return new_host(key_pair=pair, sec_opt={NOISE: noise})

    hosts = [host(number) for number in range(STREET)]
    validator: Any = Any32()
    async with AsyncExitStack() as stack:
        nodes = []
        for number, one in enumerate(hosts):
            await stack.enter_async_context(one.run(listen_addrs=[multiaddr.Multiaddr(LOOPBACK)]))
            checks = NamespacedValidator({"p": validator}, strict_validation=True)
            nodes.append(KadDHT(one, DHTMode.SERVER, validator=checks, validator_changed=True, strict_validation=True))
            for before in range(max(0, number - 4), number):
                await one.connect(PeerInfo(hosts[before].get_id(), hosts[before].get_addrs()))
                await nodes[number].routing_table.add_peer(hosts[before].get_id())
        for node in nodes:
            await node.refresh_routing_table()
        keys = [bytes([n]) * 32 for n in range(10)]
        names = [f"/p/{key.hex()[:32]}" for key in keys]  # longer ones are not asked for with FIND_NODE
        for key, name in zip(keys, names, strict=True):
            await nodes[0].put_value(name, key)

        async def get(who: int, key: bytes) -> bytes | None:
            name = f"/p/{key.hex()[:32]}"
            nodes[who].value_store.remove(name.encode())
            return await nodes[who].get_value(name)

        return await timed(get, keys)


def run(which: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.lookups", "--one", which]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{which}: {done.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def got() -> list[Figure]:
    here, there = run("ours"), run("plain")
    return [
        Figure("get_cpu_ms", here["cpu"], "ms CPU", f"a get among {STREET} nodes, all of them together"),
        Figure("get_plain_cpu_ms", there["cpu"], "ms CPU", "the plain library"),
        Figure("get_cpu_ratio", here["cpu"] / there["cpu"], "", "ours / plain", at_most=0.6),
        Figure("get_ms", here["wall"], "ms", "the same, by the clock"),
        Figure("get_plain_ms", there["wall"], "ms", "the plain library"),
        Figure("get_ratio", here["wall"] / there["wall"], "", "ours / plain", at_most=0.6),
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--nodes", type=int, default=1_000, help="simulated nodes (default 1000)")
    parser.add_argument("--get", action="store_true", help="only the real part")
    parser.add_argument("--one", choices=("ours", "plain"), help="only this host's gets, as a JSON object")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(trio.run(ours if options.one == "ours" else plain)))
        return 0
    figures = [] if options.get else measure(options.nodes)
    return show(
        f"Searches in the DHT: {options.nodes} nodes simulated, {STREET} real", [*figures, *got()], options.json
    )


if __name__ == "__main__":
    sys.exit(main())
