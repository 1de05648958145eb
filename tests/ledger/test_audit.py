import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.audit import Report, verify_chain
from ledger.entry import encode_entry
from ledger.head import Head
from ledger.payloads import Settlement

from .people import ALICE, BOB, DEAL, NET, Author, settle


def people() -> tuple[Author, Author]:
    a, b = Author(endowment=1000), Author(BOB, endowment=300)
    settle(a, b, 200, b"1" * 32)
    settle(b, a, 50, b"2" * 32)
    vouch = a.write("VOUCH", Settlement(BOB.author, 70, b"3" * 32))
    b.write("VOUCH_ACCEPT", Settlement(ALICE.author, 70, b"3" * 32, half=encode_entry(vouch)))
    settle(b, a, 60, b"4" * 32, steps=1)
    return a, b


def check(author: Author, chain: list[bytes] | None = None, head: bool = True) -> Report:
    return verify_chain(
        author.chain() if chain is None else chain,
        network=NET,
        author=author.author,
        endowment=author.endowment,
        head=Head(NET, author.state.count, author.state.head) if head else None,
    )


def test_a_sound_chain_is_reported_so() -> None:
    for author in people():
        report = check(author)
        assert report.ok and not report.errors and not report.missing and not report.withheld
        assert (report.entries, report.head, report.state) == (author.state.count, author.state.head, author.state)


def test_where_a_limit_comes_from_is_told() -> None:
    _, b = people()
    assert [(s.voucher, s.amount) for s in check(b).sources] == [(ALICE.author, 70)]


def test_every_changed_bit_is_found() -> None:
    a = Author(endowment=1000)
    b = Author(BOB)
    settle(a, b, 200)
    chain = b.chain()
    for i, data in enumerate(chain):
        # every bit of header, signature, inception and framing; of the long payloads one bit in each byte
        for position in range(len(data)):
            bits = range(8) if position < 400 or i == 0 else (position % 8,)
            for bit in bits:
                bad = bytearray(data)
                bad[position] ^= 1 << bit
                assert not check(b, [*chain[:i], bytes(bad), *chain[i + 1 :]]).ok, (i, position, bit)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_missing_entries_are_named(data: st.DataObject) -> None:
    a, _ = people()
    chain = a.chain()
    kept = data.draw(st.sets(st.integers(0, len(chain) - 1)))
    report = check(a, [chain[i] for i in sorted(kept)])
    assert [seq for r in report.missing for seq in r] == [i for i in range(len(chain)) if i not in kept]
    assert report.ok == (len(kept) == len(chain))
    assert not report.errors  # nothing is wrong with what is left


def test_a_missing_tail_needs_the_head_to_be_noticed() -> None:
    a, _ = people()
    assert check(a, a.chain()[:-1], head=False).ok
    assert check(a, a.chain()[:-1]).missing == (range(a.state.count - 1, a.state.count),)


def test_another_entry_at_the_head_is_noticed() -> None:
    a, _ = people()
    other = Author(endowment=1000, seed=9)
    while other.state.count < a.state.count:
        other.write("EVENT", Settlement(BOB.author, 0, DEAL))
    report = verify_chain(
        other.chain(),
        network=NET,
        author=ALICE.author,
        endowment=1000,
        head=Head(NET, a.state.count, a.state.head),
    )
    assert [p.seq for p in report.errors] == [a.state.count - 1]
    ahead = Head(NET, 3, other.entries[2].id)  # a crash between batch and head slot is no damage
    assert verify_chain(other.chain(), network=NET, author=ALICE.author, endowment=1000, head=ahead).ok


def test_withheld_payloads_are_counted_and_the_rest_is_still_checked() -> None:
    a, _ = people()
    bare = [encode_entry(msgspec.structs.replace(e, settlement=None)) for e in a.entries]
    report = check(a, bare)
    assert report.ok and report.withheld == len(bare) - 1


def test_swapped_doubled_and_foreign_entries_are_errors() -> None:
    a, b = people()
    chain = a.chain()
    assert check(a, [*chain[:3], chain[2], *chain[3:]]).errors
    assert check(a, [chain[0], chain[2], chain[1], *chain[3:]]).errors
    assert check(a, [*chain, b.chain()[0]]).errors
    assert check(a, [*chain[:2], b"rubbish", *chain[2:]]).errors


@pytest.mark.parametrize("kind", ["PAY_RECEIPT", "PAY_RELEASE", "PAY_ACCEPT"])
def test_a_deal_is_decided_once(kind: str) -> None:
    a, b = Author(endowment=1000), Author(BOB)
    proposed, _, completed, _ = settle(a, b, 200)
    half = completed if kind == "PAY_RECEIPT" else proposed
    b.write(kind, Settlement(ALICE.author, 200, DEAL, terms=b"t" * 32, half=encode_entry(half)))
    report = check(b)
    assert not report.ok and [p.seq for p in report.errors] == [b.state.count - 1]


def test_a_receipt_without_an_acceptance_of_its_own_is_an_error() -> None:
    a, b = Author(endowment=1000), Author(BOB)
    completed = settle(a, b, 200)[2]
    fresh = Author(BOB)
    fresh.write("PAY_RECEIPT", Settlement(ALICE.author, 200, DEAL, terms=b"t" * 32, half=encode_entry(completed)))
    assert not check(fresh).ok


def test_problems_are_bounded() -> None:
    a = Author(endowment=10)
    report = check(a, [b"rubbish"] * 500)
    assert len(report.errors) == 100 and report.entries == 500
