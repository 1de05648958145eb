"""`invite list`: which invites are still good, and that making one takes its options as ever."""

from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

NOW = 1_772_366_400_000  # 2026-03-01 12:00 UTC


def test_invites_that_are_good_are_listed_with_who_came_by_them(run: Run, node: FakeNode) -> None:
    node.answers["invite.list"] = []
    assert "p2pnode invite" in run("invite", "list").out
    hour = {"amount": 500, "unit": "hour"}
    row = {"invite_id": "ab" * 32, "note": "Elm\x1b[2J Street", "expires_at": NOW, "uses": 3, "left": 1, "vouch": hour,
           "network": {"id": "aa"}, "used_by": [{"peer_id": "12D3KooWA", "name": "Ann", "vouched": True},
                                                {"peer_id": "12D3KooWB", "name": "Bo", "vouched": False}]}  # fmt: skip
    node.answers["invite.list"] = [row]
    out = run("invite", "list").out
    assert "2 of 3" in out and "5 hour" in out and "Ann, Bo" in out and "\x1b" not in out
    assert "no credit left for Bo, who" in out and "None can be taken back" in out
    assert run("invite", "list", "--json").data == [row] == run("invite", "--json", "list").data
    plain = run("invite", "list", "--plain").out.split("\t")
    assert plain[0] == str(NOW) and plain[1:4] == ["2 of 3", "5 hour", "Ann, Bo"]
    refused = run("invite", "list", "--uses", "3")
    assert refused.status == 2 and "'--uses' is for making a link" in refused.err
    assert run("invite", "lists").status == 2


def test_a_note_may_say_list(run: Run, node: FakeNode) -> None:
    node.answers["invite"] = {"link": "p2pnode://join/abc", "expires_at": NOW, "uses": 1}
    assert "p2pnode://join/abc" in run("invite", "--note", "list").out
