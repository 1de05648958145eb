"""Makes a photo of a picture, as a process of its own: python -m p2pnode.photos.scaling, a file as standard input.

So that a picture that is made to hurt has neither the node's memory nor its time, and the decoders are loaded nowhere
else. The photo goes to standard output (protocols.photo); else the exit status is 3, and a word of `WHY` on the other.
"""

import io
import os
import resource
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from p2pnode.photo_bounds import MAX_PICTURE, MAX_PICTURE_PIXELS, PICTURE_MEMORY, PICTURE_WITHIN
from protocols.errors import Reject
from protocols.limits import MAX_PHOTO, MAX_PHOTO_SIDE
from protocols.photo import check_photo

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP")
WHY: Final = ("heic", "unknown", "large", "damaged")
_HEIF: Final = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
_QUALITIES: Final = (86, 78, 70, 60, 50)
_SHRINK: Final = 0.8  # of a side, where no quality is small enough


class Unusable(Exception):
    """A word of `WHY`."""


def main() -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (PICTURE_MEMORY, PICTURE_MEMORY))
    seconds = int(PICTURE_WITHIN)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        photo = scaled(sys.stdin.buffer.read(MAX_PICTURE + 1))
    except Unusable as e:
        sys.stderr.write(str(e))
        sys.exit(3)
    sys.stdout.buffer.write(photo)


def scaled(picture: bytes) -> bytes:
    """The photo that comes of a JPEG, PNG or WebP: upright, at most `MAX_PHOTO_SIDE` wide and high, `MAX_PHOTO` bytes,
    and nothing in it but its pixels. `Unusable`."""
    if len(picture) > MAX_PICTURE:
        raise Unusable("large")
    if picture[4:8] == b"ftyp" and picture[8:12] in _HEIF:
        raise Unusable("heic")
    try:
        photo = _encoded(_opened(picture))
        check_photo(photo)
    except Unusable:
        raise
    except MemoryError as e:
        raise Unusable("large") from e
    except Reject as e:
        raise Unusable("damaged") from e
    except Exception as e:  # whatever a decoder raises of what it cannot read
        raise Unusable("damaged") from e
    return photo


def _opened(picture: bytes) -> "Image":
    """Upright, small enough, in red, green and blue."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # bounded here
    try:
        image: Image.Image = Image.open(io.BytesIO(picture), formats=FORMATS)
    except UnidentifiedImageError as e:
        raise Unusable("unknown") from e
    if image.width * image.height > MAX_PICTURE_PIXELS:
        raise Unusable("large")
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    elif image.mode in ("P", "PA", "LA", "1"):
        image = image.convert("RGBA")
    image.thumbnail((MAX_PHOTO_SIDE, MAX_PHOTO_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    image = _on_white(image) if "A" in image.getbands() else image
    return _in_srgb(image, profile) if profile else image.convert("RGB")


def _on_white(image: "Image") -> "Image":
    from PIL import Image

    ground = Image.new("RGB", image.size, (255, 255, 255))
    ground.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return ground


def _in_srgb(image: "Image", profile: bytes) -> "Image":
    """Colours as every screen takes them: the photo will not say what they are."""
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        wanted = ImageCms.createProfile("sRGB")
        found = ImageCms.profileToProfile(image, space, wanted, outputMode="RGB")
        if found is not None:
            return found
    return image.convert("RGB")


def _encoded(image: "Image") -> bytes:
    from PIL import Image

    while True:
        plain = Image.new("RGB", image.size)  # without all that was noted beside the pixels
        plain.paste(image)
        for quality in _QUALITIES:
            out = io.BytesIO()
            plain.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MAX_PHOTO:
                return out.getvalue()
        smaller = (max(1, int(image.width * _SHRINK)), max(1, int(image.height * _SHRINK)))
        image = plain.resize(smaller, Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
