"""What `exchange` prints: where an exchange stands, and what comes next."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from p2pnode.turns import YOU, Turn, turns

from .contact import print_contact, print_where
from .faults_output import print_faults
from .goal_output import goal_by, goal_so_far, print_waiting
from .output import facts, indented, note, say, short, table, warn
from .risk import warn_of_risk, warn_of_unit
from .session import Session
from .times import clock_time, format_time, now_ms, until

PAID = ("settled",)  # of settlement.state: it stands, whatever the other side does
NEVER_AGREED = ("declined", "withdrawn", "expired")
ENDED = ("cancelled", "lapsed", "defaulted")
NO_PAYMENT = ("released", "cancelled")


def step(session: Session, verb: str, **args: Any) -> None:
    data = session.write(f"exchange.{verb}", **args)
    pays = verb == "pay" and not {"claim", "amount"} & {*args}
    hopes = [(_paid(data.get("duty")), "paid")] if pays else []
    hopes.append((_delivered, "known to the other side"))
    identity, warnings = data.get("exchange_id"), data.get("warnings")
    for warning in warnings or ():
        note(f"! {warning[:1].upper()}{warning[1:]}. It is proposed all the same.")
    if verb in ("propose", "counter", "accept", "pay"):
        warn_of_risk(session, data)
    for done, what in hopes if session.wait is not None else ():
        if not done(data):
            shown = session.until(done, what, data, "exchange.show", id=identity)
            data = {**shown, "duty": data["duty"]} if "duty" in data else shown
    if warnings is not None:
        data = {**data, "warnings": warnings}
    session.emit(data, lambda: _print_step(session, data))


def _delivered(data: dict[str, Any]) -> bool:
    claims = [duty["claim"] for duty in data.get("duties") or () if duty.get("claim")]
    return bool(data.get("delivered")) and all(claim.get("delivered") for claim in claims)


def _undelivered(data: dict[str, Any]) -> str:
    why = data.get("undeliverable")
    return f"not yet: {why}" if why else "not yet"


def _paid(duty: str | None) -> Callable[[dict[str, Any]], bool]:
    """Whether this payment is through, or has come to nothing; of one that no ledger settles, whether it is known that
    it was made."""

    def paid(data: dict[str, Any]) -> bool:
        payments = data.get("payments")
        if payments == []:
            return _delivered(data)
        one = next((p for p in payments or () if p.get("duty") == duty), data.get("settlement") or {})
        held = bool(data.get("waits_for_goal")) and one.get("state") == "proposed"
        return held or one.get("state") in (*PAID, *NO_PAYMENT)

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
                "; ".join(part for part in (goal_so_far(session, row), _turn(row)) if part),
            )
            for row in rows
        ],
        session.plain,
    )


def _turn(row: dict[str, Any]) -> str:
    """Whose turn it is, and for what: `you: accept, counter`."""
    return "; ".join(f"{who}: {_words(steps)}" for who, steps in turns(row).items())


def _when(turn: Turn, now: int) -> str:
    """From when and until when: `from today 14:00, until 3 May 10:00`."""
    times = [f"from {clock_time(turn.begins, now)}"] if turn.begins else []
    return ", ".join([*times, until(turn.until, now)] if turn.until else times)


def _words(steps: Iterable[Turn]) -> str:
    return ", ".join(turn.word for turn in steps)


def print_whole(session: Session, data: dict[str, Any]) -> None:
    now = now_ms()
    terms, settlement = data.get("terms") or {}, data.get("settlement") or {}
    facts(
        [
            ("exchange", data["exchange_id"] if session.plain else short(data.get("exchange_id"))),
            ("status", data.get("status")),
            ("because", data.get("reason") or _called_off(data)),
            ("what", terms.get("title")),
            ("with", data.get("counterparty_name") or short(data.get("counterparty"))),
            ("you are the", None if terms.get("in_return") else data.get("role_name") or data.get("role")),
            ("quantity", how_many(terms)),
            ("for", _price(session, data)),
            ("deposit", session.money(terms["deposit"], network=data.get("network")) if terms.get("deposit") else None),
            ("note", terms.get("note")),
            ("terms", (terms.get("hash") or "")[: None if session.plain else 16] or None),
            ("from", clock_time(terms["from"], now) if terms.get("from") else None),
            ("until", clock_time(terms["until"], now) if terms.get("until") else None),
            ("payment", _payment(data, settlement)),
            ("paid", _so_far(session, data, settlement)),
            ("parcel", _parcel(session, data)),
            ("goes to", _goes_to(terms)),
            ("witnesses", _witnesses(terms)),
            ("mediator", (terms.get("mediator") or {}).get("name")),
            ("goal", goal_by(session, data, now)),
            ("you may cancel", _may_cancel(session, data, now)),
            ("dispute", None if data.get("dispute") in (None, "none") else data["dispute"]),
            ("they say", _decisions(settlement, now)),
            ("receipt", short(data["receipt"]) if isinstance(data.get("receipt"), str) else None),
            ("delivered", None if data.get("delivered", True) else _undelivered(data)),
        ],
        session.plain,
    )
    for duty in _worth_telling(data):
        who = duty.get("provider_name") or short(duty.get("provider"))
        say(f"  {duty.get('state', ''):<10} {who}: {duty.get('what')}{_owed(session, duty)}{_by_when(duty, now)}")
    _print_amendment(data, now)
    for line in [line for line in data.get("notes") or () if line.get("text") != data.get("reason")]:
        said = indented(str(line.get("text")), 6)
        say(f"  {line.get('from')}: {said}{_pictures(line.get('photos') or ())}")
    if data.get("status") in ("proposed", "countered"):
        warn_of_unit(session, terms.get("price"), data.get("network"))
    if not session.plain:
        _print_late(data, now)
        print_faults(data, now)
        _print_ending(session, data)
    print_contact(data)
    if not session.plain:
        print_where(data)
    _print_next(session, data)


def how_many(terms: dict[str, Any]) -> Any:
    """`6 (2 × 3)` of two bikes for three hours; else the quantity."""
    quantity, items = terms.get("quantity"), terms.get("items") or 1
    if not quantity or items in (1, quantity) or quantity % items:
        return quantity
    return f"{quantity} ({items} × {quantity // items})"


def _print_late(data: dict[str, Any], now: int) -> None:
    """That the time of something is over, and what that means."""
    late = [duty for duty in data.get("duties") or () if duty.get("overdue")]
    if not late or data.get("role") == "mediator":
        return
    other = data.get("counterparty_name") or short(data.get("counterparty"))
    mine = [duty for duty in late if duty.get("provider_name") == "you"]
    since = format_time((mine or late)[0]["until"], now)
    if mine and len(mine) < len(late):
        warn(f"Overdue since {since}, for both of you. Either may say so, and then end it alone.")
    elif mine:
        warn(f"You are late, since {since}. {other} may say so, and end it alone.")
    else:
        warn(f"{other} is late, since {since}. You may wait, or say so with `default`, and then end it alone.")


def _payment(data: dict[str, Any], settlement: dict[str, Any]) -> str | None:
    state = settlement.get("state")
    if data.get("status") == "lapsed":
        return None
    if state == "proposed" and data.get("waits_for_goal"):
        return "held until the goal is reached"
    return None if state in (None, "none", "pending") else state


def _so_far(session: Session, data: dict[str, Any], settlement: dict[str, Any]) -> str | None:
    """`4 hour of 10 hour`, where a part of the price is paid."""
    paid, whole = settlement.get("paid"), settlement.get("amount")
    if not paid or not whole or paid["amount"] == whole["amount"]:
        return None
    return f"{session.money(paid, network=data.get('network'))} of {session.money(whole, network=data.get('network'))}"


def _pictures(photos: Sequence[str]) -> str:
    """` (photo 1f0c22ab)`: by the hash, which `b2sum -l 256 FILE` makes of the picture again."""
    return f" (photo {', '.join(short(photo) for photo in photos)})" if photos else ""


def _owed(session: Session, duty: dict[str, Any]) -> str:
    """What is owed in place of a payment, or was offered to be."""
    claim = duty.get("claim")
    if not claim:
        return ""
    states = {"offered": "offered", "asked": "offered", "open": "owed", "closed": "paid"}
    return f" by a claim: {session.money(claim.get('amount'))} {states.get(claim.get('state'), '')}"


def _by_when(duty: dict[str, Any], now: int) -> str:
    """Until when it is to be done, or that it is too late; when it counts as confirmed."""
    if duty.get("confirmed_at"):
        return f", confirmed by itself {format_time(duty['confirmed_at'], now)}"
    if duty.get("state") != "pending" or not duty.get("until"):
        return ""
    if duty.get("overdue"):
        return f", OVERDUE since {clock_time(duty['until'], now)}"
    return f", {until(duty['until'], now)}"


def _print_amendment(data: dict[str, Any], now: int) -> None:
    """What somebody proposes in place of the agreed terms."""
    amendment = data.get("amendment")
    if not amendment:
        return
    by = str(amendment.get("by"))
    word = (
        "The mediator decides" if amendment.get("ruling") else f"{'You propose' if by == 'you' else by + ' proposes'}"
    )
    note = f" ({indented(amendment['note'], 6)})" if amendment.get("note") else ""
    say(f"{word}{note}, {until(amendment['expires'], now)}:")
    for line in amendment.get("changes") or ():
        say(f"  {line}")


def _may_cancel(session: Session, data: dict[str, Any], now: int) -> str | None:
    """Until when the reader may cancel alone, and for how much, while that is still to come and nothing has begun."""
    if data.get("status") not in ("proposed", "countered", "agreed"):
        return None
    rules = (data.get("terms") or {}).get("may_cancel") or ()
    last = next((rule["until"] for rule in rules if rule.get("name") == "you"), 0)
    fees = [d["amount"] for d in data.get("duties") or () if d.get("on") and d.get("provider_name") == "you"]
    costs = f", for {session.money(fees[0], network=data.get('network'))}" if fees else ""
    return f"alone {until(last, now)}{costs}" if last > now else None


def _parcel(session: Session, data: dict[str, Any]) -> str | None:
    """Its number, and who has it."""
    parcel = (data.get("terms") or {}).get("parcel")
    if not parcel:
        return None
    name = (data.get("holder") or {}).get("name")
    where = f"brought by {name} to where the code was shown" if data.get("at_door") else f"with {name}"
    return f"{parcel if session.plain else short(parcel)}, {where}"


def _goes_to(terms: dict[str, Any]) -> str | None:
    name = (terms.get("recipient") or {}).get("name")
    door = "the door where the code is shown" if terms.get("door") else None
    return f"{name}, or {door}" if name and door else name or door


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
    last = witnessed.get("until") or 0
    return f"nothing yet; the time to accept the payment {'ends' if last > now else 'ended'} {format_time(last, now)}"


def _worth_telling(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The duties: all that was agreed, or may be, but for the fees that only who cancels alone owes; of what was called
    off, what was done and what is still due."""
    duties: list[dict[str, Any]] = data.get("duties") or []
    if data.get("status") in NEVER_AGREED:
        return []
    if data.get("status") not in ENDED:
        return [duty for duty in duties if not duty.get("on")]
    due = [step.get("duty") for step in data.get("next") or ()]
    return [duty for duty in duties if duty.get("state") != "pending" or duty.get("id") in due]


