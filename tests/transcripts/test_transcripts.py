"""Every transcript beside this file holds; and the runner can tell when one does not."""

from pathlib import Path

import pytest

from tests.transcripts.runner import Step, Transcript, parse, pattern

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("*.md")), ids=lambda path: path.stem)
def test_the_transcript_holds(path: Path, tmp_path: Path) -> None:
    transcript = Transcript(tmp_path)
    try:
        assert transcript.run(path) > 0
    finally:
        transcript.end()


def test_a_block_is_read_as_it_stands() -> None:
    text = "Hi\n\n```console\nanna$ p2pnode status\nstate  alone\nexit status 4\nben$ kill %1\n```\n\n```sh\nx\n```\n"
    assert parse(text) == [Step("anna", "p2pnode status", 4, ["state  alone"], 4), Step("ben", "kill %1", 7)]
    with pytest.raises(ValueError, match="line 2"):
        parse("```console\nhello\n```\n")


@pytest.mark.parametrize(
    ("expected", "shown", "holds"),
    [
        (["a…c"], "abbbc\n", True),
        (["a…c"], "ab\nbc\n", False),
        (["a", "…", "c"], "a\nb\nb\nc\n", True),
        (["a", "…", "c"], "a\nc\n", True),
        (["a", "…", "c"], "a\nb\n", False),
        (["(a.b)"], "(a.b)\n", True),
        (["(a.b)"], "(axb)\n", False),
        (["by <who>, for <who>"], "by x, for x\n", True),
        (["by <who>, for <who>"], "by x, for y\n", False),
        (["<me> is <the thing>"], "ann is 4711\n", True),
        (["<me> is 1"], "ben is 1\n", False),
        (["1 or 2"], "", False),
        ([], "", True),
        ([], "more\n", False),
    ],
)
def test_what_is_expected_must_come(expected: list[str], shown: str, holds: bool) -> None:
    assert (pattern(expected, {"me": "ann"}).fullmatch(shown) is not None) == holds


def test_a_wrong_transcript_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.md"
    path.write_text("# Wrong\n\n```console\nanna$ p2pnode paths --plain\nno such line\n```\n")
    with pytest.raises(AssertionError, match=r"wrong\.md:4: anna\$ p2pnode paths"):
        Transcript(tmp_path).run(path)


def test_an_exit_status_that_is_not_named_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "wrong.md"
    path.write_text("```console\nanna$ p2pnode offer frobnicate\n…\n```\n")
    with pytest.raises(AssertionError, match=r"came \(exit status 2\)"):
        Transcript(tmp_path).run(path)
