import json

import pytest

from ledger.proof import check_proof
from protocols.errors import Reject
from protocols.ledger_messages import encode_message, parse_message
from tests.vectors.make_proofs import PATH, make

VECTORS = json.loads(PATH.read_text())


def test_the_script_makes_the_file():
    assert PATH.read_text() == make()


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["name"])
def test_valid(vector):
    assert check_proof(bytes.fromhex(vector["bytes"])) == vector["shows"]


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda v: v["why"])
def test_invalid(vector):
    with pytest.raises(Reject) as e:
        check_proof(bytes.fromhex(vector["bytes"]))
    assert e.value.code == vector["code"]


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda v: v["type"])
def test_messages(vector):
    message = parse_message(bytes.fromhex(vector["frame"]))
    assert type(message).__name__ == vector["type"] and encode_message(message).hex() == vector["frame"]
