"""A message: some lines of text from one neighbour to another, signed, and sealed to who is to read it.

    body      = canonical map {network, author, to, at, exchange?, text}
    id        = BLAKE2b-256(body)
    signature = Ed25519(b"p2pnode/v1/message\\0" + body)
    inside    = canonical array [body, epoch, signature, inception]
    plaintext = inside ‖ 0x80 ‖ zero bytes up to the next multiple of 256
    sealed    = libsodium's sealed box of the plaintext, to the X25519 form of the reader's Ed25519 key

Who it is for stands inside, so that what was sealed to one says nothing when it is sealed on to another. The epoch
is no part of the body: a message that waits while a key is replaced is signed and sealed anew, and stays the same one.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from protocols.codec import Array, decode_as, encode, plain
from protocols.errors import DecodeError, Reject
from protocols.fields import PARAGRAPHS, Bytes16, Bytes32, Time
from protocols.identity import Signer, digest, seal_to, verify_signed
from protocols.limits import MAX_EPOCH, MAX_MESSAGE, MAX_MESSAGE_TEXT
from protocols.padding import pad, unpad

_INSIDE = Array(bytes, int, bytes, bytes)


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What somebody says. exchange: which one it is about; empty: none. at: ms, by its author's clock."""

    network: Bytes16
    author: Bytes32
    to: Bytes32
    at: Time
    text: Annotated[str, Meta(max_length=MAX_MESSAGE_TEXT, pattern=PARAGRAPHS)]
    exchange: Annotated[bytes, Meta(max_length=32)] = b""

    def encode(self) -> bytes:
        """`DecodeError` if a bound does not hold."""
        data = encode(plain(self))
        parse_body(data)
        return data


class Message(msgspec.Struct, frozen=True):
    """What was in a sealed box. Its signature is checked by `verify_message` alone."""

    body: Body
    header: bytes
    epoch: int
    signature: bytes
    inception: bytes

    @property
    def id(self) -> bytes:
        return digest(self.header)

    @property
    def author(self) -> bytes:
        return self.body.author


def parse_body(data: bytes) -> Body:
    """`DecodeError` for what is none, or says nothing."""
    body = decode_as(data, Body, MAX_MESSAGE)
    if len(body.exchange) not in (0, 32) or body.author == body.to or not body.text.strip():
        raise DecodeError("a message to oneself, or that says nothing", "field")
    return body


def seal_message(signer: Signer, body: Body, *, key: bytes, secret: bytes) -> bytes:
    """Signed by its author, for one reader's eyes. key: that reader's newest Ed25519 key; secret: 32 bytes of chance.
    `Reject` where to this key nothing can be sealed."""
    header = body.encode()
    inside = encode([header, signer.epoch, signer.sign("message", header), signer.inception])
    return seal_to(key, pad(inside), secret)


def open_message(signer: Signer, sealed: bytes) -> Message:
    """What somebody sealed to us. `Reject` (`signature`) if it is not for this key, (`context`) if not for us;
    `DecodeError` for what is no message."""
    if len(sealed) > MAX_MESSAGE:
        raise DecodeError(f"{len(sealed)} bytes, at most {MAX_MESSAGE}", "size")
    message = parse_message(signer.unseal(sealed))
    if message.body.to != signer.author:
        raise Reject("context", "a message to somebody else")
    return message


def parse_message(plaintext: bytes) -> Message:
    """What an opened box holds; every bound checked, the signature not."""
    header, epoch, signature, inception = _INSIDE.decode(unpad(plaintext, MAX_MESSAGE), MAX_MESSAGE, "a message")
    if not 0 <= epoch <= MAX_EPOCH or len(signature) != 64:
        raise DecodeError("message out of bounds", "field")
    return Message(parse_body(header), header, epoch, signature, inception)


def verify_message(message: Message, key: bytes | None = None) -> None:
    """`Reject` unless the author signed. `key`: the author's at this epoch, or none at epoch 0."""
    verify_signed(message, "message", key)
