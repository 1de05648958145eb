"""The control socket: a private Unix socket, its callers checked by who runs them (SO_PEERCRED, unix(7))."""

import os
import socket
import struct
from pathlib import Path
from typing import Any

import anyio
from structlog.typing import FilteringBoundLogger

from p2pnode import walls
from p2pnode.api import NodePort, build_app
from p2pnode.home.folder import Home
from p2pnode.serving import serve_door
from protocols.errors import Refusal

BACKLOG = 32


async def serve_control(
    port: NodePort,
    home: Home,
    log: FilteringBoundLogger,
    *,
    task_status: Any = anyio.TASK_STATUS_IGNORED,  # of Path; trio's and anyio's types do not know each other
) -> None:
    """Serve the control API until cancelled. Reports the socket's path once it listens.

    Call with the home locked: a socket file that is there already is then a dead node's, and is replaced.
    `Refusal` if the socket cannot be made.
    """
    path = home.choose_socket()
    listening = bind_private(path)
    try:
        task_status.started(path)
        await serve_door(walls.CONTROL, build_app(port, log), listening, _who, log)
    finally:
        listening.close()
        path.unlink(missing_ok=True)


async def _who(connection: socket.socket) -> str:
    uid = peer_uid(connection)
    return "" if uid in (os.getuid(), 0) else f"the control socket is not for user {uid}"


def bind_private(path: Path) -> socket.socket:
    """A listening Unix socket that only this user can connect to (mode 0600 from its first moment)."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
        listening.listen(BACKLOG)
    except OSError as e:
        listening.close()
        raise Refusal(
            "failed", f"Cannot make the control socket {path}: {e.strerror}", "Check the folder and the disk's space"
        ) from e
    finally:
        os.umask(before)
    listening.setblocking(False)
    return listening


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process at the other end of a Unix socket."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid
