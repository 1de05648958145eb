"""What `init` asks on a terminal when it is given no options. Each answer is checked before the next question."""

import secrets

import click

from protocols.errors import Refusal

from .areas import told
from .output import note, say


def ask_area() -> str | None:
    """A cell, as geohash; None for nowhere."""
    from p2pnode.gazetteer import area_of
    from p2pnode.home.founding import AREA_PRECISION

    say()
    say("Where do you live? The name of a place, 'lat,lon', geohash or plus code.")
    say("Neighbours see a square of some 5 km, never the place.")
    while True:
        typed = click.prompt("Area (empty: nowhere)", default="", show_default=False).strip()
        if not typed:
            return None
        try:
            cell = area_of(typed, AREA_PRECISION)
        except Refusal as e:
            note(f"{e.message}. {e.hint}")
            continue
        say(f"Neighbours see: {told(cell)}")
        return cell


def ask_network() -> tuple[str | None, str | None, str | None]:
    """The name and the unit of a network to found, or whom to join, or three times None: later."""
    from p2pnode.home.founding import NetworkPlan, check_plan, check_target

    say()
    say("If a neighbour sent you an invite link, or the address of their node, paste it. To start a network, name it.")
    while True:
        typed = click.prompt("Link, or name of a new network (empty: later)", default="", show_default=False).strip()
        try:
            if not typed:
                return None, None, None
            if is_target(typed):
                check_target(typed)
                return None, None, typed
            say("Neighbours count what they do for one another in a unit. It is no money that somebody issues.")
            unit = click.prompt("Its unit", default="hour").strip()
            check_plan(NetworkPlan(typed, unit))
            return typed, unit, None
        except Refusal as e:
            note(f"{e.message}. {e.hint}")


def is_target(typed: str) -> bool:
    """Is this a link or an address, and not the name of a network?"""
    return typed.startswith(("/", "p2pnode:")) or "://" in typed


def ask_words_back(words: list[str]) -> None:
    """Whether they were written down: two of them, or the user's word for it."""
    first, second = sorted(secrets.SystemRandom().sample(range(len(words)), 2))
    for number in (first, second):
        while True:
            typed = click.prompt(
                f"Word {number + 1} of your paper (Enter, if you have written all of them down)",
                default="", show_default=False,
            ).strip()  # fmt: skip
            if not typed:
                return
            if typed.lower() == words[number]:
                break
            note("That is another word. Look at your paper, and at the words above.")
