"""The kinds of exchange as data: which duties each consists of, and what else belongs to it.

One file a kind in `protocols/kinds/`; adding a kind is adding a file. Roles: the *giver* gives the thing, the time or
the work; the *taker* receives it and, as a rule, pays. With an offer the owner of the listing is the giver, with a
request the proposer is. Actions are those of ValueFlows 1.0.

Each kind has duties in two forms. *Plain* is what every node understands (terms of form 1); *full* has deadlines that
count, being there, confirming by time and cancelling alone (form 2).
"""

import re
import tomllib
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from protocols.errors import Refusal
from protocols.fields import LINE, Kind
from protocols.limits import (
    DAY,
    MAX_LIFETIME,
    MAX_TEMPLATE,
    MAX_TEMPLATE_DEPTH,
    MAX_TEMPLATE_DUTIES,
    MAX_TITLE,
    MAX_TOKEN,
)
from protocols.payments import PAY, part_of
from protocols.spans import parse_span
from protocols.toml_depth import toml_depth

# https://www.valueflo.ws/specification/all_vf/, version 1.0
ACTIONS: Final = frozenset(
    {
        "accept", "cite", "combine", "consume", "copy", "deliverService", "dropoff", "lower", "modify", "move",
        "pickup", "produce", "raise", "separate", "transfer", "transferAllRights", "transferCustody", "use", "work",
    }
)  # fmt: skip
_PART: Final = re.compile(r"[0-9]{1,6}(?:[./][0-9]{1,6})?")  # no exponent: 1e99999999 would be counted out
_WORDS: Final = {"title", "price", "leg"}  # what may stand in braces in `what`

By = Literal["giver", "taker", "each"]
Way = Literal["", "bring", "fetch"]  # how a thing gets to who is to have it; empty where nobody says
WAYS: Final[tuple[Way, ...]] = ("", "bring", "fetch")
_Line = Annotated[str, Meta(min_length=1, max_length=MAX_TITLE, pattern=LINE)]
_Words = Annotated[str, Meta(max_length=MAX_TITLE, pattern=LINE)]
_DutyId = Annotated[str, Meta(max_length=MAX_TOKEN, pattern=r"\A[a-z][a-z0-9_-]*\Z")]
_Short = Annotated[str, Meta(max_length=MAX_TOKEN)]


class Moment(NamedTuple):
    """A time of the exchange, moved by so many ms."""

    of: Literal["start", "end"]
    offset: int = 0

    def at(self, start: int, end: int) -> int:
        """The time, ms, or 0 where that of the exchange is open."""
        time = end if self.of == "end" else start
        return max(0, time + self.offset) if time else 0


class DutyTemplate(NamedTuple):
    """One duty. by: `each` for a leg of barter, of whoever gives it. begins, until: moments; within: ms, where `until`
    is open; confirm: ms; price: the part of the price that it pays, 0 for none. brought, fetched: what it is instead
    where the thing is brought, or fetched; empty where that makes no difference. The rest as in `terms.Duty`."""

    id: str
    action: str
    by: By
    what: str
    after: str = ""
    along: str = ""
    begins: Moment | None = None
    until: Moment | None = None
    within: int = 0
    confirm: int = 0
    custody: bool = False
    price: Fraction = Fraction(0)
    brought: str = ""
    fetched: str = ""

    def words(self, way: Way) -> str:
        """What is owed, with `{title}` and the like, where the thing goes this way."""
        return {"bring": self.brought, "fetch": self.fetched}.get(way) or self.what


class Cancelling(NamedTuple):
    """Who may cancel alone, for which part of the price, and until how long before the start, ms; where no time is
    agreed, until the first duty must be done."""

    by: Literal["giver", "taker"]
    before: int
    fee: Fraction


class Template(NamedTuple):
    """A kind. title, about: for people; giver, taker: what they are called. full_when: whether the full form is for who
    asks for it, also for bookings (a start and an end are given), or always. time: needs a start and an end; slot:
    books them; busy: no more at once than the listing has, though nothing is booked that could be shown; goal: needs
    one, in pledges or in an amount; price: needs one; deposit: one is usual."""

    kind: str
    title: str
    about: str
    giver: str
    taker: str
    plain: tuple[DutyTemplate, ...]
    full: tuple[DutyTemplate, ...]
    full_when: Literal["asked", "booked", "always"]
    time: bool
    slot: bool
    busy: bool
    goal: Literal["", "pledges", "amount"]
    price: bool
    deposit: bool
    cancelling: tuple[Cancelling, ...]

    @property
    def legs(self) -> bool:
        """Whether it consists of what its parties name, to and fro."""
        return any(row.by == "each" for row in self.plain)

    @property
    def takes_time(self) -> bool:
        """Whether its listing is taken from start to end."""
        return self.slot or self.busy

    @property
    def goes(self) -> bool:
        """Whether it can be said that the thing is brought, or fetched."""
        return any(row.brought for row in self.full)


