"""Asking the DHT for peers that somebody waits for and of which no address is known."""

from collections.abc import Callable

from p2pnode.bounds import SEEK_EVERY

from .effects import Find
from .state import State


class Seeking:
    """free: whether a peer may be dialled. Times in ms."""

    def __init__(self, state: State, free: Callable[[str], bool]) -> None:
        self._state = state
        self._free = free
        self._again: dict[str, int] = {}

    def seek(self, peer: str, now: int) -> int:
        """Ask for one, if it is time to; when to do so again."""
        self._again = {p: at for p, at in self._again.items() if p in self._state.wanted}
        at = self._again.get(peer, 0)
        if at <= now or at > now + 2 * SEEK_EVERY:
            pause = SEEK_EVERY * 4 // 5
            at = self._again[peer] = now + pause + self._state.rng.randrange(1 + pause // 4)
            if self._state.connected and self._free(peer):
                self._state.journal.out(Find(peer))
        return at
