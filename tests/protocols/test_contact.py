"""A contact is read by one party, in one exchange, and by nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import SealedBox
from nacl.signing import SigningKey

from protocols.contact import Contact, encode_contact, open_contact, parse_contact, seal_contact
from protocols.errors import DecodeError, Reject
from protocols.identity import derive_seed, incept, seal_to
from protocols.limits import MAX_CONTACT_ADDRESS, MAX_CONTACT_PHONE, MAX_CONTACT_TEXT, MAX_SEALED, SEALED_STEP

ANN, BOB, EVE = (incept(name.ljust(32))[0] for name in (b"ann", b"bob", b"eve"))
DEAL = b"\x11" * 32
HOME = Contact("Elm Street 7, first floor", "+49 30 901820", "Ring twice.")
BETWEEN = {"exchange": DEAL, "author": ANN.author, "party": BOB.author}


def sealed(contact: Contact = HOME, **changes: bytes) -> bytes:
    return seal_contact(contact, **(BETWEEN | {"key": BOB.public_key, "secret": b"\x07" * 32} | changes))


def test_the_party_reads_it():
    assert open_contact(BOB, sealed(), exchange=DEAL, author=ANN.author) == HOME


def test_any_libsodium_opens_it():
    """What we make with a secret of our own choice is the sealed box that others make with one of theirs."""
    bob = SigningKey(derive_seed(b"bob".ljust(32), 0))
    plaintext = SealedBox(bob.to_curve25519_private_key()).decrypt(sealed())
    assert parse_contact(plaintext, **BETWEEN) == HOME
    theirs = SealedBox(bob.verify_key.to_curve25519_public_key()).encrypt(plaintext)
    assert open_contact(BOB, theirs, exchange=DEAL, author=ANN.author) == HOME


def test_nobody_else_reads_it_and_a_changed_byte_spoils_it():
    box = sealed()
    for signer, data in ((EVE, box), (ANN, box), (BOB, box[:-1] + bytes([box[-1] ^ 1])), (BOB, box[:40]), (BOB, b"")):
        with pytest.raises(Reject) as e:
            open_contact(signer, data, exchange=DEAL, author=ANN.author)
        assert e.value.code == "signature"


@pytest.mark.parametrize("where", [{"exchange": b"\x12" * 32}, {"author": EVE.author}, {"party": EVE.author}])
def test_a_copy_elsewhere_says_nothing(where):
    with pytest.raises(Reject) as e:
        open_contact(BOB, sealed(**where), exchange=DEAL, author=ANN.author)
    assert e.value.code == "context"


@given(st.integers(1, MAX_CONTACT_ADDRESS), st.integers(0, MAX_CONTACT_PHONE), st.integers(0, MAX_CONTACT_TEXT))
def test_its_length_says_little_and_the_longest_fits(address, phone, text):
    contact = Contact("\U0001f3e0" * address, "😀" * phone, "時" * text)
    box = sealed(contact)
    assert len(box) % SEALED_STEP == 48 and len(box) <= MAX_SEALED
    assert open_contact(BOB, box, exchange=DEAL, author=ANN.author) == contact


@pytest.mark.parametrize(
    "contact",
    [
        Contact(),
        Contact("a" * 241),
        Contact(phone="1" * 41),
        Contact(text="t" * 401),
        Contact("\x1b[2J"),
        Contact("a\nb"),
    ],
    ids=["nothing", "address", "phone", "text", "control", "two lines"],
)
def test_what_cannot_be_said(contact):
    with pytest.raises(DecodeError):
        sealed(contact)


def test_padding_has_one_form():
    good = encode_contact(HOME, **BETWEEN)
    for data in (good + bytes(256), good[:-1], good[:-1] + b"\1", good.rstrip(b"\0"), b"", b"\x80", bytes(256)):
        with pytest.raises(DecodeError):
            parse_contact(data, **BETWEEN)


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), b"\xff" * 32, b"short"])
def test_what_is_no_key(key):
    with pytest.raises(Reject):
        seal_to(key, b"", b"\x07" * 32)
