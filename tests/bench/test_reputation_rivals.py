"""The methods beside ours, on towns small enough to know the answer."""

import pytest

from bench.reputation_data import Rating, book_of
from bench.reputation_rivals import rev2
from bench.reputation_walks import CUT, EARLIER_HALF_LIFE, Walks, earlier, outcomes
from ledger.trust import graph_of

NOW = 1_400_000_000_000


def said(*pairs: tuple[bytes, bytes, int]) -> list[Rating]:
    return [Rating(rater, ratee, rating, NOW) for rater, ratee, rating in pairs]


def test_walks_are_the_same_in_every_run_and_stop_as_often_as_told() -> None:
    graph = graph_of([(b"me", b"a"), (b"a", b"b"), (b"b", b"c")])
    walks = Walks(graph, b"me", 0.33, 20_000)
    assert walks.hits(b"c") == Walks(graph, b"me", 0.33, 20_000).hits(b"c")
    for steps, author in enumerate((b"a", b"b", b"c"), 1):
        assert walks.hits(author) == pytest.approx(0.67**steps, abs=0.02)
    assert walks.hits(b"nobody") == 0.0


def test_a_walk_that_is_back_ends_there() -> None:
    assert Walks(graph_of([(b"me", b"a"), (b"a", b"me")]), b"me", 0.0, 50).hits(b"a") == 1.0


def test_merit_is_cut_where_all_comes_through_one() -> None:
    """b is reached by way of a alone, d by way of a or c, a and c without anybody."""
    graph = graph_of([(b"me", b"a"), (b"me", b"c"), (b"a", b"b"), (b"a", b"d"), (b"c", b"d")])
    walks = Walks(graph, b"me", 0.2)
    assert walks.merit(b"b") == pytest.approx(walks.hits(b"b") * (1 - CUT))
    for author in (b"a", b"c", b"d"):
        assert walks.merit(author) == walks.hits(author) > 0.0
    assert walks.merit(b"nobody") == 0.0


def test_the_earlier_rule_adds_a_crowd_up_where_ours_does_not() -> None:
    """A stranger counts nothing; of those whom one friend knows, each counts for himself."""
    ratings = said(
        (b"me", b"friend", 1), (b"friend", b"x", 1), (b"friend", b"y", 1), (b"x", b"new", 1), (b"y", b"new", 1)
    )
    book = book_of(ratings, NOW, EARLIER_HALF_LIFE, with_invites=False)
    walks = Walks(book.graph, b"me", 0.33)
    alone = earlier(book, walks, b"me", 0.5, b"nobody")
    assert alone == 0.5
    assert earlier(book, walks, b"me", 0.5, b"new") == pytest.approx((0.25 + 2) / 2.5)
    assert earlier(book, walks, b"stranger", 0.5, b"friend") < earlier(book, walks, b"me", 0.5, b"friend")
    assert outcomes(ratings) == 0.9 and outcomes(ratings * 4) == 1.0


def test_rev2_listens_less_to_who_is_always_contradicted() -> None:
    crowd = [(b"r%d" % i, ratee, 10) for i in range(6) for ratee in (b"x", b"y", b"z")]
    against = [(b"liar", ratee, -10) for ratee in (b"x", b"y", b"z")]
    score = rev2(said(*crowd, *against, (b"liar", b"p", -10), (b"r0", b"q", -10)))
    assert score(b"x") > 0.5
    assert score(b"q") < score(b"p"), "the same word, from who is believed and from who is not"
    assert score(b"q") < score(b"nobody") < score(b"x")
    assert rev2([])(b"x") == 0.0
