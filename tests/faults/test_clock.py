"""A clock that is wrong, at start and all at once, while its owner publishes and trades: nothing acknowledged is lost.

One of three neighbours gets each clock for a while. His listings, those of before and the one that he publishes
meanwhile, are there all the time; the clock put right, everybody finds both, an exchange goes through to its receipt,
and his ledger bears no date that is to come. tests/sim/test_clock.py does the same in virtual time, also with nobody
about. The control believes whatever the clock says.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from protocols.limits import DAY, HOUR, MINUTE
from tests.e2e.killer import street
from tests.e2e.nodes import Node, until
from tests.e2e.test_restore import deal
from tests.faults.figures import length, record
from tests.faults.mutant import mutant

YEAR = 365 * DAY + 6 * HOUR
SKEWS = {
    "2038": 2**31 * 1_000 + DAY - time.time_ns() // 1_000_000,
    "1970": -time.time_ns() // 1_000_000,
    "an hour ahead": HOUR,
    "an hour behind": -HOUR,
    "ten years ahead": 10 * YEAR,
    "ten years behind": -10 * YEAR,
}
TRIALS = [(name, restarted) for restarted in (False, True) for name in SKEWS]


def set_clock(node: Node, skew: int, restarted: bool) -> None:
    if restarted:
        node.stop()
    node.home.with_suffix(".clock").write_text(str(skew))
    if restarted:
        node.start()


def publish(node: Node, title: str) -> str:
    return str(node.cli("offer", "publish", "--kind", "lend", "--title", title, "--price", "0.10")["listing_id"])


def own(node: Node) -> set[str]:
    return {str(row["listing_id"]) for row in node.cli("offer", "list")}


def finds(node: Node, listing: str) -> bool:
    return node.cli("offer", "show", listing, check=False).get("listing_id") == listing


def trial(ben: Node, others: tuple[Node, ...], name: str, restarted: bool) -> list[str]:
    """What was lost by a clock that was wrong for a while."""
    before = publish(ben, f"Ladder before {name}")
    set_clock(ben, SKEWS[name], restarted)
    during = publish(ben, f"Ladder during {name}")
    lost = [listing for listing in (before, during) if listing not in own(ben)]
    warned = any("clock" in line for line in until("a word about the clock", lambda: ben.cli("status")["warnings"]))
    set_clock(ben, 0, restarted)
    lost += [listing for listing in (before, during) if listing not in own(ben)]
    if lost:
        return lost
    assert warned
    for node in others:
        until(f"{node.name} finds both", lambda n=node: finds(n, before) and finds(n, during), 90)  # type: ignore[misc]
    deal(ben, others[-1], during)
    now = time.time_ns() // 1_000_000
    assert ben.cli("ledger", "verify")["ok"]
    assert max(entry["at"] for entry in ben.cli("ledger", "log")) <= now + HOUR + MINUTE
    for listing in (before, during):
        ben.cli("offer", "withdraw", listing)
    return []


def shown(trials: list[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    for name, restarted in trials:
        print(name, "at start" if restarted else "while running")
        yield name, restarted


def run(root: Path, rule: str, trials: list[tuple[str, bool]]) -> int:
    """How many trials lost something."""

    def make(name: str) -> Node:
        node = Node(name, root, prefix=mutant(rule) if name == "Ben" else ())
        node.home.with_suffix(".clock").write_text("0")
        return node

    nodes = anna, ben, cleo = street(root, make)
    try:
        return sum(bool(trial(ben, (anna, cleo), *each)) for each in shown(trials))
    finally:
        for node in nodes:
            node.kill()


def test_a_wrong_clock_costs_nothing(tmp_path: Path) -> None:
    trials = TRIALS[: length(2, len(TRIALS))]
    failures = run(tmp_path / "street", "set_by_test", trials)
    control = run(tmp_path / "control", "credulous", TRIALS[:1])
    record("clock", trials=len(trials), failures=failures, control_trials=1, control_lost=control)
    assert not failures
    assert control == 1, "who believes any clock loses a listing"
