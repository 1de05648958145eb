"""Nothing is foretold, and no constant chosen, with the help of what is to be foretold."""

import pytest

from bench import reputation_attacks, reputation_tune
from bench.reputation_data import OLDER, Block, Rating, refreshed
from bench.reputation_foretell import METHODS, foretell
from bench.reputation_tune import tried
from tests.bench.test_reputation import town


def turned(ratings: list[Rating]) -> list[Rating]:
    return [r._replace(rating=-r.rating) for r in ratings]


def test_no_score_depends_on_what_it_foretells() -> None:
    ratings = town(30, 500, 7)
    split = int(OLDER * len(ratings))
    known, asked = ratings[:split], ratings[split:]
    told = foretell([Block(asked[0].at, known, asked)], 1)
    lied = foretell([Block(asked[0].at, known, turned(asked))], 1)
    assert set(told.scores) == set(METHODS)
    assert lied.scores == told.scores
    assert lied.auc("ours", "all") != told.auc("ours", "all"), "else they are not asked at all"


def test_a_later_slice_is_known_to_no_earlier_one() -> None:
    ratings = town(30, 500, 7)
    split = int(OLDER * len(ratings))
    last = split + (len(ratings) - split) // 2
    told = foretell(refreshed(ratings, split, len(ratings), 2), 1)
    other = foretell(refreshed([*ratings[:last], *turned(ratings[last:])], split, len(ratings), 2), 1)
    for method in METHODS:
        assert other.scores[method][: last - split] == told.scores[method][: last - split]


def test_the_constants_are_chosen_on_the_older_ratings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reputation_attacks, "GOOD_NAME", 3)
    monkeypatch.setattr(reputation_tune, "CROWD", 10)
    ratings = town(16, 240, 8)
    split = int(OLDER * len(ratings))
    rows = tried(ratings, 1, 1)
    assert tried([*ratings[:split], *turned(ratings[split:])], 1, 1) == rows
    assert tried([*turned(ratings[:split]), *ratings[split:]], 1, 1) != rows, "else it reads none at all"
