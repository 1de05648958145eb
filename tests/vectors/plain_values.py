"""The vectors of frames, requests to be dialled back, cells and amounts."""

from typing import Any

from protocols import cell as cells
from protocols import reach_messages
from protocols.amounts import format_price, parse_price
from protocols.codec import encode, plain
from protocols.frames import frame
from protocols.limits import MAX_ADDRESS, MAX_FRAME


def frame_vectors() -> dict[str, Any]:
    whole = [b"a", b"\x80", bytes(127), bytes(128), bytes(16384), bytes(MAX_FRAME)]
    several = [b"one", b"two", bytes(200)]
    return {
        "what": "length-prefixed frames; only the first bytes of long ones are given",
        "valid": [{"name": f"{len(d)} bytes", "size": len(d), "start": frame(d)[:8].hex()} for d in whole],
        "streams": [{"frames": [d.hex() for d in several], "bytes": b"".join(map(frame, several)).hex()}],
        "invalid": [
            {"name": "empty frame", "bytes": "00", "code": "size", "why": "at least 1 byte"},
            {"name": "not the shortest", "bytes": "810061", "code": "decode", "why": "1 in two bytes"},
            {"name": "65537 bytes", "bytes": "818004", "code": "size", "why": "at most 65536"},
            {
                "name": "a length without end",
                "bytes": "ffffffff",
                "code": "size",
                "why": "at most three bytes of length",
            },
            {"name": "bad after good", "bytes": "016100", "code": "size", "why": "the stream is lost"},
        ],
    }


def cell_vectors() -> dict[str, Any]:
    points = [
        (0.0, 0.0),
        (52.52, 13.405),
        (57.64911, 10.40744),
        (-33.865, 151.209),
        (90.0, 180.0),
        (-90.0, -180.0),
        (89.99, -179.99),
        (40.0, 179.9999),
    ]
    areas = [
        "u33db",
        "U33DBC",
        "u3",
        "52.52,13.405",
        "-33.865, 151.209",
        "9F4MGC22+22",
        "9F4MGC22+22G",
        "9F4MGC00+",
        "9F000000+",
        "48HPJ2VV+22",
    ]
    pairs = [("u33db", "u33db"), ("u33db", "u33dc"), ("u33db", "u281z"), ("8zzzz", "xbpbp"), ("zzzzz", "bpbpb")]
    return {
        "what": "geohash cells",
        "points": [{"lat": a, "lon": b, "cells": [cells.encode(a, b, p) for p in range(7)]} for a, b in points],
        "boxes": [{"cell": c, "box": list(cells.decode(c))} for c in ("", "u", "u33db", "zzzzzz", "000000")],
        "neighbours": [
            {"cell": c, "cells": cells.neighbours(c)} for c in ("u33db", "zzzzz", "00000", "xbpbp", "b", "")
        ],
        "distances": [{"from": a, "to": b, "km": round(cells.distance_km(a, b), 6)} for a, b in pairs],
        "areas": [{"text": t, "precision": p, "cell": cells.coarsen(t, p)} for t in areas for p in (5, 6)],
        "invalid": [
            {"text": t, "why": why}
            for t, why in [
                ("", "nothing"),
                ("u33da", "a geohash has no a"),
                ("91,0", "beyond the pole"),
                ("0,181", "beyond the date line"),
                ("1e1,0", "plain decimals"),
                ("nan,nan", "plain decimals"),
                ("GC22+22", "a short plus code needs a place"),
                ("9F4MGC22+2", "one digit after the plus sign"),
                ("9F4M0022+22", "padding is at the end"),
                ("9F4MGC00+22", "nothing after padding"),
                ("XX000000+", "beyond the pole"),
                ("Elm Street 5", "an address"),
            ]
        ],
    }


def amount_vectors() -> dict[str, Any]:
    texts = [
        "2/hour",
        "2",
        "2.50",
        "0.05/kWh",
        "3.50 EUR/day",
        "3.5 EUR / day",
        "free",
        "FREE",
        "0",
        "12 hour/seat",
        " 1 ",
    ]
    prices = []
    for text in texts:
        price = parse_price(text, "hour", 2)
        prices.append(
            {
                "text": text,
                "price": None if price is None else plain(price) | {"per": price.per},
                "format": format_price(price, "hour", 2),
            }
        )
    wrong = [
        "",
        "-1",
        "+1",
        "1,50",
        "1e3",
        ".5",
        "5.",
        "1.234",
        "1.234 EUR",
        "9" * 17,
        "90071992547409.92",
        "nan",
        "inf",
        "1 2",
        "1/",
        "/hour",
        "1 EUR/day/night",
        "1 EUR/2",
        "１",
        "1_0",
    ]
    return {
        "what": "prices as people write them, in a network that counts hours in hundredths",
        "unit": "hour",
        "decimals": 2,
        "valid": prices,
        "invalid": [{"text": t} for t in wrong],
    }


def reach_vectors() -> dict[str, Any]:
    """Messages of /p2pnode/reach/1.0.0."""
    messages: dict[str, Any] = {
        "a request": reach_messages.Back(4001),
        "the highest port": reach_messages.Back(65_535),
        "reached": reach_messages.Answer(True, "/ip4/198.51.100.7/tcp/4001"),
        "not reached": reach_messages.Answer(False, "/ip6/2001:db8::7/tcp/4001"),
        "not tried": reach_messages.Busy(),
    }
    invalid = {
        "port 0": ["back", 0],
        "a port too high": ["back", 65_536],
        "a port that is no number": ["back", "4001"],
        "a port that is a boolean": ["back", True],
        "an address where a port belongs": ["back", "/ip4/198.51.100.7/tcp/4001"],
        "an address beside the port": ["back", 4001, "/ip4/198.51.100.7/tcp/4001"],
        "an answer that is no boolean": ["answer", 1, ""],
        "an address too long": ["answer", True, "/" * (MAX_ADDRESS + 1)],
        "another name": ["forth", 4001],
        "no array": "back",
    }
    return {
        "what": "/p2pnode/reach/1.0.0: a message, without the length before it",
        "valid": [{"name": n, "bytes": reach_messages.encode_message(m).hex()} for n, m in messages.items()],
        "invalid": [{"name": n, "bytes": encode(v).hex(), "code": "field", "why": n} for n, v in invalid.items()],
    }
