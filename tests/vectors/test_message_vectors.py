"""The vectors of messages hold in both directions."""

import json
from typing import Any

import pytest

from protocols.errors import Reject
from protocols.identity import derive_seed, incept, seal_to
from protocols.message import Body, open_message, verify_message
from protocols.message_messages import encode_message, parse_message
from tests.vectors.make import HERE

FILE: dict[str, Any] = json.loads((HERE / "messages.json").read_text())
BOB = incept(b"bob".ljust(32))[0]


def test_the_reader_is_who_the_file_says() -> None:
    assert derive_seed(b"bob".ljust(32), 0).hex() == FILE["seed"] and BOB.public_key.hex() == FILE["public_key"]
    assert BOB.author.hex() == FILE["to"]


@pytest.mark.parametrize("case", FILE["valid"], ids=lambda c: c["name"])
def test_a_message(case: dict[str, Any]) -> None:
    found = open_message(BOB, bytes.fromhex(case["sealed"]))
    verify_message(found, bytes.fromhex(case["key"]) if "key" in case else None)
    said = {name: bytes.fromhex(case[name]) for name in ("network", "exchange")}
    to = {name: bytes.fromhex(FILE[name]) for name in ("author", "to")}
    assert found.body == Body(**said, **to, at=case["at"], text=case["text"])
    assert (found.id.hex(), found.epoch) == (case["id"], case["epoch"])
    plaintext = bytes.fromhex(case["plaintext"])
    assert seal_to(BOB.public_key, plaintext, bytes.fromhex(FILE["secret"])).hex() == case["sealed"]


@pytest.mark.parametrize("case", FILE["invalid"], ids=lambda c: c["name"])
def test_no_message(case: dict[str, Any]) -> None:
    with pytest.raises(Reject) as e:
        verify_message(open_message(BOB, bytes.fromhex(case["sealed"])))
    assert e.value.code == case["code"]


@pytest.mark.parametrize("case", FILE["messages"], ids=lambda c: c["name"])
def test_a_frame(case: dict[str, Any]) -> None:
    assert encode_message(parse_message(bytes.fromhex(case["frame"]))).hex() == case["frame"]
