"""Every payload: what is sealed is what is parsed, and its bytes allow no second reading."""

import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from protocols import fields
from protocols.attestation import Attestation, commitment, parse_attestation, seal_attestation
from protocols.codec import decode, encode
from protocols.envelope import Record, parse_record, seal, verify_record
from protocols.errors import Reject
from protocols.genesis import Genesis, found, network_id, parse_genesis
from protocols.lease import parse_lease, seal_lease
from protocols.limits import DAY
from protocols.listing import Listing, parse_listing, seal_listing, withdraw_listing
from protocols.profile import parse_profile, seal_profile
from protocols.redemption import parse_redemption, seal_redemption, verify_redemption
from protocols.vouch import parse_vouch, seal_vouch
from tests import strategies as ours
from tests.strategies import NOW, network, redemption_of, signer

NAME = bytes(range(16))
ANN, BOB = signer(1), signer(2)
GENESIS = found(ANN, ours.genesis_of(1), NOW)


class Form(NamedTuple):
    values: st.SearchStrategy[Any]
    seal: Callable[[Any], Record]
    parse: Callable[[Record], Any]


FORMS = {
    "genesis": Form(ours.geneses(), lambda v: found(ANN, v, NOW), lambda r: parse_genesis(r.wire)[1]),
    "profile": Form(
        ours.profiles,
        lambda v: seal_profile(ANN, network(1), v, created=NOW, until=NOW + DAY, revision=1),
        parse_profile,
    ),
    "lease": Form(ours.leases, lambda v: seal_lease(ANN, network(1), v, created=NOW), parse_lease),
    "listing": Form(
        ours.listings,
        lambda v: seal_listing(ANN, network(1), v, name=NAME, created=NOW, until=NOW + DAY),
        lambda r: parse_listing(r, 5),
    ),
    "attestation": Form(
        ours.attestations, lambda v: seal_attestation(ANN, network(1), v, created=NOW), parse_attestation
    ),
    "vouch": Form(ours.vouches, lambda v: seal_vouch(ANN, network(1), v, created=NOW), parse_vouch),
    "redemption": Form(
        st.just(redemption_of(ANN, BOB, GENESIS.id)[1]),
        lambda v: seal_redemption(BOB, network(1), v, created=NOW),
        parse_redemption,
    ),
}
each = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def again(record: Record, payload: bytes) -> Record:
    """The same record with another payload, signed."""
    who = next(s for s in (ANN, BOB) if s.author == record.author)
    return seal(
        who,
        network=record.network,
        kind=record.kind,
        name=record.name,
        revision=record.revision,
        created=record.created,
        until=record.until,
        scope=record.scope,
        payload=payload,
    )


@each
@few
@given(st.data())
def test_round_trip(form: Form, data: st.DataObject) -> None:
    value = data.draw(form.values)
    record = form.seal(value)
    verify_record(record)
    assert form.parse(parse_record(record.wire)) == value


