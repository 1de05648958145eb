"""Who may rate: a party of what was agreed and has ended, however it ended; and all others see what proves it."""

from collections.abc import Callable
from typing import Any

import pytest

from p2pnode.bounds import RATING_WINDOW
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.test_amending import PAUSE, Booked
from tests.p2pnode.test_told import Listed


def seen_by(lab: Any, node: Any, rater: Any, exchange: str) -> list[int]:
    """The outcomes that a node holds of a rater in an exchange."""
    reputations = node.core.reputations
    rows = reputations.ratings(lab.network(node))
    return [r.outcome for r in rows if (r.rater, r.deal.hex()) == (rater.core.state.me, exchange)]


def sold(lab: Listed) -> None:
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "confirm")
    lab.do(lab.cleo, "pay")


def called_off(lab: Listed) -> None:
    lab.do(lab.cleo, "cancel")
    lab.do(lab.ben, "cancel")


def listed(form: str, end: Callable[[Listed], None], **asked: Any) -> Listed:
    lab = Listed(price="2")
    lab.propose(form=form, **asked)
    lab.do(lab.ben, "accept")
    end(lab)
    return lab


def alone() -> Listed:
    lab = Listed(kind="rent", title="Mower", price="2/hour")
    lab.propose(start=lab.now + 2 * DAY, end=lab.now + 2 * DAY + 4 * HOUR, cancel_until=DAY, fee="1")
    lab.do(lab.ben, "accept")
    lab.do(lab.cleo, "cancel")
    return lab


def no_show() -> Booked:
    """Ben, who was to hand the barn over, is not there."""
    lab = Booked()
    lab.leap(3 * DAY)
    lab.do(lab.cleo, "default", duty="handover")
    lab.do(lab.cleo, "cancel")
    return lab


def ruled() -> Booked:
    lab = Booked()
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "dispute", note="The roof leaks")
    lab.do(lab.anna, "rule", award="1.50", to="Cleo")
    lab.do(lab.cleo, "accept")
    lab.do(lab.ben, "pay")
    return lab


def defied() -> Booked:
    lab = Booked()
    lab.do(lab.cleo, "dispute")
    lab.do(lab.anna, "rule", award="1", to="Cleo")
    lab.do(lab.cleo, "accept")
    lab.leap(8 * DAY)
    lab.do(lab.cleo, "default")
    return lab


ENDS: dict[str, tuple[Callable[[], Any], str]] = {
    "settled-1": (lambda: listed("plain", sold), "settled"),
    "settled-2": (lambda: listed("full", sold), "settled"),
    "cancelled-1": (lambda: listed("plain", called_off), "cancelled"),
    "cancelled-2": (lambda: listed("full", called_off), "cancelled"),
    "alone-2": (alone, "cancelled"),
    "no-show-2": (no_show, "defaulted"),
    "ruled-2": (ruled, "settled"),
    "defied-2": (defied, "defaulted"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_party_rates_whatever_has_ended_and_all_see_it(end: str) -> None:
    make, status = ENDS[end]
    lab = make()
    assert [lab.shown(node)["status"] for node in (lab.ben, lab.cleo)] == [status] * 2
    for node, outcome in ((lab.cleo, -2), (lab.ben, 1)):
        lab.ask(node, "attest", exchange=lab.id, outcome=outcome)
        lab.sim.run(PAUSE)
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        assert [seen_by(lab, node, rater, lab.id) for rater in (lab.cleo, lab.ben)] == [[-2], [1]]


@pytest.mark.parametrize("form", ["plain", "full"])
@pytest.mark.parametrize(
    "steps", [(), ("counter",), ("decline",), ("accept",), ("accept", "handover")], ids=lambda s: "-".join(s) or "none"
)
def test_what_has_not_ended_is_rated_by_nobody(form: str, steps: tuple[str, ...]) -> None:
    lab = Listed(price="2")
    lab.propose(form=form)
    for step in steps:
        lab.do(lab.ben, step, **({"price": "3"} if step == "counter" else {}))
    chains = [lab.network(node).chain.state.count for node in (lab.ben, lab.cleo)]
    for node in (lab.ben, lab.cleo):
        with pytest.raises(Refusal) as refused:
            lab.ask(node, "attest", exchange=lab.id, outcome=-2)
        assert refused.value.code == "conflict"
    assert [lab.network(node).chain.state.count for node in (lab.ben, lab.cleo)] == chains


def test_a_mediator_is_no_party() -> None:
    lab = ruled()
    with pytest.raises(Refusal, match="parties"):
        lab.ask(lab.anna, "attest", exchange=lab.id, outcome=-2)


def test_one_alone_is_opened_when_the_window_is_over() -> None:
    lab = no_show()
    lab.ask(lab.cleo, "attest", exchange=lab.id, outcome=-2)
    lab.sim.run(MINUTE)
    assert seen_by(lab, lab.dora, lab.cleo, lab.id) == []
    lab.leap(RATING_WINDOW)
    lab.sim.run(PAUSE)
    assert seen_by(lab, lab.dora, lab.cleo, lab.id) == [-2]
