"""`exchange show` says how to tell where something is to be brought."""

from tests.cli.conftest import Run
from tests.cli.test_output import EXCHANGE
from tests.p2pnode.fake_node import FakeNode

BRING = {"id": "handover", "action": "transfer", "provider": "12D3KooWBob", "amount": None, "state": "pending"}
TERMS = {**EXCHANGE["terms"], "handover": "bring"}
AGREED = {
    **EXCHANGE, "status": "agreed", "counterparty": "12D3KooWBob", "counterparty_name": "Bob", "duties": [BRING],
    "contact": {"mine": "none", "theirs": {"state": "none"}, "erased_at": None}, "terms": {**TERMS, "form": 2},
}  # fmt: skip


def test_who_is_brought_something_is_told_how_to_say_where(run: Run, node: FakeNode) -> None:
    node.answers["exchange.show"] = AGREED
    sealed = "Tell Bob where to bring it: p2pnode exchange contact cdcdcdcd --address …\n"
    assert sealed in run("exchange", "show", "cd").out
    assert "where to bring it" not in run("exchange", "show", "cd", "--plain").out
    node.answers["exchange.show"] = {**AGREED, "terms": {**TERMS, "form": 1}}
    message = "Tell Bob where to bring it: p2pnode message send 12D3KooWBob … --exchange cdcdcdcd"
    assert message in run("exchange", "show", "cd").out
    node.answers["exchange.show"] = {**AGREED, "contact": {**AGREED["contact"], "mine": "sent"}}
    assert "where to bring it" not in run("exchange", "show", "cd").out
