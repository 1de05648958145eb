import json
from itertools import pairwise

import pytest
from libp2p.kad_dht.pb.kademlia_pb2 import Message

from dht.keys import author_key, cell_key, realm
from dht.presences import Presences
from dht.routing import place_of
from protocols.errors import Reject
from tests.vectors.make_dht import PATH, make

VECTORS = json.loads(PATH.read_text())
KEYS, PRESENCES = VECTORS["keys"], VECTORS["presences"]
RULES, KEY = Presences(lambda: PRESENCES["now"]), bytes.fromhex(PRESENCES["key"])


def test_the_script_makes_the_file():
    assert PATH.read_text() == make()


def test_keys():
    for one in KEYS["realms"]:
        assert realm(bytes.fromhex(one["genesis"]), one["open"]).hex() == one["realm"]
    for one in KEYS["cells"]:
        assert cell_key(bytes.fromhex(one["realm"]), one["cell"], one["kind"]).hex() == one["key"]
    for one in KEYS["authors"]:
        assert author_key(bytes.fromhex(one["network"]), bytes.fromhex(one["author"])).hex() == one["key"]
        assert one["value_key"] == "/p2pnode/" + one["key"]
    for one in KEYS["places"]:
        assert place_of(bytes.fromhex(one["name"])) == int(one["place"], 16)


@pytest.mark.parametrize("vector", PRESENCES["valid"], ids=lambda v: v["name"])
def test_valid(vector):
    RULES.validate(KEY, bytes.fromhex(vector["wire"]))


@pytest.mark.parametrize("vector", PRESENCES["invalid"], ids=lambda v: v["name"])
def test_invalid(vector):
    with pytest.raises(Reject) as refused:
        RULES.validate(KEY, bytes.fromhex(vector["wire"]))
    assert refused.value.code == vector["code"]


def test_of_two_the_later_stays():
    wires = [bytes.fromhex(wire) for wire in PRESENCES["rising"]]
    assert [RULES.select(KEY, pair) for pair in pairwise(wires)] == [1] * (len(wires) - 1)


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda v: v["type"])
def test_messages(vector):
    data = bytes.fromhex(vector["bytes"])
    size = data[0] if data[0] < 0x80 else data[0] & 0x7F | data[1] << 7
    message = Message.FromString(data[-size:])
    assert Message.MessageType.Name(message.type) == vector["type"]
