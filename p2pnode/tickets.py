"""Who waits for which `Reply` of the core."""

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from p2pnode.core.events import Event
from protocols.errors import Refusal


class Tickets:
    """put: hands an event to the loop."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Answer] = {}
        self._last = 0

    async def ask(self, put: Callable[[Event], Awaitable[None]], make: Callable[[int], Event]) -> Any:
        """Put the event that is made with a ticket, and wait for the reply to it. `Refusal` if that is one."""
        self._last += 1
        ticket, answer = self._last, _Answer()
        self._waiting[ticket] = answer
        try:
            await put(make(ticket))
            await answer.arrived.wait()
        finally:
            del self._waiting[ticket]
        if isinstance(answer.result, Refusal):
            raise answer.result
        return answer.result

    def reply(self, ticket: int, result: Any) -> None:
        answer = self._waiting.get(ticket)
        if answer is not None:
            answer.result = result
            answer.arrived.set()


class _Answer:
    def __init__(self) -> None:
        self.arrived = trio.Event()
        self.result: Any = None
