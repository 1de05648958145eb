"""What a node says in the DHT, and what it makes of the answers."""

from typing import Any

import msgspec
import pytest

from dht.keys import author_key, cell_key, realm
from p2pnode.bounds import PRESENCE_EVERY, RENDEZVOUS_EVERY, RENDEZVOUS_LOOK, RENDEZVOUS_SELDOM
from p2pnode.core.effects import Effect, Get, Lookup, Provide, Put, Withdraw
from p2pnode.core.events import Connected, Disconnected, Found, Got, Listening, Said, Woke
from p2pnode.core.state import Network
from protocols.cell import neighbours
from protocols.envelope import parse_record
from protocols.limits import DAY, HOUR, MAX_LIFETIME, MINUTE
from protocols.presence import Presence, check_presence, seal_presence
from protocols.profile import parse_profile, seal_profile
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node, Simulator

AROUND = set(neighbours("u33dc")) - {"u33dc"}
DHT = (Provide, Withdraw, Put, Get, Lookup)


class Street(Lab):
    """A street that notes what Ben's core wants of the DHT; it is answered by the simulator."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.wanted: list[Effect] = []
        carry_out = self.sim._carry_out

        def noted(node: Node, life: int, effect: Effect) -> None:
            if node is self.ben and isinstance(effect, DHT):
                self.wanted.append(effect)
            carry_out(node, life, effect)

        self.sim._carry_out = noted  # type: ignore[method-assign]

    def run(self, time: int) -> list[Effect]:
        """What Ben's node asks of the DHT in this time."""
        self.wanted.clear()
        self.sim.run(time)
        return list(self.wanted)

    def kept(self, node: Node) -> Presence:
        value = self.sim._values[author_key(self.network(node).id, node.core.state.me)]
        return check_presence(value, self.now).presence


def key(network: Network, cell: str, kind: str = "") -> bytes:
    return cell_key(realm(network.record.id, network.genesis.open), cell, kind)


def provides(sim: Simulator, node: Node, what: bytes) -> bool:
    return node.peer_id in sim._providers.get(what, ())


def test_provided_is_what_is_kept_here_and_what_our_listings_are() -> None:
    lab = Street()
    network = lab.network(lab.ben)
    for cell in ("", "u33dc", *AROUND):
        assert provides(lab.sim, lab.ben, key(network, cell)), cell
    assert not provides(lab.sim, lab.ben, key(network, "u33dc", "lend"))
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="A drill")
    lab.run(2 * RENDEZVOUS_LOOK)
    assert provides(lab.sim, lab.ben, key(network, "u33dc", "lend"))
    assert not provides(lab.sim, lab.cleo, key(network, "u33dc", "lend")), "who only keeps it is found by the cell"
    lab.ask(lab.ben, "listing.withdraw", id=made["listing_id"])
    lab.run(2 * RENDEZVOUS_LOOK)
    assert not provides(lab.sim, lab.ben, key(network, "u33dc", "lend"))


def test_a_scope_that_is_not_kept_any_more_is_withdrawn() -> None:
    lab = Street()
    network = lab.network(lab.ben)
    lab.ben.core.state.networks[network.id].scopes = ("u33dc",)
    said = lab.run(2 * RENDEZVOUS_LOOK)
    assert {e.key for e in said if isinstance(e, Withdraw)} == {key(network, c) for c in AROUND}
    assert provides(lab.sim, lab.ben, key(network, "u33dc"))


def test_all_is_said_again_before_it_is_forgotten_and_little_in_between() -> None:
    lab = Street()
    lab.run(HOUR)
    said = [e.key for e in lab.run(DAY - MINUTE) if isinstance(e, Provide)]
    keys = set(said)
    assert keys == {key(lab.network(lab.ben), c) for c in ("", "u33dc", *AROUND)}
    assert all(2 <= said.count(one) <= 4 for one in keys)


