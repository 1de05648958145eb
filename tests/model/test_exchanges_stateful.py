"""Random exchanges of every kind between 2 to 5 people: crashes, losses, any order, lies; and what holds all the same.

What must hold stands in `trading_truths`. Each rule of the engine that is taken away is found by the same machine.
"""

import inspect
import os
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from random import Random
from types import FunctionType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from protocols import calling_off, duties, exchange, negotiation, parcel
from protocols.exchange import NEGOTIATING, Status
from protocols.limits import DAY, HOUR, MINUTE
from protocols.parcel import customer_of
from protocols.terms import Terms
from tests.longer import either
from tests.model.trading import Person, World, root_of
from tests.model.trading_claims import paid_over, paid_twice
from tests.model.trading_honest import acts, asked, confirm_contested, hand_over
from tests.model.trading_lies import SHIFTS, lies
from tests.model.trading_terms import KINDS, PARCEL, terms_for
from tests.model.trading_truths import (
    Kept,
    Reading,
    accepted_twice,
    paid_ahead,
    undone,
    wrong_custody,
    wrong_value,
)
from tests.strategies import signer

LONG = bool(os.environ.get("P2PNODE_LONG"))
WAITS = (MINUTE, HOUR, HOUR, 6 * HOUR, DAY, DAY, 2 * DAY, 8 * DAY)
ENDED = frozenset(Status) - {Status.AGREED, Status.ACTIVE, Status.FULFILLED} - NEGOTIATING
MUTANT_WALKS = 300  # seeds among which one must find a rule that was taken away
ROUNDS = 150  # of looking what is to be done, in which exchanges of honest people come to an end

LIARS: dict[str, Callable[[Terms], list[bytes]]] = {
    "nobody": lambda t: [],
    "both": lambda t: [*t.parties],
    "mediator": lambda t: [t.mediator],
    "proposer": lambda t: [t.proposer],
    "responder": lambda t: [t.responder],
}

big = st.integers(0, 1_000)
seeds = st.integers(0, 1 << 16)


