"""What is said of a deposit and of a return, in the ends that an exchange can take."""

from collections.abc import Callable

import pytest

from protocols.limits import DAY
from tests.p2pnode.test_amending import Booked
from tests.sim.street import look


def paid() -> Booked:
    lab = Booked(deposit="5")
    lab.do(lab.cleo, "pay", duty="deposit")
    return lab


def no_show() -> Booked:
    lab = paid()
    lab.leap(3 * DAY)
    lab.do(lab.cleo, "default", duty="handover")
    lab.do(lab.cleo, "cancel")
    return lab


def refunded() -> Booked:
    lab = no_show()
    lab.do(lab.ben, "pay")
    return lab


def waived() -> Booked:
    lab = no_show()
    lab.do(lab.cleo, "waive", duty="refund")
    return lab


def brought_back() -> Booked:
    lab = paid()
    lab.leap(2 * DAY)
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "return")
    lab.do(lab.ben, "pay", duty="refund")
    return lab


def kept() -> Booked:
    lab = paid()
    lab.leap(2 * DAY)
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "dispute", duty="handover", note="It was broken before")
    lab.do(lab.anna, "rule", keep_deposit=True)
    lab.do(lab.ben, "accept")
    return lab


@pytest.mark.parametrize(
    ("end", "returned", "out", "received"),
    [
        (paid, "pending", 500, 0),
        (no_show, "pending", 500, 0),
        (refunded, "pending", 0, 0),
        (waived, "pending", 0, 500),
        (brought_back, "confirmed", 0, 0),
        (kept, None, 0, 500),
    ],
)
def test_what_is_told(end: Callable[[], Booked], returned: str | None, out: int, received: int) -> None:
    """returned: the state of `return`; out: what Cleo has left with Ben; received: what counts as given to him."""
    lab = end()
    assert lab.states().get("return") == returned
    cleo, ben = (look(node, "ledger.balance", lab.now) for node in (lab.cleo, lab.ben))
    assert cleo["deposit_with_them"]["amount"] == out == ben["deposit_with_us"]["amount"]
    assert cleo["received"]["amount"] == received == ben["given"]["amount"]
