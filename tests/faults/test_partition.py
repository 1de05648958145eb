"""A street is cut in two for some minutes, and both halves go on publishing. When it is whole again, all nodes soon
hold the same. The control never compares what it holds with its neighbours: what it missed stays missing.
"""

import time
from pathlib import Path

import pytest

from p2pnode.client import Client
from tests.faults.figures import LONG, record
from tests.faults.hamlet import Hamlet
from tests.net.lab import Lab
from tests.net.wire import Wire, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")

NODES, EACH_SIDE, RATE = (10, 1_000, 25.0) if LONG else (4, 20, 20.0)
CUT = 300.0 if LONG else 5.0  # seconds; a cut that connections outlive is mended by TCP alone
CONTROL_CUT = 60.0 if LONG else CUT  # long enough for every connection to be given up
WITHIN = 30.0  # seconds


class Cut:
    """What came of a cut. patience: seconds from its end."""

    def __init__(self, street: Hamlet, wire: Wire, listings: int, lasts: float, patience: float) -> None:
        wire.cut(range(NODES // 2))
        end = time.monotonic() + lasts
        made = list(street.published([listings // NODES] * NODES, RATE))
        while time.monotonic() < end:
            time.sleep(0.1)
        self.apart, self.listings = street.lacking(made), len(made)
        wire.heal()
        healed = time.monotonic()
        while (lacking := street.lacking(made)) and time.monotonic() < healed + patience:
            time.sleep(0.2)
        self.lacking, self.whole_after = lacking, time.monotonic() - healed


def test_both_halves_soon_hold_the_same(tmp_path: Path) -> None:
    with Lab(NODES) as lab, Wire(lab, delay=5, loss=0) as wire:
        street = Hamlet(NODES, lab, tmp_path, "never_compares" if LONG else "soon_gone")
        try:
            street.start()
            time.sleep(5 if LONG else 1)
            true = Cut(street, wire, 2 * EACH_SIDE, CUT, 4 * WITHIN)
            held = {Client(node.home).status()["listings"] for node in street.nodes}
            street.go_astray()
            control = Cut(street, wire, 2 * NODES, CONTROL_CUT, WITHIN if LONG else 2 * true.whole_after)
        finally:
            street.end()
    record(
        "partition",
        trials=true.listings,
        failures=true.lacking,
        nodes=NODES,
        cut_off_s=CUT,
        lacking_when_healed=true.apart,
        identical_after_s=round(true.whole_after, 1),
        control_lacking=control.lacking,
    )
    assert true.apart == true.listings * NODES // 2, "each side had its own half"
    assert not true.lacking and held == {true.listings}
    assert control.lacking, "who never compares is caught"
    if LONG:
        assert true.whole_after <= WITHIN
