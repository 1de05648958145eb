"""What is typed of parcels, and what reaches the node: rows of `test_commands.CASES`."""

from typing import Any

PARCELS: list[tuple[str, str, dict[str, Any]]] = [
    ("parcel", "parcel.list", {}),
    ("parcel show 9c", "parcel.show", {"id": "9c"}),
    (
        "parcel give 77c1 --to Dora --note dry --instead",
        "parcel.give",
        {"exchange": "77c1", "to": "Dora", "note": "dry", "photos": (), "instead": True},
    ),
    ("parcel take 5be1", "parcel.take", {"id": "5be1", "text": ""}),
    ("parcel add p2pnode:receipt:aa", "parcel.add", {"text": "p2pnode:receipt:aa"}),
    ("parcel decline 5be1", "parcel.decline", {"id": "5be1"}),
    ("parcel code 77c1", "parcel.code", {"exchange": "77c1"}),
    (
        "exchange propose 8d --parcel --door --to Dora --parent 77",
        "exchange.propose",
        {"listing": "8d", "note": "", "parcel": True, "door": True, "to": "Dora", "parent": "77"},
    ),
    ("exchange counter 77c1 --door", "exchange.counter", {"id": "77c1", "note": "", "door": True}),
]
