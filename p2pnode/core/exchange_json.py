"""An exchange as faces show it: the JSON of the command line's contract."""

from typing import TYPE_CHECKING, Any

from dht.keys import slot_hash
from ledger.settlement import State as DealState
from protocols.booked import quantity_of
from protocols.decimals import OTHER_DECIMALS, format_amount
from protocols.duties import DutyState
from protocols.exchange import NEGOTIATING, OPEN, Dispute, Exchange, Status
from protocols.fact import Fact
from protocols.parcel import customer_of
from protocols.payments import DEPOSIT, LEG, REFUND, UNDER_WAY, Payment, instalments_of, part_of, price_in_all
from protocols.steps import parse_step
from protocols.terms import Duty, Terms, terms_hash

from .goals import Goals
from .held import NOBODYS, Hands
from .paying import choose, wording
from .state import Network, State

if TYPE_CHECKING:
    from .exchanges import Exchanges
    from .held import Held
    from .settlements import Settlements


def describe(
    state: State,
    exchanges: "Exchanges",
    settlements: "Settlements",
    held: "Held",
    now: int,
    goals: Goals | None = None,
) -> dict[str, Any]:
    """goals: where several are described, the pledges as they were counted for the first."""
    goals = Goals(exchanges, state.me, now) if goals is None else goals
    view = exchanges.view(held, now)
    terms = view.terms
    me = state.me
    other = view.counterparty(me)
    names = state.directory
    network = state.networks[held.network]
    paid = {d.id for d in terms.payments}
    others = [d for d in terms.duties if d.id not in paid and d.id != "return" and not d.along]
    gives = any(d.provider == me for d in others if d.action == others[0].action)  # what is done first is the matter
    receipts = {duty: settlements.receipt(held.network, deal) for duty, deal in held.deals.items() if duty in paid}
    overdue = {d.id for d in view.overdue(now)}
    hands = hands_of(exchanges, held, view, now)
    return {
        "exchange_id": held.id.hex(),
        "listing_id": slot_hash((terms.responder, "listing", terms.name)).hex(),
        "network": held.network.hex(),
        "status": str(view.status),
        "reason": view.reason,
        "role": "mediator" if me not in terms.parties else "giver" if gives else "taker",
        "proposer": names.peer_id(terms.proposer),
        "counterparty": names.peer_id(other),
        "counterparty_name": names.name(other),
        "terms": {
            "hash": terms_hash(terms).hex(),
            "kind": terms.kind,
            "title": terms.title,
            "quantity": terms.quantity,
            "items": quantity_of(terms) if terms.capacity else None,
            "price": {"amount": terms.amount, "unit": terms.unit} if terms.amount else None,
            "corrected": _amount(price_in_all(terms), terms.unit) if _is_corrected(terms) else None,
            "in_return": in_return(terms),
            "from": terms.start or None,
            "until": terms.end or None,
            "deposit": _amount(terms.deposit, _deposit_unit(terms)),
            "expires": terms.expires,
            "note": terms.note,
            "witnesses": [{"peer_id": names.peer_id(w), "name": _who(state, w)} for w in terms.witnesses],
            "quorum": terms.quorum,
            **_conditions(state, network, terms),
        },
        "duties": [
            {
                "id": d.id,
                "action": d.action,
                "what": wording(terms, d, money(network, d.amount, d.unit)) if d.id in paid else d.what,
                "amount": _amount(d.amount, d.unit),
                "provider": names.peer_id(d.provider),
                "provider_name": _who(state, d.provider),
                "receiver": names.peer_id(d.receiver),
                "state": str(view.duties[d.id]),
                "until": view.deadlines.get(d.id) or d.until or None,
                "overdue": d.id in overdue,
                "since": view.since.get(d.id),
                "confirmed_at": view.by_itself.get(d.id),
                "on": d.on or None,
            }
            for d in terms.duties
        ],
        "dispute": str(view.dispute),
        "amendment": _amendment(state, network, view),
        "amended": len(view.agreements) - 1 if view.agreed else 0,
        "cancelled_by": _who(state, view.cancelled_by) if view.cancelled_by else None,
        "waits_for_goal": view.agreed and view.waits_for_go and view.status in OPEN,
        "pledged": _pledged(goals, held, view),
        "next": [
            {
                "who": _who(state, who),
                "command": _typed(command, held.id, slot_hash((terms.responder, "listing", terms.name)), hands.offer),
                "until": until,
                "duty": choose(view, who, None).id if command == "pay" else None,
            }
            for who, command, until in goals.next(held, view, next_steps(view, now, hands))
        ],
        "settlement": {
            "state": str(view.payment),
            "amount": {"amount": terms.amount, "unit": terms.unit} if terms.amount else None,
            "witnessed": _witnessed(state, settlements, held, terms),
        },
        "payments": [
            {
                "duty": d.id,
                "state": str(view.payments[d.id]),
                "amount": _amount(d.amount, d.unit),
                "payer": names.peer_id(d.provider),
                "payer_name": _who(state, d.provider),
                "deal": held.deals[d.id].hex(),
                "receipt": receipts[d.id],
            }
            for d in terms.payments
            if d.id in view.payments
        ],
        "receipt": next((r for d in reversed(terms.payments) if (r := receipts[d.id])), None),
        "cancel_asked": [_who(state, author) for author in sorted(view.cancel_asked)],
        "holder": _person(state, hands.holder),
        "at_door": hands.at_door,
        "delivered": exchanges.delivered(held, now),
        "notes": [_note(state, f) for f in view.notes],
        "attestations": {"mine": me in view.rated, "theirs": other in view.rated},
        "began_at": held.began_at,
    }


