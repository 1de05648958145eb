"""Who was put back to an older state gives no parcel away before those who know have said what he signed since."""

from typing import Any

import pytest

from p2pnode.core.keys import UNSURE
from protocols import custody_messages as messages
from protocols.codec import decode
from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from protocols.receipt import take_custody
from tests.p2pnode.lab import EVES_PEER, struck, wrote
from tests.p2pnode.test_parcels import Street, answers, forged
from tests.sim.simulator import Node
from tests.sim.test_restored import copy_of, put_back, restored


@pytest.fixture
def lab() -> Street:
    return Street()


def older(lab: Street, node: Node, disk: Any, away: tuple[Node, ...] = ()) -> None:
    """The node goes on from this disk; these others are away, and stay so."""
    for one in away:
        lab.sim.crash(one, away=DAY)
    put_back(lab.sim, node, restored(copy_of(disk)))
    lab.sim.run(3 * MINUTE)


def marked(node: Node) -> bool:
    return bool(node.core.state.journal.scan(UNSURE))


def test_who_gave_it_and_forgot_learns_it_from_who_took_it(lab):
    before = copy_of(lab.anna.disk)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    older(lab, lab.anna, before)
    assert lab.shown(lab.anna)["holder_name"] == "Ben" and lab.shown(lab.anna)["unsure"] is None
    with pytest.raises(Refusal, match="Ben has this parcel"):
        lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)
    assert not marked(lab.anna) and not lab.anna.core.outbox.items


def test_while_they_are_away_it_is_not_given(lab):
    before = copy_of(lab.anna.disk)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    older(lab, lab.anna, before, (lab.ben,))
    assert lab.network(lab.anna).chain.ready, "of the ledger others know"
    shown = lab.shown(lab.anna)
    assert shown["mine"] and "Ben" in shown["unsure"]
    with pytest.raises(Refusal, match="older state, and Ben has not said") as refused:
        lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)
    assert "parcel add" in refused.value.hint and "--instead" in refused.value.hint
    lab.sim.crash(lab.anna)
    lab.sim.run(MINUTE)
    assert marked(lab.anna), "a restart ends no doubt"
    lab.sim.restart(lab.ben)
    lab.sim.run(5 * MINUTE)
    assert lab.shown(lab.anna)["holder_name"] == "Ben" and not marked(lab.anna)


def test_a_file_from_who_took_it_will_do(lab):
    before = copy_of(lab.anna.disk)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    file = lab.shown(lab.ben)["texts"]
    older(lab, lab.anna, before, (lab.ben,))
    (after,) = lab.ask(lab.anna, "parcel.add", text=file)
    assert after["holder_name"] == "Ben" and after["unsure"] is None
    with pytest.raises(Refusal, match="Ben has this parcel"):
        lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)


def test_who_still_has_it_gives_it_once_all_have_said_so(lab):
    before = copy_of(lab.anna.disk)
    older(lab, lab.anna, before)
    assert not marked(lab.anna)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    assert lab.shown(lab.ben)["mine"] and not lab.shown(lab.ben)["forks"]


def test_what_was_only_offered_comes_back_too(lab):
    before = copy_of(lab.anna.disk)
    id_ = lab.ask(lab.anna, "parcel.give", exchange=lab.first)["id"]
    lab.sim.run(MINUTE)
    older(lab, lab.anna, before)
    assert lab.shown(lab.anna)["offered_to"] == "Ben"
    with pytest.raises(Refusal, match="who may still take it"):
        lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)
    assert lab.ask(lab.anna, "parcel.give", exchange=lab.first)["id"] == id_
    (offer,) = lab.ask(lab.ben, "parcel.list")["offered"]
    lab.ask(lab.ben, "parcel.take", id=offer["id"])
    lab.sim.run(MINUTE)
    assert lab.shown(lab.anna)["holder_name"] == "Ben"


def test_who_is_sure_may_say_so(lab):
    older(lab, lab.anna, copy_of(lab.anna.disk), (lab.ben,))
    with pytest.raises(Refusal, match="has not said"):
        lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id)
    assert lab.ask(lab.anna, "parcel.give", exchange=lab.first, to=lab.cleo.peer_id, instead=True)["id"]


