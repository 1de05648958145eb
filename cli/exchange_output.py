"""What `exchange` prints: where an exchange stands, and what comes next."""

from collections.abc import Callable
from typing import Any

from .contact import print_contact
from .output import facts, say, short, table
from .session import Session
from .times import format_time, now_ms

PAID = ("settled",)  # of settlement.state: it stands, whatever the other side does
NEVER_AGREED = ("declined", "withdrawn", "expired")
NO_PAYMENT = ("released", "cancelled")


def step(session: Session, verb: str, **args: Any) -> None:
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


def print_list(session: Session, rows: list[dict[str, Any]]) -> None:
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
    return next((word for word in words[1:] if word not in ("exchange", "parcel")), command)


def print_whole(session: Session, data: dict[str, Any]) -> None:
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
            ("quantity", how_many(terms)),
            ("for", session.money(amount, network=data.get("network")) if amount else "nothing"),
            ("deposit", session.money(terms["deposit"], network=data.get("network")) if terms.get("deposit") else None),
            ("note", terms.get("note")),
            ("terms", (terms.get("hash") or "")[: None if session.plain else 16] or None),
            ("from", format_time(terms["from"], now) if terms.get("from") else None),
            ("until", format_time(terms["until"], now) if terms.get("until") else None),
            ("payment", None if settlement.get("state") in (None, "none", "pending") else settlement["state"]),
            ("witnesses", _witnesses(terms)),
            ("mediator", (terms.get("mediator") or {}).get("name")),
            ("goal", _goal(session, data, now)),
            ("you may cancel", _may_cancel(data, now)),
            ("dispute", None if data.get("dispute") in (None, "none") else data["dispute"]),
            ("they say", _decisions(settlement, now)),
            ("receipt", short(data["receipt"]) if isinstance(data.get("receipt"), str) else None),
            ("delivered", None if data.get("delivered", True) else "not yet"),
        ],
        session.plain,
    )
    for duty in () if data.get("status") in NEVER_AGREED else data.get("duties") or ():
        who = duty.get("provider_name") or short(duty.get("provider"))
        what = f"pay {session.money(amount, network=data.get('network'))}" if _pays(duty, amount) else duty.get("what")
        say(f"  {duty.get('state', ''):<10} {who}: {what}{_by_when(duty, now)}")
    _print_amendment(data, now)
    for line in data.get("notes") or ():
        say(f"  {line.get('from')}: {line.get('text')}")
    if not session.plain:
        _print_ending(session, data)
    print_contact(data)
    _print_next(session, data)


def how_many(terms: dict[str, Any]) -> Any:
    """`6 (2 × 3)` of two bikes for three hours; else the quantity."""
    quantity, items = terms.get("quantity"), terms.get("items") or 1
    if not quantity or items in (1, quantity) or quantity % items:
        return quantity
    return f"{quantity} ({items} × {quantity // items})"


def _by_when(duty: dict[str, Any], now: int) -> str:
    """Until when it is to be done, or that it is too late."""
    if duty.get("state") != "pending" or not duty.get("until"):
        return ""
    return f", {'OVERDUE since' if duty.get('overdue') else 'until'} {format_time(duty['until'], now)}"


def _print_amendment(data: dict[str, Any], now: int) -> None:
    """What somebody proposes in place of the agreed terms."""
    amendment = data.get("amendment")
    if not amendment:
        return
    by = str(amendment.get("by"))
    word = (
        "The mediator decides" if amendment.get("ruling") else f"{'You propose' if by == 'you' else by + ' proposes'}"
    )
    note = f" ({amendment['note']})" if amendment.get("note") else ""
    say(f"{word}{note}, until {format_time(amendment['expires'], now)}:")
    for line in amendment.get("changes") or ():
        say(f"  {line}")


def _goal(session: Session, data: dict[str, Any], now: int) -> str | None:
    goal = (data.get("terms") or {}).get("goal")
    if not goal:
        return None
    unit = goal.get("unit")
    least = {"amount": goal["least"], "unit": unit} if unit else None
    much = session.money(least, network=data.get("network")) if least else f"{goal['least']} pledges"
    return f"{much} by {format_time(goal['until'], now)}"


def _may_cancel(data: dict[str, Any], now: int) -> str | None:
    """Until when the reader may cancel alone, while that is still to come."""
    rules = (data.get("terms") or {}).get("may_cancel") or ()
    until = next((rule["until"] for rule in rules if rule.get("name") == "you"), 0)
    return f"alone until {format_time(until, now)}" if until > now else None


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
        print_whole(session, data)
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
