"""The code of the door, in a chain of couriers: who hears of it, and who says it again."""

from typing import Any

import pytest

from p2pnode.core.events import Disconnected
from p2pnode.core.held import agreement, step_payload
from protocols.door import parse_code
from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from tests.p2pnode.test_parcels import Street
from tests.sim.simulator import Node


@pytest.fixture
def lab() -> Street:
    return Street()


def three_hands(lab: Street) -> tuple[str, str, str, str]:
    """Anna → Ben → Cleo → Dora's door, by three couriers (Dora's neighbour is the door); it is with Dora, the last."""
    first = lab.deliver(lab.ben, lab.anna, door=True)
    second = lab.deliver(lab.cleo, lab.ben, parent=first)
    third = lab.deliver(lab.dora, lab.cleo, parent=second)
    code = lab.ask(lab.anna, "parcel.code", exchange=first)["code"]
    lab.pass_on(lab.anna, lab.ben, first)
    lab.pass_on(lab.ben, lab.cleo, second)
    assert (
        lab.next(lab.ben, first)
        == lab.next(lab.anna, first)
        == ("Cleo", f"p2pnode exchange done {first[:8]} --code CODE")
    )
    lab.pass_on(lab.cleo, lab.dora, third)
    return first, second, third, code


def dropped(lab: Street, *pairs: tuple[Node, str]) -> set[str]:
    return {lab.duties(node, id_)["dropoff"] for node, id_ in pairs}


def test_the_code_goes_up_the_chain_by_itself_and_is_said_once(lab):
    first, second, third, code = three_hands(lab)
    lab.ask(lab.dora, "exchange.done", id=third, code=code)
    lab.sim.run(MINUTE)
    everybody = [(lab.dora, third), (lab.cleo, third), (lab.cleo, second), (lab.ben, second), (lab.ben, first)]
    assert dropped(lab, *everybody, (lab.anna, first)) == {"confirmed"}
    shown = lab.ask(lab.anna, "exchange.show", id=first)
    assert shown["at_door"] and lab.ask(lab.anna, "parcel.show", id=first)["at_door"]
    assert [step["command"] for step in shown["next"]] == [f"p2pnode exchange pay {first[:8]}"]
    held = lab.anna.core.exchanges.held[bytes.fromhex(first)]
    (said,) = [f for f in held.facts.values() if f.kind == "done"]
    assert said.author == lab.signer(lab.ben).author
    lab.ask(lab.ben, "exchange.done", id=first, code=code)
    for node in (lab.anna, lab.ben, lab.cleo):
        node.core.parcels.forget(lab.now)
        lab.sim.crash(node)
    lab.sim.run(10 * MINUTE)
    assert sum(f.kind == "done" for f in held.facts.values()) == 1 and not lab.ben.core.outbox.items


def test_the_code_waits_for_room_and_for_a_courier_who_was_away(lab, monkeypatch):
    first, second, third, code = three_hands(lab)
    monkeypatch.setattr(lab.ben.core.exchanges, "check_room", full)
    lab.ask(lab.dora, "exchange.done", id=third, code=code)
    lab.sim.run(MINUTE)
    assert dropped(lab, (lab.cleo, second), (lab.ben, second)) == {"confirmed"}
    assert dropped(lab, (lab.ben, first)) == {"pending"}
    monkeypatch.undo()
    lab.sim.run(DAY)
    assert dropped(lab, (lab.ben, first), (lab.anna, first)) == {"confirmed"}


def full(held: Any = None) -> None:
    raise Refusal("refused", "full", "wait")


def test_a_code_that_somebody_else_says_opens_nothing(lab):
    """Anna, who knows it, says it in the other's place; and a courier says a wrong one."""
    first = lab.deliver(lab.ben, lab.anna, door=True)
    second = lab.deliver(lab.cleo, lab.ben, parent=first)
    code = lab.ask(lab.anna, "parcel.code", exchange=first)["code"]
    lab.pass_on(lab.anna, lab.ben, first)
    lab.pass_on(lab.ben, lab.cleo, second)
    for node, id_, said in ((lab.anna, first, parse_code(code)), (lab.cleo, second, "0" * 12)):
        exchanges = node.core.exchanges
        held = exchanges.held[bytes.fromhex(id_)]
        step = step_payload(duty="dropoff", code=said)
        exchanges.say(held, "done", agreement(exchanges.view(held, lab.now)), step, lab.now)
        lab.sim.perform(node, node.core.handle(Disconnected("nobody"), lab.now))
    lab.sim.run(DAY)
    assert dropped(lab, (lab.anna, first), (lab.ben, first), (lab.ben, second), (lab.cleo, second)) == {"pending"}


def test_to_look_after_parcels_costs_nothing_where_nothing_waits(lab, monkeypatch):
    *_, third, code = three_hands(lab)
    exchanges, parcels = lab.ben.core.exchanges, lab.ben.core.parcels
    looked: list[Any] = []

    class Counted(dict[bytes, Any]):
        def values(self) -> Any:
            looked.append("all")
            return super().values()

    exchanges.held = Counted(exchanges.held)
    passing = parcels.pass_code_on
    monkeypatch.setattr(parcels, "pass_code_on", lambda *args: (looked.append("one"), passing(*args)))
    parcels.forget(lab.now)
    assert not looked
    monkeypatch.setattr(lab.ben.core.exchanges, "check_room", full)
    lab.ask(lab.dora, "exchange.done", id=third, code=code)
    lab.sim.run(MINUTE)
    looked.clear()
    parcels.forget(lab.now)
    assert looked == ["one"], "the code of one parcel waits for room"
