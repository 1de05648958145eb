"""The control socket: a private Unix socket, its callers checked, each connection served by anycorn.

anycorn's own `serve` accepts from anybody and lets an error in one connection end all of them; here each accepted
connection is first asked whose it is (SO_PEERCRED, unix(7)) and then kept apart. Written for anycorn 0.18 to 0.20.
"""

import os
import socket
import struct
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import trio
from anycorn.app_wrappers import ASGIWrapper
from anycorn.config import Config
from anycorn.tcp_server import TCPServer
from anycorn.typing import ConnectionState
from anycorn.worker_context import WorkerContext
from structlog.typing import FilteringBoundLogger

from p2pnode.api import NodePort, build_app
from p2pnode.home.folder import Home
from protocols.errors import Refusal

IDLE = 5.0  # seconds without a request until a connection is closed
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
    config = Config()
    config.errorlog = None
    config.accesslog = None
    config.keep_alive_timeout = IDLE
    config.include_server_header = False
    app = ASGIWrapper(build_app(port, log))  # type: ignore[arg-type]  # starlette's ASGI types against anycorn's

    async def connection(stream: anyio.abc.SocketStream) -> None:
        try:
            uid = peer_uid(stream.extra(anyio.abc.SocketAttribute.raw_socket))
            if uid not in (os.getuid(), 0):
                log.warning("control: caller of another user turned away", uid=uid)
                await stream.aclose()
                return
            context = WorkerContext(None)
            await TCPServer(app, config, context, ConnectionState({}), stream).run()
        except Exception:
            log.exception("control: connection failed")
            await anyio.aclose_forcefully(stream)

    try:
        listener = await anyio.abc.SocketListener.from_socket(listening)
        async with listener, trio.open_nursery() as nursery:
            task_status.started(path)
            nursery.start_soon(listener.serve, connection)
    finally:
        listening.close()
        path.unlink(missing_ok=True)


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
