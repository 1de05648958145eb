"""What dishonesty earns: a neighbourhood that trades for a year, under five ways of knowing whom to trust.

What stands here was written before the first run. What was changed afterwards, and why, is told in
docs/incentives.md.

The neighbourhood. Days are steps; everything is drawn from the seed; unit: an hour, 100 minor units. Of all people 60
% are honest founders, endowed with 20.00 each; 20 % are honest newcomers, 20 % dishonest, a sixth of these of each
strategy. Who is not a founder arrives on a day from 1 to 120, invited by an honest member of the street (of 20
houses).

Credit. *vouched*: the inviter vouches with 3.00, which is the newcomer's limit and lowers the inviter's. Founders
vouch for three others of the street with 2.00. Who leaves owing leaves it to his vouchers, as far as they vouched.
*free*: each new identity has a limit
of 3.00 out of nothing, and nobody vouches for who arrives.

Trade. A member wants something on one day in six, at a price of 0.50, 1, 1, 2, 2, 3, 5 or 8 (even odds). It is worth
1.3 prices to the buyer and costs the seller 0.7. Four sellers offer it, each with odds of 0.6 out of the street, else
from anywhere. Of those whom the system lets him accept the buyer takes the best, in three cases of ten any. He must
be able to pay within his limit, what is open being held. The seller must accept him, too. Somebody goes first, by
working or by paying; the other should follow three days later. The less trusted goes first (even: by lot). In a
hundred deals two go wrong by mishap: the goods are worth half a price, and the buyer says -1. In four of five cases
the seller makes it good after 14 days, at half his cost again, and the buyer says +1 instead. Both say +2 when it
went well. Who was cheated says -2 on the third day. Words are known to all on the day after.

Strategies. *Plundering* means: wants three things a day, each at the highest of three prices; is offered three times
as often; goes second only, and does not follow (but goes first as a buyer as long as he has credit, whose debt he
leaves); says -2 of everybody whom he cheats.
  honest        follows, says what was
  whitewasher   plunders from his first day. Once a victim has spoken he looks for a new identity: vouched, he finds
                an honest member who invites him with odds of 1 in 30 a day; free, at once
  sybil ring    one person, invited once, with 20 more identities that he invites himself. Each month every identity
                says +2 of three others of the ring, for deals of 8.00, and they of it. Honest for 90 days with the
                first identity, then all plunder; a burnt one is replaced by another of his own at once. Free, each
                brings its 3.00
  exit scammer  honest until a day from 200 to 340; plunders for 14 days; is gone
  bad-mouther   honest, but says -2 of everybody
  colluder      all colluders say +2 of three others of them each month, for deals of 8.00; trade as honest people do,
                but of four times that they go second do not follow in one, and say -2 of whom they cheated
  free-rider    buys, and pays, as long as he has credit; never sells

Systems.
  none          everybody is accepted; by lot
  star          the mean of all words; accepted from 0 on; a newcomer has 0
  beta          (good + 1) / (all + 2), words counted; accepted from 0.45 on
  eigentrust    Kamvar, Schlosser, Garcia-Molina 2003: max(good - bad, 0) per pair, normalised, restart 0.15 to ten
                founders, made anew each week; accepted from a tenth of the mean on; who was never rated with odds of
                1 in 10
  p2pnode       ledger/reputation.py as each sees it himself, at most 14 days old, accepted from 0.5 on, and
                who was cheated himself refuses; and ledger/exposure.py: who goes first must be able to risk the price
                with the other (what is open counts; links fade by half in 180 days and carry a quarter of what was
                settled, at most 20.00; the words -2 and -1 are losses of the whole and of half the price). A vouch is
                a link from the voucher to the subject. If that allows one order only, it is that one; if none, in
                four parts in turns, so that a quarter is at risk; else they do not deal. Who has had fewer than three
                good deals goes first up to 1.00 at his own risk

Income. What goods were worth less what work cost, and the balance at the end: what is owed counts for the honest and
the bad-mouther; the others leave it. The debts of others that fell to a voucher count against him. Per person, not
per identity; a day from his arrival to the end of the year, times 365: who is gone earns nothing more. A strategy is
compared with the honest newcomers, who came on the same days. Beside it, *while present*: a day on which he was
there, times 365; it differs for who leaves.
Frozen: an honest member is, once the system refuses him after he was rated; in p2pnode, once half of 20 honest members
refuse him. Looked at every four weeks.

Must reach, vouched, p2pnode, in 48 years (`--years`), each a neighbourhood of its own, of the seeds 3001 to 3048: none
of them had been run when this rule was written down. Every dishonest strategy earns less than honesty: its mean income
over these years, to that of the honest newcomers, is below 1 at the upper end of its interval, too (2,000 times as many
years drawn with replacement, 95 %). At most 1 % of the honest are ever frozen, by the mean. Six of a strategy and some
forty honest newcomers make one year's quotient uncertain by a quarter, so every year is printed, and none is judged
alone.
"""

