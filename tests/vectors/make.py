"""Makes the vectors beside this file: `python -m tests.vectors.make`. Deterministic; `tests/test_vectors.py` compares.

Each file holds `valid` and `invalid` cases. Bytes are hexadecimal, in values `{"$bytes": hex}`. An invalid case has
`code` (the rung that refuses it: decode, size, field, signature, context, state) and `why`, for people.
"""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgpack
from nacl.signing import SigningKey

from protocols.codec import encode
from protocols.identity import Signer, derive_nonce, derive_seed, digest, incept, prefix
from protocols.limits import MAX_INT, MAX_LIFETIME
from tests.strategies import NOW, network, signer
from tests.vectors import contacts, custody, edwards, kept, messages, payloads, photos, plain_values, searches
from tests.vectors.json_form import jsonable

Vectors = dict[str, Any]
HERE = Path(__file__).parent
ZERO16 = bytes(16)


def bad(name: str, data: bytes, code: str, why: str) -> dict[str, Any]:
    return {"name": name, "bytes": data.hex(), "code": code, "why": why}


def codec() -> Vectors:
    values: dict[str, Any] = {
        "nil": None,
        "true": True,
        "false": False,
        "zero": 0,
        "fixint 127": 127,
        "uint8 128": 128,
        "uint8 255": 255,
        "uint16 256": 256,
        "uint16 65535": 65535,
        "uint32 65536": 65536,
        "uint32 4294967295": 2**32 - 1,
        "uint64 4294967296": 2**32,
        "the largest integer": MAX_INT,
        "minus one": -1,
        "fixint -32": -32,
        "int8 -33": -33,
        "int8 -128": -128,
        "int16 -129": -129,
        "int32 -32769": -32769,
        "int64 -2147483649": -(2**31) - 1,
        "the smallest integer": -MAX_INT,
        "empty string": "",
        "fixstr 31": "a" * 31,
        "str8 32": "a" * 32,
        "str16 256": "a" * 256,
        "UTF-8 in four widths": "aß時😀",
        "a string with NUL": "\0",
        "empty bin": b"",
        "bin8 255": bytes(255),
        "bin16 256": bytes(256),
        "empty array": [],
        "fixarray 15": list(range(15)),
        "array16 16": list(range(16)),
        "empty map": {},
        "keys in byte order": {"B": 1, "a": 2, "aa": 3, "z": 4, "ß": 5, "😀": 6},
        "map16 16": {f"{i:02}": i for i in range(16)},
        "nested 16 deep": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]],
    }
    deep: Any = []
    for _ in range(16):
        deep = [deep]
    invalid = [
        bad("nothing", b"", "decode", "no value"),
        bad("two values", b"\x01\x02", "decode", "bytes after the value"),
        bad("127 as uint8", b"\xcc\x7f", "decode", "not the shortest form"),
        bad("1 as uint64", b"\xcf" + (1).to_bytes(8, "big"), "decode", "not the shortest form"),
        bad("1 as int8", b"\xd0\x01", "decode", "not the shortest form"),
        bad("-1 as int8", b"\xd0\xff", "decode", "not the shortest form"),
        bad("128 as int16", b"\xd1\x00\x80", "decode", "not the shortest form: unsigned for what is not negative"),
        bad("str8 of 1", b"\xd9\x01a", "decode", "not the shortest form"),
        bad("str16 of 1", b"\xda\x00\x01a", "decode", "not the shortest form"),
        bad("bin16 of 1", b"\xc5\x00\x01a", "decode", "not the shortest form"),
        bad("array16 of 1", b"\xdc\x00\x01\x01", "decode", "not the shortest form"),
        bad("map16 of 1", b"\xde\x00\x01\xa1a\x01", "decode", "not the shortest form"),
        bad("2^53", b"\xcf" + (2**53).to_bytes(8, "big"), "decode", "integer out of range"),
        bad("-2^53", b"\xd3" + (-(2**53)).to_bytes(8, "big", signed=True), "decode", "integer out of range"),
        bad("float32", b"\xca\x3f\x80\x00\x00", "decode", "no floats"),
        bad("float64 NaN", b"\xcb\x7f\xf8" + bytes(6), "decode", "no floats"),
        bad("fixext1", b"\xd4\x01\x00", "decode", "no extension types"),
        bad("timestamp", b"\xd6\xff" + bytes(4), "decode", "no extension types"),
        bad("ext8 empty", b"\xc7\x00\x01", "decode", "no extension types"),
        bad("never used byte", b"\xc1", "decode", "not MessagePack"),
        bad("keys out of order", b"\x82\xa1b\x01\xa1a\x02", "decode", "keys ascend"),
        bad("a key twice", b"\x82\xa1a\x01\xa1a\x02", "decode", "keys ascend, each once"),
        bad("integer key", b"\x81\x01\x02", "decode", "keys are strings"),
        bad("bin key", b"\x81\xc4\x01a\x02", "decode", "keys are strings"),
        bad("nil key", b"\x81\xc0\x02", "decode", "keys are strings"),
        bad("overlong UTF-8", b"\xa2\xc0\x80", "decode", "strings are UTF-8"),
        bad("a surrogate", b"\xa3\xed\xa0\x80", "decode", "strings are UTF-8"),
        bad("cut string", b"\xa3ab", "decode", "bytes are missing"),
        bad("cut array", b"\x92\x01", "decode", "bytes are missing"),
        bad("array32 of four billion", b"\xdd\xff\xff\xff\xff", "decode", "more than 4096 items"),
        bad("4097 items", msgpack.packb([0] * 4097), "decode", "more than 4096 items"),
        bad("nested 17 deep", msgpack.packb(deep), "decode", "more than 16 deep"),
        bad("65537 bytes", b"\xc6" + (65532).to_bytes(4, "big") + bytes(65532), "size", "more than 65536 bytes"),
    ]
    valid = [{"name": k, "value": jsonable(v), "bytes": encode(v).hex()} for k, v in values.items()]
    return {"what": "canonical MessagePack", "valid": valid, "invalid": invalid}


