"""`parcel`: from hand to hand, each hand-over signed by both, with or without a network."""

import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click

from protocols.errors import DecodeError, Refusal, Reject

from .command import Group, with_session
from .output import facts, note, say, short, table, write_file
from .session import Session
from .times import format_time, now_ms

_QR = click.option("--qr", is_flag=True, help="Show it as a QR code.")
_OUT = click.option("--out", metavar="FILE", help="Write it to FILE, with the receipts before it.")


def parcel_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What `exchange propose` takes for a delivery."""
    for option in (
        click.option("--to", metavar="PEER", help="Of a delivery: who receives the parcel."),
        click.option("--door", is_flag=True, default=None, help="Of a delivery: a code is shown where it goes."),
        click.option("--parcel", is_flag=True, default=None, help="Of a delivery: receipts say who has the parcel."),
    ):
        function = option(function)
    return function


@click.group(cls=Group, bare="list", example="p2pnode parcel give 77c1 --note dry\np2pnode parcel take")
def parcel() -> None:
    """Parcels: who has one, and by which hands it came there. PARCEL is its number, or that of an exchange of yours.

    Each hand-over is signed by both: who has it says `give`, who gets it says `take`. Without a network, what these
    two write (--out FILE, or --qr) is carried by hand.
    """


@parcel.command("list", example="p2pnode parcel list")
@with_session
def list_(session: Session) -> None:
    """The parcels that you sent, carry or received, and what is offered to you."""
    data = session.call("parcel.list")

    def human() -> None:
        rows = data["parcels"]
        if not rows and not data["offered"]:
            return say("None. Have something delivered: p2pnode exchange propose LISTING --parcel --to PEER")
        table(
            ["PARCEL", "WITH", "SINCE", "HANDS", "EXCHANGES"],
            [
                (
                    row["parcel"] if session.plain else short(row["parcel"]),
                    "the door" if row["at_door"] else row["holder_name"],
                    _time(session, row["at"]),
                    len(row["path"]),
                    " ".join(row["exchanges"] if session.plain else map(short, row["exchanges"])),
                )
                for row in rows
            ],
            session.plain,
        )
        _print_offers(session, data["offered"])

    session.emit(data, human)


@parcel.command("show", example="p2pnode parcel show 9c02")
@click.argument("parcel_", metavar="PARCEL")
@with_session
def show(session: Session, parcel_: str) -> None:
    """One parcel: who has it now, by which hands it came, and who gave it twice."""
    data = session.call("parcel.show", id=parcel_)
    session.emit(data, lambda: _print(session, data))


@parcel.command("give", example="p2pnode parcel give 77c1 --note dry\np2pnode parcel give 77c1 --to Cleo --qr")
@click.argument("exchange")
@click.option("--to", metavar="PEER", help="Who takes it: else the courier, or of a courier who it goes to.")
@click.option("--note", default="", help="A line on its state, that all hands see.")
@click.option("--photo", "photos", metavar="FILE", multiple=True, type=click.Path(exists=True, dir_okay=False),
              help="A picture of its state; only its hash is signed. Up to 4.")  # fmt: skip
@click.option(
    "--instead",
    is_flag=True,
    help="Though it is offered to somebody who has not taken it, or may have been before a restore.",
)
@_OUT
@_QR
@with_session
def give(
    session: Session, exchange: str, to: str | None, note: str, photos: tuple[str, ...], instead: bool,
    out: str | None, qr: bool,
) -> None:  # fmt: skip
    """Give the parcel of EXCHANGE to somebody. It is yours until he has taken it."""
    data = session.write(
        "parcel.give", exchange=exchange, to=to, note=note, instead=instead,
        photos=[blake2b(Path(photo).read_bytes(), digest_size=32).hexdigest() for photo in photos],
    )  # fmt: skip
    _write(out, data)
    if session.wait is not None:
        taken = session.until(lambda d: not d["mine"], "taken", data, "parcel.show", id=data["parcel"])
        return session.emit(taken, lambda: _print(session, taken))

    def human() -> None:
        name = data["taker_name"]
        say(f"{short(data['parcel'])}  Offered to {name}, who has to take it: p2pnode parcel take {short(data['id'])}")
        if qr:
            _print_qr(data["text"])
        elif out:
            say(f"Without a network: give {name} {out}, and add what you get back: p2pnode parcel add FILE")
        elif session.plain:
            say(data["text"])

    session.emit(data, human)


@parcel.command(
    "take", example="p2pnode parcel take\np2pnode parcel take 5be1\np2pnode parcel take box.p2p --out back.p2p"
)
@click.argument("what", metavar="[ID|FILE|-|TEXT]", required=False)
@_OUT
@_QR
@with_session
def take(session: Session, what: str | None, out: str | None, qr: bool) -> None:
    """Take a parcel that is offered to you: by its ID, or as it came in a FILE, on stdin (-) or as TEXT.

    Without more, lists what is offered. Take only what is in your hands: from then on it is with you.
    """
    if what is None:
        rows = session.call("parcel.list")["offered"]
        if not rows:
            return session.emit(rows, lambda: say("Nothing is offered to you."))
        return session.emit(rows, lambda: _print_offers(session, rows))
    text = _text(what)
    session.confirm("Sign that you have this parcel?")
    data = session.write("parcel.take", **({"id": what} if text is None else {"text": text}))
    _write(out, data)
    if session.wait is not None:
        data = session.until(lambda d: d["delivered"], "known to the others", data, "parcel.show", id=data["parcel"])

    def human() -> None:
        last = data["path"][-1]
        say(f"{short(data['parcel'])}  Taken from {last['giver_name']}. It is with you now.")
        if out:
            say(f"Without a network: give {last['giver_name']} {out}")
        if qr:
            _print_qr(data["texts"].split()[-1])

    session.emit(data, human)


@parcel.command("decline", example="p2pnode parcel decline 5be1")
@click.argument("id_", metavar="ID")
@with_session
def decline(session: Session, id_: str) -> None:
    """Do not take what is offered to you. It stays with who has it."""
    data = session.write("parcel.decline", id=id_)
    session.emit(data, lambda: say(f"Not taken. It is still with {data['giver_name']}."))


@parcel.command("add", example="p2pnode parcel add back.p2p")
@click.argument("what", metavar="FILE|-|TEXT")
@with_session
def add(session: Session, what: str) -> None:
    """Add receipts that came in a FILE, on stdin (-) or as TEXT. They count as those that come over the network."""
    text = _text(what)
    if text is None:
        raise Refusal("not_found", f"there is no file {what}", "Give its path, or - and the text on stdin")
    rows = session.write("parcel.add", text=text)

    def human() -> None:
        for row in rows:
            _print(session, row)

    session.emit(rows, human)


@parcel.command("code", example="p2pnode parcel code 77c1 --qr")
@click.argument("exchange")
@_QR
@with_session
def code(session: Session, exchange: str, qr: bool) -> None:
    """The code for the door. Tell it to who receives the parcel, and to nobody else before: it opens the last duty."""
    data = session.call("parcel.code", exchange=exchange)

    def human() -> None:
        say(data["code"])
        if qr:
            _print_qr(data["code"])

    session.emit(data, human)


@parcel.command("check", example="p2pnode parcel check back.p2p")
@click.argument("file")
@with_session
def check(session: Session, file: str) -> None:
    """Check receipts without a node or a network: who has the parcel by them. Exit status 1 if one does not hold."""
    text = _text(file)
    if text is None:
        raise Refusal("not_found", f"there is no file {file}", "Give its path, or - and the text on stdin")
    data = _checked(text)

    def human() -> None:
        for one in data:
            facts([("parcel", one["parcel"]), ("with", one["holder"]), ("from", one["origin"])], session.plain)
            _print_path(session, one["path"])
            for fork in one["forks"]:
                say(f"Given twice: by {fork['giver'][:8]}, to {' and to '.join(t[:8] for t in fork['takers'])}.")
            if one["unchecked"]:
                say(f"{one['unchecked']} of them cannot be checked here: their signer has replaced his key since.")

    session.emit(data, human)


def _checked(text: str) -> list[dict[str, Any]]:
    """Each parcel in a text: its path, and what is wrong. `Refusal` if a signature does not hold."""
    from protocols.parcel import trace
    from protocols.receipt import Receipt, parse_texts, verify_receipt

    try:
        found = [r for r in parse_texts(text) if isinstance(r, Receipt)]
    except DecodeError as e:
        raise Refusal("failed", e.message, "Ask for it again: p2pnode parcel show makes it.") from e
    if not found:
        raise Refusal("failed", "nothing in this is signed by both", "Who takes it signs: p2pnode parcel take FILE")
    later = []
    for one in found:
        try:
            verify_receipt(one)
        except Reject as e:
            if e.code != "context":
                raise Refusal("failed", f"the receipt {one.id.hex()[:8]} is false: {e.message}", "Trust none.") from e
            later.append(one)
    data = []
    for parcel_, network in sorted({(r.parcel, r.network) for r in found}):
        mine = [r for r in found if (r.parcel, r.network) == (parcel_, network)]
        first = min(mine, key=lambda r: (r.at, r.id))
        custody = trace(mine, [first.giver])
        data.append(
            {
                "parcel": parcel_.hex(),
                "network": network.hex(),
                "holder": custody.holder.hex(),
                "origin": custody.origin.hex(),
                "whole": custody.whole,
                "path": [
                    {
                        "id": r.id.hex(), "giver": r.giver.hex(), "taker": r.taker.hex(), "at": r.at,
                        "note": r.said.note, "photos": [p.hex() for p in r.said.photos],
                    }
                    for r in custody.path
                ],
                "forks": [
                    {"giver": a.giver.hex(), "takers": [a.taker.hex(), b.taker.hex()]} for a, b in custody.forks
                ],
                "unchecked": sum(r in later for r in mine),
            }
        )  # fmt: skip
    return data


def _text(what: str) -> str | None:
    """What a file, stdin or the argument itself holds; None if that is an id."""
    from protocols.receipt import TEXT_PREFIX

    try:
        if what == "-":
            return sys.stdin.read()
        if what.upper().startswith(TEXT_PREFIX):
            return what
        path = Path(what).expanduser()
        return path.read_text() if path.is_file() else None
    except RuntimeError:  # ~ of somebody who has no home here
        return None
    except UnicodeDecodeError as e:
        raise Refusal("usage", f"{what} holds no receipts", "They are lines of text.") from e


def _write(out: str | None, data: dict[str, Any]) -> None:
    if out is not None:
        write_file(out, [data["texts"].encode()])


def _print_qr(text: str) -> None:
    from p2pnode.qr import lines

    for line in lines(text):
        say(line)


def _time(session: Session, at: int) -> Any:
    return at if session.plain else format_time(at, now_ms())


def _print_offers(session: Session, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        what = f"{row['giver_name']} offers you {short(row['parcel'])}" + (f": {row['note']}" if row["note"] else "")
        if row["problem"]:
            note(f"! {what}. {row['problem'][:1].upper()}{row['problem'][1:]}.")
        else:
            say(f"{what}. If you have it: p2pnode parcel take {row['id'] if session.plain else short(row['id'])}")


def _print(session: Session, data: dict[str, Any]) -> None:
    facts(
        [
            ("parcel", data["parcel"] if session.plain else short(data["parcel"])),
            ("with", "whoever showed the code at the door" if data["at_door"] else data["holder_name"]),
            ("offered to", data["offered_to"]),
            ("from", data["origin_name"]),
            ("exchange", " ".join(data["exchanges"] if session.plain else map(short, data["exchanges"]))),
            ("known", None if data["delivered"] else "not to all yet"),
        ],
        session.plain,
    )
    _print_path(session, data["path"])
    if not data["whole"]:
        note("! What was before is not known here.")
    if data.get("unsure"):
        note(f"! {data['unsure'][:1].upper()}{data['unsure'][1:]}.")
    for fork in data["forks"]:
        note(f"! {fork['giver_name']} gave it twice: to {' and to '.join(fork['takers'])}. Both receipts prove it.")


def _print_path(session: Session, path: list[dict[str, Any]]) -> None:
    for row in path:
        giver = row.get("giver_name") or row["giver"][:8]
        taker = row.get("taker_name") or row["taker"][:8]
        said = (f": {row['note']}" if row["note"] else "") + (
            f" ({len(row['photos'])} photos)" if row["photos"] else ""
        )
        say(f"  {_time(session, row['at'])}  {giver} → {taker}{said}")
