import msgspec
import pytest

from ledger.entry import Entry
from ledger.fork import encode_fork, fork_of, parse_fork, verify_fork
from ledger.payloads import Settlement
from protocols.codec import decode, encode
from protocols.errors import DecodeError, Reject

from .people import BOB, CAROL, DEAL, Author


def two_machines() -> tuple[Entry, Entry]:
    """A backup restored on a second machine: both go on from the same head."""
    a, b = Author(endowment=100), Author(endowment=100)
    return (
        a.write("PAY_PROPOSE", Settlement(BOB.author, 100, DEAL)),
        b.write("PAY_PROPOSE", Settlement(CAROL.author, 100, DEAL)),
    )


def test_two_entries_in_one_place_are_proof() -> None:
    a, b = two_machines()
    fork = fork_of(a, b)
    assert fork is not None and fork == fork_of(b, a)
    data = encode_fork(fork)
    assert len(data) <= 700
    again = parse_fork(data)
    verify_fork(again)
    assert (again, again.author, again.seq) == (fork, a.author, 1)
    assert a.settlement is not None and a.settlement not in data


def test_honest_chains_are_no_fork() -> None:
    a, _ = two_machines()
    author = Author(endowment=100)
    other = Author(BOB, endowment=100)
    assert fork_of(a, a) is None
    assert fork_of(a, author.entries[0]) is None
    assert fork_of(author.entries[0], other.entries[0]) is None
    assert fork_of(a, msgspec.structs.replace(a, network=b"x" * 16, id=b"x" * 32)) is None


def test_a_proof_needs_both_signatures() -> None:
    fork = fork_of(*two_machines())
    assert fork is not None
    parts = decode(encode_fork(fork))
    for i in (1, 3):
        bad = list(parts)
        bad[i] = bytes(64)
        with pytest.raises(Reject):
            verify_fork(parse_fork(encode(bad)))


def test_the_proof_has_one_form() -> None:
    fork = fork_of(*two_machines())
    assert fork is not None
    h1, s1, h2, s2, inception = decode(encode_fork(fork))
    for bad in ([h2, s2, h1, s1, inception], [h1, s1, h1, s1, inception], [h1, s1, h2, s2], [h1, s1, h2, s2, None]):
        with pytest.raises(DecodeError):
            parse_fork(encode(bad))


def test_a_key_that_was_replaced_before_convicts_nobody() -> None:
    fork = fork_of(*two_machines())
    assert fork is not None
    with pytest.raises(Reject):
        verify_fork(fork, keys=lambda entry: None if entry.seq > 0 else b"k" * 32)
