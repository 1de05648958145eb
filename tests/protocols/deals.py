"""Facts of one exchange, made in a line each: Ann proposes to rent Bob's snowblower."""

from collections.abc import Iterable, Mapping
from typing import Any

from protocols.codec import encode, plain
from protocols.drafts import draft_terms
from protocols.exchange import Exchange, evaluate
from protocols.fact import NO_DEAL, Fact, Step, parse_fact, seal_fact
from protocols.identity import Signer
from protocols.payments import Payment
from protocols.terms import Terms, encode_terms, parse_terms, terms_hash
from tests.strategies import NOW, network, signer

ANN, BOB, EVE = signer(1), signer(2), signer(3)
LAPSES = NOW + 1_000_000


def terms_of(**changes: Any) -> Terms:
    fields: dict[str, Any] = {
        "listing": b"\x11" * 32,
        "name": b"\x22" * 16,
        "proposer": ANN.author,
        "responder": BOB.author,
        "offered": True,
        "kind": "rent",
        "title": "Snowblower",
        "quantity": 1,
        "start": 0,
        "end": 0,
        "amount": 200,
        "unit": "hour",
        "price_text": "2 hour",
        "note": "",
        "previous": b"",
        "expires": LAPSES,
    }
    return draft_terms(**(fields | changes))


def propose(at: int = NOW, by: Signer = ANN, **changes: Any) -> Fact:
    terms = terms_of(**changes)
    payload = encode_terms(terms)
    return seal_fact(by, network=network(), deal=NO_DEAL, kind="propose", prev=terms.listing, at=at, payload=payload)


def say(root: Fact, by: Signer, kind: str, prev: Fact, at: int = NOW, **step: Any) -> Fact:
    payload = encode(plain(Step(**step))) if step else b""
    return seal_fact(by, network=network(), deal=root.id, kind=kind, prev=prev.id, at=at, payload=payload)


def counter(root: Fact, by: Signer, prev: Fact, at: int = NOW, **changes: Any) -> Fact:
    before = parse_terms(prev.payload)
    terms = terms_of(**({"previous": terms_hash(before)} | changes))
    payload = encode_terms(terms)
    return seal_fact(by, network=network(), deal=root.id, kind="counter", prev=prev.id, at=at, payload=payload)


def accept(root: Fact, by: Signer, prev: Fact, at: int = NOW, **step: Any) -> Fact:
    named = {"party": prev.author, "terms": terms_hash(parse_terms(prev.payload))}
    return say(root, by, "accept", prev, at, **(named | step))


def again(fact: Fact) -> Fact:
    """The same fact, from its bytes."""
    return parse_fact(fact.wire)


def seen(facts: Iterable[Fact], payment: Payment | Mapping[str, Payment] = Payment.PENDING, now: int = NOW) -> Exchange:
    return evaluate(facts, payment, "hour", now)
