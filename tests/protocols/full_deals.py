"""Facts of exchanges whose terms are of form 2, made in a line each: Ann books Bob's barn, Eve is the mediator."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from protocols.codec import encode, plain
from protocols.exchange import Exchange, evaluate
from protocols.fact import NO_DEAL, Fact, Step, seal_fact
from protocols.identity import Signer
from protocols.limits import DAY, HOUR
from protocols.payments import Payment
from protocols.terms import Cancellation, Duty, Goal, Terms, encode_terms, parse_terms, terms_hash
from tests.protocols.deals import ANN, BOB, EVE
from tests.strategies import NOW, network

START = NOW + 5 * DAY
END = START + 3 * HOUR
GRACE = HOUR


def duty(id_: str, by: Signer, to: Signer, **keys: Any) -> Duty:
    action = "transfer" if keys.get("amount") else "transferCustody"
    return Duty(**{"id": id_, "action": action, "what": id_, "provider": by.author, "receiver": to.author} | keys)


def booking(**changes: Any) -> Terms:
    """Bob has the barn ready at START, Ann is there, gives it back by END, and pays 6 hours within a week."""
    duties = (
        duty("fetch", ANN, BOB, until=START + GRACE, along="handover"),
        duty("handover", BOB, ANN, until=START + GRACE),
        duty("return", ANN, BOB, until=END, within=GRACE, after="handover", confirm=DAY),
        duty("pay", ANN, BOB, amount=600, unit="hour", within=7 * DAY, after="return"),
        duty("fee", ANN, BOB, amount=100, unit="hour", on="cancel"),
    )
    fields: dict[str, Any] = {
        "listing": b"\x11" * 32,
        "name": b"\x22" * 16,
        "proposer": ANN.author,
        "responder": BOB.author,
        "kind": "rent",
        "title": "Barn",
        "duties": duties,
        "expires": NOW + DAY,
        "start": START,
        "end": END,
        "amount": 600,
        "unit": "hour",
        "form": 2,
        "capacity": 1,
        "mediator": EVE.author,
        "cancellation": (Cancellation(ANN.author, START - DAY),),
    }
    return Terms(**(fields | changes))


def pledge(**changes: Any) -> Terms:
    """Ann pledges 5 hours to Bob's fund, which goes ahead if 100 hours come together in 10 days."""
    duties = (duty("pay", ANN, BOB, amount=500, unit="hour", within=7 * DAY),)
    given: dict[str, Any] = {
        "kind": "fund",
        "duties": duties,
        "amount": 500,
        "start": 0,
        "end": 0,
        "capacity": 0,
        "mediator": b"",
        "cancellation": (),
        "goal": Goal(10_000, NOW + 10 * DAY, "hour"),
    }
    return booking(**(given | changes))


class Deal:
    """An agreement and what is said of it: `facts` grows with each call."""

    network = network()

    def __init__(self, terms: Terms, at: int = NOW) -> None:
        self.root = self._seal(ANN, NO_DEAL, "propose", terms.listing, at, encode_terms(terms))
        self.facts = [self.root]
        self.agreement = self.accept(BOB, self.root, at + 1)

    def _seal(self, by: Signer, deal: bytes, kind: str, prev: bytes, at: int, payload: bytes) -> Fact:
        return seal_fact(by, network=self.network, deal=deal, kind=kind, prev=prev, at=at, payload=payload)

    def say(self, by: Signer, kind: str, at: int, prev: Fact | None = None, **step: Any) -> Fact:
        payload = encode(plain(Step(**step))) if step else b""
        prev = self.agreement if prev is None else prev
        self.facts.append(self._seal(by, self.root.id, kind, prev.id, at, payload))
        return self.facts[-1]

    def accept(self, by: Signer, proposed: Fact, at: int) -> Fact:
        named = {"party": proposed.author, "terms": terms_hash(parse_terms(proposed.payload))}
        return self.say(by, "accept", at, proposed, **named)

    def amend(self, by: Signer, at: int, **changes: Any) -> Fact:
        """New terms in place of the newest agreed ones."""
        old = self.seen(at).terms
        terms = replace(old, **({"previous": terms_hash(old), "expires": at + DAY} | changes))
        self.facts.append(self._seal(by, self.root.id, "amend", self.agreement.id, at, encode_terms(terms)))
        return self.facts[-1]

    def agree(self, by: Signer, amendment: Fact, at: int) -> Fact:
        """The second signature under an amendment: from here on, this is the agreement."""
        self.agreement = self.accept(by, amendment, at)
        return self.agreement

    def seen(self, now: int, payments: Mapping[str, Payment] | None = None, **known: Any) -> Exchange:
        return evaluate(self.facts, payments or {}, "hour", now, **known)


def used() -> Deal:
    """A booking whose thing is with its user."""
    deal = Deal(booking())
    deal.say(BOB, "done", START, duty="handover")
    return deal
