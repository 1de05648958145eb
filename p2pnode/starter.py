"""Between the node and who started it: how this program is called, and why the node cannot go on, in plain words."""

import shutil
import sys
from pathlib import Path

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


def command() -> str:
    """How this program is called: by its name where that is found, else by its path."""
    name = Path(sys.argv[0])
    if shutil.which("p2pnode") or name.name != "p2pnode":
        return "p2pnode"
    return str(name.relative_to(Path.cwd()) if name.is_relative_to(Path.cwd()) else name)
