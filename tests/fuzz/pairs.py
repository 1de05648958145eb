"""Two ends of a connection of this machine that seems to come from far away."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio


class Far:
    """A socket that claims to come from far away."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def getpeername(self) -> tuple[str, int]:
        return "192.0.2.9", 4001

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def pair() -> Iterator[tuple[Any, Any]]:
    streams: list[Any] = [trio.SocketStream(end) for end in trio.socket.socketpair()]
    for stream in streams:
        stream.socket = Far(stream.socket)
    try:
        yield streams[0], streams[1]
    finally:
        for stream in streams:
            stream.socket.close()
