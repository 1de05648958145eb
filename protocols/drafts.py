"""Terms made from the template of a kind, and from what the proposer asks beyond it."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Final, NamedTuple

from msgspec.structs import replace

from protocols.conditions import SECOND_FORM, needs_second_form
from protocols.errors import Refusal
from protocols.limits import DAY, MAX_LEGS, MAX_TITLE
from protocols.payments import DEPOSIT, LEG, in_instalments, instalments_of, part_of, step_words, with_deposit
from protocols.templates import PAYING, WAYS, DutyTemplate, Template, Way, template
from protocols.terms import Cancellation, Duty, Goal, Share, Terms, encode_terms, parse_terms, quorum_of

_FEE: Final = "fee"
_REFUND: Final = 7 * DAY  # so long may a deposit be kept after the return; without a deadline it could be for ever


class Leg(NamedTuple):
    """What one party of a barter gives."""

    provider: bytes
    what: str


class Fee(NamedTuple):
    """What who cancels alone owes the other, minor units of a unit."""

    by: bytes
    amount: int
    unit: str


class Asked(NamedTuple):
    """What a proposer asks beyond the listing.

    full: the full form of the kind. capacity: how many of the listing can be booked at once. within: ms for the first
    duty, counted from its turn. cancellation, fees: None for those of the kind. way: whether the thing is brought, or
    fetched.
    """

    full: bool = False
    parent: bytes = b""
    mediator: bytes = b""
    capacity: int = 1
    within: int = 0
    goal: Goal | None = None
    cancellation: tuple[Cancellation, ...] | None = None
    fees: tuple[Fee, ...] | None = None
    legs: tuple[Leg, ...] = ()
    split: tuple[Share, ...] = ()
    way: Way = ""


NOTHING: Final = Asked()


def draft_terms(
    *,
    listing: bytes,
    name: bytes,
    proposer: bytes,
    responder: bytes,
    offered: bool,
    kind: str,
    title: str,
    quantity: int,
    start: int,
    end: int,
    amount: int,
    unit: str,
    price_text: str,
    note: str,
    previous: bytes,
    expires: int,
    witnesses: tuple[bytes, ...] = (),
    instalments: int = 1,
    deposit: tuple[int, str] = (0, ""),
    asked: Asked = NOTHING,
    of: Template | None = None,
) -> Terms:
    """Terms made from the template of a kind. offered: whether the listing is an offer (its author gives).

    instalments: in how many steps it is given and paid; deposit: minor units, and their unit; of: the template, else
    that of `kind`. In form 1 unless something is asked that only form 2 can say. `Refusal` where this kind has nothing
    that could be done so, or needs what is missing.
    """
    found = template(kind) if of is None else of
    giver, taker = (responder, proposer) if offered else (proposer, responder)
    _check_needs(found, asked, start, end, amount)
    rows = found.full if asked.full else found.plain
    if amount and not any(
        row.price for row in rows
    ):  # something lent or given for which a price was named all the same
        rows = (*rows, PAYING)
    making = _Making(title, price_text, giver, taker, start, end, amount, unit, asked.way)
    duties = making.legs(rows, asked.legs) if found.legs else []
    duties += making.duties([row for row in rows if row.by != "each"])
    if asked.within:
        duties = _in_time(duties, asked.within)
    if instalments != 1:
        duties = list(in_instalments(duties, instalments))
    if deposit[0]:
        duties = list(with_deposit(duties, *deposit, back_within=_REFUND if asked.full else 0))
    cancellation = asked.cancellation
    if cancellation is None:
        cancellation = _cancellation(found, asked, giver, taker, start, expires, duties)
    fees = asked.fees
    if fees is None:
        fees = _fees(found, cancellation, giver, taker, amount, unit)
    elif fees and not cancellation:
        raise Refusal("usage", "a fee is for who may cancel alone", "Say until when one may: --cancel-until 24h.")
    may = {rule.by for rule in cancellation}
    duties += [_fee(fee, giver, taker) for fee in fees if fee.by in may]
    terms = Terms(
        listing=listing,
        name=name,
        proposer=proposer,
        responder=responder,
        kind=kind,
        title=title,
        duties=tuple(duties),
        expires=expires,
        quantity=quantity,
        start=start,
        end=end,
        amount=amount,
        unit=unit if amount else "",
        note=note,
        previous=previous,
        quorum=quorum_of(len(witnesses)),
        witnesses=witnesses,
        deposit=deposit[0],
        parent=asked.parent,
        capacity=asked.capacity if found.slot and asked.full and end else 0,
        cancellation=cancellation,
        mediator=asked.mediator,
        goal=asked.goal,
        split=asked.split,
    )
    if asked.full or asked.within or needs_second_form(terms):
        return replace(terms, form=SECOND_FORM)
    return terms


def full_by_itself(of: Template, start: int, end: int) -> bool:
    """Whether terms of this kind are made in the full form when nobody says how."""
    return of.full_when == "always" or (of.full_when == "booked" and bool(start and end))


def both_may_cancel(terms_of: tuple[bytes, bytes], until: int) -> tuple[Cancellation, ...]:
    return tuple(Cancellation(by, max(0, until)) for by in terms_of)


def asked_before(old: Terms, start: int, of: Template | None = None) -> Asked:
    """What terms say beyond the plain form of their kind, to be said again in others. start: of the new ones, ms; what
    may be cancelled until so long before the start moves with it. of: the template, else that of their kind."""
    moved = start - old.start if start and old.start else 0
    rules = tuple(Cancellation(rule.by, max(0, rule.until + moved)) for rule in old.cancellation)
    legs = tuple(Leg(d.provider, d.what) for d in old.duties if part_of(d.id)[0] == LEG and part_of(d.id)[1])
    second = old.form == SECOND_FORM
    first = next((d for d in old.duties if not d.along and d.id != DEPOSIT), None)
    return Asked(
        full=second and any(d.confirm or d.along or d.start for d in old.duties),
        parent=old.parent,
        mediator=old.mediator,
        capacity=old.capacity or 1,
        within=first.within if second and first is not None else 0,
        goal=old.goal,
        cancellation=rules if second else None,
        fees=tuple(Fee(d.provider, d.amount, d.unit) for d in old.duties if d.on) if second else None,
        legs=legs,
        split=old.split,
        way=way_of(old, template(old.kind) if of is None else of),
    )


def way_of(old: Terms, of: Template) -> Way:
    """Which way the thing goes by these terms; empty where their duties do not say so in the words of their kind."""
    parts = instalments_of(old)
    rows = {row.id: row for row in of.full}
    for duty in old.duties:
        name, k = (duty.id, 0) if duty.id in rows else part_of(duty.id)
        row = rows.get(name)
        if row is None:
            continue
        said = {way: row.words(way).format(title=old.title, price="", leg="")[: 2 * MAX_TITLE] for way in WAYS}
        meant = [way for way, what in said.items() if duty.what == (step_words(what, k, parts) if k else what)]
        if len(meant) == 1 and meant[0]:  # else the words are the same, or cut off where they differ
            return meant[0]
    return ""


def is_offered(old: Terms, of: Template) -> bool:
    """Whether the responder of these terms is their giver."""
    by = {row.id: row.by for row in of.full if row.by != "each"}
    for duty in old.duties:
        role = by.get(duty.id) or by.get(part_of(duty.id)[0])
        if role is not None and not (duty.amount and role == "taker"):
            return duty.provider == (old.responder if role == "giver" else old.proposer)
    paid = {d.id for d in old.payments}
    return any(d.provider == old.responder for d in old.duties if d.id not in paid)


def role_of(terms: Terms, author: bytes, of: Template) -> str | None:
    """What the kind calls a party of these terms, and `mediator` who is none; None of barter, where both give. terms:
    of the proposal, which still has the duties of its kind."""
    if author not in terms.parties:
        return "mediator"
    if of.legs:
        return None
    gives = author == (terms.responder if is_offered(terms, of) else terms.proposer)
    return of.giver if gives else of.taker


def check_template(of: Template, file: str) -> None:
    """`Refusal` unless terms of this kind hold together, in both forms and both ways, with a price and without."""
    parties = (b"\1" * 32, b"\2" * 32)
    for full in (False, True):
        for offered in (False, True):
            amounts = (7, 1_000_000) if of.price else (0, 7, 1_000_000)
            for amount, way in product(amounts, WAYS if of.goes else WAYS[:1]):
                asked = Asked(
                    full=full,
                    way=way,
                    goal=Goal(least=1, until=100 * DAY, unit="x" if of.goal == "amount" else "") if of.goal else None,
                    legs=tuple(Leg(party, "x") for party in parties) if of.legs else (),
                )
                terms = draft_terms(
                    listing=bytes(32), name=bytes(16), proposer=parties[0], responder=parties[1], offered=offered,
                    kind=of.kind, title="x", quantity=1, start=1_000 * DAY, end=1_001 * DAY, amount=amount,
                    unit="x" if amount else "", price_text="x", note="", previous=b"", expires=100 * DAY,
                    asked=asked, of=of,
                )  # fmt: skip
                try:
                    parse_terms(encode_terms(terms))
                except ValueError as e:
                    raise Refusal("usage", f"{file}: its terms do not hold together: {e}") from e


class _Making(NamedTuple):
    """The duties of one exchange, row by row."""

    title: str
    price_text: str
    giver: bytes
    taker: bytes
    start: int
    end: int
    amount: int
    unit: str
    way: Way

    def duties(self, rows: Sequence[DutyTemplate]) -> list[Duty]:
        made: list[Duty] = []
        left_out: dict[str, str] = {}  # without a price: what comes after a payment comes after what is before it
        paid = Fraction(0)
        for row in rows:
            after = left_out.get(row.after, row.after)
            if row.price and not self.amount:
                left_out[row.id] = after
                continue
            share = int(self.amount * (paid + row.price)) - int(self.amount * paid)
            paid += row.price
            if row.price and not share:
                raise Refusal("usage", "this price is too small to be paid in parts", "Name a higher --price.")
            made.append(self.duty(row, row.id, self.giver if row.by == "giver" else self.taker, after, share))
        return made

    def legs(self, rows: Sequence[DutyTemplate], legs: Sequence[Leg]) -> list[Duty]:
        (row,) = (row for row in rows if row.by == "each")
        return [self.duty(row, f"{row.id}-{k}", leg.provider, "", 0, leg.what) for k, leg in enumerate(legs, 1)]

    def duty(self, row: DutyTemplate, id_: str, provider: bytes, after: str, share: int, leg: str = "") -> Duty:
        begins = row.begins.at(self.start, self.end) if row.begins is not None else 0
        until = row.until.at(self.start, self.end) if row.until is not None else 0
        what = row.words(self.way).format(title=self.title, price=self.price_text, leg=leg)
        return Duty(
            id=id_,
            action=row.action,
            what=what[: 2 * MAX_TITLE],
            provider=provider,
            receiver=self.taker if provider == self.giver else self.giver,
            amount=share,
            unit=self.unit if share else "",
            start=begins,
            until=until,
            within=0 if until else row.within,
            after=after,
            along=row.along,
            confirm=row.confirm,
            custody=row.custody,
        )


def _check_needs(of: Template, asked: Asked, start: int, end: int, amount: int) -> None:
    """`Refusal` where a kind needs what is missing, or has no room for what is asked."""
    if of.time and not (start and end):
        raise Refusal("usage", f"a {of.kind} is at a time", "Say from when to when: --from and --until.")
    if of.goal and asked.goal is None:
        how = "--goal '500 hour'" if of.goal == "amount" else "--goal 10"
        raise Refusal("usage", f"a {of.kind} goes ahead when enough comes together", f"Say how much that is: {how}")
    if of.goal and asked.goal is not None and bool(asked.goal.unit) != (of.goal == "amount"):
        counted = "an amount of a unit" if of.goal == "amount" else "a number of people"
        raise Refusal("usage", f"the goal of a {of.kind} is {counted}", "Write --goal 10 or --goal '500 hour'.")
    if of.price and not amount:
        raise Refusal("usage", f"a {of.kind} needs an amount", "Name one with --price.")
    if asked.way and not of.goes:
        raise Refusal("usage", f"nothing is brought or fetched in a {of.kind}", "Leave --bring and --fetch out.")
    if asked.legs and not of.legs:
        raise Refusal("usage", f"a {of.kind} has no legs", "They are for barter; counter with a price instead.")
    if of.legs and len({leg.provider for leg in asked.legs}) < 2:
        hint = "Say what each gives: --leg 'mine: a basket of apples' --leg 'yours: two hours of help'"
        raise Refusal("usage", f"a {of.kind} goes to and fro", hint)
    if len(asked.legs) > MAX_LEGS:
        raise Refusal("usage", f"{len(asked.legs)} legs, at most {MAX_LEGS}", "Put some of them into one.")


def _in_time(duties: Sequence[Duty], within: int) -> list[Duty]:
    """The same, the first with so much time (ms). What comes along with another is over with it."""
    first = next((k for k, d in enumerate(duties) if not d.along), 0)
    return [replace(d, within=within) if k == first else d for k, d in enumerate(duties)]


def _cancellation(
    of: Template, asked: Asked, giver: bytes, taker: bytes, start: int, expires: int, duties: Sequence[Duty]
) -> tuple[Cancellation, ...]:
    """Who may cancel alone as the kind has it; only in the full form."""
    if not asked.full:
        return ()
    open_end = expires + max((d.within for d in duties[:1]), default=0)
    return tuple(
        Cancellation(giver if c.by == "giver" else taker, max(0, (start or open_end) - c.before)) for c in of.cancelling
    )


def _fees(
    of: Template, rules: Sequence[Cancellation], giver: bytes, taker: bytes, amount: int, unit: str
) -> tuple[Fee, ...]:
    may = {rule.by for rule in rules}
    parts = [(giver if c.by == "giver" else taker, int(amount * c.fee)) for c in of.cancelling]
    return tuple(Fee(by, fee, unit) for by, fee in parts if fee and by in may)


def _fee(fee: Fee, giver: bytes, taker: bytes) -> Duty:
    gives = fee.by == giver
    return Duty(
        id=f"{_FEE}-{'giver' if gives else 'taker'}",
        action="transfer",
        what="pay the fee for cancelling alone",
        provider=fee.by,
        receiver=taker if gives else giver,
        amount=fee.amount,
        unit=fee.unit,
        on="cancel",
    )