def _called_off(data: dict[str, Any]) -> str | None:
    if data.get("status") != "cancelled":
        return None
    alone = data.get("cancelled_by")
    return f"{alone} cancelled alone, as the terms allow" if alone else "both of you cancelled"


def _price(session: Session, data: dict[str, Any]) -> str:
    """What is given for it: credit or money, with what it was corrected to; the other side of a barter; or nothing."""
    terms = data.get("terms") or {}
    amount = (data.get("settlement") or {}).get("amount") or terms.get("price")
    said = [terms["in_return"]] if terms.get("in_return") else []
    if amount:
        money = session.money(terms.get("corrected") or amount, network=data.get("network"))
        before = f" (before the correction: {session.money(amount, network=data.get('network'))})"
        said.append(money + (before if terms.get("corrected") else ""))
    return " and ".join(said) or "nothing"


def _print_step(session: Session, data: dict[str, Any]) -> None:
    """After a step: where the exchange stands, in a line, and what comes next. `show` tells it all."""
    if session.plain:
        print_whole(session, data)
        return
    terms = data.get("terms") or {}
    way = {"bring": ", brought", "fetch": ", fetched"}.get(terms.get("handover") or "", "")
    what = f"{terms.get('title')}{way}, for {_price(session, data)}"
    other = data.get("counterparty_name") or short(data.get("counterparty"))
    say(f"{short(data.get('exchange_id'))}  {data.get('status')}: {what}, with {other}")
    for payment in data.get("payments") or ():
        if payment["duty"] == data.get("duty") != "pay":
            money = session.money(payment["amount"], network=data.get("network"))
            say(f"{_called(payment['duty']).capitalize()}, {money}: {payment['state']}")
    if data.get("reason"):
        say(f"Because: {data['reason']}")
    _print_ending(session, data)
    if not data.get("delivered", True):
        late = data.get("undeliverable")
        say(f"Not delivered to {other}: {late}." if late else f"On its way to {other}.")
    _print_amendment(data, now_ms())
    _print_next(session, data)


