"""Leaving a network: what ends, what stays, who is told, and that nothing is signed there until the user is back."""

from typing import Any

import pytest

from p2pnode.bounds import LEAVING_TOLD
from p2pnode.commands import parse_args
from p2pnode.core.effects import Emit, Send
from p2pnode.core.events import Command
from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from tests.p2pnode.lab import Lab, wrote
from tests.sim.simulator import Node
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.sofa = made.ask(made.ben, "listing.publish", direction="offer", kind="give", title="Sofa")["listing_id"]  # type: ignore[attr-defined]
    made.sim.run(MINUTE)
    return made


def seen(lab: Lab, node: Node) -> list[str]:
    """The titles of Ben's listings that are live at somebody's."""
    core, ben = node.core, lab.signer(lab.ben).author
    rows = [r for r in lab.network(node).catalog.rows(kind="listing", author=ben) if not r.withdrawn]
    found = [core.listings.current(lab.network(node), ben, row.name) for row in rows]
    return [one[1].title for one in found if one is not None and one[0].until > lab.now]


def entries(lab: Lab, node: Node) -> int:
    return int(lab.network(node).chain.state.count)


def refused(lab: Lab, node: Node, name: str, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        lab.ask(node, name, **fields)
    return caught.value


def test_listings_end_everywhere_and_nothing_more_is_said(lab: Lab) -> None:
    told = lab.ask(lab.ben, "leave")
    assert told["state"] == "left" and told["listings"] == 1 and told["network"]["name"] == "Elm Street"
    lab.sim.run(MINUTE)
    assert all(seen(lab, node) == [] for node in (lab.anna, lab.ben, lab.cleo, lab.dora))
    status = look(lab.ben, "status", lab.now)
    assert (status["network"], status["networks"]) == (None, []) and status["state"] == "alone"
    (left,) = status["left"]
    assert left["name"] == "Elm Street" and left["left_at"] <= lab.now and not left["telling"]
    lab.ask(lab.anna, "listing.publish", direction="offer", kind="give", title="Chair")
    lab.leap(3 * DAY)  # leases, profiles and all else that is told by itself
    catalog, anna = lab.network(lab.ben).catalog, lab.signer(lab.anna).author
    assert catalog.get((lab.signer(lab.ben).author, "lease", b"")).created < lab.now - 2 * DAY
    assert not list(catalog.rows(kind="listing", author=anna)), "what others say is not heard"
    assert len(list(lab.network(lab.cleo).catalog.rows(kind="listing", author=anna))) == 1


def test_what_was_signed_can_be_read_and_nothing_is_signed(lab: Lab) -> None:
    lab.ask(lab.ben, "leave")
    count = entries(lab, lab.ben)
    assert len(look(lab.ben, "ledger.log", lab.now)) == count
    assert look(lab.ben, "ledger.balance", lab.now, network="elm street")["unit"] == "hour"
    bed = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Bed")
    assert bed["state"] == "draft", "as before the first network"
    asked: dict[str, dict[str, Any]] = {"vouch": {"peer": "Anna", "amount": "1"}, "reputation": {"peer": "Anna"}}
    for name in ("vouch", "reputation", "invite", "leave"):
        problem = refused(lab, lab.ben, name, **asked.get(name, {}))
        assert "left Elm Street" in problem.message and "join 'Elm Street'" in problem.hint
    lab.leap(2 * DAY)
    assert entries(lab, lab.ben) == count


def test_it_stays_left_over_a_restart_and_the_chain_goes_on_afterwards(lab: Lab) -> None:
    lab.ask(lab.ben, "leave")
    lab.sim.run(MINUTE)
    head = lab.network(lab.ben).chain.state.head
    lab.sim.crash(lab.ben)
    lab.sim.run(2 * MINUTE)
    assert look(lab.ben, "status", lab.now)["left"] and not lab.ben.core.state.joined
    joined = lab.ask(lab.ben, "join", target="Elm Street")
    assert joined["state"] == "joined" and lab.network(lab.ben).chain.state.head == head
    lab.sim.run(MINUTE)
    status = look(lab.ben, "status", lab.now)
    assert status["network"]["name"] == "Elm Street" and status["left"] == []
    lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Bed")
    lab.sim.run(MINUTE)
    assert seen(lab, lab.cleo) == ["Bed"] and seen(lab, lab.anna) == ["Bed"]
    vouched = lab.ask(lab.anna, "vouch", peer="Ben", amount="2")
    lab.sim.run(MINUTE)
    assert vouched and entries(lab, lab.ben) > 1
    assert not lab.cleo.core.state.convictions.frozen(lab.network(lab.cleo).id, lab.signer(lab.ben).author)


def test_a_link_and_an_address_take_back_too(lab: Lab) -> None:
    link = lab.ask(lab.anna, "invite")["link"]
    for target in (link, lab.anna.address):
        lab.ask(lab.ben, "leave")
        lab.sim.run(MINUTE)
        assert lab.ask(lab.ben, "join", target=target)["state"] == "joined"
        lab.sim.run(MINUTE)
        assert [n.genesis.name for n in lab.ben.core.state.joined] == ["Elm Street"]


def test_an_exchange_under_way_stands_in_the_way(lab: Lab) -> None:
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=lab.sofa)["exchange_id"]  # type: ignore[attr-defined]
    lab.sim.run(MINUTE)
    problem = refused(lab, lab.ben, "leave")
    assert problem.code == "conflict" and "under way" in problem.message
    assert seen(lab, lab.cleo) == ["Sofa"] and lab.ben.core.state.joined
    told = lab.ask(lab.ben, "leave", anyway=True)
    assert [row["exchange_id"] for row in told["exchanges"]] == [id_]
    assert "left" in refused(lab, lab.ben, "exchange.accept", id=id_).message
    lab.ask(lab.cleo, "exchange.cancel", id=id_)
    lab.sim.run(MINUTE)
    assert look(lab.ben, "exchange.show", lab.now, id=id_)["status"] == "withdrawn"  # what the others say is heard