def test_a_partner_of_an_agreement_that_was_lost_must_say_it_too(lab):
    lab.pass_on(lab.anna, lab.ben, lab.first)
    before = copy_of(lab.ben.disk)
    second = lab.deliver(lab.cleo, lab.ben, parent=lab.first)
    lab.sim.faults.loss = 1.0  # by file, and nobody else hears of it
    text = lab.ask(lab.ben, "parcel.give", exchange=second)["texts"]
    lab.ask(lab.cleo, "parcel.take", text=text)
    lab.sim.faults.loss = 0.0
    older(lab, lab.ben, before, (lab.cleo,))
    assert lab.network(lab.ben).chain.ready
    with pytest.raises(Refusal, match="who else you agreed with has not said"):
        lab.ask(lab.ben, "parcel.give", exchange=lab.first)
    lab.sim.restart(lab.cleo)
    lab.sim.run(5 * MINUTE)
    assert lab.shown(lab.ben)["holder_name"] == "Cleo"


def test_what_was_agreed_after_it_waits_for_nobody_else(lab):
    older(lab, lab.anna, copy_of(lab.anna.disk), (lab.ben,))
    lab.anna.core.parcels.unsure.partner(lab.network(lab.anna).id, b"")
    second = lab.deliver(lab.cleo, lab.anna, to=lab.dora.peer_id)
    assert lab.ask(lab.anna, "parcel.give", exchange=second)["taker_name"] == "Cleo"
    with pytest.raises(Refusal, match="who else you agreed with and Ben have not said"):
        lab.ask(lab.anna, "parcel.give", exchange=lab.first)


def test_who_forgot_hears_how_far_it_has_gone(lab):
    before = copy_of(lab.anna.disk)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.pass_on(lab.ben, lab.dora, lab.first)
    older(lab, lab.anna, before, (lab.dora,))
    assert lab.shown(lab.anna)["holder_name"] == "Dora"


def asked_first(receipts: list[Any]) -> bytes:
    return bytes(min(r.id for r in receipts))


def test_who_asks_is_told_of_his_own_parcels_alone_page_by_page(lab, monkeypatch):
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.pass_on(lab.ben, lab.dora, lab.first)
    monkeypatch.setattr("p2pnode.core.unsure.MAX_TOLD", 1)
    network = lab.network(lab.anna).id
    receipts = lab.anna.core.parcels.receipts(network, lab.parcel)

    def asked(node: Node, after: bytes = b"") -> messages.Told:
        effects = lab.tell(
            lab.anna, messages.SECOND_PROTOCOL, messages.encode_message(messages.Mine(network, after)), node.peer_id
        )
        (told,) = [
            messages.parse_message(e.data) for e in effects if getattr(e, "protocol", "") == messages.SECOND_PROTOCOL
        ]
        assert isinstance(told, messages.Told) and not wrote(effects)
        return told

    assert {*asked(lab.dora).receipts, *asked(lab.dora, asked_first(receipts)).receipts} == {r.wire for r in receipts}
    assert asked(lab.cleo) == messages.Told(network, (), (), False)
    first = asked(lab.ben)
    assert first.more and len(first.receipts) == 1
    assert not asked(lab.ben, asked_first(receipts)).more
    lab.meet(lab.anna)
    effects = lab.tell(lab.anna, messages.SECOND_PROTOCOL, messages.encode_message(messages.Mine(network, b"")))
    assert not answers(effects) and not struck(effects), "of a stranger nobody knows which are his"


def test_lies_are_not_kept(lab):
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.pass_on(lab.ben, lab.dora, lab.first)
    network = lab.network(lab.anna).id
    theirs = take_custody(lab.signer(lab.cleo), forged(lab, lab.cleo))

    def tell(told: messages.Told, peer: str = EVES_PEER) -> list[Any]:
        return lab.tell(lab.anna, messages.SECOND_PROTOCOL, messages.encode_message(told), peer)

    lab.meet(lab.anna)
    assert not wrote(tell(messages.Told(network, (theirs.wire,), (), False), lab.ben.peer_id)), "nobody has asked"
    lab.sim.crash(lab.ben, away=DAY)
    lab.anna.core.parcels.unsure.begin(network)
    lab.sim.run(MINUTE)
    effects = tell(messages.Told(network, (theirs.wire,), (), False), lab.dora.peer_id)
    assert not wrote(effects) and not struck(effects), "no parcel of hers"
    assert struck(tell(messages.Told(network, (), (forged(lab, lab.dora).wire,), False), lab.dora.peer_id))
    assert not wrote(tell(messages.Told(network, (), (), False))), "a stranger"
    assert marked(lab.anna)


def test_the_mark_names_no_more_than_fits(lab, monkeypatch):
    monkeypatch.setattr("p2pnode.core.unsure.MAX_PARTNERS", 3)
    unsure, network = lab.anna.core.parcels.unsure, lab.network(lab.anna).id
    unsure.begin(network)
    for number in range(9):
        unsure.partner(network, bytes([number]) * 32)
    (row,) = lab.anna.core.state.journal.scan(UNSURE)
    assert len(decode(row[1])[1]) == 3
