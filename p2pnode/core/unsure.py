"""Whether we may have signed hand-overs of parcels that are lost here: after a restore, or where a disk lost its end.

Who forgot that he gave a parcel away would give it twice. So wherever our own chain was in doubt (`recovery.py`) a mark
is kept, until everybody who can know has said which receipts of ours he holds; before that nothing is given away.
"""

from typing import TYPE_CHECKING

import msgspec

from ledger.entry import Entry, settlement_of
from p2pnode.bounds import ASK_FOR, ASK_RECEIPTS_AGAIN, MAX_ASKED, MAX_OFFERED_PARCELS, MAX_PARTNERS, PARCEL_OFFER_LIFE
from protocols import custody_messages as messages
from protocols.codec import decode, encode
from protocols.errors import Ignore, Reject
from protocols.exchange import OPEN
from protocols.fact import WITH_TERMS, parse_fact
from protocols.limits import MAX_TOLD, MAX_TOLD_HALVES
from protocols.receipt import Half, Receipt, parse_half, parse_receipt

from .effects import Send
from .keys import DOUBT, UNSURE
from .state import State

if TYPE_CHECKING:
    from protocols.terms import Terms

    from .held import Held
    from .parcels import Parcel, Parcels


class Mark(msgspec.Struct):
    """since: when the doubt began, ms; partners: of agreements that were lost here, empty for one who is not known;
    told: authors who have said all that they hold, since this node started; asked_at: when the first was asked, ms."""

    since: int
    partners: list[bytes]
    told: set[bytes] = msgspec.field(default_factory=set)
    asked_at: int | None = None
    next_at: int = 0