import gc
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final, NamedTuple

from .incentives_people import DISHONEST, HONEST, Person
from .incentives_systems import SYSTEMS
from .incentives_world import World
from .report import Figure, arguments, show

KINDS = ("founder", HONEST, *DISHONEST)
OURS: Final = "p2pnode"
FRESH: Final = 3001  # the first of the seeds that had not been looked at
DRAWN: Final = 2_000  # times that years are drawn for an interval
SELDOM: Final = 100_000  # objects until garbage is looked for: a year makes little, and looking costs a fifth of it


class Year(NamedTuple):
    """Means over persons. income: hours a year, for each kind; present: the same for the days on which he was there,
    as if he had gone on like that; taken: hours that others lost by one of it; frozen: share of the honest; first,
    tenth: median days of an honest newcomer to his first and tenth deal (inf: more than half had none); met: share of
    what the honest wanted that they got."""

    income: dict[str, float]
    present: dict[str, float]
    taken: dict[str, float]
    frozen: float
    first: float
    tenth: float
    met: float

    @property
    def best(self) -> float:
        """The income of the most profitable dishonesty, to that of an honest newcomer."""
        return max(self.income[kind] for kind in DISHONEST) / self.income[HONEST]

    @property
    def best_present(self) -> float:
        """The same of the days on which each was there."""
        return max(self.present[kind] for kind in DISHONEST) / self.present[HONEST]


def year(system: str, free: bool, count: int, seeds: Sequence[int]) -> Year:
    """All seeds together, as if they were one neighbourhood."""
    people = [person for seed in seeds for person in World(system, free, count, seed).run()]
    groups = {kind: [p for p in people if ("founder" if p.founder else p.kind) == kind] for kind in KINDS}
    honest = [p for p in people if p.honest]
    return Year(
        {kind: statistics.mean(p.a_year for p in group) for kind, group in groups.items()},
        {kind: statistics.mean(p.while_present for p in group) for kind, group in groups.items()},
        {kind: statistics.mean(p.taken for p in group) for kind, group in groups.items()},
        sum(p.frozen for p in honest) / len(honest),
        until(groups[HONEST], 1),
        until(groups[HONEST], 10),
        sum(p.met for p in honest) / sum(p.wants for p in honest),
    )


def until(newcomers: Sequence[Person], nth: int) -> float:
    """The median of days from arriving to the nth deal."""
    days = [p.deals[nth - 1] - p.arrival if len(p.deals) >= nth else float("inf") for p in newcomers]
    return statistics.median_low(days)


def table(years: dict[str, Year]) -> list[str]:
    """One line a kind, one column a system; what others lost by one of it in brackets."""
    rows = [("income, hours a year (taken)", [name for name in years])]
    for kind in KINDS:
        cells = [
            f"{y.income[kind]:.0f}" + (f" ({y.taken[kind]:.0f})" if kind in DISHONEST else "") for y in years.values()
        ]
        rows.append((f"{kind} newcomer" if kind == HONEST else kind, cells))
    rows += [
        ("best dishonesty / honesty", [f"{y.best:.2f}" for y in years.values()]),
        ("exit scammer, while present", [f"{y.present['exit scammer']:.0f}" for y in years.values()]),
        ("best / honesty, while present", [f"{y.best_present:.2f}" for y in years.values()]),
        ("honest ever frozen, %", [f"{100 * y.frozen:.1f}" for y in years.values()]),
        ("newcomer's first deal, days", [f"{y.first:.0f}" for y in years.values()]),
        ("newcomer's tenth deal, days", [f"{y.tenth:.0f}" for y in years.values()]),
        ("wants of the honest met, %", [f"{100 * y.met:.0f}" for y in years.values()]),
    ]
    return [f"{name:<30}" + "".join(f"{cell:>13}" for cell in cells) for name, cells in rows]


class Earned(NamedTuple):
    """A dishonest strategy over all years. hours: its mean income; ratio: to that of honest newcomers; low, high:
    the ratio with years drawn with replacement, 95 %."""

    hours: float
    ratio: float
    low: float
    high: float


