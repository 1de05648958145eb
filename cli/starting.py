"""The node in this very process, for a command that somebody gave while no node runs."""

import importlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import click

from protocols.errors import Refusal

from .session import Session

PAUSE = 0.2  # seconds between looks whether it answers


def run_here(session: Session, when_ready: Callable[[], None]) -> NoReturn:
    """Run the node until it is told to stop, and end with its status. when_ready: in a thread, once it answers."""
    threading.Thread(target=_once_ready, args=(session, when_ready), daemon=True).start()
    importlib.import_module("p2pnode.lean")  # first: it makes the next light
    daemon: Any = importlib.import_module("p2pnode.daemon")
    raise click.exceptions.Exit(daemon.run(session.folder()))


def _once_ready(session: Session, when_ready: Callable[[], None]) -> None:
    while True:
        with suppress(Refusal):
            session.client().call("status")
            return when_ready()
        time.sleep(PAUSE)
