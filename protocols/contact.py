"""Where somebody can be found: an address, a phone number, a line of text, sealed to one other party of one exchange.

    inside    = canonical map {exchange, author, party, address?, phone?, text?}
    plaintext = inside ‖ 0x80 ‖ zero bytes up to the next multiple of 256
    sealed    = libsodium's sealed box of the plaintext, to the X25519 form of the party's Ed25519 key

The exchange and both parties stand inside, so that a copy in another exchange, or by somebody else, says nothing; the
padding keeps the length of an address from telling which one it is.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from protocols.codec import decode_as, encode, plain
from protocols.errors import DecodeError, Reject
from protocols.fields import LINE, PARAGRAPHS, Bytes32
from protocols.identity import Signer, seal_to
from protocols.limits import (
    MAX_CONTACT_ADDRESS,
    MAX_CONTACT_PHONE,
    MAX_CONTACT_TEXT,
    MAX_SEALED,
)
from protocols.padding import pad, unpad


class Contact(msgspec.Struct, frozen=True):
    address: Annotated[str, Meta(max_length=MAX_CONTACT_ADDRESS, pattern=LINE)] = ""
    phone: Annotated[str, Meta(max_length=MAX_CONTACT_PHONE, pattern=LINE)] = ""
    text: Annotated[str, Meta(max_length=MAX_CONTACT_TEXT, pattern=PARAGRAPHS)] = ""


class _Inside(Contact, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    exchange: Bytes32
    author: Bytes32
    party: Bytes32


def encode_contact(contact: Contact, *, exchange: bytes, author: bytes, party: bytes) -> bytes:
    """What is sealed, padded. `DecodeError` if a bound does not hold, or nothing is said."""
    inside = _Inside(**msgspec.structs.asdict(contact), exchange=exchange, author=author, party=party)
    data = pad(encode(plain(inside)))
    parse_contact(data, exchange=exchange, author=author, party=party)
    return data


def parse_contact(plaintext: bytes, *, exchange: bytes, author: bytes, party: bytes) -> Contact:
    """The contact in an opened box. `DecodeError` for what is none, `Reject` (`context`) for that of another exchange
    or of other people."""
    found = decode_as(unpad(plaintext, MAX_SEALED), _Inside, MAX_SEALED)
    if not (found.address or found.phone or found.text):
        raise DecodeError("a contact that says nothing", "field")
    if (found.exchange, found.author, found.party) != (exchange, author, party):
        raise Reject("context", "a contact from another exchange, or of other people")
    return Contact(found.address, found.phone, found.text)


def seal_contact(contact: Contact, *, exchange: bytes, author: bytes, party: bytes, key: bytes, secret: bytes) -> bytes:
    """A contact for one party's eyes. key: that party's newest Ed25519 key; secret: 32 bytes of chance."""
    return seal_to(key, encode_contact(contact, exchange=exchange, author=author, party=party), secret)


def open_contact(signer: Signer, sealed: bytes, *, exchange: bytes, author: bytes) -> Contact:
    """What the author of a fact sealed to us. `Reject` if it is not for this key, or not of this exchange."""
    return parse_contact(signer.unseal(sealed), exchange=exchange, author=author, party=signer.author)
