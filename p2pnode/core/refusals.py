"""Steps of ours that another node does not count: it says so once, and our user is told which, and why."""

from collections.abc import Iterable
from typing import Any

from protocols.codec import decode, encode
from protocols.exchange_messages import Refuse
from protocols.limits import MAX_SHORT_TEXT

from .effects import Emit
from .held import Held
from .keys import REFUSED
from .state import State


def note(state: State, every: Iterable[Held], refusal: Refuse) -> None:
    """Keep the newest one of an exchange. What was not said in any of these is nobody's to hear of."""
    held = next((h for h in every if refusal.id in h.facts), None)
    if held is not None:
        kind, why = held.facts[refusal.id].kind, "".join(c for c in refusal.text if c.isprintable())[:MAX_SHORT_TEXT]
        state.journal.put(REFUSED + held.id, encode([kind, why]))
        state.journal.out(Emit("exchange", {"exchange_id": held.id.hex(), "refused": kind, "why": why}))


def told(state: State, held: Held) -> dict[str, Any] | None:
    """As JSON, or None if all was taken."""
    value = state.journal.get(REFUSED + held.id)
    return None if value is None else dict(zip(("step", "why"), decode(value), strict=True))
