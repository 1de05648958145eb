"""Rules about the source that import-linter cannot state."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ("protocols", "dht", "ledger", "p2pnode", "cli", "bench", "scripts", "tests")
MAX_LINES = 400
# Path -> why this file has one purpose and is longer all the same.
LONGER: dict[str, str] = {}
HEAVY = {"trio", "libp2p", "plyvel", "sqlite3", "starlette", "anycorn", "structlog", "nacl", "httpx", "asyncio", "rich"}


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_files_are_small() -> None:
    long = {
        str(path.relative_to(ROOT)): _lines(path)
        for folder in SOURCE
        for path in (ROOT / folder).rglob("*.py")
        if _lines(path) > MAX_LINES
    }
    assert set(long) == set(LONGER), f"over {MAX_LINES} lines, or excepted without need: {long}"


def test_every_folder_of_tests_is_a_package() -> None:
    """Two files of the same name in different folders would otherwise be one module to the type checker."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert not [f for f in folders if not (f / "__init__.py").exists()]


@pytest.mark.skipif(not (ROOT / "cli" / "main.py").exists(), reason="there is no command line yet")
def test_the_command_line_loads_nothing_heavy() -> None:
    """import-linter sees what `cli` names; this sees what in the end is loaded."""
    code = "import sys, cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(run.stdout.split())
