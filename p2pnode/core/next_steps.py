"""What comes next in an exchange: who can do what, and until when. Computed from what stands, and nothing else."""

from p2pnode.bounds import RATING_WINDOW
from protocols.duties import DutyState
from protocols.exchange import NEGOTIATING, OPEN, Dispute, Exchange, Status
from protocols.faults import Kind, faults
from protocols.parcel import customer_of
from protocols.payments import REFUND, UNDER_WAY, Payment, part_of
from protocols.terms import Duty, Terms

from .held import NOBODYS, Hands
from .paying import is_asked_for


def next_steps(view: Exchange, now: int, hands: Hands = NOBODYS) -> list[tuple[bytes, str, int | None]]:
    """Who can do what next: (author, command, until or None). Nobody but who has a parcel can pass it on, party or
    not; what he has offered to somebody waits for him to take it."""
    terms = view.terms
    if view.status in NEGOTIATING:
        return [(view.turn, word, terms.expires) for word in ("accept", "counter", "decline")]
    if view.status is Status.CANCELLED:
        fees = [d for d in terms.duties if d.on and view.due(d) and view.duties[d.id] is DutyState.PENDING]
        due = [d for d in fees if view.payments.get(d.id, Payment.PENDING) not in UNDER_WAY]
        return [*((d.provider, "pay", None) for d in due), *_harmed(view, now)]
    if view.status is Status.DEFAULTED:  # a deposit goes back all the same, where nothing was handed over for it
        refunds = [d for d in terms.payments if d.id == REFUND and view.due(d)]
        due = [d for d in refunds if view.payments.get(d.id) is Payment.PENDING]
        return [*((d.provider, "pay", None) for d in due), *_harmed(view, now)]
    if view.status not in OPEN:
        return []
    if view.waits_for_go and terms.goal is not None:
        asked = [(view.counterparty(author), "cancel", None) for author in sorted(view.cancel_asked)]
        return [(terms.responder, "go", terms.goal.until), *asked]
    steps: list[tuple[bytes, str, int | None]] = []
    if view.amendment is not None and view.amendment[0].author != terms.mediator:
        other = view.counterparty(view.amendment[0].author)
        steps += [(other, word, view.amendment[1].expires) for word in ("accept", "decline")]
    elif view.amendment is not None:
        steps += [(a, word, view.amendment[1].expires) for a in terms.parties for word in ("accept", "decline")]
    elif view.dispute is Dispute.OPEN:
        steps.append((terms.mediator, "rule", None))
    for duty in terms.duties:
        duty_state = view.duties[duty.id]
        if duty.along and duty_state is DutyState.PENDING and view.duties[duty.along] is DutyState.WAIVED:
            steps.append((duty.receiver, "waive", None))  # nobody can do it by itself
        if duty.along or duty.on:
            continue
        until = view.deadlines.get(duty.id) or duty.until or None
        if duty.id in view.payments:
            unpaid = view.payments[duty.id] is Payment.PENDING and duty_state is not DutyState.WAIVED
            if unpaid and view.due(duty) and is_asked_for(view, duty):
                steps.append((duty.provider, "pay", until))
        elif duty_state is DutyState.PENDING:
            if view.due(duty) and duty.custody:
                who, command = _handing(terms, duty)
                steps.append((hands.taker, "take", until) if hands.taker else (hands.holder or who, command, until))
            elif view.due(duty) and duty not in terms.payments:
                steps.append((duty.provider, word_of(duty.id), until))
            elif view.due(duty) and is_asked_for(view, duty):
                steps.append((duty.provider, "pay", until))
        elif duty_state is DutyState.DONE:
            steps.append((duty.receiver, "confirm", view.by_itself.get(duty.id)))
        elif duty_state is DutyState.CONTESTED:  # the two settle it, and who contests says how it ended
            again = "pay" if duty in terms.payments else "done"
            steps += [(duty.provider, again, None)] if can_be_done_again(view, duty) else []
            steps += [(duty.receiver, "confirm", None)]
            steps += [(a, "cancel", None) for a in terms.parties if _may_give_up(view, a)]
    if view.dispute is Dispute.OPEN:  # what is paid depends on what is decided
        steps = [step for step in steps if step[1] != "pay"]
    steps += [(d.receiver, "default", None) for d in view.overdue(now)]
    harmed = {d.receiver for d in terms.duties if view.duties[d.id] is DutyState.DEFAULTED}
    steps += [(author, "cancel", None) for author in sorted(harmed - view.cancel_asked)]
    steps = [s for i, s in enumerate(steps) if s[:2] not in [before[:2] for before in steps[:i]]]  # the next is meant
    busy = {d.provider for d in terms.payments if view.payments.get(d.id) in UNDER_WAY}
    steps = [s for s in steps if s[1] != "pay" or s[0] not in busy]
    failed = [d for d in terms.payments if view.payments.get(d.id) is Payment.RELEASED]
    if failed and view.can_be_called_off:  # it cannot be paid any more: nobody should begin what would not be paid
        steps = [step for step in steps if step[1] not in ("handover", "done")]
        steps += [(failed[0].provider, "cancel", None)] if failed[0].provider not in view.cancel_asked else []
    if (
        view.cancel_asked
        and view.can_be_called_off
        and view.status is not Status.SETTLED
        and not (view.called_off and view.deposit_is_out)
    ):  # who asked to cancel has nothing else to do, but gives back what is lent; the other may agree to it, or go on
        steps = [step for step in steps if step[0] not in view.cancel_asked or step[1] == "return"]
        steps += [(view.counterparty(author), "cancel", None) for author in sorted(view.cancel_asked)]
    if view.status is Status.SETTLED:
        steps += [(a, "attest", None) for a in terms.parties if a not in view.rated]
    return steps


