"""What installing puts where, and that what is installed is what was locked."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cli.man import pages

ROOT = Path(__file__).resolve().parent.parent
FIVE = {"p2pnode", "protocols", "dht", "ledger", "cli"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
LOCKS = ("requirements-build.lock", "requirements.lock", "requirements-dev.lock", "requirements-fuzz.lock")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\]+))?", re.MULTILINE)


def _pins(name: str) -> dict[str, tuple[str, str]]:
    """Package -> version and marker."""
    return {canonicalize_name(m[1]): (m[2], (m[3] or "").strip()) for m in _PIN.finditer((ROOT / name).read_text())}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this tree, built without a network from a copy (building leaves files behind)."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    files = [f"{name}/" for name in sorted(FIVE)] + ["pyproject.toml", "setup.py", "README.md", "LICENSE"]
    subprocess.run(["cp", "-r", *(str(ROOT / f) for f in files), str(copy)], check=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(copy)], check=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_five_names_are_ours_alone() -> None:
    """They are common words: another distribution that installs one of them would overwrite our modules."""
    owners = packages_distributions()
    assert {name: set(owners.get(name, ())) for name in FIVE} == {name: {"p2pnode"} for name in FIVE}


def test_every_package_is_listed_wherever_packages_are() -> None:
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert there - {"tests", "bench"} == FIVE
    tools = PYPROJECT["tool"]
    assert {name.partition(".")[0] for name in tools["setuptools"]["packages"]} == FIVE
    assert set(tools["importlinter"]["root_packages"]) == FIVE
    assert set(tools["mypy"]["packages"]) >= FIVE


def test_one_script() -> None:
    assert {e.name: e.value for e in distribution("p2pnode").entry_points} == {"p2pnode": "cli.main:main"}


def test_the_wheel_holds_the_five_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    name = f"p2pnode-{PROJECT['version']}"
    assert tops == FIVE | {f"{name}.dist-info", f"{name}.data"}
    rest = {path.rpartition("/")[0] for path in wheel.namelist() if path.startswith(f"{name}.data/")}
    assert rest == {f"{name}.data/data/share/man/man1"}
    (entry_points,) = (n for n in wheel.namelist() if n.endswith("/entry_points.txt"))
    assert wheel.read(entry_points).decode().split() == ["[console_scripts]", "p2pnode", "=", "cli.main:main"]


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    """Sub-packages and data files have to be listed in `pyproject.toml`; one that is forgotten is missed here."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *sorted(FIVE)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    there = [f for f in tracked.stdout.split("\0") if f and (ROOT / f).exists()]
    assert there
    assert not set(there) - set(wheel.namelist())


def test_the_wheel_holds_every_man_page(wheel: zipfile.ZipFile) -> None:
    there = {name.rpartition("/")[2]: name for name in wheel.namelist() if "/share/man/man1/" in name}
    assert {name: wheel.read(path).decode() for name, path in there.items()} == pages()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_place(name: str) -> None:
    """Only names, versions and hashes: no host of a registry, no folder of the machine it was made on."""
    text = "".join(line for line in (ROOT / name).read_text().splitlines(True) if not line.startswith("#"))
    assert not re.search(r"://|(^|\s)-|(^|\s)/|@", re.sub(r"--hash=sha256:[0-9a-f]{64}", "", text))


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text())
    assert [b.split()[0] for b in blocks if "==" in b and "--hash=sha256:" not in b] == []
    assert len(_pins(name)) >= 2


def test_the_locks_are_in_step_with_the_project() -> None:
    for lock, requirements in (
        ("requirements.lock", PROJECT["dependencies"]),
        ("requirements-dev.lock", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]),
        ("requirements-fuzz.lock", [r for extra in ("dev", "fuzz") for r in PROJECT["optional-dependencies"][extra]]),
    ):
        pins = _pins(lock)
        for requirement in map(Requirement, requirements):
            version, _ = pins.get(canonicalize_name(requirement.name), ("", ""))
            assert version and requirement.specifier.contains(version), f"{requirement} in {lock}: run `make lock`"


def test_the_tests_run_on_what_users_get() -> None:
    run, dev = _pins("requirements.lock"), _pins("requirements-dev.lock")
    assert {name: dev.get(name, ("",))[0] for name in run} == {name: version for name, (version, _) in run.items()}
    assert dev.items() <= _pins("requirements-fuzz.lock").items()


def test_what_is_installed_is_what_is_locked() -> None:
    installed = {}
    for name, (version, marker) in _pins("requirements-dev.lock").items():
        if not marker or Marker(marker).evaluate():
            installed[name] = (distribution(name).version, version)
    assert {name: pair for name, pair in installed.items() if pair[0] != pair[1]} == {}
