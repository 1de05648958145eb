"""Meeting through the DHT: saying what this node holds, finding those who hold the same, and where an author has gone.

It is one way among others. Provided are the cells that are kept here and the kinds of our own listings in their cells;
an open network's members keep a presence there (`protocols.presence`). Ours is read back before the first is written:
where it says more of our ledger than we have, we are a copy put back, and say nothing until we are whole.
"""

from collections.abc import Callable
from contextlib import suppress

from dht.keys import author_key, cell_key, realm
from dht.providing import Providing
from p2pnode.bounds import (
    MAX_PROVIDED_KEYS,
    PRESENCE_EVERY,
    RENDEZVOUS_EVERY,
    RENDEZVOUS_FIRST,
    RENDEZVOUS_LOOK,
    RENDEZVOUS_SELDOM,
    UNREACHED_SOUGHT,
)
from protocols.envelope import Record, parse_record
from protocols.errors import Ignore, Reject
from protocols.limits import MAX_PRESENCE_ROTATIONS
from protocols.listing import parse_listing
from protocols.presence import Presence, check_presence, seal_presence
from protocols.rotation import rotation_name

from .effects import Effect, Get, Lookup, Provide, Put, Withdraw
from .events import Found, Got, Said
from .intake import Intake
from .keys import RECORD
from .neighbours import Neighbours
from .recovery import Recovery
from .state import Network, State


