"""The invites that are still good: who came by each, and which are told no more."""

import pytest

from p2pnode.bounds import INVITE_LIFETIME
from protocols.errors import Refusal
from tests.p2pnode.lab import Lab

HOUR = 3_600_000


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.leap(INVITE_LIFETIME + HOUR)  # those by which the street came in are over
    assert made.ask(made.anna, "invite.list") == []
    return made


def test_who_came_by_an_invite_and_how_often_it_is_good_yet(lab: Lab) -> None:
    made = lab.ask(lab.anna, "invite", uses=3, vouch="2", note="Elm Street")
    zoe = lab.sim.spawn("Zoe")
    lab.ask(zoe, "join", target=f"<{made['link'][:70]}\n  {made['link'][70:]}>")
    lab.sim.run(60_000)
    (row,) = lab.ask(lab.anna, "invite.list")
    assert (row["note"], row["uses"], row["left"], row["expires_at"]) == ("Elm Street", 3, 2, made["expires_at"])
    assert row["vouch"] == {"amount": 200, "unit": "hour"} and row["network"] == made["network"]
    assert row["used_by"] == [{"peer_id": zoe.peer_id, "name": "Zoe", "vouched": True}]
    assert made["link"] not in str(row), "the secret is in the link alone, and kept nowhere"
    assert lab.ask(lab.ben, "invite.list") == []


def test_what_ends_first_comes_first_and_what_is_over_or_used_up_is_not_told(lab: Lab) -> None:
    once = lab.ask(lab.anna, "invite", note="once")
    for note, hours in (("late", 30), ("soon", 2), ("next", 20)):
        lab.ask(lab.anna, "invite", note=note, vouch="0", expires=lab.now + hours * HOUR)
    lab.ask(lab.sim.spawn("Zoe"), "join", target=once["link"])
    assert [row["note"] for row in lab.ask(lab.anna, "invite.list")] == ["soon", "next", "late"]
    lab.leap(3 * HOUR)
    assert [row["note"] for row in lab.ask(lab.anna, "invite.list")] == ["next", "late"]


def test_a_key_that_was_replaced_ends_its_invites(lab: Lab) -> None:
    lab.ask(lab.anna, "invite")
    lab.anna.core.state.signer.epoch += 1
    assert lab.ask(lab.anna, "invite.list") == []


def test_who_found_no_credit_left_is_told_so(lab: Lab) -> None:
    made = lab.ask(lab.anna, "invite", uses=2, vouch="1")
    free = lab.ask(lab.anna, "ledger.balance")
    lab.ask(lab.anna, "vouch", peer="Ben", amount=str(free["available"]["amount"] / 100))
    lab.ask(lab.sim.spawn("Zoe"), "join", target=made["link"])
    (row,) = lab.ask(lab.anna, "invite.list")
    assert [one["vouched"] for one in row["used_by"]] == [False]


def test_an_invite_of_one_network_is_told_with_it(lab: Lab) -> None:
    made = lab.ask(lab.anna, "invite")
    (row,) = lab.ask(lab.anna, "invite.list", network=made["network"]["id"])
    assert row["network"] == made["network"]
    assert lab.ask(lab.sim.spawn("Nobody"), "invite.list") == [], "who is in no network has made none"


def test_what_is_taken_back_lets_nobody_new_in_and_puts_nobody_out(lab: Lab) -> None:
    made = lab.ask(lab.anna, "invite", uses=3, vouch="2", note="Elm Street")
    zoe, yan = lab.sim.spawn("Zoe"), lab.sim.spawn("Yan")
    lab.ask(zoe, "join", target=made["link"])
    lab.sim.run(60_000)
    gone = lab.ask(lab.anna, "invite.revoke", id=made["invite_id"][:8])
    assert gone == {
        "invite_id": made["invite_id"],
        "note": "Elm Street",
        "revoked": True,
        "used_by": [{"peer_id": zoe.peer_id, "name": "Zoe", "vouched": True}],
        "network": made["network"],
    }
    assert lab.ask(lab.anna, "invite.list") == []
    assert lab.ask(lab.anna, "invite.revoke", id=made["link"]) == gone, "again, and by the link"
    with pytest.raises(Refusal, match="taken back") as refused:
        lab.ask(yan, "join", target=made["link"])
    assert refused.value.hint
    lab.sim.crash(lab.anna)
    lab.sim.run(10_000)
    assert lab.ask(lab.anna, "invite.list") == []
    with pytest.raises(Refusal, match="taken back"):
        lab.ask(yan, "join", target=made["link"])


def test_none_that_is_not_ours_and_none_that_could_be_another_is_taken_back(lab: Lab) -> None:
    ours = [lab.ask(lab.anna, "invite", vouch="0")["invite_id"] for _ in range(20)]
    theirs = lab.ask(lab.ben, "invite")
    for unknown in (theirs["link"], theirs["invite_id"], "zz", "p2pnode://join/"):
        with pytest.raises(Refusal) as refused:
            lab.ask(lab.anna, "invite.revoke", id=unknown)
        assert refused.value.code == ("usage" if unknown == "p2pnode://join/" else "not_found")
    several = next(one[0] for one in ours if sum(other[0] == one[0] for other in ours) > 1)
    with pytest.raises(Refusal) as refused:
        lab.ask(lab.anna, "invite.revoke", id=several)
    assert refused.value.code == "conflict" and len(lab.ask(lab.anna, "invite.list")) == 20
