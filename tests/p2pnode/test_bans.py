"""Who is shut out stays out: over a restart, until its time is over, and whoever else is banned meanwhile."""

from typing import Any

import pytest

from p2pnode.bounds import BAN_TIME, EXPIRE_EVERY
from p2pnode.core import bans as module
from p2pnode.core.effects import Ban, Dial, Effect, Unban, Write
from p2pnode.core.events import Banned, Disconnected
from p2pnode.core.keys import BAN
from protocols.errors import Refusal
from protocols.limits import DAY, FOREVER, HOUR, MINUTE
from tests.p2pnode.lab import EVE, EVES_PEER, Lab
from tests.sim.simulator import Node
from tests.sim.street import look

OTHER = "12D3KooW" + "F" * 44


@pytest.fixture
def lab() -> Lab:
    return Lab()


def again(lab: Lab, node: Node) -> list[Effect]:
    """The effects of the beginning after a restart."""
    lab.sim.crash(node, away=10 * DAY)
    node.core = lab.sim._core(node.name, node.entropy, node.peer_id, node.area, node.disk)
    effects: list[Effect] = node.core.begin(lab.now, node.genesis)
    lab.sim.perform(node, effects)
    return effects


def happen(lab: Lab, node: Node, event: Any, now: int | None = None) -> list[Effect]:
    effects: list[Effect] = node.core.handle(event, lab.now if now is None else now)
    lab.sim.perform(node, [e for e in effects if isinstance(e, Write)])
    return effects


