"""`vouch unvouch vouches attest reputation`: whom to trust, how far, and why."""

import re
import sys
from typing import Any

import click

from protocols.errors import Refusal

from .command import Command, Group, with_session
from .faults_output import marked, suggestion
from .output import say, short, table
from .reputation_output import print_graph, print_reputation
from .session import Session
from .times import now_ms

_NEGATIVE = re.compile(r"-[0-9][0-9.,]*")


class _Vouch(Command):
    """Takes a negative number for the amount that it is, not for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word in args:
            if _NEGATIVE.fullmatch(word):
                raise click.UsageError(f"The amount must be above zero, not {word}; p2pnode unvouch takes back", ctx)
        return super().parse_args(ctx, args)


@click.command(cls=_Vouch, example="p2pnode vouch Ann 5")
@click.argument("peer")
@click.argument("amount")
@with_session
def vouch(session: Session, peer: str, amount: str) -> None:
    """Lend a peer part of your credit limit.

    Theirs rises by AMOUNT, yours falls by it until they give it back. If they default, it is yours to bear.
    """
    session.confirm(f"Vouch for {peer} with {amount}?")
    data = session.write("vouch", peer=peer, amount=amount)
    name, limit = data.get("name") or short(data.get("peer_id")), session.money(data.get("limit"))
    rows = session.until(_all_taken, f"taken by {peer}", data, "vouch.list", peer=peer)
    if any((v.get("vouch_id"), v["state"]) == (data.get("vouch_id"), "ended") for v in rows or ()):
        raise Refusal("refused", f"{name} has given it back", "Your credit limit is as it was.")
    session.emit(data, lambda: say(f"Vouched: {session.money(data.get('amount'))} for {name}. You can spend {limit}."))


@click.command(cls=_Vouch, example="p2pnode unvouch Ann 2.5 --wait 60\np2pnode unvouch Ann --take-over")
@click.argument("peer")
@click.argument("amount", required=False)
@click.option("--take-over", is_flag=True, help="Bear it yourself: the peer has left owing. Cannot be undone.")
@with_session
def unvouch(session: Session, peer: str, amount: str | None, take_over: bool) -> None:
    """Ask a vouch back, or AMOUNT of it. What the peer has not spent comes back at once, the rest as they earn.

    With --take-over so much of their debt becomes yours, without their doing: AMOUNT, or what they are known to owe.
    What you can spend stays the same; it is no longer theirs to give back. With --wait: until all that was asked for
    is back, or with --take-over until their node has heard of it.
    """
    if take_over:
        return _take_over(session, peer, amount)
    data = session.write("unvouch", peer=peer, amount=amount)
    name = data.get("name") or short(data.get("peer_id"))

    def why(seen: Any, done: Any) -> Any:
        return {**done, "problem": f"{_to_come(session, seen)} is still to come, as far as {name} has it to spare"}

    back = session.until(_all_back, f"all back from {name}", data, "vouch.list", why, peer=peer)
    asked = session.money(data.get("amount"))
    session.emit(
        data,
        lambda: say(
            f"Back: {asked} from {name}."
            if back is not None
            else f"Asked back: {asked} from {name}. What they have not spent returns when their node answers, the rest "
            "as they earn: p2pnode vouches"
        ),
    )


def _all_taken(vouches: Any) -> bool:
    return not any(v["state"] == "given" for v in vouches)


def _all_told(vouches: Any) -> bool:
    return all(v["delivered"] for v in vouches if v["direction"] == "given")


def _all_back(vouches: Any) -> bool:
    return not any(v["asked_back"]["amount"] for v in vouches if v["direction"] == "given")


def _to_come(session: Session, vouches: Any) -> str:
    asked = [v["asked_back"] for v in vouches if v["direction"] == "given"]
    return session.money({**asked[0], "amount": sum(a["amount"] for a in asked)})


def _take_over(session: Session, peer: str, amount: str | None) -> None:
    session.confirm(f"Take over {amount or 'all'} that {peer} owes, as far as you vouch? It cannot be undone.")
    data = session.write("vouch.takeover", peer=peer, amount=amount)
    name, total = data.get("name") or short(data.get("peer_id")), session.money(data.get("total"))
    session.until(_all_told, f"known to {name}", data, "vouch.list", peer=peer)
    taken = session.money(data.get("amount"))
    session.emit(data, lambda: say(f"Taken over: {taken} of what {name} owes. You still vouch with {total}."))


class _Listed(Group):
    """`vouches --with PEER` is short for `vouches list --with PEER`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = next((i for i, word in enumerate(args) if word.partition("=")[0] == "--with"), None)
        if named is not None and not self.commands.keys() & set(args[:named]):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Listed,
    bare="list",
    example="p2pnode vouches --with Ann\np2pnode vouches take Ann\np2pnode vouches return Ann 2",
)
def vouches() -> None:
    """The vouches you gave and took: what is left of each, what came back, what was taken over; and what is at risk,
    how much of it they owe: that is yours to bear if they default.

    A vouch of somebody whose own limit comes from nowhere that is known here is not taken by itself: it stands here as
    offered, and you take or decline it.
    """


