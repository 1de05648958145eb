"""The marker: where our chains stood, noted outside the home folder, so that an older folder put back is noticed.

A folder that is restored whole takes its head records with it, and nothing in it can tell. The marker lies with the
user's state (`$XDG_STATE_HOME/p2pnode/<author>.json`) and says no more than how many entries there are and which is
the last. Before a commit of entries it also names what they will be then, after it only that: so after a crash at any
moment one of the two is in the folder, and neither is in an older folder. Where it does not agree the node asks its
neighbours before it signs (p2pnode/core/recovery.py): also on another machine. It is not synced: a power cut can
only make it older, and then the node asks once too often.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ledger.head import NO_ENTRY, Head

from .store import AnyStore


class Marker:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._heads: dict[str, list[object]] = {}  # network → [count, last], or these two and the ones to come
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads(path.read_bytes())
            if isinstance(found, dict):
                self._heads = {k: v for k, v in found.items() if isinstance(v, list)}

    def agrees(self, head: Head) -> bool:
        noted = self._heads.get(head.network.hex(), [])
        return [head.count, head.last.hex()] in (noted[:2], noted[2:])

    def all_noted(self) -> list[Head]:
        """`noted` of every network that is named here."""
        found = []
        for name in self._heads:
            with suppress(ValueError):
                found.append(self.noted(bytes.fromhex(name)))
        return [head for head in found if head is not None]

    def noted(self, network: bytes) -> Head | None:
        """How far a chain had come for certain when this was last written; None where nothing is noted."""
        match self._heads.get(network.hex(), []):
            case [int(count), str(last), *_] if 0 < count < 2**63:
                with suppress(ValueError):
                    found = Head(network, count, bytes.fromhex(last))
                    return found if len(found.last) == len(NO_ENTRY) else None
        return None

    def note(self, heads: Iterable[Head], *, to_come: bool = False) -> None:
        """So they stand, or will once a commit is through. What cannot be noted is asked for at the next start; so an
        error is no reason to stop.
        """
        for head in heads:
            key, stands = head.network.hex(), [head.count, head.last.hex()]
            self._heads[key] = [*self._heads.get(key, [0, ""])[:2], *stands] if to_come else stands
        scratch = self.path.with_name(f".{self.path.name}.tmp")
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            scratch.write_text(json.dumps(self._heads))
            os.replace(scratch, self.path)


def marker_of(author: bytes) -> Marker:
    import platformdirs

    return Marker(Path(platformdirs.user_state_dir("p2pnode", appauthor=False)) / f"{author.hex()[:32]}.json")


class Marked:
    """A store that keeps the marker in step."""

    def __init__(self, store: AnyStore, marker: Marker) -> None:
        self.store = store
        self._marker = marker

    def get(self, key: bytes) -> bytes | None:
        return self.store.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self.store.scan(prefix)

    def commit(
        self,
        puts: Mapping[bytes, bytes],
        deletes: Iterable[bytes] = (),
        durable: bool = False,
        heads: Mapping[bytes, Head] | None = None,
    ) -> None:
        if heads:
            self._marker.note(heads.values(), to_come=True)
        self.store.commit(puts, deletes, durable, heads)
        if heads:
            self._marker.note(heads.values())

    def purge(self, rows: Mapping[bytes, bytes | None]) -> None:
        self.store.purge(rows)

    def heads(self) -> Mapping[bytes, Head]:
        return self.store.heads()

    def reopen(self) -> None:
        self.store.reopen()

    def close(self) -> None:
        self.store.close()
