"""The ratings as a stranger brings them: what is understood, what is passed over, what is refused and where."""

import gzip
import random
import sys
from pathlib import Path

import pytest

from bench import reputation, reputation_attacks, reputation_walks
from bench.reputation_data import Rating
from bench.reputation_file import Found, read
from tests.bench.test_reputation import town, write

LINES = ["7,x,-3,1400000000.5", "y y,7,10,1400000001", "7,z,1,1400000002"]
PARSED = [
    Rating(b"7", b"x", -3.0, 1_400_000_000_500),
    Rating(b"y y", b"7", 10.0, 1_400_000_001_000),
    Rating(b"7", b"z", 1.0, 1_400_000_002_000),
]


def found(tmp_path: Path, text: str, neutral: float | None = None) -> Found:
    path = tmp_path / "ratings.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return read(path, neutral)


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def test_ids_are_any_text_and_times_have_a_fraction(tmp_path: Path) -> None:
    assert found(tmp_path, lines(*LINES)).ratings == PARSED


@pytest.mark.parametrize(
    "header", ["source,target,rating,time", "SOURCE;TARGET;RATING;TIME", "\ufeffa,b,c,d", "# 3 ratings"]
)
def test_a_first_line_that_is_none_is_a_header(tmp_path: Path, header: str) -> None:
    rows = [row.replace(",", ";") if ";" in header else row for row in LINES]
    assert found(tmp_path, lines(header, *rows)).ratings == PARSED


@pytest.mark.parametrize("between", [",", ";", "\t", ", "])
def test_what_parts_the_columns(tmp_path: Path, between: str) -> None:
    assert found(tmp_path, lines(*(row.replace(",", between) for row in LINES))).ratings == PARSED


def test_quotes_empty_lines_and_the_ends_of_lines(tmp_path: Path) -> None:
    text = '\r\n"7",x,-3,1400000000.5\r\n\r\n# said\r\n"y y","7",10,1400000001\r\n7,z,1,1400000002'
    assert found(tmp_path, text).ratings == PARSED


def test_a_file_may_be_packed_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv"):
        (tmp_path / name).write_bytes(gzip.compress(lines(*LINES).encode()))
        assert read(tmp_path / name).ratings == PARSED
    (tmp_path / "torn.gz").write_bytes(gzip.compress(lines(*LINES).encode())[:-9])
    with pytest.raises(ValueError, match=r"torn\.gz"):
        read(tmp_path / "torn.gz")


def test_the_order_of_the_lines_does_not_matter(tmp_path: Path) -> None:
    rows = [f"{r.rater.decode()},{r.ratee.decode()},{r.rating},{r.at // 10_000_000}" for r in town(30, 400, 9)]
    first = found(tmp_path, lines(*rows)).ratings
    random.Random(1).shuffle(rows)
    assert found(tmp_path, lines(*rows)).ratings == first
    assert len({r.at for r in first}) < len(first), "some at the same time"


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    more = ["7,7,10,1400000003", LINES[1], "7,x,0,1400000004"]
    told = found(tmp_path, lines(*LINES, *more))
    assert told.ratings == PARSED
    assert (told.repeated, told.selves, told.neither) == (1, 1, 1)
    assert "1 repeated" in told.about and "1 of oneself" in told.about and "1 neither good nor bad" in told.about
    assert "repeated" not in found(tmp_path, lines(*LINES)).about


def test_who_rates_again_later_is_heard_again(tmp_path: Path) -> None:
    assert len(found(tmp_path, lines(*LINES, "7,x,4,1400000009")).ratings) == 4


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ((-2, -1, 0, 1, 2), (-10, -5, None, 5, 10)),
        ((1, 2, 3, 4, 5), (-10, -5, None, 5, 10)),
        ((-1, 1), (-10, 10)),
        ((0, 1), (-10, 10)),
        ((-0.5, 0.25), (-10, 5)),
    ],
)
def test_any_scale_becomes_one_around_its_middle(
    tmp_path: Path, scale: tuple[float, ...], expected: tuple[float | None, ...]
) -> None:
    rows = [f"a,b{i},{rating},{1_400_000_000 + i}" for i, rating in enumerate(scale)]
    told = found(tmp_path, lines(*rows))
    assert [r.rating for r in told.ratings] == [rating for rating in expected if rating is not None]


