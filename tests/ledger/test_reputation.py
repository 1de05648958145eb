"""Reputation: what may move a score, and what must not."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.reputation import Attestation, Settings, View, reputation
from ledger.trust import dominators, graph_of, hits, nearest_paths, path_to
from protocols.limits import DAY

NOW = 1_800_000_000_000


def author(number: int) -> bytes:
    return number.to_bytes(32)


ME = author(0)
FAST = Settings(walks=800)
FROZEN_HITS = [1000, 320, 540, 348]
FROZEN_SCORE = 0.329869022


def said(rater: int, ratee: int, outcome: int = 2, at: int = NOW, deal: int | None = None) -> Attestation:
    number = deal if deal is not None else rater * 1_000_003 + ratee
    return Attestation(author(rater), author(ratee), number.to_bytes(32), at, outcome)


def score(subject: int, attestations, edges=(), misconduct=(), now=NOW, rule=FAST):
    pairs = [(author(a), author(b)) for a, b in edges]
    return reputation(author(subject), ME, pairs, attestations, [author(m) for m in misconduct], now, rule)


def test_a_newcomer_has_the_prior_and_no_confidence():
    found = score(7, [])
    assert (found.score, found.confidence, found.why) == (0.9, 0.0, ())


def test_my_own_rating_counts_in_full():
    found = score(1, [said(0, 1, -2)])
    assert found.confidence == 1.0
    assert found.score == pytest.approx(0.45 / 1.5)
    assert found.why[0].path == (ME,)
    assert found.why[0].trust == 1.0


def test_an_invite_makes_the_first_path_and_the_reason_names_it():
    """The story of the street: I invited 2, 2 dealt with 3, whom I never met."""
    found = score(3, [said(2, 3, 2, deal=42)], edges=[(2, 0)])
    assert found.confidence == 1.0
    assert found.score == pytest.approx((1 + 0.45) / 1.5)
    (reason,) = found.why
    assert (reason.deal, reason.rater, reason.outcome) == ((42).to_bytes(32), author(2), 2)
    assert reason.path == (ME, author(2))


def test_a_rating_fades_by_half_in_180_days():
    fresh, old = score(1, [said(0, 1, 2)]), score(1, [said(0, 1, 2, at=NOW - 180 * DAY)])
    assert old.confidence == pytest.approx(fresh.confidence / 2)
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
    assert without == score(2, [said(0, 2)])


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
            assert found.score >= (1 + 0.45) / (1 + 2 + 0.5) - 1e-9


def test_growing_the_crowd_does_not_pay():
    honest = [said(0, n) for n in range(1, 21)] + [said(n, n % 20 + 1) for n in range(1, 21)]

    def gained(size: int) -> float:
        crowd = range(100, 100 + size)
        lies = [said(100, n) for n in crowd] + [said(n, 99) for n in crowd]
        return score(99, [*honest, said(5, 100), *lies]).confidence

    assert gained(1000) <= gained(30) + 1e-9


def test_a_crowd_with_two_ways_in_is_bounded_whatever_its_number():
    honest = [said(0, n) for n in range(1, 21)] + [said(n, n % 20 + 1) for n in range(1, 21)]
    entries = [said(5, 100), said(12, 101)]

    def gained(size: int) -> float:
        crowd = range(100, 100 + size)
        lies = [said(n, 100 + (n - 100 + j) % size) for n in crowd for j in range(1, 4)]
        return score(99, honest + entries + lies + [said(n, 99) for n in crowd], rule=Settings()).confidence

    small, large = gained(40), gained(2_000)
    assert small > 1.0, "dominators alone do not stop it"
    assert large <= small * 1.1


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
    before = View(ME, [], street, (), NOW, FAST)
    after = View(ME, edges, street + lies, (), NOW, FAST)
    assert [before.score(author(n)) for n in range(12)] == [after.score(author(n)) for n in range(12)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_order_and_repetition_do_not_matter_and_figures_stay_in_bounds(seed):
    rng = random.Random(seed)
    street = random_street(rng, 10, 40)
    edges = [(author(rng.randrange(10)), author(rng.randrange(10))) for _ in range(5)]
    view = View(ME, edges, street, [author(9)], NOW, FAST)
    shuffled = street + street[:7]
    rng.shuffle(shuffled)
    rng.shuffle(edges)
    again = View(ME, [(b, a) for a, b in edges], shuffled, [author(9)], NOW, FAST)
    for number in range(12):
        found = view.score(author(number))
        assert found == again.score(author(number))
        assert 0.0 <= found.score <= 1.0
        assert 0.0 <= found.confidence <= 10
        for reason in found.why:
            assert reason.path[0] == ME
            assert reason.path[-1] == reason.rater
            assert 0.0 < reason.trust <= 1.0


def test_the_same_inputs_give_the_same_figures_on_every_machine():
    """Written down, so that a change of the draws is seen: nodes would begin to differ."""
    street = [said(i % 7, i * 3 % 11, (2, -2, 1, 2, -1)[i % 5], NOW - i * DAY, i) for i in range(60)]
    view = View(ME, [], street, (), NOW, FAST)
    graph = graph_of([(ME, author(1)), (ME, author(2)), (author(1), author(2)), (author(2), author(3))])
    found = hits(graph, ME, 1_000, 0.33)
    assert [found.get(author(n), 0) for n in range(4)] == FROZEN_HITS
    assert round(view.score(author(3)).score, 9) == FROZEN_SCORE


def test_sampled_trust_is_near_the_exact_probability():
    graph = graph_of([(ME, author(1)), (ME, author(2)), (author(1), author(2)), (author(2), author(3))])
    found = hits(graph, ME, 20_000, 0.33)
    go = 0.67
    exact = {1: go / 2, 2: go / 2 + go / 2 * go, 3: (go / 2 + go / 2 * go) * go}
    for number, expected in exact.items():
        assert found[author(number)] / 20_000 == pytest.approx(expected, abs=0.015)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_dominators_against_their_definition(pairs):
    graph = graph_of((author(a), author(b)) for a, b in pairs)
    found = dominators(graph, ME)
    reached = nearest_paths(graph, ME)
    assert set(found) == set(reached)
    for x in reached:
        path = path_to(reached, ME, x)
        assert all(b in graph[a] for a, b in pairwise(path))
        if x == ME:
            continue
        chain, at = set(), x
        while at != ME:
            at = found[at]
            chain.add(at)
        without = {
            y for y in reached
            if y not in (x, ME) and x not in nearest_paths(graph_of(_edges(graph), frozenset({y})), ME)
        }  # fmt: skip
        assert chain - {ME} == without


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
    view = View(ME, [], words, (), NOW, Settings())
    found = {n: view.score(author(n)).score for n in range(1, people)}
    pairs = [(found[h], found[c]) for h in found if h not in cheats for c in cheats]
    auc = sum((h > c) + 0.5 * (h == c) for h, c in pairs) / len(pairs)
    assert auc > 0.9
