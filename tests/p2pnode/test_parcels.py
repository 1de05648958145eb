"""Parcels that go through several hands: over the network, by file alone, and with people who lie."""

from typing import Any

import pytest

from p2pnode.core import parcel_room
from p2pnode.core import parcels as module
from p2pnode.core.events import Received
from protocols import custody_messages as messages
from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from protocols.receipt import NO_PREV, Half, Particulars, Receipt, offer_custody, parse_texts, take_custody
from tests.p2pnode.lab import EVE, Lab, struck, wrote
from tests.p2pnode.parcel_street import Street, answers
from tests.sim.simulator import Faults, Node

FAR = 10 * MINUTE


@pytest.fixture
def lab() -> Street:
    return Street()


def test_nobody_takes_a_parcel_but_by_his_own_word(lab):
    id_ = lab.ask(lab.anna, "parcel.give", exchange=lab.first, note="dry")["id"]
    lab.sim.run(DAY)
    assert lab.next(lab.anna, lab.first) == ("Ben", f"p2pnode parcel take {id_[:8]}")
    assert lab.next(lab.ben, lab.first) == ("you", f"p2pnode parcel take {id_[:8]}")
    assert lab.shown(lab.anna)["mine"] and lab.shown(lab.anna)["offered_to"] == "Ben"
    (offer,) = lab.ask(lab.ben, "parcel.list")["offered"]
    assert offer["note"] == "dry" and offer["problem"] == "" and offer["giver_name"] == "Anna"
    assert lab.shown(lab.ben)["holder_name"] == "Anna"


def test_two_couriers_and_everybody_hears_of_each_hand_over(lab):
    second = lab.deliver(lab.cleo, lab.ben, parent=lab.first)
    terms = lab.exchange(lab.cleo, second).terms
    assert terms.parcel == lab.parcel and terms.recipient == lab.signer(lab.dora).author
    assert terms.parent.hex() == lab.first
    assert lab.next(lab.ben, lab.first) == ("Anna", f"p2pnode parcel give {lab.first[:8]}")
    lab.pass_on(lab.anna, lab.ben, lab.first)
    assert lab.next(lab.ben, lab.first) == ("you", f"p2pnode parcel give {lab.first[:8]}")
    assert lab.duties(lab.anna, lab.first)["pickup"] == lab.duties(lab.ben, lab.first)["pickup"] == "confirmed"
    lab.pass_on(lab.ben, lab.cleo, second)
    assert lab.duties(lab.cleo, second) == {"pickup": "confirmed", "dropoff": "pending", "pay": "pending"}
    assert lab.shown(lab.anna)["holder_name"] == "Cleo", "the sender hears of it by the courier"
    lab.pass_on(lab.cleo, lab.dora, second)
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        shown = lab.shown(node)
        assert shown["holder"] == lab.dora.peer_id and shown["whole"] and shown["delivered"]
        assert [row["duty"] for row in shown["path"]] == ["pickup", "pickup", "dropoff"]
        assert not node.core.parcels.offers and not node.core.outbox.items
    for node, exchange in ((lab.anna, lab.first), (lab.ben, lab.first), (lab.ben, second), (lab.cleo, second)):
        assert lab.duties(node, exchange)["dropoff"] == "confirmed"


def test_a_parcel_has_deadlines_and_is_paid_when_it_is_there(lab):
    second = lab.deliver(lab.cleo, lab.ben, parent=lab.first)
    for node, id_ in ((lab.anna, lab.first), (lab.ben, second)):
        terms = lab.exchange(node, id_).terms
        assert all(d.within for d in terms.duties) and terms.duty("pay").after == "dropoff"
        (step,) = lab.ask(node, "exchange.show", id=id_)["next"]
        assert "parcel give" in step["command"] and step["until"] > lab.now
    plain = lab.deliver(lab.ben, lab.anna, to=lab.dora.peer_id, form="plain")
    assert not any(d.within for d in lab.exchange(lab.anna, plain).terms.duties)


