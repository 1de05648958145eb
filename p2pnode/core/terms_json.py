"""Terms as faces show them before they are proposed: what would be asked of whom, duty by duty."""

from typing import Any

from protocols.booked import quantity_of
from protocols.drafts import way_of
from protocols.payments import DEPOSIT
from protocols.terms import Duty, Terms

from .state import Network, State


def terms_json(state: State, network: Network, terms: Terms) -> dict[str, Any]:
    """Times in ms, amounts in minor units with their unit; None where nothing is said."""
    deposit = next((d.unit for d in terms.payments if d.id == DEPOSIT), "")
    goal = terms.goal
    return {
        "network": network.id.hex(),
        "form": terms.form,
        "kind": terms.kind,
        "title": terms.title,
        "quantity": terms.quantity,
        "items": quantity_of(terms) if terms.capacity else None,
        "price": _amount(terms.amount, terms.unit),
        "deposit": _amount(terms.deposit, deposit),
        "from": terms.start or None,
        "until": terms.end or None,
        "expires": terms.expires,
        "note": terms.note,
        "capacity": terms.capacity or None,
        "mediator": _name(state, terms.mediator) if terms.mediator else None,
        "handover": way_of(terms, state.template(terms.kind)) or None,
        "parcel": bool(terms.parcel),
        "recipient": _name(state, terms.recipient) if terms.recipient else None,
        "door": bool(terms.door),
        "parent": terms.parent.hex() or None,
        "goal": {"least": goal.least, "unit": goal.unit, "until": goal.until} if goal is not None else None,
        "cancellation": [{"who": _name(state, rule.by), "until": rule.until} for rule in terms.cancellation],
        "split": [{"who": _name(state, share.author), "parts": share.parts} for share in terms.split],
        "witnesses": [_name(state, author) for author in terms.witnesses],
        "duties": [_duty(state, duty) for duty in terms.duties],
    }


def _duty(state: State, duty: Duty) -> dict[str, Any]:
    return {
        "id": duty.id,
        "action": duty.action,
        "what": duty.what,
        "who": _name(state, duty.provider),
        "to": _name(state, duty.receiver),
        "amount": _amount(duty.amount, duty.unit),
        "from": duty.start or None,
        "until": duty.until or None,
        "within": duty.within or None,
        "after": duty.after or None,
        "along": duty.along or None,
        "confirm": duty.confirm or None,
        "on": duty.on or None,
        "custody": duty.custody,
    }


def _amount(amount: int, unit: str) -> dict[str, Any] | None:
    return {"amount": amount, "unit": unit} if amount else None


def _name(state: State, author: bytes) -> str:
    return "you" if author == state.me else state.directory.name(author)
