"""What honest people may do: what a node lets its user do, which is what `next_steps` names, and a few things more."""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from p2pnode.core.held import Hands, accept_terms, agreement, step_payload
from p2pnode.core.next_steps import next_steps
from p2pnode.core.paying import choose
from protocols.amending import amended, award, ruling
from protocols.duties import DutyState
from protocols.errors import DecodeError, Refusal
from protocols.exchange import NEGOTIATING, OPEN, Dispute, Exchange, Status
from protocols.limits import DAY
from protocols.parcel import courier_of
from protocols.payments import UNDER_WAY, Payment
from protocols.receipt import Particulars, offer_custody, take_custody
from protocols.terms import Duty, encode_terms, terms_hash
from tests.model.trading import UNIT, Person, World, root_of
from tests.model.trading_claims import answers, bound_by_claim, changing, offers, splits, standing
from tests.strategies import network

Act = tuple[str, Callable[[], object]]
STATE = DutyState
CODE = "sesame"


def acts(world: World, by: Person, deal: bytes) -> list[Act]:
    """All that this person may do in an exchange now; what he is asked to do comes first."""
    if deal not in by.facts or deal not in by.facts[deal]:
        return []
    view = by.view(deal, world.now)
    asked = [
        act
        for who, word, _ in next_steps(view, world.now, Hands())
        if who == by.me
        for act in _asked(world, by, view, word)
    ]
    owed = [*offers(world, by, view), *answers(world, by, view), *splits(world, by, view)] if world.promises else []
    return [*owed, *asked, *_free(world, by, view)]


def asked(world: World, by: Person, deal: bytes) -> list[Act]:
    """Only what the node asks of its user, without haggling."""
    return [a for a in acts(world, by, deal) if a[0] in _DUTIFUL]


_DUTIFUL = {"accept", "amended", "rule", "default", "pay", "done", "confirm", "cancel", "rated", "go", "hand over"}
_DUTIFUL |= {"take", "refuse", "do without"}


def _asked(world: World, by: Person, view: Exchange, word: str) -> list[Act]:
    say = partial(world.step, by, view)
    terms = view.terms
    if word == "accept" and view.status in NEGOTIATING:
        return [("accept", partial(world.accept, by, view))] if world.now <= terms.expires else []
    if word == "counter":
        # a counter-proposal keeps everything but its note: figures must go together
        new = replace(terms, note=f"{world.now}", previous=terms_hash(terms), expires=world.now + 10 * DAY)
        return [("counter", lambda: world.say(by, view.id, "counter", view.terms_fact.id, encode_terms(new)))]
    if word in ("accept", "decline") and view.amendment is not None:
        return _answer_amendment(world, by, view, word)
    if word == "decline":
        return [("decline", lambda: world.say(by, view.id, "decline", view.terms_fact.id, step_payload()))]
    if word == "rule":
        return _rule(world, by, view)
    if word == "default":
        late = [d for d in view.overdue(world.now) if d.receiver == by.me]
        return [("default", partial(say, "default", duty=d.id)) for d in late]
    if word == "pay":
        return _pay(world, by, view)
    if word == "confirm":
        mine = [d for d in terms.duties if d.receiver == by.me and d.id not in view.payments and not d.custody]
        ready = [d for d in mine if view.duties[d.id] is STATE.DONE]
        return [("confirm", partial(say, "confirm", duty=d.id)) for d in ready]
    if word in ("give", "open"):
        return _pass_on(world, by, view)
    if word in ("done", "handover", "return"):
        return _done(world, by, view)
    if word == "cancel":
        return [("cancel", partial(say, "cancel"))] if by.me not in view.cancel_asked else []
    if word == "waive":
        alone = [d for d in terms.duties if d.along and view.duties[d.along] is STATE.WAIVED and d.receiver == by.me]
        return [("do without", partial(say, "waive", duty=d.id)) for d in alone if view.duties[d.id] is STATE.PENDING]
    if word == "attest":
        return [("rated", partial(say, "rated", commitment=b"\x33" * 32))]
    if word == "go":
        return _go(world, by, view)
    raise AssertionError(f"next_steps names {word}")


