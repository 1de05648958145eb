"""`up down`: the node in the background of this machine, without a service."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import click

import cli
from p2pnode.home.folder import Home
from protocols.errors import Refusal

from .command import Command, with_session
from .output import note, say
from .session import Session

READY_WITHIN = 60.0  # seconds; a Pi opens a large store, or mends its index
GONE_WITHIN = 15.0  # seconds; a node stops within 3
PAUSE = 0.1
MAX_SAID = 1024 * 1024  # bytes of what the node printed that are looked through


@click.command(cls=Command, example="p2pnode up\np2pnode up --passphrase-file ~/.node-passphrase")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Opens a sealed keystore.")
@with_session
def up(session: Session, passphrase_file: Path | None) -> None:
    """Start the node in the background, and come back when it is ready.

    It goes on when this terminal is closed, until `p2pnode down` or until the machine stops. To have it start with the
    machine, too: p2pnode service install. Where that is installed for this node, up starts the service.
    """
    home = session.folder()
    home.require()
    if home.in_use():
        data = {"event": "ready", "started": False, "pid": home.holder(), **_running(session)}
        return session.emit(data, lambda: _print_up(data))
    if session.dry_run:
        data = {"dry_run": True, "command": "up", "args": {}}
        return session.emit(data, lambda: note(f"Would start the node of {home.root}. Nothing was done."))
    within = READY_WITHIN if session.wait is None else session.wait
    with session.working("Starting the node"):
        ready = _service(session, home, within) or _process(home, passphrase_file, within)
    data = {"event": "ready", "started": True, "pid": home.holder(), **ready}
    session.emit(data, lambda: _print_up(data))


@click.command(cls=Command, example="p2pnode down")
@with_session
def down(session: Session) -> None:
    """Stop the node. What it has said that is still on its way goes out at its next start.

    Where it is a service, it stays stopped until the machine starts again, or `p2pnode up`.
    """
    home = session.folder()
    home.require()
    pid = home.holder()
    if pid is None:
        data: dict[str, Any] = {"stopped": False, "pid": None}
        return session.emit(data, lambda: say(f"No node runs in {home.root}."))
    if session.dry_run:
        data = {"dry_run": True, "command": "down", "args": {"pid": pid}}
        return session.emit(data, lambda: note(f"Would stop the node, process {pid}. Nothing was done."))
    _running(session)  # what holds the folder is a node, and no rotation or backup under way
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError as e:
        hint = "If it is a service of the machine: sudo systemctl stop p2pnode"
        raise Refusal("refused", f"The node, process {pid}, is another user's", hint) from e
    within = GONE_WITHIN if session.wait is None else session.wait
    with session.working("Stopping the node"):
        end = time.monotonic() + within
        while home.holder() == pid:
            if time.monotonic() >= end:
                why = f"The node, process {pid}, has not stopped within {within:g} s"
                raise Refusal("unreachable", why, "It has been asked to, and may be writing. See p2pnode logs")
            time.sleep(PAUSE)
    data = {"stopped": True, "pid": pid}
    session.emit(data, lambda: say("The node is stopped. To start it again: p2pnode up"))


def _running(session: Session) -> dict[str, Any]:
    """The node that runs, as it says it at its start. `Refusal` (conflict) if what is there is no node that answers."""
    try:
        shown = session.call("status")
    except Refusal as e:
        home = session.folder()
        if e.code != "no_daemon" or (pid := home.holder()) is None:
            raise
        why = f"Process {pid} has {home.root}, and does not answer as a node: it starts, stops, or is a command"
        raise Refusal("conflict", why, "Wait a little, and try again. See p2pnode doctor") from e
    return {name: shown.get(name) for name in ("peer_id", "addresses", "network")}


def _service(session: Session, home: Home, within: float) -> dict[str, Any] | None:
    """Start the user's service, if one is installed for this very folder."""
    from .service import start_for

    if not start_for(home):
        return None
    end = time.monotonic() + within
    while True:
        try:
            return _running(session)
        except Refusal:
            if time.monotonic() >= end:
                raise Refusal("unreachable", "The service does not answer", "p2pnode service status") from None
        time.sleep(PAUSE)


def _process(home: Home, passphrase_file: Path | None, within: float) -> dict[str, Any]:
    """A process of its own, in a session of its own, that holds no folder of whoever started it."""
    command = [sys.executable, "-m", "cli.main", "--json", "--home", str(home.root), "run"]
    if passphrase_file is not None:
        command += ["--passphrase-file", os.path.abspath(passphrase_file.expanduser())]
    places = [str(Path(cli.__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    with tempfile.TemporaryFile() as said:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.DEVNULL,
            cwd=home.root,
            env=environment,
            start_new_session=True,
        )
        end = time.monotonic() + within
        while time.monotonic() < end:
            over = started.poll() is not None  # before what it said is read: then all of that is read
            for line in _lines(said):
                if "error" in line:
                    problem = line["error"]
                    raise Refusal(problem["code"], problem["message"], problem["hint"])
                if line.get("data", {}).get("event") == "ready":
                    return {name: line["data"].get(name) for name in ("peer_id", "addresses", "network")}
            if over:
                why = f"The node ended as it started, with status {started.returncode}"
                raise Refusal("failed", why, "See p2pnode logs, or start it where you see it: p2pnode run")
            time.sleep(PAUSE)
    why = f"The node, process {started.pid}, is not ready after {within:g} s"
    raise Refusal("unreachable", why, "It goes on starting. See p2pnode status and p2pnode logs")


def _lines(said: IO[bytes]) -> list[dict[str, Any]]:
    """What the node has printed by now: whole lines of JSON."""
    text = os.pread(said.fileno(), MAX_SAID, 0)
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]


def _print_up(data: dict[str, Any]) -> None:
    say("The node is ready." if data["started"] else "The node runs already.")
    for address in data["addresses"] or ():
        say(f"  {address}")
    note(f"It runs in the background (process {data['pid']}). To stop it: p2pnode down")