def _conditions(state: State, network: Network, terms: Terms) -> dict[str, Any]:
    """What only terms of form 2 say."""
    goal = terms.goal
    return {
        "form": terms.form,
        "mediator": _person(state, terms.mediator),
        "parent": terms.parent.hex() or None,
        "capacity": terms.capacity or None,
        "goal": {"least": goal.least, "unit": goal.unit or None, "until": goal.until} if goal else None,
        "may_cancel": [{**(_person(state, rule.by) or {}), "until": rule.until} for rule in terms.cancellation],
        "shares": [{**(_person(state, share.author) or {}), "parts": share.parts} for share in terms.split],
        "parcel": terms.parcel.hex() or None,
        "recipient": _person(state, terms.recipient),
        "door": bool(terms.door),
    }


def _pledged(goals: Goals, held: "Held", view: Exchange) -> dict[str, Any] | None:
    """How far the goal is, in what `least` counts: as the organiser knows it, or told all when it was reached."""
    goal, counted = view.terms.goal, goals.of(held, view)
    if goal is None or (counted is None and view.gone is None):
        return None
    if counted is not None:
        return counted.json(goal)
    assert view.gone is not None
    told = parse_step(view.gone)
    pledged = told.total if goal.unit else told.counted
    return {"pledged": pledged, "pledges": told.counted, "asked": 0, "ready": 0, "reached": True}


def _person(state: State, author: bytes) -> dict[str, str] | None:
    return {"peer_id": state.directory.peer_id(author), "name": _who(state, author)} if author else None


def _amendment(state: State, network: Network, view: Exchange) -> dict[str, Any] | None:
    """What somebody proposes in place of the agreed terms."""
    if view.amendment is None:
        return None
    fact, terms = view.amendment
    return {
        "by": _who(state, fact.author),
        "ruling": fact.author == terms.mediator,
        "hash": terms_hash(terms).hex(),
        "expires": terms.expires,
        "note": terms.note,
        "changes": changes(state, network, view.terms, terms),
    }


