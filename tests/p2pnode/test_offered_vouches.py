"""Vouches that are not taken by themselves, because nothing says what their author's limit comes from; and what is
given back unasked."""

import pytest

from ledger.entry import encode_entry
from ledger.payloads import Settlement
from protocols import exchange_messages as messages
from protocols.errors import Refusal
from protocols.identity import Signer
from protocols.limits import MINUTE
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, sent
from tests.p2pnode.test_adversary import entries, forged, known
from tests.p2pnode.test_vouches import balance, sound, trade
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    return Lab(51)


def offer(lab: Lab, node, amount: int, limit: int, deal: int = 1, signer: Signer = EVE, peer: str = EVES_PEER):
    """A VOUCH with the limit that its author likes to write."""
    me = lab.signer(node).author
    entry = forged(lab, "VOUCH", Settlement(me, amount, bytes([deal]) * 32), signer, seq=deal, hold=amount, limit=limit)
    return lab.say(node, messages.EntryMessage(entry.network, encode_entry(entry)), peer)


def states(lab: Lab, node) -> list[str]:
    return [row["state"] for row in look(node, "vouch.list", lab.now)]


def test_a_stranger_s_vouch_with_an_invented_limit_is_not_taken_and_payments_go_on(lab: Lab) -> None:
    known(lab, lab.cleo)
    before = entries(lab, lab.cleo)
    assert not sent(offer(lab, lab.cleo, 9_900, 9_900)) and not sent(offer(lab, lab.cleo, 9_900, 9_900))
    assert entries(lab, lab.cleo) == before and "offered" in states(lab, lab.cleo)
    (row,) = [r for r in look(lab.cleo, "vouch.list", lab.now, peer="Eve")]
    assert row["name"] == "Eve" and row["direction"] == "taken" and row["amount"]["amount"] == 9_900
    assert any("Eve would vouch for you" in line for line in look(lab.cleo, "status", lab.now)["warnings"])
    trade(lab, lab.ben, lab.cleo, 2)
    assert lab.network(lab.ben).chain.state.balance == 200


def test_an_offer_is_there_after_a_restart_and_its_user_takes_it(lab: Lab) -> None:
    known(lab, lab.cleo)
    offer(lab, lab.cleo, 100, 500)
    lab.sim.crash(lab.cleo)
    lab.sim.run(MINUTE)
    known(lab, lab.cleo)
    limit = lab.network(lab.cleo).chain.state.limit
    shown = lab.ask(lab.cleo, "vouch.take", peer="Eve")
    assert shown["amount"]["amount"] == 100 and shown["state"] == "taken"
    assert lab.network(lab.cleo).chain.state.limit == limit + 100
    assert len(sent(offer(lab, lab.cleo, 100, 500))) == 1  # its author asks again, and gets the VOUCH_ACCEPT
    assert states(lab, lab.cleo).count("taken") and "offered" not in states(lab, lab.cleo)
    with pytest.raises(Refusal):
        lab.ask(lab.cleo, "vouch.take", peer="Eve")
    assert look(lab.cleo, "ledger.verify", lab.now)["ok"]


def test_what_is_declined_goes_back_so_that_an_honest_voucher_has_it_again(lab: Lab) -> None:
    """Dora, known by address only, vouches out of what she has: for Ben she is a stranger."""
    lab.ask(lab.anna, "vouch", peer="Dora", amount="10")
    lab.sim.run(MINUTE)
    lab.ask(lab.dora, "vouch", peer="Ben", amount="3")
    lab.sim.run(MINUTE)
    assert "offered" in states(lab, lab.ben) and balance(lab, lab.dora) == (0, 300, 1000)
    limit = balance(lab, lab.ben)[2]
    assert lab.ask(lab.ben, "vouch.decline", peer="Dora")["state"] == "returned"
    lab.sim.run(2 * MINUTE)
    assert balance(lab, lab.dora) == (0, 0, 1000) and balance(lab, lab.ben)[2] == limit
    assert "offered" not in states(lab, lab.ben) and not lab.ben.core.outbox.items and not lab.dora.core.outbox.items
    sound(lab)


def test_what_is_taken_reaches_an_honest_stranger(lab: Lab) -> None:
    lab.ask(lab.anna, "vouch", peer="Dora", amount="10")
    lab.sim.run(MINUTE)
    lab.ask(lab.dora, "vouch", peer="Ben", amount="3")
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "vouch.take", peer="Dora")
    lab.sim.run(MINUTE)
    assert states(lab, lab.dora).count("held") == 1 and not lab.dora.core.outbox.items
    sound(lab)


def test_a_member_whose_limit_is_vouched_for_is_believed_and_one_with_more_is_not(lab: Lab) -> None:
    """Ben came by an invite of Anna, who vouches for him."""
    ben, covered = lab.signer(lab.ben), balance(lab, lab.ben)[2]
    assert covered > 0
    before = entries(lab, lab.cleo)
    offer(lab, lab.cleo, 1, covered + 1, 7, ben, lab.ben.peer_id)
    assert entries(lab, lab.cleo) == before and states(lab, lab.cleo).count("offered") == 1
    offer(lab, lab.cleo, 1, covered, 8, ben, lab.ben.peer_id)
    assert entries(lab, lab.cleo) == before + 1 and states(lab, lab.cleo).count("offered") == 1


def test_no_more_is_taken_than_the_whole_network_was_endowed_with(lab: Lab) -> None:
    known(lab, lab.cleo)
    offer(lab, lab.cleo, 9_999, 9_999)  # with what Anna vouches for, more than 10,000
    with pytest.raises(Refusal) as e:
        lab.ask(lab.cleo, "vouch.take", peer="Eve")
    assert "nobody would take your payments" in e.value.message


def test_a_vouch_that_was_taken_is_given_back_in_part_and_whole(lab: Lab) -> None:
    lab.ask(lab.anna, "vouch", peer="Dora", amount="10")
    lab.sim.run(MINUTE)
    shown = lab.ask(lab.dora, "vouch.return", peer="Anna", amount="4")
    assert shown["amount"]["amount"] == 400 and shown["total"]["amount"] == 600
    lab.sim.run(MINUTE)
    assert balance(lab, lab.dora) == (0, 0, 600) and not lab.dora.core.outbox.items
    trade(lab, lab.ben, lab.dora, 2)
    for amount in ("4.01", "7", "0", None):
        with pytest.raises(Refusal):
            lab.ask(lab.dora, "vouch.return", peer="Anna", amount=amount)
    lab.ask(lab.dora, "vouch.return", peer="Anna", amount="4")
    lab.sim.run(MINUTE)
    assert balance(lab, lab.dora) == (-200, 0, 200)
    with pytest.raises(Refusal):
        lab.ask(lab.dora, "vouch.return", peer="Ben")
    sound(lab)
