"""Old news, all of it again: revisions that were replaced and those that are held already, from several peers as fast
as a node listens. No row of the store changes, nothing comes in, no event is told. Control: any revision counts as new.
"""

import random
import threading
import time
from pathlib import Path

import trio

from p2pnode.client import Client
from p2pnode.core.keys import FLOOR, RECORD
from p2pnode.net.delivery import HostEvent, PeerDisconnected
from p2pnode.net.host import Host
from protocols.envelope import Record
from protocols.gossip_messages import PROTOCOL, Hello, Records, encode_message
from tests.e2e.nodes import Node
from tests.faults.figures import LONG, record
from tests.faults.hamlet import arrived
from tests.faults.mutant import mutant
from tests.faults.test_cold import fill, listings
from tests.faults.test_replay import Rows, rows

SLOTS = 5_000 if LONG else 150  # each was revised once
PEERS = 16 if LONG else 8
RATE = 24  # records a second of one peer; what comes faster is not listened to


# No news of records: peers that come and go, whether we can be reached, and that something was written, as its own
# lease is when it is renewed. Which rows were written is looked at key by key.
OF_ITSELF = {"peer", "health", "changed"}


class Told(threading.Thread):
    """What a node tells of records to who listens for events."""

    def __init__(self, node: Node) -> None:
        super().__init__(daemon=True)
        self._node = node
        self.events: list[dict[str, object]] = []

    def run(self) -> None:
        self.events += [e for e in Client(self._node.home).events() if e["type"] not in OF_ITSELF]


async def say(node: Node, network: bytes, records: list[Record], rng: random.Random) -> tuple[int, int]:
    """Push all records, each peer its share: how many were said, and how many peers were cut off."""
    said = parted = 0

    async def note(event: HostEvent) -> None:
        nonlocal parted
        parted += isinstance(event, PeerDisconnected)

    async def one(share: list[Record]) -> None:
        nonlocal said
        host = Host(rng.randbytes(32), ["/ip4/127.0.0.1/tcp/0"], note, dht=False)
        async with trio.open_nursery() as nursery:
            await nursery.start(host.run)
            peer = await host.dial(node.address)
            hello = Hello(network, rng.randbytes(8), int(time.time() * 1_000), True, ("",))
            host.send(peer, PROTOCOL, encode_message(hello))
            await trio.sleep(0.5)
            for old in share:
                said += host.send(peer, PROTOCOL, encode_message(Records(network, 0, 0, (old.wire,))))
                await trio.sleep(1 / RATE)
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for number in range(PEERS):
            nursery.start_soon(one, records[number::PEERS])
    return said, parted


def hears(node: Node, network: bytes, records: list[Record], rng: random.Random) -> tuple[int, int, int, int, int]:
    """Said, peers cut off, rows changed, listings that came in, events."""
    node.start()
    node.stop()  # so that what it does at its first start is done
    before: Rows = rows(node, RECORD, FLOOR)
    known = arrived(node)
    node.start()
    told = Told(node)
    told.start()
    said, parted = trio.run(say, node, network, records, rng)
    node.stop()
    told.join(30)
    after = rows(node, RECORD, FLOOR)
    concerned = {RECORD + network + r.id for r in records} | {k for k in before | after if k.startswith(FLOOR)}
    changed = sum(before.get(key) != after.get(key) for key in concerned)  # its own lease it may renew meanwhile
    return said, parted, changed, len(arrived(node)) - len(known), len(told.events)


def test_old_news_is_none(tmp_path: Path) -> None:
    rng = random.Random(12)
    with Node("Anna", tmp_path) as anna:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        network = bytes.fromhex(anna.cli("whoami")["network"]["id"])
        anna.stop()
        state = rng.getstate()
        first = listings(network, SLOTS, rng)
        rng.setstate(state)
        second = listings(network, SLOTS, rng, revision=1)
        assert [r.slot for r in first] == [r.slot for r in second]
        fill(anna, second)
        old = first + second
        rng.shuffle(old)
        anna.prefix = mutant("notes_arrivals")
        said, parted, changed, came, events = hears(anna, network, old, rng)
        anna.prefix = mutant("no_memory")
        some = rng.sample(first, SLOTS // 5)
        _, _, control, _, told = hears(anna, network, some, rng)
    record(
        "oldnews",
        trials=said,
        failures=changed + came + events,
        peers=PEERS,
        rows_changed=changed,
        came_in=came,
        events=events,
        control_rows_changed=control,
    )
    assert said == 2 * SLOTS and not parted
    assert not changed and not came and not events
    assert control and told, "who remembers nothing is caught"
