"""The redemption: how a newcomer becomes a member by an invite, provable to everybody.

    message          = canonical array [invite id, author of the newcomer]
    proof            = Ed25519 of the invite's own key, domain "redeem": the newcomer held the link
    countersignature = Ed25519 of the inviter, domain "countersign": this join used the invite

The authors of valid redemptions are the network's invited members.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from nacl.signing import SigningKey

from protocols.codec import encode
from protocols.envelope import Record
from protocols.errors import Reject
from protocols.fields import Bytes64, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer, parse_inception, prefix, verify
from protocols.invite import Invite, parse_invite, verify_invite
from protocols.limits import DURABLE_LIFETIME, MAX_INVITE

KIND: Final = "redemption"
PROOF_DOMAIN: Final = "redeem"
COUNTERSIGN_DOMAIN: Final = "countersign"


class Redemption(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """invite: its wire form."""

    invite: Annotated[bytes, Meta(max_length=MAX_INVITE)]
    proof: Bytes64
    countersignature: Bytes64


def prove(seed: bytes, invite: Invite, newcomer: bytes) -> bytes:
    """The newcomer's proof that it holds the link. seed: from the link; newcomer: author id, 32 bytes."""
    return SigningKey(seed).sign(prefix(PROOF_DOMAIN) + _message(invite, newcomer)).signature


def verify_proof(invite: Invite, newcomer: bytes, proof: bytes) -> None:
    """`Reject` unless this newcomer held the link. Nobody redeems an invite of its own."""
    if newcomer == invite.inviter:
        raise Reject("context", "an invite of one's own")
    verify(invite.key, PROOF_DOMAIN, _message(invite, newcomer), proof)


def countersign(signer: Signer, invite: Invite, newcomer: bytes, proof: bytes) -> bytes:
    """The inviter's consent, once the proof holds. Uses and expiry are for the caller to check, before.

    `Reject` if the proof does not hold or the invite is not the signer's at its present epoch.
    """
    if (signer.author, signer.epoch) != (invite.inviter, invite.epoch):
        raise Reject("context", "not an invite of this signer's present key")
    verify_proof(invite, newcomer, proof)
    return signer.sign(COUNTERSIGN_DOMAIN, _message(invite, newcomer))


def verify_countersignature(invite: Invite, newcomer: bytes, countersignature: bytes, key: bytes | None = None) -> None:
    """`Reject` unless the inviter consented. key: the inviter's at the invite's epoch, or none at epoch 0."""
    if key is None:
        if invite.epoch != 0:
            raise Reject("context", "the inviter's key of this epoch is not known")
        key = parse_inception(invite.inception).key
    verify(key, COUNTERSIGN_DOMAIN, _message(invite, newcomer), countersignature)


def parse_redemption(record: Record) -> Redemption:
    """What a redemption record says; bounds only, see `verify_redemption`."""
    redemption = open_payload(record, KIND, Redemption)
    invite = parse_invite(redemption.invite)
    if invite.network != record.network:
        raise Reject("context", "an invite to another network")
    if record.created > invite.expires_at:
        raise Reject("context", "redeemed after the invite had expired")
    return redemption


def verify_redemption(record: Record, redemption: Redemption, key: bytes | None = None) -> Invite:
    """The invite behind a redemption, all three signatures in it checked (the record's own is `verify_record`'s).

    key: the inviter's at the invite's epoch, or none at epoch 0. `Reject` else.
    """
    invite = parse_invite(redemption.invite)
    if invite.network != record.network:
        raise Reject("context", "an invite to another network")
    verify_invite(invite, key)
    verify_proof(invite, record.author, redemption.proof)
    verify_countersignature(invite, record.author, redemption.countersignature, key)
    return invite


def seal_redemption(
    signer: Signer, network: bytes, redemption: Redemption, *, created: int, revision: int = 0
) -> Record:
    record = _seal(
        signer, network, KIND, redemption, created=created, until=created + DURABLE_LIFETIME, revision=revision
    )
    parse_redemption(record)
    return record


def _message(invite: Invite, newcomer: bytes) -> bytes:
    return encode([invite.id, newcomer])
