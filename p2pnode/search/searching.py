"""Search over what this node holds: feeds the index after each commit, and dresses what it finds."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import trio
from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from p2pnode import commands
from p2pnode.bounds import ALIKE_OF_WORD, COMPARED_AT_ONCE, MATCH_WITHIN_KM, MAX_HIDDEN_COUNTED, MAX_RANKED
from p2pnode.core.core import Core
from p2pnode.core.effects import Compare
from p2pnode.core.events import Compared
from p2pnode.core.state import Network
from p2pnode.store import StoreError
from protocols.amounts import parse_price
from protocols.cell import centre, coarsen
from protocols.envelope import Record
from protocols.errors import Refusal
from protocols.limits import MAX_SCOPE
from protocols.listing import Listing

from . import finding
from .index import Hit, Index, IndexUnavailable, ListingRow, Query
from .matching import telling

INDEX_BATCH = 512  # listings to a transaction
INDEX_SLICE = 32  # listings that are read from the store before others get their turn
INDEX_RETRY = 5.0  # seconds
NEWS_AFTER = 0.25  # seconds
CLEAN = b"clean"  # marker of an index that was closed in step with the store
OPEN = b"open"

Slot = tuple[bytes, bytes, bytes]  # network, author, name


class Beyond(NamedTuple):
    """What others hold that is searched as well: an index of its own, and the records in it, by id."""

    where: Index
    records: Mapping[bytes, Record]


class Searching:
    """Keeps the index in step with the store, and answers from it.

    What has changed is indexed before all else, so that a search finds what was just published. An index that is made
    anew is filled beside that; a search meanwhile answers from what is in it already, and `progress` says how much.
    """

    def __init__(self, index: Index, log: FilteringBoundLogger) -> None:
        self._index = index
        self._log = log
        self._dirty: dict[Slot, None] = {}
        self._gone: list[bytes] = []
        self._backlog: deque[Slot] = deque()
        self._of = 0  # listings that the index is being made anew from
        self._changed = trio.Event()
        self._indexed = trio.Event()
        self._turn = trio.Lock()

    @property
    def progress(self) -> dict[str, int] | None:
        """How many listings of how many are in an index that is being made anew; None if it is whole."""
        return {"done": self._of - len(self._backlog), "of": self._of} if self._backlog else None

    def changed(self, slots: tuple[tuple[bytes, bytes, bytes], ...], gone: tuple[bytes, ...] = ()) -> None:
        """These listings must be read again, and these records are no more."""
        self._dirty.update(dict.fromkeys(slots))
        self._gone += gone
        self._changed.set()

    def rebuild(self, core: Core) -> None:
        """Read everything again, unless the index was left in step, for the languages of the networks."""
        try:
            if not self._index.speak(languages(core)) and self._index.marker == CLEAN:
                self._index.mark(OPEN)
                return
            self._index.clear()
            self._index.mark(OPEN)
        except IndexUnavailable as e:  # `run` tries again
            self._log.warning("the search index was not cleared", problem=e.message)
        self._backlog = deque(
            (network.id, row.author, row.name)
            for network in core.state.joined
            for row in network.catalog.rows(kind="listing")
        )
        self._of = len(self._backlog)
        if self._of:
            self._log.info("the search index is made anew", listings=self._of)
        self._changed.set()

    async def run(self, core: Any) -> None:
        """Keep the index in step, a batch at a time, with pauses for everything else. core: asked for each batch."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            while self._dirty or self._gone or self._backlog:
                if not await self._batch(core()):
                    await trio.sleep(INDEX_RETRY)

    async def tell(self, changed: Callable[[], None]) -> None:
        """Say that what a search finds may be other than before, soon after it is, and not without a pause."""
        while True:
            await self._indexed.wait()
            await trio.sleep(NEWS_AFTER)
            self._indexed = trio.Event()
            changed()

    def close(self) -> None:
        try:
            if not self._dirty and not self._gone and not self._backlog:
                self._index.mark(CLEAN)
        except IndexUnavailable as e:
            self._log.warning("the search index could not be closed in step", problem=e.message)
        self._index.close()

    async def search(
        self, core: Core, args: commands.Search, now: int, beyond: Beyond | None = None
    ) -> list[dict[str, Any]]:
        """Listings that fit, as JSON. Reads its own writes: what is published is found at once. Of a listing that is
        held here and found beyond, what is held counts."""
        while self._dirty or self._gone:
            if not await self._batch(core):
                break  # what is in it is better than nothing
        found: list[tuple[Any, Network, Hit, float]] = []
        try:
            for network in self.networks(core, args.network):
                query = of_network(core, network, args, now)
                if args.hidden and query.hidden is None:
                    continue
                hits = await self.hits(core, query)
                if beyond is not None:
                    more = await self.hits(core, query, beyond.where)
                    hits += [hit for hit in more if network.catalog.get(_slot(hit)) is None]
                view = core.reputations.view(network, now)
                trust = {author: view.score(author).score for author in {hit.slot[:32] for hit in hits}}
                for hit in hits:
                    score = trust[hit.slot[:32]]
                    if args.min_trust is not None and round(score, 3) < args.min_trust:
                        continue
                    first = (-round(score, 6),) if args.sort == "trust" else ()
                    found.append(((*first, *finding.order(query, hit)), network, hit, score))
            found.sort(key=lambda each: each[0])
            return _described(core, found, args, now, {} if beyond is None else beyond.records)
        except StoreError as e:
            raise Refusal("failed", f"the disk refused: {e}", "Try again when `p2pnode status` no longer warns.") from e

    async def count_hidden(self, core: Core, args: commands.Search, now: int, beyond: Beyond | None = None) -> int:
        """How many more would be found if nothing were hidden."""
        return len(await self.search(core, replace(args, hidden=True, limit=MAX_HIDDEN_COUNTED), now, beyond))

    async def compare(self, core: Core, wanted: Compare, now: int, put: Callable[[Compared], Awaitable[None]]) -> None:
        """Put what may go with a listing of ours, in pieces that the core takes one by one."""
        try:
            found = await self._alike(core, wanted, now)
        except (IndexUnavailable, StoreError) as e:  # what arrives later is compared all the same
            self._log.warning("a new listing was not compared with what is held", problem=str(e))
            return
        for at in range(0, len(found), COMPARED_AT_ONCE):
            await put(Compared(wanted.network, wanted.name, tuple(found[at : at + COMPARED_AT_ONCE])))

    async def _alike(self, core: Core, wanted: Compare, now: int) -> list[tuple[bytes, bytes]]:
        network = core.state.networks.get(wanted.network)
        current = core.listings.current(network, wanted.author, wanted.name) if network else None
        if network is None or current is None:
            return []
        listing = current[1]
        while self._dirty or self._gone:
            if not await self._batch(core):
                break
        query = Query(
            network=wanted.network,
            now=now,
            kind=listing.kind,
            direction="request" if listing.direction == "offer" else "offer",
            centre=centre(listing.area) if listing.area else None,
            within_km=MATCH_WITHIN_KM,
            hidden=core.blocklists.hides(network, now),
            limit=ALIKE_OF_WORD,
        )
        hits = await trio.to_thread.run_sync(self._index.alike, query, telling(listing))
        return [(hit.slot[:32], hit.slot[32:]) for hit in hits]

    def networks(self, core: Core, name: str | None) -> list[Network]:
        """Those that a search means. `Refusal` if it means none."""
        names = [name] if name else [n.id.hex() for n in core.state.joined]
        if not names:
            core.state.network(None)
        return [core.state.network(each) for each in names]

    async def hits(self, core: Core, query: Query, index: Index | None = None) -> list[Hit]:
        """What an index finds, the node's own unless another is named; the index is asked in a thread."""
        try:
            return await trio.to_thread.run_sync((index or self._index).search, query)
        except IndexUnavailable as e:
            if e.rebuilt and index is None:
                self.rebuild(core)
            raise Refusal("failed", f"the search index is not ready: {e.message}", "Try again in a moment.") from e

    async def _batch(self, core: Core) -> bool:
        """False if the index could not be written (a full disk): nothing is lost, try again later."""
        async with self._turn:  # SQLite takes milliseconds: in a thread, one batch after the other
            if set(languages(core)) != set(self._index.languages):
                self.rebuild(core)  # a network was joined
            slots = list(self._dirty)[:INDEX_BATCH]
            gone, self._gone = self._gone, []
            for slot in slots:
                del self._dirty[slot]
            again = [] if slots or gone else [self._backlog[n] for n in range(min(INDEX_BATCH, len(self._backlog)))]
            made = self._backlog
            try:
                rows: list[ListingRow] = []
                taken = slots or again
                for start in range(0, len(taken), INDEX_SLICE):
                    rows += _rows(core, taken[start : start + INDEX_SLICE])
                    await trio.lowlevel.checkpoint()
                if await trio.to_thread.run_sync(self._index.update, rows, gone):
                    self._indexed.set()
            except (IndexUnavailable, StoreError) as e:
                self._log.warning("the search index was not updated", problem=str(e))
                self._dirty = {**dict.fromkeys(slots), **self._dirty}
                self._gone = [*gone, *self._gone]
                if isinstance(e, IndexUnavailable) and e.rebuilt:
                    self.rebuild(core)
                    return True
                return False
            if self._backlog is made:  # not made anew meanwhile
                for _ in again:
                    self._backlog.popleft()
        return True


