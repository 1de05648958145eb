"""What our user has on which day: booked, held, asked for, due to be done, overdue, pledged; and what is still free."""

from typing import Any

from dht.keys import slot_hash
from p2pnode.booking_arguments import Calendar as Wanted
from p2pnode.bounds import CALENDAR_AHEAD
from protocols.booking import Span
from protocols.drafts import role_of
from protocols.errors import Refusal
from protocols.exchange import NEGOTIATING, OPEN, Exchange
from protocols.limits import MAX_INT

from .bookings import Bookings
from .exchanges import Exchanges
from .held import Held
from .listings import Listings
from .state import State


class Calendar:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings, bookings: Bookings) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self._bookings = bookings

    def calendar(self, args: Wanted, now: int) -> dict[str, Any]:
        """Everything of all exchanges that falls into a time, and whatever is overdue. free: of the one listing that is
        named, when it is to be had as far as is known here; else None."""
        within = Span(now if args.start is None else args.start, 0)
        within = Span(within.start, min(within.start + CALENDAR_AHEAD, MAX_INT) if args.end is None else args.end)
        if within.start >= within.end:
            raise Refusal("usage", "--until is not after --from", "Give the start first, then the end.")
        wanted = found = None
        if args.listing is not None:
            found = self._listings.find(args.listing, args.network)
            wanted = found[1].slot
        rows = [
            row
            for held in self._exchanges.held.values()
            if wanted in (None, (held.first.responder, "listing", held.first.name))
            for row in self._of(held, within, now)
        ]
        free = None
        if found is not None:
            network, record, listing = found
            open_ = self._bookings.free(network, record.author, record.name, within, 1, now)
            free = [{"from": s.start, "until": s.end} for s in open_ if not listing.paused]
        rows.sort(key=lambda row: (row["from"], row["exchange_id"], row["what"]))
        return {"from": within.start, "until": within.end, "rows": rows, "free": free}

    def _of(self, held: Held, within: Span, now: int) -> list[dict[str, Any]]:
        view = self._exchanges.view(held, now)
        rows = []
        for taken in self._bookings.of(held, now):
            span = Span(taken.booking.start, taken.booking.end)
            if span.start < within.end and within.start < span.end:
                what = "booked" if taken.until is None else "held"
                quantity = taken.booking.quantity
                rows.append(self._row(held, view, what, span, quantity=quantity, expires=taken.until))
        terms = view.terms
        if view.status in NEGOTIATING and terms.start and not any(row["what"] == "held" for row in rows):
            span = Span(terms.start, terms.end or terms.start)
            if span.start < within.end and within.start <= span.end:
                rows.append(self._row(held, view, "asked", span, quantity=terms.quantity, expires=terms.expires))
        if view.agreed and view.status in OPEN:
            rows += self._due(held, view, within, now)
        return rows

    def _due(self, held: Held, view: Exchange, within: Span, now: int) -> list[dict[str, Any]]:
        rows = []
        for duty in view.terms.duties:
            until = view.deadlines.get(duty.id)
            if until is not None and (until < now or within.start <= until < within.end):
                word = "overdue" if until < now else "due"
                rows.append(self._row(held, view, word, Span(until, until), duty=duty.id, who=self._who(duty.provider)))
        goal = view.terms.goal
        if goal is not None and view.waits_for_go and within.start <= goal.until < within.end:
            rows.append(self._row(held, view, "pledged", Span(goal.until, goal.until)))
        return rows

    def _row(self, held: Held, view: Exchange, what: str, span: Span, **more: Any) -> dict[str, Any]:
        terms = view.terms
        other = view.counterparty(self._state.me)
        paid = {d.id for d in terms.payments}
        gives = any(
            d.provider == self._state.me and d.id not in paid and d.id != "return" and not d.along for d in terms.duties
        )
        return {
            "what": what,
            "from": span.start,
            "until": span.end,
            "exchange_id": held.id.hex(),
            "listing_id": slot_hash((terms.responder, "listing", terms.name)).hex(),
            "network": held.network.hex(),
            "title": terms.title,
            "role": "giver" if gives else "taker",
            "role_name": role_of(held.first, self._state.me, self._state.template(terms.kind)),
            "counterparty_name": self._state.directory.name(other),
            "status": str(view.status),
            "quantity": None,
            "expires": None,
            "duty": None,
            "who": None,
            **more,
        }

    def _who(self, author: bytes) -> str:
        return "you" if author == self._state.me else self._state.directory.name(author)
