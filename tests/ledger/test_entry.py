import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.entry import Entry, encode_entry, parse_entry, settlement_of, sign_entry, verify_entry
from ledger.payloads import NO_PAYLOAD, Settlement, encode_payload
from protocols.codec import decode, decode_as, encode, plain
from protocols.errors import DecodeError, Reject
from protocols.identity import digest, prefix, verify
from protocols.limits import MAX_EPOCH

from .people import ALICE, BOB, DEAL, NET, Author

FIELDS = {
    "network": NET,
    "seq": 3,
    "prev": b"p" * 32,
    "root": b"r" * 32,
    "kind": "EVENT",
    "at": 5,
    "balance": -7,
    "hold": 2,
    "limit": 20,
    "settlement": b"s" * 16 + b"plain",
    "private": b"q" * 16 + b"secret",
}


def sign(**changes: object) -> Entry:
    return sign_entry(ALICE, **{**FIELDS, **changes})  # type: ignore[arg-type]


def test_the_header_is_what_the_format_says() -> None:
    entry = sign()
    assert decode(entry.header) == [
        1,
        NET,
        ALICE.author,
        0,
        3,
        b"p" * 32,
        b"r" * 32,
        "EVENT",
        5,
        -7,
        2,
        20,
        digest(b"s" * 16 + b"plain"),
        digest(b"q" * 16 + b"secret"),
    ]
    assert entry.id == digest(entry.header)
    verify(ALICE.public_key, "entry", entry.header, entry.signature)
    assert prefix("entry") == b"p2pnode/v1/entry\0"


def test_full_form_with_and_without_the_private_payload() -> None:
    entry = sign()
    assert parse_entry(encode_entry(entry, private=True)) == entry
    shown = parse_entry(encode_entry(entry))
    assert shown == msgspec.structs.replace(entry, private=None)
    assert shown.private_hash == digest(b"q" * 16 + b"secret")
    verify_entry(shown)


def test_without_payloads_the_hashes_are_zero() -> None:
    entry = sign(settlement=None, private=None)
    assert entry.settlement_hash == entry.private_hash == NO_PAYLOAD
    assert parse_entry(encode_entry(entry, private=True)) == entry


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 2**53 - 1),
    st.from_regex(r"[A-Z][A-Z_]{0,31}", fullmatch=True).filter(lambda k: k != "INCEPT"),
    st.integers(0, 2**53 - 1),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.integers(0, 2**53 - 1),
    st.integers(0, 2**53 - 1),
    st.none() | st.binary(min_size=16, max_size=99),
    st.none() | st.binary(min_size=16, max_size=99),
)
def test_what_is_signed_can_be_read(
    seq: int, kind: str, at: int, balance: int, hold: int, limit: int, s: bytes | None, p: bytes | None
) -> None:
    entry = sign(seq=seq, kind=kind, at=at, balance=balance, hold=hold, limit=limit, settlement=s, private=p)
    again = parse_entry(encode_entry(entry, private=True))
    assert again == entry
    verify_entry(again)
    assert entry.within_limit == (balance - hold >= -limit)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": b"short"},
        {"network": bytes(16)},
        {"seq": -1},
        {"prev": bytes(32)},
        {"seq": 0},
        {"prev": b"p"},
        {"root": b"r"},
        {"kind": "event"},
        {"kind": "INCEPT"},
        {"kind": "X" * 33},
        {"kind": ""},
        {"at": -1},
        {"hold": -1},
        {"limit": -1},
        {"private": b"x" * 16_000},
    ],
)
def test_what_nobody_accepts_is_not_signed(changes: dict[str, object]) -> None:
    with pytest.raises(Reject):
        sign(**changes)


def test_payloads_that_were_not_signed_are_refused() -> None:
    entry = sign(private=None)
    for settlement, private in [
        (b"s" * 16 + b"other", None),
        (FIELDS["settlement"], b"q" * 20),
        (b"short", None),
        ("text", None),
    ]:
        with pytest.raises(DecodeError):
            parse_entry(encode([entry.header, entry.signature, entry.inception, settlement, private]))


def test_another_inception_is_refused() -> None:
    entry = sign()
    with pytest.raises(DecodeError):
        parse_entry(encode([entry.header, entry.signature, BOB.inception, None, None]))


@pytest.mark.parametrize("data", [b"", b"\x90", encode([1, 2, 3, 4, 5]), encode([b"", b"x" * 64, b"", None, None])])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_entry(data)


def test_a_later_epoch_needs_its_key() -> None:
    entry = msgspec.structs.replace(sign(), epoch=1)
    with pytest.raises(Reject):
        verify_entry(entry)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_an_entry_or_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_entry(data)


