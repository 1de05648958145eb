"""What stands in terms of form 2 and not in those of form 1, and what of it fits together.

Form 1 is what the first versions speak: they refuse any key of form 2. So what needs none of them stays in form 1.
"""

from typing import TYPE_CHECKING, Final

from protocols.errors import DecodeError

if TYPE_CHECKING:
    from protocols.terms import Duty, Terms

SECOND_FORM: Final = 2
_OF_TERMS = (
    "parent", "capacity", "cancellation", "mediator", "goal", "split", "parcel", "recipient", "door",
)  # fmt: skip
_OF_DUTIES = ("start", "confirm", "on", "along", "custody", "quantity", "measure")


def needs_second_form(terms: "Terms") -> bool:
    """Whether anything stands in these terms that form 1 cannot say."""
    return any(getattr(terms, key) for key in _OF_TERMS) or any(
        getattr(duty, key) for duty in terms.duties for key in _OF_DUTIES
    )


def check_conditions(terms: "Terms") -> None:
    """`DecodeError` unless the form, the conditions and the duties go together."""
    if terms.form != SECOND_FORM:
        _expect(not needs_second_form(terms), "what only form 2 can say, in form 1")
        _expect(bool(terms.duties), "no duties")
        return
    for key in ("parent", "mediator", "parcel", "recipient", "door"):
        _expect(len(getattr(terms, key)) in (0, 32), f"{key}: 32 bytes or nothing")
    parties = set(terms.parties)
    _expect(terms.mediator not in parties, "a party cannot be mediator of its own deal")
    allowed = [rule.by for rule in terms.cancellation]
    _expect(set(allowed) <= parties and len(set(allowed)) == len(allowed), "cancellation: by each party once at most")
    _expect(len({share.author for share in terms.split}) == len(terms.split), "split: an author twice")
    _expect(not terms.capacity or bool(terms.end), "capacity, and no time that is booked")
    _expect(bool(terms.parcel) == any(d.custody for d in terms.duties), "a parcel and duties that pass it on")
    _expect(bool(terms.parcel) or not (terms.recipient or terms.door), "recipient or door, and no parcel")
    _expect(terms.recipient not in parties, "the recipient is named only where it is no party")
    for duty in terms.duties:
        _check_duty(terms, duty)


def _check_duty(terms: "Terms", duty: "Duty") -> None:
    before = terms.duty(duty.after)
    if duty.on == "cancel":
        _expect(
            duty.provider in [rule.by for rule in terms.cancellation], f"{duty.id}: its provider cannot cancel alone"
        )
        _expect(bool(duty.amount), f"{duty.id}: a fee is an amount")
        _expect(not duty.after, f"{duty.id}: a fee comes after nothing")
    _expect(before is None or not before.on, f"{duty.id}: after a fee")
    beside = terms.duty(duty.along)
    _expect(beside is not None or not duty.along, f"{duty.id}: along with {duty.along}, which is not there")
    _expect(beside is None or not (beside.along or beside.on), f"{duty.id}: along with what is no duty of its own")
    _expect(not duty.until or duty.start < duty.until, f"{duty.id}: ends before it starts")
    _expect(not duty.custody or not duty.amount, f"{duty.id}: a parcel and a payment in one")
    _expect(not duty.measure or bool(duty.quantity), f"{duty.id}: a measure without a quantity")


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise DecodeError(message, "field")
