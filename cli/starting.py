"""The node in this very process, for a command that somebody gave while no node runs."""

import importlib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from protocols.errors import Refusal

from .session import Session

PAUSE = 0.2  # seconds between looks whether it answers
LAST = 2.0  # seconds that the other thread has to end, when the node has


def run_here(session: Session, when_ready: Callable[[], None], listen: Sequence[str] = ()) -> NoReturn:
    """Run the node until it is told to stop, and end with its status. when_ready: in a thread, once it answers.
    listen: other addresses than those of its settings."""
    over = threading.Event()
    waiting = threading.Thread(target=_once_ready, args=(session, when_ready, over), daemon=True)
    waiting.start()
    importlib.import_module("p2pnode.lean")  # first: it makes the next light
    daemon: Any = importlib.import_module("p2pnode.daemon")
    try:
        status: int = daemon.run(session.folder(), listen=list(listen))
    finally:
        over.set()
        waiting.join(LAST)
    raise click.exceptions.Exit(status)


def _once_ready(session: Session, when_ready: Callable[[], None], over: threading.Event) -> None:
    while not over.wait(PAUSE):
        with suppress(Refusal):
            session.client().call("status")
            return when_ready()