def _harmed(view: Exchange, now: int) -> list[tuple[bytes, str, int | None]]:
    """Whoever was harmed by how it ended is asked to rate it, for as long as a rating waits for another."""
    until: dict[bytes, int] = {}
    for fault in faults(view):
        if fault.kind is not Kind.LATE and fault.to in view.terms.parties and fault.to not in view.rated:
            until[fault.to] = max(until.get(fault.to, 0), fault.at + RATING_WINDOW)
    return [(who, "attest", at) for who, at in sorted(until.items()) if now < at]


def begins(view: Exchange, who: bytes, command: str, now: int) -> int | None:
    """When a step can be said to be done, ms, if that lies ahead."""
    duties = [d for d in view.terms.duties if d.provider == who and word_of(d.id) == command and not d.custody]
    waiting = [d for d in duties if view.duties[d.id] is DutyState.PENDING and view.due(d)]
    return waiting[0].start if waiting and waiting[0].start > now else None


def _may_give_up(view: Exchange, author: bytes) -> bool:
    """Whether a party of what is contested may ask to cancel it, where no mediator decides."""
    return view.dispute is Dispute.NONE and view.can_be_called_off and author not in view.cancel_asked


def can_be_done_again(view: Exchange, duty: Duty) -> bool:
    """Whether it is work that was contested: another attempt can be shown, and the receiver says whether it will do."""
    return view.duties[duty.id] is DutyState.CONTESTED and not duty.custody and word_of(duty.id) == "done"


def _handing(terms: Terms, duty: Duty) -> tuple[bytes, str]:
    """Who passes the parcel on, and how: the customer gives it to the courier; he to the recipient, or by the code."""
    duties = [d for d in terms.duties if d.custody]
    if duty == duties[0] and len(duties) > 1:
        return customer_of(terms), "give"
    return duty.provider, "open" if terms.door and not terms.recipient else "give"


def word_of(duty_id: str) -> str:
    return {"handover": "handover", "pickup": "handover", "return": "return"}.get(part_of(duty_id)[0], "done")
