"""A payer whose payment is not answered, with witnesses in the terms and without."""

import pytest

from ledger.entry import parse_entry
from ledger.settlement import State
from p2pnode.bounds import TELL_CALLED_OFF
from p2pnode.core.effects import Penalize, Send
from p2pnode.core.events import Received
from protocols import exchange_messages as messages
from protocols.errors import Refusal
from protocols.limits import HOUR, MINUTE
from tests.p2pnode.test_witnesses import newest
from tests.sim.test_witnessed import CALLED_OFF_WITHIN, WITHIN, Street


def test_a_payer_that_was_away_at_the_expiry_asks_when_it_is_back() -> None:
    run = Street(14, 1)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(MINUTE)
    run.sim.crash(run.cleo, away=20 * MINUTE)
    run.sim.run(20 * MINUTE + CALLED_OFF_WITHIN)
    assert newest(run, run.cleo).state == State.CANCELLED


def test_a_payment_that_was_called_off_leaves_nothing_but_to_cancel() -> None:
    run = Street(17, 1)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    shown = run.show(run.cleo)
    assert shown["settlement"]["state"] == "released" and not shown["cancel_asked"]
    assert [(step["who"], step["command"].split()[2]) for step in shown["next"]] == [("you", "cancel")]
    shown = run.sim.ask_now(run.cleo, "exchange.cancel", id=run.id)
    assert [(step["who"], step["command"].split()[2]) for step in shown["next"]] == [("Ben", "cancel")]


def test_a_payee_that_does_not_answer_is_not_told_for_ever() -> None:
    """A node from before it could be told ignores it, and is not called dishonest for anything."""
    run = Street(17, 1)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    cancel = newest(run, run.cleo).mine
    id_ = parse_entry(cancel).id
    assert id_ in run.cleo.core.outbox.items
    run.sim.crash(run.cleo)
    run.sim.run(MINUTE)
    assert id_ in run.cleo.core.outbox.items
    run.cleo.core.settlements.forget(run.sim.now + TELL_CALLED_OFF - HOUR)
    assert id_ in run.cleo.core.outbox.items
    run.cleo.core.settlements.forget(run.sim.now + TELL_CALLED_OFF + HOUR)
    assert id_ not in run.cleo.core.outbox.items


def test_only_an_agreed_payment_can_be_said_to_be_called_off() -> None:
    """Neither who is no party, nor who has no such exchange, keeps it as a payment or calls the sender dishonest."""
    run = Street(18, 1)
    run.sim.crash(run.ben, away=15 * MINUTE)
    run.pay()
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    network = next(iter(run.cleo.core.state.networks.values()))
    cancel = messages.EntryMessage(network.id, newest(run, run.cleo).mine)
    frame = messages.encode_message(cancel)
    dora = run.nodes["Dora"]  # neither party nor addressee
    effects = dora.core.handle(Received(run.cleo.peer_id, messages.PROTOCOL, frame), run.sim.now)
    assert not dora.core.settlements.deals and not [e for e in effects if isinstance(e, Penalize)]
    run.sim.run(20 * MINUTE)
    del run.ben.core.settlements.deals[network.id, bytes.fromhex(run.id)]
    run.ben.core.exchanges.held.clear()
    effects = run.ben.core.handle(Received(run.cleo.peer_id, messages.PROTOCOL, frame), run.sim.now)
    assert not run.ben.core.settlements.deals and not [e for e in effects if isinstance(e, Penalize | Send)]


def test_a_payer_without_witnesses_asks_nobody() -> None:
    run = Street(15, 1)
    listing = run.sim.ask_now(run.ben, "listing.publish", direction="offer", kind="sell", title="A saw", price="1")
    run.sim.run(MINUTE)
    run.id = run.sim.ask_now(run.cleo, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
    run.sim.ask_now(run.ben, "exchange.accept", id=run.id)
    run.sim.run(MINUTE)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    assert newest(run, run.cleo).state == State.PROPOSED
    assert run.show(run.cleo)["settlement"]["witnessed"] is None


def test_while_it_is_in_doubt_a_payer_signs_nothing() -> None:
    run = Street(16, 1)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(MINUTE)
    chain = run.cleo.core.state.networks[newest(run, run.cleo).network].chain
    chain.whole = False
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    assert newest(run, run.cleo).state == State.PROPOSED
    chain.whole = True
    run.sim.run(CALLED_OFF_WITHIN)
    assert newest(run, run.cleo).state == State.CANCELLED


def test_paying_what_was_called_off_says_that_nothing_was_paid() -> None:
    run = Street(17, 1)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    with pytest.raises(Refusal) as e:
        run.sim.ask_now(run.cleo, "exchange.pay", id=run.id)
    assert "nothing was paid" in e.value.message and f"exchange cancel {run.id[:8]}" in str(e.value.hint)


def test_a_witness_that_is_named_twice_is_refused() -> None:
    run = Street(19, 1)
    listing = run.show(run.cleo)["listing_id"]
    anna = run.witnesses[0].peer_id
    for named in ([anna, "Anna", anna], [anna, anna]):
        with pytest.raises(Refusal) as e:
            run.sim.ask_now(run.cleo, "exchange.propose", listing=listing, witness=named)
        assert "named twice" in e.value.message
