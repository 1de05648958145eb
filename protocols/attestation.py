"""The attestation: what one party says of the other after a deal.

Both may seal theirs first and reveal together: the ledger entry ATTEST carries the commitment, the record the rest.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.codec import encode, plain
from protocols.envelope import Record
from protocols.fields import Bytes16, Bytes32, ShortText, Token, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer, digest, prefix
from protocols.limits import DURABLE_LIFETIME, MAX_DIMENSIONS, MAX_PROOF

KIND: Final = "attestation"
COMMITMENT_DOMAIN: Final = "rating"

Rating = Annotated[int, Meta(ge=-2, le=2)]


class Attestation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """deal: exchange id. ratee: the other party. outcome: −2 (harmful) to 2 (excellent), 0 neither good nor bad.

    nonce: 16 random bytes, so that nobody guesses a sealed rating. proof: the ledger entry in full form that shows
    the deal took place; without it an attestation weighs nothing.
    """

    deal: Bytes32
    ratee: Bytes32
    outcome: Rating
    nonce: Bytes16
    dimensions: Annotated[dict[Token, Rating], Meta(max_length=MAX_DIMENSIONS)] = {}
    text: ShortText = ""
    proof: Annotated[bytes, Meta(max_length=MAX_PROOF)] = b""


def commitment(attestation: Attestation) -> bytes:
    """32 bytes: BLAKE2b-256 over `p2pnode/v1/rating\\0`, the nonce, and the canonical payload without `proof`.

    The proof is left out because it may be completed after sealing; it can be checked on its own.
    """
    bare = msgspec.structs.replace(attestation, proof=b"")
    return digest(prefix(COMMITMENT_DOMAIN) + attestation.nonce + encode(plain(bare)))


def parse_attestation(record: Record) -> Attestation:
    """What an attestation record says; whether the proof proves the deal is the ledger's to check."""
    attestation = open_payload(record, KIND, Attestation, name=None)
    expect(record.name == attestation.deal, "name")
    expect(attestation.ratee != record.author, "ratee")
    return attestation


def seal_attestation(
    signer: Signer, network: bytes, attestation: Attestation, *, created: int, revision: int = 0
) -> Record:
    record = _seal(
        signer,
        network,
        KIND,
        attestation,
        created=created,
        until=created + DURABLE_LIFETIME,
        revision=revision,
        name=attestation.deal,
    )
    parse_attestation(record)
    return record
