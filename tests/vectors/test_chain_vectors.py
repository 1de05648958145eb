import json

import pytest

from ledger.entry import parse_entry, verify_entry
from protocols import ledger_messages, recovery_messages
from protocols.errors import DecodeError
from tests.vectors.make_chains import PATH, fields, make

VECTORS = json.loads(PATH.read_text())
MODULES = {module.PROTOCOL: module for module in (ledger_messages, recovery_messages)}


def test_the_script_makes_the_file():
    assert PATH.read_text() == make()


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["type"])
def test_valid(vector):
    module = MODULES[vector["protocol"]]
    message = module.parse_message(bytes.fromhex(vector["frame"]))
    assert json.loads(json.dumps(fields(message))) == vector["fields"]
    assert module.encode_message(message).hex() == vector["frame"]
    for full in vector["fields"].get("entries", []) if vector["type"] == "shown" else vector["fields"].get("full", []):
        verify_entry(parse_entry(bytes.fromhex(full)))


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda v: v["reason"])
def test_invalid(vector):
    with pytest.raises(DecodeError):
        MODULES[f"/p2pnode/{vector['protocol']}/1.0.0"].parse_message(bytes.fromhex(vector["frame"]))
