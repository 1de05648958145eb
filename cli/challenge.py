"""`challenge`: show that somebody booked one thing twice, and check what others show. Only `publish` needs a node."""

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import click

from protocols.errors import Refusal, Reject

from .command import Command, Group, with_session
from .files import is_such, not_such, read_shown
from .output import facts, say, short, write_file
from .session import Session
from .times import moment

if TYPE_CHECKING:
    from protocols.double_booking import DoubleBooking


@click.group(
    cls=Group,
    example="p2pnode challenge make --out twice.p2p one.agreement other.agreement\np2pnode challenge check twice.p2p",
)
def challenge() -> None:
    """A double booking, as a file that anybody can check: agreements of one provider that exceed what there is."""


@challenge.command("make", example="p2pnode challenge make --out twice.p2p one.agreement other.agreement")
@click.argument("files", metavar="FILE", nargs=-1, required=True)
@click.option("--out", required=True, metavar="FILE", help="Where the challenge is written.")
@with_session
def make(session: Session, files: tuple[str, ...], out: str) -> None:
    """Put agreements together (p2pnode exchange agreement writes them) that show a double booking.

    Nothing is written where they show none.
    """
    from protocols.double_booking import check_challenge, encode_challenge, parse_agreement
    from protocols.limits import MAX_CHALLENGE
    from protocols.shown_keys import encode_with_keys, open_with_keys

    agreements, rotations = [], list[bytes]()
    for file in files:
        try:
            agreements.append(parse_agreement(_read(file)))
            rotations += open_with_keys(_read(file), MAX_CHALLENGE).rotations
        except Reject as e:
            hint = "p2pnode exchange agreement makes one."
            raise Refusal("failed", f"{file} is no agreement: {e.message}", hint) from e
    try:
        data = encode_with_keys(encode_challenge(agreements), rotations)
        shown = check_challenge(data)
    except Reject as e:
        why = f"these agreements show no double booking: {e.message}"
        raise Refusal("failed", why, "p2pnode exchange show tells what was agreed.") from e
    if not session.dry_run:
        write_file(out, [data])
    said = {**_json(shown), "out": out, "bytes": len(data)}
    session.emit(said, lambda: _print(session, shown, f"{out} shows a double booking ({len(data)} bytes)."))


@challenge.command(
    "check", example="p2pnode challenge check twice.p2p\np2pnode challenge check twice.p2p --rebuttal cancelled.p2p"
)
@click.argument("file")
@click.option(
    "--rebuttal",
    "rebuttals",
    multiple=True,
    metavar="FILE",
    help="What the provider shows against it (p2pnode exchange rebut). Several times.",
)
@with_session
def check(session: Session, file: str, rebuttals: tuple[str, ...]) -> None:
    """Check a double booking that somebody shows you. Exit status 1 if there was none, or if it is rebutted."""
    from protocols.double_booking import CHALLENGE, check_challenge, check_rebuttal

    data = _read(file)
    try:
        shown = check_challenge(data)
    except Reject as e:
        if not is_such(data, CHALLENGE.encode()):
            raise not_such(data, CHALLENGE.encode(), "a double booking", "p2pnode challenge make makes one.") from e
        raise Refusal("failed", f"this shows no double booking: {e.message}", "Rely on nothing in it.") from e
    first = "The challenge holds."
    if rebuttals:
        try:
            found = check_rebuttal(data, [_read(path) for path in rebuttals])
        except Reject as e:
            first = f"The challenge holds all the same: {e.message}."
        else:
            why = f"rebutted: exchange {found.exchange.hex()[:8]} was {found.reason}"
            raise Refusal("failed", why, "There was no double booking.")
    session.emit({"ok": True, **_json(shown)}, lambda: _print(session, shown, first))


