"""One value, one encoding."""

from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import convert, decode, decode_as, encode, encode_flat, plain
from protocols.errors import DecodeError
from protocols.limits import MAX_CONTAINER, MAX_INT
from tests.strategies import values


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    data: bytes
    pairs: tuple[tuple[bytes, int], ...] = ()
    flag: bool = False


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    number: int = 1000
    word: str = "item"
    inner: Sample | None = None
    items: list[int] = msgspec.field(default_factory=list)


def accepted(data: bytes) -> bool:
    try:
        decode(data)
    except DecodeError:
        return False
    return True


@given(values)
def test_round_trip(value: Any) -> None:
    assert decode(encode(value)) == value


_scalars = st.one_of(
    st.binary(max_size=300), st.text(max_size=300), st.integers(-MAX_INT, MAX_INT), st.booleans(), st.none()
)


@given(st.lists(st.one_of(_scalars, st.lists(_scalars, max_size=20)), max_size=20))
def test_the_short_way_to_encode_an_array_is_the_canonical_one(value: list[Any]) -> None:
    assert encode_flat(value) == encode_flat(tuple(value)) == encode(value)


@given(values)
def test_truncated_at_every_length(value: Any) -> None:
    data = encode(value)
    for n in range(min(len(data), 400)):
        assert not accepted(data[:n])
    assert not accepted(data + b"\xc0")


@given(values, st.integers(0, 10**6))
def test_a_flipped_bit_is_another_value(value: Any, at: int) -> None:
    data = bytearray(encode(value))
    data[at // 8 % len(data)] ^= 1 << at % 8
    try:
        other = decode(bytes(data))
    except DecodeError:
        return
    assert encode(other) == bytes(data) != encode(value)


@given(st.binary(max_size=60))
def test_whatever_is_accepted_is_what_encode_makes(data: bytes) -> None:
    try:
        value = decode(data)
    except DecodeError:
        return
    assert encode(value) == data


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 5), min_size=2, max_size=6))
def test_only_one_order_of_keys(value: dict[str, int]) -> None:
    data = encode(value)
    for order in (sorted(value), sorted(value, reverse=True), list(value)):
        packed = msgpack.packb({k: value[k] for k in order})
        assert accepted(packed) == (packed == data)


@pytest.mark.parametrize(
    "value",
    [1.0, MAX_INT + 1, -MAX_INT - 1, {1: 2}, {b"a": 1}, object(), {1, 2}, "\ud800", {"\ud800": 1}, bytearray(b"a")],
    ids=lambda value: ascii(value) if type(value) is not object else "object",
)
def test_what_cannot_be_encoded(value: Any) -> None:
    with pytest.raises(ValueError):
        encode(value)


def test_what_cannot_be_decoded_is_not_encoded() -> None:
    for value in ([None] * (MAX_CONTAINER + 1), {f"{i}": i for i in range(MAX_CONTAINER + 1)}):
        with pytest.raises(ValueError):
            encode(value)
    assert decode(encode([None] * MAX_CONTAINER))


def test_text_is_not_taken_for_base64() -> None:
    with pytest.raises(DecodeError, match=r"data"):
        convert({"data": "YWI="}, Sample)


def test_a_default_written_out_is_refused() -> None:
    assert decode_as(encode({"data": b"a"}), Sample) == Sample(b"a")
    assert decode_as(encode({"data": b"a", "pairs": [[b"b", 1]]}), Sample) == Sample(b"a", ((b"b", 1),))
    written_out: list[dict[str, Any]] = [{"flag": False}, {"pairs": []}]
    for more in written_out:
        with pytest.raises(DecodeError) as e:
            decode_as(encode({"data": b"a"} | more), Sample)
        assert e.value.code == "field"


def test_what_equals_its_default_is_left_out() -> None:
    """Whether or not it is the same object as the default."""
    long_ago = int("1000")
    word = "".join(["it", "em"])
    assert plain(Defaults(long_ago, word, Sample(b"a"), [])) == {"inner": {"data": b"a"}}
    assert plain(Defaults(1, word, Sample(b"a"), [2])) == {"number": 1, "inner": {"data": b"a"}, "items": [2]}
    data = encode({"number": 1000, "inner": {"data": b"a"}})
    with pytest.raises(DecodeError):
        decode_as(data, Defaults)


def test_an_integer_is_no_bool_and_a_bool_no_integer() -> None:
    for value in ({"data": b"a", "flag": 1}, {"data": b"a", "pairs": [[b"b", True]]}):
        with pytest.raises(DecodeError):
            decode_as(encode(value), Sample)


def test_a_bomb_is_refused_quickly() -> None:
    for bomb in (
        b"\x91" * 65_536,
        b"\x81\xa1a" * 20_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff" + bytes(100),
    ):
        assert not accepted(bomb)
