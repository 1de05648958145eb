"""`project split` and `project results`: what is typed, what the node is asked, what is written."""

from pathlib import Path
from typing import Any

import pytest

from p2pnode.project_arguments import Line
from p2pnode.tasks import hash_of
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

FORESEEN = {
    "listing_id": "ab" * 16, "title": "Chronicle", "there": 0, "missing": 3, "room": 499, "quota": 500,
    "pay": [{"amount": 150, "unit": "hour"}], "spendable": {"amount": 100, "unit": "hour"},
}  # fmt: skip
SPLIT = {"listing_id": "ab" * 16, "published": [{"number": 1, "listing_id": "cd"}], "there": 0, "changed": []}


@pytest.fixture
def asked(node: FakeNode) -> FakeNode:
    node.answers["project.foresee"] = FORESEEN
    node.answers["project.split"] = SPLIT
    return node


def splits(node: FakeNode, name: str = "project.split") -> list[Any]:
    return [call[1] for call in node.calls if call[0] == name]


def test_a_table_is_published_a_few_lines_at_a_time(run: Run, asked: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "pages.csv"
    file.write_text("title,price\n" + "".join(f"Page {n},\n" for n in range(1, 36)))
    result = run("project", "split", "ab", str(file), "--price", "0.5")
    assert result.status == 0 and "16 of 35 …" in result.err and "3 published." in result.out
    assert "you owe 1.5 hours; you can spend 1 hour now" in result.out
    assert [len(args.tasks) for args in splits(asked)] == [16, 16, 3]
    assert splits(asked)[2].tasks[-1] == Line(35, "Page 35", "", "0.5")
    (foreseen,) = splits(asked, "project.foresee")
    assert (foreseen.listing, foreseen.count, foreseen.prices) == ("ab", 35, {"0.5": 35})


def test_so_many_that_differ_by_their_number(run: Run, asked: FakeNode) -> None:
    result = run("project", "split", "ab", "--count", "3", "--title", "Page {n}", "--most", "2", "--json")
    assert result.data["published"] == SPLIT["published"]
    assert [line.title for line in splits(asked)[0].tasks] == ["Page 1", "Page 2"]


def test_what_does_not_fit_is_said_beforehand(run: Run, asked: FakeNode) -> None:
    asked.answers["project.foresee"] = {**FORESEEN, "there": 1, "missing": 2, "room": 1}
    result = run("project", "split", "ab", "--count", "3", "--title", "Page {n}")
    assert result.status == 5 and "room for 1 more" in result.err and "--most 2" in result.err
    assert splits(asked) == []


def test_a_dry_run_publishes_nothing(run: Run, asked: FakeNode) -> None:
    result = run("project", "split", "ab", "--count", "3", "--title", "Page {n}", "--dry-run")
    assert result.status == 0 and "3 tasks to publish; there is room for 499." in result.out and splits(asked) == []


@pytest.mark.parametrize(
    "typed", ["", "--count 2", "--count 2 --title x", "FILE --count 2 --title {n}", "FILE --title x"]
)
def test_what_tasks_are_meant(run: Run, asked: FakeNode, tmp_path: Path, typed: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text("title\nx\n")
    result = run("project", "split", "ab", *typed.replace("FILE", str(file)).split())
    assert result.status == 2 and splits(asked) == []


def result(number: int, content: bytes = b"", text: str | None = None) -> dict[str, Any]:
    signed = hash_of(content) if content else None
    return {
        "number": number,
        "title": f"Page {number}",
        "who": "Cleo",
        "hash": signed,
        "text": text,
        "exchange_id": "e",
    }


@pytest.fixture
def chronicle(node: FakeNode, tmp_path: Path) -> Path:
    """Two pages came as files, one as a text."""
    received = tmp_path / "received"
    received.mkdir()
    (received / "from-cleo.txt").write_bytes(b"first\n")
    (received / "IMG_2.txt").write_bytes(b"third\n")
    rows = [result(1, b"first\n"), result(2, text="second"), result(3, b"third\n")]
    node.answers["project.results"] = {"listing_id": "ab", "title": "Chronicle", "results": rows, "waiting": []}
    return received


def test_results_are_joined_in_order(run: Run, node: FakeNode, chronicle: Path, tmp_path: Path) -> None:
    out = tmp_path / "chronicle.txt"
    shown = run("project", "results", "ab", "--from", str(chronicle), "--out", str(out))
    assert shown.status == 0 and out.read_text() == "first\nsecond\nthird\n" and "3 results in order" in shown.out
    folder = tmp_path / "pages"
    shown = run("project", "results", "ab", "--from", str(chronicle), "--out", f"{folder}/")
    assert shown.status == 0 and sorted(p.name for p in folder.iterdir()) == ["0001.txt", "0002.txt", "0003.txt"]


def test_what_was_changed_or_is_missing_is_said_and_not_joined(
    run: Run, node: FakeNode, chronicle: Path, tmp_path: Path
) -> None:
    (chronicle / "IMG_2.txt").write_bytes(b"third, as somebody has made it up\n")
    out = tmp_path / "chronicle.txt"
    given = ("project", "results", "ab", "--from", str(chronicle))
    shown = run(*given)
    assert "Missing: 3; no file there has the hash that was signed." in shown.out
    assert "No confirmed result: IMG_2.txt" in shown.out
    assert run(*given, "--json").data["complete"] is False
    shown = run(*given, "--out", str(out))
    assert shown.status == 6 and "no file here has the hash that was signed: 3" in shown.err and not out.exists()
    assert run(*given, "--out", str(out), "--partial").status == 0 and out.read_text() == "first\nsecond\n"


def test_what_is_not_confirmed_is_named(run: Run, node: FakeNode, chronicle: Path, tmp_path: Path) -> None:
    waiting = [{"number": n, "title": f"Page {n}", "state": "claimed", "who": "Ben"} for n in (4, 5, 6)]
    node.answers["project.results"]["waiting"] = waiting
    shown = run("project", "results", "ab", "--from", str(chronicle), "--out", str(tmp_path / "x"))
    assert shown.status == 6 and "Not confirmed yet: 4–6" in shown.err
    assert "Not confirmed yet: 4  Page 4 (claimed, Ben)" in run("project", "results", "ab").out
