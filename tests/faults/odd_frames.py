"""Frames that nobody should send, as a core or a real node is told them: mutated ones, and those that cost most."""

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from dht.kad_host import PROTOCOL as KAD
from p2pnode.net.addresses import Address
from p2pnode.net.delivery import HostEvent
from p2pnode.net.dialing import Unreachable
from p2pnode.net.host import PROTOCOLS, Host
from protocols.codec import encode
from protocols.limits import MAX_FRAME
from tests.e2e.nodes import Node
from tests.fuzz import wire
from tests.fuzz.cores import moments_of, signers
from tests.fuzz.mutate import mutated
from tests.fuzz.story import Moment, told
from tests.p2pnode.strangers import tcp

SPOKEN: Final = ("join", "gossip", "exchange", "ledger", "recovery", "vouch", "message")
AT_ONCE: Final = 100
COSTLY: Final = 50  # one frame in so many is one that costs most
A_CONNECTION: Final = 24  # frames that a peer says before it goes; it is banned sooner


def heavy(network: bytes, now: int) -> list[bytes]:
    """What costs most to look at: frames that are as long as they may be, and all but sound."""
    rng = random.Random(1)
    ranges = [[n.to_bytes(2, "big") + b"x", 1, rng.randbytes(16)] for n in range(1, 2_000)]
    wires = [moment.data for moment in told()[0] if moment.protocol.endswith("gossip/1.0.0")][:4]
    return [
        encode([2, network, 1, now, [*ranges, [b"", 1, bytes(16)]]]),
        encode([7, network, 0, 0, [rng.randbytes(250) for _ in range(250)]]),
        encode([5, network, rng.randbytes(44 * 900)]),
        *wires,
    ]


def some(seed: int, costly: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Protocols and frames, `AT_ONCE` of them. Pure, so that it can be done in a process of its own: to make one can
    take longer than a node may take over it."""
    rng = random.Random(seed)
    made = []
    for protocol in rng.choices(SPOKEN, k=AT_ONCE):
        made.append((protocol, mutated(rng.choice(moments_of(protocol)).data, rng, signers())))
    for number in range(0, AT_ONCE, COSTLY):
        made[number] = "gossip", rng.choice(costly)
    return [(f"/p2pnode/{protocol}/1.0.0", data[:MAX_FRAME]) for protocol, data in made]


def from_anywhere(rng: random.Random) -> Callable[[Address], Awaitable[trio.SocketStream]]:
    """A dialler to which every connection gives an address of another block: one block would soon be refused."""

    async def connect(address: Address) -> trio.SocketStream:
        return await tcp(str(address), f"127.{rng.randrange(1, 255)}.{rng.randrange(256)}.{rng.randrange(1, 255)}")

    return connect


async def speak_oddly(node: Node, network: bytes, frames: int, rng: random.Random) -> int:
    """Peers, one after the other since each is soon banned, that say what is malformed on every protocol: how much."""

    async def ignore(event: HostEvent) -> None: ...

    said = 0
    while said < frames:
        host = Host(rng.randbytes(32), ["/ip4/127.0.0.1/tcp/0"], ignore, dht=False)
        async with trio.open_nursery() as nursery:
            await nursery.start(host.run)
            try:
                peer = await host.dial([node.address])
            except Unreachable:
                await trio.sleep(0.2)
                nursery.cancel_scope.cancel()
                continue
            for number in range(A_CONNECTION):
                protocol = sorted(PROTOCOLS)[(said + number) % len(PROTOCOLS)]
                said += host.send(peer, protocol, odd_frame(protocol, network, rng))
                await trio.lowlevel.checkpoint()
            said += await ask_oddly(host, peer, rng)
            nursery.cancel_scope.cancel()
    return said


def odd_frame(protocol: str, network: bytes, rng: random.Random) -> bytes:
    name = protocol.split("/")[2]
    seeds: Sequence[Moment] = moments_of(name if name in SPOKEN else rng.choice(SPOKEN))
    data = rng.choice(seeds).data
    at = data.find(b"\xc4\x10")  # the network, where a frame names one
    if at >= 0 and rng.random() < 0.8:
        data = data[: at + 2] + network + data[at + 18 :]
    return mutated(data, rng, signers())[:MAX_FRAME] or b"\0"


async def ask_oddly(host: Host, peer: str, rng: random.Random) -> int:
    """A question to the DHT."""
    try:
        with trio.move_on_after(1):
            stream = await host.ask(peer, KAD)
            await stream.write(mutated(rng.choice(wire.requests()), rng)[:2_000])
            await stream.close()
            await stream.read()
            return 1
    except Exception:
        pass
    return 0
