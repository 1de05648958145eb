"""The daemon's answers to `health` and `doctor`: what its core knows, and what it can see of its own folder."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import trio

from p2pnode import clock, commands
from p2pnode.home.folder import Home
from protocols.errors import Refusal

from .checks import diagnose
from .looking import installed_version, look_at_folder, look_at_machine, resident
from .seen import Finding, Node, Seen, why_silent

AskCore = Callable[[commands.Health], Awaitable[dict[str, Any]]]
PROGRAM = installed_version()  # of this process: what is installed may be renewed while it runs


async def answer(args: commands.Health | commands.Doctor, home: Home, ask: AskCore) -> Any:
    """`Refusal` (usage) for a check that there is none of; `health` is refused while the disk cannot be written."""
    if isinstance(args, commands.Health):
        return {"program": PROGRAM, "resident": resident(), **await ask(args)}
    node, why = None, ("", "")
    try:
        node = msgspec.convert(await answer(commands.Health(), home, ask), Node)
    except Refusal as e:
        why = why_silent(e)
    return msgspec.to_builtins(await trio.to_thread.run_sync(_examine, home, node, why, args.check))


def _examine(home: Home, node: Node | None, why: tuple[str, str], check: str | None) -> list[Finding]:
    folder, machine = look_at_folder(home, database=False), look_at_machine(installed_version())
    return diagnose(Seen(folder, machine, node, *why, clock.now()), check)
