"""What is left of a private claim after each entry about it, in one chain: as ledger/lending.py for vouches."""

from typing import NamedTuple

from protocols.errors import Reject

from .entry import Entry, parse_entry
from .payloads import Settlement

CLAIMS = frozenset({"CLAIM", "CLAIM_ASK", "CLAIM_ACCEPT", "CLAIM_PAID", "CLAIM_CLOSED"})


class Owed(NamedTuple):
    """debtor: whether this chain's author owes; amount, paid: in hundredths of the unit; used: seq of the newest
    CLAIM_PAID that was embedded, −1 for none."""

    debtor: bool
    amount: int
    unit: str
    paid: int = 0
    used: int = -1

    @property
    def left(self) -> int:
        return self.amount - self.paid


def step(owed: Owed | None, entry: Entry, said: Settlement) -> Owed:
    """The claim after one more entry, in the order that `RULES` demands. `Reject` if it does not add up."""
    half = parse_entry(said.half) if said.half else None
    if entry.kind in ("CLAIM", "CLAIM_ASK", "CLAIM_ACCEPT"):
        debtor = entry.kind == "CLAIM" or (half is not None and half.kind == "CLAIM_ASK")
        return Owed(debtor, said.amount, said.unit)
    if owed is None or owed.debtor != (entry.kind == "CLAIM_CLOSED") or owed.unit != said.unit:
        raise Reject("state", f"{entry.kind} of a claim of another kind")
    if said.amount > owed.left:
        raise Reject("state", f"{entry.kind} of {said.amount}, of the claim {owed.left} is left")
    if half is not None and half.seq <= owed.used:
        raise Reject("state", f"{entry.kind} over a {half.kind} that was used before")
    return owed._replace(paid=owed.paid + said.amount, used=owed.used if half is None else half.seq)
