"""`web`: the node's page, in a browser of this machine, or on paired devices of the local network."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from protocols.errors import Refusal

from .command import Command, with_session
from .output import note, say, table
from .session import Session
from .starting import run_here
from .times import format_time, now_ms, until


@click.command(
    cls=Command,
    example="p2pnode web\np2pnode web --no-open\np2pnode web --lan\np2pnode web --list\np2pnode web --revoke 3f9a01c2",
)
@click.option("--no-open", is_flag=True, help="Print the link only; open no browser.")
@click.option(
    "--lan", "--qr", "lan", is_flag=True, help="Pair a device of the local network, such as a phone, with the page."
)
@click.option("--off", is_flag=True, help="With --lan: close the page to the local network. The pairings stay.")
@click.option("--list", "listed", is_flag=True, help="Who may use the page: browsers here, and paired devices.")
@click.option("--revoke", multiple=True, metavar="ID", help="Log one of them out, as --list names it; or all of them.")
@click.option("--set-up", is_flag=True, help="Serve the page that makes a node, even with --json.")
@click.option("--listen", multiple=True, metavar="MULTIADDR", help="Where a node that this starts is to listen.")
@with_session
def web(
    session: Session,
    no_open: bool,
    lan: bool,
    off: bool,
    listed: bool,
    revoke: tuple[str, ...],
    set_up: bool,
    listen: tuple[str, ...],
) -> None:
    """Open the node's page in a browser.

    Prints a link that logs one browser in, once, within some minutes; and opens it where there is a display. The page
    is for this machine and this user alone. Where there is no node yet, the page makes one, which then runs here; on a
    terminal a node that does not run is started here, too.
    A browser stays logged in for a week, or until the node stops: --list names them, --revoke logs one out.

    --lan opens the page to the local network until the node stops, for devices that you pair: it prints a link and a
    QR code for one of them, good once. A pairing lasts 90 days. To have it open after each start, too:
    p2pnode config set web_lan yes
    """
    if sum((listed, bool(revoke), lan)) > 1:
        raise Refusal("usage", "--list, --revoke and --lan are three commands", "Give one of them")
    if off and not lan:
        raise Refusal("usage", "--off is said of --lan", "p2pnode web --lan --off")
    if revoke:
        return _revoke(session, revoke)
    if listed:
        rows: list[dict[str, Any]] = session.call("web.sessions")
        return session.emit(rows, lambda: _print_sessions(session, rows))
    if lan:
        return _close_lan(session) if off else _open_lan(session)
    home = session.folder()
    if not home.initialised and home.blocked_by() is None and not (session.no_input or session.dry_run):
        if session.json and not set_up:
            hint = "p2pnode init --name NAME makes one; with --set-up a page does, and this goes on as the node"
            raise Refusal("no_daemon", f"There is no node in {home.root}", hint)
        _set_up(session, no_open, listen)
    try:
        data: dict[str, Any] = session.write("web.login")
    except Refusal as e:
        quiet = session.no_input or session.json or session.dry_run or session.plain
        if e.code != "no_daemon" or quiet or home.in_use() or not (home.initialised and sys.stdout.isatty()):
            raise
        note("The node was not running. It runs here now, until Ctrl-C.")
        run_here(session, lambda: _show(session, session.client().call("web.login"), no_open), listen)
    if listen:
        note("The node was running already, and listens where it did: --listen is for a node that this starts.")
    _show(session, data, no_open)


def _open_lan(session: Session) -> None:
    data: dict[str, Any] = session.write("web.pair")
    session.emit(data, lambda: _print_pairing(session, data))


def _print_pairing(session: Session, data: dict[str, Any]) -> None:
    say(data["link"])
    if not session.plain:
        from p2pnode.qr import lines

        for line in lines(data["link"]):
            say(line)
    note(f"Scan it with the device, or type the link there. Good once, {until(data['valid_until'], now_ms())}.")
    note("Its browser will warn, since nobody else vouches for this node's certificate. Go on only if the fingerprint")
    note("(SHA-256) of the certificate, which the browser shows from the warning, is this one:")
    pairs = data["fingerprint"].split(":")
    for n in range(0, len(pairs), 8):
        note("    " + ":".join(pairs[n : n + 8]))
    for url in data["urls"][1:]:
        note(f"This machine can be reached at {url}, too.")
    note("Open until the node stops; after each start, too: p2pnode config set web_lan yes. Close it: web --lan --off")


def _close_lan(session: Session) -> None:
    """Close it, and keep it closed at the next start."""
    from p2pnode.home.config import load_config
    from p2pnode.home.settings import with_values, write_change

    home = session.folder()
    home.require()
    kept = load_config(home)[0].web_lan and not session.dry_run
    if kept:
        write_change(home, with_values(home, {"web_lan": None}))
    try:
        data = session.write("web.lan", open=False)
    except Refusal as e:
        if not kept or e.code != "no_daemon":
            raise
        data = {"open": False, "urls": [], "fingerprint": "", "devices": 0, "problem": ""}  # at its next start
    session.emit(data, lambda: _print_closed(data))


def _print_closed(data: dict[str, Any]) -> None:
    say("The page is closed to the local network.")
    if data["devices"]:
        note("Paired devices can use it again when it is opened. To end their pairings: p2pnode web --revoke all")


def _revoke(session: Session, named: tuple[str, ...]) -> None:
    """`Refusal` (not_found) for what names none, or more than one."""
    rows = session.call("web.sessions")
    ids: list[str] = []
    for name in named:
        found = [row["id"] for row in rows if name == "all" or row["id"].startswith(name)]
        if not found and name == "all":
            return session.emit({"revoked": []}, lambda: say("No browser is logged in, and no device paired."))
        if not name or not found or (name != "all" and len(found) > 1):
            many = "More than one browser or device is" if len(found) > 1 else "No browser or device is"
            raise Refusal("not_found", f"{many} called {name!r}", "p2pnode web --list")
        ids += found
    data = session.write("web.revoke", ids=tuple(dict.fromkeys(ids)))
    session.emit(data, lambda: say(f"Logged out: {', '.join(data['revoked']) or 'none; they were so already'}."))


def _print_sessions(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return say("No browser is logged in, and no device paired: p2pnode web, p2pnode web --lan")
    shown = [
        (
            row["id"],
            *(format_time(row[key], now_ms()) for key in ("since", "seen")),
            row["address"] or "this machine",
            row["name"] or row["browser"],
        )
        for row in rows
    ]
    table(["ID", "SINCE", "LAST SEEN", "FROM", "WHO"], shown, session.plain)


def _show(session: Session, data: dict[str, Any], no_open: bool) -> None:
    session.emit(data, lambda: _print(data))
    sys.stdout.flush()
    if not (no_open or session.json or session.no_input) and sys.stdout.isatty() and _has_display():
        import webbrowser

        if not webbrowser.open(data["link"]):
            note("No browser could be opened: follow the link by hand.")


def _set_up(session: Session, no_open: bool, listen: Sequence[str]) -> None:
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
    raise click.exceptions.Exit(daemon.run(session.folder(), listen=list(listen), json=session.json, page=handed))


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
