"""What a host asks of the DHT, if it takes part in it; without, nothing is found. See `dht.kad.Rendezvous`."""

from collections.abc import Iterable

from .libp2p_pieces import ID  # before dht.kad: it makes the import light

from dht.kad import Rendezvous  # isort: skip

__all__ = ["ID", "Finding", "Rendezvous"]


class Finding:
    dht: Rendezvous | None

    def remember(self, peer: str, addresses: Iterable[str]) -> None:
        if self.dht:
            self.dht.remember(peer, addresses)

    async def provide(self, key: bytes) -> bool:
        return await self.dht.provide(key) if self.dht else False

    def withdraw(self, key: bytes) -> None:
        if self.dht:
            self.dht.withdraw(key)

    async def find_providers(self, key: bytes) -> list[tuple[str, list[str]]]:
        return await self.dht.find_providers(key) if self.dht else []

    async def find_peer(self, peer: str) -> list[str]:
        return await self.dht.find_peer(peer) if self.dht else []

    async def put(self, key: bytes, value: bytes) -> bool:
        return await self.dht.put(key, value) if self.dht else False

    async def get(self, key: bytes) -> bytes | None:
        return await self.dht.get(key) if self.dht else None
