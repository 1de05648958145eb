"""Writes gossip.json: `python -m tests.vectors.make_gossip`. Always the same bytes."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

from dht.items import ItemSet, View, fingerprint
from dht.keys import item, item_of, item_slot
from dht.reconcile import Session, answer
from protocols.codec import encode
from protocols.gossip_messages import (
    DIFF,
    ITEMS,
    LIST,
    SUM,
    Answer,
    Done,
    Graft,
    Have,
    Hello,
    Prune,
    Range,
    Reconcile,
    Records,
    Want,
    encode_message,
)
from tests.dht.records import NETWORK, NOW, record

PATH = Path(__file__).with_name("gossip.json")


def hash_of(text: str, size: int = 32) -> bytes:
    return blake2b(text.encode(), digest_size=size).digest()


def items_of(label: str, numbers: range) -> list[bytes]:
    made = (
        item(NOW + 1_000 * (i * 7919 % 997), hash_of(f"slot {label} {i}", 16), i % 3, hash_of(f"{label} {i}"))
        for i in numbers
    )
    return sorted(made)


def view(items: list[bytes]) -> View:
    held = ItemSet()
    for i in items:
        held.add(i)
    return View([held])


def fields(value: Any) -> Any:
    """A message as JSON: bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "_asdict"):
        return {k: fields(v) for k, v in value._asdict().items()}
    return [fields(v) for v in value] if isinstance(value, tuple) else value


def messages() -> list[dict[str, Any]]:
    items = items_of("message", range(4))
    samples = [
        Hello(NETWORK, b"nonce678", NOW, False, ("u4pru", "u4prv")),
        Hello(NETWORK, b"nonce678", NOW, True, ("",)),
        Reconcile(NETWORK, 1, NOW, (Range(b"", SUM, fingerprint(0, 0)),)),
        Reconcile(NETWORK, 2, NOW, (Range(items[0][:9]), Range(items[2], LIST, ids=(items[0][32:48],)))),
        Answer(NETWORK, 1, ()),
        Answer(
            NETWORK,
            2,
            (
                Range(items[1], ITEMS, items=(items[0],)),
                Range(items[2]),
                Range(items[3], SUM, bytes(16)),
                Range(b"", DIFF, items=(items[3],), missing=(0, 2)),
            ),
        ),
        Done(NETWORK, 2),
        Have(NETWORK, tuple(items[:2])),
        Want(NETWORK, 2**32 - 1, (items[0][32:],)),
        Records(NETWORK, 9, 1, (record().wire,)),
        Records(NETWORK, 0, 0, ()),
        Prune(NETWORK, ""),
        Prune(NETWORK, "u4pru"),
        Graft(NETWORK, ""),
        Graft(NETWORK, "u4pru"),
    ]
    return [{"type": type(m).__name__.upper(), "frame": encode_message(m).hex(), "fields": fields(m)} for m in samples]


