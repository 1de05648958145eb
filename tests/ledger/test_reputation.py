"""Reputation: what may move a score, and what must not."""

import random
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.reputation import Attestation, View, reputation
from ledger.trust import ROUNDS, Ways, carried, graph_of, nearest, reach, turned
from protocols.limits import DAY

NOW = 1_800_000_000_000


def author(number: int) -> bytes:
    return number.to_bytes(32)


ME = author(0)
FROZEN_REACH = [1.0, 0.335, 0.55945, 0.3748315]
FROZEN_SCORE = 0.328156801


def said(rater: int, ratee: int, outcome: int = 2, at: int = NOW, deal: int | None = None) -> Attestation:
    number = deal if deal is not None else rater * 1_000_003 + ratee
    return Attestation(author(rater), author(ratee), number.to_bytes(32), at, outcome)


def score(subject: int, attestations, edges=(), misconduct=(), now=NOW, rule=None):
    pairs = [(author(a), author(b)) for a, b in edges]
    return reputation(author(subject), ME, pairs, attestations, [author(m) for m in misconduct], now, rule)


def test_a_newcomer_has_the_prior_and_no_confidence():
    found = score(7, [])
    assert (found.score, found.confidence, found.why) == (0.9, 0.0, ())


def share(positive: float, negative: float, mood: float = 1.0) -> float:
    """The rule of the score, with the constants written out."""
    good = mood * (positive + 0.9)
    return good / (good + negative + 0.1)


def test_my_own_rating_counts_in_full():
    found = score(1, [said(0, 1, -2)])
    assert found.confidence == 1.0
    assert found.score == pytest.approx(share(0, 1, sqrt(18 / 3 / 9)))
    assert found.why[0].path == (ME,)
    assert found.why[0].trust == 1.0


def test_my_own_word_weighs_more_than_anybody_elses():
    street = [said(0, n) for n in range(1, 4)] + [said(n, 9, 2) for n in range(1, 4)]
    found = score(9, [*street, said(0, 9, 2)])
    weights = {reason.rater: reason.trust for reason in found.why}
    assert all(weight < weights[ME] == 1.0 for rater, weight in weights.items() if rater != ME)


def test_who_has_met_with_bad_deals_expects_less_of_everybody_in_the_same_order():
    street = [said(0, 1), said(1, 2), said(1, 3, -2)]
    luckless = [said(0, n, -2) for n in range(50, 60)]
    calm, wary = (View(ME, (), words, (), NOW) for words in (street, street + luckless))
    for number in (2, 3, 7):
        assert wary.score(author(number)).score < calm.score(author(number)).score
    assert calm.score(author(2)).score > calm.score(author(7)).score > calm.score(author(3)).score
    assert wary.score(author(2)).score > wary.score(author(7)).score > wary.score(author(3)).score


def test_what_others_went_through_does_not_lower_my_expectations():
    street = [said(0, 1)]
    assert score(7, street + [said(1, n, -2) for n in range(50, 60)]).score == score(7, street).score


def test_a_quarrel_with_whom_i_trust_counts_against_who_speaks_and_the_reason_names_it():
    street = [said(0, 1)]
    found = score(7, [*street, said(7, 1, -2, deal=5)])
    assert found.score < score(7, street).score
    (reason,) = found.why
    assert (reason.rater, reason.ratee, reason.deal, reason.outcome) == (author(7), author(1), (5).to_bytes(32), -2)
    assert reason.path == (ME, author(1))
    assert 0 < reason.trust < 0.25


def test_to_complain_of_a_known_cheat_costs_less():
    """Else nobody would."""
    street = [said(0, n) for n in (1, 2, 3)] + [said(1, 9)]
    known = [*street, *(said(n, 9, -2, deal=90 + n) for n in (2, 3)), said(0, 9, -2)]
    trusted, cheat = (score(7, [*words, said(7, 9, -2)]).confidence for words in (street, known))
    assert 0 < cheat < trusted / 2


def test_nobody_can_quarrel_for_another():
    street = [said(0, 1), said(1, 2)]
    lies = [said(n, m, -2) for n in range(50, 60) for m in (1, 2)]
    for number in (1, 2, 7):
        assert score(number, street + lies) == score(number, street)


