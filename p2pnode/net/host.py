"""The node on the network: it listens, dials, and passes frames between connected peers and the core.

It stands on `libp2p_pieces` (Noise, multistream-select, peer ids of py-libp2p) and our own bounded multiplexer rather
than on libp2p's `Swarm` and `BasicHost`: those dial one address of a peer, refuse a peer for a minute after a failed
dial, share a port silently, and let an error in any task end all of them.

A peer has at most one connection. Of two that were made at the same time, both sides keep the one that the lower peer
id dialled; otherwise the newer one replaces the older, because the other side may have restarted.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio

from p2pnode.bounds import (
    BAN_TIME,
    DIAL_TOTAL,
    HANDSHAKE_TIMEOUT,
    REQUEST_COST,
    SIMULTANEOUS,
)
from protocols.limits import MAX_FRAME
from protocols.nearness import PUBLIC, group_of, scope_of

from .addresses import Address, expand
from .connection import Connection, Handler
from .delivery import Delivery, FrameReceived, HostEvent, PeerBanned, PeerConnected, PeerDisconnected, ProtocolUnspoken
from .dialing import Race, Unreachable, block_of, choose, none_answered, why
from .finding import Finding
from .guard import Guard, address_block
from .libp2p_pieces import ID, HostKey, SecureChannel, upgrade  # before dht.kad: it makes the import light
from .listening import Handshakes, listen
from .ping import PING, echo
from .room import Room
from .yamux import Pool, Stream

from dht.kad import Rendezvous, ValueValidator  # isort: skip

if TYPE_CHECKING:
    from trio_typing import TaskStatus

log = logging.getLogger(__name__)

_NAMES: Final = ("join", "gossip", "exchange", "ledger", "recovery", "vouch", "replica", "custody", "message")
PROTOCOLS: Final = frozenset(f"/p2pnode/{name}/1.0.0" for name in _NAMES) | {
    f"/p2pnode/{name}/1.1.0" for name in ("exchange", "custody")
}


class Host(Finding):
    """seed: 32 bytes of the Ed25519 host key. listen: multiaddrs; port 0 takes any free port.

    on_event: awaited with one event after the other, never two at once; while it runs, the peers are held back.
    Events of one peer come in order: connected, its frames, disconnected. silence: see `Yamux`.
    dht: whether to take part in the DHT; dht_server: whether to answer others there, as a node should that can be
    dialled; validator: which values it keeps (none without one).
    """

    def __init__(
        self,
        seed: bytes,
        listen: Sequence[str],
        on_event: Callable[[HostEvent], Awaitable[None]],
        *,
        protocols: Iterable[str] = PROTOCOLS,
        silence: float = 18.0,
        dht: bool = True,
        dht_server: bool = True,
        validator: ValueValidator | None = None,
    ) -> None:
        self.key = HostKey(seed)
        self.peer_id = str(self.key.id)
        self.guard = Guard()
        self._listen = list(listen)
        self._delivery = Delivery(on_event)
        self._protocols = frozenset(protocols)
        self._silence = silence
        self._room = Room(self.connections)
        self._pool = Pool(self._room.relieve)
        self._handlers: dict[str, Handler] = {}
        self._listening: list[Address] = []
        self._peers: dict[str, Connection] = {}
        self._handshakes = Handshakes()
        self._dialling: dict[str, trio.Event] = {}
        self._nursery: trio.Nursery | None = None
        self.handle(PING, echo)
        self.dht = Rendezvous(self, validator, server=dht_server) if dht else None

    async def run(self, task_status: "TaskStatus[list[str]]" = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; starts with `addresses()`. Raises Refusal if it cannot listen as asked."""
        opened = await listen(self._listen)
        self._listening = [address for address, _ in opened]
        listeners = [listener for _, listener in opened]
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._delivery.run)
                nursery.start_soon(self._contained, self._room.let_go)
                nursery.start_soon(trio.serve_listeners, partial(self._contained, self._accept), listeners)
                if self.dht is not None:
                    nursery.start_soon(self._contained, self.dht.maintain)
                task_status.started(self.addresses())
                await trio.sleep_forever()
        finally:
            self._nursery = None
            for connection in self._peers.values():
                connection.close("stopped")
            self._peers.clear()
            self._listening.clear()
            for listener in listeners:
                listener.socket.close()

    def addresses(self) -> list[str]:
        """Where we listen, as full multiaddrs; a wildcard stands as every address of this machine."""
        found = dict.fromkeys(str(one.with_peer(self.peer_id)) for each in self._listening for one in expand(each))
        return list(found)

    @property
    def private_key(self) -> Any:
        """libp2p's form of the host key, for the DHT's signed records."""
        return self.key.pair.private_key

    def connections(self) -> list[Connection]:
        """The connections that live."""
        return [one for one in self._peers.values() if not one.closed]

    def scope_of(self, peer: str) -> int:
        """How near a peer is, by the address of its connection; one without a connection is far away."""
        connection = self._peers.get(peer)
        scope = None if connection is None else scope_of(connection.address)
        return PUBLIC if scope is None else scope

    def group_of(self, peer: str) -> str:
        """The group of public addresses that a connected peer is counted with; empty for one that is near."""
        connection = self._peers.get(peer)
        return "" if connection is None else group_of(connection.address)

    def connected_peers(self) -> list[str]:
        """The ids of the connected peers."""
        return [one.peer for one in self.connections()]

    def handle(self, protocol: str, handler: Handler | None) -> None:
        """Serve a request-and-answer protocol, one call of `handler` per stream; None ends that."""
        if handler is None:
            self._handlers.pop(protocol, None)
        else:
            self._handlers[protocol] = handler

    async def dial(self, address: str | Iterable[str], *, keep: bool = True) -> str:
        """Connect to whichever address answers first, and return the peer id; at once if it is connected already.

        Every address ends in /p2p/ and a peer id. keep: whether it is a peer we want for ourselves, which does not
        give way to others; not so when strangers lead us to it, as in the DHT. Raises Unreachable.
        """
        if self._nursery is None:
            raise Unreachable("the node is not running")
        texts = [address] if isinstance(address, str) else list(address)
        wanted = choose(texts, self.peer_id, lambda peer: self.guard.banned(peer, self._now()))
        for one in wanted:
            if self._alive(one.peer):
                self._peers[one.peer].kept |= keep
                return one.peer
        race = Race(wanted)
        failures: list[tuple[Address, BaseException]] = race.failures
        connected = ""
        send, receive = trio.open_memory_channel[tuple[Address, trio.SocketStream]](0)
        async with receive, trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + DIAL_TOTAL
            nursery.start_soon(race.run, send)
            async for where, stream in receive:
                try:
                    connected = await self._dialled(where, stream, keep)
                except Exception as error:
                    failures.append((where, error))
                    continue
                nursery.cancel_scope.cancel()
                break
        if not connected:
            failures += [(one, TimeoutError()) for one in wanted if one not in (tried for tried, _ in failures)]
            raise none_answered(failures)
        return connected

    def send(self, peer: str, protocol: str, data: bytes) -> bool:
        """Queue a frame. False if the peer is not connected, does not speak the protocol, or takes too little."""
        if not 1 <= len(data) <= MAX_FRAME:
            log.error("a frame of %d bytes for %s was not sent", len(data), protocol)
            return False
        connection = self._peers.get(peer)
        return connection is not None and connection.send(protocol, data)

    async def ask(self, peer: str, protocol: str) -> Stream:
        """Open a stream of a request-and-answer protocol to a connected peer.

        Raises Unreachable, StreamBroken, NegotiationFailed, TooSlowError.
        """
        connection = self._peers.get(peer)
        if connection is None:
            raise Unreachable("not connected")
        return await connection.ask(protocol)

    def credit(self, peer: str) -> None:
        """The peer brought something new and valid; who does so stays when others have to make room."""
        connection = self._peers.get(peer)
        if connection is not None:
            connection.useful_at = trio.current_time()

    def strike(self, peer: str, reason: str) -> None:
        """Count something that no honest peer sends; too much of it and the peer is cut off and banned for a while."""
        log.info("strike against %s: %s", peer, reason)
        if self.guard.strike(peer, reason, self._now()):
            log.warning("peer %s is banned for %d s: %s", peer, BAN_TIME // 1000, reason)
            self._close(peer, f"banned: {reason}")
            if self._nursery is not None:
                self._nursery.start_soon(self._delivery.put, PeerBanned(peer, reason, BAN_TIME))

    def ban(self, peer: str, reason: str, duration: int = BAN_TIME, *, kept: bool = False) -> None:
        """Cut a peer off and refuse it for `duration` ms. kept: see `Guard.ban`."""
        self.guard.ban(peer, reason, self._now() + duration, kept)
        self._close(peer, f"banned: {reason}")

    def lift(self, peer: str) -> bool:
        """End a ban; False if there was none."""
        return self.guard.lift(peer)

    def bans(self) -> dict[str, tuple[int, str]]:
        """Banned peers: ms that remain, and the reason."""
        return self.guard.bans(self._now())

    async def disconnect(self, peer: str) -> None:
        """Close the connection, if there is one; `PeerDisconnected` follows."""
        self._close(peer, "disconnected here")
        await trio.lowlevel.checkpoint()

    # What connections report.

    async def frame_arrived(self, connection: Connection, protocol: str, data: bytes) -> None:
        await self._hold_back(connection, frames=1)
        await self._delivery.put(FrameReceived(connection.peer, protocol, data))

    async def bytes_arrived(self, connection: Connection, size: int) -> None:
        await self._hold_back(connection, size=size)

    async def requested(self, connection: Connection) -> None:
        await self._hold_back(connection, frames=REQUEST_COST)

    async def unspoken(self, connection: Connection, protocol: str) -> None:
        await self._delivery.put(ProtocolUnspoken(connection.peer, protocol))

    def misbehaved(self, connection: Connection, reason: str) -> None:
        self.strike(connection.peer, reason)

    async def _hold_back(self, connection: Connection, *, frames: int = 0, size: int = 0) -> None:
        wait = self.guard.charge(connection.peer, frames=frames, size=size, now=self._now())
        if wait:
            await trio.sleep(wait / 1000)

    # Listening.

    async def _accept(self, stream: trio.SocketStream) -> None:
        """Serve one connection that came in, from the handshake to its end."""
        try:
            ip, port, *_ = stream.socket.getpeername()
        except OSError:
            return
        where, block = Address("ip6" if ":" in ip else "ip4", ip, port), address_block(ip)
        if not self.guard.admit_source(block, self._now()):
            return
        channel = None
        with self._handshakes.begin(block):
            try:
                channel = await upgrade(stream, self.key, None)
            except Exception as error:
                log.debug("connection from %s: %s", where, why(error))
        if channel is None:
            return
        connection = self._connection(channel, where, block, outbound=False)
        if connection is not None:
            await self._serve(*connection)

    # Dialling.

    async def _dialled(self, where: Address, stream: trio.SocketStream, keep: bool) -> str:
        """Finish a dial on an open TCP connection; one at a time per peer."""
        peer = where.peer
        try:
            while peer in self._dialling:
                await self._dialling[peer].wait()
            if self._alive(peer):
                stream.socket.close()
                return peer
            self._dialling[peer] = trio.Event()
            try:
                with trio.fail_after(HANDSHAKE_TIMEOUT):
                    channel = await upgrade(stream, self.key, ID.from_base58(peer))
                made = self._connection(channel, where, block_of(stream), outbound=True, kept=keep)
                if made is not None:
                    if self._nursery is None:
                        raise Unreachable("the node is not running")
                    self._nursery.start_soon(self._contained, self._serve, *made)
            finally:
                self._dialling.pop(peer).set()
            return peer
        except BaseException:
            stream.socket.close()
            raise

    # Connections.

    def _connection(
        self, channel: SecureChannel, where: Address, block: str, *, outbound: bool, kept: bool = False
    ) -> tuple[Connection, Connection | None] | None:
        """Make a connection the one of its peer; with the connection that it replaces. None: it was not wanted."""
        peer = str(channel.peer)
        now = self._now()
        refused = not outbound and self.guard.refused(block, peer, now)
        old = self._peers.get(peer)
        if peer == self.peer_id or refused or self.guard.banned(peer, now) or (old is not None and old.waits):
            channel.abort()
            return None
        if outbound and kept:
            self.guard.reached(peer)
        self.guard.connected(peer, block, now)
        if old is not None and not old.closed:
            simultaneous = trio.current_time() - old.since < SIMULTANEOUS and old.outbound != outbound
            if simultaneous and outbound != (self.peer_id < peer):
                channel.abort()
                return None
            old.close("replaced by a newer connection")
        elif not self._room.make(peer, block, kept=kept, inbound=not outbound):
            channel.abort()
            return None
        connection = Connection(
            channel,
            self,
            address=str(where.with_peer(peer)),
            block=block,
            outbound=outbound,
            kept=kept,
            protocols=self._protocols,
            handlers=self._handlers,
            silence=self._silence,
            pool=self._pool,
        )
        self._peers[peer] = connection
        connection.waits = old is not None
        return connection, old

    async def _serve(self, connection: Connection, old: Connection | None) -> None:
        peer = connection.peer
        try:
            if old is not None:
                await old.finished.wait()
            connection.waits = False
            await self._delivery.put(PeerConnected(peer, connection.address, connection.outbound, connection.kept))
            log.debug("connected to %s", connection.address)
            if self.dht is not None and self._nursery is not None:
                address, outbound = connection.address, connection.outbound
                self._nursery.start_soon(self._contained, self.dht.connected, peer, address, outbound)
            await self._contained(connection.run)
            log.debug("disconnected from %s: %s", peer, connection.reason)
            if self._peers.get(peer) is connection:
                del self._peers[peer]
            await self._delivery.put(PeerDisconnected(peer, connection.reason))
        finally:
            connection.close("stopped")
            if self._peers.get(peer) is connection:
                del self._peers[peer]
            connection.finished.set()

    def _alive(self, peer: str) -> bool:
        return peer in self._peers and not self._peers[peer].closed

    def _close(self, peer: str, reason: str) -> None:
        connection = self._peers.get(peer)
        if connection is not None:
            connection.close(reason)

    @staticmethod
    async def _contained(task: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Whatever goes wrong in one task ends that task alone."""
        try:
            await task(*args)
        except Exception:
            log.exception("%s failed", task.__qualname__)

    @staticmethod
    def _now() -> int:
        return int(trio.current_time() * 1000)
