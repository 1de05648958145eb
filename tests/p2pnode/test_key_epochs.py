"""Entries signed with a key whose rotation has not come yet: of no use now, and nobody's fault."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ledger.entry import Entry, encode_entry, parse_entry
from p2pnode.core.effects import Effect
from p2pnode.core.events import Received
from protocols import recovery_messages
from protocols.codec import decode, encode
from protocols.exchange_messages import EntryMessage
from protocols.identity import KeyState
from tests.p2pnode.lab import EVE, Lab, struck, wrote
from tests.sim.simulator import Node


def of_epoch(full: bytes, epoch: int) -> bytes:
    """The same entry with another epoch in its header, and so without a sound signature."""
    outer = decode(full)
    header = decode(outer[0])
    place = header.index(parse_entry(full).author) + 1
    assert header[place] == 0
    header[place] = epoch
    return encode([encode(header), *outer[1:]])


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.ask(made.anna, "vouch", peer=made.ben.peer_id, amount="1")
    made.sim.run(60_000)
    return made


def newest(lab: Lab, node: Node) -> Entry:
    chain = lab.network(node).chain
    entry = chain.entry(chain.state.count - 1)
    assert entry is not None
    return entry


def as_a_deal(lab: Lab, full: bytes) -> list[Effect]:
    return lab.say(lab.ben, EntryMessage(lab.network(lab.ben).id, full), lab.anna.peer_id)


def to_be_kept(lab: Lab, full: bytes) -> list[Effect]:
    message = recovery_messages.Entries(lab.network(lab.ben).id, lab.anna.core.state.me, (full,))
    frame = recovery_messages.encode_message(message)
    return lab.ben.core.handle(Received(lab.anna.peer_id, recovery_messages.PROTOCOL, frame), lab.now)


WAYS = [as_a_deal, to_be_kept]


@pytest.mark.parametrize("send", WAYS)
def test_a_later_key_than_we_know_costs_nobody_anything(lab: Lab, send: Callable[[Lab, bytes], list[Effect]]) -> None:
    effects = send(lab, of_epoch(encode_entry(newest(lab, lab.anna)), 1))
    assert not struck(effects) and not wrote(effects)


@pytest.mark.parametrize("send", WAYS)
def test_a_signature_that_is_wrong_does(lab: Lab, send: Callable[[Lab, bytes], list[Effect]]) -> None:
    entry = newest(lab, lab.anna)
    assert struck(send(lab, encode_entry(replace(entry, signature=bytes(64)))))
    author = lab.anna.core.state.me
    lab.ben.core.state.key_states[author] = KeyState(1, EVE.public_key, bytes(32))
    assert struck(send(lab, of_epoch(encode_entry(entry), 1))), "the key of this epoch is known, and did not sign"
