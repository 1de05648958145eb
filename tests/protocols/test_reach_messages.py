"""Messages of `/p2pnode/reach/1.0.0`, by the vectors."""

import json
from pathlib import Path

import pytest

from protocols.errors import DecodeError
from protocols.reach_messages import encode_message, parse_message

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "reach.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["name"])
def test_valid(vector):
    data = bytes.fromhex(vector["bytes"])
    assert encode_message(parse_message(data)) == data


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda v: v["name"])
def test_invalid(vector):
    with pytest.raises(DecodeError):
        parse_message(bytes.fromhex(vector["bytes"]))
