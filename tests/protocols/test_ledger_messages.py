"""Messages of the ledger protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import encode
from protocols.errors import DecodeError
from protocols.ledger_messages import Hidden, Show, Shown, encode_message, parse_message
from protocols.limits import MAX_INT, MAX_SHOWN

NET = b"n" * 16
counts = st.integers(0, MAX_INT)


@given(
    st.one_of(
        st.builds(Show, st.just(NET), counts),
        st.builds(Shown, st.just(NET), counts, counts, st.lists(st.binary(max_size=20), max_size=5).map(tuple)),
        st.builds(Hidden, st.just(NET), st.just("refused"), st.text("abc ", min_size=1, max_size=9).map(str.strip)),
    )
)
def test_there_and_back(message):
    if isinstance(message, Hidden) and not message.text:
        return
    assert parse_message(encode_message(message)) == message


@pytest.mark.parametrize(
    "value",
    [
        [],
        ["show"],
        ["show", NET],
        ["show", NET, -1],
        ["show", NET, True],
        ["show", NET[:15], 0],
        ["show", NET, 0, 0],
        ["shown", NET, 0, 0],
        ["shown", NET, 0, -1, []],
        ["shown", NET, False, 1, []],
        ["shown", NET, 0, 1, [1]],
        ["shown", NET, 0, 1, ["text"]],
        ["shown", NET, 0, MAX_SHOWN + 1, [b""] * (MAX_SHOWN + 1)],
        ["hidden", NET, "Refused", "x"],
        ["hidden", NET, "refused", 1],
        ["other", NET, 0],
    ],
)
def test_what_is_no_message(value):
    with pytest.raises(DecodeError):
        parse_message(encode(value))
