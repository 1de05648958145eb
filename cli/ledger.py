"""`ledger`: the node's own chain of entries."""

from base64 import b64decode
from typing import Any

import click

from .command import Group, with_session
from .files import is_such, not_such, read_shown
from .output import facts, note, say, short, table, write_file
from .session import Session
from .times import format_time, now_ms


@click.group(cls=Group, bare="balance", example="p2pnode ledger balance\np2pnode ledger verify")
def ledger() -> None:
    """Your entries, your balance, your credit limit."""


@ledger.command("log", example="p2pnode ledger log")
@with_session
def log(session: Session) -> None:
    """The entries of your ledger, the oldest first."""
    rows = session.call("ledger.log")

    def human() -> None:
        unit, decimals = _unit(session)

        def amount(value: Any) -> str:
            own = isinstance(value, dict) and "decimals" in value  # of a private claim: in its own unit
            text = session.money(value) if own else session.money(value, unit, decimals)
            return text.removesuffix(f" {unit}") if session.plain else text

        if not rows:
            say("No entries yet: the first is written with your first exchange or vouch.")
        table(
            ["SEQ", "ID", "KIND", "WHEN", "BALANCE", "HOLD", "EXCHANGE", "AMOUNT", "WITH"],
            [
                (
                    row.get("seq"),
                    row["id"] if session.plain else short(row["id"]),
                    row.get("kind"),
                    row.get("at") if session.plain else format_time(row.get("at"), now_ms()),
                    amount(row.get("balance")),
                    amount(row.get("hold")),
                    short(row.get("exchange_id")) if row.get("exchange_id") else "",
                    amount(row["amount"]) if _counts(row.get("amount")) else "",
                    row.get("counterparty_name") or "",
                )
                for row in rows
            ],
            session.plain,
        )

    session.emit(rows, human)


@ledger.command("balance", example="p2pnode ledger balance --json")
@with_session
def balance(session: Session) -> None:
    """Your balance, what is held, and how far it may fall below zero."""
    data = session.call("ledger.balance")

    def human() -> None:
        unit, decimals = data.get("unit"), data.get("decimals")
        names = {
            "balance": "balance",
            "hold": "held for payments and vouches",
            "limit": "credit limit",
            "available": "you can spend",
            "given": "given to others so far",
            "received": "received from others so far",
        }
        rare = {  # they, too, are part of the balance
            "deposit_with_us": "deposits left with you",
            "deposit_with_them": "deposits you left with others",
            "taken_over_from_them": "taken over from others",
            "taken_over_from_us": "taken over by others",
        }
        names |= {key: label for key, label in rare.items() if _counts(data.get(key))}
        facts(
            ((label, session.money(data.get(key), unit, decimals)) for key, label in names.items() if key in data),
            session.plain,
        )

    session.emit(data, human)


@ledger.command("verify", example="p2pnode ledger verify")
@with_session
def verify(session: Session) -> None:
    """Check every entry of your ledger. Exit status 1 if it is damaged."""
    data = session.call("ledger.verify")

    def human() -> None:
        if data.get("ok"):
            say(f"All is well: {_count(data.get('entries'))}, head {short(data.get('head'))}.")
            return
        say(f"Damaged: {_count(data.get('entries'))} by the record, head {short(data.get('head'))}.")
        for item in data.get("missing") or ():
            say(f"  missing: {item}")
        for problem in data.get("problems") or ():
            say(f"  entry {problem['seq']}: {problem['message']}")
        say("Stop the node and keep its folder as it is; do not sign anything more with it.")

    session.emit(data, human)
    if not data.get("ok"):
        raise click.exceptions.Exit(1)


