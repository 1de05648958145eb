"""Writes dht.json: `python -m tests.vectors.make_dht`. Always the same bytes."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from libp2p.kad_dht.pb.kademlia_pb2 import Message, Record

from dht.kad import _text_of
from dht.kad_asking import _varint
from dht.keys import author_key, cell_key, realm
from protocols.errors import Reject
from protocols.presence import check_presence
from tests.protocols.test_presence import ANNA, BAD, KEY, NETWORK, NOW, presence, rotation, signer

PATH = Path(__file__).with_name("dht.json")
GENESIS = bytes(range(32))
PEER = b"\x00\x24\x08\x01\x12\x20" + bytes(range(32))  # the identity multihash of an Ed25519 public key


def keys() -> dict[str, Any]:
    open_realm, hidden = realm(GENESIS, True), realm(GENESIS, False)
    cells = [("", ""), ("u33dc", ""), ("u33dc", "lend"), ("u33d", "")]
    return {
        "realms": [
            {"genesis": GENESIS.hex(), "open": True, "realm": open_realm.hex()},
            {"genesis": GENESIS.hex(), "open": False, "realm": hidden.hex()},
        ],
        "cells": [
            {"realm": where.hex(), "cell": cell, "kind": kind, "key": cell_key(where, cell, kind).hex()}
            for where in (open_realm, hidden)
            for cell, kind in cells
        ],
        "authors": [
            {"network": NETWORK.hex(), "author": ANNA.author.hex(), "key": KEY.hex(), "value_key": _text_of(KEY)},
        ],
        "places": [{"name": name.hex(), "place": sha256(name).hexdigest()} for name in (KEY, PEER)],
    }


def presences() -> dict[str, Any]:
    valid = {
        "of a first key": presence(),
        "without entries or profile": presence(0, profile=b"", last=bytes(32)),
        "after two rotations": presence(who=signer(2), rotations=(rotation(1), rotation(2))),
    }
    rising = [
        presence(9, at=NOW - 20_000),
        presence(10, at=NOW - 30_000),
        presence(10, at=NOW - 10_000),
        presence(4, at=NOW - 40_000, who=signer(1), rotations=(rotation(1),)),
    ]
    return {
        "now": NOW,
        "key": KEY.hex(),
        "valid": [
            {
                "name": name,
                "wire": record.wire.hex(),
                "epoch": record.epoch,
                "entries": check_presence(record.wire, NOW).presence.entries,
                "profile": bool(check_presence(record.wire, NOW).profile),
            }
            for name, record in valid.items()
        ],
        "invalid": [{"name": name, "wire": make().hex(), "code": code(make())} for name, make in BAD.items()],
        "rising": [record.wire.hex() for record in rising],
    }


def code(wire: bytes) -> str:
    """Why; a presence that is sound by itself stands under another author's key."""
    try:
        record = check_presence(wire, NOW).record
    except Reject as e:
        return e.code
    assert author_key(record.network, record.author) != KEY
    return "context"


def messages() -> list[dict[str, Any]]:
    """Requests as they stand on a stream, without the sender's signed record."""
    value = _text_of(KEY).encode()
    wire = presence().wire
    me = Message.Peer(id=PEER, addrs=[b"\x04\xc0\x00\x02\x01\x06\x0f\xa1"])
    cell = cell_key(realm(GENESIS, True), "u33dc")
    said = {
        "FIND_NODE": Message(type=Message.FIND_NODE, key=PEER),
        "GET_PROVIDERS": Message(type=Message.GET_PROVIDERS, key=cell),
        "ADD_PROVIDER": Message(type=Message.ADD_PROVIDER, key=cell, providerPeers=[me]),
        "GET_VALUE": Message(type=Message.GET_VALUE, key=value),
        "PUT_VALUE": Message(type=Message.PUT_VALUE, key=value, record=Record(key=value, value=wire)),
    }
    found = []
    for name, message in said.items():
        data = message.SerializeToString(deterministic=True)
        found.append({"type": name, "bytes": (_varint(len(data)) + data).hex()})
    return found


def make() -> str:
    made = {"keys": keys(), "presences": presences(), "messages": messages()}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(make())
