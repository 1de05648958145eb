"""The invite: a link that lets its holder join a network, with a vouch of the inviter.

    token = canonical array [version, network, inviter, epoch, key, vouch, uses, expires_at, note]
    id    = BLAKE2b-256(token)
    wire  = canonical array [token, Ed25519(b"p2pnode/v1/invite\\0" + token), inception of the inviter]
    link  = "p2pnode://join/" + base64url(canonical array [token, signature, inception, seed, addresses, genesis id])

`key` is an Ed25519 key made for this invite alone; whoever has its seed has the invite, so the link is a secret.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Final, NamedTuple, Protocol

import msgspec
from msgspec import Meta
from nacl.signing import SigningKey

from protocols.codec import convert, decode, encode
from protocols.envelope import NO_NETWORK
from protocols.errors import DecodeError, Reject
from protocols.fields import LINE, Address, Amount, Bytes16, Bytes32, Bytes64, Positive, expect
from protocols.identity import Signer, digest, parse_inception, verify
from protocols.limits import (
    MAX_EPOCH,
    MAX_INVITE,
    MAX_INVITE_NOTE,
    MAX_INVITE_USES,
    MAX_LINK,
    MAX_LINK_ADDRESSES,
    PROTOCOL_VERSION,
)

DOMAIN: Final = "invite"
LINK_PREFIX: Final = "p2pnode://join/"
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_AROUND: Final = ">)]}.,;:!?\"'»«“”‘’"  # what a letter writes after a link


class Rng(Protocol):
    """Where randomness comes from: `random.Random` in tests, the system's in a node."""

    def randbytes(self, n: int, /) -> bytes: ...


class _Token(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    network: Bytes16
    inviter: Bytes32
    epoch: Annotated[int, Meta(ge=0, le=MAX_EPOCH)]
    key: Bytes32
    vouch: Amount
    uses: Annotated[int, Meta(ge=1, le=MAX_INVITE_USES)]
    expires_at: Positive
    note: Annotated[str, Meta(max_length=MAX_INVITE_NOTE, pattern=LINE)]


class _Link(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    token: bytes
    signature: Bytes64
    inception: bytes
    seed: Bytes32
    addresses: Annotated[tuple[Address, ...], Meta(max_length=MAX_LINK_ADDRESSES)]
    genesis: Bytes32


class Invite(NamedTuple):
    """vouch: credit limit that the inviter will vouch for, minor units. uses: how many may join by it.

    expires_at: milliseconds. inception: the inviter's. wire: the bytes that travel, signature included.
    """

    network: bytes
    inviter: bytes
    epoch: int
    key: bytes
    vouch: int
    uses: int
    expires_at: int
    note: str
    id: bytes
    inception: bytes
    wire: bytes


class InviteLink(NamedTuple):
    """seed: the secret that proves possession. addresses: multiaddrs of the inviter. genesis: id of the record."""

    invite: Invite
    seed: bytes
    addresses: tuple[str, ...]
    genesis: bytes


def make_invite(
    signer: Signer,
    genesis: bytes,
    rng: Rng,
    *,
    expires_at: int,
    vouch: int = 0,
    uses: int = 1,
    note: str = "",
    addresses: tuple[str, ...] = (),
) -> tuple[Invite, str]:
    """A signed invite and its link. genesis: id of the network's genesis, 32 bytes. `Reject` out of bounds."""
    seed = rng.randbytes(32)
    key = SigningKey(seed).verify_key.encode()
    token = encode([PROTOCOL_VERSION, genesis[:16], signer.author, signer.epoch, key, vouch, uses, expires_at, note])
    signature = signer.sign(DOMAIN, token)
    data = encode([token, signature, signer.inception, seed, addresses, genesis])
    link = LINK_PREFIX + urlsafe_b64encode(data).decode().rstrip("=")
    return parse_link(link).invite, link


def parse_invite(wire: bytes) -> Invite:
    """The invite that these bytes hold; every bound checked, the signature not. `DecodeError` else."""
    outer = decode(wire, MAX_INVITE)
    if not (type(outer) is list and len(outer) == 3 and all(type(v) is bytes for v in outer)):
        raise DecodeError("not an invite", "field")
    token, signature, inception = outer
    value: Any = decode(token, MAX_INVITE)
    expect(type(value) is list and len(value) == 9, "token")
    fields = convert(value, _Token)
    expect(fields.version == PROTOCOL_VERSION, "version")
    expect(fields.network != NO_NETWORK, "network")
    expect(len(signature) == 64, "signature")
    parse_inception(inception)
    expect(digest(inception) == fields.inviter, "inception")
    return Invite(
        fields.network,
        fields.inviter,
        fields.epoch,
        fields.key,
        fields.vouch,
        fields.uses,
        fields.expires_at,
        fields.note,
        digest(token),
        inception,
        wire,
    )


def verify_invite(invite: Invite, key: bytes | None = None) -> None:
    """`Reject` unless the inviter signed. key: the inviter's at this epoch, or none at epoch 0."""
    if key is None:
        if invite.epoch != 0:
            raise Reject("context", "the inviter's key of this epoch is not known")
        key = parse_inception(invite.inception).key
    token, signature, _ = decode(invite.wire, MAX_INVITE)
    verify(key, DOMAIN, token, signature)


def pasted(text: str) -> str:
    """What somebody pasted for a link or an address: a link without the line breaks and spaces that a letter put into
    it, and without what stands around it; anything else as it is, but for spaces around it."""
    _, prefix, body = "".join(text.split()).partition(LINK_PREFIX)
    return prefix + body.rstrip(_AROUND) if prefix else text.strip()


def parse_link(text: str) -> InviteLink:
    """The link's contents. `DecodeError` with words for the user if it is not whole.

    The signature of an inviter who has rotated its key (epoch above 0) cannot be checked from the link alone.
    """
    text = text.strip()
    if not text.startswith(LINK_PREFIX):
        raise DecodeError(f"an invite link starts with {LINK_PREFIX}")
    if len(text) > MAX_LINK:
        raise DecodeError("this is too long for an invite link", "size")
    body = text[len(LINK_PREFIX) :]
    try:
        if not _BASE64URL.fullmatch(body):
            raise ValueError("characters")
        data = urlsafe_b64decode(body + "=" * (-len(body) % 4))
        if urlsafe_b64encode(data).decode().rstrip("=") != body:
            raise ValueError("loose bits")
        value = decode(data)
        expect(type(value) is list and len(value) == 6, "link")
        link = convert(value, _Link)
        invite = parse_invite(encode([link.token, link.signature, link.inception]))
        expect(SigningKey(link.seed).verify_key.encode() == invite.key, "seed")
        expect(link.genesis[:16] == invite.network, "genesis")
        if invite.epoch == 0:
            verify_invite(invite)
    except ValueError as e:  # DecodeError and Reject among them
        raise DecodeError("the invite link is damaged or cut off: copy it again, whole") from e
    return InviteLink(invite, link.seed, link.addresses, link.genesis)
