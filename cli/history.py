"""`exchange check`: read the history of an exchange that somebody shows. Needs no node and no network."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from protocols.errors import Refusal, Reject

from .command import Command, with_session
from .files import is_such, not_such, read_shown
from .output import facts, say
from .session import Session
from .times import clock_time, moment, now_ms

if TYPE_CHECKING:
    from ledger.history import History

_SPEAKING = {"propose", "counter", "amend"}


@click.command(
    "check", cls=Command, example="p2pnode exchange check barn.history\np2pnode exchange check - < barn.history"
)
@click.argument("file")
@with_session
def check(session: Session, file: str) -> None:
    """Check the history of an exchange, and see whose turn it is, what is overdue, and who did not do his part.

    It shows what was signed, and cannot show what was left out: ask the other side for its own file, too. With -
    it is read from stdin. Exit status 1 if it does not hold.
    """
    from ledger.history import MAGIC, check_history
    from protocols.limits import MAX_HISTORY
    from protocols.shown_keys import AROUND

    content = read_shown(file, MAX_HISTORY + AROUND)
    now = now_ms()
    try:
        shown = check_history(content, now)
    except Reject as e:
        if e.code in ("decode", "size") or not is_such(content, MAGIC.encode()):
            raise not_such(content, MAGIC.encode(), "a history", "p2pnode exchange history makes one.") from e
        raise Refusal("failed", f"this history does not hold: {e.message}", "Rely on nothing in it.") from e
    data = _json(shown, now)
    session.emit(data, lambda: _print(session, data))


def _json(shown: "History", now: int) -> dict[str, Any]:
    view = shown.view
    overdue = {d.id for d in view.overdue(now)}
    return {
        "ok": True,
        "network": shown.genesis.name,
        "exchange_id": view.id.hex(),
        "title": view.terms.title,
        "status": str(view.status),
        "dispute": str(view.dispute),
        "proposer": view.terms.proposer.hex(),
        "responder": view.terms.responder.hex(),
        "mediator": view.terms.mediator.hex() or None,
        "duties": [
            {
                "id": d.id,
                "what": d.what,
                "provider": d.provider.hex(),
                "state": str(view.duties[d.id]),
                "since": view.since.get(d.id),
                "until": view.deadlines.get(d.id),
                "overdue": d.id in overdue,
            }
            for d in view.terms.duties
        ],
        "said": [{"at": f.at, "by": f.author.hex(), "kind": f.kind, "duty": _duty(f)} for f in shown.facts],
    }


def _duty(fact: Any) -> str | None:
    from protocols.steps import parse_step

    return None if fact.kind in _SPEAKING else parse_step(fact).duty or None


def _print(session: Session, data: dict[str, Any]) -> None:
    say("The history holds.")
    facts(
        [
            ("network", data["network"]),
            ("exchange", data["exchange_id"] if session.plain else data["exchange_id"][:8]),
            ("what", data["title"]),
            ("status", data["status"]),
            ("dispute", None if data["dispute"] == "none" else data["dispute"]),
            ("proposer", data["proposer"][: None if session.plain else 8]),
            ("responder", data["responder"][: None if session.plain else 8]),
        ],
        session.plain,
    )
    now = now_ms()

    def at(ms: int) -> str:
        return moment(ms) if session.plain else clock_time(ms, now)

    for line in data["said"]:
        about = f" {line['duty']}" if line["duty"] else ""
        say(f"  {at(line['at']):<12}  {line['by'][:8]}: {line['kind']}{about}")
    for duty in data["duties"]:
        say(f"  {duty['state']:<10} {duty['provider'][:8]}: {duty['what']}{_turn(duty, at)}")
    say("It shows what was signed, not what was left out: ask the other side for its history, too.")


def _turn(duty: dict[str, Any], at: Callable[[int], str]) -> str:
    """Since when it is whose turn, and until when it was to be done."""
    if duty["since"] is None:
        return ""
    late = "OVERDUE since" if duty["overdue"] else "until"
    until = f", {late} {at(duty['until'])}" if duty["until"] else ""
    return f"; his turn since {at(duty['since'])}{until}"
