"""Checks many signatures at once, on all cores: PyNaCl lets go of the interpreter's lock while it verifies."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from protocols.errors import Reject
from protocols.identity import Claim, verify_in_turn

SHARE = 8  # signatures that are worth handing to another thread


class Verifier:
    """Takes what the core wants verified. The caller's own thread does one share."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._threads, "verify")

    def __call__(self, claims: Sequence[Claim]) -> list[Reject | None]:
        share = max(SHARE, -(-len(claims) // self._threads))
        parts = [claims[i : i + share] for i in range(0, len(claims), share)]
        others = [self._pool.submit(verify_in_turn, part) for part in parts[1:]]
        verdicts = verify_in_turn(parts[0]) if parts else []
        for other in others:
            verdicts += other.result()
        return verdicts

    def close(self) -> None:
        self._pool.shutdown()
