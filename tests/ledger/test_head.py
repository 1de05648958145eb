import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.head import (
    FILE_BYTES,
    SLOT_BYTES,
    Head,
    decode_slot,
    encode_slot,
    missing_after,
    new_file,
    newest,
    slot_offset,
)
from protocols.errors import DecodeError

NET = b"n" * 16


def put(file: bytes, head: Head, generation: int) -> bytes:
    at, slot = slot_offset(generation), encode_slot(head, generation)
    return file[:at] + slot + file[at + len(slot) :]


def test_a_new_file_says_that_nothing_was_written() -> None:
    file = new_file(NET)
    assert len(file) == FILE_BYTES
    assert newest(file, NET).head == Head(NET, 0, bytes(32))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**53), st.binary(min_size=32, max_size=32), st.integers(0, 2**53))
def test_a_slot_is_what_was_put_in(count: int, last: bytes, generation: int) -> None:
    slot = encode_slot(Head(NET, count, last), generation)
    assert len(slot) == SLOT_BYTES
    assert decode_slot(slot) == (Head(NET, count, last), generation)


@pytest.mark.parametrize("generation", [5, 6])
def test_a_write_torn_at_any_byte_leaves_the_head_before_or_the_new_one(generation: int) -> None:
    before, after = Head(NET, 7, b"b" * 32), Head(NET, 8, b"a" * 32)
    file = put(put(new_file(NET), Head(NET, 6, b"o" * 32), generation - 2), before, generation - 1)
    done = put(file, after, generation)
    at = slot_offset(generation)
    for cut in range(SLOT_BYTES):
        torn = done[: at + cut] + file[at + cut :]
        assert newest(torn, NET).head in (before, after)
        zeroed = done[: at + cut] + bytes(SLOT_BYTES - cut) + file[at + SLOT_BYTES :]
        assert newest(zeroed, NET).head == before
    assert newest(done, NET).head == after


def test_every_changed_bit_of_a_slot_is_seen() -> None:
    slot = encode_slot(Head(NET, 3, b"x" * 32), 9)
    for bit in range(len(slot) * 8):
        bad = bytearray(slot)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecodeError):
            decode_slot(bytes(bad))


def test_damage_of_both_slots_and_another_network_are_refused() -> None:
    file = put(new_file(NET), Head(NET, 1, b"1" * 32), 1)
    for bad in (b"", bytes(FILE_BYTES), file[:50]):
        with pytest.raises(DecodeError):
            newest(bad, NET)
    with pytest.raises(DecodeError):
        newest(file, b"o" * 16)


def test_a_slot_in_the_wrong_place_does_not_count() -> None:
    file = bytearray(new_file(NET))
    stray = encode_slot(Head(NET, 9, b"9" * 32), 4)
    file[4096 : 4096 + len(stray)] = stray  # generation 4 belongs into slot 0
    assert newest(bytes(file), NET).head.count == 0


def test_what_is_missing_is_named() -> None:
    ids = [bytes([i]) * 32 for i in range(5)]

    def id_at(seq: int) -> bytes | None:
        return ids[seq] if seq < len(ids) else None

    def missing(head: Head | None, count: int) -> list[int]:
        return list(missing_after(head, count, id_at))

    assert missing(Head(NET, 5, ids[4]), 5) == []
    assert missing(Head(NET, 3, ids[2]), 5) == []  # a crash between batch and head slot
    assert missing(Head(NET, 7, b"6" * 32), 5) == [5, 6]
    assert missing(Head(NET, 5, b"?" * 32), 5) == [0, 1, 2, 3, 4]
    assert missing(None, 5) == [0, 1, 2, 3, 4]
    assert missing(None, 0) == missing(Head(NET, 0), 0) == []
