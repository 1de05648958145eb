"""An exchange as faces show it: the JSON of the command line's contract."""

from typing import TYPE_CHECKING, Any

from dht.keys import slot_hash
from ledger.settlement import State as DealState
from protocols.attestation import Attestation, parse_attestation
from protocols.booked import quantity_of
from protocols.drafts import role_of, way_of
from protocols.duties import DutyState
from protocols.envelope import parse_record
from protocols.errors import Reject
from protocols.exchange import NEGOTIATING, OPEN, Exchange
from protocols.fact import Fact
from protocols.faults import Fault, against, faults, suggested
from protocols.listing import parse_listing
from protocols.payments import DEPOSIT, LEG, instalments_of, part_of, price_in_all
from protocols.steps import parse_step
from protocols.terms import Duty, Terms, terms_hash

from .changes import changes, time_in_words
from .goals import Goals
from .held import NOBODYS, Hands
from .mediation import is_over_for
from .next_steps import begins, next_steps
from .paying import choose, money, paid_so_far, wording
from .refusals import told
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
    of = state.template(terms.kind)
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
    claims = exchanges.claimed.rows(held, view)
    return {
        "exchange_id": held.id.hex(),
        "listing_id": slot_hash((terms.responder, "listing", terms.name)).hex(),
        "network": held.network.hex(),
        "status": str(view.status),
        "reason": view.reason,
        "role": "mediator" if me not in terms.parties else "giver" if gives else "taker",
        "role_name": role_of(held.first, me, of),
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
            "handover": way_of(terms, of) or None,
            "expires": terms.expires,
            "note": terms.note,
            "at": view.terms_fact.at,
            "countered": view.terms_fact.id != held.id,
            "witnesses": [{"peer_id": names.peer_id(w), "name": _who(state, w)} for w in terms.witnesses],
            "quorum": terms.quorum,
            **_conditions(state, network, terms),
        },
        "terms_by": _who(state, view.terms_fact.author),
        "duties": [
            {
                "id": d.id,
                "action": d.action,
                "what": wording(terms, d, money(network, d.amount, d.unit)) if d.id in paid else d.what,
                "amount": _amount(d.amount, d.unit),
                "provider": names.peer_id(d.provider),
                "provider_name": _who(state, d.provider),
                "receiver": names.peer_id(d.receiver),
                "state": str(told_state(view, d)),
                "until": view.deadlines.get(d.id) or d.until or None,
                "overdue": d.id in overdue,
                "since": view.since.get(d.id),
                "confirmed_at": view.by_itself.get(d.id),
                "on": d.on or None,
                "claim": claims.get(d.id),
            }
            for d in terms.duties
        ],
        "dispute": str(view.dispute),
        "amendment": _amendment(state, network, view, zone_of(held)),
        "amended": len(view.agreements) - 1 if view.agreed else 0,
        "cancelled_by": _who(state, view.cancelled_by) if view.cancelled_by else None,
        "waits_for_goal": view.agreed and view.waits_for_go and view.status in OPEN,
        "pledged": _pledged(goals, held, view),
        "next": exchanges.claimed.next(
            held,
            view,
            [
                {
                    "who": _who(state, who),
                    "command": _typed(
                        command,
                        held.id,
                        slot_hash((terms.responder, "listing", terms.name)),
                        hands.offer,
                        suggested(view, who),
                    ),
                    "from": begins(view, who, command, now),
                    "until": until,
                    "duty": choose(view, who, None).id if command == "pay" else None,
                }
                for who, command, until in goals.next(held, view, next_steps(view, now, hands))
                if not is_over_for(me, view)
            ],
        ),
        "settlement": {
            "state": str(view.payment),
            "amount": {"amount": terms.amount, "unit": terms.unit} if terms.amount else None,
            "paid": _amount(paid_so_far(view), terms.unit),
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
        "undeliverable": _undeliverable(view) if exchanges.is_beyond(held) else None,
        "refused": told(state, held),
        "notes": [_note(state, f) for f in view.notes],
        "attestations": {
            "mine": me in view.rated,
            "theirs": other in view.rated,
            "correct": _corrected(state, network, held, view),
            "given": _published(state, network, held),
            "dimensions": list(network.dimensions),
        },
        "faults": [_fault(state, fault) for fault in faults(view)],
        "suggested": suggested(view, me) if me in terms.parties and view.agreed else None,
        "began_at": held.began_at,
    }


