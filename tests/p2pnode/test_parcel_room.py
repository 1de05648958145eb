"""Who fills what is kept of a parcel: not a stranger who knows its number."""

from protocols import custody_messages as messages
from protocols.limits import MAX_RECEIPTS
from protocols.receipt import take_custody
from tests.p2pnode.test_parcels import Street, answers, forged


def test_a_stranger_leaves_room_for_hand_overs_that_come_before_those_that_lead_there() -> None:
    lab = Street(5)
    network = lab.network(lab.anna).id
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.meet(lab.anna)
    said = []
    for i in range(MAX_RECEIPTS + 8):
        own = take_custody(lab.signer(lab.cleo), forged(lab, lab.cleo, bytes([i + 1]) * 32, lab.parcel))
        said += [type(m) for m in answers(lab.send(lab.anna, messages.Passed(own.wire)))]
    assert said.count(messages.Ack) == MAX_RECEIPTS // 2 and said[-1] is messages.Refuse
    far = take_custody(lab.signer(lab.cleo), forged(lab, lab.cleo, b"\xaa" * 32, lab.parcel))
    effects = lab.send(lab.anna, messages.Passed(far.wire), lab.ben.peer_id)
    assert messages.Ack(far.id) in answers(effects), "her courier says so: what leads there is to come"
    assert far in lab.anna.core.parcels.receipts(network, lab.parcel)
