"""Listings: those of this node, and what it holds of others'."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from dht.keys import slot_hash
from p2pnode import commands
from p2pnode.bounds import LISTING_LIFETIME
from p2pnode.complaints import in_words
from protocols.amounts import parse_price
from protocols.cell import coarsen
from protocols.envelope import Record, parse_record, seal
from protocols.errors import Refusal, Reject
from protocols.limits import DAY, MAX_LIFETIME
from protocols.listing import Availability, Listing, parse_listing, seal_listing

from .availability import availability_json, availability_of, check_times
from .keys import RECORD
from .labelling import labelled, labels_json
from .picturing import hashes_of
from .revising import Next, next_revision
from .state import Network, State

if TYPE_CHECKING:
    from .drafts import Drafts
    from .replicas import Replicas
    from .tending import Tending


class Ready(NamedTuple):
    """A listing that is signed and not yet published. ends: whether its user has said when."""

    record: Record
    listing: Listing
    ends: bool


class Listings:
    def __init__(self, state: State) -> None:
        self._state = state
        self.tending: Tending  # set by the core, as these:
        self.replicas: Replicas
        self.drafts: Drafts
        self.elsewhere: Callable[[Network, str], list[Record]] = lambda network, prefix: []
        self.pledged: Callable[[Network, bytes, dict[str, Any], int], dict[str, Any] | None]  # towards a goal of ours
        self.left: Callable[[Network, Record, Listing, int], dict[str, int | None]]  # of ours; set as the line above

    # What is held

    def find(self, text: str, network: str | None = None) -> tuple[Network, Record, Listing]:
        """The one live listing whose id starts with this, held here or found elsewhere, in all networks or one.
        `Refusal` else."""
        found: list[tuple[Network, Record | bytes]] = [*self._starting_with(text, network)]
        where = [self._state.network(network)] if network else self._state.joined
        found += [(n, record) for n in where for record in self.elsewhere(n, text.lower())]
        if len(found) > 1:
            raise _ambiguous(len(found), text)
        if not found:
            raise Refusal("not_found", f"no listing {text}", "`p2pnode search` shows what is offered.")
        place, which = found[0]
        record = self.record_of(place, which) if isinstance(which, bytes) else which
        listing = self.parse(record) if record else None
        if record is None or listing is None:
            raise Refusal("not_found", f"listing {text} is not held here any more", "`p2pnode search` again.")
        return place, record, listing

    def record_of(self, network: Network, record_id: bytes) -> Record | None:
        wire = self._state.journal.get(RECORD + network.id + record_id)
        return parse_record(wire) if wire else None

    def current(self, network: Network, author: bytes, name: bytes) -> tuple[Record, Listing] | None:
        """The live revision of a slot, or None if it is withdrawn, expired from the store or unknown."""
        row = network.catalog.get((author, "listing", name))
        record = self.record_of(network, row.id) if row is not None and not row.withdrawn else None
        listing = self.parse(record) if record is not None else None
        return (record, listing) if record is not None and listing is not None else None

    def parse(self, record: Record) -> Listing | None:
        try:
            return None if record.withdrawn else parse_listing(record)
        except Reject:
            return None

    def is_mine(self, network: Network, name: bytes) -> bool:
        row = network.catalog.get((self._state.me, "listing", name))
        return row is not None and not row.withdrawn

    def mine(self, network: Network) -> list[tuple[Record, Listing]]:
        found = (
            self.current(network, row.author, row.name)
            for row in network.catalog.rows(kind="listing", author=self._state.me)
        )
        return [pair for pair in found if pair is not None]

    # Commands

    def publish(self, args: commands.Publish, now: int) -> object:
        check_times(args.on, now)
        until = self.ends_at(args.until, now)
        name = self._state.rng.randbytes(16)
        if not self._state.joined:
            return self.drafts.keep(name, args, until)
        return self.first(self._state.network(args.network), name, args, until, now)

    def edit(self, args: commands.Edit, now: int) -> object:
        check_times(args.on, now)
        network, record, old = self.own(args.id, args.network)
        until = self.ends_at(args.until, now) if args.until is not None else max(record.until, now + DAY)
        listing = self._edited(network, args, old)
        care: dict[str, Any] = {} if args.until is None else {"ends": True}
        if args.quantity is not None:
            listing, counted = self.tending.recounted(network, record.name, listing, now)
            care |= counted
        return self.revise(network, record, listing, now, until, **care)

    def withdraw(self, args: commands.OneId, now: int) -> object:
        draft = self._draft(args)
        if draft is not None:
            return self.drafts.drop(draft)
        network, record, listing = self.own(args.id, args.network)
        gone = self._withdraw(network, record, now)
        self.tending.withdrawn(network, record.name)
        return self.describe(network, gone, listing, now)

    def listed(self, args: commands.ListListings, now: int) -> object:
        networks = [self._state.network(args.network)] if args.network else self._state.joined
        rows = [self.describe(n, r, p, now) for n in networks for r, p in self.mine(n)]
        rows += self.drafts.rows()
        return [r for r in rows if args.direction is None or r["direction"] == args.direction]

    def show(self, args: commands.OneId, now: int) -> object:
        draft = self._draft(args)
        return self.drafts.json(draft) if draft is not None else self.describe(*self.find(args.id, args.network), now)

    # What happens by itself

    def contested(self, network: Network, theirs: Record, now: int) -> bool:
        """Somebody holds a revision of ours that is older than our newest and would outlive it: a restored home did not
        know of it when it signed. What we said last is said again, for as long. Whether it was so."""
        row = network.catalog.get(theirs.slot)
        if theirs.author != self._state.me or theirs.kind != "listing" or row is None or row.scope != theirs.scope:
            return False
        mine = self.record_of(network, row.id)
        if mine is None or theirs.revision >= row.revision or theirs.until <= row.until:
            return False
        listing = self.parse(mine)
        if listing is None:
            self._withdraw(network, mine, now, theirs.until)
        else:
            self.revise(network, mine, listing, now, theirs.until)
        return True

    # JSON

    def describe(self, network: Network, record: Record, listing: Listing, now: int) -> dict[str, Any]:
        """A listing as every face shows it. distance_km and score are the search's to fill in."""
        price = listing.price
        lease = network.catalog.get((record.author, "lease", b""))
        mine = record.author == self._state.me
        labels = labels_json(listing.tags, network.genesis)
        replicas = self._state.gossip.replicas(network.id, record.id)
        seen = (
            now
            if mine
            else min(now, max(self._state.seen(record.author, now), lease.created if lease else 0, record.created))
        )
        return {
            "listing_id": slot_hash(record.slot).hex(),
            "record_id": record.id.hex(),
            "network": network.id.hex(),
            "author": record.author.hex(),
            "peer_id": self._state.directory.peer_id(record.author),
            "author_name": self._state.settings.name if mine else self._state.directory.name(record.author),
            "mine": mine,
            "remote": not mine and record.id not in network.catalog,
            "direction": listing.direction,
            "kind": listing.kind,
            "title": listing.title,
            "text": listing.text,
            "tags": list(listing.tags),
            "labels": labels,
            "pledged": self.pledged(network, record.name, labels["goal"], now) if mine and labels["goal"] else None,
            "price": {"amount": price.amount, "unit": price.unit, "per": price.per} if price else None,
            "quantity": listing.quantity,
            **self.left(network, record, listing, now),
            **availability_json(listing.available),
            "area": listing.area,
            "to": listing.area_to,
            "photos": [p.hex() for p in listing.photos],
            "distance_km": None,
            "created": record.created,
            "valid_until": record.until,
            "revision": record.revision,
            "paused": listing.paused,
            **(self._cared_for(network, record, now) if mine else {}),
            "last_seen": seen,
            "replicas": replicas,
            "score": None,
            "hidden": self._state.hidden(network, record.author, record.name, now),
            "state": self._word(record, replicas),
        }

    def _cared_for(self, network: Network, record: Record, now: int) -> dict[str, Any]:
        held_by, held_at = self.replicas.of(network, record.id, now)
        return {**self.tending.json(network, record.name), "held_by": held_by, "held_at": held_at}

    def _word(self, record: Record, replicas: int) -> str:
        if record.withdrawn:
            return "withdrawn"
        return "spread" if replicas or record.author != self._state.me else "stored"

    # Parts

    def labelled(
        self, tags: tuple[str, ...] | None, args: commands.Labelled, network: Network, old: tuple[str, ...], kind: str
    ) -> tuple[str, ...]:
        """The tags of a listing: words as given, or as they were, and what machines read. `Refusal`."""
        if args.handover and not self._state.template(kind).goes:
            raise Refusal("usage", f"nothing is brought or fetched in a {kind}", "Leave --handover out.")
        part = None
        if args.part_of is not None:
            part = slot_hash(self.find(args.part_of, network.id.hex())[1].slot) if args.part_of else b""
        return labelled(tags, args, network.genesis, old, part)

    def _starting_with(self, text: str, network: str | None) -> list[tuple[Network, bytes]]:
        """The live listings whose ids start with this: where, and the record."""
        wanted = text.lower()
        return [
            (n, row.id)
            for n in ([self._state.network(network)] if network else self._state.joined)
            for row in n.catalog.rows(kind="listing")
            if not row.withdrawn and slot_hash(row.slot).hex().startswith(wanted)
        ]

    def _draft(self, args: commands.OneId) -> bytes | None:
        """The name of the draft that is meant, or None."""
        found = self.drafts.find(args.id)
        count = len(found) + (len(self._starting_with(args.id, args.network)) if found else 0)
        if count > 1:
            raise _ambiguous(count, args.id)
        return found[0] if found else None

    def first(self, network: Network, name: bytes, args: commands.Publish, until: int, now: int) -> dict[str, Any]:
        """Publish what is new. `Refusal`, before anything is changed."""
        return self.put_up(network, self.ready(network, [(name, args)], until, now), now)[0]

    def ready(
        self, network: Network, new: Sequence[tuple[bytes, commands.Publish]], until: int, now: int
    ) -> list[Ready]:
        """Several that are new, by their names, to be `put_up`; nothing is changed. `Refusal`."""
        made = []
        for more, (name, args) in enumerate(new):
            listing = self._listing(network, args, self._state.settings.area)
            self._check_room(network, listing, more)
            record = self._seal(network, listing, name, next_revision(None, now, until))
            made.append(Ready(record, listing, args.until is not None))
        return made

    def put_up(self, network: Network, made: Sequence[Ready], now: int) -> list[dict[str, Any]]:
        for record, _, ends in made:
            self._state.publish(network, record, now)
            self.tending.signed(network, record, ends=ends)
        return [self.describe(network, record, listing, now) for record, listing, _ in made]

    def end(self, network: Network, name: bytes, now: int) -> None:
        """Take a listing of ours back, if it stands."""
        current = self.current(network, self._state.me, name)
        if current is not None:
            self._withdraw(network, current[0], now)
            self.tending.withdrawn(network, name)

    def own(self, text: str, name: str | None) -> tuple[Network, Record, Listing]:
        network, record, listing = self.find(text, name)
        if record.author != self._state.me:
            owner = self._state.directory.name(record.author)
            raise Refusal("refused", f"this listing is {owner}'s", "You can change your own listings only.")
        return network, record, listing

    def revise(
        self, network: Network, record: Record, listing: Listing, now: int, until: int, **care: Any
    ) -> dict[str, Any]:
        """Sign a listing of ours again. care: see `Tending.signed`."""
        name, said = record.name, next_revision(record, now, until)
        if listing.area[: network.genesis.cell_precision] != record.scope or said.until > until:
            # The old cell's holders would never see a revision in another, and of two that end at different times the
            # one that ends last stays: take it back, publish it under a new name.
            self._check_room(network, listing)
            self._withdraw(network, record, now)
            name, said = self._state.rng.randbytes(16), next_revision(None, now, until)
        new = self._seal(network, listing, name, said)
        self._state.publish(network, new, now)
        self.tending.signed(network, new, record.name, **care)
        return self.describe(network, new, listing, now)

    def room(self, network: Network, area: str | None = None) -> int:
        """How many more listings of ours there is room for in an area, else in our own. Those taken back count until
        they end."""
        scope = self._state.settings.area or network.genesis.area if area is None else area
        scope = scope[: network.genesis.cell_precision]
        rows = network.catalog.rows(kind="listing", author=self._state.me)
        return max(0, network.genesis.listings_per_author - sum(row.scope == scope for row in rows))

    def _check_room(self, network: Network, listing: Listing, more: int = 0) -> None:
        """`Refusal` if one more, beside so many that are not there yet, would push out another of ours."""
        quota = network.genesis.listings_per_author
        if self.room(network, listing.area) <= more:
            why = f"{quota} listings stand there already, or were withdrawn lately"
            raise Refusal("refused", why, "Change one with `edit`, or wait until one that was withdrawn has ended.")

    def _withdraw(self, network: Network, record: Record, now: int, until: int = 0) -> Record:
        """until: when what is withdrawn may end, where somebody holds a revision that ends later."""
        said = next_revision(record, now, max(now + DAY, until))
        gone = seal(
            self._state.signer,
            network=network.id,
            kind="listing",
            name=record.name,
            scope=record.scope,
            payload=b"",
            **said._asdict(),
        )
        self._state.publish(network, gone, now)
        return gone

    def _seal(self, network: Network, listing: Listing, name: bytes, said: Next) -> Record:
        try:
            return seal_listing(
                self._state.signer,
                network.id,
                listing,
                name=name,
                cell_precision=network.genesis.cell_precision,
                **said._asdict(),
            )
        except Reject as e:
            raise _unpublishable(e) from e

    def ends_at(self, until: int | None, now: int) -> int:
        if until is None:
            return now + LISTING_LIFETIME
        if until <= now:
            raise Refusal("usage", "--until lies in the past", "Give a later date.")
        if until > now + MAX_LIFETIME:
            raise Refusal("usage", "a listing lives 90 days at most", "Give an earlier date; it can be renewed.")
        return until

    def _listing(self, network: Network, args: commands.Publish, area: str) -> Listing:
        genesis = network.genesis
        place = area if args.area is None else coarsen(args.area, 6) if args.area else ""
        try:
            return Listing(
                direction=args.direction,
                kind=args.kind,
                title=args.title.strip(),
                text=args.text,
                tags=self.labelled(args.tags, args, network, (), args.kind),
                price=parse_price(args.price, genesis.unit, genesis.decimals) if args.price else None,
                quantity=args.quantity,
                available=availability_of(args.when, args.zone, args.on),
                area=(place or genesis.area)[: max(genesis.cell_precision, 1)],
                area_to=coarsen(args.to, genesis.cell_precision) if args.to else "",
                photos=hashes_of(args.photos),
            )
        except Reject as e:
            raise _unpublishable(e) from e

    def _edited(self, network: Network, args: commands.Edit, old: Listing) -> Listing:
        genesis = network.genesis
        changes: dict[str, Any] = {
            "kind": args.kind,
            "title": args.title,
            "text": args.text,
            "tags": self.labelled(args.tags, args, network, old.tags, args.kind or old.kind),
            "quantity": args.quantity,
            "photos": None if args.photos is None else hashes_of(args.photos),
            "area": None if args.area is None else coarsen(args.area, genesis.cell_precision) if args.area else "",
            "area_to": None if args.to is None else coarsen(args.to, genesis.cell_precision) if args.to else "",
        }
        changes = {k: v for k, v in changes.items() if v is not None}
        if args.price is not None:
            changes["price"] = parse_price(args.price, genesis.unit, genesis.decimals)
        if args.on:
            changes["available"] = availability_of(args.when, args.zone, args.on)
        elif args.when is not None or args.zone is not None:
            before = old.available or Availability()
            when = args.when if args.when is not None else before.rrule or None
            changes["available"] = availability_of(when, args.zone or before.zone or None)
        return replace(old, **changes)


def _ambiguous(count: int, text: str) -> Refusal:
    return Refusal("conflict", f"{count} listings start with {text}", "Give more of the id.")


def _unpublishable(e: Reject) -> Refusal:
    return Refusal("usage", f"this listing cannot be published: {in_words(e.message)}", "Check what you typed.")
