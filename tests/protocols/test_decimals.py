"""How amounts are written for people: of one and of several, and units that are somebody's own word."""

import pytest

from protocols.decimals import in_words


@pytest.mark.parametrize(
    ("amount", "decimals", "unit", "words"),
    [
        (100, 2, "hour", "1 hour"), (-100, 2, "hour", "-1 hour"), (1, 0, "day", "1 day"),
        (1000, 2, "hour", "10 hours"), (150, 2, "hour", "1.5 hours"), (0, 2, "week", "0 weeks"),
        (-200, 2, "month", "-2 months"), (200, 2, "Stunde", "2 Stunde"), (300, 2, "hourglass", "3 hourglass"),
        (200, 2, "", "2"),
    ],
)  # fmt: skip
def test_a_unit_of_time_is_bent_and_no_other(amount: int, decimals: int, unit: str, words: str) -> None:
    assert in_words(amount, decimals, unit) == words
