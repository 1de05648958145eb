"""Standing orders: a box each week, proposed by itself some days before, once for each day it is for.

What was proposed is remembered with the order by its day, in the batch that holds the proposal; so neither a restart
nor a clock that jumps makes a second one. Only the next day that is still to come is looked at: what was missed while
the node was away is over.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from dht.keys import slot_hash
from p2pnode import commands
from p2pnode.arguments import NoArgs
from p2pnode.bounds import MAX_ORDERS, ORDER_AHEAD, ORDER_REMEMBERED, ORDER_RETRY
from p2pnode.hours import first_day, moment_of, next_day, parse_every, parse_start, zone_of
from p2pnode.standing_arguments import AddOrder, OneNumber
from p2pnode.when import available_at
from protocols.codec import decode, encode
from protocols.errors import Refusal, Reject
from protocols.terms import Terms

from .bookings import SPANS
from .drafting import Drafting
from .effects import Emit
from .exchanges import Exchanges
from .keys import ORDER
from .listings import Listings
from .state import State


class Order(msgspec.Struct, frozen=True, array_like=True):
    """every: days; first: ordinal of the first one; minute: of the day, in the zone. most: the whole price when it was
    ordered, minor units; unit: of it. until: ms, 0 for no end. done: (ordinal, id of the exchange, or empty if left
    out), the newest last. owed: what either was to do when it was ordered, beyond paying (`_owed`); empty in orders
    from before it was kept. way: whether it is to be brought or fetched, or empty as the listing says."""

    number: int
    network: bytes
    author: bytes
    name: bytes
    title: str
    every: int
    first: int
    minute: int
    zone: str
    quantity: int
    price: str
    most: int
    unit: str
    until: int = 0
    paused: bool = False
    done: tuple[tuple[int, bytes], ...] = ()
    owed: tuple[str, ...] = ()
    way: Literal["", "bring", "fetch"] = ""

    def next(self, now: int) -> tuple[int, int]:
        """Ordinal and time of the next one that is still to come and was neither proposed nor left out."""
        zone, given = zone_of(self.zone), {day for day, _ in self.done}
        day = next_day(now, self.first, self.every, self.minute, zone)
        while day in given:
            day += self.every
        return day, moment_of(day, self.minute, zone)

    def with_done(self, day: int, exchange: bytes) -> "Order":
        return replace(self, done=tuple(sorted((*self.done, (day, exchange)))[-ORDER_REMEMBERED:]))


class StandingOrders:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self._drafting = Drafting(state, exchanges, listings)
        self.propose: Callable[[commands.Propose, int], object]  # set by the table of handlers
        rows = (msgspec.convert(decode(value), Order) for _, value in state.journal.scan(ORDER))
        self._orders = {order.number: order for order in rows}
        self._reasons: dict[int, tuple[int, str]] = {}  # order → when it was last tried, why it failed

    # Commands

    def add(self, args: AddOrder, now: int) -> dict[str, Any]:
        if len(self._orders) >= MAX_ORDERS:
            raise Refusal("refused", f"{MAX_ORDERS} orders stand", "`p2pnode order remove N` ends one.")
        network, record, listing = self._listings.find(args.listing, args.network)
        if listing.price is not None and listing.price.per in SPANS:
            raise Refusal("refused", f"this is had by the {listing.price.per}", "Book it: `p2pnode exchange propose`.")
        weekday, minute = parse_start(args.start)
        zone = zone_of(args.zone)
        order = Order(
            max(self._orders, default=0) + 1,
            network.id,
            record.author,
            record.name,
            listing.title,
            parse_every(args.every),
            first_day(now, weekday, minute, zone),
            minute,
            args.zone,
            args.quantity or 1,
            args.price or "",
            0,
            "",
            args.until or 0,
            way=args.way or "",
        )
        if order.until and order.next(now)[1] > order.until:
            raise Refusal("usage", "it would end before it begins", "Give a later --until.")
        self._store(self._priced(order, now), now)
        self.woke(now)  # the first one may be near
        return self._json(self._orders[order.number], now)

    def list(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        return [self._json(order, now) for order in self._orders.values()]

    def pause(self, args: OneNumber, now: int) -> dict[str, Any]:
        return self._store(replace(self._find(args), paused=True), now)

    def resume(self, args: OneNumber, now: int) -> dict[str, Any]:
        """Our user takes the price of today for agreed."""
        return self._store(self._priced(replace(self._find(args), paused=False), now), now)

    def skip(self, args: OneNumber, now: int) -> dict[str, Any]:
        order = self._find(args)
        return self._store(order.with_done(order.next(now)[0], b""), now)

    def remove(self, args: OneNumber, now: int) -> dict[str, Any]:
        order = self._orders.pop(self._find(args).number)
        self._state.journal.delete(ORDER + order.number.to_bytes(8, "big"), durable=True)
        return self._json(order, now)

    # By itself

    def woke(self, now: int) -> None:
        """Called now and then: proposes what is due."""
        for order in [*self._orders.values()]:
            day = next_day(now, order.first, order.every, order.minute, zone_of(order.zone))
            at = moment_of(day, order.minute, zone_of(order.zone))
            tried, _ = self._reasons.get(order.number, (0, ""))
            known = any(day == given for given, _ in order.done)
            if known or order.paused or (order.until and at > order.until) or now < at - ORDER_AHEAD:
                continue
            if tried <= now < tried + ORDER_RETRY:
                continue
            try:
                self._propose(order, day, at, now)
            except (Refusal, Reject) as e:  # what stands in the listing now may make terms that cannot be signed
                self._reasons[order.number] = now, e.message

    def _propose(self, order: Order, day: int, at: int, now: int) -> None:
        if self._state.time.objection():
            raise Refusal("refused", "the clock is in doubt", "`p2pnode clock` says more.")
        args = self._args(order, at)
        terms = self._drafted(order, args, now)
        network = self._state.networks[order.network]
        current = self._listings.current(network, order.author, order.name)
        if current is None or not available_at(current[1].available, at, current[0].created):
            raise Refusal("refused", "it is not to be had at that time", "`p2pnode order skip` leaves one out.")
        if order.owed and _owed(terms) != order.owed:
            raise Refusal("refused", "it is something else than what was ordered", "`p2pnode order resume` takes it.")
        if terms.amount > order.most or (terms.amount and terms.unit != order.unit):
            raise Refusal("refused", "it costs more than when it was ordered", "`p2pnode order resume` takes it.")
        if terms.unit == network.genesis.unit and terms.amount > network.chain.state.figures.spendable:
            raise Refusal("refused", f"it costs {network.money(terms.amount)}, which you cannot spend", "Earn some.")
        shown: Any = self.propose(args, now)
        self._reasons.pop(order.number, None)
        self._store(order.with_done(day, bytes.fromhex(shown["exchange_id"])), now)
        self._state.journal.out(Emit("order", {"number": order.number, "exchange_id": shown["exchange_id"]}))

    # Parts

    def _args(self, order: Order, at: int) -> commands.Propose:
        return commands.Propose(
            listing=slot_hash((order.author, "listing", order.name)).hex(),
            network=order.network.hex(),
            quantity=order.quantity,
            price=order.price or None,
            start=at,
            way=order.way or None,
        )

    def _drafted(self, order: Order, args: commands.Propose, now: int) -> Terms:
        if all(n.id != order.network for n in self._state.joined):
            raise Refusal("not_found", "this node is not in that network any more", "`p2pnode order remove`.")
        return self._drafting.proposal(args, now)[2]

    def _priced(self, order: Order, now: int) -> Order:
        terms = self._drafted(order, self._args(order, order.next(now)[1]), now)
        return replace(order, most=terms.amount, unit=terms.unit, owed=_owed(terms))

    def _find(self, args: OneNumber) -> Order:
        if args.number not in self._orders:
            raise Refusal("not_found", f"no order {args.number}", "`p2pnode order list` shows yours.")
        return self._orders[args.number]

    def _store(self, order: Order, now: int) -> dict[str, Any]:
        self._orders[order.number] = order
        self._reasons.pop(order.number, None)
        row = encode(msgspec.to_builtins(order, builtin_types=(bytes,)))
        self._state.journal.put(ORDER + order.number.to_bytes(8, "big"), row)
        return self._json(order, now)

    def _json(self, order: Order, now: int) -> dict[str, Any]:
        _, at = order.next(now)
        last = next((id_ for _, id_ in reversed(order.done) if id_), b"")
        held = self._exchanges.get(last)
        ended = bool(order.until) and at > order.until
        return {
            "number": order.number,
            "network": order.network.hex(),
            "listing_id": slot_hash((order.author, "listing", order.name)).hex(),
            "title": order.title,
            "every": order.every // 7,
            "zone": order.zone,
            "quantity": order.quantity,
            "price": {"amount": order.most, "unit": order.unit} if order.most else None,
            "until": order.until or None,
            "handover": order.way or None,
            "state": "paused" if order.paused else "ended" if ended else "stands",
            "next": None if ended or order.paused else at,
            "reason": self._reasons.get(order.number, (0, ""))[1],
            "exchange_id": last.hex() or None,
            "status": str(self._exchanges.view(held, now).status) if held is not None else None,
        }


def _owed(terms: Terms) -> tuple[str, ...]:
    """The kind, who does what by it, who owes a fee for cancelling alone, and whether it waits for a goal. Not the
    words: a box has others each week. Not the price, which is looked at by itself."""
    duties = [d for d in terms.duties if d.on or not d.amount]
    who = (f"{'we' if d.provider == terms.proposer else 'they'} {d.action} {d.id}" for d in duties)
    return (terms.kind, *who, *(("goal",) if terms.goal is not None else ()))
