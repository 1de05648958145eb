"""`exchange` after an agreement: do, confirm and pay; and what to do when it does not go as agreed."""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal
from protocols.limits import MAX_LIFETIME

from .command import Command, Group, with_session
from .exchange_output import step
from .output import say
from .session import Session
from .times import now_ms, parse_span, parse_time

_NOTE = click.option("--note", default="", help="A line for the other side.")
_DUTY = click.option("--duty", metavar="DUTY", help="Which of several, as `exchange show --json` names them.")
_PHOTO = click.option(
    "--photo",
    "photos",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A picture of its state: its hash is signed, the picture stays with you. Repeat it.",
)


def _command(verb: str, text: str, example: str, *options: Callable[[Any], Any]) -> Callable[[Any], click.Command]:
    def wrap(function: Any) -> click.Command:
        for option in reversed((click.argument("id_", metavar="ID"), *options)):
            function = option(function)
        return click.command(verb, cls=Command, help=text, example=f"p2pnode exchange {verb} {example}")(function)

    return wrap


def _carried_out(verb: str, text: str, *more: Callable[[Any], Any]) -> click.Command:
    """A command that says of a duty that it was done, or confirms it."""

    @_command(verb, text, "77c1", _DUTY, _PHOTO, _NOTE, *more)
    @with_session
    def command(session: Session, id_: str, photos: tuple[Path, ...], **given: Any) -> None:
        said = {key: value for key, value in given.items() if value is not None}
        if "result" in said:
            said["result"] = _hash(said["result"])
        if photos:
            said["photos"] = tuple(_hash(photo) for photo in photos)
        step(session, verb, id=id_, **said)

    return command


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        digest = blake2b(digest_size=32)
        while piece := opened.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


_RESULT = click.option(
    "--result",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What you made: its hash is signed, the file stays with you.",
)
_CODE = click.option("--code", metavar="CODE", help="What the receiver shows at the door, as K7QM-2XPD-9V3T.")


@_command(
    "pay",
    """Pay in the network's mutual credit.

    Where there are several payments, the next that is due of you: an instalment once its step is done, the deposit
    before the handover, the refund of a deposit once the thing is back.

    The amount is held until the other side has answered. If it has not in time, the witnesses that the terms name are
    asked to call the payment off. What is pledged towards a goal is held until the goal is reached, or lapses.

    With --claim nothing moves in the ledgers: you offer to owe something else, and it counts as paid once the other
    side accepts that. If it is declined, all is owed as before.

    With --amount you propose to pay no more than that now: once the other side accepts, `pay` pays this part, and later
    the rest, each by its own means. Only in the full form.
    """,
    "77c1 --wait 10",
    click.option("--duty", metavar="DUTY", help="Which payment: pay, pay-1, pay-2, deposit, refund, fee."),
    click.option(
        "--within", metavar="SPAN", help="How long the other side may take to accept, as 30min or 2d: else 7d."
    ),
    click.option("--note", default="", help="With what is not paid through the ledger, such as a bank's reference."),
    click.option("--amount", metavar="AMOUNT", help="Propose to pay so much now, and the rest later."),
    click.option("--claim", metavar="CLAIM", help="Offer to owe this instead, as '6 eggs': a private claim."),
)
@with_session
def pay(
    session: Session, id_: str, duty: str | None, within: str | None, note: str, claim: str | None, amount: str | None
) -> None:
    span = None if within is None else parse_span(within)
    if span is not None and not 0 < span <= MAX_LIFETIME:
        raise Refusal("usage", f"--within {within} gives too little or too much time", "Write 10s to 90d.")
    more = {"note": note} if note else {}
    if claim is not None:
        session.confirm(f"Sign that you owe {claim} for it, once the other side accepts that?")
        more["claim"] = claim
    if amount is not None:
        more["amount"] = amount
    step(session, "pay", id=id_, duty=duty, within=span, **more)


