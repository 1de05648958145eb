"""What the facts of exchanges say of parcels: which they name, and the code of a door."""

from protocols.duties import door_hash
from protocols.fact import WITH_TERMS, Fact
from protocols.parcel import courier_of
from protocols.steps import parse_step
from protocols.terms import Terms, parse_terms

from .held import Held


def code_shown(held: Held, terms: Terms) -> str:
    """The code of the door, if the courier of this exchange has said it here."""
    if not terms.door:
        return ""
    steps = (parse_step(f) for f in held.facts.values() if f.kind == "done" and f.author == courier_of(terms))
    return next((s.code for s in steps if s.code and door_hash(terms.parcel, s.code) == terms.door), "")


class ByParcel:
    """In which exchanges any terms name a parcel."""

    def __init__(self) -> None:
        self._exchanges: dict[bytes, set[bytes]] = {}

    def of(self, parcel: bytes) -> list[bytes]:
        return sorted(self._exchanges.get(parcel, ()))

    def all(self) -> list[bytes]:
        return sorted({id_ for some in self._exchanges.values() for id_ in some})

    def add(self, exchange: bytes, fact: Fact) -> None:
        """What one more fact of an exchange names."""
        if fact.kind in WITH_TERMS and b"\xa6parcel" in fact.payload:  # only such are parsed
            self._exchanges.setdefault(parse_terms(fact.payload).parcel, set()).add(exchange)

    def drop(self, held: Held) -> None:
        for parcel in [p for p, some in self._exchanges.items() if held.id in some]:
            self._exchanges[parcel].discard(held.id)
            if not self._exchanges[parcel]:
                del self._exchanges[parcel]
