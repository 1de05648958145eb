"""custody.json holds in both directions; that the script makes it, `tests/test_vectors.py` sees."""

import json
from pathlib import Path

import pytest

from protocols.custody_messages import encode_message, parse_message
from protocols.door import parse_code
from protocols.duties import door_hash
from protocols.errors import DecodeError, Reject
from protocols.parcel import trace
from protocols.receipt import parse_half, parse_receipt, parse_texts, verify_half, verify_receipt

VECTORS = json.loads(Path(__file__).with_name("custody.json").read_text())


def _named(part: str) -> dict[str, object]:
    return {"argvalues": VECTORS[part], "ids": [case["name"] for case in VECTORS[part]]}


@pytest.mark.parametrize("case", **_named("valid"))
def test_valid(case):
    one, half = parse_receipt(bytes.fromhex(case["wire"])), parse_half(bytes.fromhex(case["half"]))
    verify_receipt(one)
    verify_half(half)
    for name in ("network", "parcel", "prev", "giver", "taker", "header", "id"):
        assert getattr(one, name).hex() == getattr(half, name).hex() == case[name]
    assert (one.said.note, one.said.exchange.hex(), one.said.duty) == (case["note"], case["exchange"], case["duty"])
    assert [p.hex() for p in one.said.photos] == case["photos"] and one.at == case["at"]
    assert parse_texts(case["text"]) == (one,)


@pytest.mark.parametrize("case", **_named("invalid"))
def test_invalid(case):
    with pytest.raises(Reject) as e:
        verify_receipt(parse_receipt(bytes.fromhex(case["bytes"])))
    assert e.value.code == case["code"]


@pytest.mark.parametrize("case", **_named("chains"))
def test_chains(case):
    receipts = [parse_receipt(bytes.fromhex(wire)) for wire in case["receipts"]]
    found = trace(receipts, [bytes.fromhex(party) for party in case["parties"]])
    assert (found.holder.hex(), found.origin.hex(), found.whole) == (case["holder"], case["origin"], case["whole"])
    assert [r.id.hex() for r in found.path] == case["path"]
    assert [[a.id.hex(), b.id.hex()] for a, b in found.forks] == case["forks"]


@pytest.mark.parametrize("case", VECTORS["doors"], ids=lambda case: case["typed"])
def test_doors(case):
    assert door_hash(bytes.fromhex(case["parcel"]), parse_code(case["typed"])).hex() == case["hash"]


@pytest.mark.parametrize("case", **_named("messages"))
def test_messages(case):
    frame = bytes.fromhex(case["frame"])
    assert encode_message(parse_message(frame)) == frame


@pytest.mark.parametrize("case", **_named("invalid_messages"))
def test_invalid_messages(case):
    with pytest.raises(DecodeError):
        parse_message(bytes.fromhex(case["frame"]))
