"""Whether one and the same person had better been dishonest: the years of `bench.incentives`, in pairs.

What stands here was written before the first run.

Six of a kind, whose incomes scatter by 17 hours, tell little. So here the same person is looked at twice. A year is
simulated as in `bench.incentives` (vouched limits, p2pnode). On a certain day the whole world is copied; in the copy
one of the honest newcomers follows another strategy from that morning on, and nothing else is changed. Until then both
are one: the same arrival, street, vouch, deals, chance. Afterwards chance goes its own way in each.

  exit scammer   every honest newcomer, once. The day is drawn for each as the strategy says (from 200 to 340), from a
                 source of its own. He plunders for 14 days and is gone; the copy lives on until all that he had open
                 has ended. (Of goods that were spoilt and are made good later he sees nothing: less than 0.1 hours)
  the others     of each seed the first so many honest newcomers, from the day of arrival to the end of the year.
                 Colluders and bad-mouthers are one more among those who are there anyhow

The measure is that of `bench.incentives`: what he had at the end, a day from his arrival to the end of the year, times
365. Printed: the mean of both; their quotient (of means); the difference with an interval of 95 % (persons drawn with
replacement, 2,000 times); the share of persons for whom dishonesty paid. Of the exit scammers besides, in hours, not by
the year: what the last days brought (`exit`), and what the honest twin had from then to the end (`stay`); from whom it
was taken: partners, with whom he had settled something, or others; the debt left; and all this by thirds of what the
links into them carried on that day.
"""

import os
import pickle
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from .incentives_people import DISHONEST, HONEST, PLUNDER, YEAR, Person
from .incentives_systems import Ours
from .incentives_world import LASTS, World
from .report import Figure, arguments, show

EXIT = "exit scammer"
DRAWN = 2000


class Pair(NamedTuple):
    """One person, twice. honest, dishonest: hours a year. exit, stay, of_partners, of_others, debt: hours;
    links: what those into him carried on that day; lost: what others lost by him in all, his debt to vouchers too."""

    honest: float
    dishonest: float
    exit: float
    stay: float
    of_partners: float
    of_others: float
    debt: float
    links: float
    lost: float

    @property
    def gain(self) -> float:
        return self.dishonest - self.honest


def pairs(kind: str, count: int, seed: int, first: int | None = None, system: str = "p2pnode") -> list[Pair]:
    """Of one seed; of the first so many honest newcomers (None: of all)."""
    world = World(system, False, count, seed)
    chance = random.Random(f"{seed} {count} pairs")  # the same in every run
    chosen = [p for p in world.people if p.honest and not p.founder][:first]
    turns = {id(p): chance.randint(200, 340) if kind == EXIT else p.arrival for p in chosen}
    copies: list[tuple[Person, float, Pair]] = []
    world.begins()
    for day in range(YEAR):
        for person in chosen:
            if turns[id(person)] == day:
                copies.append((person, person.total, in_a_copy(partial(turned, world, person, kind, day))))
        world.lives(day)
    world.ends()
    return [pair._replace(honest=p.a_year, stay=p.total - before) for p, before, pair in copies]


def in_a_copy(work: Callable[[], Pair]) -> Pair:
    """Done by a child of this process, which has a copy of all that this one has."""
    inward, outward = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inward)
        with os.fdopen(outward, "wb") as pipe:
            pickle.dump(work(), pipe)
        os._exit(0)
    os.close(outward)
    with os.fdopen(inward, "rb") as pipe:
        found: Pair = pickle.load(pipe)
    os.waitpid(child, 0)
    return found


def turned(world: World, person: Person, kind: str, day: int) -> Pair:
    """The rest of the year with this person being of another kind."""
    before = person.total
    links = 0.0
    known: set[bytes] = set()
    if isinstance(world.system, Ours) and person.members:
        links = sum(link.amount for link in world.system.web.into(person.members[0].id)) / 100
        known = {a.id for (a, b), said in world.system.words.items() if b in person.members and said}
    person.kind = kind
    last = YEAR
    if kind == EXIT:
        person.leaves = day + PLUNDER
        last = min(YEAR, person.leaves + LASTS + 1)
    for later in range(day, last):
        world.lives(later)
    world.ends()
    thefts = [(victim, lost) for victim, thief, lost in world.thefts if thief.owner is person]
    direct = sum(lost for victim, lost in thefts if victim.id in known)
    debt = sum(max(0, -m.balance) for m in person.members) / 100
    others = sum(lost for _, lost in thefts) - direct
    return Pair(0.0, person.a_year, person.total - before, 0.0, direct, others, debt, links, person.taken)