def test_an_invite_makes_the_first_path_and_the_reason_names_it():
    """The story of the street: I invited 2, 2 dealt with 3, whom I never met."""
    found = score(3, [said(2, 3, 2, deal=42)], edges=[(2, 0)])
    voice = 0.67 / 0.68  # T = 0.67: half a voice at 0.01
    assert found.confidence == pytest.approx(voice)
    assert found.score == pytest.approx(share(voice, 0))
    (reason,) = found.why
    assert (reason.deal, reason.rater, reason.outcome) == ((42).to_bytes(32), author(2), 2)
    assert reason.path == (ME, author(2))


def test_a_rating_fades_by_half_in_a_year():
    fresh, old = score(1, [said(0, 1, 2)]), score(1, [said(0, 1, 2, at=NOW - 365 * DAY)])
    assert old.confidence == pytest.approx(fresh.confidence / 2, rel=1e-6)
    ahead = score(1, [said(0, 1, 2, at=NOW + 400 * DAY)])
    assert ahead.confidence == fresh.confidence


def test_many_deals_of_one_pair_are_one_unit():
    assert score(1, [said(0, 1, 2, deal=d) for d in range(50)]).confidence == pytest.approx(1.0)


def test_the_newest_word_on_a_deal_counts():
    first, second = said(0, 1, 2, at=NOW - 5, deal=1), said(0, 1, -2, at=NOW - 4, deal=1)
    assert score(1, [first, second]) == score(1, [second, first]) == score(1, [second])


def test_nobody_rates_himself():
    assert score(1, [said(0, 1), said(1, 1)]) == score(1, [said(0, 1)])


def test_misconduct_zeroes_score_and_word():
    street = [said(0, 1), said(1, 2), said(0, 2)]
    assert score(1, street, misconduct=[1]).score == 0.0
    assert score(1, street, misconduct=[1]).misconduct
    without = score(2, street, misconduct=[1])
    assert [reason.rater for reason in without.why] == [ME]
    assert (without.why, without.confidence) == (score(2, [said(0, 2)]).why, 1.0)


def test_my_own_misconduct_does_not_blind_me():
    street = [said(0, 1), said(1, 2)]
    assert score(2, street, misconduct=[0]) == score(2, street)
    assert score(0, street, misconduct=[0]).score == 0.0


def test_who_is_known_only_through_the_subject_says_nothing_about_him():
    own = [said(0, 1)]
    crowd = [word for n in range(10, 60) for word in (said(1, n), said(n, 1))]
    assert score(1, own + crowd).confidence == score(1, own).confidence


@pytest.mark.parametrize("outcome", [2, -2])
def test_a_crowd_behind_one_attack_edge_weighs_no_more_than_its_entry(outcome):
    """1 is honest and was once deceived by 2, whose invented crowd praises accomplice 9 or slanders 3."""
    honest = [said(0, 1), said(0, 3), said(1, 2)]
    target = 9 if outcome > 0 else 3
    alone = score(target, [*honest, said(2, target, outcome)])
    for size in (1, 10, 300):
        crowd = range(100, 100 + size)
        lies = [said(2, n) for n in crowd] + [said(n, m) for n in crowd for m in range(n + 1, n + 3) if m in crowd]
        lies += [said(n, target, outcome) for n in crowd] + [said(2, target, outcome)]
        found = score(target, honest + lies)
        assert found.confidence <= alone.confidence + 1.0 + 1e-9, "the crowd together: at most one more voice"
        if outcome < 0:
            assert found.score >= share(1, 2) - 1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sets(st.integers(1, 19), min_size=1, max_size=6), st.sampled_from([2, -2]))
def test_a_crowd_says_no_more_than_those_whom_it_deceived(seed, won, outcome):
    """Whatever its number and wiring: at most their own voices, all together, and so no more than they themselves could
    have said of one invented person. The gain from 1 to 1,000 identities is 1.00."""
    rng = random.Random(seed)
    honest = [word for word in random_street(rng, 20, 60) if word.outcome > 0]
    honest = [word for word in honest if word.rater not in {author(n) for n in won} or word.ratee == ME]
    crowd = range(100, 100 + rng.choice([1, 5, 60]))
    entries = [said(n, rng.choice(crowd)) for n in won]
    lies = [said(rng.choice(crowd), rng.choice([*crowd, *won])) for _ in range(4 * len(crowd))]
    lies += [said(n, 99, outcome) for n in crowd]
    view = View(ME, (), honest + entries + lies, (), NOW)
    assert view.score(author(99)).confidence <= sum(view.trust(author(n)) for n in won) + 1e-9


