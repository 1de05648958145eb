"""What was written between neighbours, for a view that shows it and can mark it as read."""

from collections.abc import Awaitable, Callable
from typing import Any

MOST = 1_000  # messages, as many as are listed at once


async def written(ask: Callable[..., Awaitable[Any]], most: int, **whose: Any) -> list[dict[str, Any]]:
    """The newest `most`, and whatever else is new: what is never shown could not be marked as read, and would be
    counted for ever. ask: as `Visit.ask`, but may answer None."""
    rows: list[dict[str, Any]] = await ask("message.list", limit=most, **whose) or []
    if len(rows) < most:
        return rows
    shown = {row["id"] for row in rows}
    new = await ask("message.list", limit=MOST, new=True, **whose) or []
    return sorted([*rows, *(row for row in new if row["id"] not in shown)], key=lambda row: (row["at"], row["id"]))
