"""What our user is told of listings that arrive: those that fit a saved search, and those that match an own listing.

A notice is kept for each search or own listing and each listing found; the same content never makes a second one. What
arrives is compared with the saved searches and our own listings alone, both bounded, never with all that is held. What
we publish is compared with a few of those held, which the index names.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from dht.keys import slot_hash
from p2pnode import commands
from p2pnode.bounds import MAX_NOTICES, MAX_SAVED
from p2pnode.search.document import asked
from p2pnode.search.matching import Forms, Said, Wish, fits, forms, matches, said
from protocols.amounts import parse_price
from protocols.cell import centre, coarsen
from protocols.codec import decode, encode
from protocols.envelope import Record
from protocols.errors import Refusal, Reject
from protocols.identity import digest
from protocols.limits import MAX_SCOPE

from .effects import Compare, Emit
from .events import Compared
from .keys import NOTICE, SAVED
from .listings import Listings
from .state import Network, State


class Saved(NamedTuple):
    """A search that goes on. args: of the `search` command; since: ms; wishes: by network; paused: tells of nothing."""

    args: dict[str, Any]
    since: int
    wishes: dict[bytes, Wish]
    paused: bool = False


class Notice(msgspec.Struct, array_like=True):
    """why: "saved" or "match"; of: the search's name, or the id of our own listing; found: the listing's id; content:
    hash of what it said; score: thousandths. dismissed: kept so that the same content is not told of again."""

    at: int
    seen: bool
    why: Literal["saved", "match"]
    of: str
    network: bytes
    author: bytes
    name: bytes
    content: bytes
    title: str
    score: int
    reason: str
    dismissed: bool = False


class Notices:
    """trust: the score of an author, 0 to 1."""

    def __init__(self, state: State, listings: Listings, trust: Callable[[Network, bytes, int], float]) -> None:
        self._state = state
        self._listings = listings
        self._trust = trust
        self._saved: dict[str, Saved] = {}
        self._notices: dict[bytes, Notice] = {}  # key → notice, oldest first
        self._mine: dict[bytes, list[tuple[str, int, Said]]] = {}  # network → own listings: id, until, what they say
        self._forms: dict[bytes, Forms] = {}
        for key, value in state.journal.scan(SAVED):
            since, args, *paused = decode(value)
            self._saved[key[len(SAVED) :].decode()] = Saved(args, since, {}, paused == [True])
        rows = [(k[len(NOTICE) :], msgspec.convert(decode(v), Notice)) for k, v in state.journal.scan(NOTICE)]
        self._notices = dict(sorted(rows, key=lambda row: (row[1].at, row[0])))

    @property
    def unseen(self) -> int:
        now = self._state.time.now(self._state.wall)
        return sum(not notice.seen and self._shown(notice, now) for notice in self._standing())

    def arrived(self, network: Network, record: Record, now: int) -> None:
        """A listing has come in, new or in a newer revision."""
        if record.author == self._state.me:
            return self.own_changed(network)
        listing = self._listings.parse(record)
        if listing is None or listing.paused or record.until <= now or self._hidden(network, *record.slot[::2], now):
            return
        spoken = self._spoken(network)
        found = said(listing, record.created, spoken)
        for name in [name for name, saved in self._saved.items() if not saved.paused]:
            wish = self._wish(name, network)
            if wish is not None and fits(wish, found, spoken) and self._trusted(name, network, record.author, now):
                self._note(network, record, listing.title, "saved", name, 1_000, f"search {name}", now)
        for own, until, mine in self._own(network):
            match = matches(mine, found) if until > now else None
            if match is not None:
                self._note(network, record, listing.title, "match", own, match.score, match.reason, now)

    def published(self, network: Network, record: Record, now: int) -> None:
        """A listing of our own stands: what is held already may go with it."""
        self.own_changed(network)
        listing = self._listings.parse(record)
        if listing is not None and not listing.paused and record.until > now:
            self._state.journal.out(Compare(network.id, record.author, record.name))

    def compared(self, event: Compared, now: int) -> None:
        """Some listings that may go with one of ours: those that do are told of, once, as if they had just arrived."""
        network = self._state.networks.get(event.network)
        current = self._listings.current(network, self._state.me, event.name) if network else None
        if network is None or current is None or current[0].until <= now:
            return
        spoken = self._spoken(network)
        mine, own = said(current[1], current[0].created, spoken), slot_hash(current[0].slot).hex()
        for author, name in event.found:
            theirs = self._listings.current(network, author, name)
            if author == self._state.me or theirs is None or theirs[0].until <= now:
                continue
            if self._hidden(network, author, name, now):
                continue
            match = matches(mine, said(theirs[1], theirs[0].created, spoken))
            if match is not None:
                self._note(network, theirs[0], theirs[1].title, "match", own, match.score, match.reason, now)

    def own_changed(self, network: Network) -> None:
        """A listing of our own was published, changed or taken back."""
        self._mine.pop(network.id, None)

    # Commands

    def save(self, args: commands.SaveSearch, now: int) -> object:
        if args.name not in self._saved and len(self._saved) >= MAX_SAVED:
            raise Refusal("refused", f"{MAX_SAVED} searches are saved already", "`p2pnode search --forget NAME` one.")
        given = {f: getattr(args.search, f) for f in args.search.__struct_fields__}
        kept = {k: (f"{v:g}" if isinstance(v, float) else v) for k, v in given.items() if v is not None}
        saved = Saved(kept, now, {})
        if args.search.hidden:
            raise Refusal("usage", "--hidden cannot be saved: what is hidden is told of nowhere", "Leave it out.")
        if args.search.cell is not None:
            raise Refusal("usage", "--cell cannot be saved: only what arrives here is looked at", "Say --near AREA.")
        last = args.search.available if args.search.available_until is None else args.search.available_until
        if args.search.available is not None and last is not None and last <= now:
            raise Refusal("usage", "--available lies in the past", "Give a later date.")
        for network in self._networks(args.search.network):
            _wish(args.search, network, self._state.settings.area)  # or it is refused
        key, row = SAVED + args.name.encode(), encode([now, kept])
        self._saved[args.name] = saved
        self._state.journal.put(key, row)
        return self._described(args.name)

    def saved(self, args: commands.NoArgs, now: int) -> object:
        return [self._described(name) for name in sorted(self._saved)]

    def forget(self, args: commands.SavedName, now: int) -> object:
        self._existing(args.name)
        described = self._described(args.name)
        del self._saved[args.name]
        self._state.journal.delete(SAVED + args.name.encode(), durable=True)
        return described

    def pause(self, args: commands.SavedName, now: int) -> object:
        return self._set_paused(args.name, True)

    def resume(self, args: commands.SavedName, now: int) -> object:
        return self._set_paused(args.name, False)

    def listed(self, args: commands.ListNotices, now: int) -> object:
        """Newest first."""
        return [
            row
            for notice in reversed(self._standing())
            if (args.why in (None, notice.why)) and not (args.unseen and notice.seen) and self._shown(notice, now)
            for row in [self._json(notice, now)]
        ]

    def mark_seen(self, args: commands.SomeNotices, now: int) -> object:
        meant = self._meant(args.listing, now)
        for key, notice in meant:
            self._change(key, notice, seen=True)
        return {"seen": sum(not notice.seen and self._shown(notice, now) for _, notice in meant)}

    def dismiss(self, args: commands.SomeNotices, now: int) -> object:
        meant = self._meant(args.listing, now)
        for key, notice in meant:
            self._change(key, notice, seen=True, dismissed=True)
        return {"dismissed": len(meant)}

    # Parts

    def _standing(self) -> list[Notice]:
        """Oldest first."""
        return [notice for notice in self._notices.values() if not notice.dismissed]

    def _meant(self, listing: str | None, now: int) -> list[tuple[bytes, Notice]]:
        """The notices of a listing, by its id or a prefix; all for None. `Refusal` where there is none of it."""
        meant = [
            (key, notice)
            for key, notice in self._notices.items()
            if not notice.dismissed and (listing is None or _id(notice).startswith(listing))
        ]
        if listing is not None and not meant:
            raise Refusal("not_found", f"no notice of a listing {listing!r}", "`p2pnode notices` lists them.")
        if len({_id(notice) for _, notice in meant}) > 1 and listing is not None:
            raise Refusal("conflict", f"several listings begin with {listing!r}", "Type more of the id.")
        return meant

    def _change(self, key: bytes, notice: Notice, **fields: bool) -> None:
        changed = self._notices[key] = replace(notice, **fields)
        if changed != notice:
            self._state.journal.put(NOTICE + key, encode(msgspec.to_builtins(changed, builtin_types=(bytes,))))

    def _set_paused(self, name: str, paused: bool) -> object:
        saved = self._existing(name)
        self._saved[name] = saved._replace(paused=paused)
        self._state.journal.put(SAVED + name.encode(), encode([saved.since, saved.args, *([True] if paused else [])]))
        return self._described(name)

    def _existing(self, name: str) -> Saved:
        if name not in self._saved:
            raise Refusal("not_found", f"no saved search {name!r}", "`p2pnode search --saved` lists them.")
        return self._saved[name]

    def _trusted(self, name: str, network: Network, author: bytes, now: int) -> bool:
        """Whether an author's score is what a saved search asks for."""
        least = _search(self._saved[name].args).min_trust
        return least is None or round(self._trust(network, author, now), 3) >= least

    def _hidden(self, network: Network, author: bytes, name: bytes, now: int) -> bool:
        return bool(self._state.hidden(network, author, name, now))

    def _shown(self, notice: Notice, now: int) -> bool:
        network = self._state.networks.get(notice.network)
        return network is None or not self._hidden(network, notice.author, notice.name, now)

    def _note(
        self,
        network: Network,
        record: Record,
        title: str,
        why: Literal["saved", "match"],
        of: str,
        score: int,
        reason: str,
        now: int,
    ) -> None:
        key = digest(encode([network.id, why, of, record.author, record.name]))[:16]
        content = digest(record.payload)[:16]
        old = self._notices.get(key)
        if old is not None and old.content == content:
            return  # the same listing, signed again
        self._notices.pop(key, None)
        while len(self._notices) >= MAX_NOTICES:
            oldest = next(iter(self._notices))
            del self._notices[oldest]
            self._state.journal.delete(NOTICE + oldest)
        notice = Notice(now, False, why, of, network.id, record.author, record.name, content, title, score, reason)
        self._notices[key] = notice
        row = encode(msgspec.to_builtins(notice, builtin_types=(bytes,)))
        self._state.journal.put(NOTICE + key, row, durable=False)  # lost with the record, and made again with it
        self._state.journal.out(Emit("notice", {"why": why, "of": of, "title": title}))

    def _own(self, network: Network) -> list[tuple[str, int, Said]]:
        if network.id not in self._mine:
            spoken = self._spoken(network)
            self._mine[network.id] = [
                (slot_hash(record.slot).hex(), record.until, said(listing, record.created, spoken))
                for record, listing in self._listings.mine(network)
            ]
        return self._mine[network.id]

    def _wish(self, name: str, network: Network) -> Wish | None:
        """What a saved search asks for in a network; None where it makes no sense there."""
        saved = self._saved[name]
        if network.id not in saved.wishes:
            args = _search(saved.args)
            if args.network and network not in self._networks(args.network):
                return None
            try:
                saved.wishes[network.id] = _wish(args, network, self._state.settings.area)
            except (Refusal, Reject):
                return None
        return saved.wishes[network.id]

    def _networks(self, name: str | None) -> list[Network]:
        if name is None:
            return self._state.joined
        try:
            return [self._state.network(name)]
        except Refusal:
            return []

    def _spoken(self, network: Network) -> Forms:
        if network.id not in self._forms:
            self._forms[network.id] = forms(network.genesis.languages)
        return self._forms[network.id]

    def _described(self, name: str) -> dict[str, Any]:
        saved = self._saved[name]
        count = sum(notice.why == "saved" and notice.of == name for notice in self._notices.values())
        return {"name": name, "since": saved.since, "search": saved.args, "found": count, "paused": saved.paused}

    def _json(self, notice: Notice, now: int) -> dict[str, Any]:
        network = self._state.networks.get(notice.network)
        current = self._listings.current(network, notice.author, notice.name) if network else None
        held = current is not None and current[0].until > now
        return {
            "at": notice.at,
            "seen": notice.seen,
            "why": notice.why,
            "saved": notice.of if notice.why == "saved" else None,
            "mine": notice.of if notice.why == "match" else None,
            "listing_id": _id(notice),
            "network": notice.network.hex(),
            "author": notice.author.hex(),
            "author_name": self._state.directory.name(notice.author),
            "title": current[1].title if held and current else notice.title,
            "direction": current[1].direction if held and current else None,
            "kind": current[1].kind if held and current else None,
            "held": held,
            "score": notice.score / 1_000,
            "reason": notice.reason,
        }


def _id(notice: Notice) -> str:
    """Of the listing."""
    return slot_hash((notice.author, "listing", notice.name)).hex()


def _search(stored: dict[str, Any]) -> commands.Search:
    floats = {name: float(stored[name]) for name in ("within_km", "min_trust") if name in stored}
    args = commands.parse_args("search", {**stored, **floats})
    assert isinstance(args, commands.Search)
    return args


def _wish(args: commands.Search, network: Network, area: str) -> Wish:
    genesis = network.genesis
    here = coarsen(args.near, MAX_SCOPE) if args.near else area or genesis.area
    price = parse_price(args.max_price, genesis.unit, genesis.decimals) if args.max_price else None
    return Wish(
        words=tuple(asked(args.query)),
        kind=args.kind,
        direction=args.direction,
        centre=centre(here) if here else None,
        within_km=None if args.everywhere else args.within_km,
        max_price=price,
        free=args.max_price is not None and price is None,
        per=price is not None and "/" in (args.max_price or ""),
        available=args.available,
        available_until=args.available_until,
    )
