"""The exchanges of this node: the facts it holds, what they amount to, and what follows from each new one."""

from collections.abc import Callable

import msgspec

from ledger.entry import Entry, settlement_of
from ledger.payloads import Settlement
from ledger.settlement import Decision
from p2pnode.bounds import FORGET_AFTER, MAX_COUNTERS, MAX_EXCHANGES, MAX_OPEN_PER_STRANGER, MAX_UNAGREED
from protocols import exchange_messages as messages
from protocols.codec import decode, encode, plain
from protocols.envelope import Record, parse_record
from protocols.errors import Ignore, Refusal, Reject
from protocols.exchange import NEGOTIATING, OPEN, Exchange, Status, evaluate
from protocols.fact import NO_DEAL, Fact, Step, parse_fact, seal_fact, verify_fact
from protocols.limits import MAX_FACTS, MAX_LIFETIME, MAX_SHORT_TEXT
from protocols.payments import PAY, Payment, deal_of
from protocols.steps import check_fact, parse_step
from protocols.terms import Terms, parse_terms, terms_hash

from .effects import Emit, Send
from .keys import EXCHANGE, FACT
from .listings import Listings
from .outbox import Outbox
from .settlements import Settlements
from .state import Network, State

_SEVERAL = (b"pay-1", b"deposit")  # what terms with several payments have in their bytes; the others need no parsing
_LAPSING = NEGOTIATING | {Status.EXPIRED}


class Held(msgspec.Struct):
    """An exchange as this node holds it. agreed_seq: of our AGREE entry, −1 before; seen_at: newest change, ms; deals:
    settlement of `pay`, and of each other payment that any terms in it name, by its duty; shown: hash of the terms that
    our user was shown last, since this node started, or empty.
    """

    id: bytes
    network: bytes
    began_at: int
    seen_at: int
    listing: bytes  # wire of the record that the proposal names, as we had it; may be empty
    agreed_seq: int
    facts: dict[bytes, Fact]
    deals: dict[str, bytes] = {}
    shown: bytes = b""
    cached: tuple[int, dict[str, Payment], Exchange] | None = None  # the view of so many facts and these payments

    @property
    def proposal(self) -> Fact:
        return self.facts[self.id]


