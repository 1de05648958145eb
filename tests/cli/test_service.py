"""The unit, word for word and as systemd reads it; what is typed for the user; machines without systemd."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from cli import service
from cli.unit import MARK, Plan, unit_text
from p2pnode.home.folder import Home
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

UNITS = Path(__file__).with_name("units")
PLANS = {
    "user": Plan(("/opt/p2pnode/bin/p2pnode",), Path("/home/ann/.local/share/p2pnode"), Path("/home/ann/.local/state")),
    "odd": Plan(
        ("/home/ann/my programs/p2pnode",),
        Path("/home/ann/100% mine/node"),
        Path('/home/ann/.local/"state"'),
        passphrase_file=Path("/home/ann/$secret"),
        writable=(Path("/media/usb stick"),),
        memory="400M",
    ),
    "unconfined": Plan(
        ("/opt/p2pnode/bin/p2pnode",), Path("/home/ann/node"), Path("/home/ann/.local/state"), confined=False
    ),
    "system": Plan(
        ("/opt/p2pnode/bin/p2pnode",), Path("/var/lib/p2pnode/home"), Path("/var/lib/p2pnode/state"), system=True,
        memory="2G",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_the_unit_word_for_word(name: str) -> None:
    """To renew one: `python -m tests.cli.test_service`, and read what has changed."""
    assert unit_text(PLANS[name]) == (UNITS / f"{name}.service").read_text()


def analyze(tmp_path: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    return subprocess.run(
        ["systemd-analyze", *args],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path), "SYSTEMD_COLORS": "0"},
        timeout=60,
    )


def placed(tmp_path: Path, name: str) -> Path:
    """The unit, with a program that is there, and no user that is not."""
    program = tmp_path / "with a blank" / "p2pnode"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "p2pnode.service"
    text = unit_text(Plan(**{**PLANS[name].__dict__, "program": (str(program),)}))
    unit.write_text("\n".join(line for line in text.splitlines() if not line.startswith(("User=", "Group="))))
    return unit


@pytest.mark.parametrize("name", PLANS)
def test_systemd_understands_every_line(tmp_path: Path, name: str) -> None:
    done = analyze(
        tmp_path, "verify", "--man=no", *([] if name == "system" else ["--user"]), str(placed(tmp_path, name))
    )
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(f"systemd-analyze cannot run here: {done.stderr.strip()}")
    said = [line for line in done.stderr.splitlines() if "p2pnode" in line]
    assert done.returncode == 0 and said == [], done.stderr


def test_a_wrong_line_would_be_found(tmp_path: Path) -> None:
    unit = placed(tmp_path, "user")
    unit.write_text(unit.read_text().replace("WatchdogSec=180", "WatchdogSec=soon"))
    done = analyze(tmp_path, "verify", "--man=no", "--user", str(unit))
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(f"systemd-analyze cannot run here: {done.stderr.strip()}")
    assert f"{unit}:14: Failed to parse" in done.stderr


@pytest.mark.parametrize(("name", "most"), [("user", 25), ("system", 20)])
def test_little_is_exposed(tmp_path: Path, name: str, most: int) -> None:
    """In tenths of systemd's own measure, of which 100 is a service without any wall."""
    done = analyze(tmp_path, "security", "--offline=true", f"--threshold={most}", str(placed(tmp_path, name)))
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot measure a file")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


