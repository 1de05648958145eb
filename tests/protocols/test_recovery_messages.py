"""The messages of the recovery protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import recovery_messages as recovery
from protocols.codec import encode
from protocols.errors import DecodeError
from protocols.limits import GOSSIP_FRAME, MAX_ENTRY
from tests.strategies import byte_strings, hashes

numbers = st.integers(0, 2**53 - 1)
sent = (
    st.builds(recovery.HeadMessage, byte_strings(16), numbers)
    | st.builds(recovery.Ask, byte_strings(16), hashes, numbers)
    | st.builds(recovery.Entries, byte_strings(16), hashes, st.lists(st.binary(max_size=90), max_size=5).map(tuple))
)


@given(sent)
def test_what_is_said_is_understood(message: recovery.Message) -> None:
    assert recovery.parse_message(recovery.encode_message(message)) == message


@pytest.mark.parametrize(
    "said",
    [
        ["head", bytes(15), 1],
        ["head", bytes(16), -1],
        ["head", bytes(16), True],
        ["ask", bytes(16), bytes(31), 0],
        ["ask", bytes(16), bytes(32), "0"],
        ["entries", bytes(16), bytes(32), [1]],
        ["entries", bytes(16), bytes(32), [bytes(MAX_ENTRY + 1)]],
        ["entries", bytes(16), bytes(32), [b""] * (recovery.MAX_SENT + 1)],
        ["other", bytes(16)],
        [],
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_refused(said: list[object]) -> None:
    with pytest.raises(DecodeError):
        recovery.parse_message(encode(said))


@given(st.lists(st.integers(0, MAX_ENTRY).map(bytes), max_size=300))
def test_a_frame_takes_what_fits(full: list[bytes]) -> None:
    taken = recovery.fill(full)
    assert list(taken) == full[: len(taken)] and (taken or not full)
    assert len(recovery.encode_message(recovery.Entries(bytes(16), bytes(32), taken))) <= GOSSIP_FRAME
