"""Exchanges that have ended, put away: out of memory and out of the count of those that are kept, their facts in the
store still. One is read when it is asked for, and taken up again when something is said in it.

What may be put away is where nothing can happen any more: nothing is owed, on its way, overdue, rated in secret, or
waits for time; no contact is left, no parcel of it is under way; it takes no stock, time or task of a listing that
stands. Each of these is looked up elsewhere from what is in memory alone.
"""

from collections.abc import Iterator

from dht.keys import slot_hash
from p2pnode.bounds import (
    FORGET_AFTER,
    MAX_STORED,
    PUT_AWAY_AFTER,
    PUT_AWAY_AT_ONCE,
    RATING_WINDOW,
    RULING_KEPT,
)
from protocols.codec import decode, encode
from protocols.exchange import OPEN, Dispute, Exchange, Status
from protocols.fact import WITH_TERMS, parse_fact
from protocols.labels import PART_SIZE, parse_labels
from protocols.limits import MAX_LIFETIME
from protocols.payments import PAY, UNDER_WAY
from protocols.receipt import parse_receipt
from protocols.terms import parse_terms

from .bookings import SPANS
from .exchanges import Exchanges
from .held import Held
from .keys import DONE_WITH, PUT_AWAY, PUT_DUTY, RATING
from .listings import Listings
from .next_steps import next_steps
from .outbox import Outbox, copy_id
from .parcels import Parcels
from .settlements import Settlements
from .state import State
from .stock import takes

assert RATING_WINDOW < PUT_AWAY_AFTER
_ENDED = frozenset({Status.SETTLED, Status.CLOSED, Status.CANCELLED, Status.LAPSED, Status.DEFAULTED})
_WELL = frozenset({Status.SETTLED, Status.CLOSED})