@pytest.fixture
def machine(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine run by systemd, whose systemctl notes what it is asked; returns its notes."""
    notes, programs = tmp_path / "asked.txt", tmp_path / "bin"
    programs.mkdir()
    tool = programs / "systemctl"
    tool.write_text(
        f'#!/bin/sh\necho "$*" >> {notes}\n[ "$2" = show ] || exit 0\n'
        "echo ActiveState=${FAKE_STATE:-inactive}\necho UnitFileState=enabled\necho NRestarts=2\n"
        "echo 'StatusText=Elm Street: 5 connected'\n"
    )
    tool.chmod(0o755)
    booted = tmp_path / "booted"
    booted.mkdir()
    monkeypatch.setattr(service, "SYSTEMD", booted)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return notes


def unit_of(tmp_path: Path) -> Path:
    return tmp_path / "ann/.config/systemd/user/p2pnode.service"


def test_install_status_uninstall(run: Run, machine: Path, home: Home, tmp_path: Path) -> None:
    data = run("service", "install", "--json").data
    unit = unit_of(tmp_path)
    assert data["unit"] == str(unit) and unit.read_text() == data["text"]
    assert f"P2PNODE_HOME={home.root}" in data["text"] and data["text"].startswith(MARK)
    assert (tmp_path / "ann/.local/state/p2pnode").is_dir(), "what is bound into the namespace must be there"
    asked = machine.read_text().splitlines()
    assert asked == ["--user daemon-reload", "--user enable p2pnode.service", "--user restart p2pnode.service"]
    found = run("service", "status", "--json").data
    assert found["installed"] and found["enabled"] == "enabled" and found["restarts"] == 2
    assert found["text"] == "Elm Street: 5 connected" and found["active"] == "inactive"
    assert "linger" in run("service", "install").out, "twice is as well as once"
    assert run("service", "uninstall").status == 0
    assert not unit.exists() and "--user disable --now p2pnode.service" in machine.read_text()
    assert run("service", "uninstall").status == 3


def test_dry_run_prints_the_unit_and_does_nothing(run: Run, machine: Path, tmp_path: Path) -> None:
    shown = run("service", "install", "--dry-run")
    assert shown.status == 0 and "Type=notify" in shown.out and "--user enable" in shown.err
    assert not unit_of(tmp_path).exists() and not machine.exists()
    unit_of(tmp_path).parent.mkdir(parents=True)
    unit_of(tmp_path).write_text(shown.out)
    assert run("service", "uninstall", "--dry-run").status == 0 and unit_of(tmp_path).exists()


def test_without_systemd_it_says_what_to_do_instead(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SYSTEMD", home.root / "nowhere")
    result = run("service", "install")
    assert result.status == 1 and "@reboot" in result.err and "runit" in result.err
    assert run("service", "install", "--dry-run").status == 0
    assert run("service", "status", "--json").data["systemd"] is False


def test_a_unit_that_somebody_else_wrote_stays(run: Run, machine: Path, tmp_path: Path) -> None:
    unit_of(tmp_path).parent.mkdir(parents=True)
    unit_of(tmp_path).write_text("[Service]\n")
    assert run("service", "install").status == 6 and run("service", "uninstall").status == 6
    assert unit_of(tmp_path).read_text() == "[Service]\n"


def test_a_node_that_runs_by_hand_is_stopped_first(
    run: Run, machine: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home.locked():
        result = run("service", "install")
        assert result.status == 6 and "Stop it" in result.err
        monkeypatch.setenv("FAKE_STATE", "active")
        assert run("service", "install").status == 0, "the service itself is started anew"


def test_what_systemctl_says_is_passed_on(run: Run, machine: Path, tmp_path: Path) -> None:
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2\nexit 1\n")
    result = run("service", "install")
    assert result.status == 1 and "No medium found" in result.err and "ssh" in result.err


def test_a_profile_bounds_memory(run: Run, machine: Path, home: Home) -> None:
    home.config.write_text('profile = "pi"\n')
    assert "MemoryMax=400M" in run("service", "install", "--dry-run").out


def test_of_the_whole_machine(run: Run, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_program", lambda: ("/opt/p2pnode/bin/p2pnode",))
    text = run("service", "install", "--system", "--dry-run").out
    assert "User=p2pnode" in text and "StateDirectory=p2pnode" in text and "ProtectHome=yes" in text
    monkeypatch.setattr(service, "_program", lambda: ("/home/ann/p2pnode",))
    assert run("service", "install", "--system", "--dry-run").status == 5


def test_a_backup_that_only_the_node_can_see_is_none(run: Run, node: FakeNode, tmp_path: Path) -> None:
    """As a service the node has a /tmp of its own."""
    secret = tmp_path / "secret"
    secret.write_text("long enough to seal with\n")
    secret.chmod(0o600)
    result = run("backup", str(tmp_path / "ann.backup"), "--passphrase-file", str(secret))
    assert result.status == 1 and "only the node can see" in result.err


def test_logs_says_where_they_are(run: Run, home: Home) -> None:
    result = run("service", "logs")
    assert "journalctl --user -u p2pnode" in result.out and str(home.root / "node.log") in result.out


def test_the_unit_can_be_read_by_the_manager(run: Run, machine: Path, tmp_path: Path) -> None:
    run("service", "install")
    assert stat.S_IMODE(unit_of(tmp_path).stat().st_mode) == 0o644


if __name__ == "__main__":
    UNITS.mkdir(exist_ok=True)
    for name, plan in PLANS.items():
        (UNITS / f"{name}.service").write_text(unit_text(plan))
