import json

import pytest

from protocols.errors import DecodeError
from protocols.gossip_messages import Answer, Reconcile, encode_message, parse_message
from tests.vectors.make_gossip import PATH, fields, make

VECTORS = json.loads(PATH.read_text())


def test_the_script_makes_the_file():
    assert PATH.read_text() == make()


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda v: v["type"])
def test_valid(vector):
    message = parse_message(bytes.fromhex(vector["frame"]))
    assert type(message).__name__.upper() == vector["type"]
    assert json.loads(json.dumps(fields(message))) == vector["fields"]
    assert encode_message(message).hex() == vector["frame"]


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda v: v["reason"])
def test_invalid(vector):
    with pytest.raises(DecodeError):
        parse_message(bytes.fromhex(vector["frame"]))


@pytest.mark.parametrize("t", VECTORS["reconciliations"], ids=["both lack some", "few", "the same"])
def test_the_transcripts_find_the_differences(t):
    after = (t["as_of"] + 1).to_bytes(8, "big").hex()
    mine, theirs = ({i for i in t[side] if i >= after} for side in ("asker", "answerer"))
    assert len(mine) < len(t["asker"])  # as_of leaves some out
    assert set(t["have"]) == mine - theirs and set(t["need"]) == theirs - mine
    kinds = [type(parse_message(bytes.fromhex(f["frame"]))) for f in t["frames"]]
    assert kinds == [Reconcile, Answer] * (len(kinds) // 2)


def test_the_transcripts_use_every_mode():
    frames = [bytes.fromhex(f["frame"]) for t in VECTORS["reconciliations"] for f in t["frames"]]
    assert {r.mode for frame in frames for r in parse_message(frame).ranges} == {0, 1, 2, 3, 4}
