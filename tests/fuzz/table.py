"""What a target is, and what may come of it: nothing, or a refusal of ours. Never another exception, and no stall."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from protocols.errors import Ignore, Refusal, Reject

from .mutate import Signers

STALL = 0.25  # seconds of the processor's time for one input: what the event loop may be away for
FACTOR = 4.0  # how much slower than the machine that STALL was set on others may be, in tests that must not flake


class Stalled(AssertionError):
    """One input took too long."""


@dataclass(frozen=True)
class Target:
    """One handler of bytes that come from elsewhere.

    run: takes any bytes. seeds: sound inputs, made when asked for; signers: whose signatures can be made anew when an
    input was changed. limit: seconds that one input may take; more than `STALL` only where nothing waits for it.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    signers: Callable[[], Signers] = field(default=dict)
    limit: float = STALL


def attempt(target: Target, data: bytes, factor: float = 1.0) -> bool:
    """One input: whether it was taken. Whatever is raised but a refusal of ours is a bug, `Stalled` among it."""
    began = time.thread_time()
    try:
        target.run(data)
        taken = True
    except (Reject, Ignore, Refusal):
        taken = False
    took = time.thread_time() - began
    if took > target.limit * factor:
        raise Stalled(f"{target.name}: {took:.2f} s for {len(data)} bytes")
    return taken
