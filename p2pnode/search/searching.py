"""Search over what this node holds: feeds the index after each commit, and dresses what it finds."""

from typing import Any

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode import commands
from p2pnode.core.core import Core
from p2pnode.store import StoreError
from p2pnode.when import available_at
from protocols.amounts import parse_price
from protocols.cell import centre, coarsen
from protocols.errors import Refusal
from protocols.limits import MAX_SCOPE

from .index import Index, IndexUnavailable, ListingRow, Query

INDEX_BATCH = 256
INDEX_RETRY = 5.0  # seconds
CLEAN = b"clean"  # marker of an index that was closed in step with the store
OPEN = b"open"

Slot = tuple[bytes, bytes, bytes]  # network, author, name


class Searching:
    def __init__(self, index: Index, log: FilteringBoundLogger) -> None:
        self._index = index
        self._log = log
        self._dirty: dict[Slot, None] = {}
        self._gone: list[bytes] = []
        self._changed = trio.Event()
        self._turn = trio.Lock()

    def changed(self, slots: tuple[tuple[bytes, bytes, bytes], ...], gone: tuple[bytes, ...] = ()) -> None:
        """These listings must be read again, and these records are no more."""
        self._dirty.update(dict.fromkeys(slots))
        self._gone += gone
        self._changed.set()

    def rebuild(self, core: Core) -> None:
        """Read everything again, unless the index was left in step."""
        try:
            if self._index.marker == CLEAN:
                self._index.mark(OPEN)
                return
            self._index.clear()
            self._index.mark(OPEN)
        except IndexUnavailable as e:  # `run` tries again
            self._log.warning("the search index was not cleared", problem=e.message)
        for network in core.state.networks.values():
            self.changed(tuple((network.id, row.author, row.name) for row in network.catalog.rows(kind="listing")))

    async def run(self, core: Any) -> None:
        """Keep the index in step, a batch at a time, with pauses for everything else. core: asked for each batch."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            while self._dirty or self._gone:
                if not await self._batch(core()):
                    await trio.sleep(INDEX_RETRY)

    def close(self) -> None:
        try:
            if not self._dirty and not self._gone:
                self._index.mark(CLEAN)
        except IndexUnavailable as e:
            self._log.warning("the search index could not be closed in step", problem=e.message)
        self._index.close()

    async def search(self, core: Core, args: commands.Search, now: int) -> list[dict[str, Any]]:
        """Listings that fit, as JSON. Reads its own writes: what is published is found at once."""
        while self._dirty or self._gone:
            if not await self._batch(core):
                break  # what is in it is better than nothing
        found: list[dict[str, Any]] = []
        names = [args.network] if args.network else [n.id.hex() for n in core.state.networks.values()]
        if not names:
            core.state.network(None)
        try:
            for name in names:
                found += await self._in_network(core, name, args, now)
        except StoreError as e:
            raise Refusal("failed", f"the disk refused: {e}", "Try again when `p2pnode status` no longer warns.") from e
        if args.sort == "trust":
            found.sort(key=lambda r: -(r["score"] or 0))
        return found[: args.limit]

    async def _in_network(self, core: Core, name: str, args: commands.Search, now: int) -> list[dict[str, Any]]:
        network = core.state.network(name)
        genesis = network.genesis
        here = coarsen(args.near, MAX_SCOPE) if args.near else core.state.settings.area or genesis.area
        if args.near is None and not here and args.sort == "near":
            raise Refusal("usage", "this node does not know where it is", "Say --near AREA, or set an area.")
        limit = parse_price(args.max_price, genesis.unit, genesis.decimals) if args.max_price else None
        free_only = args.max_price is not None and limit is None
        query = Query(
            network=network.id,
            now=now,
            text=args.query,
            kind=args.kind,
            direction=args.direction,
            centre=centre(here) if here else None,
            within_km=None if args.everywhere else args.within_km,
            max_price=(0, genesis.unit) if free_only else (limit.amount, limit.unit) if limit else None,
            max_price_per=limit.per if limit and args.max_price and "/" in args.max_price else None,
            sort="relevance" if args.sort == "trust" else args.sort,
            limit=args.limit,
        )
        try:
            hits = await trio.to_thread.run_sync(self._index.search, query)
        except IndexUnavailable as e:
            if e.rebuilt:
                self.rebuild(core)
            raise Refusal("failed", f"the search index is not ready: {e.message}", "Try again in a moment.") from e
        rows = []
        for hit in hits:
            current = core.listings.current(network, hit.slot[:32], hit.slot[32:])
            if current is None:
                continue
            record, listing = current
            if args.available is not None and not available_at(listing.available, args.available, record.created):
                continue
            row = core.listings.describe(network, *current, now)
            row["distance_km"] = None if hit.distance_km is None else round(hit.distance_km, 1)
            row["score"] = round(core.ratings.score(network, current[0].author, now), 3)
            row["approximate"] = hit.approximate
            rows.append(row)
        return rows

    async def _batch(self, core: Core) -> bool:
        """False if the index could not be written (a full disk): nothing is lost, try again later."""
        async with self._turn:  # SQLite takes milliseconds: in a thread, one batch after the other
            slots = list(self._dirty)[:INDEX_BATCH]
            gone, self._gone = self._gone, []
            try:
                rows = self._next_rows(core, list(slots))
                await trio.to_thread.run_sync(self._index.update, rows, gone)
            except (IndexUnavailable, StoreError) as e:
                self._log.warning("the search index was not updated", problem=str(e))
                self._dirty = {**dict.fromkeys(slots), **self._dirty}
                self._gone = [*gone, *self._gone]
                if isinstance(e, IndexUnavailable) and e.rebuilt:
                    self.rebuild(core)
                    return True
                return False
        return True

    def _next_rows(self, core: Core, slots: list[Slot]) -> list[ListingRow]:
        rows = []
        for slot in slots:
            del self._dirty[slot]
            network = core.state.networks.get(slot[0])
            current = core.listings.current(network, slot[1], slot[2]) if network else None
            if current is None:
                continue
            record, listing = current
            price = listing.price
            rows.append(
                ListingRow(
                    network=slot[0],
                    slot=slot[1] + slot[2],
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
                )
            )
        return rows
