"""Sound inputs for the targets without a node: from the vectors, and what these have none of."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ledger.entry import parse_entry, sign_entry
from ledger.fork import encode_fork, fork_of
from ledger.tokens import sign_token
from protocols import (
    join_messages,
    vouch_messages,
)
from protocols.attestation import parse_attestation
from protocols.blocklist import parse_blocklist
from protocols.codec import decode, encode
from protocols.envelope import Record, parse_record
from protocols.fact import parse_fact
from protocols.frames import frame
from protocols.genesis import parse_genesis
from protocols.identity import incept
from protocols.invite import LINK_PREFIX, parse_link
from protocols.lease import parse_lease
from protocols.limits import MAX_FRAME
from protocols.listing import parse_listing
from protocols.misconduct import parse_misconduct
from protocols.profile import parse_profile
from protocols.redemption import parse_redemption, verify_redemption
from protocols.replica import parse_replica
from protocols.rotation import parse_rotation
from protocols.vouch import parse_vouch
from tests.strategies import NOW, signer

VECTORS = Path(__file__).parents[1] / "vectors"
KINDS: dict[str, Callable[[Record], Any]] = {
    "genesis": lambda record: parse_genesis(record.wire),
    "profile": parse_profile,
    "lease": parse_lease,
    "listing": lambda record: parse_listing(record, 5),
    "attestation": parse_attestation,
    "redemption": lambda record: verify_redemption(record, parse_redemption(record)),
    "vouch": parse_vouch,
    "misconduct": parse_misconduct,
    "replica": parse_replica,
    "blocklist": parse_blocklist,
    "rotation": parse_rotation,
}


@cache
def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def hexed(name: str, part: str, key: str) -> list[bytes]:
    return [bytes.fromhex(case[key]) for case in vectors(name)[part] if case.get(key)]


def records() -> list[bytes]:
    return hexed("records", "valid", "wire") + hexed("payloads", "valid", "wire")


def presences() -> list[bytes]:
    return [bytes.fromhex(case["wire"]) for case in vectors("dht")["presences"]["valid"]]


@cache
def known_kinds() -> list[Record]:
    return [r for r in map(parse_record, records()) if r.kind in KINDS and not r.withdrawn]


def payloads() -> list[bytes]:
    """A byte that says of which record, and its payload."""
    return [bytes([place]) + found.payload for place, found in enumerate(known_kinds())]


def facts() -> list[bytes]:
    return hexed("facts", "valid", "wire")


def entries() -> list[bytes]:
    found = hexed("entries", "valid", "full")
    for vector in vectors("chains")["valid"]:
        fields = vector["fields"]
        full = fields.get("entries") or fields.get("full")
        found += [bytes.fromhex(one) for one in full] if isinstance(full, list) else []
    for fact in hexed("facts", "messages", "frame"):
        value = decode(fact)
        found += [value[2]] if value[0] == "entry" else []
    return found


def frames_of(name: str) -> list[bytes]:
    if name == "gossip":
        return hexed("gossip", "messages", "frame")
    if name == "custody":
        return hexed("custody", "messages", "frame")
    if name == "message":
        return hexed("messages", "messages", "frame")
    if name == "exchange":
        return hexed("facts", "messages", "frame")
    if name == "photo":
        return hexed("photos", "valid", "bytes")
    if name == "search":
        return hexed("searches", "valid", "bytes")
    found = [
        bytes.fromhex(v["frame"])
        for v in [*vectors("chains")["valid"], *vectors("proofs")["messages"]]
        if v.get("protocol", f"/p2pnode/{name}/1.0.0") == f"/p2pnode/{name}/1.0.0"
    ]
    if name == "vouch":
        return [vouch_messages.encode_message(vouch_messages.ReturnPart(b"n" * 16, b"v" * 32, 500))]
    if name == "join":
        genesis = next(r for r in records() if parse_record(r).kind == "genesis")
        invite = parse_link(vectors("invites")["valid"][0]["link"]).invite
        said = [
            join_messages.Join(b"", signer(1).inception, b"", b""),
            join_messages.Join(invite.network, signer(1).inception, invite.wire, bytes(64)),
            join_messages.Welcome(genesis, bytes(64), b""),
            join_messages.Refused("refused", "no"),
        ]
        return [join_messages.encode_message(message) for message in said]
    return found


def receipts() -> list[bytes]:
    """Signed by both, and by one."""
    return hexed("custody", "valid", "wire") + hexed("custody", "valid", "half")


def receipt_texts() -> list[bytes]:
    return [case["text"].encode() for case in vectors("custody")["valid"]]


def tokens() -> list[bytes]:
    return [
        sign_token(signer(n), b"n" * 16, b"d" * 32, b"p" * 32, d, NOW).wire for n, d in ((1, "accept"), (2, "cancel"))
    ]


def forks() -> list[bytes]:
    """Two entries of one author in one place."""
    incept = parse_entry(entries()[0])
    fields = ("network", "seq", "prev", "root", "kind", "at", "balance", "hold", "limit", "settlement", "private")
    same = {name: getattr(incept, name) for name in fields} | {"settlement": None, "private": None}
    pair = [sign_entry(signer(1), **{**same, "at": at}) for at in (1, 2)]
    made = fork_of(*pair)
    assert made is not None
    return [encode_fork(made)]


def pages() -> list[bytes]:
    return [
        encode([bytes.fromhex(full) for full in v["fields"]["entries"]])
        for v in vectors("chains")["valid"]
        if isinstance(v["fields"].get("entries"), list) and v["fields"]["entries"]
    ]


def lengths() -> list[bytes]:
    return [frame(b"a"), frame(b"x" * 127) + frame(b"y" * 128), frame(b"z" * MAX_FRAME), frame(b"q") * 50]


def sets() -> list[bytes]:
    return [encode([bytes.fromhex(f) for f in v["facts"]]) for v in vectors("exchanges")]


def texts(*said: str) -> Callable[[], list[bytes]]:
    return lambda: [one.encode() for one in said]


def of_terms() -> list[bytes]:
    return [f.payload for f in map(parse_fact, facts()) if f.kind in ("propose", "counter")]


def inside() -> list[bytes]:
    from base64 import urlsafe_b64decode

    bodies = [v["link"][len(LINK_PREFIX) :] for v in vectors("invites")["valid"]]
    return [urlsafe_b64decode(body + "=" * (-len(body) % 4)) for body in bodies]


def values() -> list[bytes]:
    return hexed("codec", "valid", "bytes") + hexed("codec", "invalid", "bytes")


def typed_values() -> list[bytes]:
    return [p[1:] for p in payloads()] + of_terms()


def links() -> list[bytes]:
    return [v["link"].encode() for v in vectors("invites")["valid"]]


def invites() -> list[bytes]:
    return [parse_link(v["link"]).invite.wire for v in vectors("invites")["valid"]]


def inceptions() -> list[bytes]:
    return [signer(1).inception, *hexed("identity", "invalid", "bytes")]


@cache
def _known() -> dict[bytes, Any]:
    people = [incept(bytes.fromhex(person["entropy"]))[0] for person in vectors("entries")["people"]]
    anna = incept(b"anna".ljust(32))[0]  # of the presences
    return {one.author: one for one in (*map(signer, (1, 2, 3, 10, 11, 12)), anna, *people)}