@vouches.command("take", example="p2pnode vouches take Ann")
@click.argument("peer")
@with_session
def take(session: Session, peer: str) -> None:
    """Take what PEER offers: your limit rises by it. `p2pnode ledger audit PEER` shows where theirs comes from."""
    session.confirm(f"Take what {peer} offers?")
    _answered(session, session.write("vouch.take", peer=peer), "Taken: {} from {}.")


@vouches.command("decline", example="p2pnode vouches decline Ann")
@click.argument("peer")
@with_session
def decline(session: Session, peer: str) -> None:
    """Do not take it: it goes back at once."""
    data = session.write("vouch.decline", peer=peer)
    _returned(session, data, peer)
    _answered(session, data, "Declined: {} of {}.")


@vouches.command("return", cls=_Vouch, example="p2pnode vouches return Ann 2.5 --wait 60")
@click.argument("peer")
@click.argument("amount", required=False)
@with_session
def return_(session: Session, peer: str, amount: str | None) -> None:
    """Give back what PEER vouches for you with, or AMOUNT of it: what you do not use. Your limit falls by it."""
    session.confirm(f"Give {amount or 'all'} back that {peer} vouches for you with?")
    data = session.write("vouch.return", peer=peer, amount=amount)
    _returned(session, data, peer)
    _answered(session, data, "Given back: {} to {}.")


def _returned(session: Session, data: Any, peer: str) -> None:
    if session.wait is not None:
        session.until(
            lambda rows: not any(v["state"] == "returned" for v in rows),
            f"noted by {peer}",
            data,
            "vouch.list",
            peer=peer,
        )


def _answered(session: Session, data: Any, words: str) -> None:
    name, limit = data.get("name") or short(data.get("peer_id")), session.money(data.get("limit"))
    said = words.format(session.money(data.get("amount")), name)
    session.emit(data, lambda: say(f"{said} You can spend {limit}."))


@vouches.command("list", example="p2pnode vouches list --with Ann")
@click.option("--with", "peer", metavar="PEER", help="Only with this one.")
@with_session
def list_(session: Session, peer: str | None) -> None:
    """All of them."""
    rows = session.call("vouch.list", peer=peer)
    names = ("amount", "left", "returned", "taken_over", "asked_back")

    def human() -> None:
        if not rows:
            return say("None yet: p2pnode vouch PEER AMOUNT")
        table(
            ["VOUCH", "WITH", "", "AMOUNT", "LEFT", "CAME BACK", "TAKEN OVER", "ASKED BACK", "STATE", "AT RISK"],
            [
                (
                    row["vouch_id"] if session.plain else short(row["vouch_id"]),
                    row["name"],
                    row["direction"],
                    *(session.money(row[name]) if row[name]["amount"] or name == "amount" else "" for name in names),
                    row["state"],
                    session.money(row["at_risk"]) if (row.get("at_risk") or {}).get("amount") else "",
                )
                for row in rows
            ],
            session.plain,
        )

    session.emit(rows, human)


