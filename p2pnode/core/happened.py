"""What happened in an exchange, the oldest first: what its parties and its mediator said, what was paid, and the
ratings that are open. It is told as each said it; what it amounts to stands in the exchange's state."""

from typing import TYPE_CHECKING, Any

from dht.catalog import Row
from protocols.attestation import parse_attestation
from protocols.exchange import Exchange
from protocols.fact import WITH_TERMS, Fact
from protocols.payments import PAY, part_of
from protocols.steps import parse_step
from protocols.terms import Duty, Terms, parse_terms

from .paying import money, wording
from .state import Network, State

if TYPE_CHECKING:
    from .held import Held
    from .settlements import Settlements

_PRIVATE = "contact"  # sealed: that it was sent stands where contacts are shown


def happened(state: State, network: Network, held: "Held", view: Exchange, settlements: "Settlements") -> list[Any]:
    """A row for each. what: a kind of fact, or `paid`; from: a name, `you` for our user; duty: what it is about, in
    words; price: of terms that were proposed; outcome and dimensions: of a rating, of its newest word alone."""
    terms = view.terms
    told = {*terms.parties, terms.mediator}
    duties = _duties(network, terms)
    rows = [_said(state, f, duties) for f in held.facts.values() if f.author in told and f.kind != _PRIVATE]
    paid = {d.id: d for d in terms.payments}
    for duty, at in settlements.of(held)[1].items():
        if duty in paid:
            rows.append(_row("paid", _who(state, paid[duty].provider), at, **_payment(paid[duty], duties[duty])))
    rows.sort(key=lambda row: row["at"])
    for author in terms.parties:
        last = next((r for r in reversed(rows) if r["what"] == "rated" and r["from"] == _who(state, author)), None)
        if last is not None:
            last.update(_rating(state, network, held, author, view.counterparty(author)))
    return rows


def _said(state: State, fact: Fact, duties: dict[str, str]) -> dict[str, Any]:
    who = _who(state, fact.author)
    if fact.kind in WITH_TERMS:
        terms = parse_terms(fact.payload)
        price = {"amount": terms.amount, "unit": terms.unit} if terms.amount else None
        return _row(fact.kind, who, fact.at, text=terms.note, price=price)
    step = parse_step(fact)
    photos = [photo.hex() for photo in step.photos]
    return _row(fact.kind, who, fact.at, text=step.text, photos=photos, duty=duties.get(step.duty))


def _payment(duty: Duty, wording: str) -> dict[str, Any]:
    """What was paid: of the price how much, of anything else what for."""
    if duty.on or part_of(duty.id)[0] != PAY:
        return {"duty": wording}
    return {"price": {"amount": duty.amount, "unit": duty.unit}}


def _duties(network: Network, terms: Terms) -> dict[str, str]:
    paid = {d.id for d in terms.payments}
    return {d.id: wording(terms, d, money(network, d.amount, d.unit)) if d.id in paid else d.what for d in terms.duties}


def _rating(state: State, network: Network, held: "Held", author: bytes, ratee: bytes) -> dict[str, Any]:
    row: Row | None = network.catalog.get((author, "attestation", held.id))
    record = state.record_of(network, row.id) if row is not None else None
    if record is None or record.withdrawn:
        return {}
    said = parse_attestation(record)
    if said.ratee != ratee:  # anybody can name this exchange
        return {}
    return {"outcome": said.outcome, "text": said.text, "dimensions": said.dimensions}


def _row(what: str, who: str, at: int, **more: Any) -> dict[str, Any]:
    none: dict[str, Any] = {"text": "", "photos": [], "duty": None, "price": None, "outcome": None, "dimensions": {}}
    return {"what": what, "from": who, "at": at, **none, **more}


def _who(state: State, author: bytes) -> str:
    return "you" if author == state.me else state.directory.name(author)