def _answer_amendment(world: World, by: Person, view: Exchange, word: str) -> list[Act]:
    assert view.amendment is not None
    fact, terms = view.amendment
    if fact.author == by.me:
        return []
    if word == "decline":
        return [("decline", lambda: world.say(by, view.id, "decline", fact.id, step_payload()))]
    under_way = any(view.payments.get(d.id) in UNDER_WAY and terms.duty(d.id) != d for d in view.terms.payments)
    if under_way or world.now >= terms.expires or _accepted_another(by, view, terms.previous):
        return []
    if bound_by_claim(by, view, terms):
        return []
    return [("amended", lambda: world.say(by, view.id, "accept", fact.id, accept_terms(fact, terms)))]


def _accepted_another(by: Person, view: Exchange, previous: bytes) -> bool:
    """He has accepted something else in place of these terms, which has not come to count."""
    amends = {f.id for f in by.facts[view.id].values() if f.kind == "amend"}
    newest = {a.id for level in view.agreements for a in level.acceptances}
    return any(
        f.kind == "accept" and f.author == by.me and f.prev in amends and f.id not in newest
        for f in by.facts[view.id].values()
    )


def _rule(world: World, by: Person, view: Exchange) -> list[Act]:
    if any(p in UNDER_WAY for p in view.payments.values()) or by.me != view.terms.mediator:
        return []

    def rule(payer: bytes | None) -> None:
        duty = None if payer is None else award(view, payer, 100, UNIT)
        try:
            new = ruling(view, expires=world.now + 10 * DAY, award=duty, refund=True, note="")
            payload = encode_terms(new)
            world.say(by, view.id, "amend", agreement(view), payload)
        except (Refusal, DecodeError):
            return

    return [("rule", partial(rule, payer)) for payer in (None, *view.terms.parties)]


def _pay(world: World, by: Person, view: Exchange) -> list[Act]:
    try:
        duty = choose(view, by.me, None)
    except Refusal:
        return []
    payment = view.payments.get(duty.id)
    if payment is None and view.duties[duty.id] is not STATE.PENDING:
        return []
    if standing(by, view, duty) is not None or (world.promises and changing(by, view, duty)):
        return []
    if payment is None:
        return [("done", partial(world.step, by, view, "done", duty=duty.id))]
    return [("pay", partial(world.pay, by, view, duty))] if payment is Payment.PENDING else []


def _done(world: World, by: Person, view: Exchange) -> list[Act]:
    paid = {d.id for d in view.terms.payments}
    mine = [d for d in view.terms.duties if d.provider == by.me and d.id not in paid and not (d.along or d.on)]
    ready = [d for d in mine if view.duties[d.id] is STATE.PENDING and view.due(d)]
    ready = [d for d in ready if not d.custody]
    return [("done", partial(world.step, by, view, "done", duty=d.id)) for d in ready]


def _pass_on(world: World, by: Person, view: Exchange) -> list[Act]:
    ready = [d for d in view.terms.duties if d.custody and view.duties[d.id] is STATE.PENDING and view.due(d)]
    return [act for duty in ready for act in _hand_over(world, by, view, duty)]


def _hand_over(world: World, by: Person, view: Exchange, duty: Duty) -> list[Act]:
    """The courier meets who has the parcel, or who is to get it: both sign, or he is shown the code."""
    terms = root_of(by, view.id)
    first = next(d for d in terms.duties if d.custody)
    holder = world.by_author.get(world.hands.get(terms.parcel, b""))
    if holder is None:
        return []
    if duty.id == first.id:
        courier = world.by_author[courier_of(terms)]
        return [("hand over", partial(hand_over, world, holder, courier, terms.parcel))]
    if terms.door:

        def at_the_door() -> None:
            if world.hands.get(terms.parcel) == by.me:
                world.hands[terms.parcel] = b"behind the door"
                world.step(by, view, "done", duty=duty.id, code=CODE)

        return [("hand over", at_the_door)]
    to = world.by_author[terms.recipient or duty.receiver]
    return [("hand over", partial(hand_over, world, holder, to, terms.parcel))]


def hand_over(world: World, giver: Person, taker: Person, parcel: bytes) -> None:
    """Face to face. An honest giver gives what he has; an honest taker signs for what he is given."""
    if not (giver.up and taker.up) or giver is taker or world.hands.get(parcel) != giver.me:
        return
    mine = [r for r in giver.receipts.get(parcel, {}).values() if r.taker == giver.me]
    prev = max(mine, key=lambda r: (r.at, r.id)).id if mine else bytes(32)
    give(world, giver, taker, parcel, prev)
    world.hands[parcel] = taker.me


