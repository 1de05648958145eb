"""What the terms of a delivery say: who receives the parcel, and the code for the door."""

import pytest

from protocols.door import parse_code
from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.parcel_street import Street

FAR = 10 * MINUTE


@pytest.fixture
def lab() -> Street:
    return Street()


def test_the_code_for_the_door_is_the_senders_and_opens_it(lab):
    made = lab.deliver(lab.ben, lab.anna, parcel=True, door=True)
    code = lab.ask(lab.anna, "parcel.code", exchange=made)["code"]
    assert len(parse_code(code)) == 12 and code.count("-") == 2
    lab.sim.crash(lab.anna)
    lab.sim.run(MINUTE)
    assert lab.ask(lab.anna, "parcel.code", exchange=made)["code"] == code
    with pytest.raises(Refusal, match="made no code"):
        lab.ask(lab.ben, "parcel.code", exchange=made)
    assert lab.next(lab.anna, made) == ("you", f"p2pnode parcel give {made[:8]}")
    lab.ask(lab.anna, "parcel.give", exchange=made)
    lab.sim.run(MINUTE)
    (offer,) = lab.ask(lab.ben, "parcel.list")["offered"]
    lab.ask(lab.ben, "parcel.take", id=offer["id"])
    with pytest.raises(Refusal, match="to whom"):
        lab.ask(lab.ben, "parcel.give", exchange=made)
    assert lab.next(lab.ben, made) == ("you", f"p2pnode exchange done {made[:8]} --code CODE")
    lab.ask(lab.ben, "exchange.done", id=made, code=code)
    lab.sim.run(MINUTE)
    assert lab.duties(lab.anna, made)["dropoff"] == "confirmed"


def test_to_foresee_makes_no_code(lab):
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="deliver", title="Ride", price="1")
    lab.sim.run(MINUTE)
    found = lab.sim.ask_now(lab.anna, "exchange.foresee", listing=listing["listing_id"], parcel=True, door=True)
    assert found["warnings"] == [] and found["terms"]["door"]
    assert [d["custody"] for d in found["terms"]["duties"]] == [True, True, False]
    assert not lab.anna.core.state.journal.scan(b"D")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"parcel": True}, "to whom"),
        ({"to": "Ben"}, "the courier cannot"),
        ({"to": "me"}, "who sends a parcel cannot"),
    ],
)
def test_a_parcel_needs_somebody_to_go_to(lab, args, why):
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="deliver", title="Ride", price="1")
    lab.sim.run(MINUTE)
    if args.get("to") == "me":
        args = {"to": lab.signer(lab.anna).author.hex()}
    with pytest.raises(Refusal, match=why):
        lab.ask(lab.anna, "exchange.propose", listing=listing["listing_id"], **args)


def test_only_deliveries_carry_parcels(lab):
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="sell", title="Hay", price="1")
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="carries no parcel"):
        lab.ask(lab.anna, "exchange.propose", listing=listing["listing_id"], to=lab.dora.peer_id)


def test_on_a_request_the_courier_proposes_and_the_sender_adds_the_door(lab):
    wanted = lab.ask(lab.anna, "listing.publish", direction="request", kind="deliver", title="To town", price="1")
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="who sends a parcel makes the code"):
        lab.ask(lab.ben, "exchange.propose", listing=wanted["listing_id"], door=True)
    made = lab.ask(lab.ben, "exchange.propose", listing=wanted["listing_id"], to=lab.dora.peer_id)["exchange_id"]
    lab.sim.run(MINUTE)
    before = lab.exchange(lab.anna, made).terms
    lab.ask(lab.anna, "exchange.counter", id=made, door=True)
    lab.sim.run(MINUTE)
    after = lab.exchange(lab.ben, made).terms
    assert (after.parcel, after.recipient) == (before.parcel, before.recipient) and after.door and not before.door
    assert lab.ask(lab.anna, "parcel.code", exchange=made)["code"]