def told_state(view: Exchange, duty: Duty) -> DutyState:
    """Where a duty stands, in a word. Paying a deposit back says that the thing was returned, and confirms that: not
    where it was never handed over."""
    state = view.duties[duty.id]
    never_begun = duty not in view.terms.payments and view.duties.get(duty.after) is DutyState.DEFAULTED
    return DutyState.PENDING if state is DutyState.CONFIRMED and never_begun else state


def _corrected(state: State, network: Network, held: "Held", view: Exchange) -> int | None:
    """The outcome that fits better than the one that we published, since what was owed to us has been made good."""
    rating = _rating(state, network, held)
    if rating is None or not any(f.made_good for f in against(view, state.me)):
        return None
    fits = suggested(view, state.me)
    return fits if rating.outcome < fits else None


def _published(state: State, network: Network, held: "Held") -> dict[str, Any] | None:
    """What our rating says, once it is open."""
    rating = _rating(state, network, held)
    if rating is None:
        return None
    return {"outcome": rating.outcome, "text": rating.text, "dimensions": rating.dimensions}


def _rating(state: State, network: Network, held: "Held") -> Attestation | None:
    row = network.catalog.get((state.me, "attestation", held.id))
    record = state.record_of(network, row.id) if row is not None else None
    return None if record is None or record.withdrawn else parse_attestation(record)


def _fault(state: State, fault: Fault) -> dict[str, Any]:
    return {
        "kind": str(fault.kind),
        "duty": fault.duty or None,
        "by": state.directory.peer_id(fault.by),
        "by_name": _who(state, fault.by),
        "until": fault.until,
        "came": fault.came,
        "said": fault.said,
        "made_good": fault.made_good,
    }


def _undeliverable(view: Exchange) -> str:
    """Why what was said stays on its way until the other node is another version, and what to do meanwhile."""
    instead = ": propose with --form plain" if view.status in NEGOTIATING else ""
    return f"their node is older and cannot take this{instead}"


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
    step = parse_step(view.gone)
    pledged = step.total if goal.unit else step.counted
    return {"pledged": pledged, "pledges": step.counted, "asked": 0, "ready": 0, "reached": True}


def _person(state: State, author: bytes) -> dict[str, str] | None:
    return {"peer_id": state.directory.peer_id(author), "name": _who(state, author)} if author else None


def zone_of(held: "Held") -> str:
    """The time zone of the listing that an exchange began with."""
    record = parse_record(held.listing) if held.listing else None
    try:
        listing = parse_listing(record) if record is not None and not record.withdrawn else None
    except Reject:
        listing = None
    return listing.available.zone or "UTC" if listing is not None and listing.available is not None else "UTC"


def _amendment(state: State, network: Network, view: Exchange, zone: str) -> dict[str, Any] | None:
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
        "changes": changes(state, network, view.terms, terms, zone),
    }


def summary(state: State, network: Network, view: Exchange, zone: str) -> str:
    """The terms in one line: what our user has to know before accepting them."""
    terms = view.terms
    many = f"{terms.quantity} × " if terms.quantity > 1 else ""
    said = [f"{many}{terms.title}, for {_price(network, terms)}"]
    way = way_of(terms, state.template(terms.kind))
    if way:
        said.append("brought" if way == "bring" else "fetched")
    if terms.start:
        said.append(time_in_words(terms, zone))
    if terms.deposit:
        said.append(f"a deposit of {money(network, terms.deposit, _deposit_unit(terms))}")
    if instalments_of(terms) > 1:
        said.append(f"in {instalments_of(terms)} instalments")
    if terms.witnesses:
        said.append(f"witnesses {', '.join(_who(state, w) for w in terms.witnesses)}")
    if terms.note:
        said.append(f"note: {' '.join(terms.note.split())}")
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


def _typed(command: str, exchange: bytes, listing: bytes, offer: bytes, outcome: int) -> str:
    """The command as its user types it. outcome: of a rating, −2 to 2."""
    id_ = (listing if command == "go" else exchange).hex()[:8]
    said = {
        "attest": f"attest {id_} --outcome {outcome}",
        "give": f"parcel give {id_}",
        "take": f"parcel take {offer.hex()[:8]}",
        "open": f"exchange done {id_} --code CODE",
    }
    return f"p2pnode {said.get(command, f'exchange {command} {id_}')}"


def _who(state: State, author: bytes) -> str:
    return "you" if author == state.me else state.directory.name(author)


def hands_of(exchanges: "Exchanges", held: "Held", view: Exchange, now: int) -> Hands:
    return exchanges.hands(held.network, view.terms, now) if view.terms.parcel else NOBODYS


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
