"""Our own listings as time goes by: signed again before they end, paused, taken up again, as long as their user wants.

What is kept of each apart from the catalog: whether its user has said when it ends, when a pause is over, and its
newest record, since the catalog lets go of what has expired. So who slept through an end signs it anew. Of what its
user counts, and nothing is left, the listing is paused until something is: others ask for nothing in vain.
"""

from contextlib import suppress
from typing import Any, NamedTuple

from msgspec.structs import replace

from p2pnode import commands
from p2pnode.bounds import LISTING_LIFETIME, MAX_STORED, RENEW_BEFORE, RENEW_SPREAD
from protocols.codec import decode, encode
from protocols.envelope import Record, parse_record
from protocols.errors import Refusal
from protocols.limits import MAX_LIFETIME
from protocols.listing import Listing

from .keys import OWN
from .listings import Listings
from .revising import is_early
from .state import Network, State


class Care(NamedTuple):
    """ends: its user has said when, so it is not prolonged. back_at: when a pause is over, ms; 0: not by itself.
    counted: since when what is agreed is gone from its quantity, ms; 0: since the record was made. sold_out: it was
    paused since nothing is left of it, and not by its user."""

    record: Record
    ends: bool = False
    back_at: int = 0
    counted: int = 0
    sold_out: bool = False


def renew_at(record: Record) -> int:
    """When a listing is signed again, ms: a week before its end, and up to two days sooner, each at its own time."""
    share = int.from_bytes(record.name[:4].ljust(4, b"\0"), "big")
    return record.until - RENEW_BEFORE - RENEW_SPREAD * share // 2**32


