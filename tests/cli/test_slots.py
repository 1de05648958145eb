"""Single times as they are typed."""

import pytest

from cli.slots import in_words, parse_slot
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

MARCH = 1_803_859_200_000  # 2027-03-01T00:00Z


@pytest.mark.parametrize(
    ("typed", "zone", "start", "end"),
    [
        ("2027-03-01T14:00/16:00", "UTC", 14 * HOUR, 16 * HOUR),
        ("2027-03-01 14:00/16:00", "Europe/Berlin", 13 * HOUR, 15 * HOUR),
        ("2027-03-01", "Europe/Berlin", -HOUR, DAY - HOUR),
        ("2027-03-01T20:00/2027-03-02T02:00", "UTC", 20 * HOUR, 26 * HOUR),
        ("2027-03-01T14:00+01:00/2027-03-01T16:00+01:00", "UTC", 13 * HOUR, 15 * HOUR),
    ],
)
def test_a_time(typed: str, zone: str, start: int, end: int) -> None:
    assert parse_slot(typed, zone) == (MARCH + start, MARCH + end)


@pytest.mark.parametrize(
    "typed",
    ["", "/", "sat", "2027-03-01T14:00", "2027-03-01T14:00/", "2027-03-01T14:00/12:00", "2027-02-30", "9999-12-31"],
)
def test_no_time(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_slot(typed, "UTC")
    assert refused.value.code == "usage" and "2027-03-01T14:00/16:00" in refused.value.hint


def test_it_reaches_the_node_and_comes_back(run: Run, node: FakeNode) -> None:
    node.answers["listing.publish"] = {"listing_id": "ab" * 32, "valid_until": MARCH, "state": "draft"}
    typed = ["offer", "publish", "--kind", "rent", "--title", "Hall", "--zone", "UTC", "--on", "2027-03-01T14:00/16:00"]
    assert run(*typed, "--on", "2027-03-02").status == 0
    assert node.last is not None and node.last[1]["on"] == (
        (MARCH + 14 * HOUR, MARCH + 16 * HOUR),
        (MARCH + DAY, MARCH + 2 * DAY),
    )
    assert "zone" not in node.last[1]
    slots = [{"from": MARCH + n * DAY, "until": MARCH + n * DAY + HOUR} for n in range(5)]
    assert in_words(slots, MARCH).endswith(", and 2 more") and in_words(slots, MARCH + 4 * DAY).count(" - ") == 1


def test_a_search_for_a_date_asks_for_all_of_that_day(run: Run, node: FakeNode) -> None:
    node.answers["search"] = []
    run("search", "--available", "2027-03-01")
    assert node.last is not None
    asked = node.last[1]
    assert asked["available_until"] - asked["available"] == DAY
    run("search", "--available", "2027-03-01T14:00")
    assert "available_until" not in node.last[1]
