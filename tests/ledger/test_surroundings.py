"""The trust graph around me: who is in it, and that it says of each what is said of him alone."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import exposure
from ledger.exposure import Link, Use, Web
from ledger.reputation import View
from ledger.surroundings import MAX_TIES, Surroundings, Tie, surroundings
from tests.ledger.test_reputation import ME, NOW, author, said


def seen(said_: list, links: list = (), edges: list = (), most: int = 60, uses: list = ()) -> Surroundings:  # type: ignore[assignment]
    view = View(ME, [(author(a), author(b)) for a, b in edges], said_, (), NOW)
    web = Web([Link(author(a), author(b), amount, both=False) for a, b, amount in links])
    return surroundings(view, web, uses, most)


def numbers(found: Surroundings) -> list[int]:
    return [int.from_bytes(person.author) for person in found.people]


def test_nobody_is_around_a_newcomer() -> None:
    assert seen([]) == Surroundings((), (), 0)
    assert seen([said(1, 0), said(1, 2)]) == Surroundings((), (), 0), "who trusts me is not one whom I trust by that"


def test_each_has_the_path_on_which_his_word_comes() -> None:
    found = seen([said(0, 1), said(1, 2), said(2, 3, -2)], links=[(0, 1, 50), (1, 2, 20)], edges=[(2, 4)])
    paths = {int.from_bytes(p.author): [int.from_bytes(a) for a in p.path] for p in found.people}
    assert paths == {1: [0, 1], 2: [0, 1, 2], 4: [0, 1, 2, 4]}, "3 is rated badly, and nobody else knows him"
    assert [(p.exposure.most, p.unheard) for p in found.people if p.exposure] == [(50, 0), (20, 0), (0, 0)]
    assert found.ties[:3] == (Tie(author(0), author(1), True), Tie(author(1), author(2), True),
                              Tie(author(2), author(4), False))  # fmt: skip
    assert Tie(author(4), author(2), False) in found.ties, "an invite joins both ways"


def test_where_there_is_no_room_the_nearest_stay_and_all_on_their_paths() -> None:
    chain = [said(n, n + 1) for n in range(8)]
    crowd = [said(8, n) for n in range(9, 40)]
    found = seen([*chain, *crowd], most=5)
    assert numbers(found) == [1, 2, 3, 4, 5]
    everybody = seen([*chain, *crowd])
    assert found.more == len(everybody.people) - 5 > 0 and everybody.more == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_of_each_it_says_what_is_said_of_him_alone(seed: int, most: int) -> None:
    rng = random.Random(seed)
    people = range(14)
    ratings = [said(*rng.sample(people, 2), rng.choice((-2, -1, 1, 2)), deal=n) for n in range(40)]
    view = View(ME, [], ratings, (), NOW)
    web = Web([Link(author(a), author(b), rng.randrange(1, 99), rng.random() < 0.5)
               for a, b in (rng.sample(people, 2) for _ in range(40))])  # fmt: skip
    uses = [Use(n, bytes([n]), ME, author(rng.randrange(1, 14)), rng.randrange(40)) for n in range(3)]
    found = surroundings(view, web, uses, most)
    assert len(found.people) <= most and found.more == view.others - len(found.people)
    inside = {person.author for person in found.people} | {ME}
    for person in found.people:
        assert set(person.path) <= inside and person.path == view.path(person.author) and person.path[0] == ME
        assert person.score == view.score(person.author) and person.trust == view.trust(person.author)
        assert person.unheard == view.unheard(person.author)
        assert person.exposure == web.exposure(ME, person.author, uses)
    for tie in found.ties:
        assert {tie.a, tie.b} <= inside and view.trusted(tie.a)[tie.b] == tie.rated


def test_too_much_work_is_left_alone_and_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    ratings = [said(*rng.sample(range(60), 2), deal=n) for n in range(1_200)]
    links = [(*rng.sample(range(60), 2), 100) for _ in range(1_200)]
    monkeypatch.setattr(exposure, "MAX_WORK", 1)
    found = seen(ratings, links)
    assert [person.exposure is None for person in found.people] == [False] + [True] * (len(found.people) - 1)
    assert len(found.ties) == MAX_TIES
    tree = {person.path[-2:] for person in found.people}
    assert {(tie.a, tie.b) for tie in found.ties[: len(tree)]} == tree, "what is on a path comes first"
