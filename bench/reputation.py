"""How well reputation foretells, what an attack gains, and what it costs: `python -m bench.reputation RATINGS.csv`.

A line of the CSV is rater, ratee, rating, time in seconds. Any file of this form will do, whatever its scale and order:
`bench/reputation_file.py` says what is understood.

What is asked: is a rating good, that is above what is neither good nor bad? Scores are from the rater's standpoint,
out of what is older:

* temporal: the newest 20 % from the state at their beginning; refreshed: in ten slices, each from all that is older;
* random: the 80 % drawn at random, three times; of the others 1,000 are asked;
* AUC: how often a good one stands above a bad one, over all that are asked in a group; per viewer: within the ratings
  of each viewer who gave both, ours less beta, mean over viewers, with the bootstrap's lower bound (2.5 %);
* leave-one-out: 1,000 ratings, each foretold from all the others; root of the mean squared error of the share.

All methods see the same. The file knows no invites: who first rated somebody well counts as his inviter; a viewer of
whom nothing is known stands next to the oldest rater, from whom all invites come. The constants of our rule were chosen
on the older 80 % alone (`--tune`), and do not depend on the file.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from statistics import mean
from typing import Final

import msgspec

from bench.report import Figure, arguments, show
from ledger.reputation import Settings
from protocols.limits import DAY

from . import reputation_attacks as attacks
from . import reputation_foretell as foretelling
from .reputation_data import OLDER, Block, Rating, at_random, by_viewers, drawn_by, refreshed
from .reputation_file import read
from .reputation_foretell import GROUPS, METHODS, OURS, Told
from .reputation_sizes import cost, numeric_stack
from .reputation_tune import chosen, tried

ASKED: Final = 1_000
RANDOM_SPLITS: Final = 3
VIEWERS: Final = 10
HONEST: Final = 150
NAMES: Final = 10
FEW: Final = 10  # attack edges that must gain nothing
TOO_FEW: Final = float("nan")

Say = Callable[[str], None]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("csv", type=Path, nargs="?", help="the ratings; without them, only what `--only sizes` does")
    parser.add_argument("--tune", action="store_true", help="choose the constants, on the older 80 %% alone")
    parser.add_argument("--only", choices=tuple(PARTS), action="append", help="not all parts; may be repeated")
    parser.add_argument("--neutral", type=float, help="the rating that is neither good nor bad, if it is not 0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    args = parser.parse_args()
    say: Say = partial(print, file=sys.stderr if args.json else sys.stdout, flush=True)
    ratings: Sequence[Rating] = ()
    if args.csv:
        try:
            found = read(args.csv, args.neutral)
        except (ValueError, OSError) as error:
            parser.error(str(error))
        ratings = found.ratings
        say(f"{args.csv}: {found.about}")
        say(f"seed {args.seed}; ours with the constants of the module, none from this file: {_constants()}")
    elif args.tune or args.only not in (None, ["sizes"]):
        parser.error("there are no ratings")
    else:
        args.only = ["sizes"]
    if args.tune:
        return tune(ratings, args, say)
    figures: list[Figure] = []
    for part in args.only or PARTS:
        figures += PARTS[part](ratings, args, say)
    say("")
    return show(f"reputation, seed {args.seed}", figures, args.json)


def _constants() -> str:
    values = msgspec.structs.asdict(Settings())
    days = values.pop("half_life") / DAY
    return ", ".join([f"half-life {days:.0f} d", *(f"{name} {value:g}" for name, value in values.items())])


def tune(ratings: Sequence[Rating], args: argparse.Namespace, say: Say) -> int:
    rows = tried(ratings, args.seed, args.jobs)
    say("\nthe older 80 % alone; see bench/reputation_tune.py for how it is chosen")
    say(f"  {'':34}  warm  ratee  known  viewer  worth   top  harm")
    for row in rows:
        auc = "  ".join(f"{value:.3f}" for value in row.auc[:3])
        attack = "" if row.harm is None else f"{row.top:4}  {row.harm:.3f}"
        say(f"  {row.name:34} {auc}  {row.auc[3]:+.3f}  {row.worth:.3f}  {attack}".rstrip())
    values = chosen(rows)
    days = values.pop("half_life") / DAY
    say("chosen: " + ", ".join([f"half-life {days:.0f} d", *(f"{name} {value:g}" for name, value in values.items())]))
    return 0


def foretell(ratings: Sequence[Rating], args: argparse.Namespace, say: Say) -> list[Figure]:
    split = int(OLDER * len(ratings))
    fresh = foretelling.foretell(refreshed(ratings, split, len(ratings)), args.jobs)
    at_once = Block(ratings[split].at, ratings[:split], ratings[split:])
    once = foretelling.foretell(by_viewers(at_once, 4 * args.jobs), args.jobs)
    figures = [
        Figure("auc_refreshed_warm", fresh.auc(OURS, "warm"), "AUC", GROUPS["warm"], at_least=0.77),
        Figure("auc_refreshed_ratee", fresh.auc(OURS, "ratee"), "AUC", GROUPS["ratee"]),
        Figure("auc_temporal_known", once.auc(OURS, "known"), "AUC", GROUPS["known"], at_least=0.72),
        Figure("auc_temporal_warm", once.auc(OURS, "warm"), "AUC", GROUPS["warm"]),
    ]
    for name, told in (("refreshed ten times", fresh), ("temporal", once)):
        _table(f"AUC, newest 20 %, {name}", told, say)
        for group in ("all", "warm"):
            gain, least, count = told.difference(OURS, "beta", args.seed, group)
            say(f"  per viewer ({count}), {group}: ours less beta {gain:+.3f}, lower bound {least:+.3f}")
            what = f"ours less beta, lower bound, {group}"
            figures.append(Figure(f"viewer_{name.partition(' ')[0]}_{group}", least, "AUC", what, above=0))
    return figures


def at_random_and_left_out(ratings: Sequence[Rating], args: argparse.Namespace, say: Say) -> list[Figure]:
    rng = drawn_by(args.seed)
    parts = [by_viewers(at_random(ratings, rng, ASKED), args.jobs) for _ in range(RANDOM_SPLITS)]
    tolds = [foretelling.foretell(blocks, args.jobs) for blocks in parts]
    say(f"\nAUC, 20 % at random, mean of {RANDOM_SPLITS}, {ASKED:,} of each asked, warm")
    for method in METHODS:
        say(f"  {method:22}" + "".join(f" {mean(told.auc(method, 'warm') for told in tolds):.3f}"))
    left_out = rng.sample(ratings, min(ASKED, len(ratings)))
    work = [(ratings, left_out[job :: args.jobs], ratings[-1].at) for job in range(args.jobs)]
    with Pool(args.jobs) as pool:
        errors = foretelling.rmse(pool.map(foretelling.leave_one_out, work))
    say(f"\nleave-one-out, root of the mean squared error over {len(left_out):,} ratings")
    for method, error in errors.items():
        say(f"  {method:26} {error:.3f}")
    ours = mean(told.auc(OURS, "warm") for told in tolds)
    return [
        Figure("auc_random_warm", ours, "AUC", "random splits, warm"),
        Figure("rmse_left_out", errors[OURS], "", "leave-one-out, of the share of good outcomes"),
    ]


def attack(ratings: Sequence[Rating], args: argparse.Namespace, say: Say) -> list[Figure]:
    older = ratings[: int(OLDER * len(ratings))]
    at = attacks.field(older, VIEWERS, HONEST, NAMES, args.seed)
    if not at.viewers:
        say("\nno attack: too few have rated anybody well")
        return _safety(TOO_FEW, TOO_FEW, TOO_FEW)
    cases = [
        attacks.Attack(edges, identities, wiring)
        for edges in attacks.EDGES
        for identities in attacks.IDENTITIES
        for wiring in (attacks.WIRINGS if identities > 1 else ("front",))
    ]
    with Pool(args.jobs) as pool:
        gains = dict(zip(cases, pool.imap(attacks.attacked, [(at, case) for case in cases]), strict=True))
        mouths = [case for case in cases if case.identities == max(attacks.IDENTITIES)]
        harms = dict(zip(mouths, pool.imap(attacks.bad_mouthed, [(at, case) for case in mouths]), strict=True))

    def percentile(case: attacks.Attack, name: str) -> float:
        return mean(gain.percentile for gain in gains[case][name])

    def inside(case: attacks.Attack, name: str) -> int:
        return max(round(gain.top * case.identities) for gain in gains[case][name])

    say(f"\nsybils: k honest people are won over; what {VIEWERS} viewers see, and {HONEST} honest people to compare")
    told: tuple[tuple[str, Callable[[attacks.Attack, str], float], str], ...] = (
        ("percentile of the best one among the honest, mean over viewers", percentile, ".2f"),
        ("how many of them stand in the top decile, the worst viewer", inside, "d"),
    )
    for title, of, form in told:
        say(f"  {title}")
        for heading, values in (
            ("  k =", [case.edges for case in cases]),
            ("  identities", [case.identities for case in cases]),
            ("  wiring", [case.wiring for case in cases]),
        ):
            say(f"  {heading:22}" + "".join(f"{value:>7}" for value in values))
        for name in METHODS:
            say(f"    {name:20}" + "".join(f"{of(case, name):>7{form}}" for case in cases))
    gained = 0.0
    for case in cases:
        one = gains[attacks.Attack(case.edges, 1, "front")][OURS]
        for alone, crowd in zip(one, gains[case][OURS], strict=True):
            gained = max(gained, crowd.score / alone.score, crowd.voices / alone.voices if alone.voices else 1.0)
    say(f"  gain of our best one from 1 to {max(attacks.IDENTITIES):,} identities: {gained:.4f} times")
    figures = [
        Figure(
            f"sybil_percentile_{edges}",
            max(percentile(case, OURS) for case in cases if case.edges == edges),
            "of 1",
            f"the best sybil behind {edges} attack edges",
        )
        for edges in attacks.EDGES
    ]
    top = max(inside(case, OURS) for case in cases if case.edges <= FEW)
    if not at.names:
        say(f"\nno bad-mouthing: nobody has {attacks.GOOD_NAME} good ratings and not one bad")
        return figures + _safety(top, gained, TOO_FEW)
    say(f"\nbad-mouthing by {max(attacks.IDENTITIES):,}: what {NAMES} good names lose, mean (and most, for any viewer)")
    for case, harm in harms.items():
        cells = [f"{name} {mean(lost):.3f} ({max(lost):.3f})" for name, lost in harm.items()]
        say(f"  {case.edges:5} edges, {case.wiring:7} " + "   ".join(cells))
    worst = max(mean(harm[OURS]) for case, harm in harms.items() if case.edges <= FEW)
    return figures + _safety(top, gained, worst)


def _safety(top: float, gained: float, worst: float) -> list[Figure]:
    return [
        Figure("sybils_in_top_decile", top, "people", f"at most, for any viewer, k ≤ {FEW}", at_most=0),
        Figure("gain_of_the_best", round(gained, 2), "times", "score or voices, 1 to 1,000, any k", at_most=1.0),
        Figure("bad_mouthing", worst, "of 1", f"what a good name loses, k ≤ {FEW}", at_most=0.03),
    ]


def sizes(ratings: Sequence[Rating], args: argparse.Namespace, say: Say) -> list[Figure]:
    rows = [cost(people, args.seed) for people in (500, 6_000, 100_000)]
    say("\nmade-up networks, plain Python, one process")
    for row in rows:
        whole = "" if row.everybody is None else f"; all scores from scratch {row.everybody * 1e3:.0f} ms"
        say(
            f"  {row.people:7,} people, {row.ratings:7,} ratings: book {row.book:.2f} s, "
            f"standpoint {row.standpoint:.3f} s, a score {row.score * 1e3:.2f} ms "
            f"(slowest {row.slowest * 1e3:.1f}), {row.memory:.0f} MB{whole}"
        )
    return [
        Figure("everybody_500_ms", (rows[0].everybody or 0.0) * 1e3, "ms", "all scores of 500 people", at_most=200),
        Figure("query_500_ms", rows[0].slowest * 1e3, "ms", "one query, the slowest", at_most=10),
        Figure("book_6k_s", rows[1].book + rows[1].standpoint, "s", "6,000 people, from scratch"),
        Figure("memory_6k_mb", rows[1].memory, "MB", "6,000 people"),
        Figure("book_100k_s", rows[2].book + rows[2].standpoint, "s", "100,000 people, from scratch"),
        Figure("memory_100k_mb", rows[2].memory, "MB", "100,000 people"),
        Figure("numeric_stack", len(numeric_stack()), "modules", "numpy and the like, in a running node", at_most=0),
    ]


def _table(title: str, told: Told, say: Say) -> None:
    say(f"\n{title}")
    say(f"  {'':22}" + "".join(f"{group:>8}" for group in GROUPS))
    say(f"  {'asked':22}" + "".join(f"{told.count(group):>8,}" for group in GROUPS))
    for method in METHODS:
        say(f"  {method:22}" + "".join(f"{told.auc(method, group):>8.3f}" for group in GROUPS))


PARTS: Final[dict[str, Callable[[Sequence[Rating], argparse.Namespace, Say], list[Figure]]]] = {
    "foretell": foretell,
    "random": at_random_and_left_out,
    "attacks": attack,
    "sizes": sizes,
}


if __name__ == "__main__":
    sys.exit(main())