def test_by_file_alone_with_no_network(lab):
    lab.sim.faults.loss = 1.0
    given = lab.ask(lab.anna, "parcel.give", exchange=lab.first)["texts"]
    taken = lab.ask(lab.ben, "parcel.take", text=given)
    assert taken["mine"]
    assert lab.ask(lab.ben, "parcel.take", text=given) == taken, "again is once"
    assert lab.shown(lab.anna)["mine"]
    (after,) = lab.ask(lab.anna, "parcel.add", text=taken["texts"])
    assert not after["mine"] and after["holder_name"] == "Ben" and after["offered_to"] is None
    assert lab.duties(lab.anna, lab.first)["pickup"] == "confirmed"
    half, whole = (lab.ask(lab.ben, "parcel.give", exchange=lab.first)[key] for key in ("text", "texts"))
    assert len(half) < 1_000 and [type(one) for one in parse_texts(whole)] == [Receipt, Half]
    lab.ask(lab.dora, "parcel.take", text=half)  # from the code alone, without what came before
    shown = lab.shown(lab.dora)
    assert shown["mine"] and not shown["whole"]
    assert lab.shown(lab.anna)["holder_name"] == "Ben"
    lab.sim.faults.loss = 0.0
    lab.sim.run(10 * MINUTE)  # the network is back, and tells the rest
    assert lab.shown(lab.anna)["holder_name"] == lab.shown(lab.ben)["holder_name"] == "Dora"


def test_it_is_all_still_there_after_a_power_cut(lab):
    lab.ask(lab.anna, "parcel.give", exchange=lab.first)
    lab.sim.run(MINUTE)
    for node in (lab.anna, lab.ben):
        lab.sim.crash(node)
    lab.sim.run(MINUTE)
    (offer,) = lab.ask(lab.ben, "parcel.list")["offered"]
    assert lab.shown(lab.anna)["offered_to"] == "Ben"
    lab.ask(lab.ben, "parcel.take", id=offer["id"])
    lab.sim.crash(lab.ben)
    lab.sim.run(10 * MINUTE)
    assert lab.shown(lab.ben)["mine"] and lab.shown(lab.anna)["holder_name"] == "Ben"


def test_what_is_offered_is_offered_to_one_at_a_time(lab):
    first = lab.ask(lab.anna, "parcel.give", exchange=lab.first)
    assert lab.ask(lab.anna, "parcel.give", exchange=lab.first)["id"] == first["id"]
    with pytest.raises(Refusal, match="who may still take it"):
        lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "parcel.decline", id=first["id"])
    lab.sim.run(MINUTE)
    assert lab.shown(lab.anna)["offered_to"] is None and not lab.ben.core.outbox.items
    lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)


def test_what_has_been_taken_by_another_is_not_taken(lab):
    first = lab.ask(lab.anna, "parcel.give", exchange=lab.first)["text"]
    lab.sim.run(MINUTE)
    second = lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id, instead=True)["text"]
    lab.ask(lab.cleo, "parcel.take", text=second)
    lab.sim.run(MINUTE)
    assert lab.shown(lab.anna)["holder_name"] == "Cleo"
    (offer,) = lab.ask(lab.ben, "parcel.list")["offered"]
    assert offer["problem"] == "by the receipts known here Cleo has it now"
    with pytest.raises(Refusal, match="Cleo has it now"):
        lab.ask(lab.ben, "parcel.take", text=first)


def test_who_gives_it_twice_has_signed_the_proof(lab):
    first = lab.ask(lab.anna, "parcel.give", exchange=lab.first)["text"]
    lab.sim.faults.loss = 1.0  # Ben does not hear of Cleo
    lab.sim.run(MINUTE)
    second = lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id, instead=True)["text"]
    for node, text in ((lab.cleo, second), (lab.ben, first)):
        lab.ask(node, "parcel.take", text=text)
    lab.sim.faults.loss = 0.0
    lab.sim.run(10 * MINUTE)
    (fork,) = lab.shown(lab.anna)["forks"]
    assert fork["giver_name"] == "you" and fork["takers"] == ["Ben", "Cleo"]
    assert lab.shown(lab.anna)["holder_name"] == "Ben", "what was signed first counts"
    assert len(parse_texts(fork["texts"])) == 2


