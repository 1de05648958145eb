"""A queue of bytes in pieces is a queue of bytes."""

from hypothesis import given
from hypothesis import strategies as st

from p2pnode.net.pieces import PIECE, Pieces


@given(st.lists(st.one_of(st.binary(max_size=3 * PIECE), st.integers(0, 3 * PIECE)), max_size=20))
def test_what_was_added_is_taken_in_order(steps: list[bytes | int]) -> None:
    pieces, plain = Pieces(), bytearray()
    for step in steps:
        if isinstance(step, bytes):
            pieces.add(step)
            plain += step
        else:
            assert pieces.take(step) == bytes(plain[:step])
            del plain[:step]
        assert len(pieces) == len(plain)
    assert pieces.take(len(plain)) == bytes(plain)


def test_one_byte_at_a_time_makes_few_pieces() -> None:
    pieces = Pieces()
    for _ in range(2 * PIECE):
        pieces.add(b"x")
    assert len(pieces._pieces) == 2


def test_nothing_is_left_when_it_is_cleared() -> None:
    pieces = Pieces()
    pieces.add(bytes(PIECE + 1))
    pieces.clear()
    assert len(pieces) == 0 and pieces.take(1) == b""
