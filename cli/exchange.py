"""`exchange`: agree with somebody, and carry it out step by step."""

from collections.abc import Callable
from typing import Any

import click

from protocols.errors import Refusal
from protocols.limits import MAX_LIFETIME

from .command import Command, Group, with_session
from .output import facts, note, say, short, table
from .session import Session
from .times import format_time, now_ms, parse_span, parse_time

PAID = ("settled",)  # of settlement.state: it stands, whatever the other side does
NEVER_AGREED = ("declined", "withdrawn", "expired")
NO_PAYMENT = ("released", "cancelled")


@click.group(cls=Group, bare="list", example="p2pnode exchange propose 3f9a --quantity 1\np2pnode exchange show 77c1")
def exchange() -> None:
    """Agree on an exchange and carry it out. ID is an exchange's id or the beginning of it."""


_WITNESS = (
    "A neighbour who may call the payment off if it is not answered in time, so that your credit is not bound for "
    "ever. Repeat it: of 1 that one must agree, of 3 two, of 4 three, of 5 four, of 6 or 7 five. Three bear one who is "
    "silent, four one who lies; two are no use. Only for a price in the network's credit."
)


def _terms(function: Any) -> Any:
    for option in reversed(
        [
            click.option("--quantity", type=click.IntRange(min=1), help="How many, or how long in the price's units."),
            click.option("--from", "start", metavar="TIME", help="From when."),
            click.option("--until", "end", metavar="TIME", help="Until when."),
            click.option("--price", metavar="PRICE", help="Another price than the one asked."),
            click.option("--note", default="", help="A line for the other side."),
            click.option("--witness", metavar="PEER", multiple=True, help=_WITNESS),
            click.option(
                "--instalments",
                type=click.IntRange(min=1, max=12),
                metavar="N",
                help="Give and pay in N steps, in turn: 2 to 12; 1 is at once. For one piece of work or goods.",
            ),
            click.option(
                "--deposit",
                metavar="AMOUNT",
                help="Credit that is paid before the handover and back after the return. To rent or lend.",
            ),
        ]
    ):
        function = option(function)
    return function


def _times(given: dict[str, Any]) -> dict[str, Any]:
    now = now_ms()
    start, end = given["start"], given["end"]
    return {
        **given,
        "start": None if start is None else parse_time(start, now),
        "end": None if end is None else parse_time(end, now, end=True),
    }


@exchange.command(
    "propose",
    example="p2pnode exchange propose 3f9a --from 'tomorrow 9:00' --until 'tomorrow 10:00'\n"
    "p2pnode exchange propose 51be --price 6 --instalments 3\n"
    "p2pnode exchange propose 3f9a --quantity 1 --deposit 5",
)
@click.argument("listing")
@_terms
@with_session
def propose(session: Session, listing: str, **given: Any) -> None:
    """Propose an exchange on a LISTING (its id, or the beginning of it).

    With --instalments who gives begins, and each goes on when the other has done its part: whoever stops owes one step
    at most. A deposit is the owner's until it is paid back: it is as safe as the owner is.

    Whoever is to be paid sees the --witness you name, and may counter with others.
    """
    given["witness"] = given["witness"] or None
    wanted = {"listing": listing, **_times(given)}
    if given["deposit"] is not None and not session.dry_run:
        for warning in session.call("exchange.foresee", **wanted)["warnings"]:
            note(f"! {warning[:1].upper()}{warning[1:]}. It is proposed all the same.")
    _step(session, "propose", **wanted)


@exchange.command("counter", example="p2pnode exchange counter 77c1 --price 3/hour --note 'It is a big one'")
@click.argument("id_", metavar="ID")
@_terms
@click.option("--no-witness", is_flag=True, help="Do without witnesses.")
@with_session
def counter(session: Session, id_: str, no_witness: bool, **given: Any) -> None:
    """Answer a proposal with other terms. What is not named stays."""
    if no_witness and given["witness"]:
        raise Refusal("usage", "--witness and --no-witness", "Give one of the two.")
    if not given["witness"]:
        given["witness"] = () if no_witness else None
    _step(session, "counter", id=id_, **_times(given))