def changes(state: State, network: Network, old: Terms, new: Terms) -> list[str]:
    """What is different, a line each, in our own words and figures."""
    said = []
    if (old.amount, old.unit) != (new.amount, new.unit):
        said.append(f"price: {money(network, new.amount, new.unit)} instead of {money(network, old.amount, old.unit)}")
    if old.quantity != new.quantity:
        said.append(f"quantity: {new.quantity} instead of {old.quantity}")
    if (old.start, old.end) != (new.start, new.end):
        said.append("another time")
    before, after = {d.id: d for d in old.duties}, {d.id: d for d in new.duties}
    for name in before.keys() - after.keys():
        said.append(f"{name}: owed no more")
    for name in after.keys() - before.keys():
        duty = after[name]
        what = wording(new, duty, money(network, duty.amount, duty.unit)) if duty.amount else duty.what
        said.append(f"{_who(state, duty.provider)}: {what}")
    return sorted(said)


def summary(state: State, network: Network, view: Exchange) -> str:
    """The terms in one line: what our user has to know before accepting them."""
    terms = view.terms
    many = f"{terms.quantity} × " if terms.quantity > 1 else ""
    said = [f"{many}{terms.title}, for {_price(network, terms)}"]
    if terms.start:
        said.append("at the time that `p2pnode exchange show` names")
    if terms.deposit:
        said.append(f"a deposit of {money(network, terms.deposit, _deposit_unit(terms))}")
    if instalments_of(terms) > 1:
        said.append(f"in {instalments_of(terms)} instalments")
    if terms.witnesses:
        said.append(f"witnesses {', '.join(_who(state, w) for w in terms.witnesses)}")
    if terms.note:
        said.append(f"note: {terms.note}")
    return "; ".join(said)


def _witnessed(state: State, settlements: "Settlements", held: "Held", terms: Terms) -> dict[str, Any] | None:
    """What the witnesses have said about the payment, as far as it has come here; None where it names none."""
    deal = settlements.deals.get((held.network, held.id))
    if deal is None or not deal.witnesses:
        return None
    said = settlements.decisions(held.network, held.id)
    return {
        "quorum": deal.quorum,
        "of": len(deal.witnesses),
        "accept": sum(d == "accept" for d in said.values()),
        "cancel": sum(d == "cancel" for d in said.values()),
        "asked_to_cancel": deal.state == DealState.REQUESTED,
        "until": deal.expiry or None,
        "said": [{"name": _who(state, w), "decision": said.get(w)} for w in deal.witnesses],
    }


def _note(state: State, fact: Fact) -> dict[str, Any]:
    """A line that somebody wrote to a step, and the hashes of the pictures that he took of the thing."""
    said = parse_step(fact)
    photos = [photo.hex() for photo in said.photos]
    return {"from": _who(state, fact.author), "at": fact.at, "text": said.text, "photos": photos}


def _typed(command: str, exchange: bytes, listing: bytes, offer: bytes) -> str:
    """The command as its user types it."""
    id_ = (listing if command == "go" else exchange).hex()[:8]
    said = {
        "attest": f"attest {id_} --outcome 2",
        "give": f"parcel give {id_}",
        "take": f"parcel take {offer.hex()[:8]}",
        "open": f"exchange done {id_} --code CODE",
    }
    return f"p2pnode {said.get(command, f'exchange {command} {id_}')}"


def _who(state: State, author: bytes) -> str:
    return "you" if author == state.me else state.directory.name(author)


def hands_of(exchanges: "Exchanges", held: "Held", view: Exchange, now: int) -> Hands:
    return exchanges.hands(held.network, view.terms, now) if view.terms.parcel else NOBODYS


