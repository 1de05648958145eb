"""Typed decoding has a short way, in C, and a slow one that says what is wrong: they never disagree."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from protocols.attestation import Attestation
from protocols.codec import _decode_canonical, convert, decode, encode, plain
from protocols.errors import DecodeError
from protocols.genesis import Genesis
from protocols.lease import Lease
from protocols.limits import MAX_INT, MIN_INT
from protocols.listing import Listing
from protocols.profile import Profile
from protocols.redemption import Redemption
from protocols.vouch import VouchStatement
from tests import strategies

TYPES: tuple[type[msgspec.Struct], ...] = (Attestation, Genesis, Lease, Listing, Profile, Redemption, VouchStatement)
LIMIT = 64 * 1024


def slowly(data: bytes, type_: Any) -> Any:
    """The definition of what is accepted."""
    try:
        value = decode(data, LIMIT)
        result = convert(value, type_)
    except DecodeError:
        return None
    return result if plain(result) == value else None


@given(st.data())
def test_the_short_way_accepts_only_what_the_slow_one_does(data: st.DataObject) -> None:
    payload = bytearray(encode(plain(data.draw(strategies.listings))))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at] = data.draw(st.integers(0, 255))
    found = _decode_canonical(bytes(payload), Listing, LIMIT)
    if found is not None:
        assert slowly(bytes(payload), Listing) == found


@pytest.mark.parametrize("extra", [{"paused": False}, {"text": ""}, {"tags": []}, {"price": None}])
def test_a_default_that_is_written_out_is_refused(extra: dict[str, Any]) -> None:
    whole = {"direction": "offer", "kind": "rent", "title": "Ladder"}
    assert _decode_canonical(encode(whole), Listing, LIMIT) is not None
    assert _decode_canonical(encode({**whole, **extra}), Listing, LIMIT) is None


def test_so_is_one_that_the_library_does_not_recognise() -> None:
    whole = {"direction": "offer", "kind": "sell", "title": "Ladder", "price": {"amount": 1, "unit": "hour"}}
    assert _decode_canonical(encode(whole), Listing, LIMIT) is not None
    whole["price"] = {"amount": 1, "unit": "hour", "per": "item"}
    assert _decode_canonical(encode(whole), Listing, LIMIT) is None


@pytest.mark.parametrize("type_", TYPES, ids=lambda t: t.__name__)
def test_every_number_of_a_payload_is_bounded(type_: type[msgspec.Struct]) -> None:
    def bounded(annotation: Any) -> bool:
        if annotation is int:
            return False
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            return all(bounded(f.type) for f in msgspec.structs.fields(annotation))
        parts = get_args(annotation)
        if parts and parts[0] is int:
            metas = [m for m in parts[1:] if isinstance(m, Meta)]
            return any((m.ge or 0) >= MIN_INT and m.le is not None and m.le <= MAX_INT for m in metas)
        return all(bounded(part) for part in parts)

    assert bounded(type_), type_
