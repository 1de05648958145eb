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
    assert "no credit left for Bo, who" in out and "invite revoke" in out and "abababab" in out
    assert run("invite", "list", "--json").data == [row] == run("invite", "--json", "list").data
    plain = run("invite", "list", "--plain").out.split("\t")
    assert plain[:2] == ["ab" * 32, str(NOW)] and plain[2:5] == ["2 of 3", "5 hour", "Ann, Bo"]
    assert run("invite", "list", "--uses", "3").status == 2
    refused = run("invite", "--uses", "3", "list")
    assert refused.status == 2 and "'--uses' is for making a link" in refused.err
    assert run("invite", "lists").status == 2


def test_one_is_taken_back_by_its_id_or_its_link(run: Run, node: FakeNode) -> None:
    gone = {"invite_id": "ab" * 32, "note": "", "revoked": True, "network": {"id": "aa"}, "used_by": []}
    node.answers["invite.revoke"] = gone
    said = run("invite", "revoke", "abab")
    assert "abababab  Taken back: nobody new gets in" in said.out and "stays in" not in said.out
    assert run("invite", "revoke", "p2pnode://join/abc", "--json").data == gone
    assert [args.id for _, args, *_ in node.calls] == ["abab", "p2pnode://join/abc"]
    node.answers["invite.revoke"] = {
        **gone,
        "used_by": [{"peer_id": "12D3KooWA", "name": "A\x1b[2Jnn", "vouched": True}],
    }
    out = run("invite", "revoke", "abab").out
    assert "Who came by it stays in: A" in out and "\x1b" not in out
    node.calls.clear()
    assert run("invite", "revoke", "abab", "--dry-run").status == 0 and not node.calls
    assert run("invite", "--note", "x", "revoke", "abab").status == 2 and run("invite", "revoke").status == 2


def test_a_note_may_say_list(run: Run, node: FakeNode) -> None:
    node.answers["invite"] = {"link": "p2pnode://join/abc", "expires_at": NOW, "uses": 1}
    assert "p2pnode://join/abc" in run("invite", "--note", "list").out
