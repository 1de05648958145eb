"""Identities: the id commits to the keys that may sign for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from protocols.errors import DecodeError, Reject
from protocols.identity import (
    Rotation,
    Signer,
    derive_seed,
    digest,
    incept,
    initial_state,
    parse_inception,
    rotated,
    verify,
)

entropies = st.binary(min_size=32, max_size=32)


def key(entropy: bytes, epoch: int) -> bytes:
    return SigningKey(derive_seed(entropy, epoch)).verify_key.encode()


@given(entropies)
def test_round_trip(entropy: bytes) -> None:
    signer, inception = incept(entropy)
    assert parse_inception(inception.encode()) == inception
    assert signer.author == inception.author == digest(inception.encode())
    assert inception.key == signer.public_key == key(entropy, 0)


@given(entropies, st.integers(0, 10**6))
def test_a_flipped_bit_is_another_author(entropy: bytes, at: int) -> None:
    _, inception = incept(entropy)
    data = bytearray(inception.encode())
    data[at // 8 % len(data)] ^= 1 << at % 8
    try:
        other = parse_inception(bytes(data))
    except DecodeError:
        return
    assert other.author != inception.author


@given(entropies)
def test_only_the_key_committed_to_follows(entropy: bytes) -> None:
    _, inception = incept(entropy)
    state = initial_state(inception)
    good = Rotation(key(entropy, 1), digest(key(entropy, 2)), 7)
    after = rotated(state, 1, good)
    assert (after.epoch, after.key) == (1, key(entropy, 1))
    assert rotated(after, 2, Rotation(key(entropy, 2), bytes(32), -1)).epoch == 2
    for epoch, rotation in (
        (1, Rotation(key(entropy, 2), bytes(32), 7)),
        (1, Rotation(key(entropy, 0), bytes(32), 7)),
        (2, good),
        (0, good),
        (1, Rotation(good.key, good.next_hash, -2)),
        (1, Rotation(good.key, good.next_hash[:31], 7)),
    ):
        with pytest.raises(Reject):
            rotated(state, epoch, rotation)


def test_signing_is_of_one_domain() -> None:
    signer, _ = incept(bytes(32))
    signature = signer.sign("one", b"message")
    verify(signer.public_key, "one", b"message", signature)
    for domain, message in (("two", b"message"), ("one", b"messag"), ("on", b"emessage"), ("one\0", b"message")):
        with pytest.raises(Reject):
            verify(signer.public_key, domain, message, signature)


def test_a_seed_of_another_identity_is_an_error() -> None:
    _, inception = incept(bytes(32))
    with pytest.raises(ValueError):
        Signer(bytes(32), inception, 0)


def test_a_signer_does_not_print_its_secret() -> None:
    signer, _ = incept(bytes(32))
    assert derive_seed(bytes(32), 0).hex() not in repr(signer) + str(signer)
