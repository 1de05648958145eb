"""What becomes of the pictures that our user names."""

import io
from pathlib import Path

import pytest
from PIL import Image

from p2pnode.photos import making
from p2pnode.photos.making import Making
from p2pnode.photos.scaling import Unusable, scaled
from protocols.errors import Refusal
from protocols.limits import MAX_PHOTO, MAX_PHOTO_SIDE
from protocols.photo import check_photo


def picture(kind: str, size: tuple[int, int] = (400, 300), mode: str = "RGB", **how: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **how)
    return out.getvalue()


def shown(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"), ("PNG", "LA"),
     ("PNG", "I;16"), ("WEBP", "RGBA")],
)  # fmt: skip
def test_pictures_of_all_modes_become_photos(kind: str, mode: str) -> None:
    assert check_photo(scaled(picture(kind, mode=mode))) == (400, 300)


def test_16_bits_of_grey_keep_their_shades() -> None:
    image = Image.new("I;16", (40, 30), 0x8000)
    out = io.BytesIO()
    image.save(out, "PNG")
    assert abs(shown(scaled(out.getvalue())).convert("L").getpixel((5, 5)) - 0x80) < 3  # type: ignore[operator]


def test_what_is_seen_through_is_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(out, "PNG")
    assert min(shown(scaled(out.getvalue())).getpixel((9, 9))) > 250  # type: ignore[type-var,arg-type]


def test_nothing_but_the_pixels_is_left() -> None:
    exif = Image.Exif()
    exif[0x010E] = "Main Street 4"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)  # latitude
    told = picture("JPEG", exif=exif.tobytes(), comment=b"Main Street 4")
    assert b"Main Street" in told and b"Exif" in told
    photo = scaled(told)
    assert b"Main Street" not in photo and b"Exif" not in photo and not shown(photo).getexif()


def test_a_picture_that_lies_on_its_side_is_put_up() -> None:
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter, clockwise
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif.tobytes())
    upright = shown(scaled(out.getvalue()))
    assert upright.size == (200, 400)
    top, bottom = (upright.getpixel((100, y)) for y in (50, 350))
    assert top[2] > 200 > bottom[2] and bottom[0] > 200 > top[0]  # type: ignore[index]


def test_a_large_or_restless_picture_is_made_small() -> None:
    assert check_photo(scaled(picture("JPEG", (4000, 3000)))) == (MAX_PHOTO_SIDE, 960)
    noise = Image.effect_noise((2000, 2000), 200).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=95)
    photo = scaled(out.getvalue())
    assert len(photo) <= MAX_PHOTO and max(check_photo(photo)) > 500


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("heic", b"\0\0\0\x18ftypheic" + bytes(80)),
        ("heic", b"\0\0\0\x18ftypavif" + bytes(80)),
        ("unknown", b"GIF89a" + bytes(80)),
        ("unknown", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("unknown", b""),
        ("damaged", picture("JPEG")[:2000]),
        ("large", picture("PNG", (9000, 9000), "1")),
    ],
)
def test_what_cannot_be_one_is_said(why: str, data: bytes) -> None:
    with pytest.raises(Unusable) as unusable:
        scaled(data)
    assert str(unusable.value) == why


async def test_it_is_made_apart_and_refusals_name_the_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "bike.png", tmp_path / "bike.heic"
    good.write_bytes(picture("PNG"))
    bad.write_bytes(b"\0\0\0\x18ftypheic" + bytes(80))
    assert check_photo(await Making().photo_of(good)) == (400, 300)
    for path, said in ((bad, "bike.heic is a HEIC"), (tmp_path / "none.jpg", "none.jpg cannot be read"),
                       (tmp_path, "is no file"), (Path("/dev/zero"), "is no file")):  # fmt: skip
        with pytest.raises(Refusal, match=said):
            await Making().photo_of(path)


async def test_a_process_that_takes_too_long_or_too_much_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = tmp_path / "bike.png"
    good.write_bytes(picture("PNG"))
    monkeypatch.setattr(making, "PICTURE_WITHIN", 0.0)
    with pytest.raises(Refusal, match="too large"):
        await Making().photo_of(good)
