"""What takes the host a while, and ends in an event for the core: dials, questions to the DHT, a dial back."""

from collections.abc import Awaitable, Callable

from structlog.typing import FilteringBoundLogger

from p2pnode.core.effects import Dial, Effect, Find, Get, Lookup, Probe, Provide, Put
from p2pnode.core.events import DialFailed, Event, Found, Got, Probed, Said
from p2pnode.core.multiaddrs import with_peer
from p2pnode.net.dialing import Unreachable
from p2pnode.net.host import Host
from p2pnode.net.reach import Reach


class Errands:
    """put: takes the event that follows."""

    def __init__(
        self, host: Host, reach: Reach, put: Callable[[Event], Awaitable[None]], log: FilteringBoundLogger
    ) -> None:
        self._host = host
        self._reach = reach
        self._put = put
        self._log = log

    async def run(self, effect: Effect) -> None:
        """Whatever goes wrong in one errand ends that one alone."""
        try:
            await self._run(effect)
        except Exception:
            self._log.exception("an errand failed", errand=type(effect).__name__)

    async def _run(self, effect: Effect) -> None:
        match effect:
            case Dial(key, addresses):
                await self._dial(key, addresses)
            case Probe(peer, port):
                reached, address = await self._reach.ask(peer, port)
                await self._put(Probed(peer, reached, address))
            case Find(peer):
                known = await self._host.find_peer(peer)
                if known:
                    await self._put(Found(None, ((peer, tuple(known)),)))
            case Provide(key):
                await self._put(Said(key, await self._host.provide(key)))
            case Put(key, value):
                await self._put(Said(key, await self._host.put(key, value)))
            case Get(key):
                await self._put(Got(key, await self._host.get(key)))
            case Lookup(key):
                found = await self._host.find_providers(key)
                peers = tuple((peer, tuple(with_peer(a, peer) for a in addresses)) for peer, addresses in found)
                await self._put(Found(key, peers))

    async def _dial(self, key: str, addresses: tuple[str, ...]) -> None:
        try:
            await self._host.dial(addresses)
        except Unreachable as e:
            self._log.info("dial failed", peer=key, problem=str(e))
            await self._put(DialFailed(key, str(e), e.no_route))