class Trading(RuleBasedStateMachine):
    kinds = KINDS

    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.kept: dict[tuple[int, bytes], Kept] = {}
        self.told = 0  # how much of what was sent has arrived, in the order in which it was sent

    @initialize(
        count=st.integers(2, 5),
        liars=st.sampled_from((*sorted(LIARS), "proposer", "responder", "responder")),
        wanted=st.lists(st.tuples(st.integers(0, len(KINDS) - 1), seeds), min_size=1, max_size=3),
        agreed=st.sampled_from((True, True, True, False)),
    )
    def meet(self, count: int, liars: str, wanted: list[tuple[int, int]], agreed: bool) -> None:
        """Who is there, and what they propose; most agree to it as it is. A liar is among the parties of the first."""
        self.world = World([signer(k + 1) for k in range(count)], set())
        for kind, seed in wanted:
            self.propose(self.kinds[kind % len(self.kinds)], seed)
        if self.world.deals:
            first = root_of(self.world.by_author[_author(self.world)], self.world.deals[0])
            for author in LIARS[liars](first):
                if author:
                    self.world.by_author[author].honest = False
        self.post()
        for deal in self.world.deals if agreed else ():
            terms = next(root_of(p, deal) for p in self.world.people if deal in p.facts)
            responder = self.world.by_author[terms.responder]
            self.world.accept(responder, responder.view(deal, self.world.now))
        self.post()

    def propose(self, kind: str, seed: int) -> None:
        found = terms_for(self.world, Random(seed), (kind,))
        if found is not None:
            by, terms = found
            if terms.parcel:
                self.world.hands.setdefault(PARCEL, customer_of(terms))
            self.world.propose(self.world.people[by], terms)

    def person(self, choice: int) -> Person:
        return self.world.people[choice % len(self.world.people)]

    # What may happen

    @precondition(lambda self: self.world.deals)
    @rule(who=big, which=big, choice=big, crash=st.sampled_from(("no",) * 6 + ("before", "after")), sent=st.booleans())
    def do(self, who: int, which: int, choice: int, crash: str, sent: bool) -> None:
        """An honest person does something; the first thing that he is asked to do, as often as anything else."""
        deals = self.world.deals[which % len(self.world.deals) :] + self.world.deals
        able = [p for p in self.world.people if p.up and p.honest]
        can = ((p, found) for d in deals for p in _turned(able, who) if (found := acts(self.world, p, d)))
        person, found = next(can, (None, []))
        if person is None:
            return
        _, act = found[0 if choice % 2 else (choice // 2) % len(found)]
        disk, parcel_at, held = person.disk(), dict(self.world.hands), len(self.world.deals)
        with self.world.nothing_leaves() if crash != "no" else nullcontext():
            act()
        both = self.world.hands != parcel_at  # two signed face to face: that is on both disks, or on neither
        if crash == "before" and not both:
            person.back_to(disk)
            del self.world.deals[held:]
        person.up = crash == "no"
        self.look()
        if sent:
            self.post()

    @precondition(lambda self: self.world.deals and any(not p.honest for p in self.world.people))
    @rule(who=big, which=big, choice=big, shift=st.sampled_from(SHIFTS), sent=st.booleans())
    def lie(self, who: int, which: int, choice: int, shift: int, sent: bool) -> None:
        liars = [p for p in self.world.people if not p.honest]
        deals = self.world.deals[which % len(self.world.deals) :] + self.world.deals
        told = ((p, d) for d in deals for p in _turned(liars, who) if d in p.facts)
        liar, deal = next(told, (liars[0], deals[0]))
        found = lies(self.world, liar, deal, shift)
        kinds = sorted({name for name, _ in found})
        if kinds:
            kind = kinds[choice % len(kinds)]
            of_kind = [lie for name, lie in found if name == kind or choice % 2]
            of_kind[choice // len(kinds) % len(of_kind)]()
            self.look()
        if sent:
            self.post()

    @rule()
    def post(self) -> None:
        """All that was sent since arrives, in order."""
        while self.told < len(self.world.sent):
            self.world.deliver(self.world.sent[self.told])
            self.told += 1
        self.look()

    @precondition(lambda self: self.world.sent)
    @rule(choice=st.lists(big, min_size=1, max_size=4))
    def arrive(self, choice: list[int]) -> None:
        """Anything that was ever sent: late, early, twice; what is never drawn is lost."""
        for k in choice:
            self.world.deliver(self.world.sent[-1 - k % len(self.world.sent)])
            self.look()

    @rule(wait=st.sampled_from(WAITS))
    def wait(self, wait: int) -> None:
        self.world.now += wait
        self.look()

    @rule(who=big)
    def restart(self, who: int) -> None:
        person = next((p for p in self.world.people if not p.up), self.person(who))
        person.up = True
        self.world.tend(person)

    @precondition(lambda self: PARCEL in self.world.hands)
    @rule(to=big)
    def pass_on(self, to: int) -> None:
        """Who has the parcel gives it to anybody: a neighbour takes it along."""
        giver = self.world.by_author.get(self.world.hands[PARCEL])
        if giver is not None:
            hand_over(self.world, giver, self.person(to), PARCEL)
            self.look()

    # What must hold

    def look(self, at_last: bool = False) -> None:
        for person in self.world.people:
            for deal in person.facts:
                if deal in person.facts[deal]:
                    self.look_at(person, deal)
        nothing(wrong_value(self.world))
        nothing([*paid_twice(self.world, at_last), *paid_over(self.world)])

    def look_at(self, person: Person, deal: bytes) -> None:
        world, held = self.world, person.facts[deal]
        view = person.view(deal, world.now)
        key = (person.number, deal)
        before = self.kept.get(key)
        if before is not None and before.view is view:
            return
        facts = list(held.values())
        reading = Reading(view, facts, world.now)
        terms = root_of(person, deal)
        if terms.parcel:
            receipts = list(person.receipts.get(terms.parcel, {}).values())
            reading.passed_duties = frozenset(parcel.passed(terms, receipts))
            nothing(wrong_custody(person.custody(terms), receipts))
        if view.agreed:
            nothing(reading.wrong())
        if before is not None and person.honest:
            liars = sum(not world.by_author[a].honest for a in view.terms.parties)
            nothing(undone(before, view, facts, liars > 1))
        if person.honest:
            nothing(paid_ahead(person, view, facts))
            assert person.me not in accepted_twice(facts)
        self.kept[key] = Kept(view, frozenset(held))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.arrive_at_last()
            if all(p.honest for p in self.world.people):
                self.come_to_an_end()
                self.arrive_at_last()

    def arrive_at_last(self) -> None:
        """Everything arrives: one view, one holder, no value between two."""
        world = self.world
        world.deliver_all()
        self.look(at_last=True)
        for deal in world.deals:
            honest = [p for p in world.people if p.honest and deal in p.facts]
            groups: dict[frozenset[bytes], list[Person]] = {}
            for p in honest:
                groups.setdefault(frozenset(p.facts[deal]), []).append(p)
            for same in groups.values():
                parties = [p for p in same if p.me in root_of(p, deal).parties]
                views = [p.view(deal, world.now) for p in parties]
                assert all(v == views[0] for v in views), "two who hold the same facts see something else"
            if len(groups) > 1:  # who lies told one what he did not tell the other: his signatures are the proof
                assert any(not p.honest for p in world.people)
        self.one_holder()
        if all(p.honest for p in world.people):
            assert sum(p.chain.balance for p in world.people) == 0

    def one_holder(self) -> None:
        world = self.world
        for deal in world.deals:
            knowing = [p for p in world.people if p.honest and deal in p.facts and root_of(p, deal).parcel]
            seen = [p.custody(root_of(p, deal)) for p in knowing]
            assert len({c.holder for c in seen}) <= 1
            assert all(c == seen[0] for c in seen)
            at = world.hands.get(PARCEL)
            if seen and at in world.by_author:
                assert seen[0].forks or seen[0].holder == at, "the parcel is elsewhere, and nobody can prove why"

    def come_to_an_end(self) -> None:
        """When all are honest and messages arrive, every exchange ends."""
        world = self.world
        for _ in range(ROUNDS):
            world.deliver_all()
            known = [(p, d) for p in world.people for d in p.facts]  # the ledgers tell a mediator nothing
            parties = [(p, d) for p, d in known if p.me in root_of(p, d).parties]
            unended = {d for p, d in parties if p.view(d, world.now).status not in ENDED}
            open_ = [(p, d) for p, d in known if d in unended]
            if not open_:
                return
            did = False
            for person, deal in open_:
                found = asked(world, person, deal) or confirm_contested(world, person, deal)
                if found:
                    found[0][1]()
                    world.deliver_all()
                    did = True
            if not did:
                world.now += DAY
            self.look()
        left = [(p.number, p.view(d, world.now)) for p, d in open_]
        raise AssertionError(f"{len(left)} exchanges do not end: {left[0][1].status} {left[0][1].duties}")


def _author(world: World) -> bytes:
    """Whose proposal the first exchange is."""
    return next(p.facts[world.deals[0]][world.deals[0]].author for p in world.people if world.deals[0] in p.facts)


def _turned(people: list[Person], by: int) -> list[Person]:
    return people[by % max(1, len(people)) :] + people[: by % max(1, len(people))]


def nothing(wrong: Iterable[str]) -> None:
    found = list(wrong)
    assert not found, "; ".join(found)


def run(machine: type[Trading], examples: int, steps: int = 40, phases: tuple[Phase, ...] = (Phase.generate,)) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, derandomize=True, database=None, deadline=None,
            phases=phases, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def walk(seed: int, steps: int, machine: type[Trading] = Trading) -> None:
    """The same rules drawn by a seed alone: hypothesis shrinks what it finds, but many of its runs are alike."""
    rng = Random(seed)
    run = machine()
    shy = rng.random()  # how much is said by honest people, against what is lied, lost and waited
    run.meet(
        rng.randint(2, 5), rng.choice((*sorted(LIARS), "proposer", "responder")),
        [(rng.randrange(100), rng.randrange(1 << 16)) for _ in range(rng.randint(1, 2))], rng.random() < 0.85,
    )  # fmt: skip
    for _ in range(steps):
        one, two, three = (rng.randrange(1_001) for _ in range(3))
        draw = rng.random()
        if draw < 0.3 + 0.2 * shy:
            if run.world.deals:
                run.do(one, two, three, rng.choice(("no",) * 6 + ("before", "after")), rng.random() < 0.7)
        elif draw < 0.75:
            if run.world.deals and not all(p.honest for p in run.world.people):
                run.lie(one, two, three, rng.choice(SHIFTS), rng.random() < 0.7)
        elif draw < 0.82:
            run.wait(rng.choice(WAITS))
        elif draw < 0.89 and run.world.sent:
            run.arrive([one, two])
        elif draw < 0.94 or PARCEL not in run.world.hands:
            run.restart(one)
        else:
            run.pass_on(one)
    run.teardown()


def test_whoever_lies_whatever_is_lost() -> None:
    run(
        Trading,
        2_000 if LONG else 50,
        60 if LONG else 40,
        (Phase.generate, Phase.shrink) if LONG else (Phase.generate,),
    )


@pytest.mark.parametrize("first", either(range(0, 5_000 if LONG else 100, 50), 50))
def test_the_same_by_seeds(first: int) -> None:
    for seed in range(first, first + 50):
        walk(seed, 50)


# Each rule of the engine that is taken away: where it stands, what is put in its place.
MUTANTS: dict[str, tuple[Any, str, str, str]] = {
    "a default counts before the deadline": (duties, "_Reading.defaulted", "f.at > limit for f", "True for f"),
    "a default counts when it is dated ahead": (duties, "_Reading.defaulted", "return limit < self.now", "return True"),
    "a provider calls the default": (duties, "_Reading.facts", 'kind == "done"', 'kind in ("done", "default")'),
    "anybody says that it was done": (duties, "_Reading.facts", "and f.author == author", ""),
    "one signature amends": (negotiation, "_accepts", "fact.author == proposed.author or", ""),
    "a counter-proposal undoes an agreement": (negotiation, "_newest", "acceptances or not following", "not following"),
    "cancelling alone once begun": (calling_off, "called_off_alone", "and not any(at <= fact.at for at in began)", ""),
    "cancelling alone too late": (calling_off, "called_off_alone", "fact.at <= until.get(fact.author, -1) and", ""),
    "who defaulted is harmed": (calling_off, "called_off_alone", "and d.receiver == fact.author", ""),
    "anybody says that the goal is reached": (exchange, "_gone", "and fact.author == terms.responder", ""),
    "custody follows the newest": (parcel, "_by_giver", "key=lambda r: (r.at, r.id)", "key=lambda r: (-r.at, r.id)"),
    "a payment under way is waived": (
        duties, "_Reading.state", "if payment is not None:", 'if payment and not self.facts(duty, "waive"):',
    ),
    "everything is due at once": (exchange, "_has_come", "return state in OVER", "return True"),
}  # fmt: skip


# Where the search for those begins that are found late: it would only take longer from 0.
FROM = {
    "a default counts when it is dated ahead": 135,
    "everything is due at once": 60,
    "a payment under way is waived": 50,
    "a default counts before the deadline": 40,
}


@contextmanager
def without(module: Any, name: str, old: str, new: str) -> Iterator[None]:
    """The engine with a passage of one function replaced, which must stand in it exactly once."""
    *of, last = name.split(".")
    owner = getattr(module, of[0]) if of else module
    whole: FunctionType = getattr(owner, last)
    source = textwrap.dedent(inspect.getsource(whole))
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {name}"
    made: dict[str, Any] = {}
    exec(source.replace(old, new), module.__dict__, made)
    kept, whole.__code__ = whole.__code__, made[last].__code__  # whoever imported it by name runs it too
    try:
        yield
    finally:
        whole.__code__ = kept


@pytest.mark.parametrize("name", either(MUTANTS, "a provider calls the default", "everything is due at once"))
def test_a_rule_that_is_taken_away_is_missed(name: str) -> None:
    with without(*MUTANTS[name]):
        for seed in range(FROM.get(name, 0), MUTANT_WALKS):
            try:
                walk(seed, 50)
            except AssertionError:
                return
    raise AssertionError(f"{name}, and nobody notices in {MUTANT_WALKS} runs")
