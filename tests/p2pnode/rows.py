"""Listings for the tests of the search index."""

from p2pnode.search.index import Hit, Index, ListingRow, Query

NETWORK = b"n" * 16
OTHER = b"o" * 16
NOW = 1_800_000_000_000
HOME = "u33dc"


def row(number: int, title: str = "Something", **fields) -> ListingRow:
    given = {
        "network": NETWORK, "slot": number.to_bytes(48), "record": (1 << 200 | number).to_bytes(32), "revision": 1,
        "direction": "offer", "kind": "sell", "title": title, "until": NOW + 1_000, "created": NOW - number,
    }  # fmt: skip
    return ListingRow(**{**given, **fields})


def ask(index: Index, text: str = "", **fields) -> list[Hit]:
    return index.search(Query(**{"network": NETWORK, "now": NOW, "text": text, **fields}))


def numbers(hits: list[Hit]) -> list[int]:
    return [int.from_bytes(hit.slot) for hit in hits]