class Tending:
    def __init__(self, state: State, listings: Listings) -> None:
        self._state = state
        self._listings = listings
        self._all: dict[tuple[bytes, bytes], Care] = {}
        for key, value in state.journal.scan(OWN):
            ends, back_at, wire, *more = decode(value, MAX_STORED)  # versions from before this kept three or four
            self._all[key[1:17], key[17:]] = Care(parse_record(wire), ends, back_at, *more)

    # Told by `Listings`

    def signed(self, network: Network, record: Record, was: bytes = b"", **care: Any) -> None:
        """A listing of ours was published, or revised. was: the name it had before; care: what changes of `Care`."""
        old = self._all.get((network.id, was or record.name), Care(record))
        if was and was != record.name:
            self.withdrawn(network, was)
        counted = old.counted or old.record.created
        self._store(network, old._replace(**{"record": record, "counted": counted, **care}))

    def withdrawn(self, network: Network, name: bytes) -> None:
        if self._all.pop((network.id, name), None) is not None:
            self._state.journal.delete(OWN + network.id + name)

    def counted_since(self, network: Network, record: Record) -> int:
        """Since when what is agreed is gone from the quantity of a listing, ms: since its user last said how many there
        are. To sign it again, or to change anything else of it, brings nothing back."""
        care = self._all.get((network.id, record.name))
        return (care.counted if care is not None else 0) or record.created

    def recounted(self, network: Network, name: bytes, listing: Listing, now: int) -> tuple[Listing, dict[str, Any]]:
        """The user says how many there are: the listing, and what changes of `Care`."""
        care = self._all.get((network.id, name))
        if care is not None and care.sold_out:
            listing = replace(listing, paused=False)
        return listing, {"counted": now, "sold_out": False}

    def json(self, network: Network, name: bytes) -> dict[str, Any]:
        care = self._all.get((network.id, name))
        return {
            "renewed": care is not None and not care.ends,
            "back_at": care.back_at or None if care is not None else None,
        }

    # Commands

    def pause(self, args: commands.Pause, now: int) -> object:
        if args.until is not None and args.until <= now:
            raise Refusal("usage", "--until lies in the past", "Give the day of your return.")
        return self._pausing(args, True, args.until or 0, now)

    def resume(self, args: commands.Resume, now: int) -> object:
        return self._pausing(args, False, 0, now)

    def renew(self, args: commands.OneId, now: int) -> object:
        network, record, listing = self._listings.own(args.id, args.network)
        return self._listings.revise(
            network, record, listing, now, max(record.until, now + LISTING_LIFETIME), ends=False
        )

    def set_paused(self, network: Network, name: bytes, paused: bool, now: int) -> None:
        """What becomes of a listing of ours by itself: somebody has it, or it is to be had again. `Refusal`."""
        current = self._listings.current(network, self._state.me, name)
        if current is not None and current[0].until > now:
            self._set_paused(network, *current, paused, 0, now)

    # By itself

    def agreed(self, network: Network, name: bytes, now: int) -> None:
        """Something of a listing of ours was taken, or is free again. Never raises."""
        current = self._listings.current(network, self._state.me, name)
        if current is not None and current[0].until > now:
            with suppress(Refusal):
                self._count(network, *current, now)

    def woke(self, now: int) -> None:
        """Called now and then, after the catalog has let go of what has expired."""
        for network in self._state.joined:
            self._adopt(network)
            for care in [care for (of, _), care in self._all.items() if of == network.id]:
                with suppress(Refusal):  # tried again the next time
                    self._tend(network, care, now)

    def _adopt(self, network: Network) -> None:
        """What another home of ours has signed, or a version of before."""
        for row in network.catalog.rows(kind="listing", author=self._state.me):
            care = self._all.get((network.id, row.name))
            if row.withdrawn:
                self.withdrawn(network, row.name)
            elif care is None or care.record.id != row.id:
                record = self._listings.record_of(network, row.id)
                if record is not None and care is not None:
                    self._store(network, care._replace(record=record))
                elif record is not None:
                    self._store(network, Care(record, row.until - row.created < LISTING_LIFETIME))

    def _tend(self, network: Network, care: Care, now: int) -> None:
        record = care.record
        listing = self._listings.parse(record)
        if listing is None or (care.ends and record.until <= now):
            self.withdrawn(network, record.name)
            return
        if care.sold_out and record.until > now and self._count(network, record, listing, now):
            return
        until = record.until
        if is_early(record, now):
            until = min(max(until, now + until - record.created), now + MAX_LIFETIME)
        elif not care.ends and renew_at(record) <= now:
            until = max(until, now + LISTING_LIFETIME)
        if 0 < care.back_at <= now:
            self._listings.revise(network, record, replace(listing, paused=False), now, until, back_at=0)
        elif until != record.until or is_early(record, now):
            self._listings.revise(network, record, listing, now, until)

    # Parts

    def _count(self, network: Network, record: Record, listing: Listing, now: int) -> bool:
        """Pause what nothing is left of, and take it up again. Whether anything changed."""
        told = self._listings.left(network, record, listing, now)
        none_left = told["left"] == 0 and told["left_at"] is None
        care = self._all.get((network.id, record.name))
        if none_left and not listing.paused:
            self._set_paused(network, record, listing, True, 0, now, sold_out=True)
            return True
        if not none_left and care is not None and care.sold_out:
            self._set_paused(network, record, listing, False, 0, now)
            return True
        return False

    def _pausing(self, args: commands.Pause | commands.Resume, paused: bool, back_at: int, now: int) -> object:
        if args.id is not None:
            network, record, listing = self._listings.own(args.id, args.network)
            if record.until <= now:
                raise Refusal("refused", "this listing has ended", "`renew` it, or change it with `edit`.")
            return self._set_paused(network, record, listing, paused, back_at, now)
        networks = [self._state.network(args.network)] if args.network else self._state.joined
        mine = [(n, r, p) for n in networks for r, p in self._listings.mine(n) if r.until > now]
        chosen = [each for each in mine if args.direction in (None, each[2].direction)]
        return [self._set_paused(*each, paused, back_at, now) for each in chosen]

    def _set_paused(
        self,
        network: Network,
        record: Record,
        old: Listing,
        paused: bool,
        back_at: int,
        now: int,
        sold_out: bool = False,
    ) -> dict[str, Any]:
        care: dict[str, Any] = {"back_at": back_at, "sold_out": sold_out}
        if old.paused != paused:
            return self._listings.revise(network, record, replace(old, paused=paused), now, record.until, **care)
        self.signed(network, record, **care)
        return self._listings.describe(network, record, old, now)

    def _store(self, network: Network, care: Care) -> None:
        self._all[network.id, care.record.name] = care
        value = encode([care.ends, care.back_at, care.record.wire, care.counted, care.sold_out])
        self._state.journal.put(OWN + network.id + care.record.name, value)
