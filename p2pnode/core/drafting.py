"""The terms that our user proposes, drafted from the listing and what stands. Nothing is said or stored."""

from p2pnode import commands
from p2pnode.bounds import OFFER_HOLD, PROPOSAL_LIFETIME, SHORTEST_ANSWER
from protocols.amounts import Price, parse_amount, parse_price
from protocols.booked import booking, quantity_of
from protocols.drafts import draft_terms, is_offered
from protocols.envelope import Record
from protocols.errors import Refusal
from protocols.exchange import Exchange
from protocols.labels import Labels, parse_labels
from protocols.limits import DAY, MAX_INT
from protocols.listing import Listing
from protocols.payments import DEPOSIT, instalments_of
from protocols.templates import Template
from protocols.terms import Terms, quorum_of, terms_hash

from .bookings import SPANS, by_occurrence
from .carrying import Carrying
from .exchanges import Exchanges
from .held import Held
from .listings import Listings
from .paying import money
from .state import Network, State
from .wishes import Occasion, Wishes, check_order_window


class Drafting:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self.carrying = Carrying(state, exchanges)
        self._wishes = Wishes(state, exchanges)

    def proposal(self, args: commands.Propose, now: int) -> tuple[Network, Record, Terms]:
        """What our user proposes: in which network, on which listing, which terms. `Refusal`."""
        network, record, listing = self._listings.find(args.listing, args.network)
        if record.author == self._state.me:
            raise Refusal("refused", "this listing is your own", "Others propose to you; you accept or counter.")
        if listing.paused:
            raise Refusal("refused", "this listing is paused by its owner", "Ask again when it is back.")
        if record.until <= now:
            raise Refusal("not_found", "this listing has expired", "`p2pnode search` shows what is current.")
        of, labels, offered = (
            self._state.template(listing.kind),
            parse_labels(listing.tags),
            listing.direction == "offer",
        )
        start, end = _time(args, of, listing)
        _check_span(start, end, now)
        if not start and by_occurrence(listing):
            raise Refusal("usage", "this is had at certain times only", "Say when you want it: --from.")
        check_order_window(labels, start, now)
        quantity = _quantity(args.quantity, start or None, end or None, listing.price, 1)
        counted = listing.price is None or listing.price.per not in SPANS
        items = 1 if args.items is None else args.items
        if not counted:
            _check_items(items, listing.quantity or 1, end)
            quantity *= items
        elif args.items is not None:
            raise Refusal("usage", "this is not had by the hour or day", f"Say how many: --quantity {items}.")
        if counted and listing.quantity is not None and quantity > listing.quantity:
            raise Refusal("refused", f"only {listing.quantity} are offered", "Ask for fewer.")
        amount, unit, text = _price(network, args.price, listing.price, quantity)
        witnesses = self._witnesses(network, args.witness or (), record.author, unit if amount else "")
        it = Occasion(
            network=network, of=of, title=listing.title, owner_gives=offered, owner=record.author, other=record.author,
            start=start, end=end, closes=_closes(start, now, record.until), unit=unit,
        )  # fmt: skip
        asked = self._wishes.first(args, it, listing, labels)
        if args.form is None and self.carrying.is_wanted(args, asked.parent, now):
            asked = asked._replace(full=True)
        terms = draft_terms(
            listing=record.id,
            name=record.name,
            proposer=self._state.me,
            responder=record.author,
            offered=offered,
            kind=listing.kind,
            title=listing.title,
            quantity=quantity,
            start=start,
            end=end,
            amount=amount,
            unit=unit,
            price_text=text,
            note=args.note,
            previous=b"",
            expires=stands_until(start, end, now),
            witnesses=witnesses,
            instalments=1 if args.instalments is None else args.instalments,
            deposit=_deposit(network, args.deposit),
            asked=asked,
            of=of,
        )
        return network, record, booked(self.carrying.draft(args, terms, now), listing.price, items)

    def counter(self, args: commands.Counter, held: Held, view: Exchange, network: Network, now: int) -> Terms:
        """The other terms that our user wants. `Refusal`."""
        old = view.terms
        listing = self._listing(held, old)
        start = old.start if args.start is None else args.start
        end = old.end if args.end is None else args.end
        moved = args.start is not None or args.end is not None
        if moved:
            _check_span(start, end, now)
        before = items_of(old, listing)
        items = before if args.items is None else args.items
        if args.items is not None:
            _check_items(items, old.capacity or 1, end)
        quantity = items * _quantity(
            args.quantity, start if moved else None, end or None, listing, old.quantity // before
        )
        unit_price = Price(old.amount // old.quantity, old.unit, listing.per) if old.amount and listing else None
        if args.price is None and quantity == old.quantity:
            amount, unit, text = old.amount, old.unit, money(network, old.amount, old.unit)
        else:
            amount, unit, text = _price(network, args.price, unit_price or listing, quantity)
        if args.witness is not None:
            other = view.counterparty(self._state.me)
            witnesses = self._witnesses(network, args.witness, other, unit if amount else "")
        else:
            witnesses = old.witnesses if amount and unit == network.genesis.unit else ()
        of = self._state.template(old.kind)
        owner_gives = self._is_offered(held) if of.legs else is_offered(old, of)  # legs do not say which way it goes
        it = Occasion(
            network=network, of=of, title=old.title, owner_gives=owner_gives, owner=old.responder,
            other=view.counterparty(self._state.me), start=start, end=end,
            closes=_closes(start, now, old.expires), unit=unit,
        )  # fmt: skip
        terms = draft_terms(
            listing=old.listing,
            name=old.name,
            proposer=old.proposer,
            responder=old.responder,
            offered=owner_gives,
            kind=old.kind,
            title=old.title,
            quantity=quantity,
            start=start,
            end=end,
            amount=amount,
            unit=unit,
            price_text=text,
            note=args.note,
            previous=terms_hash(old),
            expires=self._stands_until(args.hold, old, start, end, now),
            witnesses=witnesses,
            instalments=(instalments_of(old) or 1) if args.instalments is None else args.instalments,
            deposit=_deposit(network, args.deposit, old),
            asked=self._wishes.other(args, it, old, self._labels(held)),
            of=of,
        )
        terms = self.carrying.again(args, old, terms)
        return booked(terms, listing, items, old.capacity if args.form is None else 0)

    def _stands_until(self, wanted: int | None, old: Terms, start: int, end: int, now: int) -> int:
        """When a counter-proposal of ours lapses, ms. `Refusal` (usage) if more is wanted than any stands."""
        if wanted is not None and wanted > PROPOSAL_LIFETIME:
            raise Refusal("usage", "an offer stands for a week at most", "Give a shorter --hold.")
        if wanted is not None:
            return now + wanted
        latest = stands_until(start, end, now)
        return min(latest, now + OFFER_HOLD) if end and old.responder == self._state.me else latest

    def warnings(self, network: Network, terms: Terms) -> list[str]:
        """A line for a kind that is not known here, one for a price that no ledger settles, and one for a deposit that
        its payer cannot pay, as far as is known here."""
        return [*self._unknown(terms), *_unsettled(network, terms), *self._unpayable(network, terms)]

    def _unknown(self, terms: Terms) -> list[str]:
        if self._state.knows(terms.kind):
            return []
        (other,) = {*terms.parties} - {self._state.me}
        name = self._state.directory.name(other)
        return [
            f"what a {terms.kind} consists of is not known here: these are plain terms, by which somebody does it and "
            f"somebody may pay. If {name} has a file of that kind, ask for it (`p2pnode kinds add FILE`) and propose "
            f"again, or let {name} counter, whose terms then say it all"
        ]

    def _unpayable(self, network: Network, terms: Terms) -> list[str]:
        duty = next((d for d in terms.payments if d.id == DEPOSIT), None)
        if duty is None or duty.unit != network.genesis.unit:
            return []
        amount = network.money(duty.amount)
        if duty.provider == self._state.me:
            free = network.chain.state.figures.spendable
            who = f"you can spend {network.money(max(0, free))} now"
        else:
            newest = self._state.newest_of(network, duty.provider)
            if newest is None:
                return []
            free = newest.balance - newest.hold + newest.limit
            name = self._state.directory.name(duty.provider)
            who = f"{name} could spend {network.money(max(0, free))} by the newest entry that is known here"
        return [f"the deposit is {amount}, and {who}"] if duty.amount > free else []

    def _witnesses(self, network: Network, names: tuple[str, ...], other: bytes, unit: str) -> tuple[bytes, ...]:
        """The authors meant. `Refusal` if they are no use as witnesses of a payment between us and other."""
        found = tuple(self._state.directory.resolve(name) for name in names)
        if len(set(found)) < len(found):
            raise Refusal("usage", "a witness is named twice", "Name each once: one, or three who differ.")
        if {self._state.me, other} & set(found):
            raise Refusal("usage", "a party cannot be witness of its own deal", "Name others whom you both trust.")
        if found and unit != network.genesis.unit:
            raise Refusal(
                "usage",
                f"witnesses are for payments in {network.genesis.unit}; here nothing is paid through the ledger",
                "Leave --witness out.",
            )
        try:
            quorum_of(len(found))
        except ValueError:
            raise Refusal(
                "usage",
                "two witnesses are no better than one: both would have to agree, and one who is silent stops them",
                "Name one, or three.",
            ) from None
        return found

    def _is_offered(self, held: Held) -> bool:
        record = self._exchanges.listing_of(held)
        listing = self._listings.parse(record) if record is not None else None
        return listing is None or listing.direction == "offer"

    def _labels(self, held: Held) -> Labels:
        record = self._exchanges.listing_of(held)
        listing = self._listings.parse(record) if record is not None else None
        return Labels() if listing is None else parse_labels(listing.tags)

    def _listing(self, held: Held, terms: Terms) -> Price | None:
        record = self._exchanges.listing_of(held)
        listing: Listing | None = self._listings.parse(record) if record is not None else None
        return listing.price if listing else None


def _time(args: commands.Propose, of: Template, listing: Listing) -> tuple[int, int]:
    """From when to when it is wanted, 0 where that is open. What has one time only is wanted then; what is rented by
    the hour or day, for as many as are asked for."""
    slots = listing.available.slots if listing.available is not None else ()
    if of.time and args.start is None and args.end is None and len(slots) == 1:
        return slots[0]
    if of.slot and args.start and not args.end and listing.price is not None and listing.price.per in SPANS:
        return args.start, args.start + SPANS[listing.price.per] * (args.quantity or 1)
    return args.start or 0, args.end or 0


def stands_until(start: int, end: int, now: int) -> int:
    """When a proposal for this time lapses, ms: nobody can say yes to a time that is over. start, end: 0 if open."""
    latest = now + PROPOSAL_LIFETIME
    if start > now:
        return min(latest, max(start, now + SHORTEST_ANSWER))
    return min(latest, end) if end > now else latest


def _unsettled(network: Network, terms: Terms) -> list[str]:
    if not terms.amount or terms.unit == network.genesis.unit:
        return []
    return [
        f"the price is in {terms.unit}, not in the network's credit: `pay` moves nothing, the two of you settle it "
        "yourselves"
    ]


def _closes(start: int, now: int, otherwise: int) -> int:
    """By when enough must have come together, where nobody says so: a day before it is to be, if that can still be."""
    return otherwise if not start else start - DAY if start - DAY > now else start


def booked(terms: Terms, price: Price | None, items: int, before: int = 0) -> Terms:
    """The terms, so that they say how many of a capacity they take: their quantity, or, where that counts hours, the
    items. `Refusal` where terms of this kind and form cannot."""
    spanned = price is not None and price.per in SPANS
    made = booking(terms, terms.capacity or before, items if spanned else terms.quantity)
    if spanned and quantity_of(made) != items:
        why = "only the full form of what is rented or lent can say how many are had at once"
        raise Refusal("usage", why, "Leave --form plain out, or --items.")
    return made


def items_of(terms: Terms, price: Price | None) -> int:
    """How many terms take at once, where their quantity counts the hours or days of each of them; else one."""
    items = quantity_of(terms) if price is not None and price.per in SPANS else 1
    return items if terms.quantity % items == 0 else 1


def _check_items(items: int, offered: int, end: int) -> None:
    """`Refusal` for more than there are at once, or for several at no time."""
    if items > 1 and not end:
        raise Refusal("usage", "several are had from one time to another", "Say when: --from and --until.")
    if items > offered:
        raise Refusal(
            "refused", f"{items} are wanted, there {'is' if offered == 1 else 'are'} {offered}", "Ask for fewer."
        )


def _check_span(start: int, end: int, now: int) -> None:
    """`Refusal` for a time that is over, or has an end and no start."""
    if end and not start:
        raise Refusal("usage", "--until needs --from", "Say from when to when.")
    if (end and end <= now) or (start and not end and start < now - DAY):
        raise Refusal("usage", "that time is over", "Give a later --from and --until.")


def _quantity(given: int | None, start: int | None, end: int | None, price: Price | None, otherwise: int) -> int:
    """How many units are meant: as said, or as the span between start and end makes them."""
    if end is not None and start is not None and end <= start:
        raise Refusal("usage", "--until is not after --from", "Give the start first, then the end.")
    if given is not None:
        return given
    span = SPANS.get(price.per) if price is not None else None
    if span and start is not None and end is not None:
        return max(1, -(-(end - start) // span))
    return otherwise


def priced(
    network: Network, price: Price | None, quantity: int, start: int, end: int, items: int = 1
) -> tuple[int, int, str, str]:
    """Quantity, amount, unit and how to say it, of what a listing asks: for the span of each item, or for so many."""
    spanned = bool(end) and price is not None and price.per in SPANS
    counted = items * _quantity(None, start, end, price, quantity) if spanned else quantity
    return counted, *_price(network, None, price, counted)


def _deposit(network: Network, text: str | None, old: Terms | None = None) -> tuple[int, str]:
    """The deposit that is asked for, in the network's unit, or the one that stands: minor units, and of what."""
    if text is not None or old is None:
        unit = network.genesis.unit
        number, _, named = (text or "0").strip().partition(" ")
        if named and named.strip() != unit:
            raise Refusal("usage", f"a deposit is in {unit}, not in {named.strip()}", "Write the number alone.")
        return parse_amount(number, network.genesis.decimals), unit
    duty = next((d for d in old.payments if d.id == DEPOSIT), None)
    return old.deposit, duty.unit if duty else ""


def _price(network: Network, text: str | None, listed: Price | None, quantity: int) -> tuple[int, str, str]:
    """Amount in minor units, unit and how to say it. A price without `/per` is for the whole."""
    genesis = network.genesis
    if text is None:
        price, times = listed, quantity
    else:
        price = parse_price(text, genesis.unit, genesis.decimals)
        times = quantity if "/" in text else 1
    if price is None:
        return 0, "", "nothing"
    amount = price.amount * times
    if amount > MAX_INT:
        raise Refusal("usage", "the price is too high", "Check the quantity and the price.")
    return amount, price.unit, money(network, amount, price.unit)
