"""Whatever arrives, from whomever: nothing raises out of the core, and a stranger changes nothing."""

import random
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode import commands
from p2pnode.core import book, commanding
from p2pnode.core.effects import Reply
from p2pnode.core.events import Command
from p2pnode.core.keys import REQUEST
from protocols import exchange_messages, join_messages, ledger_messages, message_messages, recovery_messages
from protocols.codec import decode, encode
from protocols.gossip_messages import PROTOCOL as GOSSIP
from tests.p2pnode.lab import Lab, wrote
from tests.sim.simulator import Simulator
from tests.sim.street import People, look

PROTOCOLS = (
    GOSSIP,
    exchange_messages.PROTOCOL,
    join_messages.PROTOCOL,
    ledger_messages.PROTOCOL,
    recovery_messages.PROTOCOL,
    message_messages.PROTOCOL,
)
MINUTE = 60_000


@cache
def traffic() -> tuple[Lab, list[tuple[str, bytes]]]:
    """A street in which everything has happened, and every frame that was sent on the way."""
    frames: dict[tuple[str, bytes], None] = {}
    transmit = Simulator._transmit

    def noted(self, node, peer, protocol, data):
        frames[protocol, data] = None
        transmit(self, node, peer, protocol, data)

    Simulator._transmit = noted
    try:
        lab = Lab(5)
        listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
        lab.sim.run(MINUTE)
        lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"], quantity=1)
        People(lab.sim, [lab.ben, lab.cleo], random.Random(1))
        lab.sim.run(5 * MINUTE)
        lab.ask(lab.anna, "vouch", peer="Dora", amount="1")
        lab.sim.run(MINUTE)
        lab.ask(lab.anna, "unvouch", peer="Dora", amount="0.5")
        lab.sim.run(MINUTE)
        lab.ask(lab.anna, "unvouch", peer="Dora")
        lab.sim.run(MINUTE)
    finally:
        Simulator._transmit = transmit
    for node in (lab.anna, lab.ben, lab.dora):
        lab.meet(node)
    return lab, list(frames)


def test_the_traffic_holds_every_message():
    _, frames = traffic()
    names = {decode(data)[0] for protocol, data in frames if protocol != GOSSIP}
    assert {"fact", "entry", "return", "ack", "join", "welcome"} <= names
    entries = [exchange_messages.parse_message(d) for p, d in frames if p == exchange_messages.PROTOCOL]
    assert len({type(m) for m in entries}) >= 4


def unmoved(protocol: str, frame: bytes) -> None:
    lab, _ = traffic()
    for node in (lab.anna, lab.ben, lab.dora):
        effects = lab.tell(node, protocol, frame)
        assert not wrote(effects), effects


def test_every_real_frame_said_again_by_a_stranger_to_anybody_changes_nothing():
    for protocol, data in traffic()[1]:
        unmoved(protocol, data)


@settings(max_examples=100, deadline=None)
@given(st.integers(0), st.integers(0), st.sampled_from(["flip", "cut", "grow", "swap"]), st.binary(max_size=8))
def test_mutated_frames(pick, place, how, noise):
    frames = traffic()[1]
    protocol, data = frames[pick % len(frames)]
    at = place % max(1, len(data))
    changed = bytearray(data)
    match how:
        case "flip":
            changed[at] ^= 1 << place % 8
        case "cut":
            changed = changed[:at]
        case "grow":
            changed[at:at] = noise
        case _:
            protocol = PROTOCOLS[place % len(PROTOCOLS)]
    unmoved(protocol, bytes(changed))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PROTOCOLS), st.binary(max_size=300))
def test_random_bytes(protocol, data):
    unmoved(protocol, data)


scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=9)
values = st.recursive(
    scalars | st.sampled_from([bytes(16), bytes(32), bytes(64), b""]), lambda v: st.lists(v, max_size=5), max_leaves=12
)
exchange_tags = ("fact", "message", "later", "entry", "return", "ack", "refuse", "join", "welcome", "refused")
tags = st.sampled_from([*exchange_tags, "show", "shown", "hidden", "head", "ask", "entries", *range(8)])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PROTOCOLS), tags, st.lists(values, max_size=5))
def test_messages_of_the_right_shape(protocol, tag, rest):
    unmoved(protocol, encode([tag, *rest]))


@settings(max_examples=100, deadline=None)
@given(st.integers(0), st.data())
def test_a_field_of_a_real_message_replaced(pick, data):
    frames = [f for f in traffic()[1] if f[0] != GOSSIP]
    protocol, frame = frames[pick % len(frames)]
    message = decode(frame)
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] = data.draw(values)
    unmoved(protocol, encode(message))


def test_a_command_repeated_with_its_request_id_is_done_once_also_after_a_restart():
    lab = Lab(6)
    args = commands.parse_args("listing.publish", {"direction": "offer", "kind": "give", "title": "Chair"})

    def attempt() -> object:
        effects = lab.ben.core.handle(Command(1, "listing.publish", args, "once"), lab.now)
        lab.sim.perform(lab.ben, effects)
        return next(e.result for e in effects if isinstance(e, Reply))

    first = attempt()
    lab.sim.run(1_000)
    assert attempt() == first
    lab.sim.crash(lab.ben)
    lab.sim.run(10_000)
    assert attempt() == first
    assert len(look(lab.ben, "listing.list", lab.now)) == 1


def test_a_long_reply_is_remembered_too():
    lab = Lab(6)
    args = commands.parse_args("listing.publish", {"direction": "offer", "kind": "give", "title": "Chair"})
    journal = lab.ben.core._journal
    journal.put(REQUEST + b"long", encode([lab.now, '"' + "x" * 200_000 + '"']))
    effects = lab.ben.core.handle(Command(1, "listing.publish", args, "long"), lab.now)
    assert next(e.result for e in effects if isinstance(e, Reply)) == "x" * 200_000


def test_a_reply_that_could_not_be_read_again_is_not_remembered(monkeypatch):
    lab = Lab()
    monkeypatch.setattr(commanding, "MAX_STORED", 2_500)
    for number in range(3):
        lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title=f"Thing {number}", text="x" * 400)
    lab.ask(lab.ben, "listing.pause", id=None)
    kept = [value for _, value in lab.ben.core._journal.scan(REQUEST)]
    assert len(kept) == 3 and all(len(value) <= 2_500 for value in kept)
    lab.ben.core._commanding.forget(lab.now)


def test_a_crowd_of_strangers_does_not_push_out_the_neighbours(monkeypatch):
    lab = Lab(8)
    monkeypatch.setattr(book, "MAX_CALLERS", 20)
    for i in range(60):
        lab.meet(lab.ben, f"12D3KooW{i:044}".replace("0", "z"))
    known = lab.ben.core.neighbours.known
    assert len(known) == 20 + 3 and lab.anna.peer_id in known


class Unreadable:
    """A store that is closed until the disk has room again."""

    def get(self, key: bytes) -> bytes | None:
        raise OSError("closed")

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        raise OSError("closed")


def test_how_it_is_a_node_can_say_although_its_store_cannot_be_read():
    lab = Lab()
    core = lab.ben.core
    before = look(lab.ben, "status", lab.now)
    core._journal._reader = Unreadable()
    assert look(lab.ben, "status", lab.now) == before
