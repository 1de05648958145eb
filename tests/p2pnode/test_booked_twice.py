"""A provider who signs for one time twice: what his guests hold shows it to everybody. A cancellation by both that came
before the second signature ends that, a later one does not."""

from base64 import b64decode, b64encode
from typing import Any

import pytest

from p2pnode.core.bookings import Bookings
from protocols.double_booking import check_challenge, check_rebuttal, encode_challenge, parse_agreement
from protocols.errors import Refusal, Reject
from protocols.limits import DAY, MINUTE
from tests.p2pnode.test_bookings import Rental

TOGETHER = {"cancel_until": 6 * DAY}  # of a time five days ahead: nobody cancels alone any more


class Twice(Rental):
    def __init__(self) -> None:
        super().__init__(form="full")
        self.one, self.other = (self.propose(node, **TOGETHER) for node in (self.lab.cleo, self.lab.dora))

    def challenge(self) -> bytes:
        """Of what the guests hold; no node is asked to make or to check it."""
        held = ((self.lab.cleo, self.one), (self.lab.dora, self.other))
        files = [b64decode(self.lab.ask(n, "exchange.agreement", id=i)["agreement"]) for n, i in held]
        challenge = encode_challenge([parse_agreement(file) for file in files])
        assert check_challenge(challenge).booked == 2
        return challenge

    def rebuttal(self) -> bytes:
        return b64decode(self.lab.ask(self.lab.ben, "exchange.rebut", id=self.one)["rebuttal"])

    def cancel(self) -> None:
        assert self.do(self.lab.cleo, "cancel", self.one) == "agreed", "one alone ends nothing"
        assert self.do(self.lab.ben, "cancel", self.one) == "cancelled"

    def publish(self, by: Any, challenge: bytes, *rebuttals: bytes) -> None:
        shown = {"challenge": _text(challenge), "rebuttals": [_text(r) for r in rebuttals]}
        self.lab.ask(by, "misconduct.publish", **shown)
        self.lab.sim.run(MINUTE)

    def frozen(self) -> list[bool]:
        """Whether Ben is, for the two guests and for Anna, who has nothing to do with it."""
        lab, ben = self.lab, self.lab.signer(self.lab.ben).author
        return [n.core.convictions.frozen(lab.network(n).id, ben) for n in (lab.cleo, lab.dora, lab.anna)]


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def test_two_guests_of_one_time_show_it_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = Twice()
    lab = twice.lab
    with monkeypatch.context() as lying:  # Ben's node looks at no calendar
        lying.setattr(Bookings, "check", lambda *a, **k: None)
        assert [twice.do(lab.ben, "accept", id_) for id_ in (twice.one, twice.other)] == ["agreed", "agreed"]
    challenge = twice.challenge()
    assert twice.frozen() == [False] * 3
    twice.publish(lab.dora, challenge)
    assert twice.frozen() == [True] * 3
    with pytest.raises(Refusal, match="proven"):
        twice.propose(lab.anna, hour=9)
    twice.cancel()
    with pytest.raises(Reject):
        check_rebuttal(challenge, [twice.rebuttal()])  # he was bound twice all the same
    with pytest.raises(Refusal, match="cannot be published"):
        twice.publish(lab.ben, challenge, twice.rebuttal())
    assert twice.frozen() == [True] * 3


def test_who_had_called_one_off_with_his_guest_is_free_again_once_he_shows_it() -> None:
    twice = Twice()
    lab = twice.lab
    assert twice.do(lab.ben, "accept", twice.one) == "agreed"
    assert "has the same listing" in twice.refused(lab.ben, "accept", twice.other).message, "an honest node"
    twice.cancel()
    assert twice.do(lab.ben, "accept", twice.other) == "agreed"
    challenge = twice.challenge()
    twice.publish(lab.dora, challenge)
    assert twice.frozen()[1:] == [True] * 2, "Dora and Anna know of no cancellation"
    check_rebuttal(challenge, [twice.rebuttal()])
    twice.publish(lab.ben, challenge, twice.rebuttal())
    assert twice.frozen() == [False] * 3