def _print_ending(session: Session, data: dict[str, Any]) -> None:
    """What stands in the way of going on: a payment that was called off, or a wish to cancel."""
    if data.get("status") == "lapsed":
        say("Not enough came together in time: nothing is owed, and what was set aside is free again.")
    if data.get("refused"):
        other, refused = data.get("counterparty_name") or short(data.get("counterparty")), data["refused"]
        say(f"The node of {other} did not take your {refused['step']!r}, and goes by what was said before it.")
        say(f"Because: {refused['why'] or 'it did not say why'}")
    if data.get("status") not in ("agreed", "active", "fulfilled"):
        return
    for payment in data.get("payments") or ():
        if payment.get("state") in NO_PAYMENT:
            money = session.money(payment.get("amount"), network=data.get("network"))
            say(f"Called off: {money} was not paid, and cannot be paid in this exchange any more.")
    asked: list[str] = data.get("cancel_asked") or []
    other = data.get("counterparty_name") or short(data.get("counterparty"))
    if len(asked) == 1 and any(turn.word == "cancel" for steps in turns(data).values() for turn in steps):
        mine = asked[0] == "you"
        say(f"You asked to cancel. It is cancelled when {other} does, too." if mine else f"{other} asks to cancel.")


def _called(duty: str) -> str:
    """One of several payments, in words."""
    names = {"fee": "the fee for cancelling alone", "adjust": "the correction", "award": "what the mediator decided"}
    return names.get(duty.partition("-")[0], f"payment {duty}")


