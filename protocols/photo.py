"""What a photo of a listing is: a small baseline JPEG (ITU-T T.81) that says nothing but its pixels.

    FFD8  segment…  FFD9

Segments: JFIF's APP0 once, first (16 bytes, no thumbnail); DQT, DHT, DRI; SOF0 once; SOS, each with its data. Nothing
else, so that neither a place nor a name, nor a picture within the picture, can travel in it unseen. Pure.
"""

import re
from typing import Final, NamedTuple

from .errors import Reject
from .limits import MAX_PHOTO, MAX_PHOTO_SCANS, MAX_PHOTO_SIDE

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_JFIF: Final = re.compile(rb"JFIF\0.{7}\0\0", re.DOTALL)  # version, unit, density; a thumbnail of 0 × 0
_APP0, _SOF0, _DHT, _SOS, _DQT, _DRI = 0xE0, 0xC0, 0xC4, 0xDA, 0xDB, 0xDD
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)  # in the data of a scan: what ends it
MEDIA_TYPE: Final = "image/jpeg"


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def check_photo(data: bytes) -> Size:
    """How large the photo in these bytes is. `Reject` for anything else. The pixels themselves are not looked at."""
    if len(data) > MAX_PHOTO:
        raise Reject("size", f"a photo of more than {MAX_PHOTO} bytes")
    if data[:2] != _SOI:
        raise _no("no JPEG")
    at, size, scans = 2, None, 0
    while data[at : at + 2] != _EOI:
        marker, body, at = _segment(data, at)
        if marker == _APP0 and at == 20 and _JFIF.fullmatch(body):
            continue
        if marker == _SOF0 and size is None:
            size = _frame(body)
        elif marker == _SOS and size is not None and scans < MAX_PHOTO_SCANS:
            scans += 1
            end = _MARKER.search(data, at)
            at = len(data) if end is None else end.start()
        elif marker not in (_DHT, _DQT, _DRI):
            raise _no(f"segment {marker:02x} where none may be")
    if size is None or not scans:
        raise _no("no picture in it")
    if at + 2 != len(data):
        raise _no("bytes after the end")
    return size


def _segment(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Marker, contents, and where the next one begins."""
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    after = at + 2 + length
    if data[at : at + 1] != b"\xff" or length < 2 or after > len(data):
        raise _no("it ends in the middle")
    return data[at + 1], data[at + 4 : after], after


def _frame(body: bytes) -> Size:
    """precision 1, height 2, width 2, components 1, and 3 for each of these."""
    if len(body) < 6 or body[0] != 8 or body[5] not in (1, 3) or len(body) != 6 + 3 * body[5]:
        raise _no("neither grey nor of three colours")
    size = Size(int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
    if not (1 <= size.width <= MAX_PHOTO_SIDE and 1 <= size.height <= MAX_PHOTO_SIDE):
        raise _no("too wide or too high")
    return size


def _no(why: str) -> Reject:
    return Reject("field", f"photo: {why}")