class PutAway:
    def __init__(
        self,
        state: State,
        exchanges: Exchanges,
        outbox: Outbox,
        listings: Listings,
        settlements: Settlements,
        parcels: Parcels,
    ) -> None:
        self._state = state
        self._exchanges = exchanges
        self._outbox = outbox
        self._listings = listings
        self._settlements = settlements
        self._parcels = parcels
        self._again: set[bytes] = set()  # taken up again since this node started

    # What is put away

    def knows(self, id_: bytes) -> bool:
        return self._state.journal.get(PUT_AWAY + id_) is not None

    def ids(self, text: str) -> list[bytes]:
        """Of those whose id starts with this, of at least two digits."""
        try:
            start = bytes.fromhex(text[: len(text) // 2 * 2])
        except ValueError:
            return []
        keys = (key[len(PUT_AWAY) :] for key, _ in self._state.journal.scan(PUT_AWAY + start) if start)
        return [id_ for id_ in keys if id_.hex().startswith(text)]

    def load(self, id_: bytes) -> Held | None:
        """One of them as it was, or None. It is not kept in memory."""
        value = self._state.journal.get(PUT_AWAY + id_)
        return None if value is None else self._parse(id_, value)

    def all(self) -> Iterator[Held]:
        for key, value in self._state.journal.scan(PUT_AWAY):
            held = self._parse(key[len(PUT_AWAY) :], value)
            if held is not None:
                yield held

    def promised(self, id_: bytes, author: bytes) -> set[bytes]:
        """What this party has sealed as its rating."""
        value = self._state.journal.get(PUT_AWAY + id_)
        return {sealed for who, sealed in decode(value)[1] if who == author} if value is not None else set()

    def done_with(self, network: bytes, author: bytes) -> int:
        """How many of them were done with this author, to the end."""
        value = self._state.journal.get(DONE_WITH + network + author)
        return 0 if value is None else int(decode(value))

    def of_deal(self, deal: bytes) -> tuple[bytes, str | None]:
        """As `Exchanges.of_deal`."""
        value = self._state.journal.get(PUT_DUTY + deal)
        if value is not None:
            exchange, duty = decode(value)
            return exchange, duty
        return deal, PAY if self.knows(deal) else None

    def _parse(self, id_: bytes, value: bytes) -> Held | None:
        (network, began_at, seen_at, listing, agreed_seq, well), _, facts, receipts = decode(value)
        if network not in self._state.networks:
            return None
        held = Held(id_, network, began_at, seen_at, listing, agreed_seq, {}, away=True, well=well)
        for wire in facts:
            held.hold(parse_fact(wire))
        held.receipts = tuple(parse_receipt(wire) for wire in receipts)
        return held

    # To put away

    def forget(self, now: int) -> None:
        """Drop what came to nothing long ago; a copy of such a proposal has lapsed, so it cannot come back. Put away
        what has ended weeks ago, some at a time."""
        for held in [h for h in self._exchanges.held.values() if h.agreed_seq < 0 and h.seen_at < now - FORGET_AFTER]:
            view = self._exchanges.view(held, now)
            if view.agreed and (self._state.me in view.terms.parties or held.seen_at >= now - RULING_KEPT):
                continue  # not in the ledger yet; or we are its mediator
            open_until = min(view.terms.expires, held.seen_at + MAX_LIFETIME)  # of a counter-proposal
            lapsed = max(open_until, held.first.expires)
            if now > lapsed + FORGET_AFTER and not any(f in self._outbox.items for f in held.facts):
                self._exchanges.drop(held)
        old = [h for h in self._exchanges.held.values() if h.agreed_seq >= 0 and self._is_old(h, now)]
        if old:
            self._put_away(old, now)

    def _is_old(self, held: Held, now: int) -> bool:
        return held.seen_at < now - PUT_AWAY_AFTER or held.id in self._again

    def _put_away(self, old: list[Held], now: int) -> None:
        views = [self._exchanges.view(h, now) for h in self._exchanges.held.values() if h.first.parent]
        above = {v.terms.parent for v in views if v.status in OPEN}
        parts: dict[tuple[bytes, bytes], set[bytes]] = {}
        count = 0
        for held in old:
            if held.id not in above and self._has_ended(held, now) and not self._is_counted(held, now, parts):
                count += self._put(held, now)
            if count >= PUT_AWAY_AT_ONCE:
                return

    def _has_ended(self, held: Held, now: int) -> bool:
        """Whether nothing can happen in it any more but that somebody says so."""
        view = self._exchanges.view(held, now)
        if view.status not in _ENDED or view.changes_at is not None or self._state.me not in view.terms.parties:
            return False
        if view.amendment is not None or view.dispute is Dispute.OPEN or self._exchanges.sealed.get(held.id):
            return False
        if any(word != "attest" for _, word, _ in next_steps(view, now)) or any(
            p in UNDER_WAY for p in view.payments.values()
        ):
            return False
        named = [parse_terms(f.payload) for f in held.facts.values() if f.kind in WITH_TERMS]
        ends = [t for n in named for t in (n.end, n.start, n.goal.until if n.goal is not None else 0)]
        since = now if held.id in self._again else now - PUT_AWAY_AFTER
        if max(ends) >= since or max(n.expires for n in named) >= now:
            return False
        return not self._waits(held, view) and not self._exchanges.claimed.waits(held)

    def _waits(self, held: Held, view: Exchange) -> bool:
        """Whether anything of it is on its way: to anybody, or a rating of ours that is sealed yet."""
        items = self._outbox.items
        people = (*view.terms.parties, view.terms.mediator)
        return (
            any(f in items or any(copy_id(f, who) in items for who in people) for f in held.facts)
            or any(self._settlements.waiting(held.network, deal) for deal in held.deals.values())
            or self._state.journal.get(RATING + held.network + held.id) is not None
        )

    def _is_counted(self, held: Held, now: int, parts: dict[tuple[bytes, bytes], set[bytes]]) -> bool:
        """Whether something that goes on is counted from it: the stock, the goal or the tasks of a listing that stands,
        or where a parcel is."""
        terms = self._exchanges.view(held, now).terms
        if terms.parcel and self._is_under_way(held.network, terms.parcel, now):
            return True
        record = self._exchanges.listing_of(held)
        listed = self._listings.parse(record) if record is not None else None
        part = parse_labels(listed.tags).part if listed is not None else b""
        network = self._state.networks[held.network]
        if part:
            key = (held.network, terms.responder)
            if key not in parts:
                rows = network.catalog.rows(kind="listing", author=terms.responder)
                parts[key] = {slot_hash(row.slot)[:PART_SIZE] for row in rows if not row.withdrawn}
            return part in parts[key]
        if terms.responder != self._state.me:
            return False
        current = self._listings.current(network, self._state.me, terms.name)
        if current is None or terms.goal is not None:
            return current is not None
        record, listing = current
        if listing.quantity is None or (listing.price is not None and listing.price.per in SPANS):
            return False
        if listing.kind == "food" and listing.available is not None:
            return False  # made anew each time
        since = self._listings.tending.counted_since(network, record)
        return takes(self._exchanges.view(held, now), self._state.me, terms.name, since)

    def _is_under_way(self, network: bytes, parcel: bytes, now: int) -> bool:
        """Whether this is offered to somebody, or an exchange of ours passes it on that has not ended."""
        offered = any((o.half.network, o.half.parcel) == (network, parcel) for o in self._parcels.offers.values())
        passing = (self._exchanges.view(h, now) for h, _ in self._parcels.exchanges(network, parcel, now))
        return offered or any(view.status not in _ENDED for view in passing)

    def _put(self, held: Held, now: int) -> bool:
        view = self._exchanges.view(held, now)
        held.well = view.status in _WELL
        held.receipts = tuple(self._parcels.receipts(held.network, view.terms.parcel)) if view.terms.parcel else ()
        row = [held.network, held.began_at, held.seen_at, held.listing, held.agreed_seq, held.well]
        promised = [[who, sealed] for who in view.terms.parties for sealed in held.commitments(who)]
        facts, receipts = [f.wire for f in held.facts.values()], [r.wire for r in held.receipts]
        value = encode([row, promised, facts, receipts])
        if len(value) > MAX_STORED // 2:
            return False
        self._exchanges.let_go(held)
        self._state.journal.put(PUT_AWAY + held.id, value)
        for duty, deal in held.deals.items():
            self._settlements.deals.put_away((held.network, deal))
            if deal != held.id:
                self._state.journal.put(PUT_DUTY + deal, encode([held.id, duty]))
        self._count(held, view, 1)
        self._again.discard(held.id)
        return True

    # To take up again

    def take_up(self, held: Held, now: int) -> None:
        """Something is said in it: it is kept in memory as before, until nothing is left to do in it."""
        view = self._exchanges.view(held, now)
        self._count(held, view, -1)
        held.away = False
        self._again.add(held.id)
        self._state.journal.delete(PUT_AWAY + held.id)
        for deal in held.deals.values():
            self._settlements.deals.take_back((held.network, deal))
            self._state.journal.delete(PUT_DUTY + deal)
        self._parcels.keep(held.receipts)
        held.receipts = ()
        self._exchanges.take(held)

    def _count(self, held: Held, view: Exchange, more: int) -> None:
        if held.well:
            other = view.counterparty(self._state.me)
            key = DONE_WITH + held.network + other
            self._state.journal.put(key, encode(max(0, self.done_with(held.network, other) + more)))
