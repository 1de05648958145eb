"""Opening the sockets to listen on, with an error in plain words when that cannot be; and bounding who knocks."""

import errno
import socket
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import trio

from p2pnode.bounds import HANDSHAKE_TIMEOUT, MAX_PENDING, MAX_PENDING_PER_ADDRESS
from protocols.errors import Refusal

from .addresses import IP, Address, BadAddress, parse_address

BACKLOG: Final = 128

_OWN: Final = "listen on an address of this machine, or on all of them: /ip4/0.0.0.0/tcp/4001, /ip6/::/tcp/4001"


async def listen(texts: Sequence[str]) -> list[tuple[Address, trio.SocketListener]]:
    """Listen on each multiaddr; the addresses come back with the port that was taken for port 0. Raises Refusal."""
    if not texts:
        raise Refusal("usage", "there is no address to listen on", "give one, such as /ip4/0.0.0.0/tcp/4001")
    opened: list[tuple[Address, trio.SocketListener]] = []
    try:
        for text in texts:
            address = parse_address(text)
            if address.kind not in IP:
                raise BadAddress(f"{text!r}: listen on an IP address, not on a name")
            opened.append(await _open(address))
    except BaseException:
        for _, listener in opened:
            listener.socket.close()
        raise
    return opened


async def _open(address: Address) -> tuple[Address, trio.SocketListener]:
    family = socket.AF_INET if address.kind == "ip4" else socket.AF_INET6
    try:
        sock = trio.socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise Refusal("failed", f"cannot listen on {address}: {error.strerror}", _OWN) from None
    try:
        # Only SO_REUSEADDR: it skips the wait after a restart, while SO_REUSEPORT would share the port silently.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await sock.bind((address.host, address.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            hint = "another program, or another node, uses it: stop that, or choose another port"
            raise Refusal("conflict", f"port {address.port} on {address.host} is in use", hint) from None
        if error.errno == errno.EACCES:
            hint = "ports below 1024 are for root: choose a higher one"
            raise Refusal("failed", f"port {address.port} needs rights that this user does not have", hint) from None
        raise Refusal("failed", f"cannot listen on {address}: {error.strerror}", _OWN) from None
    return Address(address.kind, address.host, sock.getsockname()[1]), trio.SocketListener(sock)


class Handshakes:
    """The handshakes of connections that came in. Each has its time; of too many the oldest gives way, among those from
    the same block of addresses or else from the block that has most: an honest one is finished in a moment."""

    def __init__(self) -> None:
        self._pending: OrderedDict[trio.CancelScope, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending)

    @contextmanager
    def begin(self, block: str) -> Iterator[None]:
        """The body is cancelled, quietly, when its time is up or it has to give way."""
        same = [scope for scope, other in self._pending.items() if other == block]
        if len(same) >= MAX_PENDING_PER_ADDRESS:
            self._give_way(same[0])
        elif len(self._pending) >= MAX_PENDING:
            ((largest, _),) = Counter(self._pending.values()).most_common(1)
            self._give_way(next(scope for scope, other in self._pending.items() if other == largest))
        with trio.move_on_after(HANDSHAKE_TIMEOUT) as scope:
            self._pending[scope] = block
            try:
                yield
            finally:
                self._pending.pop(scope, None)

    def _give_way(self, scope: trio.CancelScope) -> None:
        self._pending.pop(scope, None)
        scope.cancel()
