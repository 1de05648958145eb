"""`exchange`: agree with somebody, and carry it out step by step."""

from typing import Any

import click

from protocols.errors import Refusal

from .challenge import agreement, history, rebut
from .command import Command, Group, with_session
from .contact import IN_EXCHANGES
from .exchange_output import print_list, print_whole, step
from .history import check
from .parcel import parcel_options
from .session import Session
from .settling import add_to
from .terms import gathered, print_terms, terms_options
from .times import parse_span

_anyway = click.option(
    "--anyway",
    is_flag=True,
    default=None,
    help="Also with somebody whose misconduct is proven, as a party, mediator or witness.",
)


@click.group(cls=Group, bare="list", example="p2pnode exchange propose 3f9a --quantity 1\np2pnode exchange show 77c1")
def exchange() -> None:
    """Agree on an exchange and carry it out. ID is an exchange's id or the beginning of it."""


@exchange.command(
    "propose",
    example="p2pnode exchange propose 3f9a --from 'tomorrow 9:00' --until 'tomorrow 10:00'\n"
    "p2pnode exchange propose 51be --price 6 --instalments 3\n"
    "p2pnode exchange propose 3f9a --quantity 1 --deposit 5\n"
    "p2pnode exchange propose 77ab --leg 'mine: a basket of apples'\n"
    "p2pnode exchange propose 3f9a --from weekend.toml --dry-run\n"
    "p2pnode exchange propose 8d40 --to Dora --door",
)
@click.argument("listing")
@terms_options
@parcel_options
@_anyway
@with_session
def propose(session: Session, listing: str, **given: Any) -> None:
    """Propose an exchange on a LISTING (its id, or the beginning of it).

    With --instalments who gives begins, and each goes on when the other has done its part: whoever stops owes one step
    at most. A deposit is the owner's until it is paid back: it is as safe as the owner is.

    Whoever is to be paid sees the --witness you name, and may counter with others.

    --from FILE.toml reads any of these options, by their names, from a file; what is typed goes above it. --dry-run
    shows the terms that would be proposed, duty by duty.
    """
    wanted = {"listing": listing, **gathered(given)}
    if session.dry_run:
        data = {"dry_run": True, "command": "exchange.propose", **session.call("exchange.foresee", **wanted)}
        session.emit(data, lambda: print_terms(session, data))
        return
    step(session, "propose", **wanted)


@exchange.command("counter", example="p2pnode exchange counter 77c1 --price 3/hour --note 'It is a big one'")
@click.argument("id_", metavar="ID")
@terms_options
@click.option("--no-witness", is_flag=True, help="Do without witnesses.")
@click.option("--door", is_flag=True, default=None, help="Of a parcel that you send: a code is shown where it goes.")
@click.option(
    "--hold", metavar="SPAN", help="How long it can be accepted; else 7d, or 12h where it takes a time of yours."
)
@_anyway
@with_session
def counter(session: Session, id_: str, no_witness: bool, hold: str | None, **given: Any) -> None:
    """Answer a proposal with other terms. What is not named stays.

    Terms of yours that take a time of your own listing hold it until they lapse, also if you take them back: they may
    have been accepted. If the other side declines, it is free at once.
    """
    if no_witness and given["witness"]:
        raise Refusal("usage", "--witness and --no-witness", "Give one of the two.")
    wanted = {"id": id_, **gathered(given), **({"witness": ()} if no_witness else {})}
    wanted |= {} if hold is None else {"hold": parse_span(hold)}
    if session.dry_run:
        data = {"dry_run": True, "command": "exchange.counter", **session.call("exchange.foresee_counter", **wanted)}
        session.emit(data, lambda: print_terms(session, data))
        return
    step(session, "counter", **wanted)


@exchange.command(
    "accept", example="p2pnode exchange accept 77c1\np2pnode exchange accept 77c1 --terms 5d41402abc4b2a76"
)
@click.argument("id_", metavar="ID")
@click.option("--note", default="", help="A line for the other side.")
@click.option("--terms", metavar="HASH", help="These terms and no others: as `exchange show` names them.")
@_anyway
@with_session
def accept(session: Session, id_: str, note: str, terms: str | None, anyway: bool | None) -> None:
    """Accept the other side's newest terms. From then on both are bound.

    If `exchange show` was asked since the node started, what it showed is what is accepted: where other terms have come
    since, this says so, and accepts nothing. Other terms of what is agreed, and a ruling, are accepted only if it has
    shown them since the node started, or --terms names them.
    """
    step(session, "accept", id=id_, note=note, terms=terms, anyway=anyway)


def _simple(verb: str, text: str) -> None:
    @click.command(verb, cls=Command, help=text, example=f"p2pnode exchange {verb} 77c1")
    @click.argument("id_", metavar="ID")
    @click.option("--note", default="", help="A line for the other side.")
    @with_session
    def command(session: Session, id_: str, note: str) -> None:
        step(session, verb, id=id_, note=note)

    exchange.add_command(command)


for _verb, _text in (
    ("decline", "Decline a proposal."),
    (
        "cancel",
        "Withdraw a proposal, or ask to cancel an agreement: both must do so, or one where the terms allow it, or "
        "where the other has not done its part in time.",
    ),
):
    _simple(_verb, _text)
add_to(exchange)
exchange.add_command(agreement)
exchange.add_command(rebut)
exchange.add_command(history)
exchange.add_command(check)


@exchange.command("list", example="p2pnode exchange list --open")
@click.option("--open", "open_", is_flag=True, help="Only those that still wait for somebody.")
@click.option("--all", "all_", is_flag=True, help="Those that ended more than eight weeks ago, too.")
@with_session
def list_(session: Session, open_: bool, all_: bool) -> None:
    """Your exchanges."""
    rows = session.call("exchange.list", open=open_, all=all_)
    session.emit(rows, lambda: print_list(session, rows))


@exchange.command("show", example="p2pnode exchange show 77c1")
@click.argument("id_", metavar="ID")
@with_session
def show(session: Session, id_: str) -> None:
    """One exchange: its terms, its duties, and what comes next."""
    data = session.call("exchange.show", id=id_)
    session.emit(data, lambda: print_whole(session, data))


for _command in IN_EXCHANGES:
    exchange.add_command(_command)