@exchange.command(
    "accept", example="p2pnode exchange accept 77c1\np2pnode exchange accept 77c1 --terms 5d41402abc4b2a76"
)
@click.argument("id_", metavar="ID")
@click.option("--note", default="", help="A line for the other side.")
@click.option("--terms", metavar="HASH", help="These terms and no others: as `exchange show` names them.")
@with_session
def accept(session: Session, id_: str, note: str, terms: str | None) -> None:
    """Accept the other side's newest terms. From then on both are bound.

    If `exchange show` was asked since the node started, what it showed is what is accepted: where other terms have come
    since, this says so, and accepts nothing.
    """
    _step(session, "accept", id=id_, note=note, terms=terms)


def _simple(verb: str, text: str) -> None:
    @click.command(verb, cls=Command, help=text, example=f"p2pnode exchange {verb} 77c1")
    @click.argument("id_", metavar="ID")
    @click.option("--note", default="", help="A line for the other side.")
    @with_session
    def command(session: Session, id_: str, note: str) -> None:
        _step(session, verb, id=id_, note=note)

    exchange.add_command(command)


for _verb, _text in (
    ("decline", "Decline a proposal."),
    ("cancel", "Withdraw a proposal, or ask to cancel an agreement, which both must do."),
    ("handover", "Say that you handed the thing over."),
    ("return", "Say that you gave the thing back."),
    ("done", "Say that you did your part."),
    ("confirm", "Confirm what the other side says it did."),
):
    _simple(_verb, _text)


@exchange.command(
    "pay",
    example="p2pnode exchange pay 77c1 --wait 10\np2pnode exchange pay 77c1 --duty deposit\n"
    "p2pnode exchange pay 77c1 --within 2h",
)
@click.argument("id_", metavar="ID")
@click.option("--duty", metavar="DUTY", help="Which payment: pay, pay-1, pay-2, deposit, refund.")
@click.option("--within", metavar="SPAN", help="How long the other side may take to accept, as 30min or 2d: else 7d.")
@with_session
def pay(session: Session, id_: str, duty: str | None, within: str | None) -> None:
    """Pay in the network's mutual credit.

    Where there are several payments, the next that is due of you: an instalment once its step is done, the deposit
    before the handover, the refund of a deposit once the thing is back.

    The amount is held until the other side has answered. If it has not in time, the witnesses that the terms name are
    asked to call the payment off.
    """
    span = None if within is None else parse_span(within)
    if span is not None and not 0 < span <= MAX_LIFETIME:
        raise Refusal("usage", f"--within {within} gives too little or too much time", "Write 10s to 90d.")
    _step(session, "pay", id=id_, duty=duty, within=span)


@exchange.command("list", example="p2pnode exchange list --open")
@click.option("--open", "open_", is_flag=True, help="Only those that still wait for somebody.")
@with_session
def list_(session: Session, open_: bool) -> None:
    """Your exchanges."""
    rows = session.call("exchange.list", open=open_)
    session.emit(rows, lambda: _print_list(session, rows))


@exchange.command("show", example="p2pnode exchange show 77c1")
@click.argument("id_", metavar="ID")
@with_session
def show(session: Session, id_: str) -> None:
    """One exchange: its terms, its duties, and what comes next."""
    data = session.call("exchange.show", id=id_)
    session.emit(data, lambda: _print(session, data))


def _step(session: Session, verb: str, **args: Any) -> None:
    data = session.write(f"exchange.{verb}", **args)
    done, what = (_paid(data.get("duty")), "paid") if verb == "pay" else (_delivered, "known to the other side")
    identity = data.get("exchange_id")
    if session.wait is not None and not done(data):
        shown = session.until(done, what, data, "exchange.show", id=identity)
        data = {**shown, "duty": data["duty"]} if "duty" in data else shown
    session.emit(data, lambda: _print_step(session, data))


