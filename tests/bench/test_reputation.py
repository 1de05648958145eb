"""The benchmark of reputation: that it does what it says, on ratings made up here."""

import json
import os
import random
import re
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import reputation
from bench.report import Figure, show
from bench.reputation_attacks import WIRINGS, Attack, Eyes, attacked, field, invented, lies
from bench.reputation_data import Rating, auc, book_of, by_viewers, refreshed, without
from bench.reputation_file import read
from bench.reputation_foretell import METHODS, OURS, Variant, compare, foretell
from bench.reputation_sizes import NUMERIC, numeric_stack
from bench.reputation_tune import MARGIN, OPTIONS, Tried, chosen
from ledger.reputation import Settings
from protocols.limits import DAY

START = 1_400_000_000_000


def town(people: int, ratings: int, seed: int) -> list[Rating]:
    """One in five cheats everybody; the others are honest."""
    rng = random.Random(seed)
    found: dict[tuple[int, int], Rating] = {}
    for at in range(ratings):
        rater, ratee = rng.sample(range(people), 2)
        rating = rng.choice((-10, -1)) if ratee % 5 == 0 else rng.choice((1, 2, 10))
        found.setdefault((rater, ratee), Rating(b"%d" % rater, b"%d" % ratee, rating, START + at * DAY // 10))
    return list(found.values())


def write(path, ratings):
    path.write_text("".join(f"{r.rater.decode()},{r.ratee.decode()},{r.rating},{r.at / 1000}\n" for r in ratings))
    return path


def test_a_file_is_read_oldest_first(tmp_path):
    ratings = town(20, 60, 1)
    assert read(write(tmp_path / "a.csv", ratings[::-1])).ratings == ratings


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_auc_against_its_definition(pairs):
    above = [score for score, good in pairs if good]
    below = [score for score, good in pairs if not good]
    found = auc([score for score, _ in pairs], [good for _, good in pairs])
    if not above or not below:
        assert found != found
    else:
        won = sum((a > b) + 0.5 * (a == b) for a in above for b in below)
        assert found == pytest.approx(won / len(above) / len(below))


def test_nothing_is_foretold_from_what_came_later_and_everything_is_asked_once():
    ratings = town(30, 300, 2)
    blocks = refreshed(ratings, 200, len(ratings))
    assert [r for block in blocks for r in block.asked] == ratings[200:]
    for block in blocks:
        assert max(r.at for r in block.known) <= block.now == block.asked[0].at
    parts = by_viewers(blocks[0], 3)
    assert sorted(r for part in parts for r in part.asked) == sorted(blocks[0].asked)
    assert len({r.rater for r in blocks[0].asked}) == sum(len({r.rater for r in part.asked}) for part in parts)


def test_what_is_left_out_is_gone_with_the_invite_that_it_stood_for():
    ratings = [Rating(b"a", b"b", 1, START), Rating(b"b", b"c", 1, START), Rating(b"a", b"c", -1, START)]
    for left in ratings:
        others = [r for r in ratings if r != left]
        changed, fresh = without(book_of(ratings, START, DAY), left.rater, left.ratee), book_of(others, START, DAY)
        assert changed.graph == fresh.graph
        assert {r: s for r, s in changed.sources.items() if s} == fresh.sources
        assert {r: s for r, s in changed.about.items() if s} == fresh.about
        assert {r: s for r, s in changed.by.items() if s} == fresh.by


def test_every_method_knows_the_cheats_of_a_small_town_better_than_chance():
    ratings = town(40, 900, 3)
    told = foretell(refreshed(ratings, int(0.8 * len(ratings)), len(ratings), 2), 1)
    assert set(told.scores) == set(METHODS)
    for method in METHODS:
        assert len(told.scores[method]) == len(told.asked)
    assert told.auc(OURS, "warm") > 0.95
    assert told.auc("beta", "warm") > 0.95


def test_an_unbounded_crowd_is_seen_to_be_louder():
    """Else the ablation of the bound would show nothing."""
    ratings = town(40, 400, 4)
    blocks = refreshed(ratings, 300, len(ratings), 1)
    told = compare(blocks, {"bound": Variant(), "free": Variant(bounded=False)}, 1)
    assert told.scores["bound"] != told.scores["free"]


@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_crowd_gains_nothing_and_a_naive_mean_is_bought(wiring):
    at = field(town(60, 900, 5), 4, 30, 3, 1)
    one = Eyes(at, [*at.ratings, *lies(at, Attack(5, 1, "front"))]).gains(1, Settings())
    found = attacked((at, Attack(5, 60, wiring)))
    for alone, crowd in zip(one, found[OURS], strict=True):
        assert crowd.score <= alone.score + 1e-12
        assert crowd.voices <= alone.voices + 1e-12
    assert found["beta"][0].percentile > 0.95


def test_the_same_people_are_won_over_whatever_the_number_invented():
    at = field(town(60, 900, 5), 4, 30, 3, 1)
    crowd = {invented(number) for number in range(100)}
    won = [{r.rater for r in lies(at, Attack(5, n, w)) if r.rater not in crowd} for n in (1, 100) for w in WIRINGS]
    assert len(won[0]) == 5
    assert won[0] == won[1] == won[2] == won[3]


def test_another_value_is_chosen_only_if_it_withstands_and_is_clearly_better():
    def row(name, more, top=0):
        return Tried(name, (0.8, 0.8, 0.8, 0.05 + more), top, 0.01)

    base = row("as in the module", 0.0)
    values = [value for value in OPTIONS["reach"] if value != Settings().reach]
    better, worse = (f"reach {value:g}" for value in values)
    assert chosen([base])["reach"] == Settings().reach
    assert chosen([base, row(better, MARGIN * 2), row(worse, MARGIN / 2)])["reach"] == values[0]
    assert chosen([base, row(better, MARGIN / 2)])["reach"] == Settings().reach
    assert chosen([base, row(better, MARGIN * 2, top=1)])["reach"] == Settings().reach


def test_the_command_scores_any_file_of_the_form(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "b.csv", town(40, 800, 6))
    monkeypatch.setattr(sys, "argv", ["reputation", str(path), "--only", "foretell", "--jobs", "1"])
    status = reputation.main()
    out = capsys.readouterr().out
    assert "fairness x goodness" in out
    assert "auc_refreshed_warm" in out
    assert status in (0, 1)


def test_a_node_scores_without_a_numeric_stack():
    """In an interpreter of its own: other tests may have imported one."""
    assert numeric_stack() == []


def test_the_search_for_a_numeric_stack_finds_one(monkeypatch, tmp_path):
    (tmp_path / "numpy.py").touch()
    (tmp_path / "sitecustomize.py").write_text("import numpy")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    assert numeric_stack() == ["numpy"]


def test_no_numeric_stack_is_asked_for():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["dependencies"]
    assert not [each for each in project["dependencies"] if re.split(r"[^a-z0-9-]", each.lower())[0] in NUMERIC]


def test_a_target_is_met_by_what_was_measured_alone():
    nothing = float("nan")
    assert Figure("a", 0.1, "", "", above=0).met and not Figure("a", 0.0, "", "", above=0).met
    assert Figure("a", 0.0, "", "", at_least=0).met and Figure("a", 0.0, "", "", at_most=0).met
    assert not Figure("a", nothing, "", "", at_most=1).met and not Figure("a", nothing, "", "", above=0).met
    assert Figure("a", 1.0, "", "", above=0).target == "> 0"


def test_what_could_not_be_measured_is_said_so(capsys):
    figures = [Figure("one", 0.5, "AUC", "what", at_least=0.7), Figure("none", float("nan"), "AUC", "what", above=0)]
    assert show("title", figures, as_json=False) == 1
    said = capsys.readouterr()
    assert "MISSED" in said.out and "too few" in said.out
    assert "one, none" in said.err
    show("title", figures, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"one": 0.5, "none": None}
