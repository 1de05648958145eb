"""Listings of cells that are not kept here: whom to ask, what is believed of the answers, what they are good for."""

from typing import Any

import msgspec
import pytest

from dht.keys import cell_key
from p2pnode.core import elsewhere as elsewhere_module
from p2pnode.core.effects import Effect, Penalize, Reply, Send, Write
from p2pnode.core.elsewhere import Found, Target
from p2pnode.core.events import Answered
from p2pnode.core.keys import RECORD
from protocols.codec import encode
from protocols.envelope import Record, parse_record
from protocols.errors import Refusal
from protocols.identity import incept
from protocols.lease import Lease, seal_lease
from protocols.limits import DAY
from protocols.listing import Listing, seal_listing
from protocols.profile import parse_profile
from protocols.search_messages import Answer, Busy, Query, encode_message
from tests.p2pnode.lab import EVE, EVES_PEER, Lab
from tests.sim.simulator import Node

FAR = "u0yjj"  # Munich and Berlin: no cell in common


class Town(Lab):
    """The street in Berlin, and Erik, who lives in Munich."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.erik = self.sim.spawn("Erik", FAR)
        link = self.ask(self.anna, "invite")["link"]
        assert self.ask(self.erik, "join", target=link)["state"] == "joined"
        self.sim.run(60_000)

    def publish(self, title: str = "Ladder", node: Node | None = None, **fields: Any) -> Record:
        """By Erik, unless somebody else is named."""
        given = {"direction": "offer", "kind": "lend", "title": title, **fields}
        where = node or self.erik
        row = self.ask(where, "listing.publish", **given)
        self.sim.run(2_000)
        return self.stored(where, row["record_id"])

    def stored(self, node: Node, record_id: str) -> Record:
        return parse_record(node.disk.get(RECORD + self.network(node).id + bytes.fromhex(record_id)) or b"")

    def whom(self, cell: str = "", near: str = "", node: Node | None = None) -> list[Target]:
        asker = node or self.anna
        found: list[Target] = asker.core.elsewhere.whom(self.network(asker), cell, near, self.now)
        return found

    def answer(self, message: Any, limit: int = 100, peer: str | None = None) -> tuple[Found, list[Effect]]:
        """What Anna makes of an answer of Erik's."""
        data = message if isinstance(message, bytes) else encode_message(message)
        event = Answered(7, peer or self.erik.peer_id, self.network(self.anna).id, limit, data)
        effects = self.anna.core.handle(event, self.now)
        assert not any(isinstance(e, Write) for e in effects), "a search writes nothing"
        (reply,) = [e for e in effects if isinstance(e, Reply)]
        assert reply.ticket == 7
        return reply.result, effects

    def listing(self, **fields: Any) -> Record:
        """Eve's, who is an author of this network only by her signature."""
        given: dict[str, Any] = {"network": self.network(self.anna).id, "created": self.now, "until": self.now + DAY}
        given |= fields
        said = Listing(direction="offer", kind="lend", title="Ladder", area=FAR)
        return seal_listing(EVE, given.pop("network"), said, name=bytes(16), revision=1, **given)


def struck(effects: list[Effect]) -> bool:
    return any(isinstance(e, Penalize) for e in effects)


@pytest.fixture
def town() -> Town:
    return Town()


def test_a_listing_of_a_far_cell_does_not_come_by_itself(town: Town) -> None:
    record = town.publish()
    town.sim.run(60_000)
    assert record.scope == FAR and record.id not in town.network(town.anna).catalog
    assert record.id in town.network(town.erik).catalog


def test_asked_are_those_who_keep_what_is_not_kept_here(town: Town) -> None:
    assert [t.name for t in town.whom()] == ["Erik"]
    assert [t.name for t in town.whom(FAR)] == ["Erik"]
    assert [t.name for t in town.whom("u0")] == ["Erik"]
    assert town.whom("u33") == [], "all of it that is inhabited is kept here"
    asked = town.whom(node=town.erik)
    assert len({t.name for t in asked} & {"Anna", "Ben", "Cleo", "Dora"}) == 3, "three of one cell are enough"
    assert {t.cell for t in asked} == {"u33dc"}


