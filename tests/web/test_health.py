"""Health and figures: every state of a check, lines with a gap, and the same as a table."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode import clock, commands
from p2pnode.history import COLUMNS
from p2pnode.web.lines import HEIGHT, POINTS, WIDTH, draw
from protocols.limits import DAY, HOUR, MINUTE
from tests.web.hostile import mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna") as made:
        yield made


def finding(state: str, found: str = "so it is", fix: str = "") -> dict[str, str]:
    return {"check": f"the {state}", "state": state, "found": found, "fix": fix}


def test_what_is_to_be_mended_comes_first_with_what_to_do(street: Street) -> None:
    states = ("skipped", "ok", "note", "problem")
    street.ports["anna"].answers[commands.Doctor] = [finding(s, mixed(300), f"p2pnode mend {s}") for s in states]
    page = street.browsers["anna"].get("/health")
    places = [page.words.index(f"the {state}") for state in reversed(states)]
    assert places == sorted(places) and "1 thing is to be mended" in page.words and "p2pnode mend problem" in page.words
    street.ports["anna"].answers[commands.Doctor] = [finding("ok")]
    assert "All is well." in street.browsers["anna"].get("/health").words


def test_figures_are_lines_and_tables(street: Street) -> None:
    now, anna = clock.now(), street.browsers["anna"]
    rows = [[now - n * MINUTE, *(n % 7 for _ in COLUMNS)] for n in range(600, -1, -1) if not 200 < n < 300]
    street.ports["anna"].answers[commands.History] = {"step": "minute", "columns": ["at", *COLUMNS], "rows": rows}
    page = anna.get("/graphs")
    assert page.source.count("<svg ") == len(COLUMNS) and page.source.count("<polyline ") == 2 * len(COLUMNS)
    assert "from 0 to 6" in page.words and "style=" not in page.source
    assert 10 < page.source.count("<td ") / 2 / len(COLUMNS) <= 24
    anna.get("/graphs?span=quarter")
    asked = [args for _, args, _ in street.ports["anna"].calls if isinstance(args, commands.History)]
    assert [one.step for one in asked] == ["minute", "hour"] and asked[1].since is not None
    assert asked[1].since < clock.now() - 89 * DAY


def test_without_figures_it_says_so(street: Street) -> None:
    for path in ("/graphs", "/graphs?span=quarter", "/graphs?span=<b>"):
        assert "No figures yet" in street.browsers["anna"].get(path).words


def test_a_line_stays_within_its_drawing_and_has_few_points() -> None:
    now = 10**12
    line = draw([(now - n * MINUTE, n * n) for n in range(1439, -1, -1)], now - DAY, now, MINUTE)
    assert line is not None and len(line.parts) == 1 and (line.least, line.most, line.last) == (0, 1439**2, 0)
    points = [tuple(map(float, p.split(","))) for p in line.parts[0].split()]
    assert len(points) <= POINTS + 1 and re.fullmatch(r"[0-9., ]+", line.parts[0])
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert draw([], 0, now, HOUR) is None and draw([(5, 1)], 6, now, HOUR) is None
    single = draw([(now - HOUR, 3)], now - DAY, now, HOUR)
    assert single is not None and len(single.parts[0].split()) == 2, "a single point is seen, too"