def test_a_settlement_payload_has_one_encoding() -> None:
    author = Author(endowment=100)
    entry = author.write("PAY_PROPOSE", Settlement(BOB.author, 5, DEAL))
    assert settlement_of(entry) == Settlement(BOB.author, 5, DEAL)
    for value in (
        {"counterparty": BOB.author, "amount": 5, "deal": DEAL, "expiry": 0},
        {"counterparty": BOB.author, "amount": 5, "deal": DEAL, "more": 1},
        {"counterparty": BOB.author, "amount": 5, "deal": DEAL, "terms": b"short"},
        {"counterparty": BOB.author, "amount": -5, "deal": DEAL},
        {"counterparty": b"short", "amount": 5, "deal": DEAL},
        {"amount": 5, "deal": DEAL},
    ):
        with pytest.raises(DecodeError):
            settlement_of(sign(settlement=bytes(16) + encode(value)))


optional_hash = st.sampled_from([b"", b"t" * 32])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**53 - 1),
    st.integers(0, 2**53 - 1),
    optional_hash,
    st.binary(max_size=300),
    st.integers(0, 3),
    st.lists(st.binary(max_size=40), max_size=3).map(tuple),
    st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple),
    st.sampled_from(["", "hours", "Stück"]),
    st.text("aé\U0001f955", max_size=40),
)
def test_the_short_way_to_encode_a_settlement_is_the_canonical_one(
    amount: int,
    expiry: int,
    terms: bytes,
    half: bytes,
    quorum: int,
    tokens: tuple[bytes, ...],
    witnesses: tuple[bytes, ...],
    unit: str,
    note: str,
) -> None:
    said = Settlement(BOB.author, amount, DEAL, expiry, terms, half, quorum, tokens, witnesses, unit, note)
    assert encode_payload(said) == encode(plain(said))
    assert decode_as(encode_payload(said), Settlement) == said


def test_numbers_that_not_every_language_holds_are_not_signed() -> None:
    for said in (Settlement(BOB.author, 2**53, DEAL), Settlement(BOB.author, 5, DEAL, 2**53)):
        with pytest.raises(ValueError):
            encode_payload(said)
    for field in ("seq", "at", "balance", "hold", "limit"):
        with pytest.raises(Reject):
            sign(**{field: 2**53})


EDGES: dict[int, st.SearchStrategy[object]] = {
    0: st.sampled_from([1, 0, 2, True, "1"]),
    1: st.sampled_from([NET, bytes(16), NET[:-1], "n" * 16]),
    2: st.sampled_from([ALICE.author, BOB.author, ALICE.author[:-1]]),
    3: st.sampled_from([0, -1, MAX_EPOCH, MAX_EPOCH + 1, None]),
    4: st.sampled_from([0, 1, -1, 2**53 - 1, 2**53, 2**64 - 1]),
    5: st.sampled_from([bytes(32), b"p" * 32, b"p" * 31]),
    6: st.sampled_from([b"r" * 32, b"", b"r" * 33]),
    7: st.sampled_from(["EVENT", "INCEPT", "event", "E" * 100, "É", "EVENT\n", ""]),
    8: st.sampled_from([5, -1, 2**53, 5.0]),
    9: st.sampled_from([-7, -(2**53) + 1, -(2**53), 2**53]),
    10: st.sampled_from([2, -1, 2**53]),
    11: st.sampled_from([20, -1, 2**53]),
    12: st.sampled_from([bytes(32), b"s" * 31]),
    13: st.sampled_from([bytes(32), b"s" * 33]),
}


def reads(header: list[object]) -> bool:
    try:
        parse_entry(msgpack.packb([msgpack.packb(header), b"s" * 64, ALICE.inception, None, None]))
    except DecodeError:
        return False
    return True


@given(st.data())
def test_a_header_is_read_exactly_if_every_field_is_in_bounds(data: st.DataObject) -> None:
    sound: list[object] = [
        1,
        NET,
        ALICE.author,
        0,
        3,
        b"p" * 32,
        b"r" * 32,
        "EVENT",
        5,
        -7,
        2,
        20,
        bytes(32),
        bytes(32),
    ]
    assert reads(sound)
    place = data.draw(st.sampled_from(sorted(EDGES)))
    value = data.draw(EDGES[place])
    changed = [*sound[:place], value, *sound[place + 1 :]]
    good = {(0, 1), (3, 0), (3, MAX_EPOCH), (4, 1), (4, 2**53 - 1), (9, -(2**53) + 1)} if type(value) is int else set()
    assert reads(changed) == ((value == sound[place] and type(value) is type(sound[place])) or (place, value) in good)


@pytest.mark.parametrize(
    ("seq", "prev", "kind", "fits"),
    [
        (0, bytes(32), "INCEPT", True),
        (0, bytes(32), "EVENT", False),
        (0, b"p" * 32, "INCEPT", False),
        (3, b"p" * 32, "INCEPT", False),
        (3, bytes(32), "EVENT", False),
    ],
)
def test_a_chain_starts_with_its_inception_alone(seq: int, prev: bytes, kind: str, fits: bool) -> None:
    header: list[object] = [1, NET, ALICE.author, 0, seq, prev, b"r" * 32, kind, 5, 0, 0, 0, bytes(32), bytes(32)]
    assert reads(header) == fits
