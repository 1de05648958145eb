"""Spreading and finding over real hosts, beside others of their kind in one run.

    python -m bench.network [--part cost] [--rounds 3]

Every swarm runs in a process of its own, all nodes in it, by turns with the others; the figures are medians over the
rounds, and the ratios are what to look at. Always: our hosts with gossip machine, catalog and the whole ladder;
gossipsub of libp2p; a bare flood. `bench.swarm_datagrams` says how to have py-ipv8 and kademlia beside them.
"""

import importlib.util
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import trio

from bench.report import Figure, arguments, show
from bench.swarm import MEASURES, graph

DEGREE: Final = 8
SEED: Final = 7
LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"
TIMEOUT: Final = 600  # seconds
# part: nodes, how many records, rounds or questions, and who takes part
PARTS: Final[dict[str, tuple[int, int, tuple[str, ...]]]] = {
    "cost": (20, 60, ("ours", "gossipsub", "flood", "ipv8")),
    "spread": (30, 15, ("ours", "flood", "gossipsub", "ipv8")),
    "burst": (20, 1_000, ("ours", "flood", "gossipsub")),
    "dial": (2, 30, ("ours", "plain")),
    "get": (20, 12, ("ours", "plain", "kademlia")),
}
ONCE: Final = {("gossipsub", "burst")}  # it takes minutes
NEEDS: Final = {"ipv8": "ipv8", "kademlia": "kademlia"}

Found = dict[str, float]


async def with_swarm(which: str, part: str, size: int, count: int) -> Found:
    from bench import swarm_others, swarm_ours

    make: Any = {"ours": swarm_ours.swarm, "gossipsub": swarm_others.gossipsub, "flood": swarm_others.flood}[which]
    async with make(size, graph(size, DEGREE, random.Random(SEED)), SEED) as swarm:
        return await MEASURES[part](swarm, count)


async def with_ipv8(part: str, size: int, count: int) -> Found:
    from bench.swarm_datagrams import ipv8

    async with ipv8(size, graph(size, DEGREE, random.Random(SEED)), SEED) as swarm:
        return await MEASURES[part](swarm, count)


async def timed(count: int, ask: Callable[[int], Awaitable[None]]) -> tuple[float, float]:
    """Milliseconds that pass, and of processor time: the medians, without the first."""
    taken, spent = [], []
    for number in range(count + 1):
        at, cpu = time.perf_counter(), time.process_time()
        await ask(number)
        taken.append((time.perf_counter() - at) * 1_000)
        spent.append((time.process_time() - cpu) * 1_000)
    return statistics.median(taken[1:]), statistics.median(spent[1:])


class Everything:
    """Takes every value for valid."""

    def validate(self, key: Any, value: bytes) -> None: ...

    def select(self, key: Any, values: Sequence[bytes]) -> int:
        return 0


async def ours_dial(size: int, count: int) -> Found:
    from p2pnode.net.host import Host

    async def ignore(event: object) -> None: ...

    here, there = (Host(bytes([n]) * 32, [LOOPBACK], ignore, dht=False) for n in (1, 2))
    async with trio.open_nursery() as nursery:
        await nursery.start(here.run)
        addresses = await nursery.start(there.run)
        taken = []
        for _ in range(count + 1):
            at = time.perf_counter()
            await here.dial(addresses)
            taken.append((time.perf_counter() - at) * 1_000)
            await here.disconnect(there.peer_id)
            await trio.sleep(0.15)  # or the other side takes it for a storm
        nursery.cancel_scope.cancel()
    return {"dial_ms": statistics.median(taken[1:])}


def plain_host(seed: int) -> Any:
    from libp2p import new_host
    from libp2p.crypto.ed25519 import create_new_key_pair
    from libp2p.crypto.x25519 import create_new_key_pair as noise_pair
    from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
    from libp2p.security.noise.transport import Transport

    pair = create_new_key_pair(bytes([seed]) * 32)
    noise: Any = Transport(libp2p_keypair=pair, noise_privkey=noise_pair().private_key)
    return new_host(key_pair=pair, sec_opt={NOISE: noise})


