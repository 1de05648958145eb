"""Finding out which of several addresses answers, and telling a person in plain words why none does."""

import errno
import socket
from collections.abc import Callable, Sequence
from typing import Final

import trio

from p2pnode.bounds import DIAL_STAGGER, DIAL_TIMEOUT, MAX_DIAL_ADDRESSES, MAX_RESOLVED, RESOLVE_TIMEOUT
from protocols.errors import Refusal

from .addresses import IP, Address, BadAddress, parse_address
from .guard import address_block
from .libp2p_pieces import ConnectionEnded, NegotiationFailed, PeerIDMismatchesPubkey

_FAMILIES: Final = {"dns": socket.AF_UNSPEC, "dns4": socket.AF_INET, "dns6": socket.AF_INET6}


_NO_ROUTE: Final = (
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
)


class Unreachable(Refusal):
    """No address of the peer led to it; the message says what happened at each. no_route: not even out of here."""

    def __init__(
        self, reason: str, hint: str = "check the address, and that the other node runs", no_route: bool = False
    ) -> None:
        super().__init__("unreachable", reason, hint)
        self.reason = reason
        self.no_route = no_route


def none_answered(failures: Sequence[tuple[Address, BaseException]]) -> Unreachable:
    """What to raise when all addresses of a peer have failed."""
    reason = "; ".join(f"{one}: {why(error)}" for one, error in failures)
    return Unreachable(reason, no_route=all(_no_route(error) for _, error in failures))


def _no_route(error: BaseException) -> bool:
    """Whether this machine had no way to the address, nor to anybody who could say where a name leads."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, OSError) and error.errno in _NO_ROUTE


def why(error: BaseException) -> str:
    """What went wrong with one address, for a person."""
    if isinstance(error, PeerIDMismatchesPubkey):
        return "another node answers there (wrong peer id)"
    if isinstance(error, NegotiationFailed):
        return f"what answers there is not a node like this one ({error})"
    if isinstance(error, trio.TooSlowError | TimeoutError):
        return "timed out"
    if isinstance(error, socket.gaierror):
        return "the name is unknown"
    if isinstance(error, ConnectionRefusedError):
        return "refused: nothing listens there"
    if isinstance(error, ConnectionEnded | ConnectionResetError | trio.BrokenResourceError):
        return "the other side closed the connection"
    if isinstance(error, OSError):
        if error.errno in _NO_ROUTE:
            return "no route to that address"
        return f"{error.strerror or error}"
    return f"the handshake failed ({type(error).__name__})"


def choose(texts: Sequence[str], own: str, banned: Callable[[str], bool]) -> list[Address]:
    """The addresses of peers that can be dialled, each once. own: our peer id. Raises Unreachable if there is none."""
    wanted: list[Address] = []
    problems: list[str] = []
    for text in texts[:MAX_DIAL_ADDRESSES]:
        try:
            address = parse_address(text)
        except BadAddress as error:
            problems.append(error.message)
            continue
        if not address.peer:
            problems.append(f"{text}: the address does not say which peer answers there (…/p2p/PEER)")
        elif address.peer == own:
            problems.append(f"{text}: that is this node itself")
        elif banned(address.peer):
            problems.append(f"{text}: the peer is banned at the moment")
        elif address not in wanted:
            wanted.append(address)
    if not wanted:
        raise Unreachable("; ".join(problems) or "no address to try")
    return wanted


async def resolve(address: Address) -> list[Address]:
    """The IP addresses that a name stands for. Raises OSError, TooSlowError."""
    if address.kind in IP:
        return [address]
    with trio.fail_after(RESOLVE_TIMEOUT):
        found = await trio.socket.getaddrinfo(
            address.host, address.port, family=_FAMILIES[address.kind], type=socket.SOCK_STREAM
        )
    resolved: list[Address] = []
    for family, _, _, _, sockaddr in found:
        kind = "ip4" if family == socket.AF_INET else "ip6"
        one = Address(kind, str(sockaddr[0]), address.port, address.peer)
        if one not in resolved:
            resolved.append(one)
    return resolved[:MAX_RESOLVED]


async def connect(address: Address) -> trio.SocketStream:
    """A TCP connection. Raises OSError, TooSlowError."""
    family = socket.AF_INET if address.kind == "ip4" else socket.AF_INET6
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        with trio.fail_after(DIAL_TIMEOUT):
            await sock.connect((address.host, address.port))
        return trio.SocketStream(sock)
    except BaseException:
        sock.close()
        raise


def block_of(stream: trio.SocketStream) -> str:
    """The block of addresses at the other end. Raises OSError."""
    return address_block(str(stream.socket.getpeername()[0]))


class Race:
    """TCP connections to several addresses, each started a little after the one before; yields those that open, in the
    order in which they do, until the caller is content. Failures are kept in `failures`. A name stays a name: the IP
    address behind it may be another one next time."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses
        self.failures: list[tuple[Address, BaseException]] = []

    async def run(self, opened: trio.MemorySendChannel[tuple[Address, trio.SocketStream]]) -> None:
        async with opened, trio.open_nursery() as nursery:
            for address in self._addresses:
                done = trio.Event()
                nursery.start_soon(self._try, address, opened, done)
                with trio.move_on_after(DIAL_STAGGER):
                    await done.wait()

    async def _try(
        self, name: Address, opened: trio.MemorySendChannel[tuple[Address, trio.SocketStream]], done: trio.Event
    ) -> None:
        error: BaseException | None = None
        try:
            for address in await resolve(name):
                try:
                    stream = await connect(address)
                except (OSError, trio.TooSlowError) as failure:
                    error = failure
                    continue
                try:
                    await opened.send((name, stream))
                except BaseException:
                    stream.socket.close()
                    raise
                return
        except (OSError, trio.TooSlowError, UnicodeError) as failure:
            error = failure
        finally:
            done.set()
        self.failures.append((name, error or OSError("the name has no address")))
