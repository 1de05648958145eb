"""What may be told of a node to somebody who helps, and to whoever reads along. Pure.

Of what stands in the log only that is told which the program itself has written: the sentence, as it stands in the
source, numbers, and words from short lists; of everything else, that it is there. In sentences of the doctor, which
name files and addresses, those are replaced. The same id gets the same label within a report, and another in the next.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final

from p2pnode.commands import COMMANDS
from protocols.errors import Refusal

HIDDEN: Final = "‹hidden›"
_LINK = re.compile(r"p2pnode:\S*|[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*")
_NAMED = re.compile(r"/dns[46]?/[^/\s]+")
_FILES = "py|toml|json|log|sqlite|sock|path|cookie|service|genesis|md|so"
_HOST = re.compile(rf"(?<![\w/‹.-])(?:[a-z0-9_-]+\.)+(?!(?:{_FILES})\b)[a-z][a-z0-9-]+(?![\w.(])", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?![\w:])", re.IGNORECASE)
_PEER = re.compile(r"\b(?:12D3KooW|Qm)[1-9A-HJ-NP-Za-km-z]*")
_HEX = re.compile(r"(?<![\w.])[0-9a-f]{8,}(?!\w)", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_+=-]{20,}")
_NUMBER = re.compile(r"-?\d{1,3}\.\d{4,}|\+?\d[\d ()/-]{5,}\d")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”")
_FRAME = re.compile(r'^ *File "([^"]+)", line (\d+), in (\w+|<\w+>)$')
_RAISED = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Refusal|Reject|Group|Exit|Interrupt|Cancelled))\b")
_WORDS: Final[dict[str, re.Pattern[str]]] = {
    "failure": re.compile(r"[0-9a-f]{8}"),
    "protocol": re.compile(r"/p2pnode/[a-z]+/[0-9.]+"),
    "level": re.compile(r"debug|info|warning|error|critical"),
    "logger": re.compile(r"(?:p2pnode|protocols|dht|ledger|libp2p|trio|anycorn|starlette)(?:\.[a-z_]+)*"),
    "errand": re.compile(r"Dial|Probe|Provide|Put|Get|Lookup|Find"),
}
_OURS: Final = ("p2pnode", "protocols", "dht", "ledger", "cli")


class Veil:
    """key: secret of one report. names: what people call themselves and their networks; places: paths, and what to call
    them."""

    def __init__(self, key: bytes, names: Iterable[str] = (), places: Iterable[tuple[str, str]] = ()) -> None:
        self._key = key
        known = sorted({name for name in names if name.strip()}, key=lambda name: (-len(name), name))
        self._names = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, known)) + r")(?!\w)", re.I) if known else None
        self._places = sorted((place for place in places if len(place[0]) > 1), key=lambda place: -len(place[0]))

    def label(self, what: str, text: str) -> str:
        """The same for the same text, in this report."""
        return f"‹{what} {blake2b(text.encode(errors='replace'), key=self._key, digest_size=2).hexdigest()}›"

    def text(self, text: str) -> str:
        """A sentence of ours, without what it names of people, places and machines."""
        for path, called in self._places:
            text = text.replace(path, called)
        text = _LINK.sub("‹link›", text)
        if self._names is not None:
            text = self._names.sub("‹name›", text)
        text = _MAIL.sub("‹address›", text)
        text = _NAMED.sub(lambda m: "/dns/" + self.label("host", m[0]), text)
        text = _HOST.sub(lambda m: self.label("host", m[0]), text)
        text = _IPV4.sub(self._ip, text)
        text = _IPV6.sub(self._ip, text)
        text = _PEER.sub(lambda m: self.label("peer", m[0]), text)
        text = _HEX.sub(lambda m: self.label("id", m[0]), text)
        text = _TOKEN.sub(self._token, text)
        return _NUMBER.sub("‹number›", text)

    def unquoted(self, text: str) -> str:
        """`text`, and nothing that stands in quotation marks: that is what somebody typed."""
        return self.text(_QUOTED.sub("‹text›", text))

    def _ip(self, match: re.Match[str]) -> str:
        try:
            address = ipaddress.ip_address(match[0].partition("%")[0])
        except ValueError:
            return match[0] if match[0].count(":") <= 2 else HIDDEN  # a time of day
        if address.is_loopback or address.is_unspecified:
            return match[0]
        return self.label("private address" if address.is_private else "public address", match[0])

    def _token(self, match: re.Match[str]) -> str:
        found = match[0]
        mixed = any(c.isdigit() for c in found) and any(c.isalpha() for c in found)
        return self.label("id", found) if mixed or (found.isalnum() and not found.islower()) else found


def line_told(line: dict[str, Any], sentences: Sequence[tuple[str, re.Pattern[str]]], veil: Veil) -> str:
    """A line of the log. sentences: those of the source, with what each matches once it is filled in."""
    if not isinstance(line.get("event"), str):
        return "(a damaged line)"
    parts = [
        _plain(line.get("at"), r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"),
        _value("level", line.get("level"), veil),
    ]
    parts.append(_sentence(line["event"], sentences))
    for name, value in line.items():
        if name not in ("at", "level", "event", "exception"):
            parts.append(f"{_plain(name, '[a-z_]{1,32}')}={_value(name, value, veil)}")
    if isinstance(line.get("exception"), str):
        parts += [f"\n      {told}" for told in trace_told(line["exception"])]
    return " ".join(parts)


def trace_told(trace: str) -> list[str]:
    """Where in the program it happened, and the kind of error: neither its message nor lines of anybody's text."""
    told = []
    for line in trace.splitlines():
        if frame := _FRAME.match(line):
            told.append(f"{_module(frame[1])}:{frame[2]} {frame[3]}")
        elif raised := _RAISED.match(line):
            told.append(raised[1])
    return told[-40:]


def pattern_of(sentence: str) -> re.Pattern[str]:
    """What a sentence of the source can have become: %s and its kin stand for anything."""
    pieces = re.split(r"%(?:\.\d+)?[sdrf]", sentence)
    return re.compile(".*".join(map(re.escape, pieces)), re.DOTALL)


def _sentence(text: str, sentences: Sequence[tuple[str, re.Pattern[str]]]) -> str:
    for sentence, pattern in sentences:
        if pattern.fullmatch(text):
            return sentence
    return HIDDEN


def _value(name: str, value: Any, veil: Veil) -> str:
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    if not isinstance(value, str):
        return HIDDEN
    if (name == "command" and value in COMMANDS) or (name == "code" and value in Refusal.EXIT):
        return value
    if name in _WORDS and _WORDS[name].fullmatch(value):
        return value
    return veil.label("peer", value) if name == "peer" else HIDDEN


def _plain(value: Any, pattern: str) -> str:
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else HIDDEN


def _module(path: str) -> str:
    """From the package on; of what is not ours, the package and the file."""
    parts = path.replace("\\", "/").split("/")
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] in _OURS:
            return "/".join(parts[place:])
    return parts[-1] if path.endswith(".py") and "python3" in path else HIDDEN
