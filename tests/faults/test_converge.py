"""After any schedule of faults two honest nodes that are connected hold the same of the scopes that they share.

Gossip machines and catalogs on virtual time, by seed: frames lost, doubled, late and out of order, connections cut,
halves of the street apart, crashes, clocks up to a minute apart, quotas full, records replaced and withdrawn. The
control never compares: what is sent, named and asked for at the moment does not do.
"""

import pytest

from dht.neighbour import Neighbour
from protocols.limits import SECOND
from tests.dht.test_gossip_sim import play, settled
from tests.faults.figures import LONG, length, record

PATIENCE = 60 * SECOND
FIRST = 10_000  # other seeds than those of tests/dht
CONTROL = 12


def never(neighbour: Neighbour, now: int) -> None:
    """Put the comparison off, each time that it is due."""
    neighbour._schedule(now)


def test_after_the_last_fault_all_hold_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(FIRST, FIRST + length(40, 1_000))
    took = {seed: settled(play(seed), PATIENCE) for seed in seeds}
    failed = [seed for seed, time in took.items() if time is None]
    times = sorted(time for time in took.values() if time is not None)
    with monkeypatch.context() as patch:
        patch.setattr(Neighbour, "_begin", never)
        control = [settled(play(seed), PATIENCE) for seed in range(FIRST, FIRST + CONTROL)]
    record(
        "converge",
        trials=len(seeds),
        failures=len(failed),
        median_s=times[len(times) // 2] // SECOND if times else -1,
        slowest_s=times[-1] // SECOND if times else -1,
        control_trials=CONTROL,
        control_failures=control.count(None),
    )
    assert not failed, f"seeds {failed}"
    assert control.count(None) >= CONTROL // 4, "without comparisons differences stay"
    assert LONG or times[-1] <= PATIENCE