def identity() -> Vectors:
    valid = []
    for seed in (1, 2, 3):
        entropy = seed.to_bytes(32, "big")
        _, inception = incept(entropy)
        valid.append(
            {
                "name": f"entropy {seed}",
                "entropy": entropy.hex(),
                "seeds": [derive_seed(entropy, epoch).hex() for epoch in range(3)],
                "keys": [SigningKey(derive_seed(entropy, e)).verify_key.encode().hex() for e in range(3)],
                "nonce": derive_nonce(entropy).hex(),
                "inception": inception.encode().hex(),
                "author": inception.author.hex(),
            }
        )
    _, one = incept((1).to_bytes(32, "big"))
    invalid = [
        bad("version 2", encode([2, *one]), "field", "unknown version"),
        bad("true for the version", encode([True, *one]), "field", "a bool is not an integer"),
        bad("key of 31 bytes", encode([1, one.key[:31], one.next_hash, one.nonce]), "field", "sizes are 32, 32, 16"),
        bad("nonce of 17 bytes", encode([1, one.key, one.next_hash, bytes(17)]), "field", "sizes are 32, 32, 16"),
        bad("a field more", encode([1, *one, 0]), "field", "four fields"),
        bad("text for the key", encode([1, "a" * 32, one.next_hash, one.nonce]), "field", "bytes"),
        bad("trailing byte", one.encode() + b"\0", "decode", "bytes after the value"),
    ]
    hashes = [
        {"of": text.encode().hex(), "digest": blake2b(text.encode(), digest_size=32).hexdigest()}
        for text in ("", "abc")
    ]
    rotations = []
    for seed, seq in ((1, -1), (2, 7)):
        entropy = seed.to_bytes(32, "big")
        _, inception = incept(entropy)
        later = Signer(derive_seed(entropy, 1), inception, 1)
        following = digest(SigningKey(derive_seed(entropy, 2)).verify_key.encode())
        payload = encode({"key": later.public_key, "next_hash": following, "seq": seq})
        changes = {"kind": "rotation", "epoch": 1, "name": (1).to_bytes(4, "big"), "scope": "", "payload": payload}
        rotations.append(
            {
                "name": f"entropy {seed}",
                "wire": raw(later, header(later, **changes)).hex(),
                "key": later.public_key.hex(),
                "next_hash": following.hex(),
                "seq": seq,
            }
        )
    return {
        "what": "inceptions, key derivation, digest, rotations",
        "digests": hashes,
        "valid": valid,
        "invalid": invalid,
        "rotations": rotations,
    }


