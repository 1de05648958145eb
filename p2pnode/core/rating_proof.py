"""The proof in an attestation: that there was an exchange between the two whom it names."""

from collections.abc import Callable

from ledger.agreement import check_agreement
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.halves import Keys, proof_of_deal, verify_with
from ledger.tokens import Token
from protocols.attestation import Attestation
from protocols.envelope import Record
from protocols.errors import Ignore, Reject
from protocols.fact import parse_fact, verify_fact


def check_attestation(
    record: Record, attestation: Attestation, entry_key: Keys, fact_key: Callable[[bytes, int], bytes | None]
) -> None:
    """`Reject` unless the proof shows an exchange of this author with the ratee: paid, or agreed by both.

    `Ignore` while a key that signed in it is not known here.
    """

    def keys(signed: Entry | Token) -> bytes | None:
        key = entry_key(signed)
        if key is None and fact_key(signed.author, signed.epoch) is None:
            raise Ignore("epoch", "a key in the proof has not arrived yet")
        return key

    entry = parse_entry(attestation.proof)
    parties = {record.author, attestation.ratee}
    if entry.network != record.network:
        raise Reject("context", "a proof of another network")
    if entry.kind in ("PAY_COMPLETE", "PAY_RECEIPT"):
        proof = proof_of_deal(entry, keys)
        shown, deal = {proof.payer, proof.payee}, proof.deal
    elif entry.kind == "AGREE":
        verify_with(entry, keys)
        said = settlement_of(entry)
        if said is None:
            raise Reject("field", "an agreement without its payload")
        fact = parse_fact(said.half)
        fact_signer = fact_key(fact.author, fact.epoch)
        if fact.epoch and fact_signer is None:
            raise Ignore("epoch", "a key in the proof has not arrived yet")
        verify_fact(fact, fact_signer)
        check_agreement(entry, said, fact)
        shown, deal = {entry.author, fact.author}, said.deal
    else:
        raise Reject("context", f"{entry.kind} proves no exchange")
    if shown != parties or deal != attestation.deal:
        raise Reject("context", "a proof of somebody else's exchange")
