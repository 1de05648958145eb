"""The history of an exchange, as a file that stands by itself: all that was signed in it, and what was paid.

    history = canonical array ["p2pnode-history", 1, genesis, [fact, …], [entry, …], [receipt, …]]

genesis: wire of the network's genesis record; facts: of one exchange, without what is sealed; entries: full forms, each
a PAY_COMPLETE or PAY_RECEIPT of one of its payments; receipts: of the custody of its parcel. Whoever reads it computes
the same status as the parties (`protocols.exchange`): whose turn it is, what is overdue, who defaulted. What is left
out cannot be seen: ask the other party for its history, and put both together.

Who has replaced his first key is believed by the rotations that are shown around it (`protocols.shown_keys`).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError, Reject
from protocols.exchange import Exchange, evaluate
from protocols.fact import Fact, parse_fact, verify_fact
from protocols.genesis import Genesis, network_id, parse_genesis
from protocols.limits import MAX_FACTS, MAX_HISTORY
from protocols.parcel import passed
from protocols.payments import Payment, deal_of
from protocols.receipt import Receipt, parse_receipt, verify_receipt
from protocols.shown_keys import Shown, open_with_keys
from protocols.steps import check_fact

from .entry import Entry, parse_entry, settlement_of
from .halves import first_key, proof_of_deal
from .tokens import Token

MAGIC: Final = "p2pnode-history"
VERSION: Final = 1
NO_HISTORY: Final = "not the history of an exchange"  # of what does not even begin like one
SEALED: Final = frozenset({"contact"})


class History(NamedTuple):
    """What a file shows. facts: ascending by (at, id)."""

    genesis: Genesis
    view: Exchange
    facts: tuple[Fact, ...]


def encode_history(
    genesis: bytes, facts: Iterable[Fact], entries: Sequence[bytes], receipts: Iterable[Receipt]
) -> bytes:
    """What is sealed to one of the parties is left out."""
    shown = sorted((f for f in facts if f.kind not in SEALED), key=lambda f: (f.at, f.id))
    return encode([MAGIC, VERSION, genesis, [f.wire for f in shown], list(entries), [r.wire for r in receipts]])


def check_history(data: bytes, now: int) -> History:
    """The exchange that a history makes at a time, ms. `Reject` unless every signature and figure in it is right, and
    all of it is of one exchange."""
    shown = open_with_keys(data, MAX_HISTORY)
    genesis_wire, wires, entries, receipts = _parse(shown.file)
    record, genesis = parse_genesis(genesis_wire)
    network = network_id(record)
    facts = [parse_fact(wire) for wire in wires]
    if not facts or {(f.network, f.exchange_id) for f in facts} != {(network, facts[0].exchange_id)}:
        raise Reject("context", "not the facts of one exchange of this network")
    for fact in facts:
        check_fact(fact)
        verify_fact(fact, shown.keys.get((fact.author, fact.epoch)))
    unpaid = evaluate(facts, {}, genesis.unit, now)
    payments, paid_at = _paid(unpaid, network, entries, shown)
    hands = [parse_receipt(wire) for wire in receipts]
    for hand in hands:
        if (hand.network, hand.parcel) != (network, unpaid.terms.parcel):
            raise Reject("context", "a receipt of another parcel")
        giver, taker = (hand.giver, hand.giver_epoch), (hand.taker, hand.taker_epoch)
        verify_receipt(hand, shown.keys.get(giver), shown.keys.get(taker))
    view = evaluate(facts, payments, genesis.unit, now, paid_at, passed(unpaid.terms, hands))
    return History(genesis, view, tuple(sorted(facts, key=lambda f: (f.at, f.id))))


def _paid(
    view: Exchange, network: bytes, entries: list[bytes], shown: Shown
) -> tuple[dict[str, Payment], dict[str, int]]:
    payments, paid_at = {}, {}
    for wire in entries:
        entry = parse_entry(wire)
        deal = proof_of_deal(entry, partial(_key, shown))
        duty = next((d for d in view.terms.payments if deal_of(view.id, d.id) == deal.deal), None)
        if duty is None or deal.network != network or (deal.payer, deal.payee) != (duty.provider, duty.receiver):
            raise Reject("context", "a payment of something else")
        if deal.amount != duty.amount:
            raise Reject("context", "a payment of another amount")
        said = settlement_of(entry)
        complete = parse_entry(said.half) if entry.kind == "PAY_RECEIPT" and said is not None else entry
        payments[duty.id], paid_at[duty.id] = Payment.SETTLED, complete.at
    return payments, paid_at


def _key(shown: Shown, signed: Entry | Token) -> bytes | None:
    """Of an entry, one that was replaced only up to the seq that its rotation names."""
    which = (signed.author, signed.epoch)
    if isinstance(signed, Entry) and signed.seq > shown.last.get(which, signed.seq):
        return None
    return shown.keys.get(which) or first_key(signed)


def _parse(data: bytes) -> tuple[bytes, list[bytes], list[bytes], list[bytes]]:
    match decode(data, MAX_HISTORY):
        case [str(magic), int(version), bytes(genesis), list(facts), list(entries), list(receipts)] if magic == MAGIC:
            if type(version) is bool or version != VERSION:
                raise DecodeError(f"version {version} of a history is not known here", "field")
            if len(facts) > 3 * MAX_FACTS or any(type(part) is not bytes for part in (*facts, *entries, *receipts)):
                raise DecodeError("not facts, entries and receipts", "field")
            return genesis, facts, entries, receipts
    raise DecodeError(NO_HISTORY, "field")
