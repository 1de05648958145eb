"""How deep a TOML text goes, looked at before it is parsed.

The parser of the standard library takes time with the square of a dotted key's length: `a.a.a.…` of 16 KB a second and
more. What does not go deep takes time with its length alone.
"""

import re
from typing import Final

# Each branch also takes what is not closed, so that no character is looked at twice.
_QUIET: Final = re.compile(
    r'"""(?:[^\\]|\\.?)*?(?:"""|\Z)'
    r"|'''.*?(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\[^\n]?)*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*",
    re.DOTALL,
)
_KEY_END: Final = re.compile(r"[=,\[\]{}\r\n]")


def toml_depth(text: str) -> int:
    """The most dots in one key, or brackets inside one another, whichever is more. Strings and comments count for
    nothing. In time with the length of the text, whether or not it is TOML."""
    bare = _QUIET.sub("_", text)
    deepest = depth = 0
    for sign in bare:
        if sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth = max(0, depth - 1)
    return max(deepest, *(part.count(".") for part in _KEY_END.split(bare)))
