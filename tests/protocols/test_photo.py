"""What a photo may be: pixels, and nothing beside them."""

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from protocols.errors import Reject
from protocols.limits import MAX_PHOTO, MAX_PHOTO_SCANS, MAX_PHOTO_SIDE
from protocols.photo import Size, check_photo


def jpeg(width: int = 40, height: int = 30, mode: str = "RGB", **how: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(out, "JPEG", **how)
    return out.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


PHOTO = jpeg()
REST = PHOTO[20:]  # after the start and JFIF's segment


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(1, 1), (40, 30), (MAX_PHOTO_SIDE, MAX_PHOTO_SIDE)])
def test_a_plain_picture_is_a_photo_of_its_size(mode: str, size: tuple[int, int]) -> None:
    assert check_photo(jpeg(*size, mode)) == Size(*size)


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("wider than it may be", jpeg(MAX_PHOTO_SIDE + 1, 10)),
        ("higher than it may be", jpeg(10, MAX_PHOTO_SIDE + 1)),
        ("progressive", jpeg(progressive=True)),
        ("ink", jpeg(mode="CMYK")),
        ("says where it was taken", jpeg(exif=b"Exif\0\0" + bytes(20))),
        ("a comment", jpeg(comment=b"Main Street 4")),
        ("a colour profile", jpeg(icc_profile=bytes(200))),
        ("a comment after the picture", PHOTO[:-2] + segment(0xFE, b"Main Street 4") + PHOTO[-2:]),
        ("JFIF twice", PHOTO[:20] * 2 + REST),
        ("a thumbnail", PHOTO[:2] + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\1abc") + REST),
        ("bytes after the end", PHOTO + b"\0"),
        ("no end", PHOTO[:-2]),
        ("no picture", PHOTO[:20] + PHOTO[-2:]),
        ("two frames", PHOTO[:20] + segment(0xC0, bytes([8, 0, 1, 0, 1, 1, 1, 17, 0])) + REST),
        ("many scans", PHOTO[:-2] + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) * MAX_PHOTO_SCANS + PHOTO[-2:]),
        ("a PNG", b"\x89PNG\r\n\x1a\n" + bytes(40)),
        ("nothing", b""),
    ],
)
def test_whatever_says_more_than_pixels_is_none(why: str, data: bytes) -> None:
    with pytest.raises(Reject) as refused:
        check_photo(data)
    assert refused.value.code == "field"


def test_it_has_so_many_bytes_at_most() -> None:
    longest = PHOTO[:-2] + bytes(MAX_PHOTO - len(PHOTO)) + PHOTO[-2:]
    check_photo(longest)
    with pytest.raises(Reject) as refused:
        check_photo(longest[:-2] + b"\0" + longest[-2:])
    assert refused.value.code == "size"


@given(st.integers(0, len(PHOTO)), st.binary(max_size=8), st.integers(0, 8))
def test_any_bytes_are_a_photo_or_refused(at: int, put: bytes, over: int) -> None:
    with contextlib.suppress(Reject):
        check_photo(PHOTO[:at] + put + PHOTO[at + over :])
