"""A stranger whose key signs and cannot be sealed to costs nobody more than his own contact."""

from typing import Any

import pytest

from p2pnode.core.held import accept_payload
from protocols import exchange_messages as messages
from protocols.drafts import Asked, draft_terms
from protocols.errors import Reject
from protocols.fact import NO_DEAL, Fact, seal_fact, verify_fact
from protocols.identity import Inception, prefix
from protocols.limits import DAY, MINUTE
from protocols.terms import encode_terms
from tests.longer import either
from tests.p2pnode.lab import Lab, struck
from tests.p2pnode.test_contacts import HOME, sealed_of
from tests.sim.street import look
from tests.vectors import edwards


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.ask(made.ben, "listing.publish", direction="offer", kind="give", title="Sofa")
    made.sim.run(MINUTE)
    return made


class Twisted:
    """A stranger whose key bears torsion: with some luck it signs what verifies, but nothing can be sealed to it."""

    epoch = 0

    def __init__(self) -> None:
        key, _ = edwards.sign(b"t" * 32, b"", key_twist=edwards.torsion())
        self._inception = Inception(key, bytes(32), bytes(16))
        self.inception, self.author = self._inception.encode(), self._inception.author

    def sign(self, domain: str, message: bytes) -> bytes:
        return edwards.sign(b"t" * 32, prefix(domain) + message, key_twist=edwards.torsion())[1]

    def say(self, at: int, **fields: Any) -> Fact:
        while True:
            fact = seal_fact(self, at=at, **fields)
            try:
                verify_fact(fact)
            except Reject:
                at += 1
                continue
            return fact


@pytest.mark.parametrize("whose", either(["ours", "theirs"], "theirs"))
def test_to_a_key_that_nothing_can_be_sealed_to_none_is_sent_and_all_else_goes_on(lab: Lab, whose: str):
    lab.ask(lab.ben, "contact.set", **HOME, share="always")
    twisted, network = Twisted(), lab.network(lab.ben).id
    record = next(row for row in lab.network(lab.ben).catalog.rows(kind="listing"))
    terms = draft_terms(
        listing=record.id, name=record.name, proposer=twisted.author, responder=lab.signer(lab.ben).author,
        offered=True, kind="give", title="Sofa", quantity=1, start=0, end=0, amount=0, unit="", price_text="", note="",
        previous=b"", expires=lab.now + DAY, asked=Asked(full=True),
    )  # fmt: skip
    fact = twisted.say(
        lab.now, network=network, deal=NO_DEAL, kind="propose", prev=record.id, payload=encode_terms(terms)
    )
    lab.say(lab.ben, messages.FactMessage(fact.wire))
    id_ = fact.id.hex()
    if whose == "ours":
        lab.ask(lab.ben, "exchange.accept", id=id_)
    else:
        lab.ask(lab.ben, "exchange.counter", id=id_, note="By the gate")
        view = lab.ben.core.exchanges.view(lab.ben.core.exchanges.find(id_), lab.now)
        yes = twisted.say(
            lab.now, network=network, deal=fact.id, kind="accept", prev=view.terms_fact.id, payload=accept_payload(view)
        )
        assert not struck(lab.say(lab.ben, messages.FactMessage(yes.wire)))
    assert sealed_of(lab.ben, id_) == []
    entries = lab.network(lab.ben).chain.state.count
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert look(lab.ben, "exchange.show", lab.now, id=id_)["status"] == "agreed"
    assert lab.network(lab.ben).chain.state.count == entries, "it is written down once"
