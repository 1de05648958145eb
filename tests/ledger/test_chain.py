import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.balance import RULES, Figures, OverLimit
from ledger.chain import apply, decode_state, encode_state, extend, next_at, start
from ledger.entry import NO_PREV, encode_entry, parse_entry, sign_entry
from ledger.merkle import EMPTY_ROOT, root
from ledger.payloads import InceptPayload, Settlement, encode_payload, salted
from protocols.codec import encode
from protocols.errors import DecodeError, Reject

from .people import ALICE, BOB, CAROL, DEAL, NET, Author, settle, shown


def pay(amount: int, deal: bytes = DEAL) -> Settlement:
    return Settlement(BOB.author, amount, deal)


def test_a_chain_starts_with_the_endowment() -> None:
    a = Author(endowment=500)
    first = a.entries[0]
    assert (first.seq, first.prev, first.root, first.limit) == (0, NO_PREV, EMPTY_ROOT, 500)
    assert apply(start(NET, ALICE.author), first, endowment=500) == a.state
    with pytest.raises(Reject, match="genesis"):
        apply(start(NET, ALICE.author), first)


def test_the_figures_of_a_whole_deal() -> None:
    a, b = Author(endowment=500), Author(BOB)
    proposed, accepted, completed, receipt = settle(a, b, 200)
    assert [(e.balance, e.hold, e.limit) for e in (proposed, completed)] == [(0, 200, 500), (-200, 0, 500)]
    assert [(e.balance, e.hold, e.limit) for e in (accepted, receipt)] == [(0, 0, 0), (200, 0, 0)]


def test_every_root_is_that_of_the_ids_before() -> None:
    a = Author(endowment=1000)
    for i in range(9):
        a.write("PAY_PROPOSE", pay(1, bytes([i]) * 32))
    for i, entry in enumerate(a.entries):
        assert entry.root == root([e.id for e in a.entries[:i]])


def test_a_limit_cannot_be_overdrawn_and_the_refusal_says_what_to_do() -> None:
    a = Author(endowment=100)
    a.write("PAY_PROPOSE", pay(60))
    with pytest.raises(OverLimit) as e:
        a.write("PAY_PROPOSE", pay(41, b"e" * 32))
    assert (e.value.code, e.value.needed, e.value.spendable) == ("refused", 41, 40)
    assert "41" in e.value.message and "limit 100" in e.value.message and "vouch" in e.value.hint
    a.write("PAY_PROPOSE", pay(40, b"e" * 32))
    newcomer = Author(CAROL)
    with pytest.raises(OverLimit):
        newcomer.write("PAY_PROPOSE", pay(1))


def test_what_is_vouched_for_cannot_be_given_back_while_it_is_used() -> None:
    a, b = Author(endowment=100), Author(BOB)
    vouch = a.write("VOUCH", Settlement(BOB.author, 50, DEAL))
    b.write("VOUCH_ACCEPT", Settlement(ALICE.author, 50, DEAL, half=encode_entry(vouch)))
    assert (a.state.figures.spendable, b.state.limit) == (50, 50)
    b.write("PAY_PROPOSE", Settlement(CAROL.author, 1, b"e" * 32))
    with pytest.raises(OverLimit, match="given back"):
        b.write("VOUCH_RETURN", Settlement(ALICE.author, 50, DEAL))


def test_times_never_go_back() -> None:
    a = Author(endowment=10)
    a.write("EVENT", pay(0), now=1000)
    assert a.write("EVENT", pay(0), now=400).at == 1000
    assert next_at(a.state, 400) == 1000 and next_at(a.state, 1001) == 1001


@pytest.mark.parametrize(
    ("kind", "settlement"),
    [("INCEPT", InceptPayload()), ("PAY_COMPLETE", pay(5)), ("PAY_PROPOSE", None), ("UNVOUCH", pay(1))],
)
def test_what_does_not_fit_the_chain_is_a_bug_of_ours(kind: str, settlement: msgspec.Struct | None) -> None:
    with pytest.raises(ValueError):
        Author(endowment=100).write(kind, settlement)


def test_only_the_chains_own_signer_extends_it() -> None:
    with pytest.raises(ValueError):
        extend(start(NET, ALICE.author), BOB, "INCEPT", InceptPayload(), None, 1, random.Random(1))


def forged(a: Author, **changes: object) -> bytes:
    """The next entry of a chain, signed by its author, but with other fields than the rules give."""
    state = a.state
    settlement = changes.pop("say", pay(10))
    fields = {
        "network": NET,
        "seq": state.count,
        "prev": state.head,
        "root": a.entries and root([e.id for e in a.entries]),
        "kind": "PAY_PROPOSE",
        "at": state.at,
        "balance": state.balance,
        "hold": state.hold + 10,
        "limit": state.limit,
        "settlement": settlement and salted(encode_payload(settlement), a.rng),
        "private": None,
        **changes,
    }
    return encode_entry(sign_entry(a.signer, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 5},
        {"prev": b"x" * 32},
        {"root": b"x" * 32},
        {"at": 0},
        {"network": b"x" * 16},
        {"hold": 9},
        {"hold": 200},
        {"limit": 101},
        {"balance": 1},
        {"kind": "VOUCH_ACCEPT"},
        {"kind": "PAY_RECEIPT", "hold": 0, "balance": 10},
        {"kind": "SOMETHING_NEW", "say": None},
        {"say": None},
        {"say": pay(11)},
        {"say": Settlement(ALICE.author, 10, DEAL)},
        {"say": Settlement(BOB.author, 10, DEAL, half=b"x")},
        {"say": pay(0), "hold": 0},
        {"say": pay(101), "hold": 101},
    ],
)
def test_apply_refuses_what_the_rules_do_not_give(changes: dict[str, object]) -> None:
    a = Author(endowment=100)
    apply(a.state, parse_entry(forged(a)))
    with pytest.raises(Reject):
        apply(a.state, parse_entry(forged(a, **changes)))


