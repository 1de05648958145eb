"""Standing rules: which proposals our user has agreed to beforehand. Rules, proposal and history in, rule or reason
out; nothing else is looked at."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from p2pnode.hours import lies_within, parse_days, parse_hours, zone_of
from protocols.limits import HOUR
from protocols.terms import Duty, Terms

ANY_DAY = "mon-sun"
ALL_DAY = "00:00-24:00"


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """network; name: of one listing of ours, or empty for all; kind: empty for all. who: `regulars`, `members`,
    `anyone`, or authors in hex. hours, days, zone: within which what is booked lies, or, where nothing is booked, the
    proposal arrives. most: highest price in minor units, most_hours: longest booking; −1 and 0 for no bound.
    regular: so many exchanges make a regular. pays: whether it goes along with what costs our user
    something, as the listing says: one of it, at no time of the other's choice. risk: what all that rules accepted may
    put at risk together beyond what exposure carries, minor units; −1 for what an inviter lends a newcomer.
    """

    number: int
    network: bytes
    name: bytes = b""
    kind: str = ""
    who: tuple[str, ...] = ("regulars",)
    hours: str = ALL_DAY
    days: str = ANY_DAY
    zone: str = "UTC"
    most: int = -1
    most_hours: int = 0
    regular: int = 2
    pays: bool = False
    risk: int = -1


class Asked(NamedTuple):
    """A proposal that has arrived. as_listed: the terms that our listing asks for at the same time and quantity, made
    as a neighbour's node makes them, or None if it does not stand any more. settled: exchanges with its author that are
    settled or closed; member: of the network; at: ms. takes: how long it takes by what its
    quantity counts, ms; 0 where it has an end, or counts something else. at_risk: what our user would give before he
    gets anything; carried: what of that exposure to its author carries; open: what other exchanges that rules accepted
    beyond exposure put at risk now; lent: to a newcomer. All in minor units of credit; money: says such an amount.
    """

    network: bytes
    terms: Terms
    as_listed: Terms | None
    member: bool
    settled: int
    at: int
    takes: int = 0
    at_risk: int = 0
    carried: int = 0
    open: int = 0
    lent: int = 0
    money: Callable[[int], str] = str

    @property
    def beyond(self) -> bool:
        return self.at_risk > self.carried


def decide(rules: Iterable[Rule], asked: Asked) -> tuple[Rule | None, str]:
    """The first rule by which this is accepted, or none, and why not: of the rule that came nearest."""
    problem = why_never(asked)
    if problem:
        return None, problem
    reasons: list[tuple[int, str]] = []
    for rule in rules:
        step, reason = _why_not(rule, asked)
        if not reason:
            return rule, ""
        reasons.append((step, reason))
    return None, max(reasons, key=lambda r: r[0], default=(0, "there is no standing rule"))[1]


def why_never(asked: Asked) -> str:
    """Why no rule may accept this, whatever it says; empty if one may."""
    terms, listed = asked.terms, asked.as_listed
    if terms.previous:
        return "it is a counter-proposal"
    if listed is None:
        return "it is about an older version of the listing"
    if terms.deposit or terms.witnesses or terms.mediator:
        return "it names a deposit, witnesses or a mediator"
    if any(duty not in listed.duties for duty in _paid_by_us(terms)):
        return "you would have to pay"
    if (terms.amount, terms.unit) != (listed.amount, listed.unit):
        return "the price is another one than the listing's"
    if terms.note:
        return "it comes with a note, which you should read"
    if msgspec.structs.replace(terms, expires=listed.expires) != listed:
        return "it is not what the listing asks for"
    return ""


def _why_not(rule: Rule, asked: Asked) -> tuple[int, str]:
    """How far a rule goes along with a proposal, and where it stops; an empty reason where it does not."""
    terms = asked.terms
    if rule.network != asked.network or (rule.name and rule.name != terms.name):
        return 0, "no standing rule is about this listing"
    if not rule.pays and _paid_by_us(terms):
        return 1, "you would have to pay"
    if rule.pays and terms.quantity > 1:
        return 1, f"you would have to pay for {terms.quantity}"
    if rule.pays and (terms.start or terms.end):
        return 1, "it names a time that you have not"
    if rule.kind and rule.kind != terms.kind:
        return 1, f"the rule is about {rule.kind}, not {terms.kind}"
    if not _is_for(rule, asked):
        return 2, _who(rule, asked)
    if rule.most >= 0 and terms.amount > rule.most:
        return 3, "it costs more than the rule says"
    if rule.most_hours and max(asked.takes, terms.end - terms.start) > rule.most_hours * HOUR:
        return 4, f"it takes longer than {rule.most_hours} hours"
    span = (terms.start, terms.end or terms.start) if terms.start else (asked.at, asked.at)
    always = (rule.hours, rule.days) == (ALL_DAY, ANY_DAY)  # and so over night too
    if not (always or lies_within(*span, parse_hours(rule.hours), parse_days(rule.days), zone_of(rule.zone))):
        return 5, f"it is not within {rule.hours}, {rule.days}"
    risk = asked.lent if rule.risk < 0 else rule.risk
    if asked.beyond and asked.open + asked.at_risk > risk:
        return 6, _too_much(asked, risk)
    return 7, ""


def _too_much(asked: Asked, risk: int) -> str:
    opened = f", {asked.money(asked.open)} of it taken" if asked.open else ""
    return (
        f"you would give {asked.money(asked.at_risk)} before you get anything: those you trust stand for the proposer "
        f"with {asked.money(asked.carried)}, and rules may risk {asked.money(risk)} beyond that{opened}"
    )


def _paid_by_us(terms: Terms) -> list[Duty]:
    return [duty for duty in terms.duties if duty.amount and duty.provider == terms.responder]


def _is_for(rule: Rule, asked: Asked) -> bool:
    return (
        "anyone" in rule.who
        or ("members" in rule.who and asked.member)
        or ("regulars" in rule.who and asked.settled >= rule.regular)
        or asked.terms.proposer.hex() in rule.who
    )


def _who(rule: Rule, asked: Asked) -> str:
    if "regulars" in rule.who:
        return f"the proposer is no regular: {asked.settled} of {rule.regular} exchanges"
    return "the proposer is no member" if "members" in rule.who else "the rule is for somebody else"
