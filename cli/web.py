"""`web`: the node's page, in a browser of this machine."""

import importlib
import os
import sys
from typing import Any

import click

from protocols.errors import Refusal

from .command import Command, with_session
from .output import note, say, table
from .session import Session
from .starting import run_here
from .times import format_time, now_ms, until


@click.command(
    cls=Command, example="p2pnode web\np2pnode web --no-open\np2pnode web --list\np2pnode web --revoke 3f9a01c2"
)
@click.option("--no-open", is_flag=True, help="Print the link only; open no browser.")
@click.option("--list", "listed", is_flag=True, help="The browsers that are logged in, and since when.")
@click.option("--revoke", multiple=True, metavar="ID", help="Log a browser out, as --list names it; or all of them.")
@with_session
def web(session: Session, no_open: bool, listed: bool, revoke: tuple[str, ...]) -> None:
    """Open the node's page in a browser.

    Prints a link that logs one browser in, once, within some minutes; and opens it where there is a display. The page
    is for this machine and this user alone. Where there is no node yet, the page makes one, which then runs here; on a
    terminal a node that does not run is started here, too.
    A browser stays logged in for a week, or until the node stops: --list names them, --revoke logs one out.
    """
    if listed and revoke:
        raise Refusal("usage", "--list and --revoke are two commands", "Give one of them")
    if revoke:
        return _revoke(session, revoke)
    if listed:
        rows: list[dict[str, Any]] = session.call("web.sessions")
        return session.emit(rows, lambda: _print_sessions(session, rows))
    home = session.folder()
    if not home.initialised and home.blocked_by() is None and not (session.no_input or session.dry_run):
        _set_up(session, no_open)
    try:
        data: dict[str, Any] = session.call("web.login")
    except Refusal as e:
        quiet = session.no_input or session.json or session.dry_run or session.plain
        if e.code != "no_daemon" or quiet or home.in_use() or not (home.initialised and sys.stdout.isatty()):
            raise
        note("The node was not running. It runs here now, until Ctrl-C.")
        run_here(session, lambda: _show(session, session.client().call("web.login"), no_open))
    _show(session, data, no_open)


def _revoke(session: Session, named: tuple[str, ...]) -> None:
    """`Refusal` (not_found) for what names none, or more than one."""
    rows = session.call("web.sessions")
    ids: list[str] = []
    for name in named:
        found = [row["id"] for row in rows if name == "all" or row["id"].startswith(name)]
        if not found and name == "all":
            return session.emit({"revoked": []}, lambda: say("No browser is logged in."))
        if not name or not found or (name != "all" and len(found) > 1):
            many = "More than one browser is" if len(found) > 1 else "No browser is"
            raise Refusal("not_found", f"{many} logged in as {name!r}", "p2pnode web --list")
        ids += found
    data = session.write("web.revoke", ids=tuple(dict.fromkeys(ids)))
    session.emit(data, lambda: say(f"Logged out: {', '.join(data['revoked']) or 'none; they were so already'}."))


def _print_sessions(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return say("No browser is logged in. A link that logs one in: p2pnode web")
    shown = [
        (row["id"], *(format_time(row[key], now_ms()) for key in ("since", "seen")), row["browser"]) for row in rows
    ]
    table(["ID", "SINCE", "LAST SEEN", "BROWSER"], shown, session.plain)


def _show(session: Session, data: dict[str, Any], no_open: bool) -> None:
    session.emit(data, lambda: _print(data))
    sys.stdout.flush()
    if not (no_open or session.json or session.no_input) and sys.stdout.isatty() and _has_display():
        import webbrowser

        if not webbrowser.open(data["link"]):
            note("No browser could be opened: follow the link by hand.")


def _set_up(session: Session, no_open: bool) -> None:
    """The same page for a home without a node: it makes one, and this process goes on as the node."""
    serving: Any = importlib.import_module("p2pnode.web.setup")
    if not session.json:
        note(f"There is no node in {session.folder().root} yet. This page makes one; Ctrl-C ends it.")

    def say_link(url: str, link: str, until: int) -> None:
        _show(session, {"url": url, "link": link, "valid_until": until, "sets_up": True}, no_open)

    handed = serving.run_set_up(session.folder(), say_link)
    importlib.import_module("p2pnode.lean")
    daemon: Any = importlib.import_module("p2pnode.daemon")
    note("The node starts, and runs here until Ctrl-C. Next time: p2pnode run")
    raise click.exceptions.Exit(daemon.run(session.folder(), json=session.json, page=handed))


def _print(data: dict[str, Any]) -> None:
    say(data["link"])
    note(
        f"Good once, {until(data['valid_until'], now_ms())}. Give it to nobody: whoever opens it can sign in your name."
    )
    if os.environ.get("SSH_CONNECTION"):
        port = data["url"].rpartition(":")[2]
        note(f"From where you sit: ssh -L {port}:127.0.0.1:{port} to this machine, and then the link in your browser.")


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
