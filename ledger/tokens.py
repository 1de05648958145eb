"""What a witness signs about a deal: that the payee accepted, or that the payer asked to cancel, whichever came first.

    body      = canonical array [version, network, deal, proposal, decision, witness, epoch, at]
    signature = Ed25519(b"p2pnode/v1/token\\0" + body)
    wire      = canonical array [body, signature, inception]

`proposal` is the id of the PAY_PROPOSE, which names the witnesses and how many must agree: so a token counts for this
proposal only, and who holds the proposal needs nothing else to judge it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from protocols.codec import decode, encode
from protocols.errors import DecodeError, Reject
from protocols.identity import Signer, digest, parse_inception, verify
from protocols.limits import MAX_EPOCH, MAX_INT, PROTOCOL_VERSION

from .entry import Entry
from .payloads import MAX_TOKEN, Settlement

DOMAIN = "token"
DECISIONS = ("accept", "cancel")
_BODY = (int, bytes, bytes, bytes, str, bytes, int, int)


class Token(msgspec.Struct, frozen=True):
    """A decoded token; its signature has not been checked, see `verify_token`. at: the witness's time, ms."""

    network: bytes
    deal: bytes
    proposal: bytes
    decision: str
    witness: bytes
    epoch: int
    at: int
    wire: bytes

    @property
    def author(self) -> bytes:
        """Who signed, as of an entry."""
        return self.witness

    @property
    def inception(self) -> bytes:
        outer, _ = _open(self.wire)
        return bytes(outer[2])


def sign_token(signer: Signer, network: bytes, deal: bytes, proposal: bytes, decision: str, at: int) -> Token:
    """Only for the witness that has no other decision for this payer and deal: see ledger/witnessing.py."""
    body = encode([PROTOCOL_VERSION, network, deal, proposal, decision, signer.author, signer.epoch, at])
    return parse_token(encode([body, signer.sign(DOMAIN, body), signer.inception]))


def parse_token(wire: bytes) -> Token:
    """The token that these bytes hold. `DecodeError`."""
    outer, body = _open(wire)
    version, network, deal, proposal, decision, witness, epoch, at = body
    problem = (
        "version"
        if version != PROTOCOL_VERSION
        else "network"
        if len(network) != 16 or not any(network)
        else "an id"
        if {len(deal), len(proposal), len(witness)} != {32}
        else "decision"
        if decision not in DECISIONS
        else "epoch or time"
        if not (0 <= epoch <= MAX_EPOCH and 0 <= at <= MAX_INT)
        else ""
    )
    if problem:
        raise DecodeError(f"{problem} of a token out of bounds", "field")
    if digest(outer[2]) != witness:
        raise DecodeError("the inception is not the witness's", "signature")
    return Token(network, deal, proposal, decision, witness, epoch, at, wire)


def verify_token(token: Token, key: bytes | None = None) -> None:
    """`Reject` unless the witness signed. key: its key at this epoch; not needed at epoch 0."""
    outer, _ = _open(token.wire)
    if key is None:
        if token.epoch != 0:
            raise Reject("context", "the key of this epoch is not known")
        key = parse_inception(outer[2]).key
    verify(key, DOMAIN, outer[0], outer[1])


def decided(tokens: Iterable[Token], proposal: Entry, said: Settlement, decision: str) -> bool:
    """Whether a quorum of the witnesses that this PAY_PROPOSE names has decided so. Signatures were checked."""
    of_it = {t.witness for t in tokens if t.decision == decision and about(t, proposal, said)}
    return 0 < said.quorum <= len(of_it)


def about(token: Token, proposal: Entry, said: Settlement) -> bool:
    """Whether this token is of a witness that the PAY_PROPOSE names, and about it."""
    return token.witness in said.witnesses and (token.network, token.deal, token.proposal) == (
        proposal.network,
        said.deal,
        proposal.id,
    )


def _open(wire: bytes) -> tuple[list[Any], list[Any]]:
    outer = decode(wire, MAX_TOKEN)
    if not (type(outer) is list and tuple(map(type, outer)) == (bytes,) * 3 and len(outer[1]) == 64):
        raise DecodeError("not a token", "field")
    body = decode(outer[0], MAX_TOKEN)
    if not (type(body) is list and tuple(map(type, body)) == _BODY):
        raise DecodeError("not the body of a token", "field")
    return outer, body
