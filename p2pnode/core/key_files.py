"""The rotations that a file shows, for whoever checks it with nothing else at hand."""

from collections.abc import Iterable
from typing import Protocol

from protocols.errors import Refusal, Reject
from protocols.rotation import KIND, rotation_name
from protocols.shown_keys import encode_with_keys

from .keys import RECORD
from .state import Network, State


class Signed(Protocol):
    @property
    def author(self) -> bytes: ...
    @property
    def epoch(self) -> int: ...


def with_keys(state: State, network: Network, file: bytes, signed: Iterable[Signed]) -> bytes:
    """The file, with the rotations of all who signed in it with a later key than their first. `Refusal` if one is not
    held here, or there are too many to be shown."""
    newest = dict[bytes, int]()
    for one in signed:
        newest[one.author] = max(one.epoch, newest.get(one.author, 0))
    wires = []
    for author, epoch in newest.items():
        for n in range(1, epoch + 1):
            row = network.catalog.get((author, KIND, rotation_name(n)))
            wire = state.journal.get(RECORD + network.id + row.id) if row is not None else None
            if wire is None:
                name = state.directory.name(author)
                raise Refusal("failed", f"a key that {name} signed with is not held here", "Ask the other side for it.")
            wires.append(wire)
    try:
        return encode_with_keys(file, wires)
    except Reject as e:
        raise Refusal("failed", e.message, "Nobody could check it.") from e
