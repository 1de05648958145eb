"""Asking others, in KadDHT's wire format: the shell around `dht.lookup`.

KadDHT's own client asks everybody near a key, on a new stream each time, and checks the signed record of every peer
that is named. Here streams are kept for a few questions more, a peer's address is taken as a hint (who is dialled shows
his key), and only who has answered enters the routing table.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import trio
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.kad_dht.utils import maybe_consume_signed_record
from libp2p.peer.id import ID
from libp2p.peer.peerstore import env_to_send_in_RPC
from libp2p.utils.varint import read_varint_prefixed_bytes_limited
from multiaddr import Multiaddr

from protocols.nearness import group_of, is_taken

from .kad_host import (
    MAX_ADDRESS_BYTES,
    MAX_ADDRESSES,
    MAX_ANSWERS,
    MAX_RESPONSE,
    KadHost,
    KadStream,
    speaking_with,
    text_in,
    text_of,
)
from .lookup import REQUESTS, SETTLED, STORE_REQUESTS, STORE_SETTLED, Lookup
from .routing import Contact, K, RoutingTable, contact_of, place_of

log = logging.getLogger(__name__)

FEW: Final = 5  # peers of the table; with fewer, all that are connected are asked as well
ANSWER_WITHIN: Final = 4.0  # seconds, a dial included
KEPT_STREAM: Final = 3.0  # seconds that a stream waits for the next question
STREAM_AGE: Final = 6.0  # the other side ends it after 10 s
MAX_KEPT: Final = 64  # streams that wait
ADDRESS_LIFETIME: Final = 24 * 3600  # seconds, of who has answered

Taken = Callable[[Message, int], bool]


class Heard(NamedTuple):
    contact: Contact
    addresses: list[str]


class _Kept(NamedTuple):
    stream: KadStream
    asked: int
    since: float
    until: float


class Asker:
    def __init__(self, host: KadHost, table: RoutingTable) -> None:
        self._host: Any = host
        self._table = table
        self._kept: dict[bytes, _Kept] = {}
        self._waiting = trio.Event()

    async def close_idle(self) -> None:
        """Close streams on which nothing more was asked, until cancelled."""
        while True:
            await self._waiting.wait()
            self._waiting = trio.Event()
            while self._kept:
                await trio.sleep_until(min(kept.until for kept in self._kept.values()))
                for peer, kept in list(self._kept.items()):
                    if kept.until <= trio.current_time():
                        del self._kept[peer]
                        await kept.stream.close()

    async def ask(
        self, peer: bytes, request: Message, addresses: Sequence[str] = (), *, may_refuse: bool = False
    ) -> Message:
        """One question to a peer, who is dialled if he is not connected; whoever answers is in the routing table from
        then on. addresses: where he may be, beside what is known. may_refuse: then no answer is nothing against him.
        Raises whatever stood in the way."""
        other = ID(peer)
        try:
            with trio.fail_after(ANSWER_WITHIN):
                answer = await self._ask(other, request, addresses)
        except Exception as error:
            if not may_refuse and not getattr(error, "no_route", False):  # else it is we who have no network
                self._table.failed(peer)
            raise
        self._host.get_peerstore().untold.discard(other)
        known = self._host.get_peerstore().known(other)
        if not known and maybe_consume_signed_record(answer, self._host, other):
            known = self._host.get_peerstore().known(other)
        fresh = [Multiaddr(text) for text in addresses[:MAX_ADDRESSES]]
        self._host.get_peerstore().add_addrs(other, [*fresh, *known], ADDRESS_LIFETIME)
        texts = [text for one in (*fresh, *known) if (text := text_of(one)) is not None]
        if texts:
            groups = {group for text in texts if (group := group_of(text))}
            self._table.heard(contact_of(peer, groups), answered=int(trio.current_time() * 1_000) or 1)
        return answer

    async def look(
        self, key: bytes, kind: "Message.MessageType", take: Taken, *, enough: int = 0, storing: bool = False
    ) -> list[Contact]:
        """Search for a key by requests of this kind; the nearest who answered. take: what to make of an answer from a
        peer of that scope; whether it is useful. enough: see `Lookup`. storing: for the K nearest, all of them."""
        place = place_of(key)
        lookup = Lookup(
            place,
            self._table.own,
            self._start(place),
            self._now(),
            enough=enough,
            settled=STORE_SETTLED if storing else SETTLED,
            requests=STORE_REQUESTS if storing else REQUESTS,
        )
        addresses: dict[bytes, list[str]] = {}
        send, receive = trio.open_memory_channel[tuple[bytes, Message | None]](STORE_REQUESTS)

        async def put(peer: bytes) -> None:
            answer = None
            try:
                answer = await self.ask(peer, Message(type=kind, key=key), addresses.get(peer, ()))
            except Exception as error:
                log.debug("DHT: %s", error)
            send.send_nowait((peer, answer))

        async with trio.open_nursery() as nursery:
            while not lookup.done(self._now()):
                for contact in lookup.next(self._now()):
                    nursery.start_soon(put, contact.peer)
                with trio.move_on_at(lookup.wake_at(self._now()) / 1_000 + 0.001):
                    peer, answer = await receive.receive()
                    if answer is None:
                        lookup.failed(peer)
                        continue
                    scope = self._host.scope_of(ID(peer))
                    useful = take(answer, scope)
                    heard = heard_in(answer.closerPeers, scope)
                    for contact, where in heard:
                        known = addresses.setdefault(contact.peer, [])
                        known += [one for one in where if one not in known][: MAX_ADDRESSES - len(known)]
                    lookup.answered(peer, [contact for contact, _ in heard], useful=useful)
            nursery.cancel_scope.cancel()
        log.debug("DHT: %d requests, %d hops", lookup.requests, lookup.hops)
        return lookup.closest()

    def _start(self, place: int) -> list[Contact]:
        start = self._table.closest(place)
        if len(start) < FEW:
            connected = [contact_of(peer.to_bytes()) for peer in self._host.get_connected_peers()]
            connected.sort(key=lambda contact: contact.place ^ place)
            start += [one for one in connected if one.peer not in {known.peer for known in start}][:K]
        return start

    async def _ask(self, peer: ID, request: Message, addresses: Sequence[str]) -> Message:
        kept = self._kept.pop(peer.to_bytes(), None)
        speaking_with(self._host, peer)
        if kept is not None and trio.current_time() < kept.until:
            try:
                return await self._say(peer, kept.stream, request, kept.asked, kept.since)
            except (ConnectionError, EOFError, ValueError) as error:  # ended meanwhile
                log.debug("DHT: %s", error)
        elif kept is not None:
            await kept.stream.close()
        stream = await self._host.open(peer, addresses)
        introduced = Message()
        introduced.CopyFrom(request)
        introduced.senderRecord = env_to_send_in_RPC(self._host)[0]
        return await self._say(peer, stream, introduced, 0, trio.current_time())

    async def _say(self, peer: ID, stream: Any, request: Message, asked: int, since: float) -> Message:
        answer = Message()
        try:
            data = request.SerializeToString()
            stream.allow(MAX_RESPONSE)
            await stream.write(_varint(len(data)) + data)
            try:
                answer.ParseFromString(await read_varint_prefixed_bytes_limited(stream, MAX_RESPONSE))
            except ConnectionError:
                raise
            except Exception as error:  # whatever libp2p makes of it
                raise EOFError(f"no answer: {error!r}") from error
            if answer.type != request.type:
                raise ValueError("an answer to another question")
        except BaseException:
            await stream.reset()
            raise
        now = trio.current_time()
        if asked + 1 < MAX_ANSWERS and now < since + STREAM_AGE and len(self._kept) < MAX_KEPT:
            old = self._kept.pop(peer.to_bytes(), None)
            self._kept[peer.to_bytes()] = _Kept(stream, asked + 1, since, now + KEPT_STREAM)
            self._waiting.set()
            if old is not None:
                await old.stream.close()
        else:
            await stream.close()
        return answer

    @staticmethod
    def _now() -> int:
        return int(trio.current_time() * 1_000)


def heard_in(peers: Iterable[Any], scope: int) -> list[Heard]:
    """The peers that an answer names, with the addresses that are taken from somebody of this scope."""
    found = []
    for peer in list(peers)[: K + 1]:
        if 34 <= len(peer.id) <= 42:
            raw = [one for one in peer.addrs[:MAX_ADDRESSES] if len(one) <= MAX_ADDRESS_BYTES]
            texts = [text for one in raw if (text := text_in(one)) is not None and is_taken(text, scope)]
            found.append(Heard(contact_of(peer.id, {g for text in texts if (g := group_of(text))}), texts))
    return found


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
