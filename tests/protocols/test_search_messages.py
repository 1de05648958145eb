"""Messages of `/p2pnode/search/1.0.0`: by the vectors, and by what may stand in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError
from protocols.limits import GOSSIP_FRAME, MAX_ANSWERED, MAX_INT, MAX_RECORD, MAX_SEARCH_TEXT
from protocols.search_messages import Answer, Busy, Query, encode_message, fill, parse_message
from tests.strategies import byte_strings

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "searches.json").read_text())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ANY = st.builds(
    Query,
    byte_strings(16),
    st.text("0123456789bcdefghjkmnpqrstuvwxyz", max_size=6),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_SEARCH_TEXT),
    TEXT,
    st.sampled_from(["", "offer", "request"]),
    st.integers(0, MAX_INT),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=16),
    TEXT,
    st.integers(0, MAX_INT),
    st.integers(1, MAX_ANSWERED),
)
QUERIES = ANY | ANY.map(lambda query: query._replace(most=None, unit="", per=""))
WIRES = st.lists(st.integers(0, MAX_RECORD).map(bytes), max_size=MAX_ANSWERED + 10)


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["name"])
def test_valid(vector: Any) -> None:
    data = bytes.fromhex(vector["bytes"])
    assert encode_message(parse_message(data)) == data


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda v: v["name"])
def test_invalid(vector: Any) -> None:
    with pytest.raises(DecodeError):
        parse_message(bytes.fromhex(vector["bytes"]))


@given(QUERIES | st.just(Busy()))
def test_there_and_back(message: Any) -> None:
    assert parse_message(encode_message(message)) == message


@given(st.booleans(), WIRES)
def test_an_answer_is_the_first_records_that_a_frame_has_room_for(more: bool, wires: list[bytes]) -> None:
    answer = fill(more, wires)
    said = encode_message(answer)
    assert len(said) <= GOSSIP_FRAME and parse_message(said) == answer
    count = len(answer.records)
    assert list(answer.records) == wires[:count]
    assert answer.more == (more or count < len(wires))
    if count < min(len(wires), MAX_ANSWERED):
        assert len(said) + len(wires[count]) > GOSSIP_FRAME - 512, "there was room for one more"
    assert isinstance(answer, Answer)