def test_who_finds_nobody_new_looks_less_often_until_something_changes() -> None:
    lab = Street()
    early = len([e for e in lab.run(HOUR) if isinstance(e, Lookup)])
    late = [e for e in lab.run(4 * HOUR) if isinstance(e, Lookup)]
    assert len(late) <= 2 * (4 * HOUR // RENDEZVOUS_SELDOM + 1)
    assert early > len(late) / 4
    lab.sim.handle(lab.ben, Listening((lab.ben.address,)))
    assert len([e for e in lab.run(2 * RENDEZVOUS_EVERY) if isinstance(e, Lookup)]) >= 4


def test_without_anybody_to_ask_nothing_is_asked() -> None:
    sim = Simulator(1)
    node = sim.spawn("Alone")
    effects: list[Effect] = []
    for minute in range(60):
        effects += node.core.handle(Woke(), sim.now + minute * MINUTE)
    assert not [e for e in effects if isinstance(e, DHT)]


def test_who_knows_peers_from_before_asks_before_it_is_connected() -> None:
    lab = Street()
    for other in (lab.anna, lab.cleo, lab.dora):
        other.alive = False
        lab.sim._break(lab.ben, other)
    lab.sim.run(1_000)
    assert not lab.ben.core.state.connected
    assert {peer for peer, _ in lab.ben.core.neighbours.book.to_remember()} >= {lab.anna.peer_id}
    assert [e for e in lab.run(RENDEZVOUS_SELDOM + MINUTE) if isinstance(e, Lookup)]


def test_a_presence_says_where_we_are_and_how_far_our_ledger_is() -> None:
    lab = Street()
    chain = lab.network(lab.ben).chain.state
    kept = lab.kept(lab.ben)
    assert (kept.entries, kept.last) == (chain.count, chain.head)
    assert lab.ben.address.startswith(parse_profile(parse_record(kept.profile)).peers[0].addresses[0])
    lab.sim.handle(lab.ben, Listening((lab.ben.address.replace("127.0.0.1", "127.0.0.9"),)))
    lab.run(PRESENCE_EVERY + 2 * MINUTE)
    assert parse_profile(parse_record(lab.kept(lab.ben).profile)).peers[0].addresses == ("/ip4/127.0.0.9/tcp/4001",)


def test_ours_is_read_before_the_first_is_written() -> None:
    lab = Street()
    lab.sim.crash(lab.ben)
    said = [e for e in lab.run(2 * MINUTE) if isinstance(e, Put | Get)]
    assert isinstance(said[0], Get)
    assert isinstance(said[-1], Put)
    lab.sim.dht = False  # nobody says what was there, so it is asked again
    lab.sim.crash(lab.ben)
    assert [e for e in lab.run(2 * MINUTE) if isinstance(e, Get)]


def test_a_node_that_was_put_back_learns_it_from_what_it_had_said() -> None:
    lab = Street()
    network = lab.network(lab.ben)
    ahead = seal_presence(lab.signer(lab.ben), network.id, Presence(b"", 99, b"x" * 32), created=lab.now)
    mine = author_key(network.id, lab.signer(lab.ben).author)
    assert network.chain.ready
    lab.sim.handle(lab.ben, Got(mine, ahead.wire))
    assert not network.chain.ready
    assert lab.ben.core.recovery.doubts[network.id].need == 99
    before = lab.sim._values[mine]
    lab.run(2 * PRESENCE_EVERY)
    assert lab.sim._values[mine] == before, "nothing is said while the ledger is in doubt"


def test_who_is_not_let_to_say_its_presence_reads_it_again() -> None:
    lab = Street()
    mine = author_key(lab.network(lab.ben).id, lab.signer(lab.ben).author)
    assert Get(mine) in lab.ben.core.handle(Said(mine, False), lab.now)
    assert Get(mine) not in lab.ben.core.handle(Said(mine, True), lab.now)


@pytest.mark.parametrize("what", ["of somebody else", "no more than we have", "nonsense"])
def test_nothing_else_makes_it_doubt(what: str) -> None:
    lab = Street()
    network = lab.network(lab.ben)
    mine = author_key(network.id, lab.signer(lab.ben).author)
    count, head = network.chain.state.count, network.chain.state.head
    wires = {
        "of somebody else": seal_presence(
            lab.signer(lab.cleo), network.id, Presence(b"", 99, b"x" * 32), created=lab.now
        ).wire,
        "no more than we have": seal_presence(
            lab.signer(lab.ben), network.id, Presence(b"", count, head), created=lab.now
        ).wire,
        "nonsense": b"nonsense",
    }
    lab.sim.handle(lab.ben, Got(mine, wires[what]))
    assert network.chain.ready


def test_where_somebody_has_gone_is_found_by_the_presence() -> None:
    lab = Street()
    network = lab.network(lab.ben)
    sim, ben, cleo = lab.sim, lab.ben, lab.cleo
    cleo.alive = False
    for node in (ben, lab.anna, lab.dora):
        sim._break(node, cleo)
    profile = parse_profile(parse_record(lab.kept(cleo).profile))
    moved = msgspec.structs.replace(profile.peers[0], addresses=("/ip4/127.0.0.77/tcp/4001",))
    told = seal_profile(
        lab.signer(cleo), network.id, msgspec.structs.replace(profile, peers=(moved,)),
        created=lab.now, until=lab.now + MAX_LIFETIME, revision=lab.now // 1_000 + 5,
    )  # fmt: skip
    now = lab.kept(cleo)
    made = seal_presence(lab.signer(cleo), network.id, msgspec.structs.replace(now, profile=told.wire), created=lab.now)
    sim._values[author_key(network.id, lab.signer(cleo).author)] = made.wire
    ben.core.state.wanted.add(cleo.peer_id)
    asked = lab.run(2 * MINUTE)
    assert Get(author_key(network.id, lab.signer(cleo).author)) in asked
    assert "/ip4/127.0.0.77/tcp/4001" in ben.core.state.directory.addresses_of(cleo.peer_id)


def test_a_network_that_is_not_open_meets_under_keys_that_outsiders_do_not_know() -> None:
    lab = Street()
    network = lab.network(lab.ben)
    network.genesis = msgspec.structs.replace(network.genesis, open=False)
    lab.run(2 * RENDEZVOUS_LOOK)
    lab.sim.handle(lab.ben, Listening((lab.ben.address,)))
    said: list[Any] = lab.run(HOUR)
    shown = {cell_key(network.id, cell) for cell in ("", "u33dc", *AROUND)}
    assert said and not {e.key for e in said if not isinstance(e, Withdraw)} & shown
    assert not [e for e in said if isinstance(e, Put | Get)], "and leaves no presence there"
    assert realm(network.record.id, False) != realm(network.record.id, True) == network.id


def test_answers_that_nobody_asked_for_change_nothing() -> None:
    lab = Street()
    before = set(lab.ben.core.neighbours.known)
    for event in (
        Found(b"k" * 32, (("12D3KooW" + "Z" * 44, ("/ip4/203.0.113.7/tcp/1/p2p/12D3KooW" + "Z" * 44,)),)),
        Got(b"k" * 32, b"value"),
        Said(b"k" * 32, True),
    ):
        lab.sim.handle(lab.ben, event)
    assert set(lab.ben.core.neighbours.known) == before


def test_a_first_connection_wakes_the_dht() -> None:
    lab = Street()
    lab.run(2 * HOUR)
    for other in (lab.anna, lab.cleo, lab.dora):
        lab.sim.handle(lab.ben, Disconnected(other.peer_id))
    lab.ben.links.clear()
    lab.sim.handle(lab.ben, Connected(lab.anna.peer_id, lab.anna.address, True))
    said = lab.run(MINUTE)
    assert [e for e in said if isinstance(e, Lookup)]
    assert [e for e in said if isinstance(e, Provide)]
