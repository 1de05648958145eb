"""Parcels: the custody receipts that this node holds, the hand-overs that wait for a second signature, and who is told.

(`custody.py` is something else: what this node keeps of other people's ledgers.)
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from p2pnode.bounds import (
    MAX_OFFERED_PARCELS,
    MAX_OFFERED_PARCELS_BY_ONE,
    MAX_PARCELS,
    PARCEL_OFFER_LIFE,
    RECEIPTS_KEPT,
)
from protocols import custody_messages as messages
from protocols.codec import decode, encode
from protocols.duties import DutyState
from protocols.errors import Ignore, Refusal, Reject
from protocols.exchange import OPEN, Exchange
from protocols.identity import digest
from protocols.limits import MAX_RECEIPTS, MAX_SKEW
from protocols.parcel import Custody, duties_of, parties_of, passed, superfluous, trace
from protocols.receipt import Half, Receipt, parse_half, parse_receipt, verify_half, verify_receipt
from protocols.terms import Terms

from .doors import code_shown
from .effects import Emit, Send
from .exchanges import Exchanges
from .held import Hands, Held, agreement, step_payload
from .keys import HALF, RECEIPT
from .outbox import Outbox
from .parcel_room import room
from .state import State
from .unsure import Unsure


class Offered(NamedTuple):
    """A hand-over that one has signed. since: ms, when it was signed here, or came here."""

    half: Half
    since: int


Parcel = tuple[bytes, bytes]
"""network16, parcel32."""


class Parcels:
    def __init__(self, state: State, outbox: Outbox, exchanges: Exchanges) -> None:
        self._state = state
        self._outbox = outbox
        self._exchanges = exchanges
        self.held: dict[Parcel, dict[bytes, Receipt]] = {}
        self.offers: dict[bytes, Offered] = {}  # by the id that the receipt will have; ours, and those to us
        exchanges.passed = self.passed
        exchanges.hands = self.hands
        exchanges.moved = lambda held, view, now: self.pass_code_on(held.network, view.terms.parcel, now)
        for _, value in state.journal.scan(RECEIPT):
            self._hold(parse_receipt(value))
        for _, value in state.journal.scan(HALF):
            since, wire = decode(value)
            half = parse_half(wire)
            self.offers[half.id] = Offered(half, since)
        self._codes: set[Parcel] = {*self.held}  # for which a code may wait to be passed on
        self.unsure = Unsure(state, self)

    # What is known

    def receipts(self, network: bytes, parcel: bytes) -> list[Receipt]:
        return [*self.held.get((network, parcel), {}).values()]

    def passed(self, network: bytes, terms: Terms) -> Mapping[str, int]:
        """Which duties of these terms receipts have done, and when, ms: for `evaluate`."""
        held = self.held.get((network, terms.parcel)) if terms.parcel else None
        return passed(terms, held.values()) if held else {}

    def exchanges(self, network: bytes, parcel: bytes, now: int) -> list[tuple[Held, Terms]]:
        """Our agreed exchanges that pass this parcel on, the oldest first."""
        found = []
        for held in map(self._exchanges.held.__getitem__, self._exchanges.parcels.of(parcel)):
            if held.network == network:
                view = self._exchanges.view(held, now)
                if view.agreed and view.terms.parcel == parcel:
                    found.append((held, view.terms))
        return sorted(found, key=lambda row: (row[0].began_at, row[0].id))

    def knows(self, exchange: bytes) -> bool:
        return self._exchanges.knows(exchange)

    def carrying(self, network: bytes, now: int) -> list[tuple[Held, Exchange]]:
        """Our agreed exchanges that pass a parcel on."""
        views = [(h, self._exchanges.view(h, now)) for h in self._passing(network)]
        return [(h, v) for h, v in views if v.agreed and v.terms.parcel]

    def keep(self, receipts: Iterable[Receipt]) -> None:
        """Those of an exchange that was put away, and is not any more."""
        for receipt in receipts:
            self._hold(receipt)
            self._state.journal.put(RECEIPT + receipt.parcel + receipt.id, receipt.wire)

    def custody(self, network: bytes, parcel: bytes, now: int, terms: Terms | None = None) -> Custody:
        """Where a parcel is, as far as is known here. terms: of the exchange to look from; None: our oldest one, or
        none, where we only gave or took it."""
        if terms is None:
            terms = next((t for _, t in self.exchanges(network, parcel, now)), None)
        me = self._state.me
        return trace(self.receipts(network, parcel), parties_of(terms) if terms is not None else (me,))

    def hands(self, network: bytes, terms: Terms, now: int) -> Hands:
        """In whose hands the parcel of these terms is, and to whom it is offered."""
        custody = self.custody(network, terms.parcel, now, terms)
        at = (network, terms.parcel, custody.holder, custody.last)
        halves = (o.half for o in self.offers.values())
        offered = next((h for h in halves if (h.network, h.parcel, h.giver, h.prev) == at), None)
        if offered is not None:
            return Hands(custody.holder, offered.taker, offered.id)
        return Hands(custody.holder, at_door=self.is_at_door(network, terms.parcel, now))

    def is_at_door(self, network: bytes, parcel: bytes, now: int) -> bool:
        """Whether a courier has shown the code of its door, as far as is known here."""
        return any(code_shown(held, terms) for held, terms in self.exchanges(network, parcel, now))

    def open_offer(self, parcel: Parcel, prev: bytes) -> Offered | None:
        """What we have offered to somebody and he has not taken, of what we hold by the receipt `prev`."""
        return next(
            (
                o
                for o in self.offers.values()
                if (o.half.giver, o.half.prev) == (self._state.me, prev) and parcel == (o.half.network, o.half.parcel)
            ),
            None,
        )

    def is_waiting(self, receipt: Receipt) -> bool:
        """Whether somebody who is to hear of this hand-over has not acknowledged it yet."""
        frame = messages.encode_message(messages.Passed(receipt.wire))
        return any(item.frame == frame for item in self._outbox.items.values())

    # What changes

    def offer(self, half: Half, now: int) -> None:
        """Our own half: kept until it is taken, and brought to who is to take it."""
        self._keep_offer(half, now)
        before = tuple(r.wire for r in self._path_to(half, now))
        frame = messages.encode_message(messages.Offer(half.wire, before))
        self._outbox.add(half.id, half.network, half.taker, messages.PROTOCOL, frame, now)

    def offered_before(self, half: Half, now: int) -> None:
        """A half of ours that was lost here, and came back from who may take it."""
        self._keep_offer(half, now)
        self._emit(half, "offered")

    def drop_offer(self, id_: bytes) -> None:
        if self.offers.pop(id_, None) is not None:
            self._state.journal.delete(HALF + id_, durable=True)
        self._outbox.drop(id_)

    def decline(self, half: Half, now: int) -> None:
        """What is offered to us is not taken: its giver hears of it, and still has the parcel."""
        self.drop_offer(half.id)
        frame = messages.encode_message(messages.Refuse(half.id, "refused", "not taken"))
        self._outbox.add(messages.refusal_id(half.id), half.network, half.giver, messages.PROTOCOL, frame, now)

    def add(self, receipts: Iterable[Receipt], now: int, besides: bytes | None = None) -> None:
        """Keep these, which were verified, and tell all whom they concern but `besides`, who knows them."""
        for receipt in receipts:
            key = (receipt.network, receipt.parcel)
            if receipt.id in self.held.get(key, {}):
                continue
            gone = superfluous(self.held.get(key, {}).values(), receipt)
            self._hold(receipt)
            self._state.journal.put(RECEIPT + receipt.parcel + receipt.id, receipt.wire)
            for id_ in gone:
                del self.held[key][id_]
                self._state.journal.delete(RECEIPT + receipt.parcel + id_)
            self.drop_offer(receipt.id)
            self._tell(receipt, now, besides)

    def pass_code_on(self, network: bytes, parcel: bytes, now: int) -> None:
        """The code of the door that a courier has shown in one of our exchanges opens the others in which we carry the
        same parcel to the same door: so it goes from hand to hand, up to the sender. Said once in each."""
        rows = self.exchanges(network, parcel, now)
        self._codes.discard((network, parcel))
        shown = {terms.door: code for held, terms in rows if (code := code_shown(held, terms))}
        for held, terms in rows:
            view, last = self._exchanges.view(held, now), duties_of(terms)[-1]
            waits = view.status in OPEN and view.duties[last.id] is DutyState.PENDING and view.due(last)
            if waits and last.provider == self._state.me and terms.door in shown:
                said = step_payload(duty=last.id, code=shown[terms.door])
                try:
                    self._exchanges.say(held, "done", agreement(view), said, now)
                except Refusal:  # no room: tried again with the next thing that is said here, and now and then
                    self._codes.add((network, parcel))

    def verify(self, found: Receipt | Half) -> None:
        """The signatures, with the newest keys that are known of each. `Reject`, `Ignore`."""
        if isinstance(found, Half):
            verify_half(found, self._key(found.giver, found.giver_epoch))
        else:
            giver, taker = self._key(found.giver, found.giver_epoch), self._key(found.taker, found.taker_epoch)
            verify_receipt(found, giver, taker)

    def why_not(self, half: Half, now: int, before: Iterable[Receipt] = ()) -> str:
        """Why our user cannot take what is offered, or nothing: by what is known here, and was `before`, its giver
        does not have it; or it was signed for another key, or too long ago."""
        me = self._state.signer
        if (half.taker, half.taker_epoch) != (me.author, me.epoch):
            return "it is offered to somebody else"
        if half.at > now + MAX_SKEW:
            return "it is signed at a time that has not come: one of the two clocks is wrong"
        if half.at < now - PARCEL_OFFER_LIFE:
            return "it was offered too long ago"
        receipts = [*self.receipts(half.network, half.parcel), *before]
        found = trace(receipts, (half.giver, half.taker))
        if receipts and (found.holder, found.last) != (half.giver, half.prev):
            return f"by the receipts known here {self._state.directory.name(found.holder)} has it now"
        return ""

    def room_for(self, key: Parcel) -> bool:
        held = self.held.get(key)
        return len(self.held) < MAX_PARCELS if held is None else len(held) < MAX_RECEIPTS

    def make_room(self, key: Parcel, now: int, more: Sequence[Receipt] = (), by: bytes | None = None) -> bool:
        """Whether these are kept that `by` says; where there is no room for them, or for one, and they count, let go of
        those that do not, the newest first."""
        held = self.held.get(key, {})
        space = MAX_RECEIPTS - max(1, len(more))
        found = room(held.values(), more, [terms for _, terms in self.exchanges(*key, now)], self._state.me)
        excess = len(held) - space
        if excess > 0 and {r.id for r in more} <= found.needed and len(found.idle) >= excess:
            for receipt in found.idle[-excess:]:
                del held[receipt.id]
                self._state.journal.delete(RECEIPT + receipt.parcel + receipt.id)
        return by == self._state.me or found.is_heard(by, more)

    def forget(self, now: int) -> None:
        """Let go of offers that nobody took, and of parcels that belong to no exchange of ours any more: at once where
        they never came to us."""
        for offered in [o for o in self.offers.values() if o.since < now - PARCEL_OFFER_LIFE]:
            self.drop_offer(offered.half.id)
        for key in sorted(self._codes):
            self.pass_code_on(*key, now)
        waiting = {(o.half.network, o.half.parcel) for o in self.offers.values()}
        for key, held in [*self.held.items()]:
            if key in waiting or self.exchanges(*key, now):
                continue
            ours = any(self._state.me in (r.giver, r.taker) for r in held.values())
            if not ours or max(r.at for r in held.values()) < now - RECEIPTS_KEPT:
                for id_ in held:
                    self._state.journal.delete(RECEIPT + key[1] + id_)
                del self.held[key]

    # What others say

    def received(self, peer: str, data: bytes, now: int) -> None:
        """`Reject` or `Ignore` for what does not count; acknowledged once it is stored."""
        match message := messages.parse_message(data):
            case messages.Offer(half, before):
                self._offered(peer, parse_half(half), tuple(parse_receipt(w) for w in before), now)
            case messages.Passed(wire):
                self._was_passed(peer, parse_receipt(wire), now)
            case messages.Ack(id_):
                author = self._state.directory.author_of(peer)
                for item in (id_, _item(id_, author or b"")):
                    self._outbox.acknowledged(item, peer)
            case messages.Refuse(id_):
                self._refused(peer, id_)
            case messages.Mine():
                self.unsure.asked(peer, message, now)
            case messages.Told():
                self.unsure.told(peer, message, now)

    def _offered(self, peer: str, half: Half, before: tuple[Receipt, ...], now: int) -> None:
        key = (half.network, half.parcel)
        taken = self.held.get(key, {}).get(half.id)
        if taken is not None:
            self._answer(peer, messages.Ack(half.id))
            return self._answer(peer, messages.Passed(taken.wire))
        if half.id in self.offers:
            return self._answer(peer, messages.Ack(half.id))
        if half.network not in self._state.networks:
            raise Ignore("network")
        if half.taker != self._state.me or any((r.network, r.parcel) != key for r in before):
            raise Reject("context", "a parcel that is offered to somebody else, or receipts of another")
        said: tuple[Half | Receipt, ...] = (half, *before)
        for found in said:
            self.verify(found)
        if not self._room_for_offer(half):
            return self._answer(peer, messages.Refuse(half.id, "refused", "too many parcels wait here"))
        problem = self.why_not(half, now, before)
        if problem:
            return self._answer(peer, messages.Refuse(half.id, "refused", problem))
        unknown = [r for r in before if r.id not in self.held.get(key, {})]
        heard = self.make_room(key, now, unknown, half.giver)
        if not heard or len(unknown) + len(self.held.get(key, {})) > MAX_RECEIPTS or not self.room_for(key):
            return self._answer(peer, messages.Refuse(half.id, "refused", "there is no room for this parcel"))
        self.add(unknown, now, half.giver)
        self._keep_offer(half, now)
        self._answer(peer, messages.Ack(half.id))
        self._emit(half, "offered")

    def _was_passed(self, peer: str, receipt: Receipt, now: int) -> None:
        key = (receipt.network, receipt.parcel)
        if receipt.id in self.held.get(key, {}):
            return self._answer(peer, messages.Ack(receipt.id))
        if receipt.network not in self._state.networks:
            raise Ignore("network")
        self.verify(receipt)
        if not self.concerns_us(receipt, now):
            return self._answer(peer, messages.Refuse(receipt.id, "not_found", "a parcel that is unknown here"))
        heard = self.make_room(key, now, (receipt,), self._state.directory.author_of(peer))
        if not heard or not self.room_for(key):
            return self._answer(peer, messages.Refuse(receipt.id, "refused", "too many receipts of one parcel"))
        self.add((receipt,), now, self._state.directory.author_of(peer))
        self._answer(peer, messages.Ack(receipt.id))

    def _refused(self, peer: str, id_: bytes) -> None:
        """Who should take it will not, or who should hear of it does not care."""
        offered = self.offers.get(id_)
        author = self._state.directory.author_of(peer)
        self._outbox.acknowledged(_item(id_, author or b""), peer)
        if offered is not None and self._state.directory.speaks_for(peer, offered.half.taker):
            self.drop_offer(id_)
            self._emit(offered.half, "refused")
        self._answer(peer, messages.Ack(messages.refusal_id(id_)))

    def concerns_us(self, receipt: Receipt, now: int) -> bool:
        key = (receipt.network, receipt.parcel)
        return (
            key in self.held
            or self._state.me in (receipt.giver, receipt.taker)
            or any((o.half.network, o.half.parcel) == key for o in self.offers.values())
            or bool(self.exchanges(*key, now))
        )

    def _room_for_offer(self, half: Half) -> bool:
        """Whether one more can wait for our user. Members find room longer than others do."""
        waiting = [o.half for o in self.offers.values() if o.half.taker == self._state.me]
        member = self._state.networks[half.network].member(half.giver)
        room = MAX_OFFERED_PARCELS if member else MAX_OFFERED_PARCELS // 2
        return len(waiting) < room and sum(h.giver == half.giver for h in waiting) < MAX_OFFERED_PARCELS_BY_ONE

    def _tell(self, receipt: Receipt, now: int, besides: bytes | None) -> None:
        """Giver, taker, and the other party of each of our exchanges with this parcel; so the sender hears of each
        hand-over, link by link."""
        self._emit(receipt, "passed")
        concerned = self.exchanges(receipt.network, receipt.parcel, now)
        for held, _ in concerned:
            self._exchanges.passed_on(held, now)
        parties = {p for _, terms in concerned for p in terms.parties}
        frame = messages.encode_message(messages.Passed(receipt.wire))
        for author in sorted({receipt.giver, receipt.taker, *parties} - {self._state.me, besides}):
            self._outbox.add(_item(receipt.id, author), receipt.network, author, messages.PROTOCOL, frame, now)

    def _path_to(self, half: Half, now: int) -> tuple[Receipt, ...]:
        """The hand-overs by which our own half's parcel came to us."""
        path = trace(self.receipts(half.network, half.parcel), (half.giver,)).path
        return path[-(MAX_RECEIPTS - 1) :]

    def _passing(self, network: bytes) -> list[Held]:
        """Our exchanges in which any terms name a parcel."""
        found = (self._exchanges.held[id_] for id_ in self._exchanges.parcels.all())
        return [held for held in found if held.network == network]

    def _key(self, author: bytes, epoch: int) -> bytes | None:
        known = self._state.key_states.get(author)
        if epoch != (0 if known is None else known.epoch):
            raise Ignore("epoch", "signed with a key that has been replaced, or that has not arrived yet")
        return None if known is None else known.key

    def _hold(self, receipt: Receipt) -> None:
        self.held.setdefault((receipt.network, receipt.parcel), {})[receipt.id] = receipt

    def _keep_offer(self, half: Half, now: int) -> None:
        self.offers[half.id] = Offered(half, now)
        self._state.journal.put(HALF + half.id, encode([now, half.wire]))

    def _emit(self, found: Receipt | Half, what: str) -> None:
        self._state.journal.out(Emit("parcel", {"parcel": found.parcel.hex(), "id": found.id.hex(), "what": what}))

    def _answer(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))


def _item(receipt: bytes, author: bytes) -> bytes:
    """What is sent to several, each of whom acknowledges it for himself."""
    return digest(receipt + author)