async def plain_dial(size: int, count: int) -> Found:
    from libp2p.peer.peerinfo import PeerInfo
    from multiaddr import Multiaddr

    here, there = plain_host(1), plain_host(2)
    async with here.run(listen_addrs=[Multiaddr(LOOPBACK)]), there.run(listen_addrs=[Multiaddr(LOOPBACK)]):
        info, taken = PeerInfo(there.get_id(), there.get_addrs()), []
        for _ in range(count + 1):
            at = time.perf_counter()
            await here.connect(info)
            taken.append((time.perf_counter() - at) * 1_000)
            await here.disconnect(there.get_id())
            await trio.sleep(0.15)
    return {"dial_ms": statistics.median(taken[1:])}


async def ours_get(size: int, count: int) -> Found:
    from p2pnode.net.host import Host

    async def ignore(event: object) -> None: ...

    hosts = [Host(bytes([n + 1]) * 32, [LOOPBACK], ignore, validator=Everything()) for n in range(size)]
    async with trio.open_nursery() as nursery:
        addresses = [await nursery.start(host.run) for host in hosts]
        for a, b in graph(size, 4, random.Random(SEED)):
            await hosts[a].dial(addresses[b])
        await trio.sleep(4)
        keys = [bytes([number]) * 32 for number in range(count + 1)]
        for number, key in enumerate(keys):
            assert await hosts[number % size].put(key, b"v" * 100)

        async def get(number: int) -> None:
            asker = hosts[(number + size // 2) % size]
            assert asker.dht is not None
            asker.dht._dht.value_store.store.clear()  # what is here already is not looked for
            assert await asker.get(keys[number]) == b"v" * 100

        taken, spent = await timed(count, get)
        nursery.cancel_scope.cancel()
    return {"get_ms": taken, "get_cpu_ms": spent}


async def plain_get(size: int, count: int) -> Found:
    from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
    from libp2p.peer.peerinfo import PeerInfo
    from libp2p.records.validator import NamespacedValidator
    from libp2p.tools.anyio_service import background_trio_service
    from multiaddr import Multiaddr

    hosts = [plain_host(n + 1) for n in range(size)]
    valid: Any = Everything()
    tables = [
        KadDHT(host, DHTMode.SERVER, validator=NamespacedValidator({"bench": valid}), validator_changed=True)
        for host in hosts
    ]
    async with trio.open_nursery() as nursery:

        async def serve(number: int, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
            listen = [Multiaddr(LOOPBACK)]
            async with hosts[number].run(listen_addrs=listen), background_trio_service(tables[number]):
                task_status.started()
                await trio.sleep_forever()

        for number in range(size):
            await nursery.start(serve, number)
        for a, b in graph(size, 4, random.Random(SEED)):
            await hosts[a].connect(PeerInfo(hosts[b].get_id(), hosts[b].get_addrs()))
            await tables[a].add_peer(hosts[b].get_id())
            await tables[b].add_peer(hosts[a].get_id())
        await trio.sleep(4)
        keys = [f"/bench/{number}" for number in range(count + 1)]
        for number, key in enumerate(keys):
            await tables[number % size].put_value(key, b"v" * 100)

        async def get(number: int) -> None:
            asker = tables[(number + size // 2) % size]
            asker.value_store.store.clear()
            assert await asker.get_value(keys[number]) == b"v" * 100

        taken, spent = await timed(count, get)
        nursery.cancel_scope.cancel()
    return {"get_ms": taken, "get_cpu_ms": spent}


def one(which: str, part: str) -> Found:
    """Measure one part with one kind of host, in this process."""
    size, count, _ = PARTS[part]
    if which == "ipv8":
        import asyncio

        return asyncio.run(with_ipv8(part, size, count))
    if which == "kademlia":
        import asyncio

        from bench.swarm_datagrams import kademlia

        return asyncio.run(kademlia(size, count))
    if part in MEASURES:
        return trio.run(with_swarm, which, part, size, count)
    measure = {
        ("ours", "dial"): ours_dial,
        ("plain", "dial"): plain_dial,
        ("ours", "get"): ours_get,
        ("plain", "get"): plain_get,
    }[which, part]
    return trio.run(measure, size, count)


def run(which: str, part: str) -> Found | None:
    """The same in a process of its own; None, said aloud, if it came to nothing (of ours: an error)."""
    command = [sys.executable, "-m", "bench.network", "--one", which, "--part", part]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        print(f"{which} did not end with {part}", file=sys.stderr)
        return None
    if done.returncode:
        print(f"{which} failed at {part}: {done.stderr[-600:]}", file=sys.stderr)
        if which in ("ours", "flood"):
            raise SystemExit(1)
        return None
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def medians(parts: Sequence[str], rounds: int) -> dict[tuple[str, str], float]:
    """By kind of host and figure. They take turns."""
    all_found: dict[tuple[str, str], list[float]] = {}
    missing = {which for which, module in NEEDS.items() if importlib.util.find_spec(module) is None}
    for which in sorted(missing):
        print(f"{which} is left out: see bench/swarm_datagrams.py", file=sys.stderr)
    for part in parts:
        for turn in range(rounds):
            for which in PARTS[part][2]:
                if which in missing or (turn and (which, part) in ONCE):
                    continue
                found = run(which, part)
                for name, value in (found or {}).items():
                    all_found.setdefault((which, name), []).append(value)
    return {key: statistics.median(values) for key, values in all_found.items()}


def figures(found: dict[tuple[str, str], float]) -> list[Figure]:
    rows = [
        ("cpu_ms", "ms CPU", "for each delivered record of 600 bytes, 20 nodes, 8 neighbours"),
        ("verified", "", "signatures checked for each delivery"),
        ("delivered", "", "of the records at 5 a second"),
        ("idle_percent", "%", "of a core, each node at rest"),
        ("last_ms", "ms", "until the last of 30 nodes has a record"),
        ("burst_delivered", "", "of a burst of 1,000 records to 20 nodes"),
        ("burst_seconds", "s", "until the last of them arrived"),
        ("burst_cpu_ms", "ms CPU", "for each of them delivered"),
        ("dial_ms", "ms", "from the dial to the authenticated peer"),
        ("get_ms", "ms", "a value from a DHT of 20 nodes"),
        ("get_cpu_ms", "ms CPU", "the same, of all nodes"),
    ]
    targets: dict[tuple[str, str], dict[str, float]] = {
        ("ours", "verified"): {"at_most": 1.0},
        ("ours", "delivered"): {"at_least": 1.0},
        ("ours", "burst_delivered"): {"at_least": 1.0},
        ("ours", "dial_ms"): {"at_most": 20.0},
    }
    shown = [
        Figure(f"{which}_{name}", value, unit, what, **targets.get((which, name), {}))
        for name, unit, what in rows
        for (which, named), value in found.items()
        if named == name
    ]
    ratio = partial(_ratio, found)
    shown += ratio("cpu_ms", "gossipsub", "ours", "gossipsub / ours", at_least=6.0)
    shown += ratio("cpu_ms", "ours", "flood", "ours / the bare flood")
    shown += ratio("last_ms", "ours", "flood", "ours / the bare flood", at_most=10.0)
    shown += ratio("dial_ms", "ours", "plain", "ours / the plain host")
    shown += ratio("get_ms", "ours", "plain", "ours / the plain library", at_most=0.6)
    return shown


def _ratio(found: dict[tuple[str, str], float], name: str, a: str, b: str, what: str, **target: float) -> list[Figure]:
    if (a, name) not in found or (b, name) not in found:
        return []
    return [Figure(f"{name}_{a}_to_{b}", found[a, name] / found[b, name], "", what, **target)]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--part", choices=tuple(PARTS), help="only this part")
    parser.add_argument("--rounds", type=int, default=3, help="how often each takes its turn")
    parser.add_argument("--one", help="only this kind of host, once, as a JSON object")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.part)))
        return 0
    found = medians([options.part] if options.part else tuple(PARTS), options.rounds)
    return show("Spreading and finding", figures(found), options.json)


if __name__ == "__main__":
    sys.exit(main())
