"""Paths of this page and of nobody else, wherever one comes from outside. Pure."""

import re
from typing import Final

_OWN: Final = re.compile(r"/(?!/)[A-Za-z0-9._~/?&=%+:@,;!$'()*{}-]{0,2000}")


def own(path: str) -> str:
    """A path (with a query) of this page; `/` for whatever may lead elsewhere."""
    return path if _OWN.fullmatch(path) else "/"