def of_network(core: Core, network: Network, args: commands.Search, now: int) -> Query:
    """What the index of one network is asked. `Refusal` for what makes no sense there."""
    genesis = network.genesis
    here = coarsen(args.near, MAX_SCOPE) if args.near else core.state.settings.area or genesis.area
    if args.near is None and not here and args.sort == "near":
        raise Refusal("usage", "this node does not know where it is", "Say --near AREA, or set an area.")
    limit = parse_price(args.max_price, genesis.unit, genesis.decimals) if args.max_price else None
    free_only = args.max_price is not None and limit is None
    return Query(
        network=network.id,
        now=now,
        text=args.query,
        kind=args.kind,
        direction=args.direction,
        cell="" if args.cell is None else coarsen(args.cell, genesis.cell_precision),
        centre=centre(here) if here else None,
        within_km=None if args.everywhere else args.within_km,
        max_price=(0, genesis.unit) if free_only else (limit.amount, limit.unit) if limit else None,
        max_price_per=limit.per if limit and args.max_price and "/" in args.max_price else None,
        available=args.available,
        available_until=args.available_until,
        sort="relevance" if args.sort == "trust" else args.sort,
        hidden=core.blocklists.hides(network, now),
        only_hidden=bool(args.hidden),
        limit=args.limit if args.sort != "trust" and args.min_trust is None else MAX_RANKED,
    )