def earned(kind: str, years: Sequence[Year]) -> Earned:
    def ratio(some: Sequence[Year]) -> float:
        return statistics.fmean(y.income[kind] for y in some) / statistics.fmean(y.income[HONEST] for y in some)

    chance = random.Random(len(years))  # the same in every run
    drawn = sorted(ratio(chance.choices(years, k=len(years))) for _ in range(DRAWN))
    hours = statistics.fmean(y.income[kind] for y in years)
    return Earned(hours, ratio(years), drawn[DRAWN // 40], drawn[-1 - DRAWN // 40])


def one_year(found: Year) -> str:
    """What each strategy earned in it, to honesty."""
    return "  ".join(f"{kind} {found.income[kind] / found.income[HONEST]:.2f}" for kind in DISHONEST)


def by_years(years: Sequence[Year]) -> list[str]:
    """Each strategy over all years, with the years between which it lies, and by the other measure."""
    honest = statistics.fmean(y.income[HONEST] for y in years)
    lines = [f"{'':<30}{'hours':>8}{'to honesty':>13}{'95 %':>16}{'years from':>13}{'to':>8}{'while present':>16}"]
    lines.append(f"{'honest newcomer':<30}{honest:>8.1f}")
    for kind in DISHONEST:
        e = earned(kind, years)
        single = [y.income[kind] / y.income[HONEST] for y in years]
        present = statistics.fmean(y.present[kind] for y in years) / statistics.fmean(y.present[HONEST] for y in years)
        between = f"{e.low:.2f} to {e.high:.2f}"
        years_between = f"{min(single):>13.2f}{max(single):>8.2f}"
        lines.append(f"{kind:<30}{e.hours:>8.1f}{e.ratio:>13.2f}{between:>16}{years_between}{present:>16.2f}")
    return lines


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--people", type=int, default=200, help="at least 30")
    parser.add_argument("--seeds", type=int, default=1, help="of the tables: years that are taken together")
    parser.add_argument("--years", type=int, default=48, help="p2pnode, vouched: so many years, for the target")
    parser.add_argument("--first", type=int, default=FRESH, help="the seed of the first of them")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="of: " + ", ".join(SYSTEMS))
    options = parser.parse_args()
    say = partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
    began = time.monotonic()
    names = [name for name in SYSTEMS if name in options.systems.split(",")]
    jobs = [(name, free) for name in reversed(names) for free in (False, True)]  # the longest first
    seeds = range(1, options.seeds + 1)
    singly = range(options.first, options.first + options.years) if OURS in names else range(0)
    say(f"{options.people} people; the tables, then {len(singly)} years of a minute or two each, all cores at once")
    with ProcessPoolExecutor(os.cpu_count(), initializer=partial(gc.set_threshold, SELDOM)) as pool:
        asked = {job: pool.submit(year, *job, options.people, seeds) for job in jobs}
        alone = {seed: pool.submit(year, OURS, False, options.people, [seed]) for seed in singly}
        years = {job: future.result() for job, future in asked.items()}
        for free, title in ((False, "with vouched limits"), (True, "with free credit for newcomers")):
            say("\n".join(["", title, *table({name: years[name, free] for name in names})]))
        say(f"seeds 1 to {options.seeds}, {time.monotonic() - began:.0f} s\n")
        ours = []
        for seed, future in alone.items():
            ours.append(future.result())
            say(f"{one_year(ours[-1])}   seed {seed}, {time.monotonic() - began:.0f} s")
    if not ours:
        return show("Incentives", [], options.json)
    say("\n".join(["", f"p2pnode, with vouched limits, {len(ours)} years", *by_years(ours), ""]))
    return show("Incentives", figures(ours, years[OURS, False], years[OURS, True]), options.json)


def figures(ours: Sequence[Year], vouched: Year, free: Year) -> list[Figure]:
    """What is judged: the years in which only p2pnode was run. Beside it, of its two tables, what newcomers meet."""
    found = {kind: earned(kind, ours) for kind in DISHONEST}
    best = max(DISHONEST, key=lambda kind: found[kind].ratio)
    uncertain = max(DISHONEST, key=lambda kind: found[kind].high)
    what = f"income of the best dishonest strategy ({best}) to an honest newcomer's, p2pnode, vouched"
    frozen = 100 * statistics.fmean(y.frozen for y in ours)
    return [
        Figure("incentives_best_dishonesty", found[best].ratio, "", what, at_most=1),
        Figure("incentives_best_dishonesty_upper", found[uncertain].high, "", f"95 %: {uncertain}", at_most=1),
        Figure("incentives_frozen_percent", frozen, "%", "of the honest, ever", at_most=1),
        Figure("incentives_first_deal_days", vouched.first, "days", "an honest newcomer's, median"),
        Figure("incentives_tenth_deal_days", vouched.tenth, "days", "his tenth"),
        Figure("incentives_free_credit", free.best, "", "the best dishonesty, with free credit"),
    ]


if __name__ == "__main__":
    sys.exit(main())
