"""`leave`: what is shown before and after, and the name of a network that was left as a target of `join`."""

from typing import Any

from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

NETWORK = {"id": "5a" * 16, "name": "Elm's Street", "unit": "hour", "decimals": 2}
SEEN: dict[str, Any] = {
    "network": NETWORK, "state": "joined", "listings": 2, "balance": {"amount": -150, "unit": "hour"},
    "hold": {"amount": 200, "unit": "hour"}, "open": False, "peers": 0,
    "exchanges": [{"exchange_id": "cd" * 32, "title": "Mower\x1b[2J", "status": "agreed"}],
}  # fmt: skip


def test_what_it_would_end_is_shown_and_nothing_is_asked_for(run: Run, node: FakeNode) -> None:
    node.answers["leave.foresee"], node.answers["status"] = SEEN, {"networks": [NETWORK]}
    out = run("leave", "--dry-run").out
    for words in (
        "2 listings",
        "Mower",
        "cdcdcdcd",
        "you owe 1.5 hours",
        "bound: 2 hours",
        "joined by invite only",
    ):
        assert words in out, words
    assert "\x1b" not in out and out.endswith("Nothing was done.\n")
    assert "leave" not in [name for name, *_ in node.calls]


def test_the_way_back_is_said_as_a_shell_takes_it(run: Run, node: FakeNode) -> None:
    node.answers["leave"] = {**SEEN, "state": "left"}
    out = run("leave", "--anyway").out
    assert "Nobody is there to be told" in out
    assert out.endswith("""p2pnode join 'Elm'"'"'s Street'\n""")


def test_what_was_left_is_joined_by_its_name(run: Run, node: FakeNode) -> None:
    node.answers["status"] = {"left": [NETWORK], "state": "alone"}
    node.answers["join"] = {"network": NETWORK, "state": "joined", "peers": 3}
    assert run("join", "elm's street").out == "Joined Elm's Street. Next: p2pnode search\n"
    assert node.last == ("join", {"target": "elm's street"})
    assert run("join", "Elm").status == 2