def of_place(core: Core, args: commands.Search) -> str:
    """The cell around which a search looks; empty for none."""
    return coarsen(args.near, MAX_SCOPE) if args.near else core.state.settings.area


def _slot(hit: Hit) -> tuple[bytes, str, bytes]:
    return (hit.slot[:32], "listing", hit.slot[32:])


def _described(
    core: Core,
    found: list[tuple[Any, Network, Hit, float]],
    args: commands.Search,
    now: int,
    beyond: Mapping[bytes, Record],
) -> list[dict[str, Any]]:
    """The first of them that are still held, or stand in what was found beyond, as JSON. What our user's block lists
    have hidden since the index was asked is left out, too."""
    rows: list[dict[str, Any]] = []
    for _, network, hit, score in found:
        if len(rows) >= args.limit:
            break
        if bool(core.blocklists.why(network, hit.slot[:32], hit.slot[32:], now)) != bool(args.hidden):
            continue
        current = core.listings.current(network, hit.slot[:32], hit.slot[32:])
        if current is None and (record := beyond.get(hit.record)) is not None:
            listing = core.listings.parse(record)
            current = None if listing is None else (record, listing)
        if current is None:
            continue
        row = core.listings.describe(network, *current, now)
        row["distance_km"] = None if hit.distance_km is None else round(hit.distance_km, 1)
        row["score"] = round(score, 3)
        row["approximate"] = hit.approximate
        rows.append(row)
    return rows


def languages(core: Core) -> tuple[str, ...]:
    """Of all networks together."""
    spoken = {code.lower() for network in core.state.joined for code in network.genesis.languages}
    return tuple(sorted(spoken))


def _rows(core: Core, slots: list[Slot]) -> list[ListingRow]:
    """What stands in these slots now; nothing of those that are empty."""
    rows = []
    for network_id, author, name in slots:
        network = core.state.networks.get(network_id)
        current = core.listings.current(network, author, name) if network else None
        if current is not None:
            rows.append(row_of(*current))
    return rows


def row_of(record: Record, listing: Listing) -> ListingRow:
    """A listing as the index takes it."""
    price = listing.price
    return ListingRow(
        network=record.network,
        slot=record.author + record.name,
        record=record.id,
        revision=record.revision,
        direction=listing.direction,
        kind=listing.kind,
        title=listing.title,
        text=listing.text,
        tags=listing.tags,
        area=listing.area,
        price_amount=price.amount if price else None,
        price_unit=price.unit if price else "",
        price_per=price.per if price else "",
        until=record.until,
        created=record.created,
        paused=listing.paused,
        available=listing.available,
    )
