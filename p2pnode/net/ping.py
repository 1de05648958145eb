"""libp2p's ping: 32 bytes back for 32 bytes (https://github.com/libp2p/specs/blob/master/ping/ping.md)."""

from typing import Final

from .yamux import Stream

PING: Final = "/ipfs/ping/1.0.0"
SIZE: Final = 32
MAX_ECHOES: Final = 16  # on one stream


async def echo(peer: str, stream: Stream) -> None:
    """Serve one stream of pings."""
    for _ in range(MAX_ECHOES):
        received = b""
        while len(received) < SIZE:
            piece = await stream.read(SIZE - len(received))
            if not piece:
                return
            received += piece
        await stream.write(received)
