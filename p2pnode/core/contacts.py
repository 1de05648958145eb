"""Sealed contacts: where the other party of an exchange finds us, and we them; for their eyes, and erased after.

A contact stands nowhere but in its fact, sealed; it is opened when our user looks. Of each party the newest counts, and
the others are erased. Some days after an exchange is over, or when our user says so, the facts are erased, in the
store's files too; what was erased is remembered by its id, so that a copy is not taken again.
"""

from contextlib import suppress
from typing import Any

from msgspec.structs import asdict, replace

from p2pnode.arguments import NoArgs
from p2pnode.bounds import CONTACT_KEPT, CONTACT_UNSEEN, MAX_CONTACTS
from p2pnode.standing_arguments import ErasedExchange, SendContact, SetContact
from protocols.codec import decode, encode, plain
from protocols.conditions import SECOND_FORM
from protocols.contact import Contact, open_contact, seal_contact
from protocols.errors import Refusal, Reject
from protocols.exchange import OPEN, Exchange, Status
from protocols.fact import Fact, Step
from protocols.identity import identify
from protocols.limits import DAY
from protocols.steps import parse_step

from .exchanges import Exchanges
from .held import Held
from .keys import ERASED, FACT, OUTBOX, OVER, SINGLE
from .outbox import Outbox
from .state import State

_MINE = SINGLE + b"contact"  # [address, phone, text, share]
_WAITING = OPEN - {Status.SETTLED}  # a settled exchange waits for ratings alone