@challenge.command(
    "publish",
    example="p2pnode challenge publish twice.p2p\np2pnode challenge publish twice.p2p --rebuttal cancelled.p2p",
)
@click.argument("file")
@click.option(
    "--rebuttal",
    "rebuttals",
    multiple=True,
    metavar="FILE",
    help="What shows that it was none after all. Several times.",
)
@with_session
def publish(session: Session, file: str, rebuttals: tuple[str, ...]) -> None:
    """Show a double booking to the whole neighbourhood, or what rebuts it. Everybody reads the terms in it.

    Each node checks it for itself, and begins nothing new with the provider until it is rebutted. It cannot be taken
    back. What is longer than 15 KB stays a file: hand it on.
    """
    session.confirm("Publish it for everybody to read?")
    encoded = [b64encode(_read(path)).decode() for path in (file, *rebuttals)]
    data = session.write("misconduct.publish", challenge=encoded[0], rebuttals=encoded[1:])
    name = data.get("name") or short(data.get("peer_id"))
    session.emit(
        data, lambda: say(f"Published: {'what rebuts' if rebuttals else 'what shows'} a double booking of {name}.")
    )


def _print(session: Session, shown: "DoubleBooking", first: str) -> None:
    say(first)
    facts(
        [
            ("provider", shown.provider.hex() if session.plain else shown.provider.hex()[:8]),
            ("network", shown.network.hex()[: None if session.plain else 8]),
            ("what", shown.title),
            ("booked", f"{shown.booked} of {shown.capacity}"),
            ("from", moment(shown.overlap.start)),
            ("until", moment(shown.overlap.end)),
            ("signed", moment(shown.at)),
            ("exchanges", ", ".join(e.hex()[: None if session.plain else 8] for e in shown.exchanges)),
        ],
        session.plain,
    )
    say("The provider may show what ended or moved one of them before: p2pnode challenge check --rebuttal FILE.")


def _json(shown: "DoubleBooking") -> dict[str, Any]:
    return {
        "provider": shown.provider.hex(),
        "network": shown.network.hex(),
        "title": shown.title,
        "exchanges": [e.hex() for e in shown.exchanges],
        "from": shown.overlap.start,
        "until": shown.overlap.end,
        "booked": shown.booked,
        "capacity": shown.capacity,
        "at": shown.at,
    }


def _read(path: str) -> bytes:
    from protocols.limits import MAX_CHALLENGE
    from protocols.shown_keys import AROUND

    return read_shown(path, MAX_CHALLENGE + AROUND)


@click.command("agreement", cls=Command, example="p2pnode exchange agreement 77c1 --out barn.agreement")
@click.argument("id_", metavar="ID")
@click.option("--out", required=True, metavar="FILE", help="Where it is written.")
@with_session
def agreement(session: Session, id_: str, out: str) -> None:
    """Write what was agreed into a file that anybody can check: the terms, and both signatures.

    Whoever gets it reads the terms. Two of them may show a double booking: p2pnode challenge make.
    """
    _export(session, "exchange.agreement", "agreement", id_, out)


@click.command("history", cls=Command, example="p2pnode exchange history 77c1 --out barn.history")
@click.argument("id_", metavar="ID")
@click.option("--out", required=True, metavar="FILE", help="Where it is written.")
@with_session
def history(session: Session, id_: str, out: str) -> None:
    """Write all that was signed in an exchange into a file, so that anybody can see whose turn it is or was.

    It holds the terms, the notes and what was paid; no exact address. p2pnode exchange check FILE reads it.
    """
    _export(session, "exchange.history", "history", id_, out)


@click.command("rebut", cls=Command, example="p2pnode exchange rebut 77c1 --out cancelled.p2p")
@click.argument("id_", metavar="ID")
@click.option("--out", required=True, metavar="FILE", help="Where it is written.")
@with_session
def rebut(session: Session, id_: str, out: str) -> None:
    """Write what ended or moved an agreement into a file: both cancellations, or what was amended.

    It rebuts a challenge that rests on the agreement as it was before: p2pnode challenge check --rebuttal.
    """
    _export(session, "exchange.rebut", "rebuttal", id_, out)


def _export(session: Session, call: str, key: str, id_: str, out: str) -> None:
    if session.dry_run:
        session.write(call, id=id_)
    data = session.call(call, id=id_)
    write_file(out, [b64decode(data.pop(key))])
    data["out"] = out
    session.emit(
        data, lambda: say(f"{out}: the {key} of exchange {short(data['exchange_id'])} ({data['bytes']} bytes).")
    )