def test_only_who_has_it_can_give_it(lab):
    with pytest.raises(Refusal, match="Anna has this parcel"):
        lab.ask(lab.ben, "parcel.give", exchange=lab.first)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    with pytest.raises(Refusal, match="Ben has this parcel"):
        lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)


def test_it_can_be_given_back(lab):
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.pass_on(lab.ben, lab.anna, lab.first)
    assert lab.shown(lab.anna)["mine"] and lab.duties(lab.anna, lab.first)["dropoff"] == "pending"


def forged(lab: Lab, taker: Node, prev: bytes = NO_PREV, parcel: bytes = b"\7" * 32, at: int = 0) -> Any:
    return offer_custody(
        EVE, network=lab.network(taker).id, parcel=parcel, prev=prev, taker=lab.signer(taker).author, taker_epoch=0,
        at=at or lab.now, said=Particulars(),
    )  # fmt: skip


def test_a_stranger_cannot_fill_the_disk_with_offers(lab):
    lab.meet(lab.ben)
    for i in range(module.MAX_OFFERED_PARCELS_BY_ONE + 3):
        effects = lab.send(lab.ben, messages.Offer(forged(lab, lab.ben, parcel=bytes([i + 1]) * 32).wire, ()))
    assert [type(m) for m in answers(effects)] == [messages.Refuse] and not wrote(effects)
    assert len(lab.ben.core.parcels.offers) == module.MAX_OFFERED_PARCELS_BY_ONE
    lab.ben.core.parcels.forget(lab.now + 31 * DAY)
    assert not lab.ben.core.parcels.offers


@pytest.mark.parametrize("at", [1, 2**53 - 1])
def test_an_offer_out_of_its_time_is_refused(lab, at):
    lab.meet(lab.ben)
    effects = lab.send(lab.ben, messages.Offer(forged(lab, lab.ben, at=at).wire, ()))
    assert [type(m) for m in answers(effects)] == [messages.Refuse] and not wrote(effects)


def test_an_offer_of_what_its_giver_has_not(lab):
    lab.meet(lab.ben)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    effects = lab.send(lab.ben, messages.Offer(forged(lab, lab.ben, parcel=lab.parcel, at=lab.now + 1).wire, ()))
    assert [type(m) for m in answers(effects)] == [messages.Refuse] and not wrote(effects)


def test_offers_and_receipts_that_cost_who_sends_them(lab):
    lab.meet(lab.ben)
    half = forged(lab, lab.cleo)
    assert struck(lab.send(lab.ben, messages.Offer(half.wire, ()))), "it is Cleo's"
    whole = take_custody(lab.signer(lab.cleo), half)
    other = take_custody(lab.signer(lab.cleo), forged(lab, lab.cleo, parcel=b"\6" * 32))
    assert struck(lab.send(lab.ben, messages.Offer(forged(lab, lab.ben).wire, (other.wire,)))), "another parcel's"
    false = whole.wire.replace(whole.signature_taker, whole.signature_giver)
    assert struck(lab.send(lab.ben, messages.Passed(false)))
    assert struck(lab.tell(lab.ben, messages.PROTOCOL, b"\x91\xa3who"))


def test_a_parcel_of_strangers_is_not_kept(lab):
    lab.meet(lab.ben)
    whole = take_custody(lab.signer(lab.cleo), forged(lab, lab.cleo))
    effects = lab.send(lab.ben, messages.Passed(whole.wire))
    assert [type(m) for m in answers(effects)] == [messages.Refuse] and not wrote(effects) and not struck(effects)


def test_what_is_known_is_acknowledged_again_and_changes_nothing(lab):
    lab.pass_on(lab.anna, lab.ben, lab.first)
    (receipt,) = lab.anna.core.parcels.receipts(lab.network(lab.anna).id, lab.parcel)
    for message in (messages.Passed(receipt.wire), messages.Offer(receipt.half, ())):
        effects = lab.send(lab.ben, message, lab.anna.peer_id)
        assert messages.Ack(receipt.id) in answers(effects) and not wrote(effects)


def test_a_later_key_than_we_know_costs_nobody_anything(lab):
    from protocols.codec import decode, encode
    from protocols.receipt import parse_half

    half = forged(lab, lab.ben)
    header = decode(half.header)
    header[5] = 4
    later = encode(header)
    wire = encode([later, EVE.sign("receipt", later), EVE.inception])
    assert parse_half(wire).giver_epoch == 4
    effects = lab.send(lab.ben, messages.Offer(wire, ()))
    assert not struck(effects) and not wrote(effects)


