"""Swarms to stand beside ours: libp2p's gossipsub, and a bare flood as the least that can be.

Gossipsub signs its messages and checks the signature, as it does by default; its own limit of ten messages a second is
lifted. The flood: TCP, one frame a record, ChaCha20-Poly1305, one Ed25519 verification, and on to all other neighbours;
no handshake, nothing kept but a set of ids, no repair, no bounds.
"""

import hashlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_decrypt as decrypt
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt as encrypt
from nacl.signing import SigningKey, VerifyKey

from bench.swarm import SIZE, Seen, neighbours

TOPIC = "bench"
OVERHEAD = 64 + 32  # signature and key


class _Trio:
    seen: Seen
    verified = 0

    async def sleep(self, seconds: float, /) -> None:
        await trio.sleep(seconds)


class Gossipsub(_Trio):
    def __init__(self, pubsubs: Sequence[Any], seen: Seen) -> None:
        self._pubsubs = pubsubs
        self._rng = random.Random(1)
        self.seen = seen
        self.verified = 0

    async def publish(self, node: int, count: int) -> list[bytes]:
        made = [self._rng.randbytes(SIZE) for _ in range(count)]
        for data in made:
            self.seen.by(node, data)
            await self._pubsubs[node].publish(TOPIC, data)
        return made

    async def read(self, node: int, subscription: Any) -> None:
        while True:
            message = await subscription.get()
            self.seen.by(node, bytes(message.data))


@asynccontextmanager
async def gossipsub(size: int, pairs: Sequence[tuple[int, int]], seed: int) -> AsyncIterator[Gossipsub]:
    import multiaddr
    from libp2p import new_host
    from libp2p.crypto.ed25519 import create_new_key_pair
    from libp2p.crypto.x25519 import create_new_key_pair as noise_pair
    from libp2p.peer.peerinfo import PeerInfo
    from libp2p.pubsub import pubsub as module
    from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
    from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
    from libp2p.security.noise.transport import Transport
    from libp2p.tools.anyio_service import background_trio_service

    rng, seen = random.Random(seed), Seen(size)
    degree = max(map(len, neighbours(size, pairs)))

    def host() -> Any:
        pair = create_new_key_pair(rng.randbytes(32))
        noise: Any = Transport(libp2p_keypair=pair, noise_privkey=noise_pair().private_key)
        return new_host(key_pair=pair, sec_opt={NOISE: noise})

    hosts = [host() for _ in range(size)]
    routers = [
        GossipSub(
            [PROTOCOL_ID_V11],
            degree=degree,
            degree_low=max(1, degree - 2),
            degree_high=degree + 4,
            heartbeat_interval=1,
            max_messages_per_topic_per_second=1e9,
        )
        for _ in hosts
    ]
    pubsubs = [module.Pubsub(one, router) for one, router in zip(hosts, routers, strict=True)]
    made = Gossipsub(pubsubs, seen)
    check: Any = vars(module)["signature_validator"]

    def counted(*args: Any) -> Any:
        made.verified += 1
        return check(*args)

    vars(module)["signature_validator"] = counted
    async with trio.open_nursery() as nursery:

        async def serve(number: int, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
            listen = [multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]
            async with (
                hosts[number].run(listen_addrs=listen),
                background_trio_service(pubsubs[number]),
                background_trio_service(routers[number]),
            ):
                await pubsubs[number].wait_until_ready()
                task_status.started()
                await trio.sleep_forever()

        for number in range(size):
            await nursery.start(serve, number)
        for number, one in enumerate(pubsubs):
            nursery.start_soon(made.read, number, await one.subscribe(TOPIC))
        for a, b in pairs:
            await hosts[a].connect(PeerInfo(hosts[b].get_id(), hosts[b].get_addrs()))
        await trio.sleep(4)
        yield made
        nursery.cancel_scope.cancel()


class Flood(_Trio):
    def __init__(self, size: int, seed: int) -> None:
        self.seen = Seen(size)
        self.verified = 0
        self._rng = random.Random(seed)
        self._key = self._rng.randbytes(32)
        self._ids: list[set[bytes]] = [set() for _ in range(size)]
        self._lines: list[dict[int, trio.MemorySendChannel[bytes]]] = [{} for _ in range(size)]
        self._signers = [SigningKey(self._rng.randbytes(32)) for _ in range(size)]

    async def publish(self, node: int, count: int) -> list[bytes]:
        made = []
        for _ in range(count):
            body, signer = self._rng.randbytes(SIZE - OVERHEAD), self._signers[node]
            made.append(bytes(signer.verify_key) + signer.sign(body))
        for data in made:
            await self._new(node, data, -1)
        return made

    async def _new(self, node: int, data: bytes, source: int) -> None:
        id_ = hashlib.blake2b(data, digest_size=32).digest()
        if id_ in self._ids[node]:
            return
        if source >= 0:
            VerifyKey(data[:32]).verify(data[32:])
            self.verified += 1
        self._ids[node].add(id_)
        self.seen.by(node, data)
        for peer, line in self._lines[node].items():
            if peer != source:
                await line.send(data)

    async def serve(self, node: int, peer: int, stream: trio.SocketStream) -> None:
        send, receive = trio.open_memory_channel[bytes](10_000)
        self._lines[node][peer] = send

        async def write() -> None:
            number = 0
            async for data in receive:
                box = encrypt(data, None, number.to_bytes(12, "big"), self._key)
                number += 1
                await stream.send_all(len(box).to_bytes(2, "big") + box)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            number, buffer = 0, bytearray()
            while data := await stream.receive_some(65_536):
                buffer += data
                while len(buffer) >= 2 and len(buffer) >= (end := 2 + int.from_bytes(buffer[:2], "big")):
                    box = bytes(buffer[2:end])
                    del buffer[:end]
                    await self._new(node, decrypt(box, None, number.to_bytes(12, "big"), self._key), peer)
                    number += 1


@asynccontextmanager
async def flood(size: int, pairs: Sequence[tuple[int, int]], seed: int) -> AsyncIterator[Flood]:
    made = Flood(size, seed)
    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        port = listener.socket.getsockname()[1]
        for a, b in pairs:
            out = await trio.open_tcp_stream("127.0.0.1", port)
            nursery.start_soon(made.serve, a, b, out)
            nursery.start_soon(made.serve, b, a, await listener.accept())
        await trio.sleep(0.5)
        yield made
        nursery.cancel_scope.cancel()
