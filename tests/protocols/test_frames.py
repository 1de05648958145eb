"""Frames: however the stream is cut, the same frames come out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError
from protocols.frames import FrameReader, frame
from protocols.limits import MAX_FRAME


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=10), st.lists(st.integers(0, 3000), max_size=10))
def test_any_cutting_gives_the_same_frames(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, frames))
    reader, out = FrameReader(), []
    bounds = sorted({0, len(stream), *(c for c in cuts if c < len(stream))})
    for start, end in pairwise(bounds):
        out += reader.feed(stream[start:end])
    assert out == frames
    assert reader.pending == 0


def test_byte_by_byte() -> None:
    reader, out = FrameReader(), []
    for byte in frame(bytes(200)) + frame(b"x"):
        out += reader.feed(bytes([byte]))
    assert out == [bytes(200), b"x"]


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    reader = FrameReader(limit=100)
    try:
        frames = reader.feed(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            reader.feed(b"\x01a")
        assert reader.pending == 0
        return
    assert all(1 <= len(f) <= 100 for f in frames)
    assert reader.pending <= 101
    assert b"".join(map(frame, frames)) == data[: len(data) - reader.pending]


def test_bounds() -> None:
    assert FrameReader().feed(frame(bytes(MAX_FRAME))) == [bytes(MAX_FRAME)]
    for size in (0, MAX_FRAME + 1):
        with pytest.raises(ValueError):
            frame(bytes(size))
    with pytest.raises(DecodeError) as e:
        FrameReader(limit=10).feed(b"\x0b")
    assert e.value.code == "size"