def test_an_unknown_kind_moves_nothing_and_is_let_through() -> None:
    a = Author(endowment=100)
    state = apply(a.state, parse_entry(forged(a, kind="SOMETHING_NEW", hold=0, say=None)))
    assert state.figures == Figures(0, 0, 100)


def test_a_withheld_settlement_still_has_to_fit_the_kind() -> None:
    a = Author(endowment=100)
    entry = a.write("PAY_PROPOSE", pay(30))
    before = apply(start(NET, ALICE.author), a.entries[0], endowment=100)
    bare = msgspec.structs.replace(entry, settlement=None)
    assert apply(before, bare) == apply(before, entry) == a.state
    b = Author(endowment=100)
    with pytest.raises(Reject):
        apply(b.state, msgspec.structs.replace(parse_entry(forged(b, balance=5)), settlement=None))


def test_a_receipt_needs_the_counterpartys_own_completion() -> None:
    a, b = Author(endowment=500), Author(BOB)
    proposed, accepted, completed, _ = settle(a, b, 200)
    fresh = Author(BOB)
    for half in (b"", encode_entry(proposed), encode_entry(accepted), encode_entry(completed)[:-1] + b"\x00"):
        say = Settlement(ALICE.author, 200, DEAL, terms=b"t" * 32, half=half)
        with pytest.raises(Reject):
            apply(fresh.state, parse_entry(forged(fresh, kind="PAY_RECEIPT", balance=200, hold=0, say=say)))
    # a completion that the payer did not sign mints nothing
    fake = msgspec.structs.replace(completed, signature=bytes(64))
    say = Settlement(ALICE.author, 200, DEAL, terms=b"t" * 32, half=encode_entry(fake))
    with pytest.raises(Reject, match="signature"):
        apply(fresh.state, parse_entry(forged(fresh, kind="PAY_RECEIPT", balance=200, hold=0, say=say)))


def test_a_vouch_that_overdraws_its_author_raises_no_limit() -> None:
    mallory = Author(ALICE)
    vouch = parse_entry(forged(mallory, kind="VOUCH", hold=50, say=Settlement(BOB.author, 50, DEAL)))
    assert not vouch.within_limit
    fresh = Author(BOB)
    say = Settlement(ALICE.author, 50, DEAL, half=encode_entry(vouch))
    with pytest.raises(Reject, match="overdraws"):
        apply(fresh.state, parse_entry(forged(fresh, kind="VOUCH_ACCEPT", hold=0, limit=50, say=say)))


def test_the_state_is_stored_and_damage_is_seen() -> None:
    a = Author(endowment=500)
    for i in range(6):
        a.write("PAY_PROPOSE", pay(1, bytes([i]) * 32))
        assert decode_state(encode_state(a.state)) == a.state
    for bad in (b"", encode([1]), encode_state(a.state)[:-1], encode_state(msgspec.structs.replace(a.state, count=6))):
        with pytest.raises(DecodeError):
            decode_state(bad)


steps = st.lists(
    st.tuples(st.sampled_from(["pay", "earn", "vouch", "cancel", "event"]), st.integers(1, 150), st.integers(-5, 50)),
    max_size=8,
)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 300), steps)
def test_extend_and_apply_agree_and_the_limit_holds_everywhere(endowment: int, todo: list) -> None:
    a, others = Author(endowment=endowment), Author(BOB, endowment=10_000)
    for i, (what, amount, clock) in enumerate(todo):
        deal = bytes([i]) * 32
        try:
            match what:
                case "pay":
                    settle(a, others, amount, deal, now=a.state.at + clock)
                case "earn":
                    settle(others, a, amount, deal)
                case "vouch":
                    a.write("VOUCH", Settlement(BOB.author, amount, deal))
                case "cancel":
                    settle(a, others, amount, deal, steps=1)
                case "event":
                    a.write("EVENT", pay(0, deal), b"note", clock)
        except OverLimit as e:
            assert e.spendable < e.needed
    for author in (a, others):
        state = start(NET, author.author)
        for entry in author.entries:
            state = apply(state, shown(entry), endowment=author.endowment)
            assert entry.balance - entry.hold >= -entry.limit
        assert state == author.state
    assert a.state.balance + others.state.balance == 0


def test_every_kind_of_the_design_has_a_rule() -> None:
    assert set(RULES) == {
        *("PAY_PROPOSE", "PAY_ACCEPT", "PAY_RELEASE", "PAY_CANCELREQ", "PAY_CANCEL", "PAY_COMPLETE", "PAY_RECEIPT"),
        *("VOUCH", "VOUCH_ACCEPT", "VOUCH_RETURN", "UNVOUCH", "VOUCH_CONSUME", "VOUCH_CONSUMED", "VOUCH_RESTORE"),
        *("CLAIM", "CLAIM_ASK", "CLAIM_ACCEPT", "CLAIM_PAID", "CLAIM_CLOSED", "AGREE", "EVENT", "ATTEST"),
    }