@ledger.command("statement", example="p2pnode ledger statement --with Anna")
@click.option("--with", "peer", metavar="PEER", help="Only with this one.")
@with_session
def statement(session: Session, peer: str | None) -> None:
    """What stands between you and each counterparty: given and received apart, pending apart, private claims apart."""
    data = session.call("ledger.statement", peer=peer)

    def human() -> None:
        unit, decimals = data.get("unit"), data.get("decimals")
        names = ("given", "received", "pending_given", "pending_received", "vouched_for_them", "vouched_for_us")
        rows = data.get("accounts") or ()
        if not rows:
            return say("Nothing yet: a line comes with your first payment or vouch.")
        table(
            ["WITH", "GIVEN", "RECEIVED", "TO COME IN", "TO GO OUT", "YOU VOUCH", "THEY VOUCH", "LAST"],
            [
                (
                    row["name"],
                    *(session.money(row[name], unit, decimals) if _counts(row[name]) else "" for name in names),
                    format_time(row["newest_at"], now_ms()),
                )
                for row in (*rows, *([{"name": "(all)", **data["total"]}] if len(rows) > 1 else ()))
            ],
            session.plain,
        )
        for row in rows:
            for name, where in (("deposit_with_them", "with"), ("deposit_with_us", "from")):
                if _counts(row.get(name)):
                    say(f"Deposit {where} {row['name']}, to be paid back: {session.money(row[name], unit, decimals)}")
            if _counts(row.get("taken_over_from_them")):
                say(f"Taken over from {row['name']}: {session.money(row['taken_over_from_them'], unit, decimals)}")
            if _counts(row.get("taken_over_from_us")):
                say(f"Taken over from you by {row['name']}: {session.money(row['taken_over_from_us'], unit, decimals)}")
        owed = ("owed_to_me", "owed_by_me", "pending_owed_to_me", "pending_owed_by_me")
        claims = [(row["name"], claim) for row in rows for claim in row.get("claims") or ()]
        if claims and not session.plain:
            say()
        table(
            ["PRIVATE CLAIMS", "OWED TO YOU", "OWED BY YOU", "NOT AGREED: TO YOU", "BY YOU"],
            [
                (name, *(session.money(claim[side]) if _counts(claim[side]) else "" for side in owed))
                for name, claim in claims
            ],
            session.plain,
        )

    session.emit(data, human)


@ledger.command("export", example="p2pnode ledger export --format csv --out ledger.csv")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "valueflows"]), default="jsonl", show_default=True)
@click.option("--out", metavar="FILE", help="Where to write it; else it is printed.")
@with_session
def export(session: Session, form: str, out: str | None) -> None:
    """Your whole ledger for other programs. It holds all that you can read: hand it on with care.

    jsonl has every byte that was signed; csv is for a spreadsheet; valueflows is JSON-LD in the words of ValueFlows
    1.0: agreements, commitments, and payments as economic events.
    """
    from p2pnode.exporting import FORMATS, PAGE, pages

    if session.dry_run and out is not None:
        wanted = {"dry_run": True, "command": "ledger.export", "args": {"format": form, "out": out}}
        return session.emit(wanted, lambda: note(f"Would write {out}. Nothing was done."))
    count = 0

    def fetch(first: int) -> dict[str, Any]:
        nonlocal count
        page: dict[str, Any] = session.call("ledger.export", first=first, limit=PAGE)
        count += len(page["entries"])
        return page

    pieces = FORMATS[form](pages(fetch))
    if out is not None:
        write_file(out, (piece.encode() for piece in pieces))
        session.emit({"format": form, "entries": count, "out": out}, lambda: say(f"{_count(count)} in {out}."))
    elif session.json:
        content = "".join(pieces)
        session.emit({"format": form, "entries": count, "content": content}, lambda: None)
    else:
        for piece in pieces:
            click.echo(piece.encode(), nl=False)


@ledger.command("audit", example="p2pnode ledger audit Anna")
@click.argument("peer")
@with_session
def audit(session: Session, peer: str) -> None:
    """Fetch another's ledger as far as it is shown to you, and check it. Exit status 1 if something is wrong.

    What it settled with others it need not show you: then only hashes, signatures and figures are checked.
    """
    data = session.call("ledger.audit", peer=peer)

    def human() -> None:
        hidden = data.get("withheld")
        rest = f", {hidden} of them without what was settled with others" if hidden else ""
        if data.get("ok"):
            say(f"Sound as far as it is shown: {_count(data.get('entries'))} of {data.get('name')}{rest}.")
        else:
            say(f"Not sound: {_count(data.get('entries'))} of {data.get('name')}{rest}.")
        for item in data.get("missing") or ():
            say(f"  missing: {item}")
        for problem in data.get("problems") or ():
            say(f"  entry {problem['seq']}: {problem['message']}")
        unit, decimals = _unit(session)
        pairs = [(name, session.money(data.get(name), unit, decimals)) for name in ("balance", "hold", "limit")]
        pairs.append(("head", short(data.get("head"))))
        for source in data.get("sources") or ():
            pairs.append((f"vouched by {source['name']}", session.money(source["amount"], unit, decimals)))
        facts(pairs, session.plain)

    session.emit(data, human)
    if not data.get("ok"):
        raise click.exceptions.Exit(1)


