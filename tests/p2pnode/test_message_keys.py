"""Messages and keys that were replaced: what waited is signed and sealed anew, and is the same message."""

from typing import Any

from p2pnode.core.keys import MESSAGE
from protocols import message_messages as frames
from protocols.identity import KeyState
from protocols.limits import MINUTE
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, struck, wrote
from tests.p2pnode.test_messages import LATE, answers, by_hand, eve_comes, tell, texts
from tests.sim.simulator import Node
from tests.sim.street import look, street
from tests.sim.test_ratings_last import Rotating


def listed(sim: Rotating, node: Node) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = look(node, "message.list", sim.now)
    return rows


def test_what_waits_outlives_the_keys_of_both() -> None:
    sim = Rotating(21)
    _, ben, cleo, _ = street(sim)
    sim.crash(ben, away=2 * MINUTE)
    said = sim.ask_now(cleo, "message.send", peer="Ben", text=LATE)
    sim.rotate(cleo)
    sim.run(5 * MINUTE)
    assert [(row["id"], row["text"]) for row in listed(sim, ben)] == [(said["id"], LATE)]
    sim.ask_now(ben, "message.send", peer="Cleo", text="Never mind")
    sim.rotate(ben)
    sim.ask_now(cleo, "message.send", peer="Ben", text="I run")
    sim.run(5 * MINUTE)
    for node in (ben, cleo):
        assert [row["text"] for row in listed(sim, node)] == [LATE, "Never mind", "I run"]
    assert not any(row["state"] == "queued" for node in (ben, cleo) for row in listed(sim, node))


def test_what_was_sealed_to_a_key_that_is_gone_is_sealed_anew_once_the_new_one_is_known() -> None:
    lab = Lab()
    lab.sim.crash(lab.ben, away=2 * MINUTE)
    said = lab.ask(lab.cleo, "message.send", peer="Ben", text=LATE)
    messages = lab.cleo.core.standing.messages
    box = messages._sealed[bytes.fromhex(said["id"])][0]
    old = frames.Refuse(box, frames.OLD_KEY, "an old key")
    assert not wrote(tell(lab, old, lab.ben.peer_id, lab.cleo))
    assert messages._sealed[bytes.fromhex(said["id"])][0] == box, "no other key is known yet: it goes on waiting"
    lab.cleo.core.state.key_states[lab.ben.core.state.me] = KeyState(1, EVE.public_key, bytes(32))
    tell(lab, old, lab.ben.peer_id, lab.cleo)
    anew, key = messages._sealed[bytes.fromhex(said["id"])]
    assert anew != box and key == EVE.public_key and list(messages._boxes) == [anew]
    assert box not in lab.cleo.core.outbox.items and anew in lab.cleo.core.outbox.items
    tell(lab, frames.Ack(box), lab.ben.peer_id, lab.cleo)
    assert look(lab.cleo, "message.show", lab.now, id=said["id"])["state"] == "queued"
    tell(lab, frames.Ack(anew), lab.ben.peer_id, lab.cleo)
    assert look(lab.cleo, "message.show", lab.now, id=said["id"])["state"] == "delivered"
    assert not messages._boxes and not messages._sealed


def test_a_box_for_another_key_is_said_to_be_one() -> None:
    lab = Lab()
    eve_comes(lab)
    effects = tell(lab, frames.Sealed(by_hand(lab, "x", to=lab.anna).box))
    (answer,) = answers(effects)
    assert isinstance(answer, frames.Refuse) and answer.code == frames.OLD_KEY
    assert not wrote(effects) and not struck(effects)


def test_a_key_that_was_replaced_speaks_no_more_and_costs_nobody_anything() -> None:
    lab = Lab()
    eve_comes(lab)
    lab.ben.core.state.key_states[EVE.author] = KeyState(1, lab.signer(lab.anna).public_key, bytes(32))
    effects = tell(lab, by_hand(lab, "x"), EVES_PEER)
    assert not answers(effects) and not wrote(effects) and not struck(effects)
    assert texts(lab, lab.ben) == [] and not dict(lab.ben.disk.scan(MESSAGE))


def test_to_a_key_that_is_none_nothing_is_sent_and_nothing_is_kept() -> None:
    lab = Lab()
    lab.cleo.core.state.key_states[lab.ben.core.state.me] = KeyState(1, bytes(32), bytes(32))
    try:
        lab.ask(lab.cleo, "message.send", peer="Ben", text=LATE)
    except Exception as e:
        assert "cannot be signed" in str(e)
    assert not dict(lab.cleo.disk.scan(MESSAGE))
