"""The exchanges of this node: the facts it holds, what they amount to, and what follows from each new one."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ledger.entry import Entry, settlement_of
from ledger.payloads import Settlement
from ledger.settlement import Decision
from p2pnode.bounds import MAX_COUNTERS, MAX_EXCHANGES
from protocols import exchange_messages as messages
from protocols.codec import decode, encode
from protocols.envelope import Record, parse_record
from protocols.errors import Ignore, Refusal, Reject
from protocols.exchange import NEGOTIATING, Dispute, Exchange, evaluate
from protocols.fact import NO_DEAL, SECOND, WITH_TERMS, Fact, parse_fact, seal_fact, verify_fact
from protocols.limits import MAX_FACTS, MAX_SHORT_TEXT, MAX_SKEW
from protocols.parcel import passed
from protocols.payments import PAY, Payment
from protocols.steps import check_fact
from protocols.terms import Terms, parse_terms

from . import payable, refusals
from .admission import Admission
from .changing import Changes
from .doors import ByParcel
from .effects import Emit, Send
from .held import Hands, Held, Seen, fact_frame, step_payload
from .keys import EXCHANGE, FACT, REFUSED, RULED
from .listings import Listings
from .outbox import Outbox, copy_id
from .settlements import Settlements
from .state import Network, State

if TYPE_CHECKING:
    from .claimed import Claimed
    from .put_away import PutAway


class Exchanges:
    def __init__(self, state: State, outbox: Outbox, listings: Listings, settlements: Settlements) -> None:
        self._state = state
        self._outbox = outbox
        self._listings = listings
        self._settlements = settlements
        self.held: dict[bytes, Held] = {}
        self._deals: dict[bytes, tuple[bytes, str]] = {}  # settlement → exchange, duty; where it is not `pay`
        self._changes = Changes()
        self._admission = Admission(state, listings, self.held.values, self.view)
        self.rated: Callable[[Held, int], None]  # set by the core: both may have rated now
        self.claimed: Claimed  # set by the table of handlers, as `away`: those that have ended long ago
        self.away: PutAway
        # set by what holds receipts of custody: which duties of terms they have done, and when
        # set by what tells mediators: that there is a dispute, what we are shown of one, and that one is over
        self.disputed: Callable[[Held, Exchange, int], None]
        self.shown: Callable[[Held], tuple[dict[str, Payment], dict[str, int]]]
        self.dropped: Callable[[Held], None]
        self.passed: Callable[[bytes, Terms], Mapping[str, int]] = lambda network, terms: {}
        self.hands: Callable[[bytes, Terms, int], Hands]  # by the same: in whose hands the parcel of terms is
        self.moved: Callable[[Held, Exchange, int], None]  # and: this one, which passes a parcel on, has changed
        self.sealed: dict[bytes, set[bytes]] = {}  # exchange → its facts of the kind `contact`
        self.parcels = ByParcel()
        self.agreed: Callable[[Held, int], None]  # it was agreed on just now
        self.proposed: Callable[[Held, int], None]  # somebody has proposed it just now
        self.changed: Callable[[Held, int], None] = lambda held, now: None  # a word of either side has come, or time
        self.unwanted: Callable[[Held, Fact, int], bool]  # whether a contact is acknowledged and not kept
        self._load()
        state.named["payment"] = lambda network, deal: (
            self.of_deal(deal)[1] is not None or (network, deal) in settlements.deals
        )

    def view(self, held: Held, now: int) -> Exchange:
        """What an exchange amounts to. It is computed anew when a fact, a receipt or time has come; what moves in the
        ledgers says so by `settled`."""
        passed = self._passed(held)
        if held.seen is None or not held.seen.holds(held.came, passed, now):
            view = self._evaluate(held, passed, now)
            held.seen = Seen(held.came, passed, now, view)
            if view.changes_at is not None:
                self._changes.add(view.changes_at, held.id)
        return held.seen.view

    def _as_of(self, held: Held, at: int) -> Exchange:
        """What it amounted to at a time before, by what is known now."""
        passed = self._passed(held)
        if held.seen is not None and held.seen.holds(held.came, passed, at):
            return held.seen.view
        return self._evaluate(held, passed, at)

    def _passed(self, held: Held) -> dict[str, int]:
        terms = held.first if held.seen is None else held.seen.view.terms
        if held.receipts:
            return dict(passed(terms, held.receipts))
        return dict(self.passed(held.network, terms)) if terms.parcel else {}

    def _evaluate(self, held: Held, passed: dict[str, int], now: int) -> Exchange:
        terms = held.first if held.seen is None else held.seen.view.terms
        mine = self._state.me in terms.parties
        payments, paid_at = self._settlements.of(held) if mine else self.shown(held)
        unit = self._state.networks[held.network].genesis.unit
        return evaluate(held.facts.values(), payments, unit, now, paid_at, passed)

    def of_deal(self, deal: bytes) -> tuple[bytes, str | None]:
        """The exchange that a settlement is of, and the duty; the same id and None if it is of none that we hold."""
        if deal in self._deals:
            return self._deals[deal]
        return (deal, PAY) if deal in self.held else self.away.of_deal(deal)

    def whose(self, kind: str, said: Settlement | None) -> dict[str, str | None]:
        """The exchange of an entry of our ledger and, if it is one of a payment, the duty that is paid: as JSON."""
        if said is None or "VOUCH" in kind:
            return {"exchange_id": None, "duty": None}
        if kind.startswith("CLAIM"):
            return {"exchange_id": said.terms.hex() or None, "duty": None}
        exchange, duty = self.of_deal(said.deal)
        return {"exchange_id": exchange.hex(), "duty": duty if kind.startswith("PAY_") else None}

    def check_room(self, held: Held | None = None, steps: int = 1, besides: int = 0) -> None:
        """`Refusal` if so many more steps of ours, in this exchange or in a new one, could not be kept, or not be
        delivered with those that are about to be said besides in others. Asked before the first of them is said."""
        self._outbox.check_room(steps + besides)
        self._state.check_here(None if held is None else held.network)
        if held is not None and held.count(self._state.me) + steps >= MAX_FACTS:
            raise Refusal("refused", f"{MAX_FACTS} steps were said in this exchange", "Begin a new one.")
        if held is None and len(self.held) >= MAX_EXCHANGES:
            raise Refusal(
                "refused", f"{MAX_EXCHANGES} exchanges are open here", "End some: those are put away some weeks later."
            )

    def knows(self, exchange: bytes) -> bool:
        return exchange in self.held or self.away.knows(exchange)

    def get(self, exchange: bytes) -> Held | None:
        """One of those that were put away among them."""
        return self.held.get(exchange) or self.away.load(exchange)

    def find(self, text: str) -> Held:
        """The one exchange whose id starts with this, or `Refusal`."""
        found = [i for i in self.held if i.hex().startswith(text.lower())] + self.away.ids(text.lower())
        if len(found) == 1 and (held := self.get(found[0])) is not None:
            return held
        if found:
            raise Refusal("conflict", f"{len(found)} exchanges start with {text}", "Give more of the id.")
        raise Refusal("not_found", f"no exchange {text}", "`p2pnode exchange list` shows yours.")

    def begin(self, network: Network, terms: Terms, payload: bytes, listing: Record, now: int) -> Held:
        """Our own proposal."""
        self.check_room()
        fact = self._seal(network.id, NO_DEAL, "propose", terms.listing, now, payload)
        check_fact(fact)
        held = Held(fact.id, network.id, now, now, listing.wire, -1, {})
        self.held[held.id] = held
        self._keep(held, fact, now)
        self._deliver(held, fact, terms.responder, now)
        return held

    def say(self, held: Held, kind: str, prev: bytes, payload: bytes, now: int) -> Exchange:
        """Sign one more fact of an exchange and have it delivered."""
        self.check_room(held)
        if kind in WITH_TERMS and held.count(self._state.me, kind) >= MAX_COUNTERS:
            raise Refusal("refused", f"{MAX_COUNTERS} counter-proposals are enough", "Accept, decline, or begin anew.")
        fact = self._seal(held.network, held.id, kind, prev, now, payload)
        check_fact(fact)
        self._keep(held, fact, now)
        for to in self._told_by_us(held.first):
            self._deliver(held, fact, to, now)
        return self._follow(held, now)

    def _told_by_us(self, terms: Terms) -> tuple[bytes, ...]:
        """Whom what we say concerns in any case: the other party, or both if we are the mediator."""
        return tuple(a for a in terms.parties if a != self._state.me)

    def received(self, peer: str, wire: bytes, now: int) -> None:
        """A fact from a counterparty. `Reject` or `Ignore` if it does not count; acknowledged once it is stored."""
        fact = parse_fact(wire)
        held = self.get(fact.exchange_id)
        if held is not None and (fact.id in held.facts or (held.away and fact.kind == "contact")):
            return self._answer(peer, messages.Ack(fact.id))
        network = self._state.networks.get(fact.network)
        if network is None:
            raise Ignore("network")
        if fact.author == self._state.me:
            raise Ignore("context", "our own, from before what this node remembers")
        check_fact(fact)
        if fact.at > now + MAX_SKEW and (fact.kind in SECOND or (held is not None and held.second)):
            raise Ignore("clock", "dated ahead; it will be sent again")
        self._verify(fact)
        if fact.kind == "propose":
            problem = self._admission.why_not(network, fact, now)
            if problem:
                return self._answer(peer, messages.Refuse(fact.id, *problem))
            record = self._listings.record_of(network, parse_terms(fact.payload).listing)
            held = Held(fact.id, network.id, now, now, record.wire if record else b"", -1, {})
            self.held[held.id] = held
        elif held is None:
            raise Ignore("unknown_exchange")  # the proposal is still under way: it will be sent again, and this too
        else:
            terms = self.view(held, now).terms
            if held.network != fact.network or fact.author not in (*terms.parties, terms.mediator):
                raise Reject("context", "a fact of somebody else's exchange")
            if fact.kind == "contact" and self.unwanted(held, fact, now):
                return self._answer(peer, messages.Ack(fact.id))
            counters = held.count(fact.author, fact.kind) if fact.kind in WITH_TERMS else 0
            if held.count(fact.author) >= MAX_FACTS or counters >= MAX_COUNTERS:
                return self._answer(peer, messages.Refuse(fact.id, "refused", "too many steps in one exchange"))
        self._keep(held, fact, now)
        self._answer(peer, messages.Ack(fact.id))
        self._follow(held, now)
        if fact.kind in ("go", "accept"):  # a payment of ours may have waited for it
            self._outbox.nudge(fact.author, now)
        if fact.kind == "propose":
            self.proposed(held, now)

    def refused(self, peer: str, refusal: messages.Refuse, now: int) -> None:
        """The other side will not take what we said, for good: a proposal, which ends by it, or a later step."""
        if not self._outbox.acknowledged(refusal.id, peer):
            return self._outbox.acknowledged_copy(refusal.id, peer)
        held = self.held.get(refusal.id)
        if held is None:
            refusals.note(self._state, self.held.values(), refusal)
        elif self.view(held, now).status in NEGOTIATING:
            step = step_payload(refusal.text[:MAX_SHORT_TEXT])
            fact = self._seal(held.network, held.id, "withdraw", refusal.id, now, step)
            check_fact(fact)
            self._keep(held, fact, now)
            self._follow(held, now)

    def settled(self, network: bytes, deal: bytes, now: int) -> None:
        """The settlement of an exchange moved."""
        held = self.get(self.of_deal(deal)[0])
        if held is not None:
            if held.away:
                self.away.take_up(held, now)
            held.seen = None
            self._follow(held, now)

    def passed_on(self, held: Held, now: int) -> None:
        """A receipt of custody has come for the parcel of an exchange."""
        held.seen = None
        self._follow(held, now)

    def delivered(self, held: Held, now: int) -> bool:
        """Whether all that we said has been acknowledged; a payment that is held for a goal is nobody's to answer."""
        if any(f in self._outbox.items for f in held.facts):
            return False
        view = self.view(held, now)
        return (view.agreed and view.waits_for_go) or not any(
            self._settlements.waiting(held.network, deal) for deal in held.deals.values()
        )

    def is_beyond(self, held: Held) -> bool:
        """Whether something that we said waits for a node that does not speak what it needs: an older one."""
        return any(self._outbox.is_beyond(fact) for fact in held.facts)

    def _follow(self, held: Held, now: int) -> Exchange:
        """What a change entails: both halves of an agreement go into the ledger."""
        view = self.view(held, now)
        held.seen_at = now
        ready = self._state.networks[held.network].chain.ready
        fresh = view.agreed and held.agreed_seq < 0 and ready and self._state.me in view.terms.parties
        if fresh:
            held.agreed_seq = self._settlements.record_agreement(held.network, view, now)
        self._store(held)
        if fresh:
            self.agreed(held, now)
        if len(view.rated) == 2:
            self.rated(held, now)
        if view.dispute is not Dispute.NONE:
            self.disputed(held, view, now)
        if view.agreed and view.terms.door:
            self.moved(held, view, now)
        self._state.journal.out(Emit("exchange", {"exchange_id": held.id.hex(), "status": str(view.status)}))
        self.changed(held, now)
        return view

    def woke(self, now: int) -> None:
        """Time alone has changed something: what is overdue, lapsed, or confirmed since nobody contested it. Also while
        this node was off: after a start each exchange is looked at once, from when something last moved in it."""
        said = set[bytes]()  # after a sleep several things may have changed: it is told once, as it is now
        for at, id_ in self._changes.due(now):
            if (held := self.held.get(id_)) is None or id_ in said:
                continue
            changes = self._as_of(held, at - 1).changes_at  # whoever looked at it since may have been before us
            view = self.view(held, now)
            if changes is not None and changes <= now:
                said.add(id_)
                told = {"exchange_id": id_.hex(), "status": str(view.status)}
                overdue = [d.id for d in view.overdue(now)]
                self._state.journal.out(Emit("exchange", {**told, "overdue": overdue} if overdue else told))
                self.changed(held, now)

    def next_wake(self) -> int | None:
        return self._changes.next()

    def restored(self, entry: Entry) -> None:
        """An AGREE of our own chain is back."""
        said = settlement_of(entry)
        held = self.held.get(said.deal) if said else None
        if held is not None and held.agreed_seq < 0:
            held.agreed_seq = entry.seq
            self._store(held)

    def catch_up(self, network: bytes, now: int) -> None:
        """Entries may be signed again: what was agreed meanwhile goes into the ledger."""
        for held in self.held.values():
            if held.network == network and held.agreed_seq < 0 and self.view(held, now).agreed:
                self._follow(held, now)

    def may_be_paid(self, network: bytes, entry: Entry, said: Settlement, now: int) -> Decision:
        """Whether a payment that is proposed to us is one that was agreed, and its time has come."""
        exchange, name = self.of_deal(said.deal)
        held = self.get(exchange)
        known = self._state.networks[network]
        frozen = self._state.convictions.frozen(network, entry.author)  # our user may pardon; else it lapses
        if frozen or held is None or held.network != network or not known.credible(entry, said.amount):
            return Decision.WAIT  # the proposal, or its acceptance, may still be under way
        return payable.decide(self.view(held, now), self._state.me, name, known.genesis.unit, entry, said)

    def forget(self, now: int) -> None:
        self.away.forget(now)

    def take(self, held: Held) -> None:
        """One that was put away is kept in memory again."""
        self.held[held.id] = held
        facts, held.facts, held.deals = held.facts, {}, {}
        for fact in facts.values():
            self._hold(held, fact)
            self._state.journal.put(FACT + held.id + fact.id, fact.wire)
        self._store(held)

    def drop(self, held: Held) -> None:
        self.let_go(held)
        self.dropped(held)
        for key in (RULED, REFUSED):
            self._state.journal.delete(key + held.id)

    def let_go(self, held: Held) -> None:
        """It is kept neither in memory nor where it is found at a start."""
        del self.held[held.id]
        self.sealed.pop(held.id, None)
        self.parcels.drop(held)
        for deal in held.deals.values():
            self._deals.pop(deal, None)
        self._state.journal.delete(EXCHANGE + held.id)
        for fact_id in held.facts:
            self._state.journal.delete(FACT + held.id + fact_id)

    def _verify(self, fact: Fact) -> None:
        """The author's signature, with the newest key that is known of him."""
        known = self._state.key_states.get(fact.author)
        newest = known.epoch if known is not None else 0
        if fact.epoch != newest:
            raise Ignore("epoch", "signed with a key that has been replaced, or that has not arrived yet")
        verify_fact(fact, known.key if known is not None else None)

    def _seal(self, network: bytes, deal: bytes, kind: str, prev: bytes, now: int, payload: bytes) -> Fact:
        return seal_fact(self._state.signer, network=network, deal=deal, kind=kind, prev=prev, at=now, payload=payload)

    def _deliver(self, held: Held, fact: Fact, to: bytes, now: int) -> None:
        """The first it is for is told under the fact's own id; the mediator tells two."""
        item = fact.id if fact.id not in self._outbox.items else copy_id(fact.id, to)
        self._outbox.add(item, held.network, to, held.protocol, fact_frame(fact), now)

    def _answer(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))

    def _keep(self, held: Held, fact: Fact, now: int) -> None:
        if held.away:
            self.away.take_up(held, now)
        self._hold(held, fact)
        held.seen_at = now
        self._state.journal.put(FACT + held.id + fact.id, fact.wire)
        self._store(held)

    def _hold(self, held: Held, fact: Fact) -> None:
        before = len(held.deals)
        held.hold(fact)
        self.parcels.add(held.id, fact)
        if fact.kind == "contact":
            self.sealed.setdefault(held.id, set()).add(fact.id)
        if len(held.deals) > before:
            self._deals.update({deal: (held.id, duty) for duty, deal in held.deals.items() if deal != held.id})

    def _store(self, held: Held) -> None:
        row = [held.network, held.began_at, held.seen_at, held.listing, held.agreed_seq]
        self._state.journal.put(EXCHANGE + held.id, encode(row))

    def _load(self) -> None:
        for key, value in self._state.journal.scan(EXCHANGE):
            id_ = key[len(EXCHANGE) :]
            network, began_at, seen_at, listing, agreed_seq = decode(value)
            if network in self._state.networks:
                self.held[id_] = Held(id_, network, began_at, seen_at, listing, agreed_seq, {})
                self._changes.add(seen_at + 1, id_)
        for key, value in self._state.journal.scan(FACT):
            held = self.held.get(key[len(FACT) : len(FACT) + 32])
            if held is not None:
                self._hold(held, parse_fact(value))

    def listing_of(self, held: Held) -> Record | None:
        return parse_record(held.listing) if held.listing else None
