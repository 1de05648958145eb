"""What a mediator is shown of the payments of an exchange: the proofs that they were settled."""

from typing import TYPE_CHECKING

from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.halves import proof_of_deal
from protocols.errors import Reject
from protocols.payments import Payment
from protocols.terms import Duty

from .keys import SHOWN
from .state import State

if TYPE_CHECKING:
    from .held import Held

PROOFS = ("PAY_COMPLETE", "PAY_RECEIPT")


class Shown:
    """By exchange and duty, when each payment was settled: ms, by the payer's own entry."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._paid_at: dict[tuple[bytes, str], int] = {}
        for key, value in state.journal.scan(SHOWN):
            name = key[len(SHOWN) :]
            self._paid_at[name[:32], name[32:].decode()] = _settled_at(parse_entry(value))

    def take(self, held: "Held", duty: Duty, entry: Entry) -> None:
        """A proof that a party sends us, who are the mediator. `Reject` unless it proves this payment."""
        deal = proof_of_deal(entry, self._state.entry_key)
        if (deal.payer, deal.payee, deal.amount) != (duty.provider, duty.receiver, duty.amount):
            raise Reject("context", "a payment of something else")
        if (held.id, duty.id) not in self._paid_at:
            self._paid_at[held.id, duty.id] = _settled_at(entry)
            self._state.journal.put(SHOWN + held.id + duty.id.encode(), encode_entry(entry))

    def payments(self, held: "Held") -> tuple[dict[str, Payment], dict[str, int]]:
        """How far each payment has come, as far as we were shown, and when it was settled."""
        paid_at = {duty: at for duty in held.deals if (at := self._paid_at.get((held.id, duty))) is not None}
        return {duty: Payment.SETTLED if duty in paid_at else Payment.PENDING for duty in held.deals}, paid_at

    def forget(self, exchange: bytes) -> None:
        for key in [k for k in self._paid_at if k[0] == exchange]:
            del self._paid_at[key]
            self._state.journal.delete(SHOWN + exchange + key[1].encode())


def _settled_at(entry: Entry) -> int:
    said = settlement_of(entry)
    return parse_entry(said.half).at if entry.kind == "PAY_RECEIPT" and said is not None else entry.at
