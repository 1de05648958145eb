"""Forms with files: multipart/form-data (RFC 7578) as browsers write it, and nothing beyond. Pure."""

import re
from typing import NamedTuple

from p2pnode.bounds import MAX_FORM_FIELDS

_NAMED = re.compile(
    rb'content-disposition: form-data; name="([^"\r\n]{1,100})"(?:; filename="([^"\r\n]{0,255})")?\r\n', re.IGNORECASE
)
_SUFFIX = re.compile(r".*(\.[A-Za-z0-9]{1,5})", re.DOTALL)


class File(NamedTuple):
    """field: of the form. suffix: of its name, as `.jpg`; nothing else of it is kept."""

    field: str
    suffix: str
    data: bytes


def parse_multipart(body: bytes, boundary: str) -> tuple[list[tuple[str, str]], list[File]]:
    """Fields and files; a file field that nothing was chosen for is left out. `ValueError` for what is no form."""
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if first or not parts or parts.pop() not in (b"--", b"--\r\n") or len(parts) > MAX_FORM_FIELDS:
        raise ValueError("not a form")
    fields: list[tuple[str, str]] = []
    files: list[File] = []
    for part in parts:
        head, end, data = part.partition(b"\r\n\r\n")
        named = _NAMED.search(head + b"\r\n")
        if not end or not part.startswith(b"\r\n") or named is None:
            raise ValueError("a part of the form has no name")
        name = named[1].decode()
        if named[2] is None:
            fields.append((name, data.decode()))
        elif named[2] or data:
            suffix = _SUFFIX.fullmatch(named[2].decode())
            files.append(File(name, suffix[1].lower() if suffix else "", data))
    return fields, files
