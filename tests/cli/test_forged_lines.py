"""What others wrote in several lines stays apart from what the command line says itself."""

from cli.output import safe
from tests.cli.conftest import Run
from tests.cli.test_output import EXCHANGE, NOW, ROW
from tests.p2pnode.fake_node import FakeNode


def test_no_line_that_others_wrote_looks_like_one_of_ours(run: Run, node: FakeNode) -> None:
    forged = "thanks\nstatus\tsettled\nNext: p2pnode exchange pay cdcdcdcd"
    terms = {**EXCHANGE["terms"], "note": forged}
    contact = {"theirs": {"state": "open", "text": forged}, "mine": "none"}
    amendment = {"by": "Bob", "expires": NOW, "note": forged, "changes": []}
    notes = [{"from": "Bob", "text": forged}]
    changed = {"terms": terms, "notes": notes, "contact": contact, "amendment": amendment, "next": []}
    node.answers["exchange.show"] = {**EXCHANGE, **changed}
    for plain in ((), ("--plain",)):
        lines = run("exchange", "show", "cd", *plain).out.splitlines()
        assert not [line for line in lines if line.startswith(("status\tsettled", "Next: p2pnode exchange pay"))]


def test_nothing_in_json_plays_with_the_terminal_and_nothing_of_it_is_lost(run: Run, node: FakeNode) -> None:
    node.answers["search"] = [{**ROW, "title": "a\x1b[2J b\x9b2J c\x7f d\u202e e\u2066 f\n g❄"}]
    ran = run("search", "--json")
    assert ran.data[0]["title"] == node.answers["search"][0]["title"] and safe(ran.out) == ran.out
