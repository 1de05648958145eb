"""Arguments of the commands for an agreement that does not go as agreed, or that waits for others."""

from .arguments import Amount, Args, Count, Id, Note, PeerName, Price, Time, Token


class OfDuty(Args, frozen=True):
    """duty: which one is meant; None: the only one that it can be."""

    id: Id
    duty: Token | None = None
    note: Note = ""


class Amend(Args, frozen=True):
    """None keeps what was agreed. price: of the whole, or per unit; start, end: ms."""

    id: Id
    price: Price | None = None
    quantity: Count | None = None
    start: Time | None = None
    end: Time | None = None
    note: Note = ""


class Rule(Args, frozen=True):
    """award: to be paid to `to`, who is one of the parties, by the other; None: nothing. keep_deposit: a deposit that
    was paid does not go back."""

    id: Id
    award: Amount | None = None
    to: PeerName | None = None
    keep_deposit: bool = False
    note: Note = ""


class Go(Args, frozen=True):
    listing: Id
    note: Note = ""