def test_where_nothing_is_below_zero_the_middle_is_said_and_may_be_given(tmp_path: Path) -> None:
    rows = [f"a,b{i},{rating},{1_400_000_000 + i}" for i, rating in enumerate((2, 3, 4, 5))]
    told = found(tmp_path, lines(*rows))
    assert "above 3.5 is good" in told.about and "--neutral" in told.about
    assert [r.rating > 0 for r in told.ratings] == [False, False, True, True]
    assert [r.rating > 0 for r in found(tmp_path, lines(*rows), neutral=3).ratings] == [False, True, True]
    assert "--neutral" not in found(tmp_path, lines(*LINES)).about


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("7,x,1", "3 columns"),
        ("7,x,1,1400000000,5", "5 columns"),
        ("7,x,good,1400000000", "rating"),
        ("7,x,nan,1400000000", "rating"),
        ("7,x,1e999,1400000000", "rating"),
        ("7,x,1,yesterday", "time"),
        ("7,x,1,inf", "time"),
        ("7,x,1,-5", "time"),
        ("7,x,1,1400000000000", "time"),
        (",x,1,1400000000", "rater"),
        ("7, ,1,1400000000", "ratee"),
        ("7,x\0,1", "3 columns"),
        ("7," + "x" * 200_000 + ",1,2", "field"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, bad: str, what: str) -> None:
    with pytest.raises(ValueError, match=rf"ratings\.csv, line 4: .*{what}") as raised:
        found(tmp_path, lines(*LINES, bad, LINES[0]))
    assert len(str(raised.value)) < 300


def test_a_broken_first_line_is_no_header(tmp_path: Path) -> None:
    """Else a rating would be lost without a word."""
    with pytest.raises(ValueError, match="line 1: "):
        found(tmp_path, lines("7,x,1,yesterday", *LINES))


@pytest.mark.parametrize("text", ["", "\n", "source,target,rating,time\n", "a,b,3,1400000000\na,c,3,1400000001\n"])
def test_nothing_to_tell_apart_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"ratings\.csv"):
        found(tmp_path, text)


def test_who_is_written_in_no_known_alphabet_is_somebody_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(b"Ren\xe9,b,1,1400000000\nc,Ren\xe9,-1,1400000001\n")
    first, second = read(path).ratings
    assert first.rater == second.ratee == b"Ren\xe9"


def run(monkeypatch: pytest.MonkeyPatch, *typed: str) -> int:
    monkeypatch.setattr(sys, "argv", ["reputation", *typed])
    return reputation.main()


def test_the_command_says_what_is_wrong_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(lines(*LINES, "7,x,1"))
    for typed in (str(path), str(tmp_path / "none.csv"), str(tmp_path)):
        with pytest.raises(SystemExit) as stopped:
            run(monkeypatch, typed)
        assert stopped.value.code == 2
        assert typed in capsys.readouterr().err


def test_the_command_scores_a_file_of_another_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stars from 1 to 5, names, a header, unsorted, packed: the same command."""
    rows = [
        f"n{r.rater.decode()},n{r.ratee.decode()},{1 + (r.rating > 0) * 3 + (abs(r.rating) > 5)},{r.at / 1000}"
        for r in town(40, 800, 6)
    ]
    random.Random(2).shuffle(rows)
    path = tmp_path / "stars.csv.gz"
    path.write_bytes(gzip.compress(lines("from,to,stars,when", *rows).encode()))
    assert run(monkeypatch, str(path), "--only", "foretell", "--jobs", "1") in (0, 1)
    out = capsys.readouterr().out
    assert "above 3 is good" in out
    assert "auc_refreshed_warm" in out


@pytest.mark.parametrize("count", [2, 5, 12, 60])
def test_a_small_file_is_scored_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    monkeypatch.setattr(reputation_attacks, "IDENTITIES", (1, 20))
    monkeypatch.setattr(reputation_walks, "WALKS", 50)
    path = write(tmp_path / "few.csv", [Rating(b"0", b"1", -10, 1_300_000_000_000), *town(8, 200, 3)][:count])
    assert (
        run(monkeypatch, str(path), "--jobs", "1", "--only", "foretell", "--only", "random", "--only", "attacks") == 1
    )
    said = capsys.readouterr()
    assert "auc_refreshed_warm" in said.out
    if count == 2:
        assert "too few" in said.out
