"""`project`: a whole split into small tasks that neighbours claim themselves, and put together again."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from p2pnode.bounds import TASKS_AT_ONCE
from p2pnode.tasks import Joined, Piece, Result, Task, hash_of, join, numbered, parse_table
from protocols.errors import Refusal

from .command import Group, with_session
from .output import facts, note, say, short, table, write_file
from .session import Session
from .task_steps import add_to, print_besides
from .times import format_time, now_ms, parse_time, until

MAX_TABLE = 8 << 20  # bytes
_WORDS = {"asked": "asked for", "withdrawn": "taken back"}


@click.group(
    cls=Group,
    example='p2pnode project split 3f9a --count 6 --title "Page {n}" --price 0.5\n'
    "p2pnode project claim 3f9a --count 2\np2pnode project show 3f9a",
)
def project() -> None:
    """Split a project into tasks that neighbours claim themselves, and put the results together again.

    LISTING is the id of the project's listing, or the beginning of it: `p2pnode request publish --kind project`.
    """


@project.command(
    "split",
    example='p2pnode project split 3f9a pages.csv\np2pnode project split 3f9a --count 6 --title "Page {n}" --price 0.5',
)
@click.argument("listing")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(min=1), help="So many tasks, instead of a FILE.")
@click.option("--title", help="Of each of these; {n} is its number.")
@click.option("--text", default="", help="What is to be done; {n} is the number.")
@click.option("--price", metavar="PRICE", default="", help="For each that names none; without one, for thanks.")
@click.option("--most", type=click.IntRange(min=1), help="Only the first so many; the others another time.")
@click.option("--until", "ends", metavar="TIME", help="Until when the tasks stand; else as long as your node runs.")
@with_session
def split(session: Session, listing: str, file: Path | None, ends: str | None, most: int | None, **given: Any) -> None:
    """Publish each line of FILE as a task of your own project.

    A line is title,text,price: CSV whose first line names these columns, or JSON lines. Whoever claims a task first
    gets it, without waiting for you. Run it again at any time: what is there already is never published twice.
    """
    tasks = _tasks(file, **given)
    if most is not None:
        tasks = tasks[:most]
    end = None if ends is None else parse_time(ends, now_ms(), end=True)
    prices = dict(Counter(task.price for task in tasks))
    foreseen = session.call("project.foresee", listing=listing, count=len(tasks), prices=prices)
    _check_room(foreseen)
    if session.dry_run:
        data = {"dry_run": True, "command": "project.split", **foreseen}
        return session.emit(data, lambda: _print_foreseen(session, foreseen))
    if not session.json:
        _print_foreseen(session, foreseen)
    published: list[dict[str, Any]] = []
    changed: list[int] = []
    for some in _some(tasks):
        lines = tuple(task._asdict() for task in some)
        row = session.write("project.split", listing=foreseen["listing_id"], tasks=lines, until=end)
        published += row["published"]
        changed += row["changed"]
        if len(tasks) > TASKS_AT_ONCE and not session.json:
            note(f"{some[-1].number} of {len(tasks)} …")
    data = {**foreseen, "published": published, "changed": changed}
    session.emit(data, lambda: _print_split(data))


def _tasks(file: Path | None, count: int | None, title: str | None, text: str, price: str) -> tuple[Task, ...]:
    if (file is None) == (count is None):
        raise Refusal("usage", "Which tasks?", 'Name a FILE, or --count 6 --title "Page {n}".')
    if count is not None:
        if not title:
            raise Refusal("usage", "--count needs --title", 'Such as --title "Page {n}".')
        return numbered(count, title, text, price)
    assert file is not None
    if title or text:
        raise Refusal("usage", "--title and --text go with --count", "In a FILE each line says them.")
    if file.stat().st_size > MAX_TABLE:
        raise Refusal("usage", f"the file {file} is too large for a table of tasks", "One line a task, 8 MiB at most.")
    try:
        return parse_table(file.read_text(encoding="utf-8"), price)
    except UnicodeDecodeError as e:
        raise Refusal("usage", f"the file {file} is not UTF-8", "Save it as UTF-8.") from e
    except Refusal as e:
        raise Refusal(e.code, f"{file}: {e.message}", e.hint) from e


def _some(tasks: tuple[Task, ...]) -> Iterator[tuple[Task, ...]]:
    for start in range(0, len(tasks), TASKS_AT_ONCE):
        yield tasks[start : start + TASKS_AT_ONCE]


def _check_room(foreseen: dict[str, Any]) -> None:
    missing, room = foreseen["missing"], foreseen["room"]
    if missing > room:
        raise Refusal(
            "refused",
            f"{missing} tasks are to be published, and the network has room for {room} more of your listings "
            f"({foreseen['quota']} in all; those withdrawn count until they end)",
            f"--most {foreseen['there'] + room} publishes as many as fit." if room else "Wait until some have ended.",
        )


def _print_foreseen(session: Session, foreseen: dict[str, Any]) -> None:
    there = f", {foreseen['there']} are there already" if foreseen["there"] else ""
    missing = foreseen["missing"]
    say(f"{missing} {'task' if missing == 1 else 'tasks'} to publish{there}; there is room for {foreseen['room']}.")
    network = foreseen.get("network")
    sums = " and ".join(session.money(pay, network=network) for pay in foreseen["pay"])
    if sums:
        can = foreseen["spendable"]
        own = next((p["amount"] for p in foreseen["pay"] if p["unit"] == can["unit"]), 0)
        much = f"; you can spend {session.money(can, network=network)} now" if own > can["amount"] else ""
        say(f"When all are confirmed you owe {sums}{much}.")


def _print_split(data: dict[str, Any]) -> None:
    count, id_ = len(data["published"]), short(data["listing_id"])
    say(f"{count} published." if count else "Nothing was missing.")
    if data["changed"]:
        which = ", ".join(map(str, data["changed"]))
        say(f"Published before with other words, and left as they are: {which}. Change them with p2pnode request edit.")
    say("Whoever claims a task first gets it, at the price it names.")
    say(f"Neighbours type: p2pnode project claim {id_}")
    say(f"Next: p2pnode project show {id_}")


@project.command("show", example="p2pnode project show 3f9a")
@click.argument("listing")
@with_session
def show(session: Session, listing: str) -> None:
    """Your project: which tasks are free, who has the others, and how far they have come."""
    data = session.call("project.show", listing=listing)
    session.emit(data, lambda: _print_project(session, data))


def _print_project(session: Session, data: dict[str, Any]) -> None:
    now, id_, rows = now_ms(), short(data["listing_id"]), data["tasks"]
    network = data.get("network")
    counts = ", ".join(f"{n} {_WORDS.get(word, word)}" for word, n in data["counts"].items() if n)
    facts(
        [
            ("project", data["title"]),
            ("tasks", f"{len(rows)}: {counts}" if rows else "none yet"),
            ("paid", ", ".join(session.money(m, network=network) for m in data["paid"])),
            ("to pay", ", ".join(session.money(m, network=network) for m in data["owed"])),
        ],
        session.plain,
    )
    if not rows:
        return say(f"Next: p2pnode project split {id_} FILE")
    table(
        ["N", "TITLE", "STATE", "WHO", "UNTIL", "EXCHANGE"],
        [
            (
                row["number"],
                row["title"],
                "done again" if row["again"] else _WORDS.get(row["state"], row["state"]),
                row["who"] or "",
                (row["until"] if session.plain else format_time(row["until"], now)) if row["until"] else "",
                (row["exchange_id"] if session.plain else short(row["exchange_id"])) if row["exchange_id"] else "",
            )
            for row in rows
        ],
        session.plain,
    )
    if session.plain:
        return
    print_besides(rows, now)
    looked = [row for row in rows if row["state"] == "done" or row["again"]]
    if looked:
        say(f"Next: p2pnode exchange confirm {short(looked[0]['exchange_id'])}  (or dispute it)")
    if len(looked) > 1:
        say(f"Next: p2pnode project confirm {id_} --all  (all {len(looked)} of them)")
    if sum(row.get("payment") == "due" and row["state"] == "confirmed" for row in rows) > 1:
        say(f"Next: p2pnode project pay {id_} --all")
    if data["counts"]["overdue"]:
        say("What is overdue can be claimed by others from an hour after its time.")
        say(f"Next: p2pnode project free {id_}  (so they can at once)")
    if data["counts"]["confirmed"]:
        say(f"Next: p2pnode project results {id_}")


@project.command("free", example="p2pnode project free 3f9a")
@click.argument("listing")
@with_session
def free(session: Session, listing: str) -> None:
    """Take back every task that was claimed and is overdue. It is signed that it was not done in time, and others can
    claim it."""
    data = session.write("project.free", listing=listing)

    def human() -> None:
        for row in data["freed"]:
            say(f"{row['title']} can be claimed again: {row['who']} had not done it in time.")

    session.emit(data, human)


@project.command("claim", example="p2pnode project claim 3f9a --count 2")
@click.argument("listing")
@click.option("--count", type=click.IntRange(min=1), default=1, help="How many: 1.")
@with_session
def claim(session: Session, listing: str, count: int) -> None:
    """Claim the next free tasks of somebody's project. If somebody else was faster, your node goes on to the next.

    With --wait the command returns when it is decided which are yours.
    """
    data = session.write("project.claim", listing=listing, count=count)
    seen = session.until(lambda d: not d["wanted"], "decided", data, "project.claimed", listing=listing)
    data = seen or data
    session.emit(data, lambda: _print_claimed(session, data))


@project.command("mine", example="p2pnode project mine 3f9a")
@click.argument("listing")
@with_session
def mine(session: Session, listing: str) -> None:
    """The tasks of somebody's project that are yours."""
    data = session.call("project.claimed", listing=listing)
    session.emit(data, lambda: _print_claimed(session, data))