def test_a_crowd_gains_nothing_over_one():
    honest = [said(0, n) for n in range(1, 21)] + [said(n, n % 20 + 1) for n in range(1, 21)]
    won = (5, 12, 17)
    alone = score(99, honest + [said(n, 99) for n in won])
    for size in (1, 30, 1_000):
        crowd = range(100, 100 + size)
        ring = [said(n, 100 + (n - 100 + step) % size) for n in crowd for step in range(1, 4)]
        praise = [said(n, 99) for n in crowd] + [said(99, n) for n in crowd]
        spread = score(99, [*honest, *(said(n, 100 + i % size) for i, n in enumerate(won)), *ring, *praise])
        front = score(99, [*honest, *(said(n, 99) for n in won), *ring, *praise])
        assert spread.confidence <= alone.confidence + 1e-9
        assert front.confidence == pytest.approx(alone.confidence)


def test_slander_costs_a_good_name_what_the_deceived_could_say_and_leaves_the_praise():
    """The crowd comes by the same friend as an honest word of praise: it must not crowd it out."""
    honest = [said(0, 1), said(1, 2), said(1, 3), said(2, 9)]
    before = score(9, honest)
    crowd = range(100, 400)
    lies = (
        [said(3, 100)]
        + [said(n, m) for n in crowd for m in (n + 1, n + 2) if m in crowd]
        + [said(100, n) for n in crowd]
    )
    lies += [said(n, 9, -2) for n in crowd]
    after = score(9, honest + lies)
    praise = {reason.rater: reason.trust for reason in after.why}[author(2)]
    assert praise >= before.why[0].trust / 2 - 0.01
    assert after.confidence - praise <= 0.5 + 1e-9


def test_a_critic_whom_the_subject_praised_is_still_heard():
    """9 praises 2 and 3 in advance, so that the shortest path to them leads over him; they are known otherwise, too."""
    street = [said(0, 1), said(1, 4), said(4, 2), said(2, 3)]
    silenced = [*street, said(0, 9), said(9, 2), said(9, 3), said(2, 9, -2), said(3, 9, -2)]
    raters = {reason.rater: reason.path for reason in score(9, silenced).why}
    assert raters[author(2)] == (ME, *map(author, (1, 4, 2)))
    assert raters[author(3)] == (ME, *map(author, (1, 4, 2, 3)))


def test_a_long_chain_of_invented_people_is_cheap_and_harmless():
    chain = [said(n, n + 1) for n in range(3_000)] + [said(n, 1, -2, deal=n) for n in range(2, 3_000)]
    assert score(1, chain).confidence == score(1, chain[:3_000]).confidence


