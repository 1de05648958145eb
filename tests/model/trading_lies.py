"""What honest code would not sign: every kind of fact, at any time, about anything, and payments out of turn."""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from p2pnode.core.held import accept_terms, agreement, step_payload
from protocols.errors import DecodeError
from protocols.exchange import Exchange
from protocols.limits import DAY, HOUR
from protocols.terms import encode_terms, parse_terms, terms_hash
from tests.model.trading import Person, World
from tests.model.trading_honest import give

Lie = tuple[str, Callable[[], object]]
SHIFTS = (0, -HOUR, -DAY, -4 * DAY, HOUR, DAY, 4 * DAY, 60 * DAY)  # back- and post-dated


def lies(world: World, by: Person, deal: bytes, shift: int) -> list[Lie]:
    """Everything wrong that this person can say in an exchange now, dated `shift` ms off."""
    if deal not in by.facts or deal not in by.facts[deal]:
        return []
    view = by.view(deal, world.now)
    at = world.tick() + shift
    say = partial(_say, world, by, view, at)
    found: list[Lie] = []
    if view.acceptance is not None:
        for duty in view.terms.duties:
            for kind in ("done", "confirm", "contest", "waive", "default"):
                found.append((kind, partial(say, kind, agreement(view), step_payload(duty=duty.id))))
        for kind in ("cancel", "dispute", "go"):
            step = step_payload(counted=1_000, total=100_000) if kind == "go" else b""
            found.append((kind, partial(say, kind, agreement(view), step)))
        found += _amendments(world, by, view, say)
        if by.me in view.terms.parties:
            found += _payments(world, by, view)
    found += _answers(by, view, say)
    return found + _receipts(world, by, view)


def _say(world: World, by: Person, view: Exchange, at: int, kind: str, prev: bytes, payload: bytes) -> None:
    try:
        world.lies.append(world.say(by, view.id, kind, prev, payload, at))
    except DecodeError:  # nobody would take it in
        return


Say = Callable[[str, bytes, bytes], None]


def _amendments(world: World, by: Person, view: Exchange, say: Say) -> list[Lie]:
    """Terms in his favour, over each agreement that ever was; and a second signature of his own under any."""
    found: list[Lie] = []
    for level in view.agreements:
        old = level.terms
        kept = [d for d in old.duties if d.custody or (d.provider != by.me and not (d.after or d.along or d.on))]
        names = {d.id for d in kept}
        kept = [replace(d, after=d.after if d.after in names else "") for d in kept]
        new = replace(
            old, duties=tuple(d for d in kept if d.id not in ("pay", "deposit", "refund") and d.id[:4] != "pay-"),
            amount=0, unit="", deposit=0, cancellation=(), previous=terms_hash(old), expires=world.now + 30 * DAY,
            note=f"{world.now}",
        )  # fmt: skip
        for acceptance in level.acceptances:
            found.append(("amend", lambda new=new, prev=acceptance.id: say("amend", prev, encode_terms(new))))
    return found


def _answers(by: Person, view: Exchange, say: Say) -> list[Lie]:
    """Answers to all terms that were ever said, his own among them: acceptances, refusals, counter-proposals."""
    found: list[Lie] = []
    for fact in by.facts[view.id].values():
        if fact.kind not in ("propose", "counter", "amend"):
            continue
        terms = parse_terms(fact.payload)
        found.append(("accept", partial(say, "accept", fact.id, accept_terms(fact, terms))))
        found += [(kind, partial(say, kind, fact.id, b"")) for kind in ("decline", "withdraw")]
        if fact.kind != "amend":
            new = replace(terms, previous=terms_hash(terms), note="mine")
            found.append(("counter", lambda f=fact, t=new: say("counter", f.id, encode_terms(t))))
    return found


def _payments(world: World, by: Person, view: Exchange) -> list[Lie]:
    """Out of turn, and of another amount."""
    mine = [d for d in view.terms.payments if d.provider == by.me and d.id in view.payments]
    return [("pay", partial(world.pay, by, view, d, amount)) for d in mine for amount in (d.amount, d.amount + 7)]


def _receipts(world: World, by: Person, view: Exchange) -> list[Lie]:
    """The same parcel to a second taker, who cannot know: what is handed to him looks like it."""
    parcel = view.terms.parcel
    gave = [r for r in by.receipts.get(parcel, {}).values() if r.giver == by.me]
    others = [p for p in world.people if p is not by and p.up]
    return [("give twice", partial(give, world, by, to, parcel, r.prev)) for r in gave for to in others]
