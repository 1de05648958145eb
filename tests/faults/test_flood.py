"""Oversized length prefixes, windows that are filled and never read, the same data asked for again and again by peers
that read no answer: the victim stays within its memory, answers an honest peer, and takes a neighbour's record.

Each kind alone, then all together. The control bounds what each connection may hold, but not what all do together.
"""

import random
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import trio

from dht.kad_host import PROTOCOL as KAD
from p2pnode.net.libp2p_pieces import SecureChannel, propose
from p2pnode.net.stream import DATA, HEADER, SYN, WINDOW, WINDOW_SIZE
from p2pnode.net.yamux import Stream, Yamux
from protocols import exchange_messages, gossip_messages, join_messages, ledger_messages, recovery_messages
from protocols.codec import encode
from protocols.frames import frame
from protocols.gossip_messages import Hello, Want
from tests.e2e.killer import seed
from tests.e2e.nodes import Node, until
from tests.e2e.story import finds
from tests.faults.figures import LONG, length, record
from tests.faults.floods import Attack, Besieging, Watch
from tests.faults.mutant import mutant
from tests.p2pnode.strangers import reach, stranger, tcp

MAX_MB: Final = 256.0  # of the victim's process in all
MAX_GROWTH_MB: Final = 64.0
GREETING: Final = b"\x13/multistream/1.0.0\n"
HUGE: Final = b"\xff\xff\xff\xff\x07"  # a length of 2 GiB
PIECE: Final = b"x" * 60_000
PATIENCE: Final = 10.0  # seconds that a stranger goes on where it is not stopped
SOURCES: Final = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
OFFENDERS: Final = "127.0.0.5"  # for what is struck at once: it would soon have the addresses of the others refused too
CROWD: Final = 90  # connections
PROTOCOLS: Final = (
    gossip_messages.PROTOCOL,
    exchange_messages.PROTOCOL,
    ledger_messages.PROTOCOL,
    recovery_messages.PROTOCOL,
    join_messages.PROTOCOL,
)


async def pour(write: Callable[[bytes], Awaitable[None]]) -> None:
    with trio.move_on_after(PATIENCE):
        while True:
            await write(PIECE)


async def prefix_before_noise(address: str, rng: random.Random) -> None:
    stream = await tcp(address, rng.choice(SOURCES))
    try:
        start = [HUGE, GREETING + HUGE, GREETING + b"\x07/noise\n\xff\xff", GREETING + b"\x07/noise\n\x00\x20" + HUGE]
        await stream.send_all(rng.choice(start))
        await pour(stream.send_all)
    finally:
        stream.socket.close()


async def prefix_in_a_stream(address: str, rng: random.Random) -> None:
    """Where a protocol is agreed on, in a frame of ours, in a message of the DHT."""
    async with stranger(address, rng.randbytes(32), rng.choice(SOURCES)) as mux:
        stream = mux.open_stream()
        protocol = rng.choice(("", KAD, *PROTOCOLS))
        if protocol:
            await propose(stream, protocol)
        await stream.write(HUGE)
        await pour(stream.write)


async def windows_filled(address: str, rng: random.Random, *, network: bytes) -> None:
    """Seven streams, filled with small messages that cost nobody anything, faster than anybody may have them read."""
    unknown = frame(encode([9, network])) * 500
    ack = frame(exchange_messages.encode_message(exchange_messages.Ack(rng.randbytes(32)))) * 300
    head = frame(recovery_messages.encode_message(recovery_messages.HeadMessage(network, 0))) * 300
    said = [(gossip_messages.PROTOCOL, unknown), (exchange_messages.PROTOCOL, ack), (recovery_messages.PROTOCOL, head)]

    async def fill(stream: Stream, data: bytes) -> None:
        while True:
            await stream.write(data)

    async with stranger(address, rng.randbytes(32), rng.choice(SOURCES)) as mux:
        with trio.move_on_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                for protocol, data in [*said, *said, said[0]][:6]:
                    stream = mux.open_stream()
                    await propose(stream, protocol)
                    nursery.start_soon(fill, stream, data)