class Exchanges:
    def __init__(self, state: State, outbox: Outbox, listings: Listings, settlements: Settlements) -> None:
        self._state = state
        self._outbox = outbox
        self._listings = listings
        self._settlements = settlements
        self.held: dict[bytes, Held] = {}
        self._deals: dict[
            bytes, tuple[bytes, str]
        ] = {}  # settlement → exchange, duty; where it is not the exchange's id
        self.rated: Callable[[Held, int], None]  # set by the core: both may have rated now
        self._load()
        state.named["payment"] = lambda network, deal: (
            self.of_deal(deal)[1] is not None or (network, deal) in settlements.deals
        )

    def view(self, held: Held, now: int) -> Exchange:
        network = self._state.networks[held.network]
        moved = {duty: self._settlements.payment(held.network, deal) for duty, deal in held.deals.items()}
        if held.cached is not None and held.cached[:2] == (len(held.facts), moved):
            view = held.cached[2]
            if view.status not in _LAPSING or (now > view.terms.expires) == (view.status is Status.EXPIRED):
                return view
        view = evaluate(held.facts.values(), moved, network.genesis.unit, now)
        held.cached = (len(held.facts), moved, view)
        return view

    def of_deal(self, deal: bytes) -> tuple[bytes, str | None]:
        """The exchange that a settlement is of, and the duty; the same id and None if it is of none that we hold."""
        if deal in self._deals:
            return self._deals[deal]
        return deal, PAY if deal in self.held else None

    def whose(self, kind: str, said: Settlement | None) -> dict[str, str | None]:
        """The exchange of an entry of our ledger and, if it is one of a payment, the duty that is paid: as JSON."""
        if said is None or "VOUCH" in kind:
            return {"exchange_id": None, "duty": None}
        if kind.startswith("CLAIM"):
            return {"exchange_id": said.terms.hex() or None, "duty": None}
        exchange, duty = self.of_deal(said.deal)
        return {"exchange_id": exchange.hex(), "duty": duty if kind.startswith("PAY_") else None}

    def commitments(self, held: Held, author: bytes) -> set[bytes]:
        """What this party has sealed as its rating."""
        rated = (f for f in held.facts.values() if f.kind == "rated" and f.author == author)
        return {parse_step(f).commitment for f in rated}

    def check_room(self, held: Held | None = None) -> None:
        """`Refusal` if one more step of ours, in this exchange or in a new one, could not be kept or delivered."""
        self._outbox.check_room()
        if held is not None and self._count(held, self._state.me) >= MAX_FACTS - 1:
            raise Refusal("refused", f"{MAX_FACTS} steps were said in this exchange", "Begin a new one.")
        if held is None and len(self.held) >= MAX_EXCHANGES:
            raise Refusal("refused", f"{MAX_EXCHANGES} exchanges are kept here", "Old ones are forgotten in time.")

    def _count(self, held: Held, author: bytes, kind: str = "") -> int:
        return sum(f.author == author and kind in ("", f.kind) for f in held.facts.values())

    def find(self, text: str) -> Held:
        """The one exchange whose id starts with this, or `Refusal`."""
        found = [h for i, h in self.held.items() if i.hex().startswith(text.lower())]
        if len(found) == 1:
            return found[0]
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
        if kind == "counter" and self._count(held, self._state.me, kind) >= MAX_COUNTERS:
            raise Refusal("refused", f"{MAX_COUNTERS} counter-proposals are enough", "Accept, decline, or begin anew.")
        fact = self._seal(held.network, held.id, kind, prev, now, payload)
        check_fact(fact)
        other = self.view(held, now).counterparty(self._state.me)
        self._keep(held, fact, now)
        self._deliver(held, fact, other, now)
        return self._follow(held, now)

    def received(self, peer: str, wire: bytes, now: int) -> None:
        """A fact from a counterparty. `Reject` or `Ignore` if it does not count; acknowledged once it is stored."""
        fact = parse_fact(wire)
        held = self.held.get(fact.exchange_id)
        if held is not None and fact.id in held.facts:
            return self._answer(peer, messages.Ack(fact.id))
        network = self._state.networks.get(fact.network)
        if network is None:
            raise Ignore("network")
        if fact.author == self._state.me:
            raise Ignore("context", "our own, from before what this node remembers")
        check_fact(fact)
        self._verify(fact)
        if fact.kind == "propose":
            problem = self._why_not(network, fact, now)
            if problem:
                return self._answer(peer, messages.Refuse(fact.id, *problem))
            record = self._listings.record_of(network, parse_terms(fact.payload).listing)
            held = Held(fact.id, network.id, now, now, record.wire if record else b"", -1, {})
            self.held[held.id] = held
        elif held is None:
            raise Ignore("unknown_exchange")  # the proposal is still under way: it will be sent again, and this too
        else:
            terms = self.view(held, now).terms
            if held.network != fact.network or fact.author not in terms.parties:
                raise Reject("context", "a fact of somebody else's exchange")
            counters = self._count(held, fact.author, "counter") if fact.kind == "counter" else 0
            if self._count(held, fact.author) >= MAX_FACTS or counters >= MAX_COUNTERS:
                return self._answer(peer, messages.Refuse(fact.id, "refused", "too many steps in one exchange"))
        self._keep(held, fact, now)
        self._answer(peer, messages.Ack(fact.id))
        self._follow(held, now)

    def refused(self, peer: str, refusal: messages.Refuse, now: int) -> None:
        """The other side will not take a proposal of ours, for good."""
        held = self.held.get(refusal.id)
        if held is None or not self._outbox.acknowledged(refusal.id, peer):
            return
        if self.view(held, now).status in NEGOTIATING:
            step = step_payload(refusal.text[:MAX_SHORT_TEXT])
            fact = self._seal(held.network, held.id, "withdraw", refusal.id, now, step)
            check_fact(fact)
            self._keep(held, fact, now)
            self._follow(held, now)

    def settled(self, network: bytes, deal: bytes, now: int) -> None:
        """The settlement of an exchange moved."""
        held = self.held.get(self.of_deal(deal)[0])
        if held is not None:
            self._follow(held, now)

    def delivered(self, held: Held) -> bool:
        """Whether all that we said has been acknowledged."""
        return not any(f in self._outbox.items for f in held.facts) and not any(
            self._settlements.waiting(held.network, deal) for deal in held.deals.values()
        )

    def _follow(self, held: Held, now: int) -> Exchange:
        """What a change entails: both halves of an agreement go into the ledger."""
        view = self.view(held, now)
        held.seen_at = now
        ready = self._state.networks[held.network].chain.ready
        if view.acceptance is not None and held.agreed_seq < 0 and ready:
            held.agreed_seq = self._settlements.record_agreement(held.network, view, now)
        self._store(held)
        if len(view.rated) == 2:
            self.rated(held, now)
        self._state.journal.out(Emit("exchange", {"exchange_id": held.id.hex(), "status": str(view.status)}))
        return view

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
            if held.network == network and held.agreed_seq < 0 and self.view(held, now).acceptance is not None:
                self._follow(held, now)

    def counterparties(self) -> set[bytes]:
        return {a for h in self.held.values() for a in parse_terms(h.proposal.payload).parties} - {self._state.me}

    def may_be_paid(self, network: bytes, entry: Entry, said: Settlement, now: int) -> Decision:
        """Whether a payment that is proposed to us is one that was agreed, and its time has come."""
        exchange, name = self.of_deal(said.deal)
        held = self.held.get(exchange)
        if held is None or held.network != network:
            return Decision.WAIT  # the proposal, or its acceptance, may still be under way
        view = self.view(held, now)
        duty = next((d for d in view.terms.payments if d.id == name), None)
        if entry.author != view.counterparty(self._state.me) or (duty is not None and duty.provider != entry.author):
            return Decision.WAIT  # one decision a deal: a stranger must not be able to use it up
        if not self._state.networks[network].credible(entry, said.amount):
            return Decision.WAIT
        if not view.agreed:  # also if it was declined: an acceptance under way goes before that
            return Decision.WAIT
        agreed = (
            duty is not None
            and duty.amount == said.amount
            and duty.unit == self._state.networks[network].genesis.unit
            and said.terms == terms_hash(view.terms)
            and (said.witnesses, said.quorum) == (view.terms.witnesses, view.terms.quorum)
        )
        take = view.may_take(duty) if agreed and duty is not None else False
        return Decision.WAIT if take is None else Decision.ACCEPT if take else Decision.RELEASE

    def _why_not(self, network: Network, fact: Fact, now: int) -> tuple[str, str] | None:
        terms = parse_terms(fact.payload)
        if terms.responder != self._state.me:
            raise Reject("context", "a proposal to somebody else")
        if not self._listings.is_mine(network, terms.name):
            return ("not_found", "there is no such listing any more")
        if now > terms.expires:
            return ("refused", "the proposal has lapsed")
        if terms.expires > now + MAX_LIFETIME:
            return ("refused", "a proposal lapses within 90 days; is your clock right?")
        if not network.genesis.open and not network.member(fact.author):
            return ("refused", "you are not a member of this network, as far as is known here")
        record = self._listings.record_of(network, terms.listing)
        if record is not None and record.slot != (self._state.me, "listing", terms.name):
            raise Reject("context", "the proposal names another record than the listing's")
        return None if self._has_room(network, fact.author, now) else ("refused", "too many proposals wait here")

    def _has_room(self, network: Network, author: bytes, now: int) -> bool:
        """Whether one more proposal of this author can be kept. Invited members find room longer than others do."""
        unagreed = [h for h in self.held.values() if h.agreed_seq < 0]
        his = [h for h in unagreed if h.proposal.author == author]
        waiting = sum(self.view(h, now).status in NEGOTIATING for h in his)
        room = MAX_UNAGREED if network.member(author) else MAX_UNAGREED // 2
        return (
            waiting < MAX_OPEN_PER_STRANGER
            and len(his) < 4 * MAX_OPEN_PER_STRANGER
            and len(unagreed) < room
            and len(self.held) < MAX_EXCHANGES
        )

    def forget(self, now: int) -> None:
        """Drop what came to nothing long ago. A copy of such a proposal has lapsed, so it cannot come back."""
        for held in [h for h in self.held.values() if h.agreed_seq < 0 and h.seen_at < now - FORGET_AFTER]:
            lapsed = max(self.view(held, now).terms.expires, parse_terms(held.proposal.payload).expires)
            if now > lapsed + FORGET_AFTER and not any(f in self._outbox.items for f in held.facts):
                self._drop(held)

    def _drop(self, held: Held) -> None:
        del self.held[held.id]
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

    def overlapping(self, held: Held, view: Exchange, now: int) -> Exchange | None:
        """Another agreed exchange of the same listing at an overlapping time."""
        terms = view.terms
        if not terms.end:
            return None
        for other in self.held.values():
            if other.id == held.id or other.network != held.network:
                continue
            seen = self.view(other, now)
            same = (seen.terms.responder, seen.terms.name) == (terms.responder, terms.name)
            overlap = seen.terms.end and seen.terms.start < terms.end and terms.start < seen.terms.end
            if seen.agreed and seen.status in OPEN and same and overlap:
                return seen
        return None

    def taken(self, network: bytes, name: bytes, since: int, now: int) -> int:
        """How much of a listing of ours was agreed on since a time, and not cancelled."""
        views = [self.view(h, now) for h in self.held.values() if h.network == network]
        return sum(
            v.terms.quantity
            for v in views
            if v.acceptance is not None
            and (v.terms.responder, v.terms.name) == (self._state.me, name)
            and v.acceptance.at >= since
            and v.status is not Status.CANCELLED
        )

    def _seal(self, network: bytes, deal: bytes, kind: str, prev: bytes, now: int, payload: bytes) -> Fact:
        return seal_fact(self._state.signer, network=network, deal=deal, kind=kind, prev=prev, at=now, payload=payload)

    def _deliver(self, held: Held, fact: Fact, to: bytes, now: int) -> None:
        frame = messages.encode_message(messages.FactMessage(fact.wire))
        self._outbox.add(fact.id, held.network, to, messages.PROTOCOL, frame, now)

    def _answer(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))

    def _keep(self, held: Held, fact: Fact, now: int) -> None:
        self._hold(held, fact)
        held.seen_at = now
        self._state.journal.put(FACT + held.id + fact.id, fact.wire)
        self._store(held)

    def _hold(self, held: Held, fact: Fact) -> None:
        held.facts[fact.id] = fact
        held.deals[PAY] = held.id
        if any(name in fact.payload for name in _SEVERAL) and fact.kind in ("propose", "counter"):
            for duty in parse_terms(fact.payload).payments:
                deal = held.deals[duty.id] = deal_of(held.id, duty.id)
                if deal != held.id:
                    self._deals[deal] = (held.id, duty.id)

    def _store(self, held: Held) -> None:
        row = [held.network, held.began_at, held.seen_at, held.listing, held.agreed_seq]
        self._state.journal.put(EXCHANGE + held.id, encode(row))

    def _load(self) -> None:
        for key, value in self._state.journal.scan(EXCHANGE):
            id_ = key[len(EXCHANGE) :]
            network, began_at, seen_at, listing, agreed_seq = decode(value)
            if network in self._state.networks:
                self.held[id_] = Held(id_, network, began_at, seen_at, listing, agreed_seq, {})
        for key, value in self._state.journal.scan(FACT):
            held = self.held.get(key[len(FACT) : len(FACT) + 32])
            if held is not None:
                self._hold(held, parse_fact(value))

    def listing_of(self, held: Held) -> Record | None:
        return parse_record(held.listing) if held.listing else None


def step_payload(text: str = "", duty: str = "", commitment: bytes = b"") -> bytes:
    """Payload of a fact that carries no terms."""
    given = plain(Step(duty, text, commitment))
    return encode(given) if given else b""


def accept_payload(view: Exchange, text: str = "") -> bytes:
    """Payload of the acceptance of the newest terms."""
    step = Step(text=text, party=view.terms_fact.author, terms=terms_hash(view.terms))
    return encode(plain(step))
