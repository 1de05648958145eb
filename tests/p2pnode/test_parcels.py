"""Parcels that go through several hands: over the network, by file alone, and with people who lie."""

from typing import Any

import pytest

from p2pnode.core import parcels as module
from p2pnode.core.effects import Effect, Send
from p2pnode.core.events import Received
from protocols import custody_messages as messages
from protocols.door import parse_code
from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from protocols.receipt import NO_PREV, Half, Particulars, Receipt, offer_custody, parse_texts, take_custody
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, struck, wrote
from tests.sim.simulator import Faults, Node

FAR = 10 * MINUTE


class Street(Lab):
    """Anna sends something to Dora; Ben carries it, and has Cleo carry it the rest of the way."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.first = self.deliver(self.ben, self.anna, to=self.dora.peer_id, parcel=True)
        self.parcel = self.exchange(self.anna, self.first).terms.parcel

    def deliver(self, courier: Node, customer: Node, **more: Any) -> str:
        listing = self.ask(courier, "listing.publish", direction="offer", kind="deliver", title="Ride", price="1")
        self.sim.run(MINUTE)
        made = self.ask(customer, "exchange.propose", listing=listing["listing_id"], **more)["exchange_id"]
        self.sim.run(MINUTE)
        self.ask(courier, "exchange.accept", id=made)
        self.sim.run(MINUTE)
        return made

    def exchange(self, node: Node, id_: str) -> Any:
        held = node.core.exchanges.held[bytes.fromhex(id_)]
        return node.core.exchanges.view(held, self.now)

    def shown(self, node: Node) -> Any:
        return self.ask(node, "parcel.show", id=self.parcel.hex())

    def next(self, node: Node, exchange: str) -> tuple[str, str]:
        step = self.ask(node, "exchange.show", id=exchange)["next"][0]
        return step["who"], step["command"]

    def pass_on(self, giver: Node, taker: Node, exchange: str) -> None:
        self.ask(giver, "parcel.give", exchange=exchange, to=taker.peer_id)
        self.sim.run(MINUTE)
        (offer,) = self.ask(taker, "parcel.list")["offered"]
        self.ask(taker, "parcel.take", id=offer["id"])
        self.sim.run(MINUTE)

    def duties(self, node: Node, id_: str) -> dict[str, str]:
        return {name: str(state) for name, state in self.exchange(node, id_).duties.items()}

    def send(self, node: Node, message: messages.Message, peer: str = EVES_PEER) -> list[Effect]:
        return self.tell(node, messages.PROTOCOL, messages.encode_message(message), peer)


@pytest.fixture
def lab() -> Street:
    return Street()


def answers(effects: list[Effect]) -> list[messages.Message]:
    return [messages.parse_message(e.data) for e in effects if isinstance(e, Send) and e.protocol == messages.PROTOCOL]


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
    monkeypatch.setattr(module, "MAX_RECEIPTS", 3)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.meet(lab.ben)
    for i in range(6):
        false = take_custody(lab.signer(lab.cleo), forged(lab, lab.cleo, bytes([i + 1]) * 32, lab.parcel))
        effects = lab.send(lab.ben, messages.Passed(false.wire))
    assert [type(m) for m in answers(effects)] == [messages.Refuse]
    assert len(lab.ben.core.parcels.receipts(lab.network(lab.ben).id, lab.parcel)) == 3
    assert lab.shown(lab.ben)["mine"]


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
