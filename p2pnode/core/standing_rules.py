"""Our user's standing rules: kept here and told to nobody; what they accept is accepted as if our user had done it."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from p2pnode import commands
from p2pnode.arguments import NoArgs
from p2pnode.bounds import MAX_RULES
from p2pnode.hours import parse_days, parse_hours, zone_of
from p2pnode.standing_arguments import AddRule, OneNumber
from protocols.amounts import parse_amount
from protocols.codec import decode, encode
from protocols.drafts import Asked as Asking
from protocols.drafts import draft_terms, full_by_itself, way_of
from protocols.errors import Refusal, Reject
from protocols.exchange import NEGOTIATING, Status
from protocols.labels import parse_labels
from protocols.terms import Terms, terms_hash

from .bookings import SPANS
from .drafting import booked, items_of, priced
from .effects import Emit
from .exchanges import Exchanges
from .exposures import at_risk, lent
from .held import Held
from .keys import RULE, RULED
from .listings import Listings
from .rules import ALL_DAY, ANY_DAY, Asked, Rule, decide
from .state import Network, State
from .wishes import way_as_listed

NOTE = "accepted by a standing rule"


class StandingRules:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self.accept: Callable[[commands.Accept, int], object]  # set by the table of handlers, as this:
        self.exposed: Callable[[Held, int], dict[str, Any] | None]
        rows = (msgspec.convert(decode(value), Rule) for _, value in state.journal.scan(RULE))
        self._rules = {rule.number: rule for rule in rows}
        # What was accepted though exposure did not carry it, until it is forgotten.
        self._risky = {key[len(RULED) :] for key, row in state.journal.scan(RULED) if decode(row)[2:] == [True]}
        self.undecided: Callable[[Held, int], None] = lambda held, now: None  # told of what no rule has accepted, too
        exchanges.proposed = self.proposed

    # Commands

    def add(self, args: AddRule, now: int) -> dict[str, Any]:
        if len(self._rules) >= MAX_RULES:
            raise Refusal("refused", f"{MAX_RULES} rules stand", "`p2pnode rule remove N` lets go of one.")
        network, name = self._about(args)
        parse_hours(args.hours or ALL_DAY)
        parse_days(args.days or ANY_DAY)
        zone_of(args.zone)
        rule = Rule(
            max(self._rules, default=0) + 1,
            network.id,
            name,
            args.kind or "",
            tuple(self._who(who) for who in args.who),
            args.hours or ALL_DAY,
            args.days or ANY_DAY,
            args.zone,
            -1 if args.most is None else parse_amount(args.most, network.genesis.decimals),
            args.most_hours or 0,
            args.regular,
            risk=-1 if args.risk is None else parse_amount(args.risk, network.genesis.decimals),
        )
        return self._store(rule)

    def list(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        """number: None for the rules that listings of ours make, which say `instant`: edit the listing to end it."""
        mine = [(n, r, p) for n in self._state.joined for r, p in self._listings.mine(n)]
        own = [(n, r.name) for n, r, p in mine if not parse_labels(p.tags).part]  # `project show` tells of tasks
        made = [rule for network, name in own for rule in self._instant(network, name, now)]
        return [self._json(rule) for rule in (*self._rules.values(), *made)]

    def remove(self, args: OneNumber, now: int) -> dict[str, Any]:
        rule = self._rules.pop(args.number, None)
        if rule is None:
            raise Refusal("not_found", f"no rule {args.number}", "`p2pnode rule list` shows yours.")
        self._state.journal.delete(RULE + rule.number.to_bytes(8, "big"), durable=True)
        return self._json(rule)

    def shown(self, held: Held) -> dict[str, Any] | None:
        """For `exchange show`: the rule that accepted it, or why none did."""
        row = self._state.journal.get(RULED + held.id)
        if row is None:
            return None
        number, reason = decode(row)[:2]
        return {"number": number or None, "reason": reason}

    # By itself

    def proposed(self, held: Held, now: int) -> None:
        """A proposal has just arrived. Accepts it, or keeps the reason; never raises."""
        instant = self._instant(self._state.networks[held.network], held.first.name, now)
        rules = (*self._rules.values(), *instant)
        if rules:
            self._decide(rules, held, now)
        self.undecided(held, now)

    def _decide(self, rules: Sequence[Rule], held: Held, now: int) -> None:
        asked = self._asked(held, now)
        rule, reason = self._hidden(held, now) or decide(rules, asked)
        if rule is not None:
            try:
                self._state.networks[held.network].chain.check_ready()
                terms = terms_hash(self._exchanges.view(held, now).terms).hex()
                self.accept(commands.Accept(id=held.id.hex(), note=NOTE, terms=terms), now)
            except Refusal as e:
                rule, reason = None, e.message
        row: list[object] = [rule.number if rule else 0, reason]
        if rule is not None and asked.beyond:
            self._risky.add(held.id)
            row.append(True)
        self._state.journal.put(RULED + held.id, encode(row))
        told = {"exchange_id": held.id.hex(), "rule": rule.number or None if rule else None, "reason": reason}
        self._state.journal.out(Emit("rule", told))

    def _hidden(self, held: Held, now: int) -> tuple[None, str] | None:
        """Nothing is accepted by itself of who is hidden from our user: he is to look at it."""
        other = self._exchanges.view(held, now).counterparty(self._state.me)
        found = self._state.hidden(self._state.networks[held.network], other, b"", now)
        whose = "your" if found and found[0]["mine"] else f"{found[0]['by_name']}'s" if found else ""
        return (None, f"{whose} block list {found[0]['list']!r} names the proposer") if found else None

    # Parts

    def _instant(self, network: Network, name: bytes, now: int) -> tuple[Rule, ...]:
        """Of a listing of ours, if it says so: anyone may have it as it is offered. Number 0: the listing is the rule,
        so whatever ends or changes the one does so with the other. A task of a project says what we pay for it."""
        current = self._listings.current(network, self._state.me, name)
        if current is None or current[0].until <= now or current[1].paused:
            return ()
        labels = parse_labels(current[1].tags)
        return (Rule(0, network.id, name, who=("anyone",), pays=bool(labels.part)),) if labels.instant else ()

    def _asked(self, held: Held, now: int) -> Asked:
        view = self._exchanges.view(held, now)
        network = self._state.networks[held.network]
        other = view.counterparty(self._state.me)
        done = self._exchanges.away.done_with(held.network, other)
        for each in self._exchanges.held.values():
            if each.agreed_seq >= 0 and each.network == held.network:
                seen = self._exchanges.view(each, now)
                done += other in seen.terms.parties and seen.status in (Status.SETTLED, Status.CLOSED)
        listed = self._as_listed(network, view.terms, now) if view.status in NEGOTIATING else None
        takes = self._takes(network, view.terms)
        asked = Asked(network.id, view.terms, listed, network.member(other), done, now, takes)
        exposure = self.exposed(held, now)
        if exposure is None:
            return asked
        return asked._replace(
            at_risk=exposure["at_risk"]["amount"],
            carried=exposure["most"]["amount"],
            open=self._open(network, now),
            lent=lent(network),
            money=network.money,
        )

    def _open(self, network: Network, now: int) -> int:
        """What exchanges that rules accepted beyond exposure put at risk now."""
        risky = [held for id_ in self._risky if (held := self._exchanges.held.get(id_)) and held.network == network.id]
        views = (self._exchanges.view(held, now) for held in risky)
        return sum(at_risk(view, self._state.me, network.genesis.unit) for view in views)

    def _takes(self, network: Network, terms: Terms) -> int:
        """How long terms without an end take, if their quantity counts hours or days; ms, else 0."""
        current = self._listings.current(network, self._state.me, terms.name)
        price = current[1].price if current is not None else None
        return terms.quantity * SPANS.get(price.per, 0) if price is not None and not terms.end else 0

    def _as_listed(self, network: Network, terms: Terms, now: int) -> Terms | None:
        """The terms that our listing asks for, at the quantity and time that is proposed."""
        current = self._listings.current(network, self._state.me, terms.name)
        if current is None or current[0].id != terms.listing or current[1].paused or current[0].until <= now:
            return None
        record, listing = current
        of = self._state.template(listing.kind)
        try:
            labels = parse_labels(listing.tags)
            way = way_as_listed(labels, of, way_of(terms, of) if labels.handover == "both" else "")
            items = items_of(terms, listing.price)
            quantity, amount, unit, text = priced(network, listing.price, terms.quantity, terms.start, terms.end, items)
            made = draft_terms(
                listing=record.id,
                name=record.name,
                proposer=terms.proposer,
                responder=terms.responder,
                offered=listing.direction == "offer",
                kind=listing.kind,
                title=listing.title,
                quantity=quantity,
                start=terms.start,
                end=terms.end,
                amount=amount,
                unit=unit,
                price_text=text,
                note="",
                previous=b"",
                expires=terms.expires,
                asked=Asking(full=full_by_itself(of, terms.start, terms.end), capacity=listing.quantity or 1, way=way),
                of=of,
            )
            return booked(made, listing.price, items)
        except (Refusal, Reject):
            return None

    def _about(self, args: AddRule) -> tuple[Network, bytes]:
        if args.listing is None:
            return self._state.network(args.network), b""
        network, record, _ = self._listings.own(args.listing, args.network)
        return network, record.name

    def _title(self, network: Network, name: bytes) -> str | None:
        current = self._listings.current(network, self._state.me, name)
        return current[1].title if current is not None else None

    def _who(self, text: str) -> str:
        known = ("regulars", "members", "anyone")
        return text if text in known else self._state.directory.resolve(text).hex()

    def _store(self, rule: Rule) -> dict[str, Any]:
        self._rules[rule.number] = rule
        self._state.journal.put(
            RULE + rule.number.to_bytes(8, "big"), encode(msgspec.to_builtins(rule, builtin_types=(bytes,)))
        )
        return self._json(rule)

    def _json(self, rule: Rule) -> dict[str, Any]:
        network = self._state.networks.get(rule.network)
        named = [who if len(who) < 64 else self._state.directory.name(bytes.fromhex(who)) for who in rule.who]
        return {
            "number": rule.number or None,
            "network": rule.network.hex(),
            "listing": rule.name.hex() or None,
            "title": self._title(network, rule.name) if network and rule.name else None,
            "kind": rule.kind or None,
            "from": named,
            "hours": rule.hours,
            "days": rule.days,
            "zone": rule.zone,
            "most": {"amount": rule.most, "unit": network.genesis.unit} if rule.most >= 0 and network else None,
            "most_hours": rule.most_hours or None,
            "regular": rule.regular,
            "risk": {"amount": lent(network) if rule.risk < 0 else rule.risk, "unit": network.genesis.unit}
            if network
            else None,
        }