@click.command(cls=Command, example="p2pnode attest 77c1 --outcome 2 --text 'On time, clean, friendly'")
@click.argument("exchange")
@click.option("--outcome", type=click.IntRange(-2, 2), help="-2 very bad, -1, 0, 1, 2 very good. Else you are asked.")
@click.option("--text", default="", help="A line for all to read.")
@click.option("--again", is_flag=True, help="Correct what you have said, once it is open.")
@click.option(
    "--dimension", "dimensions", multiple=True, metavar="NAME=N", help="What the network rates besides: -2 to 2."
)
@with_session
def attest(
    session: Session, exchange: str, outcome: int | None, text: str, again: bool, dimensions: tuple[str, ...]
) -> None:
    """Rate an exchange. Both ratings are opened together, so that neither answers the other.

    Without --outcome one is suggested by what went wrong, as the exchange itself shows it, and asked for; where nobody
    can be asked, it is needed.

    With --again a new rating takes the place of yours. To the other side's node it counts for no less than what you
    had sealed: a later word may make good, and not take revenge.
    """
    if outcome is None:
        outcome = _asked_for(session, exchange)
    more: dict[str, Any] = {"again": True} if again else {}
    if dimensions:
        more["dimensions"] = dict(map(_dimension, dimensions))
    data = session.write("attest", exchange=exchange, outcome=outcome, text=text, **more)
    identity = (data or {}).get("exchange_id") or exchange
    if session.wait is not None:
        session.until(lambda d: bool(d.get("delivered")), "known to the other side", data, "exchange.show", id=identity)
    session.emit(data, lambda: say(f"Rated {short(identity)} with {outcome:+d}{marked(data or {})}."))


@click.command(
    cls=Command,
    example="p2pnode reputation Ann --why\np2pnode reputation --graph\n"
    "p2pnode reputation Ben --forgive 'Restored a backup, and told us'",
)
@click.argument("peer", required=False)
@click.option("--graph", is_flag=True, help="Without PEER: whom this node can trust, and by whom.")
@click.option(
    "--why", is_flag=True, help="Which deals, rated by whom, and the path from you to each rater; which proofs."
)
@click.option("--forgive", metavar="REASON", help="Go on with a peer whose misconduct is proven, on this node alone.")
@click.option("--unforgive", is_flag=True, help="Take that back.")
@with_session
def reputation(
    session: Session, peer: str | None, graph: bool, why: bool, forgive: str | None, unforgive: bool
) -> None:
    """How far this node can trust a peer. Each node computes it for itself, from where it stands.

    With somebody whose misconduct is proven (two histories of one ledger, figures that do not follow, one thing booked
    twice) nothing new is begun by itself, and nothing of the score counts. What is proven stays proven; whether to go
    on all the same is for you to say, as often as you like: --forgive, --unforgive.
    """
    if graph:
        if peer is not None or why or unforgive or forgive is not None:
            raise click.UsageError("--graph stands alone")
        found = session.call("reputation.graph")
        return session.emit(found, lambda: print_graph(session, found))
    if peer is None:
        raise click.UsageError("Missing argument 'PEER'; or --graph, for all whom this node can trust")
    if forgive is not None and unforgive:
        raise Refusal("usage", "--forgive and --unforgive", "Give one of the two.")
    if forgive is not None or unforgive:
        done = session.write("reputation.forgive", peer=peer, reason=forgive)
        words = "Forgiven here: {}." if forgive is not None else "Not forgiven any more: {}."
        return session.emit(done, lambda: say(words.format(peer)))
    data = session.call("reputation", peer=peer, why=why)

    session.emit(data, lambda: print_reputation(session, data, why))


def _at_terminal(session: Session) -> bool:
    asks = not (session.yes or session.no_input or session.json or session.dry_run)
    return asks and sys.stdin.isatty() and sys.stdout.isatty()


def _asked_for(session: Session, exchange: str) -> int:
    """The outcome that the user gives, with what went wrong before his eyes."""
    shown = session.call("exchange.show", id=exchange)
    suggested = suggestion(shown, now_ms())
    if not _at_terminal(session):
        hint = f"Suggested: {suggested}." if suggested else "From -2, very bad, to 2, very good."
        raise Refusal("usage", "attest needs --outcome", hint)
    if suggested:
        say(f"Suggested: {suggested}")
    asked = click.prompt("Outcome, -2 to 2", default=shown.get("suggested"), type=click.IntRange(-2, 2))
    return int(asked)


def _dimension(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or number not in ("-2", "-1", "0", "1", "2", "+1", "+2"):
        raise click.UsageError(f"--dimension {text}: write NAME=N with N from -2 to 2, such as punctual=2")
    return name, int(number)
