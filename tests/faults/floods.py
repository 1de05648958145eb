"""What the rows about floods share: attacks in a thread of their own, and what is seen of the victim meanwhile."""

import os
import random
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import trio

from p2pnode.net.delivery import HostEvent, PeerDisconnected
from p2pnode.net.host import Host
from p2pnode.net.ping import PING
from tests.e2e.nodes import Node

PINGS: Final = b"?" * 32
Attack = Callable[[str, random.Random], Awaitable[None]]  # address of the victim; again and again until it is over


def rss(node: Node) -> int:
    """Bytes that the node's process holds in memory."""
    return int(Path(f"/proc/{_pid(node)}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(node: Node) -> int:
    """How many files and sockets the node has open."""
    return len(os.listdir(f"/proc/{_pid(node)}/fd"))


def _pid(node: Node) -> int:
    assert node.process is not None
    return node.process.pid


class Besieging(threading.Thread):
    """Attacks, each in several tasks, against one node, until the end of a `with`. blows: how often one was begun."""

    def __init__(self, victim: Node, attacks: dict[Attack, int], seed: int) -> None:
        super().__init__(daemon=True)
        self._address, self._attacks = victim.address, attacks
        self._rng = random.Random(seed)
        self._over = threading.Event()
        self.blows = 0
        self.refused = 0
        self._problem: BaseException | None = None

    def run(self) -> None:
        try:
            trio.run(self._all)
        except BaseException as e:
            self._problem = e

    async def _all(self) -> None:
        async with trio.open_nursery() as nursery:
            for attack, tasks in self._attacks.items():
                for _ in range(tasks):
                    nursery.start_soon(self._again, attack)
            while not self._over.is_set():
                await trio.sleep(0.05)
            nursery.cancel_scope.cancel()

    async def _again(self, attack: Attack) -> None:
        while True:
            self.blows += 1
            try:
                await attack(self._address, self._rng)
            except* Exception:  # the victim defends itself, in whatever way; at the end among cancellations
                self.refused += 1
            await trio.sleep(0.02)

    def __enter__(self) -> "Besieging":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(30)
        assert not self.is_alive()
        if self._problem is not None:
            raise self._problem


class Watch(threading.Thread):
    """An honest peer that is connected all the time and pings; and how much memory the victim holds meanwhile."""

    def __init__(self, victim: Node, every: float = 0.2) -> None:
        super().__init__(daemon=True)
        self.victim, self._every = victim, every
        self._over = threading.Event()
        self._connected = threading.Event()
        self.before = rss(victim)
        self.most = 0
        self.pings: list[float] = []
        self.failures = 0
        self.losses: list[str] = []

    def run(self) -> None:
        trio.run(self._watch)

    async def _watch(self) -> None:
        async def note(event: HostEvent) -> None:
            if isinstance(event, PeerDisconnected):
                self.losses.append(event.reason)

        host = Host(random.SystemRandom().randbytes(32), ["/ip4/127.0.0.1/tcp/0"], note, dht=False)
        async with trio.open_nursery() as nursery:
            await nursery.start(host.run)
            peer = await host.dial(self.victim.address)
            self._connected.set()
            nursery.start_soon(self._sample)
            while not self._over.is_set():
                began = time.monotonic()
                try:
                    with trio.fail_after(10):
                        stream = await host.ask(peer, PING)
                        await stream.write(PINGS)
                        assert await stream.read(len(PINGS))
                        await stream.finish()
                    self.pings.append(time.monotonic() - began)
                except Exception:
                    self.failures += 1
                await trio.sleep(self._every)
            nursery.cancel_scope.cancel()

    async def _sample(self) -> None:
        while True:
            self.most = max(self.most, rss(self.victim))
            await trio.sleep(0.02)

    def __enter__(self) -> "Watch":
        self.start()
        assert self._connected.wait(10)
        self.before = rss(self.victim)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(30)
        assert not self.is_alive()

    @property
    def growth_mb(self) -> float:
        return round((self.most - self.before) / 1e6, 1)

    @property
    def slowest(self) -> float:
        return round(max(self.pings, default=0.0), 2)


async def dials(address: str, count: int, within: float) -> list[float]:
    """Dial a node under a new name, and ping it, so many times: the seconds of each that succeeded in time."""

    async def ignore(event: HostEvent) -> None: ...

    took: list[float] = []
    for _ in range(count):
        host = Host(random.SystemRandom().randbytes(32), ["/ip4/127.0.0.1/tcp/0"], ignore, dht=False)
        async with trio.open_nursery() as nursery:
            await nursery.start(host.run)
            began = time.monotonic()
            try:
                with trio.fail_after(within):
                    stream = await host.ask(await host.dial(address), PING)
                    await stream.write(PINGS)
                    if await stream.read(len(PINGS)):
                        took.append(time.monotonic() - began)
            except Exception:
                pass
            nursery.cancel_scope.cancel()
    return took
