"""Hostile peers while two neighbours trade: the trade completes, memory stays bounded, nobody's process ends.

Rows by name: `pytest tests/faults -k garbage`. P2PNODE_SECONDS: how long an attack lasts at least; P2PNODE_SEED.
"""

import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import trio

from p2pnode.net.dialing import Unreachable
from p2pnode.net.host import PROTOCOLS, Host, HostEvent
from tests.e2e.deal import Deal
from tests.e2e.killer import seed, street
from tests.e2e.nodes import Node, until
from tests.e2e.story import finds
from tests.faults.floods import rss

SECONDS = float(os.environ.get("P2PNODE_SECONDS", "12"))
MAX_GROWTH = 64e6  # bytes
MEGABYTE = 1024 * 1024


class Attack(threading.Thread):
    """Attacks a node until told to stop. blows: how many there were."""

    def __init__(self, victim: Node, network: bytes, rng: random.Random) -> None:
        super().__init__(daemon=True)
        self.victim, self.network, self.rng = victim, network, rng
        self.stopped = threading.Event()
        self.blows = 0
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                self.strike()
        except BaseException as e:
            self.problem = e

    def strike(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        self.stopped.set()
        self.join(60)
        assert not self.is_alive()
        if self.problem is not None:
            raise self.problem


class Garbage(Attack):
    """Bytes to the port: noise, half a handshake, another protocol, nothing at all."""

    def strike(self) -> None:
        greeting = b"\x13/multistream/1.0.0\n"
        data = self.rng.choice(
            [
                b"",
                self.rng.randbytes(self.rng.randrange(1, 5_000)),
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                greeting * 500,
                greeting + b"\x07/noise\n" + b"\xff\xff" + self.rng.randbytes(65_535),
                greeting + b"\x07/noise\n" + b"\x00\x20" + self.rng.randbytes(32) + b"\x00\x00" * 1_000,
                b"\xff" * MEGABYTE,
            ]
        )
        port = int(self.victim.address.split("/tcp/")[1].split("/")[0])
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as one:
                one.sendall(data)
                self.blows += 1
                if self.rng.random() < 0.3:
                    one.settimeout(0.2)
                    one.recv(1024)
        except OSError:
            pass
        time.sleep(0.005)


class Frames(Attack):
    """A peer that connects as it should and then says what it likes on every protocol; under a new name when banned."""

    amount = 40
    linger = 0.3  # seconds until it hangs up

    def strike(self) -> None:
        trio.run(self._connect)

    async def _connect(self) -> None:
        async def ignore(event: HostEvent) -> None: ...

        host = Host(self.rng.randbytes(32), ["/ip4/127.0.0.1/tcp/0"], ignore, dht=False)
        async with trio.open_nursery() as nursery:
            await nursery.start(host.run)
            try:
                peer = await host.dial([self.victim.address])
            except Unreachable:
                await trio.sleep(0.2)
            else:
                for _ in range(self.amount):
                    protocol = self.rng.choice(sorted(PROTOCOLS))
                    if host.send(peer, protocol, self.frame()):
                        self.blows += 1
                await trio.sleep(self.linger)
            nursery.cancel_scope.cancel()

    def frame(self) -> bytes:
        head = [self.rng.randrange(0, 12), self.network]
        packed: bytes = msgpack.packb([*head, *(self.value(3) for _ in range(self.rng.randrange(0, 7)))])
        match self.rng.randrange(8):
            case 0:
                return self.rng.randbytes(self.rng.randrange(1, 2_000))
            case 1:
                return packed[: self.rng.randrange(1, len(packed) + 1)]
            case 2:
                return packed + b"\0"
            case 3:
                return b"\x91" * 40_000 + b"\xc0"  # arrays in arrays
            case 4:
                return b"\xdd\xff\xff\xff\xff"  # an array of four thousand million items
            case 5:
                changed = bytearray(packed)
                changed[self.rng.randrange(len(changed))] ^= 1 << self.rng.randrange(8)
                return bytes(changed)
            case _:
                return packed

    def value(self, depth: int) -> Any:
        rng = self.rng
        plain: list[Callable[[], Any]] = [
            lambda: rng.choice([0, 1, -1, 255, 2**31, 2**53 - 1, 2**53, 2**64 - 1, -(2**63)]),
            lambda: rng.randbytes(rng.choice([0, 1, 8, 16, 32, 64, 1_000, 20_000])),
            lambda: rng.choice(["", "x", "/ip4/127.0.0.1/tcp/1", "\u202e", "é" * 500]),
            lambda: rng.choice([None, True, False, 1.5, float("nan")]),
        ]
        if depth and rng.random() < 0.4:
            return [self.value(depth - 1) for _ in range(rng.randrange(0, 5))]
        if depth and rng.random() < 0.2:
            return {rng.choice(["a", "id", "kind"]): self.value(depth - 1)}
        return rng.choice(plain)()


class Flood(Frames):
    """Well-formed frames of the greatest size, as fast as they go."""

    amount = 300
    linger = 3.0

    def frame(self) -> bytes:
        packed: bytes = msgpack.packb([self.rng.randrange(0, 12), self.network, self.rng.randbytes(60_000)])
        return packed


@pytest.mark.parametrize("attack", [Garbage, Frames, Flood], ids=["garbage", "frames", "flood"])
def test_an_honest_trade_among_hostile_peers(attack: type[Attack], tmp_path: Path) -> None:
    rng = random.Random(seed())
    anna, ben, cleo = street(tmp_path, lambda name: Node(name, tmp_path))
    attacks: list[Attack] = []
    try:
        network = bytes.fromhex(ben.cli("status")["network"]["id"])
        listing = ben.cli("offer", "publish", "--kind", "rent", "--title", "Snowblower", "--price", "0.20/hour")
        until("Cleo finds it", lambda: finds(cleo, listing["listing_id"], "snow"))
        before = {node.name: rss(node) for node in (ben, cleo)}
        most = dict(before)
        attacks += [attack(node, network, random.Random(rng.random())) for node in (ben, cleo)]
        for one in attacks:
            one.start()
        end, deals = time.monotonic() + SECONDS, 0
        while not deals or time.monotonic() < end:
            Deal(ben, cleo, listing["listing_id"]).act_out()
            deals += 1
            for node in (ben, cleo):
                most[node.name] = max(most[node.name], rss(node))
        for one in attacks:
            one.end()
        growth = {name: (most[name] - before[name]) / 1e6 for name in most}
        print(f"{deals} deals among {sum(a.blows for a in attacks)} blows; memory grew by (MB): {growth}")
        assert all(a.blows > 50 for a in attacks), "the control: the attack was real"
        struck = {e["peer"] for node in (ben, cleo) for e in log(node) if e["event"] == "strike"}
        assert not struck & {anna.peer_id, ben.peer_id, cleo.peer_id}, "the honest do not pay for it"
        assert struck or attack is not Frames, "the control: who sends nonsense is struck"
        assert all(mb * 1e6 < MAX_GROWTH for mb in growth.values()), growth
        for node, balance in ((ben, 30 * deals), (cleo, -30 * deals)):
            assert node.process is not None and node.process.poll() is None
            assert node.cli("ledger", "balance")["balance"]["amount"] == balance
            assert node.cli("ledger", "verify")["ok"]
            bugs = [e for e in log(node) if "bug" in e["event"] or e["level"] == "error"]
            assert not bugs, bugs[:3]
            assert node.stop() == 0
    finally:
        for one in attacks:
            one.stopped.set()
        for node in (anna, ben, cleo):
            node.kill()


def log(node: Node) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (node.home / "node.log").read_text().splitlines()]
