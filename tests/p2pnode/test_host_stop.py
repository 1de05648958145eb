"""Stopping the host: quick, clean, and with nothing left open."""

from pathlib import Path

import trio

from .hosts import GOSSIP, Node, connect, nodes, until

QUIET = {"dht": False}


async def test_stopping_while_busy_is_quick_and_clean() -> None:
    a, b, c = Node(1), Node(2), Node(3)
    async with nodes(a, b, c):
        await connect(a, b)
        await connect(c, b)

        async def handle(event: object) -> None:
            await trio.sleep(0.01)

        b.gate = handle
        for _ in range(500):
            a.host.send(b.id, GOSSIP, b"x" * 2_000)
            c.host.send(b.id, GOSSIP, b"x" * 2_000)
            b.host.send(a.id, GOSSIP, b"x" * 2_000)
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(b.host.provide, bytes([number]) * 32)
            await trio.sleep(0.1)
            started = trio.current_time()
            await b.stop()
            assert trio.current_time() - started < 1.0
        await until(lambda: not a.is_connected(b) and not c.is_connected(b))


async def test_the_event_in_hand_is_finished_before_the_stop() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    finished: list[object] = []
    async with nodes(a, b):
        await connect(a, b)

        async def handle(event: object) -> None:
            await trio.sleep(0.2)
            finished.append(event)

        b.gate = handle
        a.host.send(b.id, GOSSIP, b"x")
        await until(lambda: b.frames(a))
        await b.stop()
        assert len(finished) == 1


async def test_an_event_that_never_ends_cannot_hold_up_the_stop() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        b.gate = lambda event: trio.sleep_forever()
        await a.host.dial(b.addresses)
        await until(lambda: b.events)
        started = trio.current_time()
        await b.stop()
        assert trio.current_time() - started < 2.0


async def test_nothing_is_left_open() -> None:
    def sockets() -> int:
        return sum("socket:" in str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink())

    before = sockets()
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        for _ in range(5):
            await connect(a, b)
            await a.host.disconnect(b.id)
            await until(lambda: not b.is_connected(a))
        await connect(a, b)
    assert sockets() == before
