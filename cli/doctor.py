"""`doctor`: what is checked stands in p2pnode/doctor/checks.py. Works without a running node, too."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from protocols.errors import Refusal

from .command import Command, with_session
from .output import say, say_marked, table
from .session import Session
from .times import now_ms

if TYPE_CHECKING:
    from p2pnode.doctor.seen import Node, Seen

TONES = {"ok": "ok", "note": "warning", "problem": "bad"}
WORDS = {"ok": "ok", "note": "NOTE", "problem": "PROBLEM", "skipped": "skipped"}


@click.command(cls=Command, example="p2pnode doctor\np2pnode doctor --check port")
@click.option("--check", metavar="NAME", help="Only this one; the names stand in the second column.")
@with_session
def doctor(session: Session, check: str | None) -> None:
    """Check that all is well, and say how to mend what is not.

    Works without a running node, too, and says what only a running one can tell. Exit status 1 if there is a problem.
    """
    from p2pnode.doctor.checks import diagnose, well

    found = diagnose(look(session), check)
    rows = [{"check": f.check, "state": f.state, "found": f.found, "fix": f.fix} for f in found]
    session.emit(rows, lambda: _print(session, rows))
    if not well(found):
        raise click.exceptions.Exit(1)


def look(session: Session) -> "Seen":
    """All that can be seen from here, of a running node by its own word."""
    from p2pnode.doctor.looking import installed_version, look_at_folder, look_at_machine
    from p2pnode.doctor.seen import Seen, why_silent

    node, why = None, ("", "")
    try:
        node = _ask(session)
    except Refusal as e:
        why = why_silent(e)
    folder = look_at_folder(session.folder(), database=node is None)
    return Seen(folder, look_at_machine(installed_version()), node, *why, now_ms())


def _ask(session: Session) -> "Node":
    import msgspec

    from p2pnode.doctor.seen import Node

    try:
        return msgspec.convert(session.call("health"), Node)
    except Refusal as e:
        if e.code != "not_found":
            raise
    status = session.call("status")  # a node from before there was this command still runs
    known = {key: status[key] for key in ("peers", "addresses", "reach") if key in status}
    return Node(program="an older one", networks=len(status.get("networks") or ()), **known)


def _print(session: Session, rows: list[dict[str, Any]]) -> None:
    if session.plain:
        table([], [(row["state"], row["check"], row["found"], row["fix"]) for row in rows], plain=True)
        return
    state, name = max(len(word) for word in WORDS.values()), max(len(row["check"]) for row in rows)
    alike = Counter(row["found"] for row in rows if row["state"] == "skipped")
    for row in rows:
        if alike[row["found"]] > 1:
            continue
        word = WORDS[row["state"]]
        between = f"{'':{state - len(word)}}  {row['check'].ljust(name)}  "
        say_marked(word, TONES.get(row["state"], ""), between, row["found"])
        if row["fix"]:
            say(f"{'':{state + name + 4}}{row['fix']}")
    for found, times in alike.items():
        if times > 1:
            say(f"{WORDS['skipped'].ljust(state)}  {', '.join(row['check'] for row in rows if row['found'] == found)}")
            say(f"{'':{state + name + 4}}{found}")
    problems, notes = (sum(row["state"] == kind for row in rows) for kind in ("problem", "note"))
    if len(rows) > 1:
        say()
        say(_summary(problems, notes))


def _summary(problems: int, notes: int) -> str:
    if not problems:
        return "All is well." if not notes else f"No problems; {_count(notes, 'thing')} worth knowing."
    return f"{_count(problems, 'problem')}. The line below each says how to mend it."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
