"""docs/reliability.md says what was counted, of every row there is, and nothing else."""

from tests.faults.figures import FIGURES
from tests.faults.report import PAGE, newest, page


def test_the_page_holds_the_newest_figures() -> None:
    assert PAGE.read_text() == page(PAGE.read_text(), FIGURES.read_text())


def test_every_row_is_described_and_counted() -> None:
    """A file counts at least a row of its name; `hostile` is for `make check` alone, and counts none."""
    files = {file.stem.removeprefix("test_") for file in FIGURES.parent.glob("test_*.py")} - {"hostile"}
    rows = {line["row"] for line in newest(FIGURES.read_text())}
    assert files <= rows
    headings = [line for line in PAGE.read_text().splitlines() if line.startswith("## ")]
    assert all(any(f"`{row}`" in heading for heading in headings) for row in rows)
