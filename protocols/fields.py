"""The types of payload fields that several payloads share, with their limits. Lengths of text in code points."""

import re
from itertools import pairwise
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from protocols.codec import decode_as, encode, plain
from protocols.envelope import Record, seal
from protocols.errors import DecodeError, Reject
from protocols.identity import Signer
from protocols.limits import (
    MAX_ADDRESS,
    MAX_INT,
    MAX_LANGUAGE,
    MAX_PAYLOAD,
    MAX_SCOPE,
    MAX_SHORT_TEXT,
    MAX_TEXT,
    MAX_TOKEN,
    MAX_UNIT,
)

# Text is shown on terminals and pages: no control characters (ESC moves cursors), none that reverse the reading order.
_LOW, _LOW_BUT_BREAKS = r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"  # without tab and line feed
_CONTROL = _LOW + r"\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_SPACE = r"\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
# One class says it all; what stands before it is in that class too, and takes half the time for each character.
# Possessive, so that nothing is tried twice; alternatives would cost ten times as much.
LINE = rf"\A[ -~]*+[^{_CONTROL}]*+\Z"
PARAGRAPHS = rf"\A[ -~]*+[^{_CONTROL.replace(_LOW, _LOW_BUT_BREAKS)}]*+\Z"

Bytes16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Bytes64 = Annotated[bytes, Meta(min_length=64, max_length=64)]
Amount = Annotated[int, Meta(ge=0, le=MAX_INT)]
Positive = Annotated[int, Meta(ge=1, le=MAX_INT)]
Time = Annotated[int, Meta(ge=0, le=MAX_INT)]
Kind = Annotated[str, Meta(max_length=MAX_TOKEN, pattern=r"\A[a-z][a-z0-9_-]*\Z")]
Token = Annotated[str, Meta(max_length=MAX_TOKEN, pattern=r"\A[A-Za-z][A-Za-z0-9_-]*\Z")]
Unit = Annotated[str, Meta(max_length=MAX_UNIT, pattern=rf"\A[^/0-9+\-.,{_SPACE}{_CONTROL}][^/{_SPACE}{_CONTROL}]*\Z")]
OptionalUnit = Annotated[
    str, Meta(max_length=MAX_UNIT, pattern=rf"\A(?:[^/0-9+\-.,{_SPACE}{_CONTROL}][^/{_SPACE}{_CONTROL}]*)?\Z")
]
Language = Annotated[str, Meta(max_length=MAX_LANGUAGE, pattern=r"\A(?:[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)?\Z")]
Cell = Annotated[str, Meta(max_length=MAX_SCOPE, pattern=r"\A[0-9b-hjkmnp-z]*\Z")]
Address = Annotated[str, Meta(max_length=MAX_ADDRESS, pattern=r"\A/[!-~]+\Z")]
ShortText = Annotated[str, Meta(max_length=MAX_SHORT_TEXT, pattern=PARAGRAPHS)]
Text = Annotated[str, Meta(max_length=MAX_TEXT, pattern=PARAGRAPHS)]

_CODE = re.compile(r"\A[a-z][a-z_]*\Z")
_SHOWN = re.compile(PARAGRAPHS)

T = TypeVar("T", bound=msgspec.Struct)


def open_payload(record: Record, kind: str, type_: type[T], *, name: bytes | None = b"", scope: str | None = "") -> T:
    """The payload of a record of this kind, its fields checked; `name` and `scope` must stand in the header.

    None: the caller compares. `Reject` else, and for a withdrawal, which has no payload to open.
    """
    if record.kind != kind:
        raise Reject("context", f"a {record.kind}, not a {kind}")
    if record.withdrawn:
        raise Reject("state", f"this {kind} is withdrawn")
    if name is not None:
        expect(record.name == name, "name")
    if scope is not None:
        expect(record.scope == scope, "scope")
    return decode_as(record.payload, type_, MAX_PAYLOAD)


def seal_payload(
    signer: Signer,
    network: bytes,
    kind: str,
    payload: msgspec.Struct,
    *,
    created: int,
    until: int,
    revision: int = 0,
    name: bytes = b"",
    scope: str = "",
) -> Record:
    return seal(
        signer,
        network=network,
        kind=kind,
        name=name,
        revision=revision,
        created=created,
        until=until,
        scope=scope,
        payload=encode(plain(payload)),
    )


def is_reason(code: str, text: str) -> bool:
    """Whether a refusal's code is a token and its text may be shown to people."""
    return bool(len(code) <= MAX_TOKEN and _CODE.match(code) and len(text) <= MAX_SHORT_TEXT and _SHOWN.match(text))


def expect(holds: bool, field: str) -> None:
    """`DecodeError` naming the field, unless this holds."""
    if not holds:
        raise DecodeError(f"{field} does not fit", "field")


def ascending(values: tuple[bytes, ...] | tuple[str, ...]) -> bool:
    """Whether a set is written in its one order: each value once, ascending."""
    return all(a < b for a, b in pairwise(values))  # type: ignore[operator]
