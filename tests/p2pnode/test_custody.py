"""Who keeps what of whose chain: who sees which payload, who is answered, and that nobody can fill the store."""

import pytest

from ledger.entry import encode_entry, parse_entry
from p2pnode.core import custody
from p2pnode.core.events import Disconnected, Received
from p2pnode.core.keys import KEPT
from protocols import recovery_messages as messages
from protocols.limits import MINUTE
from tests.p2pnode.test_misconduct import WITHIN, convicted, fork, traded
from tests.sim.simulator import Faults, Node, Simulator
from tests.sim.street import street


@pytest.fixture
def sim() -> Simulator:
    return Simulator(3)


@pytest.fixture
def nodes(sim: Simulator) -> list[Node]:
    made = street(sim)
    sim.run(MINUTE)
    sim.ask_now(made[0], "vouch", peer=made[1].peer_id, amount="1")
    sim.run(MINUTE)
    return made


def kept(at: Node, of: Node) -> dict[int, bytes]:
    network = next(iter(at.core.state.networks))
    prefix = KEPT + network + of.core.state.me
    return {int.from_bytes(k[len(prefix) :], "big"): v for k, v in at.disk.scan(prefix)}


def say(sim: Simulator, to: Node, sender: Node, message: messages.Message) -> list[messages.Message]:
    """What a node answers to one message, by the recovery protocol."""
    effects = to.core.handle(Received(sender.peer_id, messages.PROTOCOL, messages.encode_message(message)), sim.now)
    sim.perform(to, effects)
    frames = [e.data for e in effects if getattr(e, "protocol", "") == messages.PROTOCOL]
    return [messages.parse_message(f) for f in frames]


def test_every_entry_is_kept_and_the_payload_is_seen_by_the_counterparty_only(nodes: list[Node]) -> None:
    anna, ben, cleo, _ = nodes
    count = next(iter(anna.core.state.networks.values())).chain.state.count
    at_ben, at_cleo = kept(ben, anna), kept(cleo, anna)
    assert set(at_ben) == set(at_cleo) == set(range(count))
    newest_ben, newest_cleo = parse_entry(at_ben[count - 1]), parse_entry(at_cleo[count - 1])
    assert newest_ben.kind == "VOUCH" and newest_ben.id == newest_cleo.id
    assert newest_ben.settlement is not None and newest_cleo.settlement is None
    assert all(parse_entry(full).private is None for full in (*at_ben.values(), *at_cleo.values()))


def test_a_chain_is_shown_to_its_author_and_to_who_keeps_it(sim: Simulator, nodes: list[Node]) -> None:
    anna, ben, cleo, _ = nodes
    network, author = next(iter(anna.core.state.networks)), anna.core.state.me
    ask = messages.Ask(network, author, 1)
    (answer,) = say(sim, ben, anna, ask)
    assert isinstance(answer, messages.Entries) and parse_entry(answer.full[0]).seq == 1
    assert say(sim, ben, cleo, ask) == []
    assert say(sim, ben, anna, messages.Ask(network, author, 999)) == [messages.Entries(network, author, ())]
    anna.core.custody.disconnected(cleo.peer_id)
    assert say(sim, anna, cleo, ask) == []


def test_only_the_author_hands_over_and_the_first_of_two_stays(sim: Simulator, nodes: list[Node]) -> None:
    anna, ben, cleo, _ = nodes
    network, author = next(iter(anna.core.state.networks)), anna.core.state.me
    before = kept(ben, anna)
    full = tuple(before.values())
    network_key = KEPT + network + author
    ben.disk.commit({}, [network_key + seq.to_bytes(8, "big") for seq in before], True)
    assert say(sim, ben, cleo, messages.Entries(network, author, full)) == [] and not kept(ben, anna)
    say(sim, ben, anna, messages.Entries(network, author, full))
    assert kept(ben, anna) == before


def test_what_was_lost_on_the_way_is_asked_for_when_a_later_entry_comes(sim: Simulator, nodes: list[Node]) -> None:
    anna, ben, cleo, _ = nodes
    sim.faults = Faults(loss=1.0)
    sim.ask_now(anna, "vouch", peer=ben.peer_id, amount="1")
    sim.run(1)
    sim.faults = Faults()
    count = next(iter(anna.core.state.networks.values())).chain.state.count
    assert count - 1 not in kept(cleo, anna)
    sim.ask_now(anna, "vouch", peer=ben.peer_id, amount="1")
    sim.run(5_000)
    assert {count - 1, count} <= set(kept(cleo, anna))


