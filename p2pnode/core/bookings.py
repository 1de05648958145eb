"""What of a listing is taken, by the exchanges that are known here: booked, held for an offer of its owner's, or sold.

Asked before anything is signed that would take more. For our own listings this is the whole truth: whatever binds us by
the rule of `protocols.booked` is counted until what we hold would rebut it, and an offer of ours that its receiver may
still accept holds its time until it lapses. Of others' listings a node knows what they say of themselves, and its own
exchanges.
"""

from bisect import bisect_left
from typing import Final, NamedTuple

from p2pnode.when import days_in_words, windows
from protocols.booked import ANSWERS, Agreement, agreement, quantity_of, returns, standing_terms, until_returned
from protocols.booking import Booking, Span, conflicts, free, merged, outside
from protocols.envelope import Record
from protocols.errors import Refusal, Reject
from protocols.exchange import OPEN, Status
from protocols.fact import WITH_TERMS, Fact
from protocols.labels import parse_labels
from protocols.limits import DAY, HOUR, MAX_INT, MAX_SKEW
from protocols.listing import Availability, Listing
from protocols.terms import Terms, parse_terms

from .exchanges import Exchanges
from .held import Held
from .listings import Listings
from .state import Network, State
from .stock import taken
from .wishes import check_order_window

SPANS: Final = {"hour": HOUR, "day": DAY, "night": DAY, "week": 7 * DAY}
_GOODS: Final = frozenset({"sell", "give", "food"})  # what is gone when it was taken; anything else comes back
_LOOK_BACK: Final = 7 * DAY  # for free times, around the one that was asked for
_LOOK_AHEAD: Final = 28 * DAY
_NAMED: Final = 3  # free times in a refusal


class Taken(NamedTuple):
    """A time that an exchange takes. until: when an offer that holds it lapses, ms, or None where it is agreed."""

    held: Held
    booking: Booking
    until: int | None


class _Asked(NamedTuple):
    """Terms that are about to be signed. record, listing: as they stand now, or stood when the exchange began."""

    network: Network
    terms: Terms
    record: Record | None
    listing: Listing | None
    held: Held | None
    now: int

    @property
    def span(self) -> Span:
        return _span(self.terms)

    @property
    def slot(self) -> tuple[bytes, bytes, bytes]:
        return self.network.id, self.terms.responder, self.terms.name

    def windows(self, within: Span) -> tuple[Span, ...]:
        return _windows(self.listing, self.record, within)


class _Seen(NamedTuple):
    """What the facts of an exchange say of bookings: how many had come, all terms in them, and what is agreed."""

    facts: int
    terms: tuple[tuple[Fact, Terms], ...]
    agreed: tuple[Agreement, ...]


