"""Invite links and redemptions."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import DecodeError, Reject
from protocols.identity import Signer, derive_seed, incept
from protocols.invite import Invite, make_invite, parse_invite, parse_link, verify_invite
from protocols.redemption import Redemption, countersign, prove, seal_redemption, verify_redemption
from tests.strategies import NOW, invites, network, signer

GENESIS = network(1) + bytes(16)


@given(invites())
def test_round_trip(made: tuple[Invite, str]) -> None:
    invite, link = made
    parsed = parse_link(f"  {link}\n")
    assert parsed.invite == invite == parse_invite(invite.wire)
    verify_invite(invite)


@settings(max_examples=60, deadline=None)
@given(invites(), st.integers(0, 10**6), st.sampled_from("ABCDwxyz0189-_"))
def test_a_changed_or_cut_link_is_refused(made: tuple[Invite, str], at: int, character: str) -> None:
    """Only the addresses, a hint and not signed, and the tail of the genesis id may differ in a link that parses; or it
    says that its inviter has rotated its key, which who lets us in checks."""
    invite, link = made
    at = len("p2pnode://join/") + at % (len(link) - len("p2pnode://join/"))
    changed = link[:at] + character + link[at + 1 :]
    with pytest.raises(DecodeError):
        parse_link(link[:at])
    try:
        parsed = parse_link(changed)
    except DecodeError:
        return
    assert parsed.invite == invite or parsed.invite.epoch > 0
    assert parsed.seed == parse_link(link).seed


def test_what_is_out_of_bounds_is_not_made() -> None:
    for options in ({"uses": 0}, {"vouch": -1}, {"note": "a" * 201}, {"addresses": ("elm street",)}):
        with pytest.raises(Reject):
            make_invite(signer(1), GENESIS, random.Random(1), expires_at=NOW, **options)


def test_only_the_inviter_countersigns_a_true_proof() -> None:
    ann, bob, eve = signer(1), signer(2), signer(3)
    invite, link = make_invite(ann, GENESIS, random.Random(1), expires_at=NOW)
    proof = prove(parse_link(link).seed, invite, bob.author)
    assert len(countersign(ann, invite, bob.author, proof)) == 64
    for who, newcomer, shown in (
        (eve, bob.author, proof),
        (ann, eve.author, proof),
        (ann, bob.author, bytes(64)),
        (ann, ann.author, prove(parse_link(link).seed, invite, ann.author)),
    ):
        with pytest.raises(Reject):
            countersign(who, invite, newcomer, shown)


def test_an_invite_of_a_later_epoch_needs_the_key() -> None:
    entropy = bytes(range(32))
    _, inception = incept(entropy)
    later = Signer(derive_seed(entropy, 1), inception, 1)
    invite, link = make_invite(later, GENESIS, random.Random(1), expires_at=NOW)
    with pytest.raises(Reject) as e:
        verify_invite(invite)
    assert e.value.code == "context"
    verify_invite(invite, later.public_key)
    bob = signer(2)
    proof = prove(parse_link(link).seed, invite, bob.author)
    redemption = Redemption(invite.wire, proof, countersign(later, invite, bob.author, proof))
    record = seal_redemption(bob, network(1), redemption, created=NOW)
    assert verify_redemption(record, redemption, later.public_key) == invite
    with pytest.raises(Reject):
        verify_redemption(record, redemption, inception.key)
    with pytest.raises(Reject):
        verify_redemption(record, redemption)
