"""A proof that stands by itself: one entry, the newest entry of its author, and what leads from one to the other.

    proof = canonical array ["p2pnode-proof", 1, genesis, entry, head, [node32, …]]

genesis: wire of the network's genesis record; entry: full form, with its settlement payload, which embeds what the
counterparty signed; head: full form, without payloads; nodes: the RFC 9162 inclusion proof of the entry's id among
those that the head's root covers, from the bottom up; empty where the entry is the head itself.

Checked with nothing else at hand. Keys of epoch 0 only: whoever has rotated needs a later version of this form.
"""

from collections.abc import Sequence
from typing import Any, Final

from protocols.codec import decode, encode
from protocols.errors import DecodeError, Reject
from protocols.fact import parse_fact, verify_fact
from protocols.genesis import network_id, parse_genesis
from protocols.limits import MAX_FRAME

from .agreement import check_agreement
from .balance import RULES
from .entry import Entry, parse_entry, settlement_of
from .halves import check_half, first_key, proof_of_deal, verify_with
from .merkle import verify_inclusion
from .payloads import Settlement

MAGIC: Final = "p2pnode-proof"
VERSION: Final = 1
NO_PROOF: Final = "not a proof"  # of what does not even begin like one
MAX_PROOF_FILE: Final = MAX_FRAME
_PAYMENTS = ("PAY_COMPLETE", "PAY_RECEIPT")


def encode_proof(genesis: bytes, entry: bytes, head: Entry, path: Sequence[bytes]) -> bytes:
    """entry: full form as others may see it; path: from `nodes.inclusion_path`."""
    bare = encode([head.header, head.signature, head.inception, None, None])
    return encode([MAGIC, VERSION, genesis, entry, bare, list(path)])


def check_proof(data: bytes) -> dict[str, Any]:
    """What a proof shows, as JSON can hold it. `Reject` unless every signature and every hash in it is right.

    proves: `payment`, `agreement`, or `entry` for one that settles nothing by itself. amount: minor units; at: ms.
    exchange_id: of the deal, which is the exchange's own unless it is one of several payments.
    """
    genesis_wire, entry, head, path = _parse(data)
    record, genesis = parse_genesis(genesis_wire)
    if entry.network != network_id(record):
        raise Reject("context", "the entry is of another network than the genesis")
    verify_with(entry, first_key)
    verify_with(head, first_key)
    if not (entry.within_limit and head.within_limit):
        raise Reject("state", "the limit is overdrawn")
    _check_place(entry, head, path)
    said = settlement_of(entry) if entry.kind in RULES else None
    if said is None:
        raise Reject("field", "the entry says nothing of an exchange")
    payer, payee, proves = b"", b"", "entry"
    if entry.kind in _PAYMENTS:
        deal = proof_of_deal(entry)
        payer, payee, proves = deal.payer, deal.payee, "payment"
    elif entry.kind == "AGREE":
        _check_agree(entry, said)
        proves = "agreement"
    else:
        check_half(entry, said)
    return {
        "proves": proves,
        "network": {
            "id": entry.network.hex(),
            "name": genesis.name,
            "unit": genesis.unit,
            "decimals": genesis.decimals,
        },
        "exchange_id": said.deal.hex(),
        "kind": entry.kind,
        "author": entry.author.hex(),
        "counterparty": said.counterparty.hex(),
        "payer": payer.hex() or None,
        "payee": payee.hex() or None,
        "amount": said.amount,
        "terms": said.terms.hex() or None,
        "at": entry.at,
        "seq": entry.seq,
        "id": entry.id.hex(),
        "head_seq": head.seq,
        "head": head.id.hex(),
        "head_at": head.at,
    }


def _parse(data: bytes) -> tuple[bytes, Entry, Entry, list[bytes]]:
    match decode(data, MAX_PROOF_FILE):
        case [str(magic), int(version), bytes(genesis), bytes(entry), bytes(head), list(path)] if magic == MAGIC:
            if type(version) is bool or version != VERSION:
                raise DecodeError(f"version {version} of a proof is not known here", "field")
            if any(type(node) is not bytes or len(node) != 32 for node in path):
                raise DecodeError("not an inclusion proof", "field")
            shown, newest = parse_entry(entry), parse_entry(head)
            if shown.private is not None or newest.settlement is not None or newest.private is not None:
                raise DecodeError("a proof holds no private payload, and none of the head's", "field")
            return genesis, shown, newest, path
    raise DecodeError(NO_PROOF, "field")


def _check_place(entry: Entry, head: Entry, path: list[bytes]) -> None:
    if (entry.network, entry.author) != (head.network, head.author):
        raise Reject("context", "entry and head are of two chains")
    if entry.seq == head.seq:
        if entry.id != head.id or path:
            raise Reject("context", "the entry is not the head in its place")
        return
    if entry.seq > head.seq or entry.at > head.at:
        raise Reject("context", "the head is older than the entry")
    verify_inclusion(entry.id, entry.seq, head.seq, path, head.root)


def _check_agree(entry: Entry, said: Settlement) -> None:
    fact = parse_fact(said.half)
    if fact.epoch:
        raise Reject("context", "the key of this epoch is not known")
    verify_fact(fact, None)
    check_agreement(entry, said, fact)
