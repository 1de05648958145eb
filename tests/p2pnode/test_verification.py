"""A long ledger is checked a page at a time, and other events find room between."""

from ledger.audit import PAGE
from ledger.payloads import Settlement
from p2pnode import commands
from p2pnode.core.effects import Reply, Write
from p2pnode.core.events import Command, Woke
from p2pnode.core.keys import seq_key
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node


def checked(lab: Lab, node: Node) -> tuple[int, dict[str, object]]:
    """How many steps it took, and the answer."""
    effects = node.core.handle(Command(7, "ledger.verify", commands.parse_args("ledger.verify", {})), lab.now)
    for steps in range(1, 10):
        lab.sim.perform(node, [e for e in effects if isinstance(e, Write)])
        replies = [e.result for e in effects if isinstance(e, Reply) and e.ticket == 7]
        if replies:
            return steps, replies[0]
        effects = node.core.handle(Woke(), lab.now)
    raise AssertionError("no answer")


def longer(lab: Lab, node: Node, count: int) -> None:
    chain = lab.network(node).chain
    while chain.state.count < count:
        chain.append("EVENT", Settlement(b"o" * 32, 0, b"d" * 32), None, lab.now)
    lab.sim.perform(node, node.core.handle(Woke(), lab.now))


def test_as_many_steps_as_pages() -> None:
    lab = Lab(1)
    assert checked(lab, lab.anna)[0] == 1
    count = 2 * PAGE + 5
    longer(lab, lab.anna, count)
    steps, answer = checked(lab, lab.anna)
    assert steps == 3
    assert answer["ok"] and answer["entries"] == count and answer["missing"] == []


def test_it_ends_where_the_ledger_ended_at_its_beginning() -> None:
    lab = Lab(2)
    longer(lab, lab.anna, PAGE + 5)
    node = lab.anna
    node.core.handle(Command(7, "ledger.verify", commands.parse_args("ledger.verify", {})), lab.now)
    lab.network(node).chain.append("EVENT", Settlement(b"o" * 32, 0, b"e" * 32), None, lab.now)
    replies = [e for e in node.core.handle(Woke(), lab.now) if isinstance(e, Reply)]
    assert replies[0].result["ok"] and replies[0].result["entries"] == PAGE + 5


def test_what_is_gone_or_damaged_is_named_once() -> None:
    lab = Lab(3)
    longer(lab, lab.anna, 2 * PAGE)
    network = lab.network(lab.anna).id
    disk = lab.anna.disk
    disk.commit({seq_key(network, PAGE - 1): b"damaged"}, [seq_key(network, 9), seq_key(network, 2 * PAGE - 1)], True)
    steps, answer = checked(lab, lab.anna)
    assert steps < 5 and not answer["ok"]
    assert answer["missing"] == [9, PAGE - 1, 2 * PAGE - 1]
    problems = answer["problems"]
    assert isinstance(problems, list) and [p["seq"] for p in problems] == [PAGE - 1]
