"""What neighbours, strangers and those who are gone can do to what others wrote, and learn of it."""

import pytest

from p2pnode.core import message_room
from protocols import message_messages as frames
from protocols.errors import Refusal
from protocols.genesis import Genesis, found
from protocols.limits import DAY, MESSAGE_REMEMBERED, MINUTE
from tests.p2pnode.lab import EVE, Lab
from tests.p2pnode.test_messages import LATE, answers, by_hand, eve_comes, listed, met, tell, texts, write
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_where_all_is_full_there_is_room_for_one_more_neighbour(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of letters to and fro with the same few must not end what anybody new may say, or be told."""
    monkeypatch.setattr(message_room, "MAX_MESSAGES", 5)
    met(lab)
    write(lab, lab.dora, "Ben", "from Dora")
    for number in range(4):
        write(lab, lab.cleo, "Ben", str(number))
    said = write(lab, lab.anna, "Ben", "from Anna")
    assert "no room" in look(lab.anna, "message.show", lab.now, id=said["id"])["why"], "nothing has been read"
    with pytest.raises(Refusal, match="no room"):
        write(lab, lab.ben, "Anna")
    lab.ask(lab.ben, "message.seen")
    lab.sim.run(10 * MINUTE)
    assert texts(lab, lab.ben) == ["0", "1", "2", "3", "from Anna"], "a stranger's is the first to give way"
    write(lab, lab.ben, "Anna", "Hello")
    assert texts(lab, lab.ben) == ["1", "2", "3", "from Anna", "Hello"], "then that of who has most"
    for number in range(3):
        write(lab, lab.cleo, "Ben", f"more {number}")
        lab.ask(lab.ben, "message.seen")
    assert texts(lab, lab.ben, peer="Anna") == ["from Anna", "Hello"], "who has most takes nobody else's place"


def test_nobody_else_learns_by_a_guess_what_was_written(lab: Lab) -> None:
    write(lab, lab.cleo, "Ben")
    cleo, at = lab.signer(lab.cleo), listed(lab, lab.ben)[0]["at"]
    guess = by_hand(lab, LATE, cleo, at=at)
    assert not answers(tell(lab, guess, lab.anna.peer_id)) and answers(tell(lab, guess, lab.cleo.peer_id))


def test_what_was_erased_late_is_remembered_as_long(lab: Lab) -> None:
    eve_comes(lab)
    box = by_hand(lab, LATE)
    tell(lab, box)
    lab.leap(MESSAGE_REMEMBERED + DAY)
    lab.ask(lab.ben, "message.erase", id=listed(lab, lab.ben)[0]["id"])
    lab.leap(DAY)
    eve_comes(lab)
    assert isinstance(answers(tell(lab, box))[0], frames.Ack) and texts(lab, lab.ben) == []


def test_what_stays_of_somebody_who_is_gone_can_be_read(lab: Lab) -> None:
    """Who lets his profile end at once must not leave something new that nothing ends."""
    eve_comes(lab)
    tell(lab, by_hand(lab, "Hello"))
    lab.leap(2 * DAY)
    assert lab.ben.core.state.directory.profile(EVE.author) is None
    row = listed(lab, lab.ben)[0]
    assert texts(lab, lab.ben, peer=row["from"]) == ["Hello"]
    assert lab.ask(lab.ben, "message.seen", peer=row["from"]) == {"seen": 1}


def test_in_several_networks_it_goes_by_one_that_both_are_in(lab: Lab) -> None:
    """The page names none; and by another the reader would never take it."""
    signer = lab.signer(lab.cleo)
    genesis = Genesis(
        name="Choir", unit="song", decimals=0, endowments=((signer.author, 10),), stewards=(signer.author,), quorum=1,
        newcomer_limit=1, open=False, area="u33dc", salt=bytes(16),
    )  # fmt: skip
    lab.sim.perform(lab.cleo, lab.cleo.core.begin(lab.now, (found(signer, genesis, lab.now).wire,)))
    lab.sim.run(MINUTE)
    write(lab, lab.cleo, "Ben")
    assert texts(lab, lab.ben) == [LATE]
    with pytest.raises(Refusal, match="not in Choir"):
        write(lab, lab.cleo, "Ben", network="Choir")
