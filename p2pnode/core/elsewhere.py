"""Listings of cells that are not kept here: whom to ask for them, and what was found of them.

What others answer climbs the same ladder as what spreads, but is taken into no catalog: it is remembered until it ends,
this node starts anew, or there is no room, so that what a search has shown can be opened and proposed on.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from dht.keys import cell_key, covers, realm, slot_hash
from p2pnode.bounds import MAX_AREAS_LOOKED_AT, MAX_ASKED_FOR, MAX_ELSEWHERE, MAX_ELSEWHERE_BYTES
from protocols.cell import centre, neighbours
from protocols.envelope import Record, replaces
from protocols.errors import Reject
from protocols.limits import DAY
from protocols.listing import Listing, parse_listing
from protocols.search_messages import Answer, Busy, parse_message

from .effects import Penalize, Reply
from .events import Answered
from .hearsay import ways_to
from .intake import Intake
from .neighbours import Neighbours
from .state import Network, State

OF_AREA = 3  # members of one area that are weighed
OF_AREA_TRIED = 12
SILENT = 2 * DAY  # without a lease
_around = lru_cache(maxsize=4_096)(neighbours)


class Target(NamedTuple):
    """Somebody to ask. addresses: none if it is connected; cell: its own; name: for our user."""

    peer: str
    addresses: tuple[str, ...]
    cell: str
    name: str


class Found(NamedTuple):
    """What one answer came to. state: answered, busy or unsound; records: those that passed; more: it holds others."""

    state: str
    records: tuple[Record, ...] = ()
    more: bool = False


class _Candidate(NamedTuple):
    target: Target
    cells: frozenset[str]  # of those that are wanted, the ones that it keeps
    connected: bool
    rank: tuple[bool, float]  # whether it has been silent for days; chance


class Elsewhere:
    def __init__(self, state: State, intake: Intake, neighbours: Neighbours) -> None:
        self._state = state
        self._intake = intake
        self._neighbours = neighbours
        self._kept: OrderedDict[tuple[bytes, bytes], Record] = OrderedDict()  # by network and slot hash, oldest first
        self._size = 0

    # Whom to ask

    def whom(self, network: Network, cell: str, near: str, now: int) -> list[Target]:
        """A few members who keep together as many as they can of the inhabited cells that begin with `cell` and are not
        kept here; where there is room for more, others of the same cells, since anybody may leave things out.
        near: whose surroundings count first among equals.
        """
        homes = self._homes(network)
        wanted = {home for home in homes if _overlap(home, cell) and not covers(network.scopes, home)}
        if len(cell) == network.genesis.cell_precision and not covers(network.scopes, cell):
            wanted.add(cell)
        areas = [home for home in homes if wanted & set(_around(home))] if wanted else []
        here = centre(near or self._state.settings.area or network.genesis.area)
        areas.sort(key=lambda home: _square(here, centre(home)))
        left = [
            candidate
            for home in areas[:MAX_AREAS_LOOKED_AT]
            for candidate in self._candidates(network, home, homes[home], wanted, now)
        ]
        chosen: list[_Candidate] = []
        open_cells = set(wanted)
        while left and len(chosen) < MAX_ASKED_FOR:
            best = max(left, key=lambda one: (len(one.cells & open_cells), one.connected))
            if not best.cells & open_cells:
                open_cells = set(wanted)  # once more around
                continue
            open_cells -= best.cells
            left.remove(best)
            chosen.append(best)
        return [one.target for one in chosen]

    def keys(self, network: Network, cell: str) -> list[bytes]:
        """Where the DHT names more of those who keep just this cell."""
        if len(cell) != network.genesis.cell_precision or not cell or covers(network.scopes, cell):
            return []
        return [cell_key(realm(network.record.id, network.genesis.open), cell)]

    def named(self, network: Network, cell: str, found: list[tuple[str, tuple[str, ...]]]) -> list[Target]:
        """Of those whom the DHT has named for a cell, the ones that may be asked."""
        targets = []
        for peer, addresses in found:
            connected = peer in self._state.connected
            ways = () if connected else ways_to(self._state, self._neighbours.known, peer, addresses)
            if peer not in self._state.banned and peer != self._state.settings.peer_id and (connected or ways):
                author = self._state.directory.author_of(peer)
                if not network.genesis.open and (author is None or not network.member(author)):
                    continue  # what we look for is no stranger's business
                name = peer[-8:] if author is None else self._state.directory.name(author)
                targets.append(Target(peer, ways, cell, name))
        return targets

    def _homes(self, network: Network) -> dict[str, list[bytes]]:
        """The authors who say where they live, by cell; of whatever network."""
        found: dict[str, list[bytes]] = {}
        precision = network.genesis.cell_precision
        for author in self._state.directory.authors():
            profile = self._state.directory.profile(author)
            home = profile.area[:precision] if profile is not None else ""
            if len(home) == precision and home and author != self._state.me:
                found.setdefault(home, []).append(author)
        return found

    def _in(self, network: Network, author: bytes) -> bool:
        if not network.genesis.open:
            return network.member(author)
        return network.catalog.get((author, "profile", b"")) is not None

    def _candidates(
        self, network: Network, home: str, authors: list[bytes], wanted: set[str], now: int
    ) -> Iterator[_Candidate]:
        """A few members of one cell: connected ones first, then any that are about. Not the newest, which somebody with
        many names could be at will."""
        kept = self._state.gossip.scopes(network.id)
        found = []
        for author in _some(authors, self._state):
            if not self._in(network, author):
                continue
            peer = next((p for p in self._state.directory.peers_of(author) if self._may_ask(p, author)), None)
            if peer is None:
                continue
            connected = peer in self._state.connected
            ways = () if connected else ways_to(self._state, self._neighbours.known, peer)
            if not connected and not ways:
                continue
            said = kept.get(peer)
            around = frozenset(_around(home))
            cells = frozenset(c for c in wanted if (c in around if said is None else covers(said, c)))
            lease = network.catalog.get((author, "lease", b""))
            silent = lease is None or lease.created < now - SILENT
            target = Target(peer, ways, home, self._state.directory.name(author))
            found.append(_Candidate(target, cells, connected, (silent, self._state.rng.random())))
        found.sort(key=lambda one: (not one.connected, one.rank))
        yield from (one for one in found[:OF_AREA] if one.cells)

    def _may_ask(self, peer: str, author: bytes) -> bool:
        return peer not in self._state.banned and self._state.directory.author_of(peer) == author

    # What they answer

    def answered(self, event: Answered, now: int) -> None:
        network = self._state.networks.get(event.network)
        try:
            found = Found("busy") if network is None else self._read(network, event, now)
        except Reject as e:
            self._state.journal.out(Penalize(event.peer, f"search: {e}"))
            found = Found("unsound")
        self._state.journal.out(Reply(event.ticket, found))

    def _read(self, network: Network, event: Answered, now: int) -> Found:
        message = parse_message(event.data)
        if isinstance(message, Busy):
            return Found("busy")
        if not isinstance(message, Answer) or len(message.records) > event.limit:
            raise Reject("state", "not an answer to what was asked")
        outcomes = self._intake.check_elsewhere(network, message.records, now)
        records = tuple(one for one in outcomes if isinstance(one, Record))
        for record in records:
            self._keep(network, record)
        lie = next((one for one in outcomes if isinstance(one, Reject)), None)
        if lie is not None:
            self._state.journal.out(Penalize(event.peer, f"search: {lie}"))
        return Found("answered" if lie is None else "unsound", records, message.more)

    def _keep(self, network: Network, record: Record) -> None:
        key = (network.id, slot_hash(record.slot))
        old = self._kept.pop(key, None)
        if old is not None:
            self._size -= len(old.wire)
            if not replaces((record.revision, record.id), (old.revision, old.id)):
                record = old
        self._kept[key] = record
        self._size += len(record.wire)
        while len(self._kept) > MAX_ELSEWHERE or self._size > MAX_ELSEWHERE_BYTES:
            self._size -= len(self._kept.popitem(last=False)[1].wire)

    # What is remembered

    def found(self, network: Network, prefix: str) -> list[Record]:
        """What was found of listings whose id begins so, and is not held as well."""
        return [
            record
            for (place, slot), record in self._kept.items()
            if place == network.id and slot.hex().startswith(prefix) and network.catalog.get(record.slot) is None
        ]

    def listings(self) -> Iterator[tuple[Network, Record, Listing]]:
        """All of them."""
        for (place, _), record in self._kept.items():
            network = self._state.networks.get(place)
            with suppress(Reject):
                if network is not None and not record.withdrawn:
                    yield network, record, parse_listing(record)

    def forget(self, now: int) -> None:
        """Let go of what has ended."""
        for key in [key for key, record in self._kept.items() if record.until <= now]:
            self._size -= len(self._kept.pop(key).wire)


def _some(authors: list[bytes], state: State) -> list[bytes]:
    """Those that are connected, and a few of the others by chance: a cell may have thousands."""
    peers = state.connected
    here = [a for a in authors if any(p in peers for p in state.directory.peers_of(a))]
    others = sorted(set(authors) - set(here))
    chosen = {others[state.rng.randrange(len(others))] for _ in range(OF_AREA_TRIED)} if others else set()
    return [*here[:OF_AREA_TRIED], *sorted(chosen)]


def _overlap(a: str, b: str) -> bool:
    return a.startswith(b) or b.startswith(a)


def _square(here: tuple[float, float] | None, there: tuple[float, float]) -> float:
    """Sorts by distance."""
    return 0.0 if here is None else (here[0] - there[0]) ** 2 + (here[1] - there[1]) ** 2
