"""What our user does with parcels. Every check stands before the first thing that is signed."""

from collections.abc import Iterable
from typing import Any

from p2pnode import commands
from p2pnode.bounds import MAX_OFFERED_PARCELS, MAX_PARCELS
from protocols.door import format_code
from protocols.errors import Ignore, Refusal, Reject
from protocols.exchange import Exchange
from protocols.limits import MAX_RECEIPTS
from protocols.parcel import Custody, courier_of, customer_of
from protocols.receipt import Half, Particulars, Receipt, format_receipt, offer_custody, parse_texts, take_custody
from protocols.terms import Terms

from .carrying import Carrying
from .exchanges import Exchanges
from .held import Held
from .outbox import Outbox
from .parcels import Parcel, Parcels
from .state import State


class ParcelCommands:
    def __init__(self, state: State, parcels: Parcels, exchanges: Exchanges, outbox: Outbox) -> None:
        self._state = state
        self._parcels = parcels
        self._exchanges = exchanges
        self._outbox = outbox
        self._carrying = Carrying(state, exchanges)

    def list(self, args: commands.NoArgs, now: int) -> object:
        """Parcels, those that moved last first; and what is offered to us."""
        ours = {
            (h.network, v.terms.parcel)
            for h in self._exchanges.held.values()
            if (v := self._exchanges.view(h, now)).agreed and v.terms.parcel
        }
        rows = [self._json(key, now) for key in sorted({*ours, *self._parcels.held})]
        offers = [o for o in self._parcels.offers.values() if o.half.taker == self._state.me]
        return {
            "parcels": sorted(rows, key=lambda row: -row["at"]),
            "offered": [self._offer_json(o.half, now) for o in sorted(offers, key=lambda o: (o.since, o.half.id))],
        }

    def show(self, args: commands.OneId, now: int) -> object:
        return self._json(self._find(args.id, now), now)

    def give(self, args: commands.GiveParcel, now: int) -> object:
        held, view = self._agreed(args.exchange, now)
        terms, me = view.terms, self._state.me
        key = (held.network, terms.parcel)
        custody = self._parcels.custody(*key, now, terms)
        if custody.holder != me:
            raise Refusal(
                "conflict",
                f"{self._name(custody.holder)} has this parcel, by the receipts known here",
                f"`p2pnode parcel show {terms.parcel.hex()[:8]}` lists them; `p2pnode parcel add FILE` adds others.",
            )
        taker = self._taker(args.to, terms)
        waiting = self._parcels.open_offer(key, custody.last)
        if waiting is not None and waiting.half.taker == taker:
            return self._offered(waiting.half, now)
        if waiting is not None and not args.instead:
            raise Refusal(
                "conflict",
                f"it is offered to {self._name(waiting.half.taker)}, who may still take it",
                "Wait for that; or --instead, if you are sure that it is still with you: two who both sign that they "
                "took it prove that you gave it twice.",
            )
        problem = self._parcels.unsure.why_not(key, now)
        if problem and not args.instead:
            raise Refusal(
                "conflict",
                problem,
                "Wait until they are here; or `p2pnode parcel add FILE` with the receipts that they have; or "
                "--instead, if it is in your hands: two who both sign that they took it prove that you gave it twice.",
            )
        self._state.networks[held.network].chain.check_ready()
        self._outbox.check_room()
        self._parcels.make_room(key, now)
        if len(custody.path) >= MAX_RECEIPTS - 1 or not self._parcels.room_for(key):
            raise Refusal("refused", f"{MAX_RECEIPTS} receipts of one parcel are enough", "Agree on a new parcel.")
        if len(self._parcels.offers) >= 2 * MAX_OFFERED_PARCELS:
            raise Refusal("refused", "too many parcels wait to be taken", "Wait until some of them are.")
        known = self._state.key_states.get(taker)
        duties = [d.id for d in terms.duties if d.custody]
        half = offer_custody(
            self._state.signer,
            network=held.network,
            parcel=terms.parcel,
            prev=custody.last,
            taker=taker,
            taker_epoch=0 if known is None else known.epoch,
            at=now,
            said=Particulars(
                note=args.note,
                photos=tuple(bytes.fromhex(photo) for photo in args.photos),
                exchange=held.id,
                duty=duties[0] if me == customer_of(terms) else duties[-1],
            ),
        )
        if waiting is not None:
            self._parcels.drop_offer(waiting.half.id)
        self._parcels.offer(half, now)
        return self._offered(half, now)

    def take(self, args: commands.TakeParcel, now: int) -> object:
        if (args.id is None) == (not args.text):
            raise Refusal("usage", "which parcel?", "`p2pnode parcel take` without more lists what is offered.")
        receipts: tuple[Receipt, ...] = ()
        if args.id is not None:
            taken = [k for k, r in self._taken().items() if k.hex().startswith(args.id.lower())]
            if len(taken) == 1:
                return self._json(self._parcel_of(self._taken()[taken[0]]), now)
            half = self._offer(args.id)
        else:
            receipts, halves = self._read(args.text)
            mine = [h for h in halves if h.taker == self._state.me]
            if len(mine) != 1:
                raise Refusal(
                    "usage", "nothing in this is offered to you", "`p2pnode parcel add` takes what is signed by both."
                )
            half = mine[0]
            if half.id in self._parcels.held.get(self._parcel_of(half), {}):
                return self._json(self._parcel_of(half), now)
        problem = self._parcels.why_not(half, now, receipts)
        if problem:
            raise Refusal("conflict", problem, "Do not take it before that is clear; ask who brings it.")
        self._state.networks[half.network].chain.check_ready()
        self._outbox.check_room()
        receipt = take_custody(self._state.signer, half)
        self._parcels.make_room(self._parcel_of(half), now, (*receipts, receipt))
        self._check_room(self._parcel_of(half), len(receipts) + 1)
        self._parcels.add((*receipts, receipt), now)
        return self._json(self._parcel_of(half), now)

    def decline(self, args: commands.OneId, now: int) -> object:
        half = self._offer(args.id)
        self._outbox.check_room()
        self._parcels.decline(half, now)
        return self._offer_json(half, now)

    def add(self, args: commands.AddReceipts, now: int) -> object:
        receipts, halves = self._read(args.text)
        if not receipts:
            raise Refusal(
                "usage",
                "this is signed by its giver alone" if halves else "there is no receipt in this",
                "Who is to take the parcel signs it: p2pnode parcel take FILE",
            )
        for key in {self._parcel_of(r) for r in receipts}:
            self._check_room(key, sum(self._parcel_of(r) == key for r in receipts))
        self._outbox.check_room()
        self._parcels.add(receipts, now)
        return [self._json(key, now) for key in sorted({self._parcel_of(r) for r in receipts})]

    def code(self, args: commands.OneExchange, now: int) -> object:
        held = self._exchanges.find(args.exchange)
        terms = self._exchanges.view(held, now).terms
        code = self._carrying.code_of(terms)
        if code is None:
            raise Refusal(
                "not_found", "this node made no code for the door in this exchange", "Who sends the parcel has it."
            )
        return {"exchange_id": held.id.hex(), "parcel": terms.parcel.hex(), "code": format_code(code)}

    def _agreed(self, text: str, now: int) -> tuple[Held, Exchange]:
        held = self._exchanges.find(text)
        view = self._exchanges.view(held, now)
        if not view.terms.parcel:
            raise Refusal("refused", "no parcel belongs to this exchange", "Propose a delivery with --parcel.")
        if not view.agreed:
            raise Refusal("conflict", f"nothing is agreed yet: this exchange is {view.status}", "Accept it first.")
        return held, view

    def _taker(self, name: str | None, terms: Terms) -> bytes:
        if name is not None:
            taker = self._state.directory.resolve(name)
        else:
            taker = courier_of(terms) if self._state.me == customer_of(terms) else terms.recipient
        if not taker:
            raise Refusal(
                "usage", "to whom?", "--to PEER; or `p2pnode exchange done --code`, with the code of the door."
            )
        if taker == self._state.me:
            raise Refusal("usage", "you have it already", "Name who takes it.")
        return taker

    def _read(self, text: str) -> tuple[tuple[Receipt, ...], tuple[Half, ...]]:
        """What is in a text, verified. `Refusal`."""
        found = parse_texts(text)
        try:
            for one in found:
                if one.network not in self._state.networks:
                    raise Refusal("refused", "this is a parcel of another network", "Take it with a node of that one.")
                self._parcels.verify(one)
        except (Reject, Ignore) as e:
            raise Refusal(
                "refused", f"this receipt does not hold: {getattr(e, 'message', e)}", "Have it given anew."
            ) from e
        return tuple(r for r in found if isinstance(r, Receipt)), tuple(h for h in found if isinstance(h, Half))

    def _check_room(self, key: Parcel, more: int) -> None:
        held = self._parcels.held.get(key, {})
        if len(held) + more > MAX_RECEIPTS or (not held and len(self._parcels.held) >= MAX_PARCELS):
            raise Refusal("refused", "there is no room for the receipts of this parcel", "Agree on a new one.")

    def _offer(self, text: str) -> Half:
        """The one offer to us whose id starts with this. `Refusal`."""
        mine = [o.half for o in self._parcels.offers.values() if o.half.taker == self._state.me]
        found = [h for h in mine if text.lower() in (h.id.hex()[: len(text)], h.parcel.hex()[: len(text)])]
        if len(found) == 1:
            return found[0]
        if found:
            raise Refusal("conflict", f"{len(found)} offers start with {text}", "Give more of the id.")
        raise Refusal("not_found", f"no parcel {text} is offered to you", "`p2pnode parcel take` lists those that are.")

    def _taken(self) -> dict[bytes, Receipt]:
        me = self._state.me
        return {r.id: r for held in self._parcels.held.values() for r in held.values() if r.taker == me}

    def _find(self, text: str, now: int) -> Parcel:
        """A parcel by its own number, or by that of one of our exchanges. `Refusal`."""
        wanted = text.lower()
        of_exchanges = {
            (h.network, v.terms.parcel): h.id
            for h in self._exchanges.held.values()
            if (v := self._exchanges.view(h, now)).terms.parcel
        }
        offered = {self._parcel_of(o.half) for o in self._parcels.offers.values()}
        found = {key for key in {*of_exchanges, *self._parcels.held, *offered} if key[1].hex().startswith(wanted)}
        found |= {key for key, id_ in of_exchanges.items() if id_.hex().startswith(wanted)}
        if len(found) == 1:
            return found.pop()
        if found:
            raise Refusal("conflict", f"{len(found)} parcels start with {text}", "Give more of the id.")
        raise Refusal("not_found", f"no parcel {text}", "`p2pnode parcel list` shows those known here.")

    def _name(self, author: bytes) -> str:
        return "you" if author == self._state.me else self._state.directory.name(author)

    def _parcel_of(self, found: Half | Receipt) -> Parcel:
        return found.network, found.parcel

    def _offered(self, half: Half, now: int) -> dict[str, Any]:
        path = self._parcels.custody(*self._parcel_of(half), now).path
        return {**self._offer_json(half, now), "text": format_receipt(half), "texts": _texts((*path, half))}

    def _offer_json(self, half: Half, now: int) -> dict[str, Any]:
        return {
            **self._handover(half),
            "parcel": half.parcel.hex(),
            "network": half.network.hex(),
            "delivered": half.id not in self._outbox.items,
            "problem": self._parcels.why_not(half, now) if half.taker == self._state.me else "",
        }

    def _json(self, key: Parcel, now: int) -> dict[str, Any]:
        concerned = self._parcels.exchanges(*key, now)
        custody = self._parcels.custody(*key, now)
        open_ = self._parcels.open_offer(key, custody.last)
        me = self._state.me
        return {
            "parcel": key[1].hex(),
            "network": key[0].hex(),
            "holder": self._state.directory.peer_id(custody.holder),
            "holder_name": self._name(custody.holder),
            "origin_name": self._name(custody.origin),
            "at_door": self._parcels.is_at_door(*key, now),
            "whole": custody.whole,
            "mine": custody.holder == me,
            "at": custody.path[-1].at if custody.path else max((h.began_at for h, _ in concerned), default=0),
            "path": [self._handover(r) for r in custody.path],
            "exchanges": [h.id.hex() for h, _ in concerned],
            "offered_to": None if open_ is None else self._name(open_.half.taker),
            "unsure": (self._parcels.unsure.why_not(key, now) or None) if custody.holder == me else None,
            "forks": [self._fork(pair) for pair in custody.forks],
            "delivered": not self._waiting(custody),
            "texts": _texts(custody.path),
        }

    def _waiting(self, custody: Custody) -> bool:
        """Whether somebody has not acknowledged a hand-over yet."""
        return any(self._parcels.is_waiting(r) for r in custody.path)

    def _handover(self, found: Half | Receipt) -> dict[str, Any]:
        said = found.said
        return {
            "id": found.id.hex(),
            "giver": self._state.directory.peer_id(found.giver),
            "giver_name": self._name(found.giver),
            "taker": self._state.directory.peer_id(found.taker),
            "taker_name": self._name(found.taker),
            "at": found.at,
            "note": said.note,
            "photos": [photo.hex() for photo in said.photos],
            "exchange_id": said.exchange.hex() or None,
            "duty": said.duty or None,
        }

    def _fork(self, pair: tuple[Receipt, Receipt]) -> dict[str, Any]:
        return {
            "giver": self._state.directory.peer_id(pair[0].giver),
            "giver_name": self._name(pair[0].giver),
            "takers": [self._name(r.taker) for r in pair],
            "texts": _texts(pair),
        }


def _texts(found: Iterable[Half | Receipt]) -> str:
    """The content of a file."""
    return "".join(f"{format_receipt(one)}\n" for one in found)