def test_who_has_left_is_not_asked_in_vain(lab: Lab) -> None:
    lab.ask(lab.cleo, "message.send", peer="Ben", text="Hello")
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "leave")
    lab.ask(lab.cleo, "message.send", peer="Ben", text="Are you there?")
    lab.sim.run(MINUTE)
    states = {row["text"]: row["state"] for row in look(lab.cleo, "message.list", lab.now)}
    assert states["Are you there?"] == "refused"
    assert "left" in refused(lab, lab.ben, "message.send", peer="Cleo", text="No").message


def test_with_nobody_there_it_is_told_later(lab: Lab) -> None:
    others = (lab.anna, lab.cleo, lab.dora)
    for node in others:
        lab.sim.crash(node, 10 * MINUTE)
    lab.sim.run(MINUTE)
    assert lab.ask(lab.ben, "leave")["peers"] == 0
    lab.sim.crash(lab.ben)
    lab.sim.run(5 * MINUTE)
    assert look(lab.ben, "status", lab.now)["left"][0]["telling"]
    lab.sim.run(15 * MINUTE)
    assert all(seen(lab, node) == [] for node in others)
    assert not look(lab.ben, "status", lab.now)["left"][0]["telling"]


def test_nobody_is_told_for_ever(lab: Lab) -> None:
    for node in (lab.anna, lab.cleo, lab.dora):
        lab.sim.crash(node, 30 * DAY)
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "leave")
    lab.leap(LEAVING_TOLD + DAY)
    assert not look(lab.ben, "status", lab.now)["left"][0]["telling"]


def test_to_foresee_does_nothing(lab: Lab) -> None:
    effects = lab.ben.core.handle(Command(-1, "leave.foresee", parse_args("leave.foresee", {})), lab.now)
    assert not wrote(effects) and not any(isinstance(e, Send | Emit) for e in effects)
    shown = look(lab.ben, "leave.foresee", lab.now)
    assert shown["listings"] == 1 and shown["exchanges"] == [] and shown["peers"] == 3 and shown["open"]


def test_the_founder_leaves_and_nobody_gets_in_by_him(lab: Lab) -> None:
    link = lab.ask(lab.anna, "invite")["link"]
    lab.ask(lab.anna, "leave")
    lab.sim.run(MINUTE)
    zoe = lab.sim.spawn("Zoe")
    problem = refused(lab, zoe, "join", target=link)
    assert "does not remember it" in problem.message
    assert lab.ask(zoe, "join", target=lab.anna.address)["state"] == "trying"
    assert lab.ask(lab.anna, "join", target="elm street")["state"] == "joined"
    lab.sim.run(MINUTE)
    assert lab.ask(zoe, "join", target=link)["state"] == "joined"