@project.command("stop", example="p2pnode project stop 3f9a")
@click.argument("listing")
@with_session
def stop(session: Session, listing: str) -> None:
    """Claim no more of it. What you have claimed stays yours: `p2pnode exchange cancel` gives a task back."""
    data = session.write("project.stop", listing=listing)
    session.emit(data, lambda: _print_claimed(session, data))


def _print_claimed(session: Session, data: dict[str, Any]) -> None:
    now = now_ms()
    table(
        ["N", "TITLE", "STATE", "UNTIL", "EXCHANGE"],
        [
            (
                row["number"],
                row["title"],
                "asked for" if row["waits"] else row["status"],
                (row["until"] if session.plain else format_time(row["until"], now)) if row["until"] else "",
                row["exchange_id"] if session.plain else short(row["exchange_id"]),
            )
            for row in data["tasks"]
        ],
        session.plain,
    )
    if session.plain:
        return
    if data["waiting"]:
        say(f"Waiting for {data['organiser']}: {data['waiting']} asked for.")
    if data["problem"]:
        say(f"No more than these: {data['problem']}.")
    for row in data.get("lost") or ():
        say(f"No longer yours: {row['title']}. You had it {until(row['until'], now)}.")
    yours = [row for row in data["tasks"] if row["status"] in ("agreed", "active") and not row["waits"]]
    if yours:
        id_ = short(yours[0]["exchange_id"])
        say(f"Next: p2pnode exchange done {id_} --result FILE  (or --note with a short text)")
    elif not data["tasks"]:
        say(f"None is yours; {data['free']} free. p2pnode project claim {short(data['listing_id'])}")


