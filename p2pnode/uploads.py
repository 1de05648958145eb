"""Room for forms with photos that are under way: so many bytes in all, so that nobody who may send them fills the
memory; in the order in which they came, and of each address one at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import trio

from p2pnode.bounds import MAX_BODY, MAX_UPLOADS, UPLOAD_LINE


class Uploads:
    def __init__(self) -> None:
        self.under_way = 0  # bytes
        self._of_one: WeakValueDictionary[str, trio.StrictFIFOLock] = WeakValueDictionary()
        self._line = trio.StrictFIFOLock()
        self._freed = trio.Event()

    @asynccontextmanager
    async def room(self, address: str, size: int) -> AsyncIterator[bool]:
        """Room for a body of so many bytes for as long as this lasts, waited for if need be; False where none came.
        What is no longer than any request may be needs none."""
        if size <= MAX_BODY:
            yield True
            return
        mine = self._of_one.setdefault(address, trio.StrictFIFOLock())
        with trio.move_on_after(UPLOAD_LINE) as waiting:
            await mine.acquire()
        if waiting.cancelled_caught:
            yield False
            return
        try:
            with trio.move_on_at(waiting.deadline) as waiting:
                await self._come_up(size)
            if waiting.cancelled_caught:
                yield False
                return
            try:
                yield True
            finally:
                self.under_way -= size
                self._freed.set()
        finally:
            mine.release()

    async def _come_up(self, size: int) -> None:
        async with self._line:
            while self.under_way + size > MAX_UPLOADS:
                self._freed = trio.Event()
                await self._freed.wait()
            self.under_way += size