def rows(lab: Lab, node: Node, now: int | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = look(node, "peers.banned", lab.now if now is None else now)
    return found


def said(reason: str) -> dict[str, Any]:
    return {"reason": reason, "until": None, "by": "you"}


def test_a_block_lasts_until_it_is_taken_back(lab: Lab) -> None:
    [row] = lab.ask(lab.ben, "peers.block", peer=EVES_PEER, reason="nonsense")
    assert row == {"peer_id": EVES_PEER, "name": None, **said("nonsense"), "since": row["since"]}
    assert lab.now - 20_000 <= row["since"] <= lab.now
    assert [e for e in again(lab, lab.ben) if isinstance(e, Ban)] == [Ban(EVES_PEER, FOREVER, "nonsense", True)]
    assert rows(lab, lab.ben) == [row]
    lab.ben.alive = True
    assert lab.ask(lab.ben, "peers.unblock", peer=EVES_PEER[:12]) == [{"peer_id": EVES_PEER, "name": None}]
    assert not rows(lab, lab.ben) and not list(lab.ben.disk.scan(BAN))
    with pytest.raises(Refusal, match="not blocked"):
        lab.ask(lab.ben, "peers.unblock", peer=EVES_PEER)


def test_the_host_is_told_when_it_is_on_disk(lab: Lab) -> None:
    from p2pnode import commands
    from p2pnode.core.events import Command

    args = commands.Block(peer="Cleo")
    effects = lab.ben.core.handle(Command(1, "peers.block", args), lab.now)
    assert isinstance(effects[0], Write) and effects[0].durable
    assert Ban(lab.cleo.peer_id, FOREVER, "", True) in effects
    lab.sim.perform(lab.ben, effects)
    effects = lab.ben.core.handle(Command(2, "peers.unblock", commands.Peer(peer="Cleo")), lab.now)
    assert isinstance(effects[0], Write) and Unban(lab.cleo.peer_id) in effects


def test_a_ban_for_strikes_lasts_over_a_restart_and_ends_in_time(lab: Lab) -> None:
    until = lab.now + BAN_TIME
    happen(lab, lab.ben, Banned(EVES_PEER, "signature: wrong", until))
    assert [e for e in again(lab, lab.ben) if isinstance(e, Ban)] == [Ban(EVES_PEER, until, "signature: wrong", False)]
    assert [(r["by"], r["until"]) for r in rows(lab, lab.ben)] == [("node", until)]
    assert not rows(lab, lab.ben, until)
    lab.sim.now = until
    assert not [e for e in again(lab, lab.ben) if isinstance(e, Ban)] and not list(lab.ben.disk.scan(BAN))


def test_what_is_over_is_forgotten_while_running(lab: Lab) -> None:
    happen(lab, lab.ben, Banned(EVES_PEER, "why", lab.now + MINUTE))
    lab.sim.run(MINUTE + EXPIRE_EVERY + 1_000)
    assert EVES_PEER not in lab.ben.core.state.banned and not list(lab.ben.disk.scan(BAN))


def test_a_block_of_our_user_is_not_shortened_and_not_pushed_out(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BANS", 3)
    lab.ask(lab.ben, "peers.block", peer=EVES_PEER)
    happen(lab, lab.ben, Banned(EVES_PEER, "strikes", lab.now + 1))
    for i in range(5):
        happen(lab, lab.ben, Banned(f"{OTHER[:-1]}{i + 1}", "why", lab.now + BAN_TIME), lab.now + i)
    found = rows(lab, lab.ben)
    assert [r["peer_id"] for r in found] == [EVES_PEER, *(f"{OTHER[:-1]}{i}" for i in (5, 4, 3))]
    assert found[0]["until"] is None
    monkeypatch.setattr(module, "MAX_BLOCKED", 1)
    lab.ask(lab.ben, "peers.block", peer=EVES_PEER, reason="again")
    with pytest.raises(Refusal, match="1 peers are blocked"):
        lab.ask(lab.ben, "peers.block", peer=OTHER)


def test_a_clock_that_was_ahead_makes_no_ban_longer(lab: Lab) -> None:
    ahead = lab.now + 3_650 * DAY
    happen(lab, lab.ben, Banned(EVES_PEER, "why", ahead + BAN_TIME), ahead)
    assert [e.until for e in again(lab, lab.ben) if isinstance(e, Ban)] == [lab.now + BAN_TIME]


def test_who_is_blocked_is_not_dialled_and_is_afterwards(lab: Lab) -> None:
    lab.ask(lab.ben, "peers.block", peer="Cleo", until=lab.now + HOUR)
    lab.sim.faults.loss = 1.0
    dialled = []
    for now in range(lab.now, lab.now + 3 * HOUR, MINUTE):
        effects = happen(lab, lab.ben, Disconnected(lab.cleo.peer_id), now)
        lab.ben.core.neighbours.woke(now)
        effects += lab.ben.core._journal.take()
        dialled += [now - lab.now for e in effects if isinstance(e, Dial) and e.key == lab.cleo.peer_id]
        lab.ben.core.bans.forget(now)
        lab.ben.core._journal.take()
    assert dialled and min(dialled) >= HOUR


def test_a_name_means_all_peers_of_that_neighbour_and_none_of_another(lab: Lab) -> None:
    lab.meet(lab.ben)
    lab.take(lab.ben, lab.profile(EVE, "Eve", EVES_PEER))
    assert [r["peer_id"] for r in lab.ask(lab.ben, "peers.block", peer="Eve")] == [EVES_PEER]
    shown = look(lab.ben, "peers.show", lab.now, peer="Eve")
    assert shown["banned"] == {**said(""), "since": shown["banned"]["since"]}
    assert look(lab.ben, "peers.show", lab.now, peer="Cleo")["banned"] is None
    for own in (lab.ben.peer_id, "Ben"):
        with pytest.raises(Refusal):
            lab.ask(lab.ben, "peers.block", peer=own)
    with pytest.raises(Refusal, match="no peer"):
        lab.ask(lab.ben, "peers.block", peer="Nobody")
    with pytest.raises(Refusal, match="over"):
        lab.ask(lab.ben, "peers.block", peer="Cleo", until=lab.now)


def test_what_a_blocked_member_signed_is_kept_and_still_taken(lab: Lab) -> None:
    lab.ask(lab.ben, "peers.block", peer="Cleo")
    listing = lab.ask(lab.cleo, "listing.publish", direction="offer", kind="give", title="Chair")["listing_id"]
    lab.sim.run(MINUTE)
    assert look(lab.ben, "listing.show", lab.now, id=listing)["title"] == "Chair"
