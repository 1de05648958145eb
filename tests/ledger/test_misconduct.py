"""What convicts an author: true proofs hold, forged ones do not, and no honest chain gives one."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.entry import Entry, encode_entry, sign_entry
from ledger.misconduct import Evidence, check_evidence, evidence_between, evidence_of
from ledger.payloads import Settlement, encode_payload, salted
from protocols.codec import decode, encode
from protocols.errors import DecodeError, Reject
from protocols.limits import MAX_MISCONDUCT_PROOF
from protocols.misconduct import BALANCE, FORK, LIMIT

from .people import ALICE, BOB, CAROL, DEAL, NET, Author, settle


def forged(after: Entry, **changes: object) -> Entry:
    """An entry that Alice signs after this one by her own hand, past all rules."""
    fields = {
        "network": NET,
        "seq": after.seq + 1,
        "prev": after.id,
        "root": bytes(32),
        "kind": "PAY_PROPOSE",
        "at": after.at,
        "balance": after.balance,
        "hold": after.hold,
        "limit": after.limit,
        "settlement": None,
        "private": None,
        **changes,
    }
    return sign_entry(ALICE, **fields)  # type: ignore[arg-type]


def payload(amount: int) -> bytes:
    return salted(encode_payload(Settlement(BOB.author, amount, DEAL)), Author().rng)


def proofs() -> dict[str, Evidence]:
    """One of each."""
    author = Author(endowment=100)
    incept = author.entries[0]
    a = author.write("PAY_PROPOSE", Settlement(BOB.author, 100, DEAL))
    found = {
        "fork": evidence_between(a, forged(incept, hold=7, settlement=payload(7))),
        "overdrawn": evidence_of(forged(incept, hold=101), 100),
        "endowed by nobody": evidence_of(incept, 99),
        "earned from nowhere": evidence_between(incept, forged(incept, kind="EVENT", balance=5)),
        "promised less than it says": evidence_between(incept, forged(incept, hold=5, settlement=payload(6))),
        "another before it": evidence_between(a, forged(a, prev=bytes([1] * 32), kind="EVENT")),
    }
    assert all(found.values())
    return {name: each for name, each in found.items() if each is not None}


WHAT = {"fork": FORK, "overdrawn": LIMIT, "endowed by nobody": LIMIT}


@pytest.mark.parametrize("name", sorted(proofs()))
def test_a_proof_holds_by_itself(name):
    found = proofs()[name]
    endowment = 99 if name == "endowed by nobody" else 100
    shown = check_evidence(found.what, found.proof, endowment)
    assert (shown.network, shown.accused, found.what) == (NET, ALICE.author, WHAT.get(name, BALANCE))
    assert len(found.proof) <= MAX_MISCONDUCT_PROOF
    assert (b"amount" in found.proof) == (name == "promised less than it says")


@pytest.mark.parametrize("name", sorted(proofs()))
def test_each_signature_counts(name):
    found = proofs()[name]
    endowment = 99 if name == "endowed by nobody" else 100
    parts = decode(found.proof)
    if found.what == BALANCE:
        broken = []
        for at in (0, 1):
            rows = [decode(e) for e in parts]
            rows[at][1] = bytes(64)
            broken.append(encode([encode(row) for row in rows]))
    else:
        places = (1, 3) if found.what == FORK else (1,)
        broken = [encode([bytes(64) if i == at else part for i, part in enumerate(parts)]) for at in places]
    for proof in broken:
        with pytest.raises(Reject) as e:
            check_evidence(found.what, proof, endowment)
        assert e.value.code == "signature"
    with pytest.raises(Reject):
        check_evidence(found.what, found.proof, endowment, lambda signed: None)  # a key that was replaced before it


@pytest.mark.parametrize("what", [FORK, BALANCE, LIMIT])
@pytest.mark.parametrize("name", sorted(proofs()))
def test_one_proof_is_not_taken_for_another(name, what):
    found = proofs()[name]
    if what != found.what:
        with pytest.raises(Reject):
            check_evidence(what, found.proof, 100)
    with pytest.raises(Reject):
        check_evidence("gossip", found.proof, 100)


def test_a_proof_shows_no_private_payload():
    author = Author(endowment=100)
    a = author.write("PAY_PROPOSE", Settlement(BOB.author, 100, DEAL), b"between us")
    b = forged(a, kind="EVENT", balance=5, private=salted(b"what nobody else may read", author.rng))
    found = evidence_between(a, b)
    assert found is not None and b"nobody else" not in found.proof and b"between us" not in found.proof
    rows = decode(found.proof)
    with pytest.raises(DecodeError):
        check_evidence(BALANCE, encode([rows[0], encode_entry(b, private=True)]), 100)


def test_what_is_too_long_for_a_record_is_shown_bare_or_not_at_all():
    author = Author(endowment=100)
    long = salted(bytes(14_000), author.rng)
    a = author.entries[0]
    found = evidence_between(a, forged(a, kind="EVENT", balance=5, settlement=long))
    assert found is not None and len(found.proof) < 2_000
    check_evidence(BALANCE, found.proof, 100)


def test_sound_entries_convict_nobody():
    author = Author(endowment=100)
    a = author.write("PAY_PROPOSE", Settlement(BOB.author, 100, DEAL))
    other = Author(CAROL, endowment=100)
    assert evidence_between(author.entries[0], a) is None and evidence_between(a, a) is None
    assert evidence_between(author.entries[0], other.entries[0]) is None
    assert evidence_between(a, msgspec.structs.replace(a, network=b"x" * 16, id=b"x" * 32)) is None
    assert evidence_of(a, 100) is None and evidence_of(a, 0) is None
    row = [encode_entry(author.entries[0]), encode_entry(a)]
    for what, proof in ((BALANCE, encode(row)), (LIMIT, encode_entry(a)), (BALANCE, encode(row[::-1]))):
        with pytest.raises(Reject):
            check_evidence(what, proof, 100)


def test_a_payload_of_a_version_to_come_convicts_nobody():
    incept = Author(endowment=100).entries[0]
    odd = salted(encode({"amount": 9, "colour": "red"}), Author().rng)
    assert evidence_between(incept, forged(incept, hold=5, settlement=odd)) is None
    assert evidence_between(incept, forged(incept, kind="TO_COME", settlement=odd)) is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["pay", "vouch", "say", "new"]), st.integers(1, 60), st.integers(1, 4)), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_no_honest_chain_convicts_its_author(steps):
    """Whatever honest authors do, finished or not: no entry of theirs, and no two, are evidence."""
    alice, bob = Author(endowment=200), Author(BOB, endowment=200)
    for number, (kind, amount, upto) in enumerate(steps):
        deal = bytes([number]) * 32
        payer, payee = (alice, bob) if amount % 2 else (bob, alice)
        if kind == "pay" and payer.state.figures.spendable >= amount:
            settle(payer, payee, amount, deal, steps=upto, now=10 + number)
        elif kind == "vouch" and payer.state.figures.spendable >= amount:
            payer.write("VOUCH", Settlement(payee.author, amount, deal), now=10 + number)
        elif kind == "say":
            payer.write("EVENT", Settlement(payee.author, 0, deal), b"a note", now=10 + number)
        elif kind == "new":
            payer.write("TO_COME", None, b"of a later version", now=10 + number)
    for author in (alice, bob):
        bare = [msgspec.structs.replace(e, settlement=None, private=None) for e in author.entries]
        for entry in (*author.entries, *bare):
            assert evidence_of(entry, author.endowment) is None
        for a, b in (*pairwise(author.entries), *pairwise(bare), *zip(author.entries, bare, strict=True)):
            assert evidence_between(a, b) is None and evidence_between(b, a) is None
