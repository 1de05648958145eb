"""Terms of every kind that there is a template of, with the options that a proposer has."""

from random import Random

from protocols.drafts import Asked, Leg, draft_terms
from protocols.duties import door_hash
from protocols.errors import DecodeError, Refusal
from protocols.limits import DAY, HOUR
from protocols.parcel import with_parcel
from protocols.terms import Cancellation, Goal, Terms, encode_terms, parse_terms
from tests.model.trading import UNIT, World
from tests.model.trading_honest import CODE

KINDS = (
    "sell", "food", "rent", "lend", "give", "service", "want", "barter", "task", "project", "barn", "fund", "help",
    "pledge", "deliver", "design",
)  # fmt: skip
PARCEL = b"P" * 32


def terms_for(world: World, rng: Random, kinds: tuple[str, ...] = KINDS) -> tuple[int, Terms] | None:
    """Who proposes, and what. None where these options do not go together."""
    count = len(world.people)
    proposer, responder, *others = rng.sample(range(count), count)
    kind = rng.choice(kinds)
    authors = [p.me for p in world.people]
    a, b = authors[proposer], authors[responder]
    booked = rng.random() < 0.5
    start = world.now + 3 * DAY if booked or kind == "barn" else 0
    end = start + 3 * HOUR if start else 0
    amount = rng.choice((0, 70, 600))
    goal = None
    if kind in ("barn", "fund"):
        goal = Goal(rng.choice((1, 500)) if kind == "fund" else 1, world.now + 8 * DAY, UNIT if kind == "fund" else "")
    asked = Asked(
        full=rng.random() < 0.8,
        mediator=authors[others[0]] if others and rng.random() < 0.6 else b"",
        within=rng.choice((0, 0, DAY)),
        goal=goal,
        legs=tuple(Leg(x, "thing") for x in rng.choice(((a, b), (b, a, a)))) if kind == "barter" else (),
        cancellation=(Cancellation(rng.choice((a, b)), world.now + 2 * DAY),) if rng.random() < 0.5 else None,
    )
    try:
        terms = draft_terms(
            listing=b"\x11" * 32, name=b"\x22" * 16, proposer=a, responder=b, offered=rng.random() < 0.6, kind=kind,
            title="A thing", quantity=1, start=start, end=end, amount=amount, unit=rng.choice((UNIT, UNIT, "EUR")),
            price_text="so much", note="", previous=b"", expires=world.now + 10 * DAY,
            instalments=rng.choice((1, 1, 3)), deposit=(50, UNIT) if rng.random() < 0.4 else (0, ""), asked=asked,
        )  # fmt: skip
        if kind == "deliver" and PARCEL not in world.hands:
            recipient = authors[others[-1]] if others else b""
            door = door_hash(PARCEL, CODE) if rng.random() < 0.4 else b""
            terms = with_parcel(terms, PARCEL, b"" if door else recipient, door)
        return proposer, parse_terms(encode_terms(terms))
    except (Refusal, DecodeError):
        return None


__all__ = ["KINDS", "PARCEL", "terms_for"]