class Bookings:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self._slots: dict[bytes, tuple[bytes, bytes, bytes]] = {}  # exchange → network, responder, name
        self._seen: dict[bytes, _Seen] = {}

    def check(self, network: Network, terms: Terms, now: int, held: Held | None = None) -> None:
        """`Refusal`, with the nearest free times, if these terms want more than there is, or a time that is not open.

        held: the exchange that they are of, whose own bookings stand in nobody's way.
        """
        asked = _Asked(network, terms, *self._listing(network, terms, held), held, now)
        if terms.start:
            self._check_availability(asked)
        if terms.start and by_occurrence(asked.listing):
            self._check_occurrence(asked)
        elif not terms.end or terms.kind in _GOODS or not self._takes_time(terms) or terms.goal is not None:
            self._check_stock(asked)  # also where many pledge for one date
        else:
            self._check_time(asked)

    def check_amendment(self, network: Network, old: Terms, new: Terms, now: int, held: Held) -> None:
        """`check`, where an amendment takes another time, or more, and our user is a party."""
        more = (new.start, new.end) != (old.start, old.end) or new.quantity > old.quantity
        more = more or returns(new) != returns(old)  # it is lent once more: that takes the rest of its time again
        if more and self._state.me in new.parties:
            self.check(network, new, now, held)

    def zone(self, network: Network, terms: Terms, held: Held) -> str:
        """The time zone in which the times of a listing are written."""
        return _zone(self._listing(network, terms, held)[1])

    def left(self, network: Network, record: Record, listing: Listing, now: int) -> dict[str, int | None]:
        """How many of a listing of ours are still to be had: of a stock, or of the next time (`left_at`, ms) for which
        it is made anew; free_now: of what comes back. None where it names no number, or that is not known here."""
        found: dict[str, int | None] = {"left": None, "left_at": None, "free_now": None}
        if record.author != self._state.me or listing.quantity is None or record.withdrawn:
            return found
        slot = (network.id, record.author, record.name)
        if by_occurrence(listing):
            coming = _windows(listing, record, Span(now, now + _LOOK_AHEAD))
            if coming:
                gone = self._gone_for(coming[0], slot, now, None)
                found |= {"left": max(0, listing.quantity - gone), "left_at": max(coming[0].start, now)}
        elif _spanned(listing) or self._state.template(listing.kind).slot:
            at, booked = Span(now, now + 1), [t.booking for t in self.taken(network, *slot[1:], now)]
            found["free_now"] = bisect_left(
                range(listing.quantity), True, key=lambda n: bool(conflicts(booked, at, n + 1, listing.quantity or 0))
            )
        else:
            found["left"] = max(0, listing.quantity - self._gone(network, record, listing, now))
        return found

    def free(
        self, network: Network, responder: bytes, name: bytes, within: Span, quantity: int, now: int
    ) -> list[Span]:
        """When so many of a listing are to be had, as far as it is known here."""
        current = self._listings.current(network, responder, name)
        if current is None:
            return []
        record, listing = current
        booked = [t.booking for t in self.taken(network, responder, name, now)]
        open_ = [Span(max(w.start, within.start), min(w.end, within.end)) for w in _windows(listing, record, within)]
        return [*free(open_, booked, quantity, _capacity(None, listing))]

    def taken(self, network: Network, responder: bytes, name: bytes, now: int, but: Held | None = None) -> list[Taken]:
        """All that takes time of a listing."""
        found: list[Taken] = []
        for held in self._exchanges.held.values():
            if held is not but and self._slot(held) == (network.id, responder, name):
                found += self.of(held, now) if self._takes_time(self._exchanges.view(held, now).terms) else []
        return found

    def _takes_time(self, terms: Terms) -> bool:
        """Whether these leave less of their listing for others at that time."""
        return bool(terms.capacity) or self._state.template(terms.kind).takes_time

    def of(self, held: Held, now: int) -> list[Taken]:
        """The times that one exchange takes: agreed, and, if the listing is ours, whatever our word still holds."""
        view = self._exchanges.view(held, now)
        found: list[Taken] = []
        stands = view.status in OPEN or (view.terms.capacity and view.status in (Status.CLOSED, Status.DEFAULTED))
        if view.agreed and stands:
            under = {a.id: level.terms for level in view.agreements for a in level.acceptances}
            left = until_returned(view.terms, under, held.facts.values())
            found += self._booked(held, left, None) if left is not None else []
        if view.terms.responder != self._state.me:
            return found
        seen = self._read(held)
        facts = [f for f in held.facts.values() if f.kind != "cancel" or view.status is Status.CANCELLED]
        for one in seen.agreed:
            if not one.terms.capacity:
                continue  # nobody could be shown that: it stands as the exchange says
            terms, _ = standing_terms(one, facts, now)
            if terms is not None:
                found += self._booked(held, terms, None)
        for fact, terms in seen.terms:
            offered = fact.author == self._state.me and now <= terms.expires
            accepted = any(one.fact is fact for one in seen.agreed)
            if offered and not accepted and not self._answered(fact, terms, held, now):
                found += self._booked(held, terms, terms.expires)
        return _distinct(found)

    def _booked(self, held: Held, terms: Terms, until: int | None) -> list[Taken]:
        if not terms.end or (terms.kind in _GOODS and not terms.capacity and terms.kind != "food"):
            return []
        listing = self._listing(self._state.networks[held.network], terms, held)[1]
        return [Taken(held, Booking(held.id, terms.start, terms.end, _takes(terms, listing)), until)]

    def _answered(self, fact: Fact, terms: Terms, held: Held, now: int) -> bool:
        """Whether all who might accept terms of ours have answered them otherwise. They may accept them after that, and
        it would count; but they have then signed what rebuts any reproach."""
        may = {*terms.parties, terms.mediator if fact.kind == "amend" else b""} - {self._state.me, b""}
        said = [f for f in held.facts.values() if f.prev == fact.id and f.kind in ANSWERS and f.at <= now + MAX_SKEW]
        return may <= {f.author for f in said}

    def _read(self, held: Held) -> _Seen:
        seen = self._seen.get(held.id)
        if seen is None or seen.facts != held.came:
            if len(self._seen) > 2 * len(self._exchanges.held):
                self._seen.clear()
            terms = tuple((f, parse_terms(f.payload)) for f in held.facts.values() if f.kind in WITH_TERMS)
            booked = [(f, t) for f, t in terms if t.end]
            agreed = tuple(a for f, t in booked for a in _agreements(f, t, held))
            seen = self._seen[held.id] = _Seen(held.came, tuple(booked), agreed)
        return seen

    def _slot(self, held: Held) -> tuple[bytes, bytes, bytes]:
        slot = self._slots.get(held.id)
        if slot is None:
            if len(self._slots) > 2 * len(self._exchanges.held):
                self._slots.clear()
            terms = parse_terms(held.proposal.payload)
            slot = self._slots[held.id] = (held.network, terms.responder, terms.name)
        return slot

    def _listing(self, network: Network, terms: Terms, held: Held | None) -> tuple[Record | None, Listing | None]:
        """The listing as it is now, or else as it was when this exchange began."""
        current = self._listings.current(network, terms.responder, terms.name)
        if current is not None:
            return current
        record = self._exchanges.listing_of(held) if held is not None else None
        return record, self._listings.parse(record) if record is not None else None

    def _check_time(self, asked: _Asked) -> None:
        terms, mine = asked.terms, asked.terms.responder == self._state.me
        quantity, capacity = _takes(terms, asked.listing), _capacity(terms, asked.listing)
        if quantity > capacity:
            hint = "Counter with fewer, or decline." if mine else "Ask for fewer."
            raise Refusal(
                "conflict",
                f"{quantity} are wanted, there {'is one' if capacity == 1 else f'are {capacity}'}",
                hint,
            )
        taken = self.taken(asked.network, terms.responder, terms.name, asked.now, asked.held)
        clashes = conflicts([t.booking for t in taken], asked.span, quantity, capacity)
        if not clashes:
            return
        first = next(t for t in taken if t.booking.start < clashes[0].end and clashes[0].start < t.booking.end)
        other, where = first.held.id.hex()[:8], self._nearest(asked, taken)
        if first.until is None:
            raise Refusal(
                "conflict",
                f"exchange {other} has the same listing at that time; {where}",
                "Counter with another time, or decline." if mine else "Ask for another time.",
            )
        raise Refusal(
            "conflict",
            f"exchange {other} holds the same listing at that time: you offered it there, and that may still be "
            f"accepted; {where}",
            f"Wait for the answer, or offer another time. `p2pnode exchange show {other}` says until when it stands.",
        )

    def _check_occurrence(self, asked: _Asked) -> None:
        """What is made anew each time, as a box each week: its number counts for each time by itself."""
        listing = asked.listing
        if listing is None or listing.quantity is None:
            return
        for time in asked.windows(asked.span):
            left = max(0, listing.quantity - self._gone_for(time, asked.slot, asked.now, asked.held))
            if asked.terms.quantity > left:
                raise Refusal(
                    "conflict",
                    f"{_wanted(asked.terms.quantity, left)} for {days_in_words([time], _zone(listing))}",
                    "Take fewer, or another time.",
                )

    def _gone_for(self, time: Span, slot: tuple[bytes, bytes, bytes], now: int, but: Held | None) -> int:
        """How much of what is made anew each time is gone for one of these times."""
        others = [h for h in self._exchanges.held.values() if h is not but and self._slot(h) == slot]
        standing = [t for h in others for t in self._standing(h, now)]
        return sum(t.quantity for t in standing if t.start < time.end and time.start < _span(t).end)

    def _standing(self, held: Held, now: int) -> list[Terms]:
        """The terms of an exchange that are agreed, or offered by the listing's owner and not answered."""
        view = self._exchanges.view(held, now)
        if view.agreed:
            return [] if view.status in (Status.CANCELLED, Status.LAPSED) else [view.terms]
        offered = view.terms_fact.author == self._state.me == view.terms.responder
        return [view.terms] if offered and view.status in OPEN else []

    def _check_stock(self, asked: _Asked) -> None:
        """What was agreed since its owner said how many there are is gone; time that is lent out is no stock."""
        record, listing, terms = asked.record, asked.listing, asked.terms
        if terms.responder != self._state.me or record is None or listing is None or _spanned(listing):
            return
        if listing.quantity is None:
            return
        since, gone = self._since(asked.network, record, listing), self._gone(asked.network, record, listing, asked.now)
        own = self._exchanges.view(asked.held, asked.now) if asked.held is not None else None
        if own is not None and own.acceptance is not None and own.acceptance.at >= since:
            gone -= own.terms.quantity  # an amendment takes its place
        left = max(0, listing.quantity - gone)
        if terms.quantity > left:
            raise Refusal(
                "conflict",
                _wanted(terms.quantity, left),
                f"{'Counter with fewer' if left else 'Decline'}, or edit the listing's quantity.",
            )

    def _since(self, network: Network, record: Record, listing: Listing) -> int:
        """Since when what is agreed is gone from a stock, ms: a task that is done comes back by no edit."""
        return 0 if parse_labels(listing.tags).part else self._listings.tending.counted_since(network, record)

    def _gone(self, network: Network, record: Record, listing: Listing, now: int) -> int:
        since = self._since(network, record, listing)
        views = (self._exchanges.view(h, now) for h in self._exchanges.held.values() if h.network == network.id)
        return taken(views, self._state.me, record.name, since)

    def _check_availability(self, asked: _Asked) -> None:
        open_, mine = asked.windows(asked.span), asked.terms.responder == self._state.me
        if outside(open_, asked.span):
            taken = self.taken(asked.network, asked.terms.responder, asked.terms.name, asked.now, asked.held)
            raise Refusal(
                "conflict",
                f"the listing is not to be had at that time; {self._nearest(asked, taken)}",
                "Counter with another time, or edit the listing's --when." if mine else "Ask for another time.",
            )
        if not mine and asked.listing is not None:
            check_order_window(parse_labels(asked.listing.tags), asked.terms.start, asked.now)

    def _nearest(self, asked: _Asked, taken: list[Taken]) -> str:
        """The free times around the one that was asked for, in words."""
        span, zone = asked.span, _zone(asked.listing)
        within = Span(max(asked.now, span.start - _LOOK_BACK), min(span.end + _LOOK_AHEAD, MAX_INT))
        if within.start >= within.end:
            return "that time is over"
        open_ = [Span(max(w.start, within.start), min(w.end, within.end)) for w in asked.windows(within)]
        quantity, capacity = _takes(asked.terms, asked.listing), _capacity(asked.terms, asked.listing)
        found = free(open_, [t.booking for t in taken], quantity, capacity)
        long = [s for s in found if s.end - s.start >= span.end - span.start]
        long.sort(key=lambda s: max(s.start - span.start, span.end - s.end, 0))
        if not long:
            return "nothing of that length is free in the weeks around"
        return f"free: {days_in_words(sorted(long[:_NAMED]), zone)} ({zone})"


