"""How each kind of entry moves balance, hold and limit, and which kinds may follow each other within one deal.

    balance   what the author has earned less what it has spent
    hold      what it has promised: proposed payments and given vouches
    limit     how far below zero balance − hold may go: endowment from the genesis, and vouches accepted

`balance − hold ≥ −limit`, always, and anybody checks it. A kind that is not in the table moves nothing, so that
old nodes can verify the chains of newer ones.
"""

from typing import NamedTuple

from protocols.errors import Refusal, Reject

from .payloads import Settlement


class Rule(NamedTuple):
    """balance, hold, limit: by how many times the amount each moves. embeds: kinds of the counterparty's half, one of
    which must be there; own: the same, of the author's own entry (in a PAY_CANCEL, instead, with tokens); part:
    whether the amount may be less than the half's.
    after: what this author wrote last in the same deal ("": nothing); None: not bound to a deal.
    """

    balance: int = 0
    hold: int = 0
    limit: int = 0
    embeds: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    after: tuple[str, ...] | None = None
    amount: bool = True  # whether the amount must be above zero
    part: bool = False


_LENT = ("VOUCH", "UNVOUCH", "VOUCH_CONSUME", "VOUCH_RESTORE")
_BORROWED = ("VOUCH_ACCEPT", "VOUCH_RETURN", "VOUCH_CONSUMED")

RULES: dict[str, Rule] = {
    # payer
    "PAY_PROPOSE": Rule(hold=1, after=("",)),
    "PAY_CANCELREQ": Rule(own=("PAY_PROPOSE",), after=("PAY_PROPOSE",)),
    "PAY_COMPLETE": Rule(balance=-1, hold=-1, embeds=("PAY_ACCEPT",), after=("PAY_PROPOSE", "PAY_CANCELREQ")),
    "PAY_CANCEL": Rule(
        hold=-1, embeds=("PAY_RELEASE", "PAY_ACCEPT"), own=("PAY_CANCELREQ",), after=("PAY_PROPOSE", "PAY_CANCELREQ")
    ),
    # payee
    "PAY_ACCEPT": Rule(embeds=("PAY_PROPOSE",), after=("",)),
    "PAY_RELEASE": Rule(embeds=("PAY_PROPOSE",), after=("",)),
    "PAY_RECEIPT": Rule(balance=1, embeds=("PAY_COMPLETE",), after=("PAY_ACCEPT",)),
    # voucher
    "VOUCH": Rule(hold=1, after=("",)),
    "UNVOUCH": Rule(hold=-1, embeds=("VOUCH_RETURN",), after=_LENT),
    "VOUCH_CONSUME": Rule(balance=-1, hold=-1, after=_LENT),
    "VOUCH_RESTORE": Rule(balance=1, hold=1, embeds=("VOUCH_RETURN",), after=_LENT, part=True),
    # subject of a vouch
    "VOUCH_ACCEPT": Rule(limit=1, embeds=("VOUCH",), after=("",)),
    "VOUCH_RETURN": Rule(limit=-1, after=_BORROWED),
    "VOUCH_CONSUMED": Rule(balance=1, limit=-1, embeds=("VOUCH_CONSUME",), after=_BORROWED, part=True),
    # private claims: what one owes the other in any unit. They move nothing here.
    "CLAIM": Rule(after=("",)),
    "CLAIM_ASK": Rule(after=("",)),
    "CLAIM_ACCEPT": Rule(embeds=("CLAIM", "CLAIM_ASK"), after=("",)),
    "CLAIM_PAID": Rule(after=("CLAIM_ASK", "CLAIM_ACCEPT", "CLAIM_PAID")),
    "CLAIM_CLOSED": Rule(embeds=("CLAIM_PAID",), after=("CLAIM", "CLAIM_ACCEPT", "CLAIM_CLOSED")),
    # statements
    "AGREE": Rule(amount=False),
    "EVENT": Rule(amount=False),
    "ATTEST": Rule(amount=False),
}


class Figures(NamedTuple):
    """Where an account stands, in minor units."""

    balance: int
    hold: int
    limit: int

    @property
    def spendable(self) -> int:
        """How much more can be promised."""
        return self.balance - self.hold + self.limit


class OverLimit(Refusal):
    """A payment or vouch that the account cannot carry. needed, spendable: minor units, for the face to format."""

    def __init__(self, message: str, hint: str, needed: int, spendable: int) -> None:
        super().__init__("refused", message, hint)
        self.needed = needed
        self.spendable = spendable


def moved(figures: Figures, kind: str, amount: int) -> Figures:
    """The figures after an entry of this kind. They may break the limit: see `check_limit`, `check_step`."""
    rule = RULES.get(kind)
    if rule is None or not amount:
        return figures
    return Figures(
        figures.balance + rule.balance * amount,
        figures.hold + rule.hold * amount,
        figures.limit + rule.limit * amount,
    )


def check_limit(before: Figures, after: Figures, kind: str) -> None:
    """`OverLimit` if our own next entry would break the rule that everybody checks."""
    if after.spendable >= 0:
        return
    needed = before.spendable - after.spendable
    figures = f"balance {before.balance}, held {before.hold}, limit {before.limit}, in the smallest unit"
    if kind == "VOUCH_RETURN":
        message = f"{needed} of the limit cannot be given back while only {before.spendable} is unused ({figures})"
        hint = "Earn first, until that much of the limit is free."
    else:
        message = f"this needs {needed}, and {max(before.spendable, 0)} can be spent ({figures})"
        hint = "Earn first, or ask a neighbour who knows you to vouch for you: p2pnode vouch YOU AMOUNT, typed there."
    raise OverLimit(message, hint, needed, max(before.spendable, 0))


def check_step(before: Figures, after: Figures, kind: str, settlement: Settlement | None) -> None:
    """`Reject` unless these figures follow. settlement: None if it is withheld; then the move must fit some amount."""
    rule = RULES.get(kind)
    if after.spendable < 0:
        raise Reject("state", f"the limit is overdrawn by {-after.spendable}")
    amount = 0
    if rule is not None and settlement is not None:
        amount = settlement.amount
    elif rule is not None:
        amount = max(abs(b - a) for a, b in zip(before, after, strict=True))
    if after != (moved(before, kind, amount) if amount else before):
        raise Reject("state", f"balance, hold and limit do not follow from {kind}")
    if rule is not None and rule.amount and amount == 0 and (settlement is not None or moves(kind)):
        raise Reject("field", f"{kind} without an amount")


def moves(kind: str) -> bool:
    """Whether entries of this kind change balance, hold or limit."""
    rule = RULES.get(kind)
    return rule is not None and (rule.balance, rule.hold, rule.limit) != (0, 0, 0)
