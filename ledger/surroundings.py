"""Whom I can trust, and by whom: as much of the trust graph around me as can be looked at. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from .exposure import Exposure, Use, Web
from .reputation import Score, View
from .trust import Path

MAX_TIES: Final = 400


class Person(msgspec.Struct, frozen=True):
    """path: authors from me to him, both included; trust: his voice, 0 to 1; unheard: how many have rated him whose
    word does not come to me; exposure: None where it was too much work to find out."""

    author: bytes
    path: Path
    trust: float
    score: Score
    unheard: int
    exposure: Exposure | None


class Tie(msgspec.Struct, frozen=True):
    """`a` trusts `b`. rated: by his own good word; else an invite or a vouch joins the two."""

    a: bytes
    b: bytes
    rated: bool


class Surroundings(msgspec.Struct, frozen=True):
    """people: who has most of a voice first; who is on the path of one of them is one of them. ties: between them and
    me, those on the paths first. more: how many others I can reach."""

    people: tuple[Person, ...]
    ties: tuple[Tie, ...]
    more: int


def surroundings(view: View, web: Web, uses: Iterable[Use], most: int) -> Surroundings:
    """Arguments as for `View` and `Web.exposure`. most: people."""
    paths = view.around(most)
    exposures = web.exposures(view.me, (path[-1] for path in paths), uses)
    people = []
    for path in paths:
        author = path[-1]
        score = view.score(author)
        heard = {reason.rater for reason in score.why if reason.ratee == author}
        unheard = view.raters(author) - len(heard)
        people.append(Person(author, path, view.trust(author), score, unheard, exposures.get(author)))
    return Surroundings(tuple(people), _ties(view, paths), view.others - len(people))


def _ties(view: View, paths: tuple[Path, ...]) -> tuple[Tie, ...]:
    shown = {view.me, *(path[-1] for path in paths)}
    on_paths = {path[-2:] for path in paths}
    found = [Tie(a, b, rated) for a in sorted(shown) for b, rated in view.trusted(a).items() if b in shown]
    return tuple(sorted(found, key=lambda tie: ((tie.a, tie.b) not in on_paths, tie.a, tie.b))[:MAX_TIES])
