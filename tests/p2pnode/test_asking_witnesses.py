"""A payer whose payment is not answered, with witnesses in the terms and without."""

from ledger.settlement import State
from protocols.limits import MINUTE
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