class _Duty(msgspec.Struct, forbid_unknown_fields=True, rename={"begins": "from"}):
    id: _DutyId
    action: _Short
    by: By
    what: _Line
    after: _Short = ""
    along: _Short = ""
    begins: _Short = ""
    until: _Short = ""
    within: _Short = ""
    confirm: _Short = ""
    custody: bool = False
    brought: _Words = ""
    fetched: _Words = ""
    price: _Short = ""
    only: Literal["", "full"] = ""
    full: dict[str, str | bool] = {}


class _Cancel(msgspec.Struct, forbid_unknown_fields=True):
    by: Literal["giver", "taker"]
    before: _Short
    fee: _Short = "0"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    kind: Kind
    title: _Line
    about: _Line
    giver: _Line
    taker: _Line
    duties: Annotated[list[_Duty], Meta(min_length=1, max_length=MAX_TEMPLATE_DUTIES)]
    full: Literal["asked", "booked", "always"] = "asked"
    time: bool = False
    slot: bool = False
    busy: bool = False
    goal: Literal["", "pledges", "amount"] = ""
    price: bool = False
    deposit: bool = False
    cancel: Annotated[list[_Cancel], Meta(max_length=2)] = []


def parse_template(text: str, file: str) -> Template:
    """A kind from its TOML. `Refusal` with the file, the key and what is wrong with it."""
    if len(text) > MAX_TEMPLATE:
        raise _wrong(file, "the file", f"longer than {MAX_TEMPLATE} characters")
    if toml_depth(text) > MAX_TEMPLATE_DEPTH:
        raise _wrong(file, "the file", f"more than {MAX_TEMPLATE_DEPTH} dots in a key, or brackets in one another")
    try:
        read = msgspec.convert(tomllib.loads(text), _File)
    except (ValueError, RecursionError) as e:  # msgspec's error names the key
        raise _wrong(file, "", str(e)) from e
    plain = _rows(file, [d for d in read.duties if d.only != "full"])
    full = _rows(file, [_changed(file, d) for d in read.duties])
    cancelling = tuple(
        Cancelling(c.by, _span(file, f"cancel[{i}].before", c.before), _part(file, f"cancel[{i}].fee", c.fee))
        for i, c in enumerate(read.cancel)
    )
    if len({c.by for c in cancelling}) < len(cancelling):
        raise _wrong(file, "cancel", "a party twice")
    ids = {row.id for row in full}
    if read.deposit and "return" not in ids:
        raise _wrong(file, "deposit", "nothing comes back: there is no duty `return`")
    if read.price and not any(row.price for row in full):
        raise _wrong(file, "price", "it needs a price, and no duty pays it")
    return Template(
        kind=read.kind,
        title=read.title,
        about=read.about,
        giver=read.giver,
        taker=read.taker,
        plain=plain,
        full=full,
        full_when=read.full,
        time=read.time,
        slot=read.slot,
        busy=read.busy,
        goal=read.goal,
        price=read.price,
        deposit=read.deposit,
        cancelling=cancelling,
    )


def _changed(file: str, duty: _Duty) -> _Duty:
    """The row as it is in the full form."""
    before = msgspec.to_builtins(duty)
    try:
        return msgspec.convert({**before, **duty.full, "full": {}}, _Duty)
    except ValueError as e:
        raise _wrong(file, f"duty {duty.id}: full", str(e)) from e


def _rows(file: str, duties: list[_Duty]) -> tuple[DutyTemplate, ...]:
    rows: list[DutyTemplate] = []
    for duty in duties:
        row = _row(file, duty)
        before = {r.id: r for r in rows}
        if duty.id in before:
            raise _wrong(file, f"duty {duty.id}", "twice")
        if duty.after and duty.after not in before:
            raise _wrong(file, f"duty {duty.id}: after", f"{duty.after} does not stand before it")
        beside = next((d for d in duties if d.id == duty.along), None)
        if duty.along and (beside is None or beside.along or beside.price):
            raise _wrong(file, f"duty {duty.id}: along", f"{duty.along} is no duty of its own")
        if (duty.by == "each") != ("{leg}" in duty.what) or (duty.by == "each" and len(duties) > 1):
            raise _wrong(file, f"duty {duty.id}: by", "the legs of barter stand in one row alone: by each, what {leg}")
        rows.append(row)
    if any(row.brought for row in rows) != any(row.fetched for row in rows):
        raise _wrong(file, "brought, fetched", "what can be brought can be fetched: say what is owed either way")
    shares = [row for row in rows if row.price]
    if shares and sum(row.price for row in shares) != 1:
        raise _wrong(file, "price", "the parts of the price are not the whole")
    named = [PAY] if len(shares) == 1 else [f"{PAY}-{k}" for k in range(1, len(shares) + 1)]
    if shares and [row.id for row in shares] != named:
        raise _wrong(file, "price", f"the duties that pay it are called {', '.join(named)}")
    for row in rows:
        if not row.price and part_of(row.id)[0] in (PAY, "deposit", "refund", "fee"):
            raise _wrong(file, f"duty {row.id}: id", "this is the name of a payment")
    return tuple(rows)


