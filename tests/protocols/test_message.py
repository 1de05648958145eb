"""A message is read by one neighbour, says who wrote it, and is the same one however often it is sealed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import message_messages as frames
from protocols.errors import DecodeError, Reject
from protocols.identity import Signer, derive_seed, digest, incept
from protocols.limits import MAX_MESSAGE, MAX_MESSAGE_TEXT, SEALED_STEP
from protocols.message import Body, Message, open_message, parse_message, seal_message, verify_message

(ANN, _), (BOB, BOBS), (EVE, _) = (incept(name.ljust(32)) for name in (b"ann", b"bob", b"eve"))
SECRET = b"\x07" * 32
WORDS = Body(network=b"n" * 16, author=ANN.author, to=BOB.author, at=1, text="I am ten minutes late.")


def changed(**fields: object) -> Body:
    given = {name: getattr(WORDS, name) for name in WORDS.__struct_fields__}
    return Body(**{**given, **fields})  # type: ignore[arg-type]


def sealed(body: Body = WORDS, signer: Signer = ANN, key: bytes = BOB.public_key) -> bytes:
    return seal_message(signer, body, key=key, secret=SECRET)


@given(
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=MAX_MESSAGE_TEXT),
    st.sampled_from([b"", b"\x11" * 32]),
    st.integers(0, 2**53 - 1),
)
def test_who_it_is_for_reads_what_was_written(text: str, exchange: bytes, at: int) -> None:
    body = changed(text=text, exchange=exchange, at=at)
    box = sealed(body)
    found = open_message(BOB, box)
    verify_message(found)
    assert found.body == body and found.id == digest(body.encode())
    assert len(box) <= MAX_MESSAGE and len(box) % SEALED_STEP == 48


def test_the_longest_fits_and_its_length_says_little() -> None:
    assert len(sealed(changed(text="😀" * MAX_MESSAGE_TEXT, exchange=b"\1" * 32, at=2**53 - 1))) <= MAX_MESSAGE
    assert len(sealed(changed(text="Yes"))) == len(sealed(changed(text="No, not today")))


def test_nobody_else_reads_it_and_a_changed_byte_spoils_it() -> None:
    box = sealed()
    for signer, data in ((EVE, box), (ANN, box), (BOB, box[:-1] + bytes([box[-1] ^ 1])), (BOB, box[:40]), (BOB, b"")):
        with pytest.raises(Reject) as e:
            open_message(signer, data)
        assert e.value.code == "signature"


def test_what_was_sealed_on_to_another_says_nothing() -> None:
    """Bob seals on to Eve what Ann has signed for him."""
    with pytest.raises(Reject) as e:
        open_message(EVE, sealed(key=EVE.public_key))
    assert e.value.code == "context"


def test_nobody_writes_in_another_name() -> None:
    with pytest.raises(Reject):
        verify_message(open_message(BOB, sealed(signer=EVE)))
    mine = open_message(BOB, sealed())
    for forged in (
        Message(changed(text="Keep it"), changed(text="Keep it").encode(), 0, mine.signature, mine.inception),
        Message(mine.body, mine.header, 1, mine.signature, mine.inception),
        Message(mine.body, mine.header, 0, mine.signature, EVE.inception),
    ):
        with pytest.raises(Reject):
            verify_message(forged)


def test_signed_anew_with_a_later_key_it_is_the_same() -> None:
    later = Signer(derive_seed(b"ann".ljust(32), 1), incept(b"ann".ljust(32))[1], 1)
    before, after = open_message(BOB, sealed()), open_message(BOB, sealed(signer=later))
    assert before.id == after.id
    verify_message(after, later.public_key)
    with pytest.raises(Reject):
        verify_message(after)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""}, {"text": " \n\t"}, {"text": "x" * (MAX_MESSAGE_TEXT + 1)}, {"text": "\x1b[2J"},
        {"text": "a\u202eb"}, {"exchange": b"short"}, {"to": ANN.author}, {"to": b"x"}, {"network": b"x"}, {"at": -1},
    ],
    ids=["nothing", "blank", "long", "control", "turned", "exchange", "to oneself", "to", "network", "at"],
)  # fmt: skip
def test_what_cannot_be_said(fields: dict[str, object]) -> None:
    with pytest.raises(DecodeError):
        changed(**fields).encode()


def test_padding_has_one_form() -> None:
    good = BOB.unseal(sealed())
    for data in (good + bytes(256), good[:-1], good[:-1] + b"\1", good.rstrip(b"\0"), b"", b"\x80", bytes(256)):
        with pytest.raises(DecodeError):
            parse_message(data)


@pytest.mark.parametrize(
    "message",
    [
        frames.Sealed(b"box"), frames.Ack(bytes(32)), frames.Later(bytes(32), "not now"),
        frames.Refuse(bytes(32), "key", "an old key"),
    ],
)  # fmt: skip
def test_a_frame_comes_out_as_it_went_in(message: frames.Message) -> None:
    data = frames.encode_message(message)
    assert frames.parse_message(data) == message
    for bad in (data + b"\0", data[:-1], data[:1]):
        with pytest.raises(DecodeError):
            frames.parse_message(bad)


@pytest.mark.parametrize(
    "message",
    [
        frames.Sealed(b""), frames.Sealed(bytes(MAX_MESSAGE + 1)), frames.Ack(b"x"), frames.Later(b"x", ""),
        frames.Later(bytes(32), "\x1b[2J"), frames.Refuse(bytes(32), "a code", "x"),
    ],
)  # fmt: skip
def test_what_is_no_frame(message: frames.Message) -> None:
    with pytest.raises(DecodeError):
        frames.parse_message(frames.encode_message(message))
