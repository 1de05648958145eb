"""The messages of the exchange and join protocols."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import exchange_messages as exchange
from protocols import join_messages as join
from protocols.codec import encode
from protocols.errors import DecodeError
from tests.strategies import byte_strings, hashes, texts

short = st.binary(max_size=300)
codes = st.sampled_from(["refused", "not_found"])
exchanges = (
    st.builds(exchange.FactMessage, short)
    | st.builds(exchange.EntryMessage, byte_strings(16), short)
    | st.builds(exchange.ReturnVouch, byte_strings(16), hashes)
    | st.builds(exchange.Ack, hashes)
    | st.builds(exchange.Refuse, hashes, codes, texts(200))
    | st.builds(exchange.TokenMessage, byte_strings(16), short)
)
joins = (
    st.builds(join.Join, byte_strings(16) | st.just(b""), short, short, byte_strings(64) | st.just(b""))
    | st.builds(join.Welcome, short, byte_strings(64) | st.just(b""), short)
    | st.builds(join.Refused, codes, texts(200))
)


@given(exchanges)
def test_exchange_messages_round_trip(message):
    assert exchange.parse_message(exchange.encode_message(message)) == message


@given(joins)
def test_join_messages_round_trip(message):
    assert join.parse_message(join.encode_message(message)) == message


@given(exchanges | joins, st.data())
def test_cut_short(message, data):
    protocol = exchange if type(message) in exchange._TAGS else join
    frame = protocol.encode_message(message)
    with pytest.raises(DecodeError):
        protocol.parse_message(frame[: data.draw(st.integers(0, len(frame) - 1))])


@given(st.binary(max_size=200))
def test_any_bytes(data):
    for protocol in (exchange, join):
        with suppress(DecodeError):
            assert protocol.encode_message(protocol.parse_message(data)) == data


@pytest.mark.parametrize(
    "value",
    [
        [],
        "ack",
        ["ack"],
        ["ack", bytes(31)],
        ["ack", bytes(32), 1],
        ["entry", bytes(15), b""],
        ["return", bytes(16), bytes(33)],
        ["fact", "text"],
        ["nonsense", bytes(32)],
        ["refuse", bytes(32), "refused", "\x1b[2J"],
        ["refuse", bytes(32), "refused", "\u202e"],
        ["refuse", bytes(32), "refused", "x" * 1_001],
        ["refuse", bytes(32), "re fused", ""],
        ["refuse", bytes(32), "", ""],
    ],
    ids=str,
)
def test_what_is_no_message_of_an_exchange(value):
    with pytest.raises(DecodeError):
        exchange.parse_message(encode(value))


@pytest.mark.parametrize(
    "value",
    [
        ["join", bytes(15), b"", b"", b""],
        ["join", b"", b"", b"", bytes(63)],
        ["join", b"", b"", b""],
        ["welcome", b"", bytes(1), b""],
        ["refused", "refused", "\x07"],
        ["refused", "REFUSED", "no"],
        {"join": 1},
    ],
    ids=str,
)
def test_what_is_no_message_of_joining(value):
    with pytest.raises(DecodeError):
        join.parse_message(encode(value))
