"""Messages between real cores: who reads them, who is told what, what fills which room, and what outlives what."""

from typing import Any

import pytest

from p2pnode.core import keys, message_room
from p2pnode.core.events import Unspoken
from p2pnode.core.messages import BEYOND
from protocols import message_messages as frames
from protocols.errors import Refusal
from protocols.identity import Signer, incept
from protocols.limits import (
    DAY,
    MAX_MESSAGES_A_MINUTE,
    MAX_MESSAGES_OF_STRANGER,
    MAX_MESSAGES_QUEUED,
    MAX_MESSAGES_UNREAD,
    MESSAGE_REMEMBERED,
    MINUTE,
)
from protocols.message import Body, open_message, seal_message
from tests.p2pnode.deals import propose
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, struck, wrote
from tests.sim.simulator import Node
from tests.sim.street import look

LATE = "I am ten minutes late."


@pytest.fixture
def lab() -> Lab:
    return Lab()


def write(lab: Lab, sender: Node, to: str, text: str = LATE, **fields: Any) -> dict[str, Any]:
    said: dict[str, Any] = lab.ask(sender, "message.send", peer=to, text=text, **fields)
    lab.sim.run(MINUTE)
    return said


def listed(lab: Lab, node: Node, **fields: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = look(node, "message.list", lab.now, **fields)
    return rows


def texts(lab: Lab, node: Node, **fields: Any) -> list[str]:
    return [row["text"] for row in listed(lab, node, **fields)]


def met(lab: Lab) -> str:
    """Cleo and Ben agree on an exchange: they are no strangers."""
    lab.listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Sofa")["listing_id"]  # type: ignore[attr-defined]
    lab.sim.run(MINUTE)
    id_ = propose(lab, lab.cleo, lab.listing)  # type: ignore[attr-defined]
    lab.ask(lab.ben, "exchange.accept", id=id_)
    lab.sim.run(MINUTE)
    return id_


def by_hand(lab: Lab, text: str, signer: Signer = EVE, to: Node | None = None, **fields: Any) -> frames.Sealed:
    """A box for Ben, or for somebody else."""
    reader = lab.signer(to or lab.ben)
    given = {"network": lab.network(lab.ben).id, "author": signer.author, "to": reader.author, "at": lab.now}
    body = Body(**{**given, "text": text, **fields})  # type: ignore[arg-type]
    return frames.Sealed(seal_message(signer, body, key=reader.public_key, secret=b"s" * 32))


def tell(lab: Lab, message: frames.Message, peer: str = EVES_PEER, node: Node | None = None) -> list[Any]:
    """What Ben's node, or another, answers, and what else comes of it."""
    return lab.tell(node or lab.ben, frames.PROTOCOL, frames.encode_message(message), peer)


def answers(effects: list[Any]) -> list[frames.Message]:
    found = [e for e in effects if getattr(e, "protocol", "") == frames.PROTOCOL]
    return [frames.parse_message(e.data) for e in found]


def eve_comes(lab: Lab) -> None:
    lab.take(lab.ben, lab.profile(EVE, "Eve", EVES_PEER))
    lab.meet(lab.ben)


def test_it_is_read_by_its_reader_and_known_to_be_delivered(lab: Lab) -> None:
    said = write(lab, lab.cleo, "Ben")
    assert said["state"] == "queued" and "text" not in said
    mine, theirs = listed(lab, lab.cleo)[0], listed(lab, lab.ben)[0]
    assert (mine["state"], mine["text"], mine["to_name"], mine["from_name"]) == ("delivered", LATE, "Ben", "you")
    assert (theirs["state"], theirs["text"], theirs["from_name"], theirs["to_name"]) == ("new", LATE, "Cleo", "you")
    assert mine["id"] == theirs["id"] == said["id"] and mine["at"] == theirs["at"]
    assert look(lab.ben, "status", lab.now)["messages"] == 1
    assert lab.ask(lab.ben, "message.seen") == {"seen": 1}
    assert look(lab.ben, "status", lab.now)["messages"] == 0 and listed(lab, lab.ben)[0]["state"] == "read"


def test_the_words_stand_on_no_disk_but_those_of_the_two(lab: Lab) -> None:
    write(lab, lab.cleo, "Ben")
    for node, rows in ((lab.anna, 0), (lab.dora, 0), (lab.ben, 1), (lab.cleo, 1)):
        found = [key for key, value in node.disk.scan(b"") if LATE.encode() in value]
        assert [key[:1] for key in found] == [keys.MESSAGE] * rows, node.name


def test_it_waits_over_restarts_until_the_other_is_back(lab: Lab) -> None:
    lab.sim.crash(lab.ben, away=30 * MINUTE)
    ids = [write(lab, lab.cleo, "Ben", text)["id"] for text in ("one", "two", "three")]
    lab.sim.crash(lab.cleo)
    lab.sim.run(2 * MINUTE)
    assert [row["state"] for row in listed(lab, lab.cleo)] == ["queued"] * 3
    lab.sim.run(40 * MINUTE)
    assert texts(lab, lab.ben) == ["one", "two", "three"]
    assert [(row["id"], row["state"]) for row in listed(lab, lab.cleo)] == [(id_, "delivered") for id_ in ids]


def test_what_is_written_at_once_stays_in_its_order(lab: Lab) -> None:
    met(lab)
    said = ["same", "same", *map(str, range(10))]
    for text in said:
        lab.sim.ask(lab.cleo, "message.send", lambda _: None, peer="Ben", text=text)
    lab.sim.run(MINUTE)
    assert texts(lab, lab.ben) == texts(lab, lab.cleo) == said


def test_it_stands_with_the_exchange_that_it_is_about(lab: Lab) -> None:
    id_ = met(lab)
    write(lab, lab.ben, "Cleo", "It is by the door", exchange=id_[:8])
    write(lab, lab.cleo, "Ben", "And the weather?")
    for node in (lab.ben, lab.cleo):
        assert texts(lab, node, exchange=id_) == ["It is by the door"]
        assert texts(lab, node) == ["It is by the door", "And the weather?"]
        rows = look(node, "message.threads", lab.now)
        assert {(row["exchange_id"], row["text"]) for row in rows} == {
            (id_, "It is by the door"), (None, "And the weather?"),
        }  # fmt: skip
    with pytest.raises(Refusal, match="has no part"):
        write(lab, lab.ben, "Dora", exchange=id_)
    lab.ask(lab.cleo, "message.seen", exchange=id_)
    assert [row["new"] for row in look(lab.cleo, "message.threads", lab.now)] == [0, 0]


def test_to_answer_is_to_have_read(lab: Lab) -> None:
    id_ = met(lab)
    write(lab, lab.ben, "Cleo", "one", exchange=id_)
    write(lab, lab.ben, "Cleo", "two")
    write(lab, lab.cleo, "Ben", "yes", exchange=id_)
    assert texts(lab, lab.cleo, new=True) == ["two"]


@pytest.mark.parametrize(
    ("peer", "text", "why"),
    [("Cleo", LATE, "that is you|no peer"), ("Nobody", LATE, "no peer"), ("Ben", " \n ", "says nothing")],
)
def test_what_cannot_be_sent(lab: Lab, peer: str, text: str, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        write(lab, lab.cleo, peer, text)
    assert listed(lab, lab.cleo) == []


def test_it_outlives_the_loss_of_its_acknowledgement_and_is_there_once(lab: Lab) -> None:
    eve_comes(lab)
    box = by_hand(lab, "Hello")
    for _ in range(3):
        assert [type(a) for a in answers(tell(lab, box))] == [frames.Ack]
    assert texts(lab, lab.ben) == ["Hello"]
    again = frames.Sealed(seal_message(EVE, body_of(box, lab), key=lab.signer(lab.ben).public_key, secret=b"t" * 32))
    assert again != box and [type(a) for a in answers(tell(lab, again))] == [frames.Ack]
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert [type(a) for a in answers(tell(lab, again))] == [frames.Ack] and texts(lab, lab.ben) == ["Hello"]


def body_of(box: frames.Sealed, lab: Lab) -> Body:
    return open_message(lab.signer(lab.ben), box.box).body


def test_only_a_node_of_its_author_brings_a_message(lab: Lab) -> None:
    box = by_hand(lab, "Hello")
    for peer in (EVES_PEER, lab.anna.peer_id):
        effects = tell(lab, box, peer)
        assert not answers(effects) and not wrote(effects) and not struck(effects)
    eve_comes(lab)
    assert not answers(tell(lab, box, lab.anna.peer_id)) and answers(tell(lab, box))


def test_forgeries_cost_a_strike_and_change_nothing(lab: Lab) -> None:
    eve_comes(lab)
    anna = lab.signer(lab.anna).author
    effects = tell(lab, by_hand(lab, "x", author=anna), lab.anna.peer_id)
    assert struck(effects) and not wrote(effects) and not answers(effects)
    for data in (b"", b"\x93", frames.encode_message(by_hand(lab, "x"))[:-1]):
        assert struck(lab.tell(lab.ben, frames.PROTOCOL, data))
    assert listed(lab, lab.ben) == []


def test_what_is_of_another_network_or_from_the_future_is_left(lab: Lab) -> None:
    eve_comes(lab)
    for box in (by_hand(lab, "x", network=b"o" * 16), by_hand(lab, "x", at=lab.now + DAY)):
        effects = tell(lab, box)
        assert not answers(effects) and not wrote(effects) and not struck(effects)


def test_the_past_is_no_place_to_hide_in(lab: Lab) -> None:
    """Who dates a message back cannot have it go before all others for ever: it gives way by when it came."""
    eve_comes(lab)
    tell(lab, by_hand(lab, "x", at=0))
    assert listed(lab, lab.ben)[0]["at"] == 0 and listed(lab, lab.ben)[0]["stranger"]


def test_a_stranger_waits_for_an_answer_and_an_answer_makes_room(lab: Lab) -> None:
    eve_comes(lab)
    for number in range(MAX_MESSAGES_OF_STRANGER):
        assert isinstance(answers(tell(lab, by_hand(lab, str(number))))[0], frames.Ack)
    later = answers(tell(lab, by_hand(lab, "more")))[0]
    assert isinstance(later, frames.Later) and "not answered" in later.text
    assert all(row["stranger"] for row in listed(lab, lab.ben))
    for row in listed(lab, lab.ben):
        lab.ask(lab.ben, "message.erase", id=row["id"])
    assert isinstance(answers(tell(lab, by_hand(lab, "more")))[0], frames.Later), "to erase is not to answer"
    lab.ask(lab.ben, "message.send", peer="Eve", text="Who are you?")
    assert isinstance(answers(tell(lab, by_hand(lab, "more")))[0], frames.Ack)


def test_who_says_that_a_named_neighbours_node_is_his_stays_a_stranger(lab: Lab) -> None:
    write(lab, lab.cleo, "Ben")
    assert listed(lab, lab.ben)[0]["stranger"]
    lab.ask(lab.ben, "peers.name", peer="Cleo", name="Aunt Cleo")
    assert not listed(lab, lab.ben)[0]["stranger"]
    eve_comes(lab)
    lab.ask(lab.ben, "peers.name", peer=lab.dora.peer_id, name="Dora next door")
    lab.take(lab.ben, lab.profile(EVE, "Eve", lab.dora.peer_id, 2))
    lab.meet(lab.ben)
    tell(lab, by_hand(lab, "Hello"), lab.dora.peer_id)
    assert [row["stranger"] for row in listed(lab, lab.ben) if row["text"] == "Hello"] == [True]


def test_many_strangers_fill_a_corner_and_no_neighbour_is_kept_out(lab: Lab) -> None:
    met(lab)
    taken = 0
    for number in range(40):
        signer = incept(b"sybil%d".ljust(32) % number)[0]
        peer = f"12D3KooW{number:02d}".replace("0", "Z").ljust(52, "S")
        lab.take(lab.ben, lab.profile(signer, f"Sybil {number}", peer))
        for text in ("a", "b"):
            taken += isinstance(answers(tell(lab, by_hand(lab, text, signer), peer))[0], frames.Ack)
    assert taken == 32, "they are no members"
    write(lab, lab.cleo, "Ben")
    assert LATE in texts(lab, lab.ben)


def test_a_flood_of_a_partner_is_put_off_and_nothing_is_lost(lab: Lab) -> None:
    id_ = met(lab)
    most = MAX_MESSAGES_QUEUED
    for number in range(most):
        lab.sim.ask(lab.cleo, "message.send", lambda _: None, peer="Ben", text=str(number), exchange=id_)
    refused: list[Any] = []
    lab.sim.ask(lab.cleo, "message.send", refused.append, peer="Ben", text="too much")
    lab.sim.run(1_000)
    assert len(listed(lab, lab.ben)) == MAX_MESSAGES_A_MINUTE
    waiting = [row for row in listed(lab, lab.cleo) if row["state"] == "queued"]
    assert waiting and all("one minute" in row["why"] for row in waiting)
    assert isinstance(refused[0], Refusal) and "wait for Ben" in refused[0].message
    lab.sim.run(60 * MINUTE)
    assert texts(lab, lab.ben) == [str(n) for n in range(most)] and most <= MAX_MESSAGES_UNREAD
    write(lab, lab.cleo, "Ben", "more")
    lab.sim.run(10 * MINUTE)
    assert "more" not in texts(lab, lab.ben) and "not read yet" in listed(lab, lab.cleo)[-1]["why"]
    lab.ask(lab.ben, "message.seen", peer="Cleo")
    lab.sim.run(10 * MINUTE)
    assert texts(lab, lab.ben)[-1] == "more" and listed(lab, lab.cleo)[-1]["state"] == "delivered"


def test_the_oldest_of_one_gives_way_and_nobody_elses(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_room, "MAX_MESSAGES_OF_ONE", 4)
    met(lab)
    write(lab, lab.dora, "Ben", "from Dora")
    for number in range(4):
        write(lab, lab.cleo, "Ben", str(number))
    write(lab, lab.cleo, "Ben", "fifth")
    assert texts(lab, lab.ben, peer="Cleo") == ["0", "1", "2", "3"], "what was not read gives way to nothing"
    lab.ask(lab.ben, "message.seen", peer="Cleo")
    lab.sim.run(10 * MINUTE)
    assert texts(lab, lab.ben, peer="Cleo") == ["1", "2", "3", "fifth"] and "from Dora" in texts(lab, lab.ben)
    monkeypatch.setattr(message_room, "MAX_MESSAGES", 5)
    lab.ask(lab.ben, "message.seen")
    write(lab, lab.cleo, "Ben", "sixth")
    assert texts(lab, lab.ben) == ["from Dora", "2", "3", "fifth", "sixth"]


def test_who_is_shut_out_is_not_heard_and_is_told_so(lab: Lab) -> None:
    lab.ask(lab.ben, "peers.block", peer="Cleo")
    with pytest.raises(Refusal, match="shut Cleo out"):
        write(lab, lab.ben, "Cleo")
    said = write(lab, lab.cleo, "Ben")
    lab.sim.run(5 * MINUTE)
    shown = look(lab.cleo, "message.show", lab.now, id=said["id"][:10])
    assert (shown["state"], shown["why"]) == ("refused", "no messages are taken") and texts(lab, lab.ben) == []
    lab.ask(lab.ben, "peers.unblock", peer="Cleo")
    write(lab, lab.cleo, "Ben", "again")
    assert texts(lab, lab.ben) == ["again"]


def test_to_an_older_node_it_stays_queued_and_says_why(lab: Lab) -> None:
    lab.sim.crash(lab.ben, away=10 * MINUTE)
    said = write(lab, lab.cleo, "Ben")
    lab.cleo.core.handle(Unspoken(lab.ben.peer_id, frames.PROTOCOL), lab.now)
    shown = look(lab.cleo, "message.show", lab.now, id=said["id"])
    assert (shown["state"], shown["undeliverable"]) == ("queued", BEYOND)
    lab.sim.run(20 * MINUTE)
    assert look(lab.cleo, "message.show", lab.now, id=said["id"])["state"] == "delivered", (
        "it is another version by now"
    )


def test_what_is_erased_is_gone_from_the_store_and_a_copy_is_not_taken_again(lab: Lab) -> None:
    eve_comes(lab)
    box = by_hand(lab, LATE)
    tell(lab, box)
    id_ = listed(lab, lab.ben)[0]["id"]
    effects = lab.ask(lab.ben, "message.erase", id=id_[:12])
    assert effects == {"id": id_, "erased": True} and texts(lab, lab.ben) == []
    assert not any(LATE.encode() in value for _, value in lab.ben.disk.scan(b""))
    assert isinstance(answers(tell(lab, box))[0], frames.Ack) and texts(lab, lab.ben) == []
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert isinstance(answers(tell(lab, box))[0], frames.Ack) and texts(lab, lab.ben) == []
    lab.leap(MESSAGE_REMEMBERED + DAY)
    assert not dict(lab.ben.disk.scan(keys.MESSAGE))
    with pytest.raises(Refusal, match="no message"):
        lab.ask(lab.ben, "message.erase", id=id_)


def test_what_is_erased_while_it_waits_is_not_sent(lab: Lab) -> None:
    lab.sim.crash(lab.ben, away=10 * MINUTE)
    lab.ask(lab.cleo, "message.erase", id=write(lab, lab.cleo, "Ben")["id"])
    lab.sim.run(20 * MINUTE)
    assert texts(lab, lab.ben) == texts(lab, lab.cleo) == []


def test_a_refusal_counts_only_from_its_reader(lab: Lab) -> None:
    lab.sim.crash(lab.ben, away=10 * MINUTE)
    said = write(lab, lab.cleo, "Ben")
    box = next(iter(lab.cleo.core.standing.messages._boxes))
    for message in (frames.Refuse(box, "refused", "no"), frames.Later(box, "no"), frames.Ack(box)):
        assert not wrote(tell(lab, message, lab.anna.peer_id, lab.cleo))
    assert look(lab.cleo, "message.show", lab.now, id=said["id"])["state"] == "queued"
    lab.sim.run(20 * MINUTE)
    assert texts(lab, lab.ben) == [LATE]


def test_events_tell_of_it_and_not_what_it_says(lab: Lab) -> None:
    eve_comes(lab)
    effects = tell(lab, by_hand(lab, LATE))
    said = [e.data for e in effects if getattr(e, "kind", "") == "message"]
    assert said and said[0]["name"] == "Eve" and said[0]["state"] == "new" and LATE not in str(said)


def test_an_acknowledgement_of_what_is_no_message_does_nothing(lab: Lab) -> None:
    """What waits for somebody has one table of ids: his node may not name those of an exchange here."""
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Sofa")["listing_id"]
    lab.sim.run(MINUTE)
    lab.sim.crash(lab.ben, away=10 * MINUTE)
    propose(lab, lab.cleo, listing)
    waiting = list(lab.cleo.core.outbox.items)
    assert waiting
    for id_ in waiting:
        for told in (frames.Ack(id_), frames.Later(id_, "no room"), frames.Refuse(id_, "refused", "no")):
            tell(lab, told, lab.ben.peer_id, lab.cleo)
    assert list(lab.cleo.core.outbox.items) == waiting


def test_only_what_was_shown_is_marked_as_read(lab: Lab) -> None:
    met(lab)
    shown = [write(lab, lab.cleo, "Ben", f"Line {n}")["id"] for n in range(3)]
    write(lab, lab.cleo, "Ben", "Line 3")
    lab.ask(lab.ben, "message.erase", id=shown[0])
    assert lab.ask(lab.ben, "message.seen", ids=shown) == {"seen": 2}, "what was erased since is left out"
    assert texts(lab, lab.ben, new=True) == ["Line 3"]
    assert lab.ask(lab.ben, "message.seen", ids=shown) == {"seen": 0}
    assert lab.ask(lab.ben, "message.seen", ids=[]) == {"seen": 0}
    (last,) = listed(lab, lab.ben, new=True)
    assert lab.ask(lab.ben, "message.seen", peer="Anna", ids=[last["id"]]) == {"seen": 0}, "not with her"
    assert lab.ask(lab.ben, "message.seen", peer="Cleo", ids=[last["id"]]) == {"seen": 1}