@project.command(
    "results",
    example="p2pnode project results 3f9a\np2pnode project results 3f9a --from received --out chronicle.txt",
)
@click.argument("listing")
@click.option(
    "--from",
    "source",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the files are that you were sent: each is known by the hash that was signed, whatever it is called.",
)
@click.option("--out", metavar="DIR|FILE", help="All in one file, or each in one of its own in a folder: DIR/")
@click.option("--partial", is_flag=True, help="Write what is here, though something is missing.")
@with_session
def results(session: Session, listing: str, source: Path | None, out: str | None, partial: bool) -> None:
    """What was confirmed, in order: who did it, the hash of the result and its text; and join it with --out.

    A text comes with the task (`exchange done --note`). A file does not: its maker gives it to you by your own means,
    and here it is checked against what he signed.
    """
    data = session.call("project.results", listing=listing)
    rows = [Result(r["number"], r["title"], r["hash"] or "", r["text"] or "") for r in data["results"]]
    files = _hashed(source) if source is not None else {}
    joined = join(rows, {digest: path.name for digest, path in files.items()})
    data = {
        **data,
        "missing": [row.number for row in joined.missing],
        "other": list(joined.other),
        "complete": not joined.missing and not data["waiting"],
        "written": None,
    }
    if out is not None and not session.dry_run:
        if not data["complete"] and not partial:
            raise Refusal("conflict", _why_not(data, joined), "--partial writes what is here.")
        paths = {path.name: path for path in files.values()}
        folder = out.endswith("/") or Path(out).is_dir()
        data["written"] = (_write_folder if folder else _write_one)(Path(out), joined, paths)
    session.emit(data, lambda: _print_results(session, data, joined, source is not None))


