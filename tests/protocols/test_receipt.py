import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import decode, encode
from protocols.door import ALPHABET, format_code, make_code, parse_code
from protocols.errors import DecodeError, Refusal, Reject
from protocols.limits import MAX_EPOCH, MAX_RECEIPT, MAX_RECEIPT_HALF, MAX_TITLE
from protocols.receipt import (
    Half,
    Particulars,
    Receipt,
    format_receipt,
    parse_either,
    parse_half,
    parse_receipt,
    parse_texts,
    take_custody,
    verify_half,
    verify_receipt,
)
from tests.protocols.custody import PARCEL, half, receipt
from tests.strategies import NOW, signer

FULL = {"note": "dry", "photos": (b"p" * 32,), "exchange": b"x" * 32, "duty": "pickup"}


def test_it_is_signed_by_both_and_says_what_passed():
    one = half(1, 2, **FULL)
    verify_half(one)
    whole = take_custody(signer(2), one)
    verify_receipt(whole)
    assert whole.id == one.id and whole.half == one.wire and whole.said == Particulars(**FULL)
    assert (whole.parcel, whole.giver, whole.taker, whole.at) == (PARCEL, signer(1).author, signer(2).author, NOW)
    assert parse_receipt(whole.wire) == whole and parse_half(one.wire) == one
    assert isinstance(parse_either(whole.wire), Receipt) and isinstance(parse_either(one.wire), Half)


def test_the_largest_half_fits_into_a_code_that_a_terminal_can_show():
    found = [half(1, 2, **(FULL | {"note": "n" * n, "photos": (b"p" * 32,) * 4})) for n in (0, 60)]
    assert len(found[0].wire) < 560 and len(found[1].wire) < 620 < MAX_RECEIPT_HALF
    assert len(take_custody(signer(2), found[1]).wire) < MAX_RECEIPT
    with pytest.raises(DecodeError):
        half(1, 2, **(FULL | {"note": "n" * MAX_TITLE, "photos": (b"p" * 32,) * 4}))


def test_only_who_is_named_can_take_it_and_with_the_key_that_is_named():
    with pytest.raises(Reject):
        take_custody(signer(3), half(1, 2))
    one = half(1, 2)
    header = decode(one.header)
    header[7] = 1
    later = encode(header)
    with pytest.raises(Reject):
        take_custody(signer(2), parse_half(encode([later, signer(1).sign("receipt", later), one.inception_giver])))


@pytest.mark.parametrize("place", [1, 2])
def test_each_signature_counts(place):
    parts = decode(receipt(1, 2).wire)
    parts[place] = bytes([parts[place][0] ^ 1]) + parts[place][1:]
    with pytest.raises(Reject):
        verify_receipt(parse_receipt(encode(parts)))
    parts[place] = parts[3 - place]  # the other's signature is not his
    with pytest.raises(Reject):
        verify_receipt(parse_receipt(encode(parts)))


def _header(change: dict[int, object]) -> bytes:
    header = decode(half(1, 2).header)
    for place, value in change.items():
        header[place] = value
    return encode(header)


@pytest.mark.parametrize(
    "change",
    [
        {0: 2}, {1: bytes(16)}, {1: b"n" * 15}, {2: bytes(32)}, {2: b"p" * 31}, {3: b""}, {4: b"g" * 32}, {5: -1},
        {5: MAX_EPOCH + 1}, {6: signer(1).author}, {6: b""}, {7: MAX_EPOCH + 1}, {8: -1}, {9: b"\x80"},
        {9: encode({"note": "a\x1b"})}, {9: encode({"exchange": b"x"})}, {9: encode({"photos": [b"p"]})},
        {9: encode({"other": 1})}, {9: encode({"note": ""})}, {9: encode({"duty": "A"})}, {9: bytes(300)},
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_receipt(change):
    header = _header(change)
    inception = signer(1).inception
    with pytest.raises(DecodeError):
        parse_half(encode([header, signer(1).sign("receipt", header), inception]))


def test_a_later_key_needs_to_be_known():
    header = _header({5: 3})
    found = parse_half(encode([header, signer(1).sign("receipt", header), signer(1).inception]))
    with pytest.raises(Reject) as e:
        verify_half(found)
    assert e.value.code == "context"
    verify_half(found, signer(1).public_key)


def test_the_inception_is_the_givers():
    one = half(1, 2)
    with pytest.raises(DecodeError):
        parse_half(encode([one.header, one.signature_giver, signer(2).inception]))


def test_texts_bear_small_letters_broken_lines_and_words_around_them():
    one, whole = half(1, 2), receipt(1, 2, **FULL)
    text = f"{format_receipt(whole)}\n{format_receipt(one)}\n"
    assert set(format_receipt(one)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 $%*+-./:")  # the densest mode of QR
    assert parse_texts(text) == (whole, one)
    broken = "\r\n ".join(text[i : i + 60] for i in range(0, len(text), 60)).lower()
    assert parse_texts("Here you are: " + broken) == (whole, one)


@pytest.mark.parametrize(
    "change",
    [lambda t: "", lambda t: t[:-1], lambda t: t[:-9], lambda t: t + "A", lambda t: t.replace("A", "1"),
     lambda t: t[16:], lambda t: "P2PNODE:RECEIPT:", lambda t: t * 2_000],
)  # fmt: skip
def test_texts_that_are_not_whole(change):
    with pytest.raises(DecodeError):
        parse_texts(change(format_receipt(half(1, 2))))


@given(st.binary(max_size=64), st.integers(0, 900))
def test_bytes_are_a_receipt_or_refused(tail, cut):
    data = receipt(1, 2).wire[:cut] + tail
    try:
        found = parse_either(data)
    except DecodeError:
        return
    assert found.wire == data


class _Rng:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def randbytes(self, n: int, /) -> bytes:
        return self.data[:n]


@given(st.binary(min_size=8, max_size=8))
def test_a_code_is_read_however_it_is_typed(data):
    code = make_code(_Rng(data))
    assert len(code) == 12 and set(code) <= set(ALPHABET)
    shown = format_code(code)
    for typed in (code, shown, shown.lower(), f" {shown.replace('-', ' ')} ", code.replace("0", "O").replace("1", "l")):
        assert parse_code(typed) == code


def test_codes_use_all_of_their_chance():
    assert make_code(_Rng(b"\xff" * 8)) == "Z" * 12 and make_code(_Rng(bytes(8))) == "0" * 12
    assert len({make_code(_Rng((1 << i).to_bytes(8, "big"))) for i in range(60)}) == 60


@pytest.mark.parametrize("typed", ["", "1234", "K7QM-2XPD-9V3", "K7QM-2XPD-9V3TT", "K7QM-2XPD-9V3U", "K7QM_2XPD_9V3T"])
def test_what_is_no_code(typed):
    with pytest.raises(Refusal):
        parse_code(typed)