def test_receipts_of_one_parcel_are_bounded(lab, monkeypatch):
    monkeypatch.setattr(module, "MAX_RECEIPTS", 4)
    monkeypatch.setattr(parcel_room, "MAX_RECEIPTS", 4)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.meet(lab.ben)
    for i in range(6):
        false = take_custody(lab.signer(lab.cleo), forged(lab, lab.cleo, bytes([i + 1]) * 32, lab.parcel))
        effects = lab.send(lab.ben, messages.Passed(false.wire))
    assert [type(m) for m in answers(effects)] == [messages.Refuse]
    assert len(lab.ben.core.parcels.receipts(lab.network(lab.ben).id, lab.parcel)) == 3
    assert lab.shown(lab.ben)["mine"]


def test_what_does_not_count_leaves_room_for_what_does(lab, monkeypatch):
    """Who has seen a parcel's name and knows somebody who signs with him fills what its parties keep of it."""
    monkeypatch.setattr(module, "MAX_RECEIPTS", 4)
    monkeypatch.setattr(parcel_room, "MAX_RECEIPTS", 4)
    nodes = (lab.anna, lab.ben, lab.dora)

    def flood() -> None:
        for node in nodes:
            lab.meet(node)
            for i in range(6):
                pair = [forged(lab, lab.cleo, bytes([i + 1]) * 32, lab.parcel, lab.now - k) for k in range(2)]
                for half in pair:  # each a fork of nobody's concern
                    lab.send(node, messages.Passed(take_custody(lab.signer(lab.cleo), half).wire))

    flood()
    lab.pass_on(lab.anna, lab.ben, lab.first)
    flood()
    lab.pass_on(lab.ben, lab.dora, lab.first)
    for node in (lab.anna, lab.ben):
        assert lab.shown(node)["delivered"] and lab.duties(node, lab.first)["dropoff"] == "confirmed"
        assert len(node.core.parcels.receipts(lab.network(node).id, lab.parcel)) == 4
    lab.sim.crash(lab.anna)
    lab.sim.restart(lab.anna)
    assert lab.shown(lab.anna)["delivered"]


def test_a_refusal_counts_only_from_who_is_asked(lab):
    id_ = bytes.fromhex(lab.ask(lab.anna, "parcel.give", exchange=lab.first)["id"])
    lab.meet(lab.anna)
    lab.send(lab.anna, messages.Refuse(id_, "refused", "no"))
    assert id_ in lab.anna.core.parcels.offers
    lab.anna.core.handle(
        Received(lab.ben.peer_id, messages.PROTOCOL, messages.encode_message(messages.Refuse(id_, "refused", "no"))),
        lab.now,
    )
    assert id_ not in lab.anna.core.parcels.offers


# The door


@pytest.mark.parametrize("seed", range(3))
def test_in_bad_weather_all_come_to_see_the_same(seed):
    lab = Street(seed)
    second = lab.deliver(lab.cleo, lab.ben, parent=lab.first)
    lab.sim.faults = Faults(loss=0.2, duplicate=0.2, broken=0.01, crash=0.01, power_cut=0.005)
    for giver, taker, exchange in (
        (lab.anna, lab.ben, lab.first),
        (lab.ben, lab.cleo, second),
        (lab.cleo, lab.dora, second),
    ):
        offer = lab.ask(giver, "parcel.give", exchange=exchange, to=taker.peer_id)
        for _ in range(100):
            lab.sim.run(10_000)
            if taker.alive and [o["id"] for o in lab.ask(taker, "parcel.list")["offered"]] == [offer["id"]]:
                break
        lab.ask(taker, "parcel.take", id=offer["id"])
    lab.sim.faults = Faults()
    lab.sim.run(20 * MINUTE)
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        shown = lab.shown(node)
        assert (shown["holder"], len(shown["path"]), shown["forks"]) == (lab.dora.peer_id, 3, [])
        assert shown["delivered"] and not node.core.parcels.offers