def invalid() -> list[dict[str, str]]:
    n = NETWORK
    cases: list[tuple[str, Any]] = [
        ("the network is 15 bytes", [4, n[:15], 1]),
        ("type 0", [0, n]),
        ("a nonce of 7 bytes", [1, n, b"1234567", 0, False, []]),
        ("heard is not a boolean", [1, n, b"12345678", 0, 1, []]),
        ("a scope that is no geohash prefix", [1, n, b"12345678", 0, False, ["a"]]),
        ("a scope of 7 characters", [1, n, b"12345678", 0, False, ["u4pruyd"]]),
        ("65 scopes", [1, n, b"12345678", 0, False, ["u"] * 65]),
        ("no range", [2, n, 1, 0, []]),
        ("turn 0", [2, n, 0, 0, [[b""]]]),
        ("turn 2^32", [4, n, 2**32]),
        ("a range after the one to the end", [2, n, 1, 0, [[b""], [b"a"]]]),
        ("ranges not in order", [2, n, 1, 0, [[b"b"], [b"b"]]]),
        ("a bound of 65 bytes", [2, n, 1, 0, [[b"a" * 65]]]),
        ("a range of mode 0 written out", [2, n, 1, 0, [[b"", 0]]]),
        ("a fingerprint of 15 bytes", [2, n, 1, 0, [[b"", 1, bytes(15)]]]),
        ("ITEMS in a RECONCILE", [2, n, 1, 0, [[b"", 4, b""]]]),
        ("LIST in an ANSWER", [3, n, 1, [[b"", 2, b""]]]),
        ("places not in order", [3, n, 1, [[b"", 3, b"", b"\0\1\0\1"]]]),
        ("items not in order", [3, n, 1, [[b"", 4, b"b" * 64 + b"a" * 64]]]),
        ("no item", [5, n, b""]),
        ("an item of 63 bytes", [5, n, bytes(63)]),
        ("no id", [6, n, 1, b""]),
        ("request 0", [6, n, 0, bytes(32)]),
        ("257 ids", [6, n, 1, bytes(32 * 257)]),
        ("dealt 257", [7, n, 1, 257, []]),
        ("a record of 20481 bytes", [7, n, 1, 1, [bytes(20_481)]]),
        ("one element too many", [4, n, 1, 1]),
    ]
    found = [{"reason": reason, "frame": encode(value).hex()} for reason, value in cases]
    return [
        *found,
        {
            "reason": "an integer that is not in its shortest form",
            "frame": (b"\x93\xcc\x04\xc4\x10" + n + b"\x01").hex(),
        },
        {"reason": "truncated", "frame": encode([4, n, 1])[:-1].hex()},
        {"reason": "a byte after the end", "frame": (encode([4, n, 1]) + b"\0").hex()},
        {"reason": "empty", "frame": ""},
        {"reason": "PRUNE of what is no geohash prefix", "frame": encode([8, n, "a"]).hex()},
        {"reason": "GRAFT of 7 characters", "frame": encode([9, n, "u4pruyd"]).hex()},
        {"reason": "GRAFT without a scope", "frame": encode([9, n]).hex()},
    ]


def transcript(mine: list[bytes], theirs: list[bytes]) -> dict[str, Any]:
    session, other = Session(view(mine), NOW + 100_000), view(theirs)
    frames, have, need, turn = [], [], [], 0
    while ranges := session.ask():
        turn += 1
        said = answer(other, session.as_of, ranges)
        frames.append({"from": "asker", "frame": encode_message(Reconcile(NETWORK, turn, session.as_of, ranges)).hex()})
        frames.append({"from": "answerer", "frame": encode_message(Answer(NETWORK, turn, said)).hex()})
        found = session.answered(said)
        have += found.have
        need += found.need
    return {
        "as_of": session.as_of,
        "asker": [i.hex() for i in mine],
        "answerer": [i.hex() for i in theirs],
        "frames": frames,
        "have": sorted(i.hex() for i in have),
        "need": sorted(i.hex() for i in need),
    }


def fingerprints() -> list[dict[str, Any]]:
    sets = [[], items_of("fingerprint", range(1)), items_of("fingerprint", range(40))]
    return [{"items": [i.hex() for i in s], "fingerprint": view(s).fingerprint(b"", None)[1].hex()} for s in sets]


def make() -> str:
    both = items_of("both", range(60))
    r = record(revision=3, scope="u4pru")
    vectors = {
        "item": {"header": r.header.hex(), "slot_hash": item_slot(item_of(r)).hex(), "item": item_of(r).hex()},
        "fingerprints": fingerprints(),
        "messages": messages(),
        "invalid": invalid(),
        "reconciliations": [
            transcript(sorted(both + items_of("asker", range(3))), sorted(both + items_of("answerer", range(5)))),
            transcript(both, both[:3]),
            transcript(both, both),
        ],
    }
    return json.dumps(vectors, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(make())
