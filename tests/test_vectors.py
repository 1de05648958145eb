"""The vectors hold in both directions, and are what `tests.vectors.make` makes."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dht.catalog import Catalog, Quotas
from dht.keys import item_id
from protocols import cell as cells
from protocols.amounts import format_price, parse_price
from protocols.attestation import commitment, parse_attestation
from protocols.blocklist import parse_blocklist
from protocols.codec import decode, decode_as, encode, plain
from protocols.envelope import Record, parse_record, replaces, verify_record
from protocols.errors import DecodeError, Refusal, Reject
from protocols.frames import FrameReader, frame
from protocols.genesis import parse_genesis
from protocols.identity import (
    Rotation,
    derive_nonce,
    derive_seed,
    digest,
    incept,
    initial_state,
    parse_inception,
    rotated,
    verify,
)
from protocols.invite import LINK_PREFIX, parse_link
from protocols.lease import parse_lease
from protocols.listing import parse_listing
from protocols.profile import parse_profile
from protocols.redemption import parse_redemption, verify_redemption
from protocols.replica import parse_replica
from protocols.vouch import parse_vouch
from tests.vectors.json_form import from_json
from tests.vectors.make import HERE, build

MADE = build()
FILES: dict[str, dict[str, Any]] = {Path(name).stem: json.loads((HERE / name).read_text()) for name in MADE}


def cases(file: str, part: str) -> pytest.MarkDecorator:
    found = FILES[file][part]
    assert found
    return pytest.mark.parametrize("case", found, ids=[str(c.get("name", i)) for i, c in enumerate(found)])


def redemption(record: Record) -> Any:
    value = parse_redemption(record)
    verify_redemption(record, value)
    return value


PARSERS: dict[str, Callable[[Record], Any]] = {
    "genesis": lambda record: parse_genesis(record.wire)[1],
    "profile": parse_profile,
    "lease": parse_lease,
    "listing": lambda record: parse_listing(record, 5),
    "attestation": parse_attestation,
    "redemption": redemption,
    "vouch": parse_vouch,
    "replica": parse_replica,
    "blocklist": parse_blocklist,
}


def test_files_are_as_made() -> None:
    for name, text in MADE.items():
        assert (HERE / name).read_text() == text, f"{name}: run python -m tests.vectors.make"


@cases("codec", "valid")
def test_codec(case: dict[str, Any]) -> None:
    data, value = bytes.fromhex(case["bytes"]), from_json(case["value"])
    assert encode(value) == data
    assert decode(data) == value


@cases("codec", "invalid")
def test_codec_refuses(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as e:
        decode(bytes.fromhex(case["bytes"]))
    assert e.value.code == case["code"]


@cases("identity", "digests")
def test_digest(case: dict[str, Any]) -> None:
    assert digest(bytes.fromhex(case["of"])).hex() == case["digest"]


@cases("identity", "valid")
def test_identity(case: dict[str, Any]) -> None:
    entropy = bytes.fromhex(case["entropy"])
    signer, inception = incept(entropy)
    assert [derive_seed(entropy, epoch).hex() for epoch in range(3)] == case["seeds"]
    assert derive_nonce(entropy).hex() == case["nonce"]
    assert inception.encode().hex() == case["inception"]
    assert parse_inception(bytes.fromhex(case["inception"])) == inception
    assert signer.author.hex() == case["author"] == digest(bytes.fromhex(case["inception"])).hex()
    assert inception.key.hex() == case["keys"][0]
    assert inception.next_hash == digest(bytes.fromhex(case["keys"][1]))


@cases("identity", "invalid")
def test_inception_refused(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as e:
        parse_inception(bytes.fromhex(case["bytes"]))
    assert e.value.code == case["code"]


def check_signature(case: dict[str, Any]) -> None:
    key, message, signature = (bytes.fromhex(case[k]) for k in ("key", "message", "signature"))
    verify(key, case["domain"], message, signature)


@cases("identity", "rotations")
def test_rotation(case: dict[str, Any]) -> None:
    record = parse_record(bytes.fromhex(case["wire"]))
    state = initial_state(parse_inception(record.inception))
    rotation = decode_as(record.payload, Rotation)
    assert record.name == record.epoch.to_bytes(4, "big")
    after = rotated(state, record.epoch, rotation)
    verify_record(record, after.key)
    assert [after.key.hex(), after.next_hash.hex(), rotation.seq] == [case["key"], case["next_hash"], case["seq"]]
    assert encode(plain(rotation)) == record.payload


@cases("signatures", "valid")
def test_signature(case: dict[str, Any]) -> None:
    check_signature(case)


@cases("signatures", "invalid")
def test_signature_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Reject) as e:
        check_signature(case)
    assert e.value.code == case["code"]


@cases("records", "valid")
def test_record(case: dict[str, Any]) -> None:
    record = parse_record(bytes.fromhex(case["wire"]))
    verify_record(record)
    assert record.id.hex() == case["id"]
    assert decode(record.header) == from_json(case["header"])
    assert encode(from_json(case["header"])) == record.header
    assert encode([record.header, record.signature, record.inception]).hex() == case["wire"]


@cases("records", "invalid")
def test_record_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Reject) as e:
        verify_record(parse_record(bytes.fromhex(case["bytes"])))
    assert e.value.code == case["code"]


@cases("records", "order")
def test_record_order(case: dict[str, Any]) -> None:
    new, old = ((revision, bytes.fromhex(id_)) for revision, id_ in (case["new"], case["old"]))
    assert replaces(new, old) is case["replaces"]


@cases("payloads", "valid")
def test_payload(case: dict[str, Any]) -> None:
    record = parse_record(bytes.fromhex(case["wire"]))
    verify_record(record)
    assert record.kind == case["kind"]
    value = PARSERS[record.kind](record)
    assert plain(value).keys() == case["payload"].keys()
    assert encode(plain(value)) == record.payload == encode(from_json(case["payload"]))
    if "commitment" in case:
        assert commitment(value).hex() == case["commitment"]


@cases("payloads", "invalid")
def test_payload_refused(case: dict[str, Any]) -> None:
    record = parse_record(bytes.fromhex(case["wire"]))
    verify_record(record)  # whoever signed it, it is refused
    with pytest.raises(Reject) as e:
        PARSERS[case["kind"]](record)
    assert e.value.code == case["code"]


@cases("invites", "valid")
def test_invite(case: dict[str, Any]) -> None:
    link = parse_link(case["link"])
    fields = link.invite._asdict() | {"seed": link.seed, "addresses": list(link.addresses), "genesis": link.genesis}
    assert fields == from_json(case["fields"])
    parts = [*decode(link.invite.wire), link.seed, link.addresses, link.genesis]
    assert LINK_PREFIX + urlsafe_b64encode(encode(parts)).decode().rstrip("=") == case["link"]


@cases("invites", "invalid")
def test_invite_refused(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        parse_link(case["link"])


@cases("frames", "valid")
def test_frame(case: dict[str, Any]) -> None:
    prefix = frame(bytes(case["size"]))[: -case["size"]]
    assert case["start"].startswith(prefix.hex())
    assert FrameReader().feed(prefix + bytes(case["size"])) == [bytes(case["size"])]


@cases("frames", "streams")
def test_stream(case: dict[str, Any]) -> None:
    frames = [bytes.fromhex(f) for f in case["frames"]]
    assert FrameReader().feed(bytes.fromhex(case["bytes"])) == frames
    assert b"".join(map(frame, frames)).hex() == case["bytes"]


@cases("frames", "invalid")
def test_frame_refused(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as e:
        FrameReader().feed(bytes.fromhex(case["bytes"]))
    assert e.value.code == case["code"]


def test_cells() -> None:
    vectors = FILES["cells"]
    for case in vectors["points"]:
        assert [cells.encode(case["lat"], case["lon"], p) for p in range(7)] == case["cells"]
    for case in vectors["boxes"]:
        assert list(cells.decode(case["cell"])) == case["box"]
    for case in vectors["neighbours"]:
        assert list(cells.neighbours(case["cell"])) == case["cells"]
    for case in vectors["distances"]:
        assert cells.distance_km(case["from"], case["to"]) == pytest.approx(case["km"], abs=1e-5)
    for case in vectors["areas"]:
        assert cells.coarsen(case["text"], case["precision"]) == case["cell"]


@cases("cells", "invalid")
def test_area_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as e:
        cells.coarsen(case["text"], 5)
    assert e.value.code == "usage"
    assert e.value.hint


@cases("amounts", "valid")
def test_price(case: dict[str, Any]) -> None:
    price = parse_price(case["text"], "hour", 2)
    written = None if price is None else {"amount": price.amount, "unit": price.unit, "per": price.per}
    assert written == case["price"]
    assert format_price(price, "hour", 2) == case["format"]


@cases("amounts", "invalid")
def test_price_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as e:
        parse_price(case["text"], "hour", 2)
    assert e.value.code == "usage"


@cases("kept", "cases")
def test_what_is_kept(case: dict[str, Any]) -> None:
    """By the definition, and in any order of arrival."""
    records = [parse_record(bytes.fromhex(wire)) for wire in case["records"]]
    quotas = Quotas(case["listings_per_author"], case["records_per_author"])
    for order in (records, records[::-1]):
        catalog = Catalog(records[0].network, quotas)
        for record in order:
            catalog.admit(record, case["now"])
        assert sorted(item_id(key).hex() for key in catalog.view([""]).items(b"", None)) == case["kept"]
