"""Photos on the page: which are here to be shown, and pictures that come with a form."""

import tempfile
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from p2pnode.commands import Args
from p2pnode.core.picturing import is_hash
from p2pnode.photo_arguments import AddPhoto
from protocols.errors import Refusal
from protocols.photo import MEDIA_TYPE, check_photo

from .forms import Malformed
from .languages import N_
from .multipart import File
from .view import File as Picture
from .view import Visit

FIELD: Final = "photos"
LOOKED_FOR: Final = 256  # at a time
# What the node says of a file that is no picture to it (p2pnode.photos.making), without its name.
WRONG: Final = (
    N_("A photo is a HEIC or AVIF picture, which cannot be read here"),
    N_("A photo is no picture that can be read here"),
    N_("A photo cannot be read: it is damaged, or no whole picture"),
    N_("A photo is too large: 32 MB and 64 million pixels at most"),
)
HINTS: Final = (
    N_("Save or export it as JPEG, and take that."),
    N_("JPEG, PNG and WebP can be."),
    N_("Open it, save it again as JPEG, and take that."),
    N_("Save it smaller, and take that."),
)


async def here(visit: Visit, rows: Iterable[Mapping[str, Any]], all_of_them: bool = False) -> frozenset[str]:
    """Of the first photos of these listings, or of all, those that can be shown; the node asks for the others."""
    photos = dict.fromkeys(p for row in rows for p in (row.get(FIELD) or ())[: None if all_of_them else 1])
    if not photos:
        return frozenset()
    return frozenset((await visit.ask("photo.here", photos=[*photos][:LOOKED_FOR]))["here"])


def picture(answer: Mapping[str, Any]) -> Picture:
    """What `photo.get` answered, as a browser is given it. `Reject` for what is no photo."""
    data = b64decode(answer["base64"])
    check_photo(data)
    return Picture(data, MEDIA_TYPE)


async def written(
    stack: ExitStack, files: Sequence[File], call: Callable[[str, Args], Awaitable[Any]], fields: list[tuple[str, str]]
) -> None:
    """Add the files of a form to its fields: of `photos` the hashes of what the node made of them, of a field named
    `NAME:hash` the hash of the file, of others its path, in a folder that lasts as long as the stack. `Malformed`."""
    fields[:] = [(name, text) for name, text in fields if name != FIELD or is_hash(text)]  # never a path
    if not files:
        return
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="p2pnode-")))
    for number, file in enumerate(files):
        if file.field.endswith(":hash"):
            fields.append((file.field.removesuffix(":hash"), blake2b(file.data, digest_size=32).hexdigest()))
            continue
        path = folder / f"{number}{file.suffix}"
        path.write_bytes(file.data)
        fields.append((file.field, await _photo(path, call) if file.field == FIELD else str(path)))


async def _photo(path: Path, call: Callable[[str, Args], Awaitable[Any]]) -> str:
    try:
        made: str = (await call("photo.add", AddPhoto(file=str(path))))["photo"]
    except Refusal as e:
        raise Malformed(e.message.replace(path.name, "A photo", 1), FIELD, e.hint) from e
    return made
