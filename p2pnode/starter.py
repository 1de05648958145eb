"""Between the node and who started it: how this program is called, and why the node cannot go on, in plain words."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from protocols.errors import Refusal

from .store import StoreBusy, StoreError, StoreFailed


def refusal_in(group: BaseExceptionGroup[BaseException]) -> Refusal | None:
    """The reason why the node cannot go on, if some task gave one; the rest was cancelled on its account."""
    for error in group.exceptions:
        found = refusal_in(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, StoreError):
            return store_refusal(found)
        if isinstance(found, Refusal):
            return found
    return None


def store_refusal(e: StoreError) -> Refusal:
    """Why the node cannot start on this store."""
    hint = "Free space or check the disk, then start it again." if isinstance(e, StoreFailed) else e.hint
    return Refusal("conflict" if isinstance(e, StoreBusy) else "failed", e.message, hint)


def say_ready(greeting: Iterable[str], addresses: Sequence[str]) -> None:
    """The line that others wait for on stdout; what is for people beside it."""
    print("ready", *addresses, flush=True)
    for line in greeting:
        print(line, file=sys.stderr, flush=True)


def say_ready_json(peer_id: str, addresses: Sequence[str], network: Any, web: str | None) -> None:
    """The same for programs. web: where a browser finds the API."""
    data = {"event": "ready", "peer_id": peer_id, "addresses": list(addresses), "network": network, "web": web}
    print(json.dumps({"schema": 1, "data": data}), flush=True)


def command() -> str:
    """How this program is called: by its name where that is found, else by its path."""
    name = Path(sys.argv[0])
    if shutil.which("p2pnode") or name.name != "p2pnode":
        return "p2pnode"
    return str(name.relative_to(Path.cwd()) if name.is_relative_to(Path.cwd()) else name)
