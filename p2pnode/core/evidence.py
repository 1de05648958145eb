"""What our ledger holds of one exchange: erased as far as it is ours alone, and proved to others."""

from base64 import b64encode
from typing import Any, NamedTuple

from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.history import check_history, encode_history
from ledger.nodes import inclusion_path
from ledger.payloads import Settlement
from ledger.proof import check_proof, encode_proof
from ledger.tokens import Token, parse_token
from p2pnode import commands
from protocols.errors import Refusal, Reject

from .exchanges import Exchanges
from .held import Held
from .key_files import with_keys
from .own_chain import OwnChain
from .parcels import Parcels
from .settlements import Settlements
from .state import State

# Which of our entries say most; then AGREE; then any other; of several alike the newest. A PAY_ACCEPT holds what the
# payer signed after the agreement: it shows that the payer stopped.
_MOST = {"PAY_RECEIPT": 2, "PAY_COMPLETE": 2, "PAY_ACCEPT": 1}


class Hand(NamedTuple):
    """Who signed a receipt, and with which of his keys."""

    author: bytes
    epoch: int


def _nested(entry: Entry) -> list[Entry | Token]:
    """An entry, and all that is embedded in it."""
    said = settlement_of(entry)
    if said is None:
        return [entry]
    inner = _nested(parse_entry(said.half)) if said.half else []
    return [entry, *inner, *(parse_token(token) for token in said.tokens)]


class Evidence:
    def __init__(self, state: State, exchanges: Exchanges, settlements: Settlements, parcels: Parcels) -> None:
        self._state = state
        self._exchanges = exchanges
        self._settlements = settlements
        self._parcels = parcels

    def history(self, args: commands.OneId, now: int) -> dict[str, Any]:
        """A file that shows others all that was signed in an exchange, so that they see for themselves whose turn it is
        and who did not do his part. Exact addresses are not in it; the terms, notes and names of duties are."""
        held = self._exchanges.find(args.id)
        network = self._state.networks[held.network]
        proofs = (self._settlements.proof(held.network, deal) for deal in held.deals.values())
        entries = sorted({proof for proof in proofs if proof is not None})
        terms = self._exchanges.view(held, now).terms
        known = self._parcels.receipts(held.network, terms.parcel) if terms.parcel else []
        receipts = [*held.receipts] or known
        data = encode_history(network.record.wire, held.facts.values(), entries, receipts)
        hands = [Hand(a, e) for r in receipts for a, e in ((r.giver, r.giver_epoch), (r.taker, r.taker_epoch))]
        signed = [*held.facts.values(), *(e for wire in entries for e in _nested(parse_entry(wire))), *hands]
        data = with_keys(self._state, network, data, signed)
        try:
            check_history(data, now)
        except Reject as e:
            raise Refusal("failed", f"the history would not hold: {e.message}", "Nobody could check it.") from e
        return {"exchange_id": held.id.hex(), "bytes": len(data), "history": b64encode(data).decode()}

    def erase(self, args: commands.OneExchange, now: int) -> dict[str, Any]:
        """Forget the private payloads of the entries of an exchange. Done again, it only purges the files again."""
        held = self._exchanges.find(args.exchange)
        chain = self._state.networks[held.network].chain
        of_it = []
        for seq, full in chain.entries(1):
            said = settlement_of(parse_entry(full))
            if said is not None and said.deal in held.deals.values():
                of_it.append(seq)
        erased = [seq for seq in of_it if chain.erase_private(seq)]
        return {"exchange_id": held.id.hex(), "entries": len(of_it), "erased": erased}

    def prove(self, args: commands.Prove, now: int) -> dict[str, Any]:
        """A file that shows others, with nothing else at hand, what our ledger says of an exchange: of several payments
        the one named, else the newest that is settled."""
        held = self._exchanges.find(args.exchange)
        network = self._state.networks[held.network]
        chain = network.chain
        entry, said = self._best(chain, held, args.duty)
        head = entry if entry.seq == chain.state.count - 1 else chain.entry(chain.state.count - 1)
        if head is None:
            raise Refusal("failed", "the newest entry of the ledger is missing", "`p2pnode ledger verify` says more.")
        path = [] if head is entry else inclusion_path(chain.node, entry.seq, head.seq)
        proof = encode_proof(network.record.wire, encode_entry(entry), head, path)
        try:
            check_proof(proof)
        except Reject as e:
            raise Refusal(
                "failed", f"the proof would not hold: {e.message}", "`p2pnode ledger verify` says more."
            ) from e
        return {
            **self._exchanges.whose(entry.kind, said),
            "deal": said.deal.hex(),
            "kind": entry.kind,
            "seq": entry.seq,
            "head_seq": head.seq,
            "bytes": len(proof),
            "proof": b64encode(proof).decode(),
        }

    def _best(self, chain: OwnChain, held: Held, duty: str | None) -> tuple[Entry, Settlement]:
        if duty is not None and duty not in held.deals:
            raise Refusal("not_found", f"there is no payment {duty}", "`p2pnode exchange show` lists who owes what.")
        deals = [i for d, i in held.deals.items() if duty in (None, d)]
        found = [self._settlements.deals.get((held.network, i)) for i in deals]
        paid = sorted(
            (parse_entry(d.mine) for d in found if d is not None and d.mine),
            key=lambda e: (_MOST.get(e.kind, 0), e.seq),
        )
        agreed = chain.entry(held.agreed_seq) if held.agreed_seq >= 0 and duty is None else None
        best = agreed if agreed is not None and not (paid and paid[-1].kind in _MOST) else paid[-1] if paid else None
        said = settlement_of(best) if best is not None else None
        if best is None or said is None:
            raise Refusal(
                "conflict",
                "the ledger says nothing of this yet",
                "It does from the agreement on: `p2pnode exchange show`.",
            )
        return best, said
