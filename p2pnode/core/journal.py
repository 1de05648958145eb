"""The journal rule, in one place: the writes of a step are committed before anything of that step leaves.

A step is what one event causes. Handlers `put`, `delete` and `out`; `take` hands over one `Write` followed by the other
effects. Reads see what was put, whether it is committed yet or not, so that several steps may share a commit.
"""

from collections.abc import Iterator
from typing import Protocol

from ledger.head import Head

from .effects import Effect, Write


class Reader(Protocol):
    """What the core may read of the store: microseconds each, never waits."""

    def get(self, key: bytes) -> bytes | None: ...
    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]: ...


class Journal:
    """The batch of the step under way, over what is stored."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._uncommitted: dict[bytes, bytes | None] = {}
        self._batch: dict[bytes, bytes | None] = {}
        self._heads: dict[bytes, Head] = {}
        self._out: list[Effect] = []
        self._durable = False
        self._purge: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        if key in self._batch:
            return self._batch[key]
        if key in self._uncommitted:
            return self._uncommitted[key]
        return self._reader.get(key)

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """All pairs below a prefix, in order of their keys."""
        found: dict[bytes, bytes | None] = dict(self._reader.scan(prefix))
        for layer in (self._uncommitted, self._batch):
            found.update({k: v for k, v in layer.items() if k.startswith(prefix)})
        return sorted((k, v) for k, v in found.items() if v is not None)

    def put(self, key: bytes, value: bytes, *, durable: bool = True) -> None:
        """durable: synced before the step leaves. Foreign records need not be: they can be fetched again."""
        self._batch[key] = value
        self._durable = self._durable or durable

    def delete(self, key: bytes, *, durable: bool = False) -> None:
        self._batch[key] = None
        self._durable = self._durable or durable

    def purge(self, key: bytes) -> None:
        """Put a key's value again, and see that no older one is left in the store's files."""
        value = self.get(key)
        if value is not None:
            self.put(key, value)
            self._purge.add(key)

    def erase(self, key: bytes) -> None:
        """Delete a key, durably, and see that none of its values is left in the store's files."""
        self.delete(key, durable=True)
        self._purge.add(key)

    def head(self, network: bytes, head: Head) -> None:
        """The newest head of our chain in a network, written beside the batch that holds its entry."""
        self._heads[network] = head
        self._durable = True

    def out(self, effect: Effect) -> None:
        self._out.append(effect)

    def take(self) -> list[Effect]:
        """The effects of the step: its one write first."""
        effects: list[Effect] = []
        if self._batch:
            self._uncommitted.update(self._batch)
            effects.append(
                Write(
                    {k: v for k, v in self._batch.items() if v is not None},
                    frozenset(k for k, v in self._batch.items() if v is None),
                    self._durable,
                    dict(self._heads),
                    frozenset(self._purge),
                )
            )
        effects += self._out
        self._clear()
        return effects

    def drop(self) -> None:
        """Forget the step under way: a rule refused it."""
        self._clear()

    @property
    def dirty(self) -> bool:
        """Whether the step under way has changed anything."""
        return bool(self._batch)

    def committed(self) -> None:
        """All writes handed over are on disk."""
        self._uncommitted.clear()

    def _clear(self) -> None:
        self._batch, self._heads, self._out, self._durable, self._purge = {}, {}, [], False, set()