@_command(
    "amend",
    """Propose other terms in place of the agreed ones: they count once the other side accepts them.

    A price that is not paid yet is replaced (what was weighed costs more or less); of one that is paid the difference
    is paid by itself. What was done stays done.
    """,
    "77c1 --price 4.20 --note '1.4 kg'",
    click.option("--price", metavar="PRICE", help="Another price of the whole, or per unit."),
    click.option("--quantity", type=click.IntRange(min=1), help="Another quantity; the price goes with it."),
    click.option("--from", "start", metavar="TIME", help="Another start; what is due then moves along."),
    click.option("--until", "end", metavar="TIME", help="Another end, such as keeping the thing for longer."),
    _NOTE,
)
@with_session
def amend(session: Session, id_: str, start: str | None, end: str | None, **given: Any) -> None:
    now = now_ms()
    times = {
        "start": None if start is None else parse_time(start, now),
        "end": None if end is None else parse_time(end, now, end=True),
    }
    step(session, "amend", id=id_, **times, **given)


@_command(
    "dispute",
    """Contest what the other side says to have done. Where the terms name a mediator, he is called, and is sent all
    that both sides have said.""",
    "77c1 --note 'The blade is bent'",
    _DUTY,
    _NOTE,
)
@with_session
def dispute(session: Session, id_: str, **given: Any) -> None:
    step(session, "dispute", id=id_, **given)


@_command(
    "rule",
    """Decide as the mediator of an exchange. It counts once one of the two accepts it.

    What was confirmed and paid stays; all else falls away, but what you award. A deposit goes back, unless you say
    --keep-deposit.
    """,
    "77c1 --award 3 --to Anna --note 'Half of it was done'",
    click.option("--award", metavar="AMOUNT", help="What one of them pays to the other."),
    click.option("--to", metavar="PEER", help="Who is paid."),
    click.option("--keep-deposit", is_flag=True, help="A deposit stays with its owner."),
    _NOTE,
)
@with_session
def rule(session: Session, id_: str, **given: Any) -> None:
    step(session, "rule", id=id_, **given)


@_command(
    "default",
    """Say, after the deadline, that the other side has not done its part. It is signed, and whoever sees the exchange
    can check whose turn it was. You may then cancel alone; a confirmation still makes it good.""",
    "77c1",
    _DUTY,
    _NOTE,
)
@with_session
def default(session: Session, id_: str, **given: Any) -> None:
    step(session, "default", id=id_, **given)


@_command("waive", "Do without what the other side still owes you.", "77c1 --duty pay", _DUTY, _NOTE)
@with_session
def waive(session: Session, id_: str, **given: Any) -> None:
    step(session, "waive", id=id_, **given)


@click.command("go", cls=Command, example="p2pnode exchange go 3f9a --note 'We build on Saturday!'")
@click.argument("listing")
@_NOTE
@with_session
def go(session: Session, listing: str, note: str) -> None:
    """Say of your LISTING that enough was pledged: from here on every pledge is owed.

    It is refused as long as the goal is not reached. Without this word all pledges lapse at the date of the goal.
    """
    data = session.write("exchange.go", listing=listing, note=note)
    counted, total = data.get("counted"), {"amount": data.get("total"), "unit": data.get("unit")}
    pledges = "1 pledge is" if counted == 1 else f"{counted} pledges are"
    much = f", {session.money(total, network=data.get('network'))} in all" if data.get("unit") else ""
    session.emit(data, lambda: say(f"It goes ahead: {pledges} owed from now on{much}."))


COMMANDS = (
    _carried_out("handover", "Say that you handed the thing over."),
    _carried_out("return", "Say that you gave the thing back."),
    _carried_out("done", "Say that you did your part.", _CODE, _RESULT),
    _carried_out("confirm", "Confirm what the other side says it did."),
    pay,
    amend,
    dispute,
    rule,
    default,
    waive,
    go,
)


def add_to(group: Group) -> None:
    for command in COMMANDS:
        group.add_command(command)
