"""Exchanges that book Bob's barn, by anybody: signed step by step, whatever an honest node would make of them."""

from typing import Any

from msgspec.structs import replace

from protocols.booked import Agreement, agreement
from protocols.codec import encode, plain
from protocols.fact import NO_DEAL, Fact, Step, seal_fact
from protocols.fields import seal_payload
from protocols.identity import Rotation, Signer, derive_seed, digest, parse_inception
from protocols.limits import DAY, HOUR
from protocols.rotation import KIND, rotation_name
from protocols.terms import Duty, Terms, encode_terms, parse_terms, terms_hash
from tests.strategies import NOW, network, signer

BOB = signer(2)


def later(seed: int, epoch: int) -> Signer:
    """Who is `signer(seed)`, with a later key."""
    entropy = seed.to_bytes(32, "big")
    return Signer(derive_seed(entropy, epoch), parse_inception(signer(seed).inception), epoch)


def rotation(seed: int, epoch: int, last: int = -1) -> bytes:
    """The record of the rotation to that key. last: up to which entry of his chain the one before counts."""
    new, after = later(seed, epoch), later(seed, epoch + 1)
    said = Rotation(new.public_key, digest(after.public_key), last)
    made = seal_payload(new, network(), KIND, said, created=NOW, until=NOW + DAY, name=rotation_name(epoch))
    return made.wire


START = NOW + 20 * DAY


def barn(guest: Signer, *, responder: bytes = BOB.author, quantity: int = 1, **changes: Any) -> Terms:
    """Two hours of Bob's barn, of which there is one."""
    handover = Duty(
        id="handover",
        action="transferCustody",
        what="hand over the barn",
        provider=responder,
        receiver=guest.author,
        quantity=quantity if quantity > 1 else 0,
    )
    fields: dict[str, Any] = {
        "listing": b"\x11" * 32,
        "name": b"\x22" * 16,
        "proposer": guest.author,
        "responder": responder,
        "kind": "rent",
        "title": "Barn",
        "duties": (handover,),
        "expires": NOW + 10 * DAY,
        "start": START,
        "end": START + 2 * HOUR,
        "form": 2,
        "capacity": 1,
    }
    return Terms(**(fields | changes))


class Deal:
    """One exchange. `facts`: all that was said in it; `agreement`: the newest that was made with `keep`."""

    def __init__(self, terms: Terms, at: int) -> None:
        self.guest = next(s for s in (signer(n) for n in range(40)) if s.author == terms.proposer)
        self.root = self._sign(self.guest, NO_DEAL, "propose", terms.listing, at, encode_terms(terms))
        self.facts = [self.root]
        self.offers: list[Fact] = []
        self.agreement: Any = None

    def _sign(self, by: Signer, deal: bytes, kind: str, prev: bytes, at: int, payload: bytes) -> Fact:
        return seal_fact(by, network=network(), deal=deal, kind=kind, prev=prev, at=at, payload=payload)

    def terms_of(self, fact: Fact) -> Terms:
        return parse_terms(fact.payload)

    def say(self, by: Signer, kind: str, at: int, prev: Fact | None = None, **step: Any) -> Fact:
        payload = encode(plain(Step(**step))) if step else b""
        prev = self.agreement.acceptance if prev is None else prev
        self.facts.append(self._sign(by, self.root.id, kind, prev.id, at, payload))
        return self.facts[-1]

    def counter(self, by: Signer, before: Fact, at: int, **changes: Any) -> Fact:
        return self._terms(by, "counter", before.id, self.terms_of(before), at, changes)

    def amend(self, by: Signer, at: int, **changes: Any) -> Fact:
        return self._terms(by, "amend", self.agreement.acceptance.id, self.agreement.terms, at, changes)

    def _terms(self, by: Signer, kind: str, prev: bytes, old: Terms, at: int, changes: dict[str, Any]) -> Fact:
        terms = replace(old, **({"previous": terms_hash(old)} | changes))
        self.facts.append(self._sign(by, self.root.id, kind, prev, at, encode_terms(terms)))
        return self.facts[-1]

    def accept(self, by: Signer, proposed: Fact, at: int, keep: bool = True) -> Any:
        """The agreement, or the acceptance alone where it is not to be kept, or makes no agreement."""
        named = {"party": proposed.author, "terms": terms_hash(self.terms_of(proposed))}
        fact = self.say(by, "accept", at, proposed, **named)
        if not keep:
            return fact
        try:
            self.agreement = agreement(proposed, fact)
        except ValueError:
            return Agreement(proposed, self.terms_of(proposed), fact)
        return self.agreement

    def know(self, at: int = NOW + 3_000) -> None:
        """Bob says that he did his part: so he knows that it is agreed."""
        one = self.agreement
        self.agreement = agreement(one.fact, one.acceptance, self.say(BOB, "done", at, one.acceptance, duty="handover"))
