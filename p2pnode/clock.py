"""The only clock of the node: wall time in milliseconds, and whether it has been set."""

import time

JUMP = 10_000  # a wall clock that parts from the steady one by more than this has been set


def now() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class JumpDetector:
    """Tells when somebody set the clock, or the machine slept: timers made before mean nothing then."""

    def __init__(self) -> None:
        self._offset = self._difference()

    def pending(self) -> bool:
        """Whether that has happened since `jumped` last said so."""
        return abs(self._difference() - self._offset) > JUMP

    def jumped(self) -> bool:
        if not self.pending():
            return False
        self._offset = self._difference()
        return True

    @staticmethod
    def _difference() -> int:
        return now() - time.monotonic_ns() // 1_000_000