def random_street(rng: random.Random, people: int, words: int) -> list[Attestation]:
    def word(deal: int) -> Attestation:
        outcome = rng.choice([-2, -1, 0, 1, 2, 2, 2])
        return said(rng.randrange(people), rng.randrange(people), outcome, NOW - rng.randrange(DAY * 400), deal)

    return [word(deal) for deal in range(words)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_what_strangers_say_changes_nothing(seed, data):
    rng = random.Random(seed)
    street = random_street(rng, 12, 30)
    strangers = st.integers(100, 120)
    anybody = st.one_of(st.integers(0, 11), strangers)
    words = data.draw(st.lists(st.tuples(strangers, anybody, st.integers(-2, 2), st.integers(0, 5)), max_size=30))
    lies = [said(rater, ratee, outcome, NOW, deal) for rater, ratee, outcome, deal in words]
    edges = [(author(a), author(b)) for a, b in data.draw(st.lists(st.tuples(strangers, strangers), max_size=5))]
    before = View(ME, [], street, (), NOW)
    after = View(ME, edges, street + lies, (), NOW)
    assert [before.score(author(n)) for n in range(12)] == [after.score(author(n)) for n in range(12)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_order_and_repetition_do_not_matter_and_figures_stay_in_bounds(seed):
    rng = random.Random(seed)
    street = random_street(rng, 10, 40)
    edges = [(author(rng.randrange(10)), author(rng.randrange(10))) for _ in range(5)]
    view = View(ME, edges, street, [author(9)], NOW)
    shuffled = street + street[:7]
    rng.shuffle(shuffled)
    rng.shuffle(edges)
    again = View(ME, [(b, a) for a, b in edges], shuffled, [author(9)], NOW)
    for number in range(12):
        found = view.score(author(number))
        assert found == again.score(author(number))
        assert 0.0 <= found.score <= 1.0
        assert 0.0 <= found.confidence <= 10
        for reason in found.why:
            assert reason.path[0] == ME
            assert reason.path[-1] == (reason.ratee if reason.rater == author(number) else reason.rater)
            assert 0.0 < reason.trust <= 1.0


def test_the_same_inputs_give_the_same_figures_on_every_machine():
    """Written down, so that a change of the rule is seen: nodes would begin to differ."""
    street = [said(i % 7, i * 3 % 11, (2, -2, 1, 2, -1)[i % 5], NOW - i * DAY, i) for i in range(60)]
    view = View(ME, [], street, (), NOW)
    graph = graph_of([(ME, author(1)), (ME, author(2)), (author(1), author(2)), (author(2), author(3))])
    found = reach(graph, ME, 0.33)
    assert [round(found[author(n)], 12) for n in range(4)] == FROZEN_REACH
    assert round(view.score(author(3)).score, 9) == FROZEN_SCORE


def test_reach_is_the_expected_number_of_visits_before_the_walk_is_back():
    graph = graph_of([(ME, author(1)), (author(1), ME), (author(1), author(2)), (author(2), author(1))])
    found = reach(graph, ME, 0.5)
    first = 0.5  # from me to 1; there, a quarter of the walks goes on to 2, of which half is back at 1
    assert found[author(1)] == pytest.approx(first / (1 - 0.25 * 0.5), abs=1e-3)
    assert found[author(2)] == pytest.approx(found[author(1)] * 0.25, abs=1e-3)


people = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


@settings(max_examples=100, deadline=None)
@given(people, st.integers(1, 9))
def test_ways_lead_round_the_avoided_one_wherever_there_is_one_and_make_a_tree(pairs, avoided):
    graph = graph_of((author(a), author(b)) for a, b in pairs)
    before = nearest(graph, ME, reach(graph, ME, 0.05))
    without = graph_of(_edges(graph), frozenset({author(avoided)}))
    reachable = nearest(without, ME, dict.fromkeys(map(author, range(10)), 1.0))
    ways = Ways(before, turned(graph), ME, author(avoided))
    above: dict[bytes, bytes] = {}
    for x in before:
        path = ways.to(x)
        assert (path is not None) == (x in reachable)
        if path is None:
            continue
        assert path[0] == ME
        assert path[-1] == x
        assert len(set(path)) == len(path) <= 2 * ROUNDS
        assert author(avoided) not in path
        for a, b in pairwise(path):
            assert b in graph[a]
            assert above.setdefault(b, a) == a


@settings(max_examples=100, deadline=None)
@given(
    people,
    st.lists(st.floats(0.0, 1.0), min_size=10, max_size=10),
    st.lists(st.floats(0.0, 1.0), min_size=10, max_size=10),
)
def test_nobody_passes_on_more_than_he_may(pairs, weights, bounds):
    graph = graph_of((author(a), author(b)) for a, b in pairs)
    before = nearest(graph, ME, reach(graph, ME, 0.33))
    ways = Ways(before, turned(graph), ME, b"nobody")
    paths = {x: path for x in before if x != ME and (path := ways.to(x))}
    most = {author(n): bound for n, bound in enumerate(bounds)}
    own = {x: min(weights[x[-1]], most[x]) for x in paths}
    found = carried(own, paths, most.__getitem__)
    for x in paths:
        assert 0 <= found[x] <= own[x]
        through = sum(found[y] for y in paths if x in paths[y])
        assert through <= most[x] + 1e-9
    if all(sum(own[y] for y in paths if x in paths[y]) <= most[x] for x in paths):
        assert found == own, "nothing is lost without need"


def _edges(graph):
    return [(source, target) for source, targets in graph.items() for target in targets]


def test_separates_honest_from_dishonest_on_a_made_up_town():
    """A small bench: 300 people in neighbourhoods, one in ten cheats; who reads the score must do far better than
    chance at telling which is which."""
    rng = random.Random(11)
    people = 300
    cheats = set(rng.sample(range(1, people), 30))
    words = []
    for deal in range(4_000):
        rater = rng.randrange(people)
        ratee = (rater + rng.randrange(1, 25)) % people if rng.random() < 0.8 else rng.randrange(people)
        good = rng.random() < (0.35 if ratee in cheats else 0.95)
        if rater in cheats:
            good = ratee in cheats
        words.append(said(rater, ratee, 2 if good else -2, NOW - rng.randrange(90) * DAY, deal))
    view = View(ME, [], words, (), NOW)
    found = {n: view.score(author(n)).score for n in range(1, people)}
    pairs = [(found[h], found[c]) for h in found if h not in cheats for c in cheats]
    auc = sum((h > c) + 0.5 * (h == c) for h, c in pairs) / len(pairs)
    assert auc > 0.9
