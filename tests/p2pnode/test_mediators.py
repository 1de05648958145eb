"""Who is told of an exchange as its mediator, how long it stays there, and by which protocol form 2 travels."""

from typing import Any

import pytest
from msgspec.structs import replace

from p2pnode import commands
from p2pnode.bounds import FORGET_AFTER
from p2pnode.core.effects import Send
from p2pnode.core.events import Command, Woke
from protocols import exchange_messages as messages
from protocols.drafts import draft_terms
from protocols.errors import Refusal
from protocols.fact import NO_DEAL, seal_fact
from protocols.limits import DAY, MAX_LIFETIME, MINUTE
from protocols.terms import encode_terms, terms_hash
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, sent, struck


@pytest.fixture
def lab() -> Lab:
    made = Lab(5)
    made.listing = made.ask(made.ben, "listing.publish", direction="offer", kind="sell", title="Eggs", price="1")[
        "listing_id"
    ]
    made.sim.run(MINUTE)
    return made


def proposed(lab: Lab, **asked: Any) -> str:
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=lab.listing, **asked)["exchange_id"]
    lab.sim.run(MINUTE)
    return str(id_)


def view(lab: Lab, node: Any, id_: str) -> Any:
    return node.core.exchanges.view(node.core.exchanges.find(id_), lab.now)


def test_a_counter_proposal_of_form_2_goes_to_none_who_speaks_form_1_alone(lab: Lab) -> None:
    id_ = proposed(lab)
    args = commands.parse_args("exchange.counter", {"id": id_, "form": "full"})
    effects = lab.ben.core.handle(Command(7_000, "exchange.counter", args, None), lab.now)
    facts = [e for e in effects if isinstance(e, Send) and e.protocol in (messages.PROTOCOL, messages.SECOND_PROTOCOL)]
    assert view(lab, lab.ben, id_).terms.form == 2
    assert [e.protocol for e in facts] == [messages.SECOND_PROTOCOL]


def test_a_mediator_is_named_in_the_first_proposal_or_not_at_all(lab: Lab) -> None:
    id_ = proposed(lab)
    with pytest.raises(Refusal, match="first proposal"):
        lab.ask(lab.ben, "exchange.counter", id=id_, mediator="Anna")
    named = proposed(lab, mediator="Anna", form="full")
    lab.ask(lab.ben, "exchange.counter", id=named, price="2")
    assert view(lab, lab.ben, named).terms.mediator == lab.signer(lab.anna).author
    lab.sim.run(MINUTE)
    lab.ask(lab.cleo, "exchange.counter", id=named, mediator="")
    assert view(lab, lab.cleo, named).terms.mediator == b""


def test_terms_that_bring_in_a_mediator_later_are_not_accepted_and_no_mediator_is_told(lab: Lab) -> None:
    id_ = proposed(lab)
    core, held = lab.ben.core, lab.ben.core.exchanges.find(id_)
    old = view(lab, lab.ben, id_)
    made = replace(old.terms, form=2, mediator=lab.signer(lab.anna).author, previous=terms_hash(old.terms))
    core.exchanges.say(held, "counter", old.terms_fact.id, encode_terms(made), lab.now)
    lab.sim.perform(lab.ben, core.handle(Woke(), lab.now))
    lab.sim.run(MINUTE)
    assert view(lab, lab.cleo, id_).terms.mediator
    with pytest.raises(Refusal, match="could not be shown"):
        lab.ask(lab.cleo, "exchange.accept", id=id_)


def test_a_proposal_that_never_lapses_fills_no_mediator(lab: Lab) -> None:
    """Anybody can name anybody: what is kept of it goes as other proposals do."""
    lab.meet(lab.anna)
    lab.take(lab.anna, lab.profile(EVE, "Eve", EVES_PEER))
    anna, ben = (lab.signer(node).author for node in (lab.anna, lab.ben))
    for expires, kept in ((lab.now + MAX_LIFETIME + DAY, 0), (lab.now + DAY, 1)):
        terms = draft_terms(
            listing=bytes(32), name=bytes(16), proposer=EVE.author, responder=ben, offered=True, kind="sell",
            title="Eggs", quantity=1, start=0, end=0, amount=0, unit="", price_text="", note="", previous=b"",
            expires=expires,
        )  # fmt: skip
        payload = encode_terms(replace(terms, form=2, mediator=anna))
        fact = seal_fact(
            EVE, network=lab.network(lab.anna).id, deal=NO_DEAL, kind="propose", prev=terms.listing, at=lab.now,
            payload=payload,
        )  # fmt: skip
        effects = lab.say(lab.anna, messages.FactMessage(fact.wire))
        assert not struck(effects) and len(lab.anna.core.exchanges.held) == kept
        assert isinstance(sent(effects)[0], messages.Ack if kept else messages.Refuse)
    lab.leap(FORGET_AFTER + 32 * DAY)
    assert not lab.anna.core.exchanges.held