def _agreements(fact: Fact, terms: Terms, held: Held) -> list[Agreement]:
    """The agreements that any two facts of an exchange make on these terms."""
    found = []
    for acceptance in held.facts.values():
        if acceptance.kind == "accept" and acceptance.prev == fact.id:
            known = [f for f in held.facts.values() if f.prev == acceptance.id and f.author == terms.responder]
            try:
                found.append(agreement(fact, acceptance, min(known, key=lambda f: (f.at, f.id), default=None)))
            except Reject:
                continue
    return found


def _distinct(found: list[Taken]) -> list[Taken]:
    """Each time once; what is agreed goes before what is held."""
    by_time: dict[Booking, Taken] = {}
    for one in found:
        if one.booking not in by_time or one.until is None:
            by_time[one.booking] = one
    return list(by_time.values())


def _wanted(quantity: int, left: int) -> str:
    return f"{quantity} {'is' if quantity == 1 else 'are'} wanted, {left or 'none'} {'are' if left > 1 else 'is'} left"


def _span(terms: Terms) -> Span:
    """The time that terms name: the moment of their start where they name no end."""
    return Span(terms.start, max(terms.end, terms.start + 1))


def _capacity(terms: Terms | None, listing: Listing | None) -> int:
    """How many may be booked at once: as the listing says now, and no more than the terms name."""
    offered = 1 if listing is None or listing.quantity is None else listing.quantity
    named = terms.capacity if terms is not None else 0
    if named and listing is None:
        return named
    return min(offered, named) if named else offered


def _takes(terms: Terms, listing: Listing | None) -> int:
    """How many of a listing terms take: their quantity, where that does not count hours or days."""
    if listing is not None and not _spanned(listing):
        return max(quantity_of(terms), terms.quantity)
    return quantity_of(terms)


def _spanned(listing: Listing) -> bool:
    return listing.price is not None and listing.price.per in SPANS


def by_occurrence(listing: Listing | None) -> bool:
    return listing is not None and listing.kind == "food" and listing.available is not None


def _windows(listing: Listing | None, record: Record | None, within: Span) -> tuple[Span, ...]:
    """When a listing is to be had. Each time by itself where it is made anew each time, else in the fewest spans."""
    available: Availability | None = listing.available if listing is not None else None
    found = windows(available, record.created if record is not None else within.start, within)
    return found if by_occurrence(listing) else merged(found)


def _zone(listing: Listing | None) -> str:
    return listing.available.zone or "UTC" if listing is not None and listing.available is not None else "UTC"