class Contacts:
    def __init__(self, state: State, exchanges: Exchanges, outbox: Outbox) -> None:
        self._state = state
        self._exchanges = exchanges
        self._outbox = outbox
        self._erased: dict[bytes, dict[bytes, bytes]] = {}  # exchange → fact → its author
        self._unsure: list[tuple[int, bytes, bytes]] = []  # erased before this start; a crash may have come first
        for key, value in state.journal.scan(ERASED):
            author, at = decode(value)
            self._erased.setdefault(key[1:33], {})[key[33:]] = author
            self._unsure.append((at, key[1:33], key[33:]))
        exchanges.unwanted = self.unwanted
        exchanges.agreed = self.agreed

    # Our own

    def set(self, args: SetContact, now: int) -> dict[str, Any]:
        """What is not named stays; an empty text clears it."""
        old, share = self._mine()
        given = {"address": args.address, "phone": args.phone, "text": args.text}
        contact = replace(old, **{k: v for k, v in given.items() if v is not None})
        if contact == Contact():
            raise Refusal("usage", "a contact that says nothing", "Give --address, --phone or --text.")
        self._state.journal.put(_MINE, encode([*asdict(contact).values(), args.share or share]))
        self._state.journal.purge(_MINE)
        return {"set": True, "share": args.share or share}  # the reply to a request is kept for a day; the address not

    def show(self, args: NoArgs, now: int) -> dict[str, Any]:
        contact, share = self._mine()
        return {**asdict(contact), "set": contact != Contact(), "share": share}

    def clear(self, args: NoArgs, now: int) -> dict[str, Any]:
        was = self._mine()[0] != Contact()
        self._state.journal.erase(_MINE)
        return {"cleared": was}

    # In an exchange

    def send(self, args: SendContact, now: int) -> dict[str, Any]:
        held = self._exchanges.find(args.id)
        view = self._exchanges.view(held, now)
        given = Contact(args.address or "", args.phone or "", args.text or "")
        contact = given if given != Contact() else self._mine()[0]
        if contact == Contact():
            raise Refusal(
                "usage", "no contact is set", "`p2pnode contact set --address …`, or name --address or --phone here."
            )
        self._check_may(held, view)
        fact = self._send(held, view, contact, now)
        return {"exchange_id": held.id.hex(), "sent": fact.hex(), "delivered": fact not in self._outbox.items}

    def agreed(self, held: Held, now: int) -> None:
        """An exchange has just been agreed on: our contact goes out, if our user always wants that."""
        contact, share = self._mine()
        if share != "always" or contact == Contact():
            return
        view = self._exchanges.view(held, now)
        if self._of(held, self._state.me) or self._state.me in self._erased.get(held.id, {}).values():
            return
        with suppress(Refusal, Reject):  # to some keys that sign nothing can be sealed; all checks come first
            self._check_may(held, view)
            self._exchanges.check_room(held)
            self._send(held, view, contact, now)

    def shown(self, held: Held, now: int) -> dict[str, Any]:
        """For `exchange show` alone: the answers to commands that change something are stored for a day."""
        view = self._exchanges.view(held, now)
        me, other = self._state.me, view.counterparty(self._state.me)
        over = self._state.journal.get(OVER + held.id)
        mine, theirs = self._of(held, me), self._of(held, other)
        return {
            "mine": self._word(held, me) if not mine else "sent" if mine[-1].id not in self._outbox.items else "waits",
            "theirs": self._opened(held, view, theirs[-1]) if theirs else {"state": self._word(held, other)},
            "erased_at": decode(over) + CONTACT_KEPT if over and (mine or theirs) else None,
        }

    def erase(self, args: ErasedExchange, now: int) -> dict[str, Any]:
        """Forget both contacts here and now. Done again, it purges the files again."""
        held = self._exchanges.find(args.id)
        count = self._erase(held, self._of(held), now)
        for fact in self._erased.get(held.id, {}):
            self._purge(held.id, fact)
        return {"exchange_id": held.id.hex(), "erased": count}

    def unwanted(self, held: Held, fact: Fact, now: int) -> bool:
        """Whether a contact that arrives is acknowledged and not kept: one that was erased or replaced, or comes too
        late, or after too many. `Reject` where terms have no such thing."""
        view = self._exchanges.view(held, now)
        if view.terms.form != SECOND_FORM or fact.author not in view.terms.parties:
            raise Reject("context", "a contact in an exchange of form 1, or by who is no party")
        erased = self._erased.get(held.id, {})
        there = self._of(held, fact.author)
        over = self._state.journal.get(OVER + held.id)
        return (
            fact.id in erased
            or sum(author == fact.author for author in erased.values()) + len(there) >= MAX_CONTACTS
            or (bool(there) and (fact.at, fact.id) < (there[-1].at, there[-1].id))
            or (over is not None and now > decode(over) + CONTACT_KEPT)
        )

    # By itself

    def forget(self, now: int) -> None:
        """Erase what is past its time, and what was replaced. Called now and then."""
        for at, id_, fact in self._unsure:
            if at > now - DAY:
                self._purge(id_, fact)
        self._unsure.clear()
        for id_ in [*self._exchanges.sealed]:
            held = self._exchanges.held.get(id_)
            if held is None:
                continue
            view = self._exchanges.view(held, now)
            for author in view.terms.parties:
                self._erase(held, self._of(held, author)[:-1], now)
            if view.status in _WAITING and now <= held.seen_at + CONTACT_UNSEEN:
                if self._state.journal.get(OVER + id_) is not None:  # taken up again
                    self._state.journal.delete(OVER + id_)
                continue
            since = self._state.journal.get(OVER + id_)
            if since is None:
                self._state.journal.put(OVER + id_, encode(now))
            elif now > decode(since) + CONTACT_KEPT:
                self._erase(held, self._of(held), now)
        for id_ in [i for i in self._erased if i not in self._exchanges.held]:
            for fact in self._erased.pop(id_):
                self._state.journal.delete(ERASED + id_ + fact)
            self._state.journal.delete(OVER + id_)

    # Parts

    def _mine(self) -> tuple[Contact, str]:
        row = self._state.journal.get(_MINE)
        if row is None:
            return Contact(), "ask"
        *said, share = decode(row)
        return Contact(*said), share

    def _check_may(self, held: Held, view: Exchange) -> None:
        if self._state.me not in view.terms.parties:
            raise Refusal("refused", "you are its mediator, not a party", "A contact goes from one party to the other.")
        if not view.agreed:
            raise Refusal("conflict", f"nothing is agreed yet: this exchange is {view.status}", "Accept first.")
        if view.terms.form != SECOND_FORM:
            raise Refusal(
                "refused",
                "these terms are of the first form, in which nothing can be sealed: the other node may not know it",
                "Tell them yourself, or by `--note` if it may stay in the exchange.",
            )
        if view.status not in OPEN:
            raise Refusal("conflict", f"this exchange is {view.status}", "There is nothing left to meet for.")
        erased = [*self._erased.get(held.id, {}).values()]
        if erased.count(self._state.me) + len(self._of(held, self._state.me)) >= MAX_CONTACTS:
            raise Refusal("refused", f"you sent your contact {MAX_CONTACTS} times here", "Tell them yourself.")

    def _send(self, held: Held, view: Exchange, contact: Contact, now: int) -> bytes:
        """Sealed to the other party's newest key that is known here. Whatever we sent before is erased."""
        me, other = self._state.me, view.counterparty(self._state.me)
        known = self._state.key_states.get(other)
        inception = next(f.inception for f in held.facts.values() if f.author == other)
        key = known.key if known is not None else identify(inception)[1]
        sealed = seal_contact(
            contact, exchange=held.id, author=me, party=other, key=key, secret=self._state.rng.randbytes(32)
        )
        assert view.acceptance is not None
        before = self._of(held, me)
        self._exchanges.say(held, "contact", view.acceptance.id, encode(plain(Step(sealed=sealed))), now)
        self._erase(held, before, now)
        return self._of(held, me)[-1].id

    def _of(self, held: Held, author: bytes | None = None) -> list[Fact]:
        """The contacts of a party, or of both, the newest last."""
        facts = (held.facts[i] for i in self._exchanges.sealed.get(held.id, ()))
        return sorted((f for f in facts if author in (None, f.author)), key=lambda f: (f.at, f.id))

    def _word(self, held: Held, author: bytes) -> str:
        return "erased" if author in self._erased.get(held.id, {}).values() else "none"

    def _opened(self, held: Held, view: Exchange, fact: Fact) -> dict[str, Any]:
        if fact.prev not in {a.id for level in view.agreements for a in level.acceptances}:
            return {"state": "none"}
        try:
            contact = open_contact(self._state.signer, parse_step(fact).sealed, exchange=held.id, author=fact.author)
        except Reject as e:
            key = e.code == "signature"
            why = "it is sealed to a key that is not ours any more" if key else "it was not made for this exchange"
            return {"state": "unreadable", "why": f"{why}: ask for it again", "at": fact.at}
        return {"state": "open", **asdict(contact), "at": fact.at}

    def _erase(self, held: Held, facts: list[Fact], now: int) -> int:
        for fact in facts:
            held.facts.pop(fact.id, None)
            held.seen = None
            self._exchanges.sealed.get(held.id, set()).discard(fact.id)
            self._outbox.drop(fact.id)
            self._erased.setdefault(held.id, {})[fact.id] = fact.author
            self._state.journal.put(ERASED + held.id + fact.id, encode([fact.author, now]))
            self._purge(held.id, fact.id)
        return len(facts)

    def _purge(self, exchange: bytes, fact: bytes) -> None:
        self._state.journal.erase(FACT + exchange + fact)
        self._state.journal.erase(OUTBOX + fact)
