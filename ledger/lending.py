"""What is left of a vouch after each entry about it: the sums that both chains must keep, whoever writes them.

    voucher:  VOUCH = UNVOUCH + VOUCH_CONSUME − VOUCH_RESTORE + left in its hold
    subject:  VOUCH_ACCEPT = VOUCH_RETURN + VOUCH_CONSUMED + left in its limit

An UNVOUCH frees what one VOUCH_RETURN gave back, and only one UNVOUCH embeds it; likewise VOUCH_CONSUMED and
VOUCH_CONSUME. Where a return meets a take-over of the same part, the return goes first: before its UNVOUCH the voucher
writes a VOUCH_RESTORE of exactly what its hold lacks. `docs/adr/0008-a-vouch-in-parts.md` says why these rules suffice.
"""

from typing import NamedTuple

from protocols.errors import Reject

from .entry import Entry, parse_entry, settlement_of
from .payloads import Settlement

LENDS = frozenset({"VOUCH", "UNVOUCH", "VOUCH_CONSUME", "VOUCH_RESTORE"})
BORROWS = frozenset({"VOUCH_ACCEPT", "VOUCH_RETURN", "VOUCH_CONSUMED"})
IN_PARTS = LENDS | BORROWS
MAX_PARTS = 64
"""So many returns and take-overs of one vouch, or payments of one claim, a node begins; it answers twice as many. Then
only all that is left: each part costs the other side an entry for ever, without its user being asked."""


class Lent(NamedTuple):
    """One vouch in one chain, minor units. voucher: whether this chain's author gave it; returned, consumed: sums so
    far; used: seq of the newest entry of the other side that was embedded in a return or a take-over, −1 for none.
    """

    voucher: bool
    amount: int
    returned: int = 0
    consumed: int = 0
    used: int = -1

    @property
    def left(self) -> int:
        """What is still in the voucher's hold, or in the subject's limit."""
        return self.amount - self.returned - self.consumed


def step(lent: Lent | None, entry: Entry, said: Settlement) -> Lent:
    """The vouch after one more entry of the chain, in the order that `RULES` demands. `Reject` if the sums do not allow
    it.
    """
    if entry.kind in ("VOUCH", "VOUCH_ACCEPT"):
        return Lent(entry.kind == "VOUCH", said.amount)
    if lent is None or lent.voucher != (entry.kind in LENDS):
        raise Reject("state", f"{entry.kind} without what must come before it")
    half = parse_entry(said.half) if said.half else None
    if half is not None and half.seq <= lent.used:
        raise Reject("state", f"{entry.kind} over a {half.kind} that was used before")
    if entry.kind == "VOUCH_RESTORE":
        if said.amount > lent.consumed or said.amount != returning(half) - lent.left:
            raise Reject("state", "VOUCH_RESTORE of another amount than the hold lacks")
        return lent._replace(consumed=lent.consumed - said.amount)
    if said.amount > lent.left:
        raise Reject("state", f"{entry.kind} of {said.amount}, of the vouch {lent.left} is left")
    used = lent.used if half is None else half.seq
    if entry.kind in ("UNVOUCH", "VOUCH_RETURN"):
        return lent._replace(returned=lent.returned + said.amount, used=used)
    return lent._replace(consumed=lent.consumed + said.amount, used=used)


def returning(half: Entry | None) -> int:
    """The amount of an embedded VOUCH_RETURN, minor units."""
    said = None if half is None else settlement_of(half)
    return 0 if said is None else said.amount
