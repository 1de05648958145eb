"""What was agreed while the clock was in doubt goes into the ledger when it is not; once after each start."""

from .exchanges import Exchanges
from .state import State


class HeldBack:
    def __init__(self, state: State, exchanges: Exchanges) -> None:
        self._state = state
        self._exchanges = exchanges
        self._waits = True

    def woke(self, now: int) -> None:
        if self._state.time.objection():
            self._waits = True
        elif self._waits:
            self._waits = False
            for network in self._state.joined:
                if network.chain.ready:
                    self._exchanges.catch_up(network.id, now)