def _row(file: str, duty: _Duty) -> DutyTemplate:
    where = f"duty {duty.id}"
    if duty.action not in ACTIONS:
        raise _wrong(file, f"{where}: action", f"{duty.action!r} is none of ValueFlows 1.0")
    if duty.price and duty.action != "transfer":
        raise _wrong(file, f"{where}: action", "a price is a transfer")
    _check_words(file, f"{where}: what", duty.what, _WORDS)
    for key, words in (("brought", duty.brought), ("fetched", duty.fetched)):
        _check_words(file, f"{where}: {key}", words, {"title"})
        if words and (duty.price or words in (duty.what, duty.fetched if key == "brought" else "")):
            raise _wrong(file, f"{where}: {key}", "a duty of other words than these, and none that pays")
    return DutyTemplate(
        id=duty.id,
        action=duty.action,
        by=duty.by,
        what=duty.what,
        after=duty.after,
        along=duty.along,
        begins=_moment(file, f"{where}: from", duty.begins),
        until=_moment(file, f"{where}: until", duty.until),
        within=_span(file, f"{where}: within", duty.within),
        confirm=_span(file, f"{where}: confirm", duty.confirm),
        custody=duty.custody,
        price=_part(file, f"{where}: price", duty.price or "0"),
        brought=duty.brought,
        fetched=duty.fetched,
    )


def _check_words(file: str, key: str, words: str, known: set[str]) -> None:
    try:
        braces = [(name, spec, how) for _, name, spec, how in Formatter().parse(words) if name is not None]
    except ValueError as e:
        raise _wrong(file, key, str(e)) from e
    if any(name not in known or spec or how for name, spec, how in braces):
        named = [f"{{{word}}}" for word in ("title", "price", "leg") if word in known]
        and_ = " and ".join(part for part in (", ".join(named[:-1]), named[-1]) if part)
        raise _wrong(file, key, f"in braces stand{'s' if len(named) == 1 else ''} {and_} only")


def _moment(file: str, key: str, text: str) -> Moment | None:
    if not text:
        return None
    for sign, factor in (("+", 1), ("-", -1)):
        of, _, span = text.partition(sign)
        if span and of in ("start", "end"):
            return Moment("end" if of == "end" else "start", factor * _span(file, key, span))
    if text not in ("start", "end"):
        raise _wrong(file, key, "write start, end, start+1h or end-30min")
    return Moment("end" if text == "end" else "start")


def _span(file: str, key: str, text: str) -> int:
    if not text:
        return 0
    try:
        span = parse_span(text)
    except Refusal as e:
        raise _wrong(file, key, e.message) from e
    if not 0 <= span <= 4 * MAX_LIFETIME:
        raise _wrong(file, key, "at most 360d")
    return span


def _part(file: str, key: str, text: str) -> Fraction:
    try:
        part = Fraction(text if _PART.fullmatch(text) else "")
    except (ValueError, ZeroDivisionError) as e:
        raise _wrong(file, key, "a part of the price is written 1, 1/2 or 0.25") from e
    if not 0 <= part <= 1:
        raise _wrong(file, key, "a part of the price is between 0 and 1")
    return part


def _wrong(file: str, key: str, reason: str) -> Refusal:
    return Refusal("usage", f"{file}: {key + ': ' if key else ''}{reason}", "docs/exchanges.md says what it may hold.")


@cache
def templates() -> dict[str, Template]:
    """The kinds that come with this version, by name."""
    found: list[Template] = []
    for file in files("protocols").joinpath("kinds").iterdir():
        if file.name.endswith(".toml"):
            template = parse_template(file.read_text(encoding="utf-8"), file.name)
            if file.name != f"{template.kind}.toml":
                raise _wrong(file.name, "kind", "a kind stands in a file of its name")
            found.append(template)
    return {t.kind: t for t in sorted(found, key=lambda t: t.kind)}


# A kind that this version does not know is still an exchange: somebody does something, somebody may pay.
PAYING: Final = DutyTemplate(PAY, "transfer", "taker", "pay {price}", price=Fraction(1))
_WORK: Final = DutyTemplate("work", "work", "giver", "do: {title}")


def template(kind: str, others: Mapping[str, Template] | None = None) -> Template:
    """What belongs to a kind. others: those of the user, by name."""
    return templates().get(kind) or (others or {}).get(kind) or _unknown(kind)


def _unknown(kind: str) -> Template:
    full = (_WORK._replace(within=30 * DAY, confirm=2 * DAY), PAYING._replace(after=_WORK.id, within=7 * DAY))
    about = "A kind that is not known here."
    plain = (_WORK, PAYING)
    return Template(
        kind, kind, about, "giver", "taker", plain, full, "asked", False, False, False, "", False, False, ()
    )
