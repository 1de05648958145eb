"""The vectors of sealed contacts: who opens which box, and what is in it."""

from typing import Any

from protocols.codec import encode
from protocols.contact import Contact, encode_contact
from protocols.identity import derive_seed, incept, seal_to

DEAL = b"\x11" * 32
SECRET = bytes(range(32))
_ANN, _BOB, _EVE = (name.ljust(32) for name in (b"ann", b"bob", b"eve"))
ANN, BOB, EVE = (incept(entropy)[0] for entropy in (_ANN, _BOB, _EVE))
BETWEEN = {"exchange": DEAL, "author": ANN.author, "party": BOB.author}
CASES = {
    "all three": Contact("Elm Street 7, first floor", "+49 30 901820", "Ring twice.\nThe dog is friendly."),
    "a phone number alone": Contact(phone="030 901820"),
    "as long as one step holds": Contact(text="x" * 123),
    "one letter more": Contact(text="x" * 124),
    "not in Latin letters": Contact("東京都千代田区丸の内1丁目"),
}


def contact_vectors() -> dict[str, Any]:
    """seed: Ed25519, of the party; secret: of the box that this program makes of the plaintext. Whoever reads needs
    neither the author's key nor the secret."""
    valid = [_case(name, encode_contact(contact, **BETWEEN), contact) for name, contact in CASES.items()]
    good = encode_contact(CASES["all three"], **BETWEEN)
    said = {"address": "Elm Street 7", **BETWEEN}
    invalid = [
        _bad("no padding", good.rstrip(b"\0"), "field"),
        _bad("a step of padding too much", good + bytes(256), "field"),
        _bad("padded with something else", good[:-1] + b"\1", "field"),
        _bad("nothing but padding", b"\x80" + bytes(255), "decode"),
        _bad("says nothing", _padded(encode(BETWEEN)), "field"),
        _bad("a key that is not known", _padded(encode({**said, "mood": "good"})), "field"),
        _bad("a default written out", _padded(encode({**said, "text": ""})), "field"),
        _bad("an address of two lines", _padded(encode({**said, "address": "a\nb"})), "field"),
        _bad("an address of 241 letters", _padded(encode({**said, "address": "a" * 241})), "field"),
        _bad("from another exchange", _padded(encode({**said, "exchange": b"\x12" * 32})), "context"),
        _bad("by somebody else", _padded(encode({**said, "author": EVE.author})), "context"),
        _bad("for somebody else", _padded(encode({**said, "party": EVE.author})), "context"),
        {**_bad("sealed to another key", good, "signature"), "sealed": seal_to(EVE.public_key, good, SECRET).hex()},
        {**_bad("cut", good, "signature"), "sealed": seal_to(BOB.public_key, good, SECRET)[:-1].hex()},
    ]
    return {
        "what": "contacts sealed to a party of an exchange; every case is opened by the party with this seed",
        "exchange": DEAL.hex(),
        "author": ANN.author.hex(),
        "party": BOB.author.hex(),
        "seed": derive_seed(_BOB, 0).hex(),
        "public_key": BOB.public_key.hex(),
        "secret": SECRET.hex(),
        "valid": valid,
        "invalid": invalid,
    }


def _case(name: str, plaintext: bytes, contact: Contact) -> dict[str, Any]:
    said = {"address": contact.address, "phone": contact.phone, "text": contact.text}
    sealed = seal_to(BOB.public_key, plaintext, SECRET).hex()
    return {"name": name, "contact": said, "plaintext": plaintext.hex(), "sealed": sealed}


def _bad(name: str, plaintext: bytes, code: str) -> dict[str, Any]:
    return {"name": name, "sealed": seal_to(BOB.public_key, plaintext, SECRET).hex(), "code": code}


def _padded(inside: bytes) -> bytes:
    data = inside + b"\x80"
    return data + bytes(-len(data) % 256)
