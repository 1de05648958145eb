"""The commands about photos of listings."""

from typing import Annotated

from msgspec import Meta

from .arguments import Args, Hash, Path


class AddPhoto(Args, frozen=True):
    """file: absolute path of a picture that the node reads (JPEG, PNG or WebP). The answer's `photo` is what
    `listing.publish` and `listing.edit` take in place of a path."""

    file: Path


class LookForPhotos(Args, frozen=True):
    """photos: as listings name them."""

    photos: Annotated[tuple[Hash, ...], Meta(max_length=256)]


class GetPhoto(Args, frozen=True):
    """photo: as a listing names it. wait: ms, for one that is not here and is asked for now."""

    photo: Hash
    wait: Annotated[int, Meta(ge=0, le=60_000)] = 0


# Rows of the table of commands: name, arguments, whether it writes, summary.
PHOTOS: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("photo.add", AddPhoto, False, "Make a photo of a picture, to be named in a listing"),
    ("photo.here", LookForPhotos, False, "Which photos are here; the others are asked for"),
    ("photo.get", GetPhoto, False, "One photo"),
)
