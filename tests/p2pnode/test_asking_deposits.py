"""What an exchange may ask as a deposit, and what is said before of what cannot be paid by the ledger."""

import pytest

from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.street import look


def test_a_deposit_beyond_a_limit_is_foreseen_and_can_be_proposed_all_the_same():
    lab = Lab(20)
    drill = lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="A drill")["listing_id"]
    wanted = lab.ask(lab.ben, "listing.publish", direction="request", kind="lend", title="A saw")["listing_id"]
    lab.sim.run(MINUTE)

    def foreseen(listing, deposit):
        found = lab.ask(lab.cleo, "exchange.foresee", listing=listing, deposit=deposit)["warnings"]
        assert not look(lab.cleo, "exchange.list", lab.now), "nothing was said"
        return found

    free = look(lab.cleo, "ledger.balance", lab.now)["available"]["amount"] // 100
    assert foreseen(drill, f"{free}") == [] == foreseen(drill, "0")
    assert foreseen(drill, f"{free + 1}") == [f"the deposit is {free + 1} hours, and you can spend {free} hours now"]
    free = look(lab.ben, "ledger.balance", lab.now)["available"]["amount"] // 100
    assert foreseen(wanted, f"{free}") == []
    (said,) = foreseen(wanted, f"{free + 1}")
    assert said.startswith(f"the deposit is {free + 1} hours, and Ben could spend {free} hours")
    assert lab.ask(lab.cleo, "exchange.propose", listing=wanted, deposit=f"{free + 1}")["status"] == "proposed"


def test_a_deposit_may_name_its_unit_and_no_other():
    lab = Lab(19)
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="A drill")
    lab.sim.run(MINUTE)
    drill = made["listing_id"]
    with pytest.raises(Refusal, match="a deposit is in hour, not in EUR"):
        lab.ask(lab.cleo, "exchange.propose", listing=drill, deposit="2 EUR")
    shown = lab.ask(lab.cleo, "exchange.propose", listing=drill, deposit="2 hour")
    assert shown["terms"]["deposit"] == {"amount": 200, "unit": "hour"}


def test_a_price_that_no_ledger_settles_is_said_before():
    lab = Lab(21)
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="sell", title="A pie", price="3 eggs")
    lab.sim.run(MINUTE)
    pie = made["listing_id"]
    (said,) = lab.ask(lab.cleo, "exchange.foresee", listing=pie)["warnings"]
    assert said.startswith("the price is in eggs, not in the network's credit")
    for price in ("2", "2 hours", "free"):
        assert not lab.ask(lab.cleo, "exchange.foresee", listing=pie, price=price)["warnings"], price
    deal = lab.ask(lab.cleo, "exchange.propose", listing=pie)
    assert deal["warnings"] == [said]
    lab.sim.run(MINUTE)
    asked = {"id": deal["exchange_id"], "quantity": 2}
    assert lab.ask(lab.ben, "exchange.counter", **asked)["warnings"] == [said]