class Rendezvous:
    def __init__(self, state: State, neighbours: Neighbours, intake: Intake, recovery: Recovery) -> None:
        self._state = state
        self._neighbours = neighbours
        self._intake = intake
        self._recovery = recovery
        self._providing = Providing(state.rng)
        self._lookup_at = 0
        self._pause = RENDEZVOUS_EVERY
        self._look_at = 0
        self._kinds: dict[bytes, str] = {}  # id of a listing of ours → its kind of exchange
        self._presences: dict[bytes, Network] = {}  # key of our presence → network
        self._read: set[bytes] = set()  # those of them that were read back
        self._told: dict[bytes, tuple[bytes, int, int]] = {}  # key → profile, entries and time of what we said last
        self._sought: dict[bytes, Network] = {}  # key of another's presence → network
        self.took: Callable[[Network, Record, int], None]  # set by the core: told of a record that was found
        self._asked: set[str] = set()  # peers whose presences were sought, while somebody waits for them

    def started(self, now: int) -> None:
        """The host is up, or has new addresses: everything is due."""
        self._lookup_at, self._pause = now + RENDEZVOUS_FIRST, RENDEZVOUS_EVERY
        self._look_at = now + RENDEZVOUS_FIRST // 2
        self._providing.again(now)

    def connecting(self, now: int) -> None:
        """Somebody is being connected. With nobody to ask, the DHT was mute until now."""
        if not self._state.connected:
            self._lookup_at, self._pause = min(self._lookup_at, now + RENDEZVOUS_FIRST), RENDEZVOUS_EVERY
            self._look_at = min(self._look_at, now + RENDEZVOUS_FIRST // 2)
            self._providing.again(now)

    def answered(self, event: Found | Said | Got, now: int) -> None:
        """What the DHT had to say."""
        match event:
            case Found(key, peers):
                self.found(key, peers, now)
            case Said(key, kept):
                self.said(key, kept, now)
            case Got(key, value):
                self.got(key, value, now)

    def found(self, key: bytes | None, peers: tuple[tuple[str, tuple[str, ...]], ...], now: int) -> None:
        where = self._cells().get(key)
        if key is not None and where is None:
            return
        if where is not None:
            self._neighbours.nearby.heard(*where, (peer for peer, _ in peers))
        if self._neighbours.found(peers, now):
            self._pause = RENDEZVOUS_EVERY

    def said(self, key: bytes, kept: bool, now: int) -> None:
        self._providing.said(key, kept, now)
        if not kept and key in self._presences:  # somebody may know one of ours that is ahead of this
            self._out(Get(key))

    def got(self, key: bytes, value: bytes | None, now: int) -> None:
        """A presence: ours from before, or that of somebody whom we seek."""
        mine, theirs = self._presences.get(key), self._sought.pop(key, None)
        if mine is not None:
            self._read.add(key)
            self._look_at = now
        if value is None:
            return
        try:
            checked = check_presence(value, now)
        except Reject:
            return
        record = checked.record
        if mine is not None and record.author == self._state.me and record.epoch == self._state.signer.epoch:
            self._recovery.told(mine, checked.presence.entries, checked.presence.last)
        elif theirs is not None and checked.profile is not None:
            with suppress(Reject, Ignore):
                self.took(theirs, self._intake.take(theirs, checked.profile.wire, now), now)

    def woke(self, now: int) -> None:
        if not self._active():
            return
        if self._look_at <= now or self._look_at > now + RENDEZVOUS_LOOK:
            self._look_at = now + RENDEZVOUS_LOOK
            self._look(now)
        for key in self._providing.due(now):
            self._out(self._saying(key, now))
        if now >= self._lookup_at or self._lookup_at > now + RENDEZVOUS_SELDOM:
            self._lookup_at = now + self._pause
            self._pause = min(2 * self._pause, RENDEZVOUS_SELDOM)
            for key in self._meeting():
                self._out(Lookup(key))

    def next_wake(self) -> int | None:
        if not self._active():
            return None
        due = self._providing.next_wake()
        return min(self._look_at, self._lookup_at, self._look_at if due is None else due)

    def _active(self) -> bool:
        """Whether there is anybody to ask: connected, or known from before."""
        return bool(self._state.addresses and (self._state.connected or self._neighbours.known))

    # What we say

    def _look(self, now: int) -> None:
        """See what has to be said, and whose presence is needed."""
        self._presences = {author_key(n.id, self._state.me): n for n in self._networks() if n.genesis.open}
        for key in sorted(self._presences.keys() - self._read):
            self._out(Get(key))
        ready = [k for k, n in self._presences.items() if k in self._read and n.chain.ready]
        cells = [key for network in self._networks() for key in self._provided(network)]
        for key in self._providing.want([*ready, *cells[: MAX_PROVIDED_KEYS - len(ready)]], now):
            self._out(Withdraw(key))
        for key in ready:
            profile, entries, at = self._told.get(key, (b"", -1, 0))
            network = self._presences[key]
            changed = (profile, entries) != (self._own_profile(network), network.chain.state.count)
            if changed and not at <= now < at + PRESENCE_EVERY:
                self._providing.renew(key, now)
        self._seek()

    def _provided(self, network: Network) -> list[bytes]:
        """The network as a whole, our own cell, the others that are kept here, and what our listings are."""
        where = realm(network.record.id, network.genesis.open)
        pairs = [(cell, "") for cell in dict.fromkeys(["", network.home(self._state.settings.area), *network.scopes])]
        rows = [r for r in network.catalog.rows(kind="listing", author=self._state.me) if not r.withdrawn]
        pairs += sorted({(row.scope, kind) for row in rows if (kind := self._kind(network, row.id))})
        return [cell_key(where, cell, kind) for cell, kind in pairs]

    def _saying(self, key: bytes, now: int) -> Effect:
        network = self._presences.get(key)
        if network is None:
            return Provide(key)
        profile, chain = self._own_profile(network), network.chain.state
        self._told[key] = (profile, chain.count, now)
        last = chain.head if chain.count else bytes(32)
        wire = self._stored(network, profile) or b""
        for carried in (wire, b""):  # a profile that is too long stays out
            presence = Presence(carried, chain.count, last, self._rotations(network))
            with suppress(Reject):
                return Put(key, seal_presence(self._state.signer, network.id, presence, created=now).wire)
        return Get(key)  # not to be said: our keys have changed too often

    def _rotations(self, network: Network) -> tuple[bytes, ...]:
        found = []
        for epoch in range(1, min(self._state.signer.epoch, MAX_PRESENCE_ROTATIONS) + 1):
            row = network.catalog.get((self._state.me, "rotation", rotation_name(epoch)))
            found.append(self._stored(network, row.id) if row is not None else None)
        return tuple(wire for wire in found if wire is not None)

    # Whom we seek

    def _seek(self) -> None:
        """Of those that somebody waits for: where their authors say that they are now."""
        self._asked &= self._state.wanted
        for peer in sorted(self._state.wanted - self._asked - self._state.connected.keys()):
            author = self._state.directory.author_of(peer)
            for network in self._networks() if author is not None and author != self._state.me else ():
                if author is not None and network.genesis.open and network.has(author):
                    self._asked.add(peer)
                    self._sought[author_key(network.id, author)] = network
                    self._out(Get(author_key(network.id, author)))

    def _meeting(self) -> list[bytes]:
        """Where those meet who replicate the same cells: our own cell, the network as a whole, and some of what is kept
        here and by nobody to whom we are connected."""
        found = []
        for network in self._networks():
            where = realm(network.record.id, network.genesis.open)
            lacking = self._neighbours.nearby.unreached(network) if self._state.connected else []
            lacking.sort(key=lambda _: self._state.rng.random())
            cells = ["", network.home(self._state.settings.area), *lacking[:UNREACHED_SOUGHT]]
            found += [cell_key(where, cell) for cell in dict.fromkeys(cells)]
        return found

    def _cells(self) -> dict[bytes | None, tuple[Network, str]]:
        """The keys of all cells that are kept here."""
        return {
            cell_key(realm(network.record.id, network.genesis.open), cell): (network, cell)
            for network in self._networks()
            for cell in ("", network.home(self._state.settings.area), *network.scopes)
        }

    def _own_profile(self, network: Network) -> bytes:
        row = network.catalog.get((self._state.me, "profile", b""))
        return row.id if row is not None else b""

    def _kind(self, network: Network, record: bytes) -> str:
        if record not in self._kinds:
            wire = self._stored(network, record)
            if len(self._kinds) >= 4 * MAX_PROVIDED_KEYS:
                self._kinds.clear()
            with suppress(Reject):
                self._kinds[record] = (
                    parse_listing(parse_record(wire), network.genesis.cell_precision).kind if wire else ""
                )
        return self._kinds.get(record, "")

    def _stored(self, network: Network, record: bytes) -> bytes | None:
        return self._state.journal.get(RECORD + network.id + record) if record else None

    def _networks(self) -> list[Network]:
        return self._state.joined

    def _out(self, effect: Effect) -> None:
        self._state.journal.out(effect)