async def beyond_the_window(address: str, rng: random.Random) -> None:
    channel = await reach(address, rng.randbytes(32), OFFENDERS)
    try:
        for number in range(1, 15, 2):
            await channel.write(HEADER.pack(0, WINDOW, SYN, number, 0))
            await channel.write(HEADER.pack(0, DATA, 0, number, 4 * WINDOW_SIZE))
            for _ in range(4 * WINDOW_SIZE // 32_768):
                await channel.write(bytes(32_768))
    finally:
        channel.abort()


async def unfinished_frames(address: str, rng: random.Random) -> None:
    async with stranger(address, rng.randbytes(32), rng.choice(SOURCES)) as mux:
        for protocol in PROTOCOLS * 2:
            stream = mux.open_stream()
            await propose(stream, protocol)
            await stream.write(b"\xff\xff\x03" + PIECE)
        with trio.move_on_after(PATIENCE / 3):
            await mux.closed.wait()


class Deaf(SecureChannel):
    """Reads what it must to get going, and nothing more once it is told so."""

    deaf = False

    async def read_some(self) -> bytes:
        if self.deaf:
            await trio.sleep_forever()
        return await super().read_some()


async def asked_again(
    address: str, rng: random.Random, *, network: bytes, author: bytes, ids: tuple[bytes, ...]
) -> None:
    channel = await reach(address, rng.randbytes(32), rng.choice(SOURCES))
    channel.__class__ = Deaf
    assert isinstance(channel, Deaf)
    channel._raw._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)  # type: ignore[attr-defined]
    mux = Yamux(channel, initiator=True, on_stream=lambda stream: True, silence=600)
    questions = {
        gossip_messages.PROTOCOL: gossip_messages.encode_message(Want(network, 1, ids)),
        ledger_messages.PROTOCOL: ledger_messages.encode_message(ledger_messages.Show(network, 0)),
        recovery_messages.PROTOCOL: recovery_messages.encode_message(recovery_messages.Ask(network, author, 0)),
    }
    hello = gossip_messages.encode_message(Hello(network, rng.randbytes(8), int(time.time() * 1000), True, ("",)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mux.run)
        try:
            streams: dict[str, Stream] = {}
            for protocol in questions:
                streams[protocol] = mux.open_stream()
                await propose(streams[protocol], protocol)
            await streams[gossip_messages.PROTOCOL].write(frame(hello))
            await trio.sleep(0.05)
            channel.deaf = True
            with trio.move_on_after(PATIENCE):
                while not mux.closed.is_set():
                    for protocol, question in questions.items():
                        await streams[protocol].write(frame(question) * 20)
        finally:
            mux.close("done")
            channel.abort()


async def dht_asked_again(address: str, rng: random.Random) -> None:
    """FIND_NODE (type 4), GET_VALUE (1) and GET_PROVIDERS (3) for the same key, eight times on each stream."""
    key = bytes([0x12, 32]) + rng.randbytes(32)
    async with stranger(address, rng.randbytes(32), rng.choice(SOURCES)) as mux:
        for _ in range(50):
            stream = mux.open_stream()
            await propose(stream, KAD)
            for kind in (4, 1, 3) * 3:
                await stream.write(bytes([4 + len(key), 8, kind, 0x12, len(key)]) + key)
            await stream.close()


def publish(node: Node, title: str) -> str:
    listing = node.cli("offer", "publish", "--kind", "lend", "--title", title, "--price", "1")
    return str(listing["listing_id"])


CONTROLLED: Final = "windows"
KINDS: Final = (CONTROLLED, "prefixes", "unfinished", "repeated", "together")  # the first has a short form


def attacks(kind: str, network: bytes, author: bytes, ids: tuple[bytes, ...]) -> dict[Attack, int]:
    again = partial(asked_again, network=network, author=author, ids=ids)
    by_kind: dict[str, dict[Attack, int]] = {
        "prefixes": {prefix_before_noise: 20, prefix_in_a_stream: 20},
        "windows": {partial(windows_filled, network=network): CROWD, beyond_the_window: 4},
        "unfinished": {unfinished_frames: CROWD},
        "repeated": {again: 40, dht_asked_again: 10},
    }
    if kind == "together":
        return {attack: max(1, count // 3) for each in by_kind.values() for attack, count in each.items()}
    return by_kind[kind]


def founded(anna: Node) -> tuple[bytes, bytes]:
    """Start a node that founds a network: the network, and the author."""
    anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
    anna.start()
    me = anna.cli("whoami")
    return bytes.fromhex(me["network"]["id"]), bytes.fromhex(me["author"])


@pytest.mark.parametrize("kind", KINDS if LONG else KINDS[:1])
def test_a_flood_stays_within_bounds(kind: str, tmp_path: Path) -> None:
    seconds, chance = length(2, 60), seed()
    with Node("Anna", tmp_path) as anna, Node("Ben", tmp_path) as ben:
        network, author = founded(anna)
        ben.init("--area", "u33dc", "--join", anna.cli("invite")["link"])
        ben.start()
        listing = publish(ben, "Ladder")
        until("Anna has it", lambda: finds(anna, listing, "ladder"))
        known = attacks(kind, network, author, (bytes.fromhex(listing),))
        with Watch(anna) as watch, Besieging(anna, known, chance) as siege:
            time.sleep(seconds / 2)
            another = publish(ben, "Snowblower")
            began = time.monotonic()
            until("the record comes", lambda: finds(anna, another, "snow"))
            delivered = time.monotonic() - began
            time.sleep(seconds / 2)
        assert anna.process is not None and anna.process.poll() is None
    control = {"control_growth_mb": unbounded(kind, tmp_path / "control", chance)} if kind == CONTROLLED else {}
    record(
        "flood",
        how=kind,
        trials=siege.blows,
        failures=watch.failures + len(watch.losses),
        seconds=seconds,
        most_mb=round(watch.most / 1e6, 1),
        growth_mb=watch.growth_mb,
        record_delivered_s=round(delivered, 1),
        slowest_ping_s=watch.slowest,
        **control,
    )
    assert siege.blows > 10, "the attack was real"
    assert not watch.failures and not watch.losses, watch.losses
    assert watch.most / 1e6 <= MAX_MB
    assert watch.growth_mb <= MAX_GROWTH_MB
    assert not control or control["control_growth_mb"] > MAX_GROWTH_MB, "without a bound for all together it grows"


def unbounded(kind: str, folder: Path, chance: int) -> float:
    """How much a node grows that does not bound what all connections together hold, in MB."""
    with Node("Anna", folder, prefix=mutant("no_pool")) as anna:
        known = attacks(kind, *founded(anna), (bytes(32),))
        with Watch(anna) as watch, Besieging(anna, known, chance):
            end = time.monotonic() + 45
            while watch.growth_mb <= MAX_GROWTH_MB and time.monotonic() < end:
                time.sleep(0.1)
        return watch.growth_mb
