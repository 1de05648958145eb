"""Settlements by network and id: in memory those of exchanges that are there; others are read when asked for."""

from collections.abc import Iterator
from itertools import chain

from ledger.settlement import Deal, decode_deal, encode_deal

from .journal import Journal
from .keys import DEAL, PUT_DEAL


class Deals(dict[tuple[bytes, bytes], Deal]):
    """What iterates over it sees those in memory; `get`, `in` and `[…]` find those that were put away, too."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def __missing__(self, key: tuple[bytes, bytes]) -> Deal:
        value = self._journal.get(PUT_DEAL + key[0] + key[1])
        if value is None:
            raise KeyError(key)
        return decode_deal(value)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (
            isinstance(key, tuple) and self._journal.get(PUT_DEAL + key[0] + key[1]) is not None
        )

    def get(self, key: tuple[bytes, bytes], _: None = None) -> Deal | None:  # type: ignore[override]
        try:
            return self[key]
        except KeyError:
            return None

    def all(self) -> Iterator[Deal]:
        """Those that were put away among them: each is read from the store."""
        stored = (decode_deal(value) for _, value in self._journal.scan(PUT_DEAL))
        return chain(self.values(), (d for d in stored if not super(Deals, self).__contains__((d.network, d.id))))

    def put_away(self, key: tuple[bytes, bytes]) -> None:
        deal = super().pop(key, None)
        if deal is not None:
            self._journal.put(PUT_DEAL + key[0] + key[1], encode_deal(deal))
            self._journal.delete(DEAL + key[0] + key[1])

    def take_back(self, key: tuple[bytes, bytes]) -> None:
        """What came since is newer than what was put away."""
        if not super().__contains__(key) and key in self:
            self[key] = self[key]
            self._journal.put(DEAL + key[0] + key[1], encode_deal(self[key]))
        self._journal.delete(PUT_DEAL + key[0] + key[1])