def test_who_is_not_connected_is_asked_at_the_addresses_of_its_profile(town: Town) -> None:
    (connected,) = town.whom()
    assert connected.addresses == ()
    town.anna.core.state.connected.pop(town.erik.peer_id)
    (target,) = town.whom()
    assert target.addresses == (town.erik.address,)
    town.anna.core.state.banned[town.erik.peer_id] = object()
    assert town.whom() == []


def test_few_are_asked_however_many_there_are_and_not_all_of_one_place(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere_module, "MAX_ASKED_FOR", 3)
    for number, cell in enumerate(("u0yjj", "u0yjj", "u0yjj", "ezjmg", "gcpvj", "gcpvj")):
        node = town.sim.spawn(f"Far {number}", cell)
        assert town.ask(node, "join", target=town.anna.address)["state"] == "joined"
    town.sim.run(60_000)
    assert sorted(t.cell for t in town.whom()) == ["ezjmg", "gcpvj", "u0yjj"]
    assert [t.cell for t in town.whom("gcpvj")] == ["gcpvj", "gcpvj"]


def test_the_dht_is_asked_for_one_whole_cell_that_is_not_kept_here(town: Town) -> None:
    network = town.network(town.anna)
    keys = town.anna.core.elsewhere.keys
    assert keys(network, FAR) == [cell_key(network.id, FAR)]
    assert keys(network, "u33dc") == keys(network, "u0") == keys(network, "") == []


def test_whom_the_dht_names_is_asked_but_for_the_banned_and_in_a_closed_network_for_strangers(town: Town) -> None:
    network, core = town.network(town.anna), town.anna.core
    there = ("/ip4/198.51.100.7/tcp/1",)
    found = [(town.erik.peer_id, there), (EVES_PEER, there), (town.anna.peer_id, there)]
    assert [t.peer for t in core.elsewhere.named(network, FAR, found)] == [town.erik.peer_id, EVES_PEER]
    core.state.banned[EVES_PEER] = object()
    assert [t.peer for t in core.elsewhere.named(network, FAR, found)] == [town.erik.peer_id]
    core.state.banned.clear()
    network.genesis = msgspec.structs.replace(network.genesis, open=False)
    assert [t.peer for t in core.elsewhere.named(network, FAR, found)] == [town.erik.peer_id]


def test_what_was_found_can_be_opened_and_agreed_on_and_is_no_part_of_the_catalog(town: Town) -> None:
    record = town.publish(price="2/hour")
    with pytest.raises(Refusal):
        town.anna.core.listings.find(town.ask(town.erik, "listing.list")[0]["listing_id"])
    found, effects = town.answer(Answer(False, (record.wire,)))
    assert found == Found("answered", (record,), False) and not struck(effects)
    assert not any(isinstance(e, Send) for e in effects), "nobody is told of it"
    shown = town.ask(town.erik, "listing.list")[0]
    seen = town.ask(town.anna, "listing.show", id=shown["listing_id"][:8])
    assert (seen["title"], seen["author_name"], seen["remote"]) == ("Ladder", "Erik", True)
    assert record.id not in town.network(town.anna).catalog
    exchange = town.ask(town.anna, "exchange.propose", listing=shown["listing_id"])["exchange_id"]
    town.sim.run(60_000)
    assert town.ask(town.erik, "exchange.show", id=exchange)["status"] == "proposed"
    town.ask(town.erik, "exchange.accept", id=exchange)
    town.sim.run(60_000)
    assert town.ask(town.anna, "exchange.show", id=exchange)["status"] == "agreed"


def test_nothing_that_is_false_is_believed_and_who_says_it_pays(town: Town) -> None:
    good = town.publish()
    network = town.network(town.anna).id
    forged = encode([town.listing().header, bytes(64), EVE.inception])
    lies = {
        "a false signature": forged,
        "a record of another network": town.listing(network=b"o" * 16).wire,
        "another kind": seal_lease(EVE, network, Lease(), created=town.now).wire,
        "no record": b"\xc0",
    }
    for name, wire in lies.items():
        found, effects = town.answer(Answer(False, (wire, good.wire)))
        assert struck(effects) and found.state == "unsound", name
        assert found.records == (good,), "what is true is true, whoever says it"
    for message in (b"\xc1", Query(network), Answer(False, (good.wire, town.listing().wire))):
        found, effects = town.answer(message, limit=1)
        assert struck(effects) and found == Found("unsound")


