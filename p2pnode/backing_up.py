"""A backup while the node runs: from a snapshot of the store, written in a thread."""

import os
from pathlib import Path
from typing import Any

import trio

from p2pnode.home.backup import write_backup
from p2pnode.home.folder import Home
from protocols.errors import Refusal

from . import clock, commands
from .marker import Marked
from .store import AnyStore, Store, StoreError


async def back_up(args: commands.Backup, home: Home, kept: AnyStore) -> dict[str, Any]:
    """What was written. `Refusal` for a path that is not absolute, or a store that cannot be read."""
    if not os.path.isabs(args.file):
        raise Refusal("usage", "the path of a backup must be absolute", "It begins with a slash.")
    store = kept.store if isinstance(kept, Marked) else kept
    if not isinstance(store, Store):
        raise Refusal("failed", "this node has no folder to back up")
    try:
        taken = store.snapshot()
        target, passphrase = Path(args.file), args.passphrase.encode()
        return await trio.to_thread.run_sync(write_backup, target, passphrase, home, taken, clock.now())
    except StoreError as e:
        raise Refusal("failed", f"the store cannot be read: {e.message}", e.hint) from e
