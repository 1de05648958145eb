"""Peers that speak Noise and yamux as they should, from any address of this machine, and then do what a test wants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from p2pnode.net.addresses import parse_address
from p2pnode.net.libp2p_pieces import ID, HostKey, SecureChannel, upgrade
from p2pnode.net.yamux import Yamux


async def tcp(address: str, source: str = "127.0.0.1") -> trio.SocketStream:
    """A TCP connection to where a node listens, with nothing said yet. Raises OSError."""
    sock = trio.socket.socket()
    try:
        await sock.bind((source, 0))
        await sock.connect(("127.0.0.1", parse_address(address).port))
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


async def reach(address: str, seed: bytes, source: str = "127.0.0.1") -> SecureChannel:
    """Through the handshake, to where yamux begins. seed: of the host key. Raises whatever a failed one raises."""
    stream = await tcp(address, source)
    try:
        return await upgrade(stream, HostKey(seed), ID.from_base58(parse_address(address).peer))
    except BaseException:
        stream.socket.close()
        raise


@asynccontextmanager
async def stranger(address: str, seed: bytes, source: str = "127.0.0.1") -> AsyncIterator[Yamux]:
    """A connection with its multiplexer. It may have been refused: then it is closed soon."""
    channel = await reach(address, seed, source)
    mux = Yamux(channel, initiator=True, on_stream=lambda stream: True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mux.run)
        try:
            yield mux
        finally:
            mux.close("done")
            channel.abort()
