"""`web`: the node's page, in a browser of this machine."""

import importlib
import os
import sys
from typing import Any

import click

from .command import Command, with_session
from .output import note, say
from .session import Session
from .times import now_ms, until


@click.command(cls=Command, example="p2pnode web\np2pnode web --no-open")
@click.option("--no-open", is_flag=True, help="Print the link only; open no browser.")
@with_session
def web(session: Session, no_open: bool) -> None:
    """Open the node's page in a browser.

    Prints a link that logs one browser in, once, within some minutes; and opens it where there is a display. The page
    is for this machine and this user alone. Where there is no node yet, the page makes one, which then runs here.
    """
    home = session.folder()
    if not home.initialised and home.blocked_by() is None and not (session.no_input or session.dry_run):
        _set_up(session, no_open)
    data: dict[str, Any] = session.call("web.login")
    _show(session, data, no_open)


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