class Unsure:
    def __init__(self, state: State, parcels: "Parcels") -> None:
        self._state = state
        self._parcels = parcels
        self.marks: dict[bytes, Mark] = {}  # by network
        for key, value in state.journal.scan(UNSURE):
            self.marks[key[len(UNSURE) :]] = Mark(*decode(value))
        for network in state.networks:
            if network not in self.marks and state.journal.get(DOUBT + network) is not None:
                self.begin(network)

    def begin(self, network: bytes) -> None:
        """Our chain is in doubt, and so is what we gave away."""
        known = self.marks.get(network)
        now = self._state.time.now(self._state.wall)
        self._keep(network, Mark(now, [] if known is None else known.partners))

    def agreed(self, entry: Entry) -> None:
        """An AGREE of ours is back: if its exchange is not, its other party may have been given a parcel."""
        said = settlement_of(entry)
        if said is not None and self._parcels.knows(said.deal):
            return
        fact = parse_fact(said.half) if said is not None and said.half else None
        if fact is None or fact.kind not in WITH_TERMS or b"parcel" in fact.payload:
            self.partner(entry.network, b"" if said is None else said.counterparty)

    def partner(self, network: bytes, author: bytes) -> None:
        mark = self.marks.get(network)
        if mark is not None and author not in mark.partners and len(mark.partners) < MAX_PARTNERS:
            mark.partners.append(author)
            self._keep(network, mark)

    def why_not(self, key: "Parcel", now: int) -> str:
        """Why this parcel cannot be given away yet, or nothing."""
        mark = self.marks.get(key[0])
        if mark is None:
            return ""
        silent = sorted(self._concerned(mark, self._parcels.exchanges(*key, now)) - mark.told)
        if not silent and mark.told and self._listened(mark, now):
            return ""
        names = " and ".join(self._state.directory.name(a) if a else "who else you agreed with" for a in silent[:3])
        have = "have" if len(silent) > 1 else "has"
        what = f"{names} {have} not said" if silent else "it is not known"
        return f"this node was put back to an older state, and {what} yet whether you gave the parcel on since"

    # Asking

    def connected(self, peer: str, now: int) -> None:
        for network, mark in self.marks.items():
            self._ask(peer, network, mark, now)

    def woke(self, now: int) -> None:
        for network, mark in [*self.marks.items()]:
            if now < mark.next_at:
                continue
            mark.next_at = now + ASK_RECEIPTS_AGAIN
            if self._end(network, mark, now):
                continue
            concerned = self._concerned(mark, self._on_the_way(network, now))
            self._state.wanted.update(p for a in concerned - mark.told for p in self._state.directory.peers_of(a))
            author_of = self._state.directory.author_of
            for peer in sorted(self._state.connected, key=lambda p: (author_of(p) not in concerned, p))[:MAX_ASKED]:
                self._ask(peer, network, mark, now)

    def next_wake(self) -> int | None:
        return min((mark.next_at for mark in self.marks.values()), default=None)

    def _ask(self, peer: str, network: bytes, mark: Mark, now: int, after: bytes = b"") -> None:
        author = self._state.directory.author_of(peer)
        if author is not None and author not in mark.told:
            mark.asked_at = now if mark.asked_at is None else mark.asked_at
            self._send(peer, messages.Mine(network, after))

    def told(self, peer: str, told: messages.Told, now: int) -> None:
        """What somebody holds of ours. `Reject` for what is not, `Ignore` if nobody asked."""
        mark, author = self.marks.get(told.network), self._state.directory.author_of(peer)
        if mark is None or author is None or author == self._state.me:
            raise Ignore("state", "nobody has asked")
        receipts = [parse_receipt(wire) for wire in told.receipts]
        halves = [parse_half(wire) for wire in told.halves]
        me = self._state.me
        if any(r.network != told.network for r in receipts) or any(
            (h.network, h.giver, h.taker) != (told.network, me, author) for h in halves
        ):
            raise Reject("context", "hand-overs of others")
        receipts_of_others_last = sorted(receipts, key=lambda r: me not in (r.giver, r.taker))
        taken = [self._take(r, author, now) for r in receipts_of_others_last if self._parcels.concerns_us(r, now)]
        taken += [self._take_half(h, now) for h in halves]
        if not all(taken):  # a key has not come yet, or there is no room: it is asked again
            return
        if told.more:
            return self._ask(peer, told.network, mark, now, receipts[-1].id)
        mark.told.add(author)
        self._end(told.network, mark, now)

    def _take(self, receipt: Receipt, author: bytes, now: int) -> bool:
        key = (receipt.network, receipt.parcel)
        if receipt.id not in self._parcels.held.get(key, {}):
            try:
                self._parcels.verify(receipt)
            except Ignore:
                return False
            if not self._parcels.room_for(key):
                return False
            self._parcels.add((receipt,), now, author)
        return True

    def _take_half(self, half: Half, now: int) -> bool:
        """One of ours that its taker has not signed: he still may."""
        known = half.id in self._parcels.offers or half.id in self._parcels.held.get((half.network, half.parcel), {})
        if not known and half.at >= now - PARCEL_OFFER_LIFE:
            try:
                self._parcels.verify(half)
            except Ignore:
                return False
            if len(self._parcels.offers) >= 2 * MAX_OFFERED_PARCELS:
                return False
            self._parcels.offered_before(half, now)
        return True

    # Answering

    def asked(self, peer: str, ask: messages.Mine, now: int) -> None:
        """Who asks is told what there is of each parcel that he had, or that an exchange of ours with him passes on;
        one page of it."""
        author = self._state.directory.author_of(peer)
        if author is None or ask.network not in self._state.networks:
            raise Ignore("state", "nobody knows whose they would be")
        agreed = {v.terms.parcel for _, v in self._parcels.carrying(ask.network, now) if author in v.terms.parties}
        rows = [
            held.values()
            for (network, parcel), held in self._parcels.held.items()
            if network == ask.network and (parcel in agreed or any(author in (r.giver, r.taker) for r in held.values()))
        ]
        found = [r for held in rows for r in held if r.id > ask.after]
        page = sorted(found, key=lambda r: r.id)[:MAX_TOLD]
        halves = [
            o.half.wire
            for o in self._parcels.offers.values()
            if (o.half.network, o.half.giver, o.half.taker) == (ask.network, author, self._state.me)
        ]
        more = len(found) > len(page)
        self._send(peer, messages.Told(ask.network, tuple(r.wire for r in page), tuple(halves[:MAX_TOLD_HALVES]), more))

    # The end

    def _end(self, network: bytes, mark: Mark, now: int) -> bool:
        """Take the mark away if all who can know have spoken."""
        if not self._state.networks[network].chain.whole or not mark.told or not self._listened(mark, now):
            return False
        if self._concerned(mark, self._on_the_way(network, now)) - mark.told:
            return False
        del self.marks[network]
        self._state.journal.delete(UNSURE + network, durable=True)
        return True

    def _concerned(self, mark: Mark, exchanges: "list[tuple[Held, Terms]]") -> set[bytes]:
        """Who may know more of the parcels of these exchanges than we do; lost agreements can be about those from
        before the doubt alone."""
        found = {
            a for _, terms in exchanges for a in (*terms.parties, terms.recipient) if a not in (self._state.me, b"")
        }
        old = any(held.began_at < mark.since for held, _ in exchanges)
        return found | {*mark.partners} if old else found

    def _on_the_way(self, network: bytes, now: int) -> "list[tuple[Held, Terms]]":
        return [(h, v.terms) for h, v in self._parcels.carrying(network, now) if v.status in OPEN]

    def _listened(self, mark: Mark, now: int) -> bool:
        return mark.asked_at is not None and now >= mark.asked_at + ASK_FOR

    def _keep(self, network: bytes, mark: Mark) -> None:
        self.marks[network] = mark
        self._state.journal.put(UNSURE + network, encode([mark.since, mark.partners]))

    def _send(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.SECOND_PROTOCOL, messages.encode_message(message)))
