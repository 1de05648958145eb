"""What was said once is said again: records of every revision, facts and entries of a finished exchange, from the peer
that they came from and from strangers; a recorded handshake; commands with the same request id. Nothing changes, and
nothing is accepted twice. The control takes any revision for a newer one, and has forgotten the commands that it has
answered.
"""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Final

import trio

from ledger.entry import parse_entry
from p2pnode.client import Client
from p2pnode.core.keys import CHAIN, DEAL, ENTRY, FACT, KEPT, RECORD
from p2pnode.home.folder import Home
from p2pnode.home.keystore import load_keystore
from p2pnode.net.addresses import parse_address
from p2pnode.net.delivery import FrameReceived, HostEvent
from p2pnode.net.host import Host
from p2pnode.store import Store
from protocols import exchange_messages, gossip_messages
from protocols.envelope import parse_record
from protocols.exchange_messages import FactMessage
from protocols.gossip_messages import Hello, Records
from tests.e2e.killer import seed
from tests.e2e.nodes import Node, until
from tests.e2e.story import finds
from tests.e2e.test_restore import deal
from tests.faults.figures import length, record
from tests.faults.mutant import mutant
from tests.p2pnode.strangers import tcp

Rows = dict[bytes, bytes]
TIMES: Final = 3  # each is said again so often, by each of two peers
AT_ONCE: Final = 4  # handshakes
PACE = 0.05  # seconds between records: who pushes them faster is not listened to
GREETING: Final = b"\x13/multistream/1.0.0\n\x07/noise\n"


def rows(node: Node, *kinds: bytes) -> Rows:
    """What the store of a node that does not run holds."""
    store = Store.open(Home(node.home).store)
    try:
        return {key: value for kind in kinds for key, value in store.scan(kind)}
    finally:
        store.close()


def lasting(node: Node, author: bytes) -> Rows:
    """What records, exchanges and ledger of a node that does not run hold, but for its lease, which it renews."""
    found = rows(node, RECORD, FACT, ENTRY, CHAIN, DEAL)
    records = {key: parse_record(value) for key, value in found.items() if key.startswith(RECORD)}
    renewed = {key for key, record in records.items() if (record.author, record.kind) == (author, "lease")}
    return {key: value for key, value in found.items() if key not in renewed}


class Past:
    """Anna and Ben trade; his listing is published, edited and withdrawn. All that he could have recorded."""

    def __init__(self, anna: Node, ben: Node) -> None:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--endowment", "1000")
        anna.start()
        ben.init("--area", "u33dc", "--join", anna.cli("invite")["link"])
        ben.start()
        until("Ben has credit", lambda: ben.cli("ledger", "balance")["limit"]["amount"])
        me = anna.cli("whoami")
        self.network, self.anna = bytes.fromhex(me["network"]["id"]), bytes.fromhex(me["author"])
        mine = ben.cli("offer", "publish", "--kind", "lend", "--title", "Chainsaw", "--price", "1")["listing_id"]
        until("Anna has it", lambda: finds(anna, mine, "chainsaw"))
        ben.stop()
        first = rows(ben, RECORD)
        ben.start()
        ben.cli("offer", "edit", mine, "--title", "Handsaw")
        until("Anna has the change", lambda: finds(anna, mine, "handsaw"))
        deal(
            anna, ben, anna.cli("offer", "publish", "--kind", "lend", "--title", "Ladder", "--price", "1")["listing_id"]
        )
        ben.cli("offer", "withdraw", mine)
        until("Anna has let it go", lambda: not finds(anna, mine, "handsaw"))
        ben.stop()
        self.listing, self.first = mine, list(first.values())
        self.records = list({**first, **rows(ben, RECORD)}.values())
        self.facts = list(rows(ben, FACT).values())
        kept = rows(ben, ENTRY, KEPT).values()
        self.entries = [entry for entry in kept if parse_entry(entry).kind != "INCEPT"]  # which nobody sends: a strike
        self.ben = load_keystore(Home(ben.home).keystore)[0].host_seed

    @property
    def frames(self) -> list[tuple[str, bytes]]:
        said = [
            (gossip_messages.PROTOCOL, gossip_messages.encode_message(Records(self.network, 0, 0, (wire,))))
            for wire in self.records
        ]
        said += [
            (exchange_messages.PROTOCOL, exchange_messages.encode_message(FactMessage(wire))) for wire in self.facts
        ]
        return said + [
            (
                exchange_messages.PROTOCOL,
                exchange_messages.encode_message(exchange_messages.EntryMessage(self.network, e)),
            )
            for e in self.entries
        ]


async def say_again(anna: Node, past: Past, host_seed: bytes, rng: random.Random) -> tuple[int, int]:
    """Say it all again, in any order: how many frames there were, and how many were answered."""
    heard: Counter[str] = Counter()

    async def note(event: HostEvent) -> None:
        if isinstance(event, FrameReceived):
            heard[event.protocol] += 1

    host = Host(host_seed, ["/ip4/127.0.0.1/tcp/0"], note, dht=False)
    frames = past.frames * TIMES
    rng.shuffle(frames)
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        peer = await host.dial(anna.address)
        hello = Hello(past.network, rng.randbytes(8), int(time.time() * 1000), True, ("",))
        host.send(peer, gossip_messages.PROTOCOL, gossip_messages.encode_message(hello))
        await trio.sleep(0.5)
        for protocol, data in frames:
            host.send(peer, protocol, data)
            await trio.sleep(PACE if protocol == gossip_messages.PROTOCOL else 0.002)
        await trio.sleep(1.5)
        nursery.cancel_scope.cancel()
    return len(frames), heard[exchange_messages.PROTOCOL]