@each
@few
@given(st.data())
def test_damage_is_refused_or_another_value(form: Form, data: st.DataObject) -> None:
    record = form.seal(data.draw(form.values))
    at = data.draw(st.integers(0, len(record.payload) * 8 - 1))
    flipped = bytearray(record.payload)
    flipped[at // 8] ^= 1 << at % 8
    cut = record.payload[: at // 8]
    for payload in (bytes(flipped), cut, record.payload + b"\xc0"):
        try:
            value = form.parse(again(record, payload))
        except Reject:
            continue
        assert payload == bytes(flipped)
        assert value != form.parse(record)


@each
@few
@given(st.data())
def test_fields_of_any_type_never_raise_anything_else(form: Form, data: st.DataObject) -> None:
    record = form.seal(data.draw(form.values))
    fields = decode(record.payload)
    fields[data.draw(st.sampled_from([*sorted(fields), "text", "price", "zzz"]))] = data.draw(ours.values)
    payload = encode(fields)
    if len(payload) > 16_000:
        return
    try:
        form.parse(again(record, payload))
    except Reject:
        return


@each
@few
@given(data=st.data())
def test_every_field_left_out_or_of_another_header(form: Form, data: st.DataObject) -> None:
    record = form.seal(data.draw(form.values))
    with pytest.raises(Reject):
        form.parse(msgspec.structs.replace(record, kind="other", wire=b"", network=bytes(16)))
    with pytest.raises(Reject):
        form.parse(again(record, encode([])))


@given(ours.listings, st.integers(1, 6))
def test_the_scope_is_the_area_cut(listing: Listing, precision: int) -> None:
    record = seal_listing(ANN, network(1), listing, name=NAME, created=NOW, until=NOW + DAY, cell_precision=precision)
    assert record.scope == listing.area[:precision]
    assert parse_listing(record) == listing
    if len(listing.area) > precision:
        with pytest.raises(Reject):
            parse_listing(record, precision + 1)


def test_a_withdrawal_outlives_and_replaces() -> None:
    listing = Listing("offer", "give", "Pears", area="u33db")
    old = seal_listing(ANN, network(1), listing, name=NAME, created=NOW, until=NOW + 30 * DAY, revision=4)
    gone = withdraw_listing(ANN, old, created=NOW - 5, until=NOW + DAY)
    verify_record(gone)
    assert gone.withdrawn and gone.slot == old.slot and gone.scope == old.scope
    assert (gone.revision, gone.until) == (5, old.until)
    with pytest.raises(Reject) as e:
        parse_listing(gone)
    assert e.value.code == "state"


@given(ours.attestations, ours.attestations)
def test_the_commitment_binds_all_but_the_proof(one: Attestation, two: Attestation) -> None:
    bare_one, bare_two = (msgspec.structs.replace(a, proof=b"") for a in (one, two))
    assert commitment(one) == commitment(bare_one)
    assert (commitment(one) == commitment(two)) == (bare_one == bare_two)
    for change in ({"outcome": (one.outcome + 3) % 5 - 2}, {"nonce": bytes(16)}, {"ratee": bytes(32)}, {"text": "?"}):
        changed = msgspec.structs.replace(one, **change)
        assert (commitment(changed) == commitment(one)) == (changed == one)


def test_a_network_is_named_by_its_genesis() -> None:
    record, genesis = parse_genesis(GENESIS.wire)
    assert network_id(record) == record.id[:16] == network(1)
    assert genesis.endowment(ANN.author) == 10_000
    assert genesis.endowment(BOB.author) == 0
    other = found(ANN, ours.genesis_of(1, salt=b"\1" * 16), NOW)
    assert network_id(other) != network_id(record)
    damaged = encode([record.header, bytes(64), record.inception])
    with pytest.raises(Reject) as e:
        parse_genesis(damaged)
    assert e.value.code == "signature"


def test_what_does_not_fit_is_not_sealed() -> None:
    with pytest.raises(Reject):
        found(ANN, Genesis("", "hour", 2, (), (ANN.author,), 1, 0, True, bytes(16)), NOW)
    with pytest.raises(Reject):
        seal_listing(ANN, network(1), Listing("offer", "give", "x\x1b"), name=NAME, created=NOW, until=NOW + DAY)


def test_a_redemption_is_of_one_newcomer() -> None:
    invite, redemption = redemption_of(ANN, BOB, GENESIS.id, 500)
    record = seal_redemption(BOB, network(1), redemption, created=NOW)
    assert verify_redemption(record, redemption) == invite
    stolen = seal_redemption(signer(3), network(1), redemption, created=NOW)
    with pytest.raises(Reject) as e:
        verify_redemption(stolen, redemption)
    assert e.value.code == "signature"
    own = seal_redemption(ANN, network(1), redemption, created=NOW)
    with pytest.raises(Reject) as e:
        verify_redemption(own, redemption)
    assert e.value.code == "context"


def test_text_holds_tabs_and_line_feeds_and_no_other_control_character() -> None:
    banned = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    shown = re.compile(next(m.pattern for m in get_args(fields.Text) if isinstance(m, Meta) and m.pattern))
    for point in range(sys.maxunicode + 1):
        assert bool(shown.search(f"a{chr(point)}b")) == (point not in banned or point in (0x09, 0x0A)), hex(point)