class Summary(NamedTuple):
    honest: float
    dishonest: float
    low: float
    high: float
    pays: float

    @property
    def ratio(self) -> float:
        return self.dishonest / self.honest


def summary(found: Sequence[Pair]) -> Summary:
    chance = random.Random(len(found))
    gains = [pair.gain for pair in found]
    means = sorted(statistics.fmean(chance.choices(gains, k=len(gains))) for _ in range(DRAWN))
    return Summary(
        statistics.fmean(pair.honest for pair in found),
        statistics.fmean(pair.dishonest for pair in found),
        means[DRAWN // 40],
        means[-1 - DRAWN // 40],
        sum(gain > 0 for gain in gains) / len(gains),
    )


def line(kind: str, found: Sequence[Pair]) -> str:
    s = summary(found)
    mean = statistics.fmean(pair.gain for pair in found)
    return (
        f"{kind:<14}{len(found):>5}{s.honest:>9.1f}{s.dishonest:>11.1f}{s.ratio:>8.2f}"
        f"{mean:>9.1f} [{s.low:.1f}, {s.high:.1f}]{100 * s.pays:>6.0f} %"
    )


def leavers(found: Sequence[Pair]) -> list[str]:
    """What the last days of the exit scammers brought, by how well they were connected."""
    by_links = sorted(found, key=lambda pair: pair.links)
    third = -(-len(by_links) // 3)
    rows = [(name, by_links[i * third :][:third]) for i, name in enumerate(("low third", "middle third", "high third"))]
    heads = ("carry", "exit", "stay", "partners", "others", "debt", "ratio", "pays")
    lines = [f"{'links':<14}" + "".join(f"{head:>9}" for head in heads)]
    for name, some in [*rows, ("all", by_links)]:
        if some:
            means = [statistics.fmean(column) for column in zip(*some, strict=True)]
            pair = Pair(*means)
            pays = 100 * sum(each.gain > 0 for each in some) / len(some)
            hours = (pair.links, pair.exit, pair.stay, pair.of_partners, pair.of_others, pair.debt)
            cells = "".join(f"{each:>9.1f}" for each in hours)
            lines.append(f"{name:<14}{cells}{pair.dishonest / pair.honest:>9.2f}{pays:>7.0f} %")
    return lines


def measured(kinds: Iterable[str], count: int, seeds: Sequence[int], others: int) -> dict[str, list[list[Pair]]]:
    """By kind, of each seed."""
    with ProcessPoolExecutor(2) as pool:
        asked = {
            kind: [pool.submit(pairs, kind, count, seed, None if kind == EXIT else others) for seed in seeds]
            for kind in kinds
        }
        return {kind: [future.result() for future in futures] for kind, futures in asked.items()}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--people", type=int, default=200, help="at least 30")
    parser.add_argument("--seeds", default="1,2,3,4", help="the years")
    parser.add_argument("--kinds", default=EXIT, help="of: " + ", ".join(DISHONEST))
    parser.add_argument("--others", type=int, default=4, help="persons of each seed, for all but the exit scammer")
    options = parser.parse_args()
    began = time.monotonic()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    kinds = [kind for kind in DISHONEST if kind in options.kinds.split(",")]
    found = measured(kinds, options.people, seeds, options.others)
    notes = ["", f"{'':<14}{'pairs':>5}{HONEST:>9}{'dishonest':>11}{'ratio':>8}{'gain':>9} [95 %]      pays"]
    figures = []
    for kind, of_seeds in found.items():
        together = [pair for some in of_seeds for pair in some]
        notes.append(line(kind, together))
        if len(seeds) > 1:
            notes += [line(f"  seed {seed}", some) for seed, some in zip(seeds, of_seeds, strict=True)]
        name = "incentives_pairs_" + kind.replace(" ", "_").replace("-", "_")
        what = "income of the same persons, dishonest to honest"
        figures.append(Figure(name, summary(together).ratio, "", what, at_most=1))
        if kind == EXIT:
            notes += ["", *leavers(together)]
    notes += ["", f"{options.people} people, {time.monotonic() - began:.0f} s"]
    return show("Incentives, in pairs", figures, options.json, notes)


if __name__ == "__main__":
    sys.exit(main())
