"""The vectors of what a node keeps of a set of records (docs/protocol/gossip.md, section 6)."""

from typing import Any

from dht.catalog import Catalog, Quotas
from dht.keys import item_id
from protocols.envelope import Record
from protocols.limits import DAY
from tests.dht.records import NETWORK, NOW, record


def kept_vectors() -> dict[str, Any]:
    edit, gone = record(revision=2), record(revision=2, payload=b"")
    old, brief, long = record(revision=1), record(revision=2, lifetime=DAY), record(lifetime=31 * DAY)
    alike = [record(revision=4, payload=p) for p in (b"a", b"b")]
    moved = [record(revision=1, scope="u33dc"), record(revision=2, scope="u33dd")]
    falling = [record(name=i, lifetime=(9 - i) * DAY, payload=b"x" * (i % 3)) for i in range(5)]
    mixed = [
        record(name=i, kind=kind, scope=scope)
        for i in range(3)
        for kind in ("listing", "vouch")
        for scope in ("", "u33dc")
    ]
    return {
        "what": "records that came in, whenever, and the ids of those kept at `now`; the signatures are zeros",
        "cases": [
            _case("a higher revision", [old, edit], 1, 2),
            _case("of equal revisions the lower id", alike, 1, 2),
            _case("what ends later stays, whatever its revision", [edit, long], 1, 2),
            _case("what has expired holds nothing off", [old, brief], 1, 2, 2 * DAY),
            _case("what was taken back does not return", [old, gone], 1, 2, 29 * DAY),
            _case("a slot in two scopes", moved, 1, 2),
            _case("a quota keeps what ends last, withdrawals too", falling, 2, 4),
            _case("of equal ends the highest slot hash", [record(name=i) for i in range(5)], 2, 4),
            _case("in each scope, and listings apart", mixed, 1, 3),
            _case("each author's own", [record(who=w, name=i) for w in range(2) for i in range(3)], 2, 3),
        ],
    }


def _case(name: str, records: list[Record], listings: int, all_: int, later: int = 0) -> dict[str, Any]:
    catalog = Catalog(NETWORK, Quotas(listings, all_))
    for each in records:
        catalog.admit(each, NOW)
    catalog.expire(NOW + later)
    return {
        "name": name,
        "listings_per_author": listings,
        "records_per_author": all_,
        "now": NOW + later,
        "records": [each.wire.hex() for each in records],
        "kept": sorted(item_id(key).hex() for key in catalog.view([""]).items(b"", None)),
    }
