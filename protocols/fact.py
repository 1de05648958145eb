"""A fact: one signed step of an exchange, told by one party to the other.

    header    = canonical array [version, network, deal, author, epoch, kind, prev, at, payload]
    id        = BLAKE2b-256(header)
    signature = Ed25519(b"p2pnode/v1/fact\\0" + header)
    wire      = canonical array [header, signature, inception]

`deal` is the id of the exchange: the id of its first fact, which itself carries 32 zero bytes there. The status of an
exchange is computed from the set of facts that a party holds (`protocols.exchange`), so they may arrive in any order.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from protocols.codec import Array, encode
from protocols.errors import DecodeError
from protocols.fields import LINE, Amount, Bytes32, ShortText
from protocols.identity import Signer, digest, verify_signed
from protocols.limits import (
    MAX_EPOCH,
    MAX_FACT,
    MAX_PHOTOS,
    MAX_QUANTITY,
    MAX_SEALED,
    MAX_TERMS,
    MAX_TOKEN,
    PROTOCOL_VERSION,
)

NO_DEAL = bytes(32)

# Negotiation: `propose` and `counter` carry terms; the others decide on the terms that `prev` names.
# Afterwards: a duty is `done` (by who owes it), `confirm`ed or `contest`ed (by who receives it); `cancel` by both
# ends an agreement; `rated` commits to an attestation; `note` is a line of text.
_FIRST = {
    "propose",
    "counter",
    "accept",
    "decline",
    "withdraw",
    "cancel",
    "done",
    "confirm",
    "contest",
    "rated",
    "note",
}
# In exchanges whose terms are of form 2 alone: `amend` carries terms that replace agreed ones once somebody else has
# accepted them (a ruling, if the mediator signs it); `waive` and `default` are said of a duty by its receiver; `go` by
# who gathers pledges; `dispute` calls the mediator; `contact` is sealed to the other party.
SECOND = frozenset({"amend", "waive", "default", "go", "dispute", "contact"})
KINDS = frozenset(_FIRST) | SECOND
WITH_TERMS = frozenset({"propose", "counter", "amend"})
DUTY_ID = r"\A(?:[a-z][a-z0-9_-]*)?\Z"
_WIRE = Array(bytes, bytes, bytes)
_HEADER = Array(int, bytes, bytes, bytes, int, str, bytes, int, bytes)


class Fact(msgspec.Struct, frozen=True):
    """A decoded fact. Its signature is checked by `verify_fact` alone."""

    network: bytes
    deal: bytes
    author: bytes
    epoch: int
    kind: str
    prev: bytes
    at: int
    payload: bytes
    id: bytes
    header: bytes
    signature: bytes
    inception: bytes
    wire: bytes

    @property
    def exchange_id(self) -> bytes:
        return self.id if self.deal == NO_DEAL else self.deal


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Payload of every fact that carries no terms.

    duty: which duty of the agreed terms (`done`, `confirm`, `contest`); commitment: of an attestation (`rated`);
    party, terms: with whom, and hash of the terms (`accept`): so that an acceptance, shown by itself to somebody who
    knows nothing else of the exchange, proves nothing about anybody but these two. result: hash of what was made
    (`done`); photos: hashes of pictures of the state in which a thing changes hands (`done`, `confirm`, `contest`);
    code: what was shown at the door (`done`); counted, total: the pledges that are counted on, and their sum (`go`);
    sealed: for the other party's eyes (`contact`).
    """

    duty: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN, pattern=DUTY_ID)] = ""
    text: ShortText = ""
    commitment: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    party: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    terms: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    result: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    photos: Annotated[tuple[Bytes32, ...], msgspec.Meta(max_length=MAX_PHOTOS)] = ()
    code: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN, pattern=LINE)] = ""
    counted: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)] = 0
    total: Amount = 0
    sealed: Annotated[bytes, msgspec.Meta(max_length=MAX_SEALED)] = b""


def seal_fact(signer: Signer, *, network: bytes, deal: bytes, kind: str, prev: bytes, at: int, payload: bytes) -> Fact:
    """Sign a fact. times in ms; deal and prev 32 bytes; `DecodeError` if a bound does not hold."""
    header = encode([PROTOCOL_VERSION, network, deal, signer.author, signer.epoch, kind, prev, at, payload])
    return parse_fact(encode([header, signer.sign("fact", header), signer.inception]))


def parse_fact(wire: bytes) -> Fact:
    """The fact that these bytes hold; every bound checked, the signature not. `DecodeError` else."""
    header, signature, inception = _WIRE.decode(wire, MAX_FACT, "a fact")
    h = _HEADER.decode(header, MAX_FACT, "a fact header")
    _check(h, signature)
    return Fact(*[*h[1:], digest(header), header, signature, inception, wire])


def verify_fact(fact: Fact, key: bytes | None = None) -> None:
    """`Reject` unless the author signed. `key`: the author's at this epoch, or none at epoch 0."""
    verify_signed(fact, "fact", key)


def _check(h: Sequence[Any], signature: bytes) -> None:
    version, network, deal, author, epoch, kind, prev, at, payload = h
    sound = (
        version == PROTOCOL_VERSION
        and len(network) == 16
        and network != bytes(16)
        and len(deal) == len(author) == len(prev) == 32
        and 0 <= epoch <= MAX_EPOCH
        and kind in KINDS
        and (kind == "propose") == (deal == NO_DEAL)
        and at >= 0
        and len(payload) <= MAX_TERMS
        and len(signature) == 64
    )
    if not sound:
        raise DecodeError("fact out of bounds", "field")