def signatures() -> Vectors:
    seed, domain, message = bytes(range(32)), "listing", b"a message"
    whole = prefix(domain) + message
    key, good = edwards.sign(seed, whole)
    scalar, _ = edwards.secret(seed)
    torsion = edwards.torsion()
    zero = edwards.compress((0, 1))

    def case(name: str, why: str, key: bytes = key, signature: bytes = good, domain: str = domain) -> dict[str, Any]:
        return {
            "name": name,
            "key": key.hex(),
            "domain": domain,
            "message": message.hex(),
            "signature": signature.hex(),
            "code": "signature",
            "why": why,
        }

    s = int.from_bytes(good[32:], "little")

    def with_r(r: bytes) -> bytes:
        return r + (edwards.challenge(r, key, whole) * scalar % edwards.L).to_bytes(32, "little")

    twisted_key, by_twisted_key = edwards.sign(seed, whole, key_twist=torsion)
    order2 = (edwards.P - 1).to_bytes(32, "little")
    invalid = [
        case("S + L", "S must be below L", signature=good[:32] + (s + edwards.L).to_bytes(32, "little")),
        case("S = L", "S must be below L", signature=good[:32] + edwards.L.to_bytes(32, "little")),
        case("all zero", "R = 0 is a point of small order", signature=bytes(64)),
        case("key all zero", "a key of small order", key=bytes(32)),
        case("key and signature all zero", "a key of small order", key=bytes(32), signature=bytes(64)),
        case("key = identity", "a key of small order verifies everything", key=zero, signature=zero + bytes(32)),
        case("key of order 2", "a key of small order", key=order2, signature=zero + bytes(32)),
        case("key of order 8", "a key of small order", key=edwards.compress(torsion)),
        case("key = identity, y + p", "not a canonical point", key=(edwards.P + 1).to_bytes(32, "little")),
        case("key y = p + 3", "not a canonical point", key=(edwards.P + 3).to_bytes(32, "little")),
        case("key not on the curve", "no such point", key=(2).to_bytes(32, "little")),
        case("R = identity", "R of small order", signature=with_r(zero)),
        case("R = identity, y + p", "not a canonical point", signature=with_r((edwards.P + 1).to_bytes(32, "little"))),
        case("R + torsion", "holds only times the cofactor", signature=edwards.sign(seed, whole, r_twist=torsion)[1]),
        case("key + torsion", "holds only times the cofactor", key=twisted_key, signature=by_twisted_key),
        case("another domain", "the domain is signed", domain="profile"),
        case("63 bytes", "64 bytes", signature=good[:63]),
        case("another key", "not the signer's", key=edwards.sign(bytes(32), whole)[0]),
        case("one bit of R", "not what was signed", signature=bytes([good[0] ^ 1]) + good[1:]),
        case("one bit of S", "not what was signed", signature=good[:32] + bytes([good[32] ^ 1]) + good[33:]),
    ]
    valid = [{k: v for k, v in case("plain", "").items() if k not in ("code", "why")}]
    # A key with a torsion part is refused only where it shows: the equation is checked without the cofactor.
    for n in range(256):
        message = b"message %d" % n
        twisted_key, twisted = edwards.sign(seed, prefix(domain) + message, key_twist=torsion)
        if edwards.challenge(twisted[:32], twisted_key, prefix(domain) + message) % 8 == 0:
            hidden = case("key + torsion, unseen", "", twisted_key, twisted) | {"message": message.hex()}
            valid.append({k: v for k, v in hidden.items() if k not in ("code", "why")})
            break
    return {"what": "Ed25519 over a domain and a message", "valid": valid, "invalid": invalid}


