"""How the constants of `ledger.reputation.Settings` were chosen, and what each term of the rule is worth.

Only the older 80 % of the ratings are read. Two windows of them are foretold, each in ten slices from what is older
than the slice; half of the viewers are drawn by the seed. One constant is changed at a time. What counts is the mean,
over the windows, of the AUC of `ratee`, `warm` and `known` and, per viewer, of ours less beta (so that a rule that only
knows which viewers are strict does not win). Of the values that withstand the attacks, the best is chosen, and another
than the module's only if it is better by more than `MARGIN`, which is about the noise.

To withstand: on the state at the end of the older 80 %, and on the same after a year in which nobody rated anybody, no
invented person of 100 behind 10 attack edges stands in the top decile, and their bad-mouthing costs a good name, on
average, at most 0.03.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from ledger.reputation import Settings
from protocols.limits import DAY

from .reputation_attacks import WIRINGS, Attack, Eyes, Field, field, lies
from .reputation_data import OLDER, Block, Rating, drawn_by, refreshed
from .reputation_foretell import Told, Variant, compare

MARGIN: Final = 0.01
WINDOWS: Final = ((0.5, 0.75), (0.75, 1.0))  # of the older ratings
OPTIONS: Final[dict[str, tuple[float, ...]]] = {
    "half_life": (60 * DAY, 180 * DAY, 365 * DAY, 730 * DAY),
    "reach": (0.003, 0.01, 0.03),
    "weight": (0.5, 1.0, 2.0),
    "quarrel": (0.0, 0.25, 0.5),
    "own": (5.0, 20.0, 1e9),
}
HARM: Final = 0.03
EDGES: Final = 10
CROWD: Final = 100
YEAR: Final = 365 * DAY


class Tried(NamedTuple):
    """auc: warm, ratee, known, viewer less beta, each the mean over the windows; top, harm: of the attacks."""

    name: str
    auc: tuple[float, float, float, float]
    top: int | None
    harm: float | None

    @property
    def withstands(self) -> bool:
        return self.top == 0 and self.harm is not None and self.harm <= HARM

    @property
    def worth(self) -> float:
        return sum(self.auc[:3]) / 3 + self.auc[3]


def variants() -> dict[str, Variant]:
    base = Settings()
    found = {"as in the module": Variant()}
    for name, values in OPTIONS.items():
        for value in values:
            if value != getattr(base, name):
                found[_label(name, value)] = Variant(msgspec.structs.replace(base, **{name: value}))
    found["without the bound on paths"] = Variant(bounded=False)
    found["without invites"] = Variant(invites=False)
    return found


def tried(ratings: Sequence[Rating], seed: int, jobs: int) -> list[Tried]:
    older = ratings[: int(OLDER * len(ratings))]
    tolds = []
    for begin, end in WINDOWS:
        blocks = refreshed(older, int(begin * len(older)), int(end * len(older)))
        tolds.append(compare([_half(block, seed) for block in blocks], variants(), jobs))
    ground = _Ground(field(older, 5, 100, 5, seed))
    return [_tried(name, variant, tolds, ground) for name, variant in variants().items()]


def chosen(rows: Sequence[Tried]) -> dict[str, float]:
    """The value of each constant, by the rule above."""
    by_name = {row.name: row for row in rows}
    base = by_name["as in the module"]
    found: dict[str, float] = {}
    for name, values in OPTIONS.items():
        found[name] = getattr(Settings(), name)
        best = base.worth + MARGIN if base.withstands else float("-inf")
        for value in values:
            row = by_name.get(_label(name, value))
            if row is not None and row.withstands and row.worth > best:
                found[name], best = value, row.worth
    return found


def _label(name: str, value: float) -> str:
    if name == "half_life":
        return f"half-life {value / DAY:.0f} d"
    return f"{name} {value:g}" if value < 1e6 else f"without {name} experience"


def _half(block: Block, seed: int) -> Block:
    viewers = sorted({r.rater for r in block.asked})
    drawn = set(drawn_by(seed).sample(viewers, (len(viewers) + 1) // 2))
    return Block(block.now, block.known, [r for r in block.asked if r.rater in drawn])


class _Ground:
    """The attacks, now and after a year of silence."""

    def __init__(self, now: Field) -> None:
        self._crowds, self._names = [], []
        for at in (now, now._replace(now=now.now + YEAR)):
            for wiring in WIRINGS:
                self._crowds.append(Eyes(at, [*at.ratings, *lies(at, Attack(EDGES, CROWD, wiring))]))
            lied = [*at.ratings, *lies(at, Attack(EDGES, CROWD, "spread"), at.names)]
            self._names.append((Eyes(at, at.ratings), Eyes(at, lied)))

    def top(self, settings: Settings) -> int:
        return sum(round(gain.top * CROWD) for eyes in self._crowds for gain in eyes.gains(CROWD, settings))

    def harm(self, settings: Settings) -> float:
        return max(
            _mean([old - new for old, new in zip(before.names(settings), after.names(settings), strict=True)])
            for before, after in self._names
        )


def _tried(name: str, variant: Variant, tolds: Sequence[Told], ground: _Ground) -> Tried:
    viewer = [_mean(told.per_viewer(name, "beta")) for told in tolds]
    auc = [_mean([told.auc(name, group) for told in tolds]) for group in ("warm", "ratee", "known")]
    found = (auc[0], auc[1], auc[2], _mean(viewer))
    if not variant.bounded or not variant.invites:
        return Tried(name, found, None, None)
    return Tried(name, found, ground.top(variant.settings), ground.harm(variant.settings))


def _mean(values: Sequence[float]) -> float:
    """nan of none, which is neither better than anything nor withstands."""
    return sum(values) / len(values) if values else float("nan")
