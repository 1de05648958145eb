"""Records: what is signed is what is read, and nothing else passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import decode, encode
from protocols.envelope import Record, parse_record, replaces, seal, verify_record
from protocols.errors import Reject
from protocols.identity import Signer, derive_seed, digest, incept, parse_inception
from protocols.limits import FINAL_KINDS, MAX_INT, MAX_LIFETIME, RESERVED_KINDS
from tests.strategies import NOW, cells, network, signer, signers

records = st.builds(
    seal,
    signers,
    network=st.just(network(1)),
    kind=st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True).filter(lambda k: k not in RESERVED_KINDS | FINAL_KINDS),
    name=st.binary(max_size=32),
    revision=st.integers(0, MAX_INT),
    created=st.just(NOW),
    until=st.integers(NOW + 1, NOW + MAX_LIFETIME),
    scope=cells,
    payload=st.binary(max_size=200),
)


def accepted(wire: bytes, key: bytes | None = None) -> Record | None:
    try:
        record = parse_record(wire)
        verify_record(record, key)
    except Reject:
        return None
    return record


@given(records)
def test_round_trip(record: Record) -> None:
    again = accepted(record.wire)
    assert again == record
    assert record.id == digest(record.header)
    assert encode([record.header, record.signature, record.inception]) == record.wire


def test_truncated_at_every_length() -> None:
    wire = seal(signer(1), network=network(1), kind="lease", created=1, until=2, payload=b"x").wire
    assert all(accepted(wire[:n]) is None for n in range(len(wire)))


@pytest.mark.parametrize("with_key", [False, True])
def test_every_flipped_bit_is_refused(with_key: bool) -> None:
    """With the key known, as after a rotation, the unsigned inception must not be room to vary the bytes."""
    wire = seal(signer(1), network=network(1), kind="lease", created=1, until=2, payload=b"x").wire
    key = signer(1).public_key if with_key else None
    assert accepted(wire, key)
    for bit in range(len(wire) * 8):
        changed = bytearray(wire)
        changed[bit // 8] ^= 1 << bit % 8
        assert accepted(bytes(changed), key) is None, bit


def test_a_key_of_a_later_epoch() -> None:
    entropy = bytes(range(32))
    _, inception = incept(entropy)
    later = Signer(derive_seed(entropy, 1), inception, 1)
    record = seal(later, network=network(1), kind="lease", created=1, until=2, payload=b"x")
    assert accepted(record.wire) is None
    assert accepted(record.wire, later.public_key) == record
    assert accepted(record.wire, parse_inception(later.inception).key) is None


def test_no_record_passes_for_something_else() -> None:
    for kind in RESERVED_KINDS:
        with pytest.raises(Reject):
            seal(signer(1), network=network(1), kind=kind, created=1, until=2, payload=b"")


def test_swapped_parts_are_refused() -> None:
    one, two = (seal(signer(i), network=network(1), kind="lease", created=1, until=2, payload=b"x") for i in (1, 2))
    for parts in (
        [one.header, two.signature, one.inception],
        [one.header, one.signature, two.inception],
        [one.header, two.signature, two.inception],
    ):
        assert accepted(encode(parts)) is None
    assert decode(one.wire) == [one.header, one.signature, one.inception]


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=1)), min_size=1, max_size=6, unique=True))
def test_one_record_of_a_slot_wins_in_any_order(versions: list[tuple[int, bytes]]) -> None:
    def winner(order: list[tuple[int, bytes]]) -> tuple[int, bytes]:
        best = order[0]
        for version in order[1:]:
            if replaces(version, best):
                best = version
        return best

    assert winner(versions) == winner(versions[::-1]) == winner(sorted(versions))
