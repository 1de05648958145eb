"""Which queries of others are answered, and with what. Pure: time is an argument, the records are handed in."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from p2pnode.bounds import MAX_TRACKED, QUERY_BURST, QUERY_BURST_ALL, QUERY_RATE, QUERY_RATE_ALL
from p2pnode.core.state import State
from p2pnode.net.guard import TokenBucket
from protocols import search_messages
from protocols.limits import MAX_SEARCH_TEXT
from protocols.search_messages import Answer, fill

from .finding import Hit, Query


class Answering:
    """Times in ms of a clock that is never set back."""

    def __init__(self, now: int) -> None:
        self._all = TokenBucket(QUERY_RATE_ALL, QUERY_BURST_ALL, now)
        self._peers: OrderedDict[str, TokenBucket] = OrderedDict()

    def may(self, state: State, peer: str, network_id: bytes, now: int) -> bool:
        """Whether a peer's query is answered: of a network that we are in, of a member where it is joined by invite
        only, and not too often. Whoever asks without a right to it takes nothing from the others."""
        network = state.networks.get(network_id)
        if network is None:
            return False
        if not network.genesis.open:
            author = state.directory.author_of(peer)
            if author is None or not network.member(author):
                return False
        return self._bucket(peer, now).take(1, now) and self._all.take(1, now)

    def _bucket(self, peer: str, now: int) -> TokenBucket:
        bucket = self._peers.get(peer)
        if bucket is None:
            bucket = self._peers[peer] = TokenBucket(QUERY_RATE, QUERY_BURST, now)
        self._peers.move_to_end(peer)
        while len(self._peers) > MAX_TRACKED:
            self._peers.popitem(last=False)
        return bucket


def query_of(asked: search_messages.Query, now: int) -> Query:
    """What the index is asked for a query: one listing more than are wanted, to see whether there is more. now: ms, by
    which listings have ended."""
    return Query(
        network=asked.network,
        now=now,
        text=asked.text,
        kind=asked.kind or None,
        direction=asked.direction or None,
        cell=asked.cell,
        max_price=None if asked.most is None else (asked.most, asked.unit),
        max_price_per=asked.per or None,
        available=asked.available or None,
        limit=asked.limit + 1,
    )


def asked_of(query: Query, limit: int) -> search_messages.Query:
    """A query of our own as it is put to others: without where we are, or how far away a thing may be."""
    most, unit = query.max_price or (None, "")
    return search_messages.Query(
        network=query.network,
        cell=query.cell,
        text=query.text[:MAX_SEARCH_TEXT],
        kind=query.kind or "",
        direction=query.direction or "",
        most=most,
        unit=unit,
        per=query.max_price_per or "",
        available=0 if query.available_until else query.available or 0,  # which of them fit is seen here
        limit=limit,
    )


def answer(asked: search_messages.Query, hits: Sequence[Hit], load: Callable[[bytes], bytes | None]) -> Answer:
    """load: the wire of a record by its id; None for one that is held no more."""
    wires = [wire for hit in hits[: asked.limit] for wire in [load(hit.record)] if wire is not None]
    return fill(len(hits) > asked.limit, wires)