async def handshake(anna: Node) -> tuple[list[bytes], int]:
    """What a peer said to Anna from its first byte on, through a relay; and how many bytes Anna answers at most before
    she knows who it is."""
    said: list[bytes] = []
    back = bytearray()
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]

    async def relay(inner: trio.SocketStream) -> None:
        outer = await tcp(anna.address)

        async def copy(source: trio.SocketStream, sink: trio.SocketStream, forth: bool) -> None:
            while data := await source.receive_some():
                if forth:
                    said.append(bytes(data))
                else:
                    back.extend(data)
                await sink.send_all(data)

        async with outer, trio.open_nursery() as nursery:
            nursery.start_soon(copy, inner, outer, True)
            nursery.start_soon(copy, outer, inner, False)

    async def ignore(event: HostEvent) -> None: ...

    host = Host(bytes(range(32)), ["/ip4/127.0.0.1/tcp/0"], ignore, dht=False)
    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        nursery.start_soon(trio.serve_listeners, relay, [listener])
        port = listener.socket.getsockname()[1]
        peer = parse_address(anna.address).peer
        await host.dial(f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer}")
        await trio.sleep(0.3)
        nursery.cancel_scope.cancel()
    start = len(GREETING)
    most = start + 2 + int.from_bytes(back[start : start + 2], "big")
    assert back[:start] == GREETING and len(back) > most, "the recorded one went through"
    return said, most


async def shake_again(anna: Node, said: list[bytes], most: int) -> bool:
    """Whether Anna takes a recorded handshake for its peer: she would say more then than to anybody."""
    stream = await tcp(anna.address)
    heard = bytearray()
    try:
        for piece in said:
            await stream.send_all(piece)
            with trio.move_on_after(0.1):
                heard += await stream.receive_some()
        with trio.fail_after(7):
            while data := await stream.receive_some():
                heard += data
    except trio.BrokenResourceError:
        pass
    finally:
        stream.socket.close()
    return len(heard) > most


async def shake_often(anna: Node, said: list[bytes], most: int, times: int) -> int:
    """How often Anna took it, a few at a time: each is held until she closes it."""
    taken: list[bool] = []

    async def once() -> None:
        taken.append(await shake_again(anna, said, most))

    for first in range(0, times, AT_ONCE):
        async with trio.open_nursery() as nursery:
            for _ in range(first, min(times, first + AT_ONCE)):
                nursery.start_soon(once)
    assert len(taken) == times
    return sum(taken)


def vouched(anna: Node) -> int:
    return sum(1 for row in Client(anna.home).call("ledger.log") if row["kind"] == "VOUCH")


def type_again(anna: Node, ben: str, times: int) -> int:
    """Give one command with one request id again and again, also after a restart: how often too many it was done."""
    before = vouched(anna)
    for number in range(times):
        if number == times // 2:
            anna.stop()
            anna.start()
        Client(anna.home).call("vouch", {"peer": ben, "amount": "1"}, "ab" * 16)
    return vouched(anna) - before - 1


def test_what_is_said_again_changes_nothing(tmp_path: Path) -> None:
    rng, times = random.Random(seed()), length(4, 40)
    with Node("Anna", tmp_path) as anna, Node("Ben", tmp_path) as ben:
        past = Past(anna, ben)
        assert len(past.records) > len(past.first) and past.facts and len(past.entries) > 2
        again = type_again(anna, ben.peer_id, times)
        anna.stop()
        before = lasting(anna, past.anna)
        anna.start()
        said = answered = 0
        for _ in range(max(1, times // 4)):
            for host_seed in (past.ben, rng.randbytes(32)):
                frames, acks = trio.run(say_again, anna, past, host_seed, rng)
                said, answered = said + frames, answered + acks
        recorded, most = trio.run(handshake, anna)
        shaken = trio.run(shake_often, anna, recorded, most, times)
        back = finds(anna, past.listing, "chainsaw") or finds(anna, past.listing, "handsaw")
        banned = anna.cli("peers", "list", "--banned")
        anna.stop()
        after = lasting(anna, past.anna)
        changed = sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())

        anna.prefix = mutant("no_memory")
        anna.start()
        past.records, past.facts, past.entries = past.first, [], []
        trio.run(say_again, anna, past, past.ben, rng)
        control_twice = type_again(anna, ben.peer_id, 3)
        control_back = bool(finds(anna, past.listing, "chainsaw") or finds(anna, past.listing, "handsaw"))
        anna.stop()
    record(
        "replay",
        trials=said + 2 * times,
        failures=changed + shaken + again,
        messages=said,
        answered=answered,
        handshakes=times,
        commands=times,
        control_commands_done_twice=control_twice,
        control_withdrawn_listing_is_back=str(control_back),
    )
    assert answered, "what was said again was heard"
    assert not banned, "and nobody was shut out for it"
    assert not changed
    assert not back
    assert not shaken
    assert not again
    assert control_twice and control_back, "who remembers nothing is caught"
