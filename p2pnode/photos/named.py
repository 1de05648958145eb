"""Which photos the listings that are held here name. Pure."""

from collections.abc import Iterable
from typing import NamedTuple


class Slot(NamedTuple):
    """Of a listing."""

    network: bytes
    author: bytes
    name: bytes


class Named:
    def __init__(self) -> None:
        self._photos: dict[Slot, tuple[bytes, tuple[bytes, ...]]] = {}  # id of the record, and what it names
        self._slots: dict[bytes, set[Slot]] = {}  # by photo
        self._of_record: dict[bytes, Slot] = {}

    def __contains__(self, photo: bytes) -> bool:
        return photo in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def photos(self) -> frozenset[bytes]:
        return frozenset(self._slots)

    def slots_of(self, photo: bytes) -> Iterable[Slot]:
        """The listings that name it."""
        return self._slots.get(photo, ())

    def authors_of(self, photo: bytes) -> set[bytes]:
        """Whose listings name it."""
        return {slot.author for slot in self.slots_of(photo)}

    def put(self, slot: Slot, record: bytes, photos: Iterable[bytes]) -> None:
        """What stands in a slot now, by the id of its record; nothing, without photos."""
        self._take(slot)
        named = tuple(photos)
        if named:
            self._photos[slot] = (record, named)
            self._of_record[record] = slot
            for photo in named:
                self._slots.setdefault(photo, set()).add(slot)

    def gone(self, record: bytes) -> None:
        """A record is held no more."""
        slot = self._of_record.get(record)
        if slot is not None:
            self._take(slot)

    def _take(self, slot: Slot) -> None:
        record, photos = self._photos.pop(slot, (b"", ()))
        self._of_record.pop(record, None)
        for photo in photos:
            self._slots[photo].discard(slot)
            if not self._slots[photo]:
                del self._slots[photo]
