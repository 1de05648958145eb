"""How many others hold our listings: by their own signed word, not by hearsay. And our word for theirs.

After a comparison this node holds all that its neighbour offered; it then signs what it holds of that neighbour's
listings, and tells the neighbour alone. A liar can say that it holds what it does not; nobody can say it for another.
"""

from typing import NamedTuple

from dht.catalog import Row
from dht.keys import covers
from p2pnode.bounds import HELD_AGAIN, MAX_HOLDERS, MAX_STORED
from protocols.codec import decode, encode
from protocols.envelope import Record, parse_record, verify_record
from protocols.errors import Ignore, Reject
from protocols.identity import digest
from protocols.limits import MAX_SKEW
from protocols.replica import PROTOCOL, Replica, encode_held, held_sum, parse_held, parse_replica, seal_replica

from .effects import Emit, Send
from .keys import HOLDER
from .state import Network, State


class Holder(NamedTuple):
    """What another author holds of ours: ids of records, as of a time (ms), until which it counts."""

    ids: frozenset[bytes]
    at: int
    until: int


class Replicas:
    def __init__(self, state: State) -> None:
        self._state = state
        self._told: dict[tuple[str, bytes], tuple[bytes, int, int]] = {}  # (peer, network) → said, when, how often
        self._holders: dict[bytes, dict[bytes, Holder]] = {}  # network → author
        for key, value in state.journal.scan(HOLDER):
            ids, at, until = decode(value, MAX_STORED)
            split = frozenset(ids[i : i + 32] for i in range(0, len(ids), 32))
            self._holders.setdefault(key[1:17], {})[key[17:]] = Holder(split, at, until)

    # Ours for others

    def synced(self, peer: str, network: Network, now: int) -> None:
        """We have been offered all that this peer holds of what both of us keep, and have fetched what was missing."""
        owner = self._state.directory.author_of(peer)
        if owner is None or owner == self._state.me:
            return
        ids = _ids(network, owner, network.scopes, now)
        said = held_sum(ids)
        before, at, times = self._told.get((peer, network.id), (held_sum(()), 0, 0))
        if said != before:
            times = 0
        elif not ids or (times > 1 and 0 <= now - at < HELD_AGAIN):  # twice, for our profile may arrive later than this
            return
        self._told[peer, network.id] = said, now, times + 1
        statement = Replica(owner, len(ids), said, tuple(sorted(network.scopes)))
        record = seal_replica(self._state.signer, network.id, statement, created=now)
        self._state.journal.out(Send(peer, PROTOCOL, encode_held(record)))

    def disconnected(self, peer: str) -> None:
        for key in [key for key in self._told if key[0] == peer]:
            del self._told[key]

    # Others for us

    def received(self, peer: str, data: bytes, now: int) -> None:
        record = parse_record(parse_held(data))
        statement = parse_replica(record)
        network = self._state.networks.get(record.network)
        if network is None or statement.owner != self._state.me:
            raise Ignore("context", "of another network, or of another's listings")
        if not self._state.directory.speaks_for(peer, record.author) or not network.has(record.author):
            raise Ignore("context", "its author's profile does not name this peer, as far as is known here")
        if record.created > now + MAX_SKEW or record.until <= now:
            raise Ignore("age")
        self._verify(record)
        ids = _ids(network, self._state.me, statement.cells, now)
        if (len(ids), held_sum(ids)) != (statement.count, statement.sum):
            raise Ignore("state", "not what we hold now: one of us has changed it meanwhile")
        self._keep(network, record.author, Holder(frozenset(ids), min(record.created, now), record.until))

    def of(self, network: Network, record_id: bytes, now: int) -> tuple[int, int | None]:
        """How many others have said that they hold this record of ours, and when the last one did, ms."""
        times = [h.at for h in self._holders.get(network.id, {}).values() if record_id in h.ids and now < h.until]
        return len(times), max(times, default=None)

    def _verify(self, record: Record) -> None:
        known = self._state.key_states.get(record.author)
        epoch = 0 if known is None else known.epoch
        if record.epoch != epoch:
            raise Ignore("epoch", "not signed with its author's newest key that is known here")
        if digest(record.inception) != record.author:
            raise Reject("signature", "the inception is not the author's")
        verify_record(record, None if known is None else known.key)

    def _keep(self, network: Network, author: bytes, holder: Holder) -> None:
        journal = self._state.journal
        holders = self._holders.setdefault(network.id, {})
        fresh = author not in holders or holders[author].ids != holder.ids
        holders[author] = holder
        if len(holders) > MAX_HOLDERS:
            oldest = min(holders, key=lambda a: holders[a].at)
            del holders[oldest]
            journal.delete(HOLDER + network.id + oldest)
            if oldest == author:
                return
        value = encode([b"".join(sorted(holder.ids)), holder.at, holder.until])
        journal.put(HOLDER + network.id + author, value, durable=False)
        if fresh:
            journal.out(Emit("held", {"network": network.id.hex(), "author": author.hex(), "count": len(holder.ids)}))


def _ids(network: Network, owner: bytes, prefixes: tuple[str, ...], now: int) -> tuple[bytes, ...]:
    rows: list[Row] = [r for r in network.catalog.rows(kind="listing", author=owner) if r.until > now]
    return tuple(row.id for row in rows if covers(prefixes, row.scope))