def _which_payment(session: Session, data: dict[str, Any]) -> str:
    """Which of several payments the reader has to make next, and how much it is."""
    payments = {p["duty"]: p for p in data.get("payments") or ()}
    mine = [s["duty"] for s in data.get("next") or () if s.get("who") == "you" and s.get("duty") in payments]
    parts = [duty for duty in payments if not duty.startswith("fee-")]
    if not mine or (mine[0] in parts and len(parts) < 2):
        return ""
    money = session.money(payments[mine[0]]["amount"], network=data.get("network"))
    return f"  ({_called(mine[0]).removeprefix('payment ')}: {money})"


def _print_contested(data: dict[str, Any]) -> None:
    """What one of the two contests, where nobody else decides."""
    open_ = data.get("status") in ("agreed", "active", "fulfilled") and data.get("dispute") == "none"
    for duty in data.get("duties") or () if open_ and not data.get("amendment") else ():
        if duty.get("state") == "contested":
            say(f"Disputed: {duty.get('what')}. Settle it between you, then confirm or cancel.")


def _print_next(session: Session, data: dict[str, Any]) -> None:
    if not session.plain:
        print_waiting(session, data)
        _print_contested(data)
    which = _which_payment(session, data)
    now = now_ms()
    for who, steps in turns(data).items():
        if who == YOU:
            for turn in steps:
                about, when = which if turn.word == "pay" else "", _when(turn, now)
                say(f"Next: {turn.command}{about}" + (f"  ({when})" if when else ""))
        else:
            say(f"Waiting for {who}: {_words(steps)}")
