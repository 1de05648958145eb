"""A node whose machine gets another address says so to its core, once."""

from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import trio

from p2pnode import daemon
from p2pnode.core.events import Event, Listening, Space


async def test_a_new_address_is_told_to_the_core_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "LOOK_AT_ADDRESSES", 0.01)
    told: list[Event] = []
    addresses = ["/ip4/192.168.1.5/tcp/4001/p2p/me"]

    async def put(event: Event) -> None:
        if not isinstance(event, Space):
            told.append(event)

    node: Any = SimpleNamespace(
        _host=SimpleNamespace(addresses=lambda: list(addresses)),
        _listening=tuple(addresses),
        _log=structlog.get_logger(),
        _loop=SimpleNamespace(put=put),
        _space=lambda: Space(1, 2),
    )
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.Daemon._watch_addresses, node)
            await trio.sleep(0.1)
            assert told == []
            addresses[:] = ["/ip4/10.0.0.7/tcp/4001/p2p/me"]
            while not told:
                await trio.sleep(0.01)
            await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
    assert told == [Listening(("/ip4/10.0.0.7/tcp/4001/p2p/me",))]
