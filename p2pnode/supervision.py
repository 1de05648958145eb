"""Tells whoever started the node how it is doing: systemd's protocol (sd_notify(3)), and nothing where nobody asked.

The keep-alive is the loop's own: it is said only after the loop has handled an event. A node whose loop hangs falls
silent, though everything around it may go on, and systemd starts it anew.
"""

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import trio

from p2pnode.core.state import State

from .bounds import STATUS_SAID_EVERY


def in_short(state: State, warning: str | None) -> str:
    """How the node is, in a line: `Elm Street: 5 connected`."""
    names = ", ".join(network.genesis.name for network in state.joined) or "in no network yet"
    return f"{names}: {len(state.connected)} connected{f'; {warning}' if warning else ''}"


class Supervisor:
    """environ: of the process. NOTIFY_SOCKET names a socket in the file system, or with `@` in front an abstract one;
    WATCHDOG_USEC says how long, in microseconds, silence is borne, WATCHDOG_PID of which process."""

    def __init__(self, environ: Mapping[str, str] = os.environ, pid: int | None = None) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address[:1] not in ("/", "@"):
            self._address = ""
        usec, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        ours = meant in ("", str(os.getpid() if pid is None else pid))
        self.watchdog = int(usec) / 1_000_000 if usec.isdecimal() and ours and int(usec) > 0 else None  # seconds

    def say(self, *lines: str) -> None:
        """Each `NAME=value`. Whoever does not listen, or is slow, misses it."""
        if not self._address:
            return
        name = os.fsencode(self._address)
        address = b"\0" + name[1:] if name[:1] == b"@" else name
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            out.sendto("\n".join(line.replace("\n", " ") for line in lines).encode("utf-8", "replace"), address)

    async def watch(self, turn: Callable[[], Awaitable[None]], status: Callable[[], str]) -> None:
        """Until cancelled: after each `turn` of the loop say that it lives, and how the node is."""
        if not self._address:
            return
        pause = STATUS_SAID_EVERY / 1000 if self.watchdog is None else min(self.watchdog / 3, STATUS_SAID_EVERY / 1000)
        while True:
            await turn()
            alive = () if self.watchdog is None else ("WATCHDOG=1",)
            self.say(*alive, f"STATUS={status()}")
            await trio.sleep(pause)