@ledger.command("erase", example="p2pnode ledger erase 3f9a")
@click.argument("exchange")
@with_session
def erase(session: Session, exchange: str) -> None:
    """Erase the private part of the entries of an exchange: your copy of its terms.

    Totals, proofs and signatures stay valid. What both signed stays, too: amounts, hashes, and the steps of the
    exchange itself, which the other side holds as well.
    """
    session.confirm(f"Erase the private part of the entries of exchange {short(exchange)}? It cannot be undone.")
    data = session.write("ledger.erase", exchange=exchange)

    def human() -> None:
        erased, kept = data.get("erased") or (), data.get("entries")
        if erased:
            say(
                f"Erased: the private part of {_count(len(erased))} of {short(data.get('exchange_id'))}, {kept} in all."
            )
        else:
            say(f"Nothing private is left in the entries of {short(data.get('exchange_id'))}.")
        say("Copies that were made before (backups, an SD card's spare blocks) are out of this program's reach.")

    session.emit(data, human)


@ledger.command("prove", example="p2pnode ledger prove 3f9a --out proof.p2p")
@click.argument("exchange")
@click.option("--out", required=True, metavar="FILE", help="Where the proof is written.")
@click.option("--duty", metavar="DUTY", help="Of which payment, where there are several; else the newest settled one.")
@with_session
def prove(session: Session, exchange: str, out: str, duty: str | None) -> None:
    """Write a proof of an exchange that anybody can check, without a node: p2pnode ledger check FILE.

    It shows what both signed of the payment, or else of the agreement: who, how much, when. Terms in words are in it
    only where the other side's signed proposal is.
    """
    if session.dry_run:
        session.write("ledger.prove", exchange=exchange, duty=duty)
    data = session.call("ledger.prove", exchange=exchange, duty=duty)
    write_file(out, [b64decode(data.pop("proof"))])
    data["out"] = out
    session.emit(
        data,
        lambda: say(f"{out} proves {data['kind']} of {_whose(data)} ({data['bytes']} bytes)."),
    )


@ledger.command("check", example="p2pnode ledger check proof.p2p")
@click.argument("file")
@with_session
def check(session: Session, file: str) -> None:
    """Check a proof that somebody gave you, as a file or on stdin (-). Needs no node and no network. Exit status 1 if
    it does not hold."""
    from ledger.proof import MAGIC, MAX_PROOF_FILE, check_proof
    from protocols.errors import Refusal, Reject

    content = read_shown(file, MAX_PROOF_FILE)
    try:
        shown = check_proof(content)
    except Reject as e:
        if e.code in ("decode", "size") or not is_such(content, MAGIC.encode()):
            hint = "Ask for it again: p2pnode ledger prove makes it."
            raise not_such(content, MAGIC.encode(), "a proof", hint) from e
        raise Refusal(
            "failed", f"this proof does not hold: {e.message}", "Ask for it again; rely on nothing in it."
        ) from e
    data = {"ok": True, **shown}

    def human() -> None:
        money = session.money(data["amount"], data["network"]["unit"], data["network"]["decimals"])
        when = format_time(data["at"], now_ms())
        if data["proves"] == "payment":
            say(f"The proof holds: {data['payer'][:8]} paid {data['payee'][:8]} {money}, {when}.")
        elif data["proves"] == "agreement":
            say(f"The proof holds: {data['author'][:8]} and {data['counterparty'][:8]} agreed, {when}.")
        else:
            say(f"The proof holds: {data['author'][:8]} wrote {data['kind']}, {when}. That settles nothing yet.")
        facts(
            [
                ("network", f"{data['network']['name']} ({data['network']['id'][:8]})"),
                ("deal", data["exchange_id"]),
                ("terms", data["terms"]),
                ("payer", data["payer"]),
                ("payee", data["payee"]),
                ("entry", f"{data['seq']}, {data['kind']}, of {data['author']}"),
                ("under head", f"{data['head_seq']}, {data['head']}"),
            ],
            session.plain,
        )
        say("It shows what was signed, not that the rest of these ledgers is sound: p2pnode ledger audit PEER.")

    session.emit(data, human)


def _whose(row: dict[str, Any]) -> str:
    duty = "" if row.get("duty") in (None, "pay") else f"{row['duty']} in "
    return f"{duty}exchange {short(row['exchange_id'])}"


def _counts(amount: Any) -> bool:
    """Whether an amount of the API's JSON is there and not nothing."""
    return bool(amount.get("amount") if isinstance(amount, dict) else amount)


def _count(entries: Any) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"


def _unit(session: Session) -> tuple[str, int | None]:
    """Unit and decimals of the network that is meant: the node knows which, by the balance it shows."""
    data = session.call("ledger.balance")
    return data.get("unit", ""), data.get("decimals")