def test_who_has_stayed_becomes_a_keeper_when_one_leaves(
    sim: Simulator, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a node among others would write entries that nobody keeps."""
    *_, dora = nodes
    monkeypatch.setattr(custody, "KEEPERS", 1)
    mine = dora.core.custody
    monkeypatch.setattr(dora.core.state, "partners", set)
    network, here = next(iter(dora.core.state.networks)), [n for n in nodes if n.peer_id in dora.core.state.connected]
    assert len(here) > 1
    mine._keepers.clear()
    for node in here:
        mine.connected(node.peer_id)
    assert mine._keepers[network] == {here[0].peer_id}
    sim.handle(dora, Disconnected(here[0].peer_id))
    (keeper,) = mine._keepers[network]
    assert keeper in {node.peer_id for node in here[1:]}


def test_whom_an_entry_names_keeps_it_from_then_on(
    sim: Simulator, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ben, _, dora = nodes
    monkeypatch.setattr(custody, "KEEPERS", 0)
    mine, network = anna.core.custody, next(iter(anna.core.state.networks))
    mine._keepers.clear()
    for node in nodes[1:]:
        mine.connected(node.peer_id)
    assert dora.peer_id in anna.core.state.connected and dora.peer_id not in mine._keepers[network]
    sim.ask_now(anna, "claim.propose", peer=dora.peer_id, amount="3", unit="EUR")
    assert dora.peer_id in mine._keepers[network]
    count = next(iter(anna.core.state.networks.values())).chain.state.count
    sim.ask_now(anna, "vouch", peer=ben.peer_id, amount="1")
    assert count in kept(dora, anna)


def test_a_gap_that_nobody_can_fill_is_asked_for_once(sim: Simulator, nodes: list[Node]) -> None:
    anna, ben, _, _ = nodes
    network, author = next(iter(anna.core.state.networks)), anna.core.state.me
    chain = next(iter(anna.core.state.networks.values())).chain
    ben.core.custody._seqs.clear()
    ben.core.custody._told.clear()
    newest = chain.entry(chain.state.count - 1)
    assert newest is not None
    page = messages.Entries(network, author, (encode_entry(newest),))
    assert say(sim, ben, anna, page) == [messages.Ask(network, author, 0)]
    assert say(sim, ben, anna, messages.Entries(network, author, ())) == []
    assert say(sim, ben, anna, page) == []


def test_there_is_room_for_so_many_only(sim: Simulator, nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    anna, ben, *_ = nodes
    monkeypatch.setattr(custody, "MAX_KEPT_OF_ONE", 2)
    network, author = next(iter(anna.core.state.networks)), anna.core.state.me
    before = kept(ben, anna)
    ben.disk.commit({}, [KEPT + network + author + seq.to_bytes(8, "big") for seq in before], True)
    sim.crash(ben)
    sim.run(MINUTE)
    say(sim, ben, anna, messages.Entries(network, author, tuple(before.values())))
    assert set(kept(ben, anna)) == set(sorted(before)[-2:]), "the newest"
    monkeypatch.setattr(custody, "MAX_KEPT", 0)
    ben.disk.commit({}, [KEPT + network + author + seq.to_bytes(8, "big") for seq in before], True)
    sim.crash(ben)
    sim.run(MINUTE)
    say(sim, ben, anna, messages.Entries(network, author, tuple(before.values())))
    assert not kept(ben, anna)


@pytest.mark.parametrize("seed", range(4))
def test_two_chains_of_one_length_are_told_apart_when_he_comes_back(seed):
    """As when two nodes run with one identity, and each signs on an evening when nobody is connected."""
    lab = traded(seed)
    chain = lab.network(lab.ben).chain
    length = chain.state.count
    chain.written = lambda entry: None  # it is sent to nobody
    ben = fork(lab, length - 1)
    assert chain.state.count == length
    lab.sim.run(WITHIN)
    assert not convicted(lab, lab.cleo, ben)
    lab.sim.crash(lab.ben, away=MINUTE)
    lab.sim.run(2 * MINUTE)
    for node in (lab.anna, lab.cleo, lab.dora):
        assert convicted(lab, node, ben), node.name