def test_what_is_only_late_costs_nobody_anything(town: Town) -> None:
    ended = town.listing(created=town.now - 2 * DAY, until=town.now - 1)
    for message in (Answer(True, (ended.wire,)), Busy()):
        found, effects = town.answer(message)
        assert not found.records and not struck(effects)
    assert found == Found("busy")


def test_a_listing_that_was_taken_back_does_not_come_back_by_a_search(town: Town) -> None:
    """Ben holds the withdrawal, and so does Anna: she lives beside him."""
    old = town.publish(node=town.ben)
    town.ask(town.ben, "listing.withdraw", id=town.ask(town.ben, "listing.list")[0]["listing_id"])
    town.sim.run(5_000)
    found, effects = town.answer(Answer(False, (old.wire,)))
    assert found == Found("answered") and not struck(effects)


def test_of_two_revisions_the_newer_one_is_shown_whichever_comes_last(town: Town) -> None:
    old = town.publish()
    listing = town.ask(town.erik, "listing.list")[0]["listing_id"]
    new = town.stored(town.erik, town.ask(town.erik, "listing.edit", id=listing, title="Long ladder")["record_id"])
    for record in (old, new, old):
        town.answer(Answer(False, (record.wire,)))
    assert town.ask(town.anna, "listing.show", id=listing)["title"] == "Long ladder"


def test_what_was_found_and_is_held_later_is_one_listing(town: Town) -> None:
    record = town.publish()
    town.answer(Answer(False, (record.wire,)))
    listing = town.ask(town.erik, "listing.list")[0]["listing_id"]
    town.publish("Sledge", town.anna, area=FAR)  # from now on she keeps that cell
    town.sim.run(60_000)
    assert record.id in town.network(town.anna).catalog
    assert not town.ask(town.anna, "listing.show", id=listing)["remote"]


def test_what_was_found_is_bounded_and_ends(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [town.publish(f"Ladder {number}") for number in range(5)]
    core, network = town.anna.core, town.network(town.anna)

    def held() -> list[Record]:
        found: list[Record] = core.elsewhere.found(network, "")
        return found

    with monkeypatch.context() as bounds:
        bounds.setattr(elsewhere_module, "MAX_ELSEWHERE", 3)
        town.answer(Answer(False, tuple(r.wire for r in records)))
        assert held() == records[2:], "the oldest give way"
        bounds.setattr(elsewhere_module, "MAX_ELSEWHERE_BYTES", len(records[0].wire) + len(records[1].wire))
        town.answer(Answer(False, (records[0].wire,)))
        assert held() == [records[4], records[0]]
    core.elsewhere.forget(records[0].until)
    assert held() == [records[4]]
    core.elsewhere.forget(records[4].until)
    assert held() == [] and core.elsewhere._size == 0


def test_a_cell_with_thousands_of_names_costs_no_more(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those who have joined with many fresh names are not preferred to who lives there."""
    network, core = town.network(town.anna), town.anna.core
    for number in range(200):
        signer, peer = incept(number.to_bytes(32, "big"))[0], f"12D3KooW{number:044}".replace("0", "z")
        profile = town.profile(signer, f"Eve {number}", peer)
        said = msgspec.structs.replace(parse_profile(profile), area=FAR)
        core.state.directory.learn(signer.author, said, profile.id)
        network.catalog.admit(profile, town.now)
    tried: list[str] = []
    real = elsewhere_module.ways_to

    def noted(state: Any, book: Any, peer: str, *told: Any) -> Any:
        tried.append(peer)
        return real(state, book, peer, *told)

    monkeypatch.setattr(elsewhere_module, "ways_to", noted)
    assert len(town.whom(FAR)) == 3
    assert len(tried) <= elsewhere_module.OF_AREA_TRIED
    assert "Erik" in [target.name for target in town.whom(FAR)], "who is connected comes first"