def header(who: Signer, **changes: Any) -> list[Any]:
    fields: dict[str, Any] = {
        "version": 1,
        "network": network(1),
        "kind": "listing",
        "author": who.author,
        "epoch": 0,
        "name": bytes(range(16)),
        "revision": 0,
        "created": NOW,
        "until": NOW + MAX_LIFETIME,
        "scope": "u33db",
        "payload": b"\x80",
    }
    return list((fields | changes).values())


def raw(who: Signer, fields: list[Any], kind: str | None = None, inception: bytes | None = None) -> bytes:
    data = encode(fields)
    name = kind if kind is not None else str(fields[2])
    return encode([data, who.sign(name, data), who.inception if inception is None else inception])


def records() -> Vectors:
    one, two = signer(1), signer(2)
    valid = []
    headers: dict[str, dict[str, Any]] = {
        "a listing": {},
        "a withdrawal": {"payload": b"", "revision": 1},
        "a kind nobody knows": {"kind": "future_thing2", "payload": b"\xc1 need not be MessagePack"},
        "the whole network": {"scope": "", "name": b""},
        "the shortest life": {"until": NOW + 1},
        "five years for an attestation": {"kind": "attestation", "until": NOW + 5 * 365 * 86_400_000},
        "the largest payload": {"payload": bytes(16 * 1024)},
    }
    for name, changes in headers.items():
        wire = raw(one, header(one, **changes))
        valid.append(
            {
                "name": name,
                "wire": wire.hex(),
                "header": jsonable(header(one, **changes)),
                "id": digest(encode(header(one, **changes))).hex(),
            }
        )
    wire = raw(one, header(one))
    body, signature, inception = msgpack.unpackb(wire)
    field: list[tuple[str, dict[str, Any], str]] = [
        ("version 2", {"version": 2}, "unknown version"),
        ("version true", {"version": True}, "a bool is not an integer"),
        ("network of 15 bytes", {"network": bytes(15)}, "16 bytes"),
        ("no network", {"network": ZERO16}, "only a genesis is of no network"),
        ("a genesis in a network", {"kind": "genesis"}, "a genesis is of no network"),
        ("kind in capitals", {"kind": "Listing"}, "[a-z][a-z0-9_]*"),
        ("kind with newline", {"kind": "listing\n"}, "[a-z][a-z0-9_]*"),
        ("kind empty", {"kind": ""}, "[a-z][a-z0-9_]*"),
        ("kind of 33 bytes", {"kind": "a" * 33}, "at most 32"),
        ("kind entry", {"kind": "entry"}, "the name of a signing domain that is no record's"),
        ("author of 31 bytes", {"author": bytes(31)}, "32 bytes"),
        ("epoch -1", {"epoch": -1}, "0 to 1000"),
        ("epoch 1001", {"epoch": 1001}, "0 to 1000"),
        ("name of 33 bytes", {"name": bytes(33)}, "at most 32"),
        ("revision -1", {"revision": -1}, "not negative"),
        ("created -1", {"created": -1, "until": 5}, "not negative"),
        ("until = created", {"until": NOW}, "after created"),
        ("until a millisecond too late", {"until": NOW + MAX_LIFETIME + 1}, "at most 90 days"),
        ("scope with a", {"scope": "u33da"}, "a geohash has no a, i, l, o"),
        ("scope of 7", {"scope": "u33db12"}, "at most 6"),
        ("scope in capitals", {"scope": "U33DB"}, "lower case"),
        ("payload too large", {"payload": bytes(16 * 1024 + 1)}, "at most 16384"),
        ("a redemption withdrawn", {"kind": "redemption", "payload": b""}, "a redemption cannot be withdrawn"),
        ("a rotation withdrawn", {"kind": "rotation", "payload": b""}, "a rotation cannot be withdrawn"),
        ("payload nil", {"payload": None}, "bytes"),
    ]
    invalid = [bad(name, raw(one, header(one, **changes)), "field", why) for name, changes, why in field]
    flipped = bytes([body[-1] ^ 1])
    invalid += [
        bad("twelve fields", raw(one, [*header(one), 0]), "field", "eleven fields"),
        bad("ten fields", raw(one, header(one)[:10]), "field", "eleven fields"),
        bad("a map", encode({}), "field", "an array of three"),
        bad("two parts", encode([body, signature]), "field", "an array of three"),
        bad("signature of 63 bytes", encode([body, signature[:63], inception]), "field", "64 bytes"),
        bad(
            "header not canonical",
            encode([b"\xdc\x00\x0b" + body[1:], signature, inception]),
            "decode",
            "not canonical",
        ),
        bad("wire not canonical", b"\xdc\x00\x03" + wire[1:], "decode", "not canonical"),
        bad("cut by one", wire[:-1], "decode", "bytes are missing"),
        bad("one more", wire + b"\0", "decode", "bytes after the value"),
        bad("more than 20 KiB", encode([bytes(20 * 1024), signature, inception]), "size", "at most 20480"),
        bad(
            "another's signature",
            encode([body, msgpack.unpackb(raw(two, header(one)))[1], inception]),
            "signature",
            "not the author's key",
        ),
        bad("another's inception", raw(two, header(one)), "signature", "the inception must hash to the author"),
        bad(
            "the author's inception altered",
            raw(one, header(one), inception=inception[:-1] + b"\xff"),
            "signature",
            "the inception must hash to the author",
        ),
        bad("signed as a profile", raw(one, header(one), kind="profile"), "signature", "the kind is signed"),
        bad(
            "one bit of the payload",
            encode([body[:-1] + flipped, signature, inception]),
            "signature",
            "not what was signed",
        ),
        bad("epoch 1 without its key", raw(one, header(one, epoch=1)), "context", "only epoch 0 verifies alone"),
    ]
    order = [
        {"name": "higher revision", "new": [2, "ff" * 32], "old": [1, "00" * 32], "replaces": True},
        {"name": "lower revision", "new": [1, "00" * 32], "old": [2, "ff" * 32], "replaces": False},
        {"name": "same revision, lower id", "new": [1, "00" * 32], "old": [1, "01" + "00" * 31], "replaces": True},
        {"name": "same revision, higher id", "new": [1, "01" + "00" * 31], "old": [1, "00" * 32], "replaces": False},
        {"name": "the same record", "new": [1, "00" * 32], "old": [1, "00" * 32], "replaces": False},
    ]
    return {
        "what": "the record envelope, verified without a known key",
        "valid": valid,
        "invalid": invalid,
        "order": order,
    }


def build() -> dict[str, str]:
    """File name → contents."""
    files = {
        "codec": codec(),
        "identity": identity(),
        "signatures": signatures(),
        "records": records(),
        "payloads": payloads.payload_vectors(),
        "invites": payloads.invite_vectors(),
        "kept": kept.kept_vectors(),
        "frames": plain_values.frame_vectors(),
        "reach": plain_values.reach_vectors(),
        "searches": searches.search_vectors(),
        "photos": photos.photo_vectors(),
        "custody": custody.custody_vectors(),
        "contacts": contacts.contact_vectors(),
        "messages": messages.message_vectors(),
        "cells": plain_values.cell_vectors(),
        "amounts": plain_values.amount_vectors(),
    }
    return {f"{k}.json": json.dumps(v, indent=1, ensure_ascii=True) + "\n" for k, v in files.items()}


if __name__ == "__main__":
    for name, text in build().items():
        (HERE / name).write_text(text)