def give(world: World, giver: Person, taker: Person, parcel: bytes, prev: bytes) -> None:
    half = offer_custody(
        giver.signer, network=network(), parcel=parcel, prev=prev, taker=taker.me, taker_epoch=0, at=world.tick(),
        said=Particulars(),
    )  # fmt: skip
    receipt = take_custody(taker.signer, half)
    for person in (giver, taker):
        person.receipts.setdefault(parcel, {})[receipt.id] = receipt
    # who gets something with its history shown gets the receipts before it, too
    for known in list(giver.receipts[parcel].values()):
        taker.receipts[parcel][known.id] = known
        for other in world.people:
            world.send(other, known)


def _go(world: World, by: Person, view: Exchange) -> list[Act]:
    """The organiser counts what is pledged to the same listing."""
    goal = view.terms.goal
    if goal is None or world.now > goal.until or view.status is not Status.AGREED or view.called_off:
        return []
    pledges = [view]
    total = sum(v.terms.amount for v in pledges)
    if (total if goal.unit else len(pledges)) < goal.least:
        return []
    return [("go", partial(world.step, by, view, "go", counted=len(pledges), total=total))]


def _free(world: World, by: Person, view: Exchange) -> list[Act]:
    """What nobody asks for, and everybody may."""
    say = partial(world.step, by, view)
    terms = view.terms
    if view.status in NEGOTIATING:
        mine = by.me in terms.parties and view.turn != by.me
        take_back = lambda: world.say(by, view.id, "withdraw", view.terms_fact.id, step_payload())  # noqa: E731
        return [("withdraw", take_back)] if mine else []
    if not view.agreed or view.status not in OPEN | {Status.DEFAULTED} or by.me not in terms.parties:
        return []
    found: list[Act] = []
    receives = [d for d in terms.duties if d.receiver == by.me]
    harmed = any(view.duties[d.id] is STATE.DEFAULTED for d in receives)
    if view.status in OPEN - {Status.SETTLED} and (view.can_be_called_off or harmed) and by.me not in view.cancel_asked:
        found.append(("call off", partial(say, "cancel")))
    if terms.form != 2:
        return found + _contest(world, by, view)
    if terms.mediator and view.dispute is Dispute.NONE:
        found.append(("dispute", partial(say, "dispute")))
    open_ = (STATE.PENDING, STATE.DEFAULTED, STATE.CONTESTED)
    for duty in receives:
        if not duty.on and view.duties[duty.id] in open_ and view.payments.get(duty.id) not in UNDER_WAY:
            found.append(("waive", partial(say, "waive", duty=duty.id)))
    if view.amendment is None and view.status in OPEN and not view.waits_for_go:
        found += [
            ("amend", partial(_amend, world, by, view, amount)) for amount in (terms.amount + 30, terms.amount // 2)
        ]
    if view.amendment is not None and view.amendment[0].author == by.me:
        mine_ = view.amendment[0].id
        found.append(("take back", lambda: world.say(by, view.id, "withdraw", mine_, step_payload())))
    return found + _contest(world, by, view)


def _contest(world: World, by: Person, view: Exchange) -> list[Act]:
    said = [d for d in view.terms.duties if d.receiver == by.me and view.duties[d.id] is STATE.DONE]
    contest = [d for d in said if d.id not in view.payments]
    return [("contest", partial(world.step, by, view, "contest", duty=d.id)) for d in contest]


def _amend(world: World, by: Person, view: Exchange, amount: int) -> None:
    try:
        terms = amended(view, expires=world.now + 10 * DAY, amount=amount)
        payload = encode_terms(terms)
        if terms.duties != view.terms.duties and not bound_by_claim(by, view, terms):
            world.say(by, view.id, "amend", agreement(view), payload)
    except (Refusal, DecodeError):
        return


def confirm_contested(world: World, by: Person, deal: bytes) -> list[Act]:
    """What was contested is accepted in the end: so exchanges of honest people come to an end without a mediator."""
    view = by.view(deal, world.now)
    mine = [d for d in view.terms.duties if d.receiver == by.me and view.duties[d.id] is STATE.CONTESTED]
    return [("confirm", partial(world.step, by, view, "confirm", duty=d.id)) for d in mine]