def next_steps(view: Exchange, now: int, hands: Hands = NOBODYS) -> list[tuple[bytes, str, int | None]]:
    """Who can do what next: (author, command, until or None). Nobody but who has a parcel can pass it on, party or
    not; what he has offered to somebody waits for him to take it."""
    terms = view.terms
    if view.status in NEGOTIATING:
        return [(view.turn, word, terms.expires) for word in ("accept", "counter", "decline")]
    if view.status is Status.CANCELLED:
        fees = [d for d in terms.duties if d.on and view.due(d) and view.duties[d.id] is DutyState.PENDING]
        return [(d.provider, "pay", None) for d in fees if view.payments.get(d.id, Payment.PENDING) not in UNDER_WAY]
    if view.status is Status.DEFAULTED:  # a deposit goes back all the same, where nothing was handed over for it
        refunds = [d for d in terms.payments if d.id == REFUND and view.due(d)]
        return [(d.provider, "pay", None) for d in refunds if view.payments.get(d.id) is Payment.PENDING]
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
        if duty.along or duty.on:
            continue
        duty_state = view.duties[duty.id]
        until = view.deadlines.get(duty.id) or duty.until or None
        if duty.id in view.payments:
            if view.payments[duty.id] is Payment.PENDING and duty_state is not DutyState.WAIVED and view.due(duty):
                steps.append((duty.provider, "pay", until))
        elif duty_state is DutyState.PENDING:
            if view.due(duty) and duty.custody:
                who, command = _handing(terms, duty)
                steps.append((hands.taker, "take", until) if hands.taker else (hands.holder or who, command, until))
            elif view.due(duty):
                steps.append((duty.provider, "pay" if duty in terms.payments else _word(duty.id), until))
        elif duty_state is DutyState.DONE:
            steps.append((duty.receiver, "confirm", view.by_itself.get(duty.id)))
        elif can_be_done_again(view, duty):
            steps += [(duty.provider, "done", None), (duty.receiver, "confirm", None)]
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


def can_be_done_again(view: Exchange, duty: Duty) -> bool:
    """Whether it is work that was contested: another attempt can be shown, and the receiver says whether it will do."""
    return view.duties[duty.id] is DutyState.CONTESTED and not duty.custody and _word(duty.id) == "done"


def _handing(terms: Terms, duty: Duty) -> tuple[bytes, str]:
    """Who passes the parcel on, and how: the customer gives it to the courier; he to the recipient, or by the code."""
    duties = [d for d in terms.duties if d.custody]
    if duty == duties[0] and len(duties) > 1:
        return customer_of(terms), "give"
    return duty.provider, "open" if terms.door and not terms.recipient else "give"


def _word(duty_id: str) -> str:
    return {"handover": "handover", "pickup": "handover", "return": "return"}.get(part_of(duty_id)[0], "done")


def _amount(amount: int, unit: str) -> dict[str, Any] | None:
    return {"amount": amount, "unit": unit} if amount else None


def _is_corrected(terms: Terms) -> bool:
    return price_in_all(terms) != terms.amount


def in_return(terms: Terms) -> str | None:
    """What is given in a barter for what its listing names; None where this is none."""
    legs = [d for d in terms.duties if part_of(d.id)[0] == LEG and not d.amount]
    if not legs:
        return None
    named = next((d.provider for d in legs if d.what.casefold() == terms.title.casefold()), terms.responder)
    *others, last = [d.what for d in legs if d.provider != named] or [legs[-1].what]
    return f"{', '.join(others)} and {last}" if others else last


def _price(network: Network, terms: Terms) -> str:
    said = [text for text in (in_return(terms), terms.amount and money(network, terms.amount, terms.unit)) if text]
    return " and ".join(said) or "nothing"


def _deposit_unit(terms: Terms) -> str:
    return next((d.unit for d in terms.payments if d.id == DEPOSIT), "")


def money(network: Network, amount: int, unit: str) -> str:
    """An amount in minor units, as people write it."""
    if not amount:
        return "nothing"
    return network.money(amount) if unit == network.genesis.unit else f"{format_amount(amount, OTHER_DECIMALS)} {unit}"
