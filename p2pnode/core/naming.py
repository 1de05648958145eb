"""Lists of others that name our user, or a listing of his: nobody is hidden without being able to see it."""

from dht.catalog import Row
from p2pnode.bounds import MAX_NAMING, MAX_NAMING_OF_ONE, MAX_NAMING_TOLD
from protocols.blocklist import KIND, BlockPage, parse_blocklist
from protocols.envelope import Record, Slot, parse_record
from protocols.errors import Reject

from .hiding import Why
from .keys import RECORD
from .listings import Listings
from .state import Network, State


class Naming:
    def __init__(self, state: State, listings: Listings) -> None:
        self._state = state
        self._listings = listings
        # Of lists that name us, by network and slot: the record's id, when it ends, ms, and what it says of us.
        self._pages: dict[tuple[bytes, Slot], tuple[bytes, int, list[Why]]] = {}
        for network in state.networks.values():
            for row in network.catalog.rows(kind=KIND):
                record = record_in(state, network, row)
                if record is not None:
                    self.took(network, record)

    def took(self, network: Network, record: Record) -> None:
        """Keep in mind whether a page names us. Members before others, else who came first stays."""
        key, me = (network.id, record.slot), self._state.me
        self._pages.pop(key, None)
        page = parsed(record) if me in record.payload else None
        ours = [Why(record.author, page.name, entry) for entry in page.entries if entry.author == me] if page else []
        if not ours or record.author == me:
            return
        if sum(slot[0] == record.author for _, slot in self._pages) >= MAX_NAMING_OF_ONE:
            return
        if len(self._pages) >= MAX_NAMING:
            strangers = [k for k in self._pages if not self._member(k)]
            if not strangers or not network.member(record.author):
                return
            del self._pages[strangers[-1]]
        self._pages[key] = record.id, record.until, ours

    def _member(self, key: tuple[bytes, Slot]) -> bool:
        network = self._state.networks.get(key[0])
        return network is not None and network.member(key[1][0])

    def named(self, network: Network, now: int) -> list[Why]:
        """The entries of others' lists that name us: of members first."""
        found = []
        for (of, slot), (record, until, ours) in self._pages.items():
            row = network.catalog.get(slot) if of == network.id else None
            if row is not None and row.id == record and until > now:
                found += [(not network.member(slot[0]), why.entry.since, why) for why in ours]
        return [why for _, _, why in sorted(found, key=lambda each: each[:2])]

    def told(self, now: int) -> list[str]:
        """For `status`: the lists that name us."""
        lines = []
        for network in self._state.joined:
            for why in self.named(network, now):
                what = "your listings are"
                if why.entry.listing:
                    current = self._listings.current(network, self._state.me, why.entry.listing)
                    if current is None or current[0].until <= now:
                        continue
                    what = f"your listing {current[1].title!r} is"
                whose = self._state.directory.name(why.by)
                lines.append(
                    f"{what} hidden for those who follow {whose}'s list {why.named!r}: "
                    f"{why.entry.reason} – {why.entry.text}"
                )
        more = len(lines) - MAX_NAMING_TOLD
        rest = [f"{more} more entries of lists name you: p2pnode blocklist naming"] if more > 0 else []
        return [*lines[:MAX_NAMING_TOLD], *rest]


def record_in(state: State, network: Network, row: Row | None) -> Record | None:
    """The record of a row that is not withdrawn."""
    wire = None if row is None or row.withdrawn else state.journal.get(RECORD + network.id + row.id)
    return None if wire is None else parse_record(wire)


def page_in(state: State, network: Network, slot: Slot) -> tuple[Record, BlockPage] | None:
    """The page of a list that stands in a slot."""
    record = record_in(state, network, network.catalog.get(slot))
    page = parsed(record) if record is not None else None
    return (record, page) if record is not None and page is not None else None


def parsed(record: Record) -> BlockPage | None:
    """What a page says; None for one that says nothing, such as one that an older version took in unread."""
    try:
        return parse_blocklist(record)
    except Reject:
        return None