def _hashed(source: Path) -> dict[str, Path]:
    """The files of a folder by what they hold."""
    return {hash_of(path.read_bytes()): path for path in sorted(source.iterdir()) if path.is_file()}


def _content(piece: Piece, paths: dict[str, Path]) -> bytes:
    return paths[piece.file].read_bytes() if piece.file else piece.text.encode() + b"\n"


def _write_one(out: Path, joined: Joined, paths: dict[str, Path]) -> list[str]:
    write_file(str(out), (_content(piece, paths) for piece in joined.pieces))
    return [str(out)]


def _write_folder(out: Path, joined: Joined, paths: dict[str, Path]) -> list[str]:
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for piece in joined.pieces:
        name = f"{piece.number:04}{Path(piece.file).suffix if piece.file else '.txt'}"
        write_file(str(out / name), [_content(piece, paths)])
        written.append(str(out / name))
    return written


def _why_not(data: dict[str, Any], joined: Joined) -> str:
    said = []
    if data["waiting"]:
        said.append(f"not confirmed yet: {_numbers(row['number'] for row in data['waiting'])}")
    if joined.missing:
        said.append(f"confirmed, but no file here has the hash that was signed: {_numbers(data['missing'])}")
    return "; ".join(said)


def _numbers(numbers: Iterable[int]) -> str:
    """1, 2, 3, 7 as `1–3, 7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)


def _print_results(session: Session, data: dict[str, Any], joined: Joined, checked: bool) -> None:
    files = {piece.number: piece.file for piece in joined.pieces}
    table(
        ["N", "TITLE", "BY", "RESULT", "TEXT"],
        [
            (
                row["number"],
                row["title"],
                row["who"],
                (row["hash"] if session.plain else files.get(row["number"]) or row["hash"][:16]) if row["hash"] else "",
                row["text"] or "",
            )
            for row in data["results"]
        ],
        session.plain,
    )
    if session.plain:
        return
    for row in data["waiting"]:
        who = f", {row['who']}" if row["who"] else ""
        say(f"Not confirmed yet: {row['number']}  {row['title']} ({_WORDS.get(row['state'], row['state'])}{who})")
    if joined.missing:
        where = "no file there has the hash that was signed" if checked else "the files are with who made them"
        say(f"Missing: {_numbers(data['missing'])}; {where}.")
    if joined.other:
        say(f"No confirmed result: {', '.join(joined.other)}")
    if data["written"]:
        count, written = len(joined.pieces), data["written"]
        where = str(written[0] if len(written) == 1 else Path(written[0]).parent)
        say(f"{count} {'result' if count == 1 else 'results'} in order, in {where}.")
    elif joined.missing and not checked:
        say(f"Next: p2pnode project results {short(data['listing_id'])} --from DIR --out FILE")


add_to(project)
