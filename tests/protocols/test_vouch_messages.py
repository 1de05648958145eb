"""The message that asks for a part of a vouch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import encode
from protocols.errors import DecodeError
from protocols.limits import MAX_INT
from protocols.vouch_messages import ReturnPart, encode_message, parse_message
from tests.strategies import byte_strings, hashes


@given(st.builds(ReturnPart, byte_strings(16), hashes, st.integers(1, MAX_INT)))
def test_there_and_back(message: ReturnPart) -> None:
    assert parse_message(encode_message(message)) == message


@pytest.mark.parametrize(
    "value",
    [
        [],
        ["return", bytes(16), bytes(32)],
        ["return", bytes(16), bytes(32), 0],
        ["return", bytes(16), bytes(32), -1],
        ["return", bytes(16), bytes(32), True],
        ["return", bytes(15), bytes(32), 1],
        ["return", bytes(16), bytes(31), 1],
        ["return", bytes(16), bytes(32), 1, 1],
        ["other", bytes(16), bytes(32), 1],
    ],
    ids=str,
)
def test_what_is_no_such_message(value: object) -> None:
    with pytest.raises(DecodeError):
        parse_message(encode(value))
