"""What other terms of an agreement change: all that our user has to know before accepting them."""

from p2pnode.when import days_in_words, moment_in_words
from protocols.booking import Span
from protocols.payments import PAY, part_of
from protocols.spans import format_span
from protocols.terms import Duty, Terms

from .paying import money, wording
from .state import Network, State


def changes(state: State, network: Network, old: Terms, new: Terms, zone: str) -> list[str]:
    """What is different, a line each, in our own words and figures. zone: in which times are written."""
    said = []
    if (old.amount, old.unit) != (new.amount, new.unit):
        said.append(f"price: {money(network, new.amount, new.unit)} instead of {money(network, old.amount, old.unit)}")
    if old.quantity != new.quantity:
        said.append(f"quantity: {new.quantity} instead of {old.quantity}")
    if (old.start, old.end) != (new.start, new.end):
        said.append(f"time: {time_in_words(new, zone)} instead of {time_in_words(old, zone)}")
    before, after = {d.id: d for d in old.duties}, {d.id: d for d in new.duties}
    for name in before.keys() - after.keys():
        said.append(f"{name}: owed no more")
    for name in after.keys() - before.keys():
        duty = after[name]
        what = wording(new, duty, money(network, duty.amount, duty.unit)) if duty.amount else duty.what
        said.append(f"{_name(state, duty.provider)}: {what}")
    for name in before.keys() & after.keys():
        said += [f"{name}: {line}" for line in _of_duty(state, network, old, new, before[name], after[name], zone)]
    for name, mine in _APART.items():
        if getattr(old, name) != getattr(new, name):
            said.append(f"{mine}: not as before")
    return sorted(said)


# Parts of the terms that no line above tells of. What of them an amendment may change: docs/protocol/exchange.md, 4.1.
_APART = {
    "cancellation": "who may cancel alone",
    "mediator": "mediator",
    "witnesses": "witnesses",
    "split": "who shares in the price",
    "goal": "goal",
    "door": "code for the door",
    "recipient": "who receives the parcel",
}


def _of_duty(state: State, network: Network, old: Terms, new: Terms, was: Duty, now: Duty, zone: str) -> list[str]:
    """What is different in a duty that stays. What follows from another price or time is told with these."""
    said = []
    priced = part_of(now.id)[0] == PAY and (old.amount, old.unit, old.quantity) != (new.amount, new.unit, new.quantity)
    moved = (old.start, old.end) != (new.start, new.end)
    if (was.provider, was.receiver) != (now.provider, now.receiver):
        said.append(f"by {_name(state, now.provider)}, to {_name(state, now.receiver)}")
    if (was.amount, was.unit) != (now.amount, now.unit) and not priced:
        said.append(f"{money(network, now.amount, now.unit)} instead of {money(network, was.amount, was.unit)}")
    if was.what != now.what and not now.amount and not priced:
        said.append(f"{now.what} instead of {was.what}")
    if not moved:
        for words, a, b in (("not before", was.start, now.start), ("until", was.until, now.until)):
            if a != b:
                said.append(f"{words} {moment_in_words(b, zone)} ({zone})" if b else f"no more: {words} a time")
    for words, a, b in (("within", was.within, now.within), ("can be contested for", was.confirm, now.confirm)):
        if a != b:
            said.append(f"{words} {format_span(b)}" if b else f"no more: {words} {format_span(a)}")
    if (was.on, was.custody, was.quantity, was.measure) != (now.on, now.custody, now.quantity, now.measure):
        said.append("how much, or when it is owed, is not as before")
    return said


def time_in_words(terms: Terms, zone: str) -> str:
    if not terms.start:
        return "none that is named"
    if not terms.end:
        return f"{moment_in_words(terms.start, zone)} ({zone})"
    return f"{days_in_words([Span(terms.start, terms.end)], zone)} ({zone})"


def _name(state: State, author: bytes) -> str:
    return "you" if author == state.me else state.directory.name(author)
