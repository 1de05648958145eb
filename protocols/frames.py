"""Frames on a stream: an unsigned varint of the length, then that many bytes (libp2p's unsigned-varint convention).

The varint takes its shortest form. A frame holds 1 to `MAX_FRAME` bytes.
"""

from protocols.errors import DecodeError
from protocols.limits import MAX_FRAME


def frame(data: bytes) -> bytes:
    """The bytes to write for one frame. `ValueError` if it is empty or too long."""
    if not 1 <= len(data) <= MAX_FRAME:
        raise ValueError(f"a frame of {len(data)} bytes, at most {MAX_FRAME}")
    return _varint(len(data)) + data


class FrameReader:
    """Cuts a stream into frames; holds at most one unfinished frame.

    limit: the longest frame accepted, bytes. After a `DecodeError` the stream is lost: every further `feed` raises.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._width = len(_varint(limit))
        self._buffer = bytearray()
        self._failed = False

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete now, in order."""
        if self._failed:
            raise DecodeError("the stream is lost")
        self._buffer += data
        frames: list[bytes] = []
        at = 0
        try:
            while (head := self._length(at)) is not None:
                start, end = head
                if end > len(self._buffer):
                    break
                frames.append(bytes(self._buffer[start:end]))
                at = end
        except DecodeError:
            self._failed = True
            self._buffer.clear()
            raise
        del self._buffer[:at]
        return frames

    @property
    def pending(self) -> int:
        """Bytes held of a frame that is not complete."""
        return len(self._buffer)

    def _length(self, at: int) -> tuple[int, int] | None:
        """Where the frame whose length stands at `at` starts and ends; None while its length is not complete."""
        value = 0
        for i in range(self._width):
            if at + i >= len(self._buffer):
                return None
            byte = self._buffer[at + i]
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if i > 0 and byte == 0:
                    raise DecodeError("the length is not in its shortest form")
                if not 1 <= value <= self._limit:
                    raise DecodeError(f"a frame of {value} bytes, at most {self._limit}", "size")
                start = at + i + 1
                return start, start + value
        raise DecodeError(f"a frame of more than {self._limit} bytes", "size")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
