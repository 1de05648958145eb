"""A backup that is a month old is restored: the node gets back what it signed since, signs no number twice, goes on.

Most of it in the simulator: a street trades every few days of virtual time (in between all are asleep), one of the two
who do loses the machine and comes back from the first day's state. Some with real processes, `p2pnode backup` and
`restore`, on clocks that are a month ahead after the backup. The control skips the doubt and forks itself.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p2pnode.core.recovery import Recovery
from p2pnode.store import MemoryStore
from protocols.limits import DAY, MINUTE
from tests.e2e import killer
from tests.e2e.nodes import Node, until
from tests.e2e.test_restore import deal, log, state
from tests.faults.figures import LONG, length, record
from tests.faults.mutant import mutant
from tests.sim.simulator import Faults, Simulator
from tests.sim.street import People, look, street
from tests.sim.test_restored import WEATHER, copy_of, forks, put_back, restored, watch
from tests.sim.test_street import propose

MONTH = 30  # days
CONTROLS = 12


class Content(random.Random):
    """Nobody makes a counter-offer: it would cost more than a month's credit."""

    def random(self) -> float:
        return 0.9


def month(seed: int, make: Callable[[MemoryStore], MemoryStore] = restored) -> str:
    """One street, one month, one restore. What became of it."""
    sim = Simulator(seed)
    nodes = street(sim)
    _, ben, cleo, _ = nodes
    rng = random.Random(seed + 2)
    seen = watch(sim)
    listing = sim.ask_now(
        ben,
        "listing.publish",
        direction="offer",
        kind="rent",
        title="Snowblower",
        price="0.20/hour",
        until=sim.now + 60 * DAY,
    )
    sim.run(MINUTE)
    sim.faults = WEATHER
    People(sim, nodes, Content(seed + 1))
    started: list[Any] = []
    lost = rng.choice([ben, cleo])
    propose(sim, cleo, listing["listing_id"], started)
    sim.run(rng.randrange(3 * MINUTE))
    backup = copy_of(lost.disk)
    day = 0
    while day < MONTH:
        days = min(MONTH - day, rng.randrange(1, 8))
        day += days
        sim.now += days * DAY
        sim.run(MINUTE)
        propose(sim, cleo, listing["listing_id"], started)
        sim.run(rng.randrange(MINUTE, 3 * MINUTE))
    signed = max(seq for author, seq in seen if author == lost.core.state.me)
    put_back(sim, lost, make(backup))
    sim.run(2 * MINUTE)
    sim.faults = Faults()
    propose(sim, cleo, listing["listing_id"], started)
    sim.run(8 * MINUTE)
    if forks(seen):
        return "forked"
    network = next(iter(lost.core.state.networks.values()))
    if not network.chain.ready:
        return "waits"
    assert network.chain.audit().ok and network.chain.state.count > signed + 1
    newest = max(look(cleo, "exchange.list", sim.now), key=lambda x: x["began_at"])
    return "went on" if newest["receipt"] else "stuck"


def test_a_restored_node_signs_nothing_twice() -> None:
    first, trials = killer.seed(), length(4, 100)
    became = Counter(month(first + number) for number in range(trials))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recovery, "connected", lambda *_: None)
        patch.setattr(Recovery, "came", lambda *_: None)
        patch.setattr(Recovery, "told", lambda *_: None)
        control = Counter(month(first + number, lambda disk: disk) for number in range(min(trials, CONTROLS)))
    record(
        "backup",
        how="simulated",
        trials=trials,
        failures=trials - became["went on"],
        went_on=became["went on"],
        forked=became["forked"],
        control_trials=sum(control.values()),
        control_forked=control["forked"],
    )
    assert became == {"went on": trials}
    assert control["forked"], "who skips the doubt forks"


@pytest.mark.skipif(not LONG, reason="tests/e2e restores a backup; P2PNODE_LONG=1 does so on clocks a month ahead")
def test_real_nodes_a_month_later(tmp_path: Path) -> None:
    """Cleo is backed up; a month passes; she trades, loses the machine, is restored elsewhere, and trades again."""
    trials, went_on = length(1, 10), 0
    (tmp_path / "secret").write_text("five words nobody knows\n")
    secret = ("--passphrase-file", str(tmp_path / "secret"))
    try:
        for number in range(trials):
            root = tmp_path / str(number)
            nodes = _, ben, cleo = killer.street(root, lambda name, root=root: Node(name, root))  # type: ignore[misc]
            try:
                deal(ben, cleo, _ladder(ben))
                made = cleo.cli("backup", str(root / "cleo.backup"), *secret)
                for node in nodes:
                    node.stop()
                    node.prefix = mutant("month_later")
                for node in nodes:
                    node.start()
                listing = _ladder(ben)
                deal(ben, cleo, listing)
                written = log(cleo)
                assert len(written) > made["networks"][0]["entries"]
                cleo.kill()
                again = Node("Cleo", root / "elsewhere", prefix=mutant("month_later"))
                nodes = (*nodes, again)
                again.addresses = cleo.addresses
                again.cli("restore", str(root / "cleo.backup"), *secret)
                again.start()
                assert state(again) == "recovering"
                until("whole again", lambda node=again: state(node) == "joined", 90)  # type: ignore[misc]
                deal(ben, again, listing)
                assert log(again)[: len(written)] == written and again.cli("ledger", "verify")["ok"]
                audit = ben.cli("ledger", "audit", again.peer_id)
                assert audit["ok"] and not audit["forks"], audit
                went_on += 1
            finally:
                for node in nodes:
                    node.kill()
    finally:
        record("backup", how="processes", trials=trials, failures=trials - went_on, went_on=went_on)


def _ladder(node: Node) -> str:
    fields = ("--kind", "lend", "--title", "Ladder", "--price", "0.10")
    return str(node.cli("offer", "publish", *fields)["listing_id"])