def _delivered(data: dict[str, Any]) -> bool:
    return bool(data.get("delivered"))


def _paid(duty: str | None) -> Callable[[dict[str, Any]], bool]:
    """Whether this payment is through, or has come to nothing."""

    def paid(data: dict[str, Any]) -> bool:
        one = next((p for p in data.get("payments") or () if p.get("duty") == duty), data.get("settlement") or {})
        return one.get("state") in (*PAID, *NO_PAYMENT)

    return paid


def _print_list(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("None. Find something (p2pnode search) and propose: p2pnode exchange propose LISTING")
    table(
        ["ID", "TITLE", "STATUS", "WITH", "NEXT"],
        [
            (
                row["exchange_id"] if session.plain else short(row["exchange_id"]),
                (row.get("terms") or {}).get("title") or "-",
                row.get("status"),
                row.get("counterparty_name") or short(row.get("counterparty")),
                _turn(row),
            )
            for row in rows
        ],
        session.plain,
    )


def _turn(row: dict[str, Any]) -> str:
    """Whose turn it is, and for what: `you: accept, counter`."""
    return "; ".join(f"{who}: {', '.join(_word(c) for c, _ in steps)}" for who, steps in _steps(row).items())


def _steps(row: dict[str, Any]) -> dict[str, list[tuple[str, int | None]]]:
    """Who can do what next: (command, until) by who; the reader first."""
    found: dict[str, list[tuple[str, int | None]]] = {}
    for step in sorted(row.get("next") or (), key=lambda step: step.get("who") != "you"):
        found.setdefault(str(step.get("who")), []).append((str(step.get("command", "")), step.get("until")))
    return found


def _word(command: str) -> str:
    """`p2pnode exchange accept 77c1` is `accept`, `p2pnode attest 77c1 …` is `attest`."""
    words = command.split()
    return next((word for word in words[1:] if word != "exchange"), command)


def _print(session: Session, data: dict[str, Any]) -> None:
    now = now_ms()
    terms, settlement = data.get("terms") or {}, data.get("settlement") or {}
    amount = settlement.get("amount") or terms.get("price")
    facts(
        [
            ("exchange", data["exchange_id"] if session.plain else short(data.get("exchange_id"))),
            ("status", data.get("status")),
            ("because", data.get("reason")),
            ("what", terms.get("title")),
            ("with", data.get("counterparty_name") or short(data.get("counterparty"))),
            ("you are the", data.get("role")),
            ("quantity", terms.get("quantity")),
            ("for", session.money(amount, network=data.get("network")) if amount else "nothing"),
            ("deposit", session.money(terms["deposit"], network=data.get("network")) if terms.get("deposit") else None),
            ("note", terms.get("note")),
            ("terms", (terms.get("hash") or "")[: None if session.plain else 16] or None),
            ("from", format_time(terms["from"], now) if terms.get("from") else None),
            ("until", format_time(terms["until"], now) if terms.get("until") else None),
            ("payment", None if settlement.get("state") in (None, "none", "pending") else settlement["state"]),
            ("witnesses", _witnesses(terms)),
            ("they say", _decisions(settlement, now)),
            ("receipt", short(data["receipt"]) if isinstance(data.get("receipt"), str) else None),
            ("delivered", None if data.get("delivered", True) else "not yet"),
        ],
        session.plain,
    )
    for duty in () if data.get("status") in NEVER_AGREED else data.get("duties") or ():
        who = duty.get("provider_name") or short(duty.get("provider"))
        what = f"pay {session.money(amount, network=data.get('network'))}" if _pays(duty, amount) else duty.get("what")
        say(f"  {duty.get('state', ''):<10} {who}: {what}")
    for line in data.get("notes") or ():
        say(f"  {line.get('from')}: {line.get('text')}")
    if not session.plain:
        _print_ending(session, data)
    _print_next(session, data)


def _witnesses(terms: dict[str, Any]) -> str | None:
    names = [str(w.get("name")) for w in terms.get("witnesses") or ()]
    return f"{', '.join(names)} ({terms.get('quorum')} must agree)" if names else None


def _decisions(settlement: dict[str, Any], now: int) -> str | None:
    """What the witnesses have said of a payment, or until when it can be answered."""
    witnessed = settlement.get("witnessed")
    if not witnessed:
        return None
    words = {"accept": "was accepted", "cancel": "is called off"}
    said = [
        f"{w.get('name')}: {words[w['decision']]}" for w in witnessed.get("said") or () if w.get("decision") in words
    ]
    if said:
        return "; ".join(said)
    if settlement.get("state") in PAID:
        return None
    if witnessed.get("asked_to_cancel"):
        return "nothing yet; they were asked to call the payment off"
    until = witnessed.get("until") or 0
    return f"nothing yet; the time to accept the payment {'ends' if until > now else 'ended'} {format_time(until, now)}"


def _pays(duty: dict[str, Any], amount: Any) -> bool:
    return bool(amount) and duty.get("id") == "pay"


def _print_step(session: Session, data: dict[str, Any]) -> None:
    """After a step: where the exchange stands, in a line, and what comes next. `show` tells it all."""
    if session.plain:
        _print(session, data)
        return
    terms = data.get("terms") or {}
    amount = (data.get("settlement") or {}).get("amount") or terms.get("price")
    price = session.money(amount, network=data.get("network")) if amount else "nothing"
    what = f"{terms.get('title')}, for {price}"
    other = data.get("counterparty_name") or short(data.get("counterparty"))
    say(f"{short(data.get('exchange_id'))}  {data.get('status')}: {what}, with {other}")
    for payment in data.get("payments") or ():
        if payment["duty"] == data.get("duty") != "pay":
            money = session.money(payment["amount"], network=data.get("network"))
            say(f"Payment {payment['duty']}, {money}: {payment['state']}")
    if data.get("reason"):
        say(f"Because: {data['reason']}")
    _print_ending(session, data)
    if not data.get("delivered", True):
        say(f"On its way to {other}.")
    _print_next(session, data)


def _print_ending(session: Session, data: dict[str, Any]) -> None:
    """What stands in the way of going on: a payment that was called off, or a wish to cancel."""
    if data.get("status") not in ("agreed", "active", "fulfilled"):
        return
    for payment in data.get("payments") or ():
        if payment.get("state") in NO_PAYMENT:
            money = session.money(payment.get("amount"), network=data.get("network"))
            say(f"Called off: {money} was not paid, and cannot be paid in this exchange any more.")
    asked: list[str] = data.get("cancel_asked") or []
    other = data.get("counterparty_name") or short(data.get("counterparty"))
    if len(asked) == 1 and any(_word(command) == "cancel" for steps in _steps(data).values() for command, _ in steps):
        mine = asked[0] == "you"
        say(f"You asked to cancel. It is cancelled when {other} does, too." if mine else f"{other} asks to cancel.")


def _which_payment(session: Session, data: dict[str, Any]) -> str:
    """Which of several payments the reader has to make next, and how much it is."""
    payments = {p["duty"]: p for p in data.get("payments") or ()}
    mine = [s["duty"] for s in data.get("next") or () if s.get("who") == "you" and s.get("duty") in payments]
    if not mine or len(payments) < 2:
        return ""
    return f"  ({mine[0]}: {session.money(payments[mine[0]]['amount'], network=data.get('network'))})"


def _print_next(session: Session, data: dict[str, Any]) -> None:
    now = now_ms()
    which = _which_payment(session, data)
    for who, steps in _steps(data).items():
        if who == "you":
            for command, until in steps:
                about = which if _word(command) == "pay" else ""
                say(f"Next: {command}{about}" + (f"  (until {format_time(until, now)})" if until else ""))
        else:
            say(f"Waiting for {who}: {', '.join(_word(command) for command, _ in steps)}")
