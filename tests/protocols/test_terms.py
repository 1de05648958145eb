from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import encode, plain
from protocols.errors import DecodeError
from protocols.limits import MAX_QUANTITY, MAX_TERMS
from protocols.terms import Duty, encode_terms, parse_terms, quorum_of, terms_hash
from tests.protocols.deals import ANN, BOB, EVE, terms_of
from tests.protocols.old_rows import ROWS
from tests.strategies import NOW, amounts, kinds, lines, signer, texts, times

TERMS = terms_of()
quantities = st.integers(1, MAX_QUANTITY)


@given(kinds | st.sampled_from(sorted(ROWS)), lines(120), texts(200), amounts, quantities, st.booleans(), times)
def test_round_trip(kind, title, note, amount, quantity, offered, start):
    terms = terms_of(
        kind=kind, title=title, note=note, amount=amount, quantity=quantity, offered=offered, start=start, end=start + 1
    )
    assert parse_terms(encode_terms(terms)) == terms
    assert terms_hash(parse_terms(encode_terms(terms))) == terms_hash(terms)


@pytest.mark.parametrize("kind", sorted(ROWS))
@pytest.mark.parametrize("offered", [True, False])
def test_who_gives_and_who_pays(kind, offered):
    terms = terms_of(kind=kind, offered=offered)
    giver = BOB.author if offered else ANN.author
    assert all((d.provider == giver) == (d.id not in ("pay", "return")) for d in terms.duties)
    assert terms_of(kind=kind, amount=0, unit="").payment is None


def test_defaults_are_left_out():
    value = plain(TERMS)
    assert "note" not in value and "previous" not in value
    with pytest.raises(DecodeError):
        parse_terms(encode({**value, "note": ""}))


@given(st.integers(0, len(encode_terms(TERMS)) - 1))
def test_cut_short(size):
    with pytest.raises(DecodeError):
        parse_terms(encode_terms(TERMS)[:size])


@given(st.integers(0, len(encode_terms(TERMS)) * 8 - 1))
def test_a_flipped_bit_is_refused_or_other_terms(bit):
    data = bytearray(encode_terms(TERMS))
    data[bit // 8] ^= 1 << bit % 8
    with suppress(DecodeError):
        assert terms_hash(parse_terms(bytes(data))) != terms_hash(TERMS)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "a\x1b[31m"},
        {"title": "a\nb"},
        {"note": "a\u202eb"},
        {"kind": "Rent it"},
        {"kind": ""},
        {"unit": "two words"},
        {"unit": "hour\u2066"},
        {"amount": 0},
        {"amount": 201},
        {"amount": -1},
        {"quantity": 0},
        {"name": b"\1" * 15},
        {"listing": b"\1" * 31},
        {"responder": ANN.author},
        {"responder": EVE.author},
        {"previous": b"\1"},
        {"start": NOW, "end": NOW},
        {"expires": -1},
        {"duties": ()},
        {"duties": TERMS.duties[:2]},
        {"duties": (*TERMS.duties, TERMS.duties[0])},
        {"duties": (TERMS.duties[1], TERMS.duties[0], TERMS.duties[2])},
        {"duties": TERMS.duties * 22},
    ],
    ids=str,
)
def test_what_does_not_hold_together(change):
    with pytest.raises(DecodeError):
        parse_terms(encode(plain(msgspec.structs.replace(TERMS, **change))))


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "Return"},
        {"action": "do it"},
        {"what": "a\u2028b"},
        {"provider": EVE.author},
        {"provider": ANN.author, "receiver": ANN.author},
        {"after": "pay"},
        {"after": "x y"},
        {"amount": 5},
        {"unit": "hour"},
        {"until": -1},
    ],
    ids=str,
)
def test_a_duty_that_does_not_fit(change):
    first = msgspec.structs.replace(TERMS.duties[0], **change)
    with pytest.raises(DecodeError):
        parse_terms(encode(plain(msgspec.structs.replace(TERMS, duties=(first, *TERMS.duties[1:])))))


def test_terms_that_are_too_long_are_refused_in_words():
    duties = tuple(
        Duty(id=f"d{i}", action="work", what="x" * 200, provider=ANN.author, receiver=BOB.author) for i in range(40)
    )
    long = msgspec.structs.replace(TERMS, duties=duties, amount=0, unit="")
    with pytest.raises(DecodeError, match="shorten"):
        encode_terms(long)
    with pytest.raises(DecodeError):
        parse_terms(encode(plain(long)))
    assert len(encode(plain(long))) > MAX_TERMS


NAMED = tuple(signer(n).author for n in range(10, 17))


@pytest.mark.parametrize(("count", "quorum"), [(0, 0), (1, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 5)])
def test_so_many_witnesses_must_agree(count, quorum):
    terms = terms_of(witnesses=NAMED[:count])
    assert terms.quorum == quorum_of(count) == quorum
    assert parse_terms(encode_terms(terms)) == terms
    assert count == 0 or 2 * quorum > count


@pytest.mark.parametrize("count", [-1, 2, 8])
def test_a_number_of_witnesses_that_is_no_use(count):
    with pytest.raises(ValueError, match="witnesses"):
        quorum_of(count)


def test_terms_without_witnesses_have_the_bytes_they_always_had():
    assert not {"witnesses", "quorum"} & plain(terms_of()).keys()


@pytest.mark.parametrize(
    "change",
    [
        {"witnesses": (*NAMED[:2], ANN.author), "quorum": 2},
        {"witnesses": (*NAMED[:2], NAMED[0]), "quorum": 2},
        {"witnesses": NAMED[:4], "quorum": 2},
        {"witnesses": NAMED[:3], "quorum": 4},
        {"witnesses": NAMED[:3], "quorum": 0},
        {"witnesses": (), "quorum": 1},
        {"witnesses": (*NAMED, EVE.author), "quorum": 5},
        {"witnesses": NAMED[:1], "quorum": 1, "amount": 0, "unit": "", "duties": TERMS.duties[:2]},
    ],
    ids=["a party", "twice", "half", "more than all", "none", "no witnesses", "eight", "nothing to pay"],
)
def test_witnesses_that_do_not_fit(change):
    with pytest.raises(DecodeError):
        parse_terms(encode_terms(msgspec.structs.replace(TERMS, **change)))
