"""The vectors of /p2pnode/photo/1.0.0, and of what a photo is."""

from typing import Any

from protocols import photo_messages
from protocols.codec import encode
from protocols.identity import digest
from protocols.limits import MAX_PHOTO, MAX_PHOTO_PIECE, MAX_PHOTO_SCANS, MAX_PHOTO_SIDE
from protocols.photo_messages import Busy, Get, Nothing, Piece
from tests.strategies import network

# A grey square of 8 × 8 pixels, written by hand: the tables hold one code each.
_START, _END = bytes.fromhex("ffd8"), bytes.fromhex("ffd9")
_JFIF = bytes.fromhex("ffe000104a46494600010100000100010000")
_TABLES = bytes.fromhex("ffdb004300") + bytes([1] * 64)
_CODES = bytes.fromhex("ffc400140001" + "00" * 15 + "00") + bytes.fromhex("ffc400141001" + "00" * 15 + "00")
_SCAN = bytes.fromhex("ffda0008010100003f003f")


def _frame(width: int = 8, height: int = 8, kind: int = 0xC0, bits: int = 8) -> bytes:
    return bytes([0xFF, kind, 0, 11, bits, *height.to_bytes(2, "big"), *width.to_bytes(2, "big"), 1, 1, 0x11, 0])


SQUARE = _START + _JFIF + _TABLES + _frame() + _CODES + _SCAN + _END


def photo_vectors() -> dict[str, Any]:
    """Messages, without the length before them; and pictures with their hashes."""
    net, photo = network(), digest(SQUARE)
    messages = {
        "a question": Get(net, photo),
        "a photo in one piece": Piece(len(SQUARE), SQUARE),
        "a piece of a photo": Piece(MAX_PHOTO, b"abc"),
        "not held": Nothing(),
        "not answered": Busy(),
    }
    invalid = {
        "a network of 15 bytes": ["get", bytes(15), photo],
        "a hash of 31 bytes": ["get", net, bytes(31)],
        "a hash as text": ["get", net, photo.hex()],
        "a question with more": ["get", net, photo, 0],
        "an empty piece": ["piece", 10, b""],
        "a piece that is longer than the photo": ["piece", 2, b"abc"],
        "a piece too long": ["piece", MAX_PHOTO, bytes(MAX_PHOTO_PIECE + 1)],
        "a photo of nothing": ["piece", 0, b""],
        "a photo too long": ["piece", MAX_PHOTO + 1, b"abc"],
        "a size that is a boolean": ["piece", True, b"a"],
        "none, and more": ["none", photo],
        "another name": ["find", net, photo],
        "no array": "get",
    }
    body = _TABLES + _frame() + _CODES + _SCAN
    pictures = {
        "no start": SQUARE[2:],
        "no end": SQUARE[:-2],
        "bytes after the end": SQUARE + b"\0",
        "EXIF": _START + _JFIF + bytes.fromhex("ffe1000845786966 0000".replace(" ", "")) + body + _END,
        "a comment": _START + _JFIF + bytes.fromhex("fffe0005616263") + body + _END,
        "a comment after the scan": SQUARE[:-2] + bytes.fromhex("fffe0005616263") + _END,
        "JFIF after another segment": _START + _TABLES + _JFIF + _frame() + _CODES + _SCAN + _END,
        "progressive": _START + _JFIF + _TABLES + _frame(kind=0xC2) + _CODES + _SCAN + _END,
        "12 bits": _START + _JFIF + _TABLES + _frame(bits=12) + _CODES + _SCAN + _END,
        "too wide": _START + _JFIF + _TABLES + _frame(width=MAX_PHOTO_SIDE + 1) + _CODES + _SCAN + _END,
        "no height": _START + _JFIF + _TABLES + _frame(height=0) + _CODES + _SCAN + _END,
        "two frames": _START + _JFIF + _frame() + body + _END,
        "a scan before the frame": _START + _JFIF + _SCAN + body + _END,
        "no scan": _START + _JFIF + _TABLES + _frame() + _CODES + _END,
        "too many scans": SQUARE[:-2] + _SCAN * MAX_PHOTO_SCANS + _END,
    }
    return {
        "what": "/p2pnode/photo/1.0.0: a message, without the length before it; and what a photo may be",
        "valid": [{"name": n, "bytes": photo_messages.encode_message(m).hex()} for n, m in messages.items()],
        "invalid": [{"name": n, "bytes": encode(v).hex(), "code": "field", "why": n} for n, v in invalid.items()],
        "photos": [
            {"name": "a square", "bytes": SQUARE.hex(), "hash": photo.hex(), "width": 8, "height": 8},
            {
                "name": "without JFIF",
                "bytes": (_START + body + _END).hex(),
                "hash": digest(_START + body + _END).hex(),
                "width": 8,
                "height": 8,
            },
        ],
        "no photos": [{"name": n, "bytes": p.hex(), "code": "field", "why": n} for n, p in pictures.items()],
    }
