"""The doctor: what each check makes of what was seen, and what is seen of a real folder."""

import errno
import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from p2pnode import commands
from p2pnode.backing_up import back_up
from p2pnode.doctor.checks import CHECKS, diagnose, well
from p2pnode.doctor.looking import look_at_folder, look_at_machine
from p2pnode.doctor.seen import Finding, Folder, Machine, Node, Seen, why_silent
from p2pnode.home.config import save_config
from p2pnode.home.folder import Home
from p2pnode.store import Store
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR
from tests.cli.test_help import COMMANDS
from tests.p2pnode.fake_node import make_home
from tests.p2pnode.lab import Lab

NOW = 1_800_000_000_000
GB = 1_000_000_000
FOLDER = Folder(
    path="/home/ann/.p2pnode", free=50 * GB, total=100 * GB, database="", backup_at=NOW - HOUR, profile="pi"
)
MACHINE = Machine(
    program="0.2", python=(3, 12, 1), libraries={"libp2p": "1"}, synchronised=True, memory=2 * GB, available=GB,
    unit="/etc/p2pnode.service", active="active", systemd=True,
)  # fmt: skip
NODE = Node(
    program="0.2", networks=1, peers=3, chosen=2, known=9, addresses=["/ip4/10.0.0.1/tcp/4001"],
    neighbours_ahead_ms=800, resident=90_000_000,
    lan={"state": "on", "found": 0, "others": 0},
    reach={"state": "yes", "address": "/ip4/9.9.9.9/tcp/4001", "by": 2, "port": 4001},
)  # fmt: skip


def page_at(url: str = "", devices: int = 0, problem: str = "") -> dict[str, Any]:
    """As `status` says it: where the page is open to the local network, and to how many devices."""
    return {"open": bool(url), "urls": [url] if url else [], "devices": devices, "problem": problem}


def seen(of: str, **changed: Any) -> Seen:
    """All well, but for what is changed of one part: folder, machine, node (up) or down."""
    folder, machine, node = FOLDER, MACHINE, None if of in ("down", "gone") else NODE
    if of in ("folder", "down"):
        folder = msgspec.structs.replace(FOLDER, **changed)
    elif of == "machine":
        machine = msgspec.structs.replace(MACHINE, **changed)
    elif of == "node":
        node = msgspec.structs.replace(NODE, **changed)
    silent = ("The node is not running", "p2pnode run") if node is None else ("", "")
    return Seen(folder, machine, node, *silent, NOW)


# check, what is changed, the state that comes of it, words of the sentence, words of the fix
CASES: list[tuple[str, Seen, str, str, str]] = [
    ("home", seen("folder", missing="There is no node in /x"), "problem", "no node", "p2pnode init"),
    ("home", seen("folder", foreign=True), "problem", "another user", "chown"),
    ("permissions", seen("folder", open=("/h (mode 0755)",)), "problem", "mode 0755", "chmod -R go= /home/ann"),
    ("permissions", seen("folder", above=("/srv",)), "note", "/srv", "chmod o-w /srv"),
    ("settings", seen("folder", config="line 3: nmae"), "problem", "line 3", "p2pnode config edit"),
    ("keystore", seen("folder", keystore="it is damaged"), "problem", "damaged", "p2pnode restore"),
    ("keystore", seen("folder", keystore="sealed"), "ok", "passphrase", ""),
    ("backup", seen("folder", backup_at=None), "note", "No backup", "p2pnode backup"),
    ("backup", seen("folder", backup_at=NOW - 40 * DAY), "note", "40 days", "p2pnode backup"),
    ("daemon", seen("gone"), "problem", "not running", "p2pnode run"),
    ("service", seen("machine", systemd=False), "skipped", "no systemd", ""),
    ("service", seen("machine", unit=""), "note", "does not start", "p2pnode service install"),
    ("service", seen("machine", active="failed"), "problem", "failed", "systemctl --user status"),
    ("service", seen("machine", active="inactive", system=True), "note", "inactive", "systemctl start p2pnode"),
    ("versions", seen("machine", python=(3, 10, 0)), "problem", "3.11 to 3.13", "make run"),
    ("versions", seen("machine", libraries={"trio": None}), "problem", "trio", "make run"),
    ("versions", seen("node", program="0.1"), "note", "0.1", "p2pnode run"),
    ("clock", seen("node", clock_warnings=["this clock is off. Set the clock; …"]), "problem", "off", "timedatectl"),
    ("clock", seen("node", neighbours_ahead_ms=-2 * HOUR), "note", "2 hours", "p2pnode clock"),
    ("clock", seen("node", neighbours_ahead_ms=None), "skipped", "no neighbour", ""),
    ("ntp", seen("machine", synchronised=False), "note", "does not set", "timedatectl"),
    ("ntp", seen("machine", synchronised=None, unsynchronised_why="none there"), "skipped", "none there", ""),
    ("disk", seen("folder", unwritable="Read-only file system"), "problem", "Read-only", "df -h"),
    ("disk", seen("folder", free=100_000_000), "problem", "nearly full: 100 MB", "du -sh"),
    ("disk", seen("folder", free=500_000_000), "note", "500 MB", "du -sh"),
    ("disk", seen("node", keeps="near"), "note", "filling up", "du -sh"),
    ("sizes", seen("folder", sizes={"database": 6 * GB}), "note", "6.0 GB", "du -sh"),
    ("database", seen("node", warnings=["the disk refused a write"]), "problem", "The disk refused", "df -h"),
    ("database", seen("down", database=None, unseen="busy"), "skipped", "busy", ""),
    ("database", seen("down", database="block 3", unsound=True), "problem", "Block 3", "p2pnode restore"),
    ("database", seen("down", database="2 entries are missing"), "note", "2 entries", "p2pnode run"),
    ("database", seen("down"), "ok", "every entry", ""),
    ("ledger", seen("node", recovering=[{"network": "Elm"}]), "problem", "signed in Elm", "p2pnode peers"),
    ("ledger", seen("node", recovering=[{"network": "Elm"}], peers=0), "problem", "Elm", "p2pnode join"),
    ("index", seen("node", indexing={"done": 3, "of": 9}), "note", "3 of 9", ""),
    ("network", seen("node", networks=0), "note", "no network", "p2pnode join"),
    ("network", seen("node", joining=["", "it is away"]), "note", "it is away", "p2pnode status"),
    ("port", seen("node", addresses=[]), "problem", "nowhere", "p2pnode config set listen"),
    ("port", seen("down", ports=(4001,)), "problem", "Port 4001", "p2pnode config set listen /ip4/0.0.0.0/tcp/4002"),
    ("port", seen("down", config="line 1"), "skipped", "settings", ""),
    ("port", seen("down"), "ok", "free", ""),
    ("reachable", seen("node", reach={"state": "no", "by": 3, "port": 4007}), "note", "3 peers", "TCP port 4007"),
    ("reachable", seen("node", reach={"state": "lan", "address": "/ip4/10.1.1.1"}), "ok", "/ip4/10.1.1.1", ""),
    ("reachable", seen("node", reach={"state": "unknown"}), "skipped", "Not known yet", ""),
    ("lan", seen("node", lan={"state": "off"}), "skipped", "switched off", ""),
    ("lan", seen("node", lan={"state": "none"}), "skipped", "no address of a local network", ""),
    ("lan", seen("node", lan={"state": "problem", "problem": "no multicast"}), "note", "no multicast", "UDP port 5353"),
    ("lan", seen("node", lan={"state": "on", "found": 2, "others": 3}), "ok", "network: 2; other nodes", ""),
    ("page", seen("node"), "ok", "this computer alone", ""),
    ("page", seen("node", lan_page=page_at("https://10.1.1.1:4443", 2)), "ok", "paired devices: 2", ""),
    ("page", seen("node", lan_page=page_at("https://10.1.1.1:4443", 0)), "note", "no device", "p2pnode web --lan"),
    ("page", seen("node", lan_page=page_at(problem="no port")), "note", "no port", "p2pnode web --lan"),
    ("relay", seen("folder", relay=True), "skipped", "switched on, but", ""),
    ("peers", seen("node", peers=0, known=0), "note", "alone in its network", "p2pnode invite"),
    ("peers", seen("node", peers=0, known=0, networks=0), "note", "no other peer", "p2pnode join"),
    ("peers", seen("node", peers=0, dial_problem="refused"), "problem", "any of the 9 peers", "p2pnode peers"),
    ("memory", seen("node", resident=2 * GB), "note", "2.0 GB", "p2pnode bugreport"),
    ("memory", seen("machine", available=50_000_000), "note", "50 MB", "p2pnode config profile pi"),
    ("memory", seen("machine", memory=None), "skipped", "does not say", ""),
]  # fmt: skip


def only(name: str, of: Seen) -> Finding:
    (finding,) = diagnose(of, name)
    return finding


@pytest.mark.parametrize(
    ("name", "of", "state", "words", "fix"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_what_a_check_makes_of_it(name: str, of: Seen, state: str, words: str, fix: str) -> None:
    finding = only(name, of)
    assert (finding.check, finding.state) == (name, state), finding
    assert words in finding.found and fix in finding.fix and bool(fix) == bool(finding.fix), finding


def test_every_check_has_a_case_in_which_it_is_not_well() -> None:
    assert {case[0] for case in CASES if case[2] != "ok"} == set(CHECKS)


def test_where_all_is_well_every_check_says_so() -> None:
    found = diagnose(seen("node"))
    assert [f.check for f in found] == list(CHECKS) and well(found)
    assert {f.check: f.state for f in found if f.state != "ok"} == {"relay": "skipped"}
    assert not any(f.fix for f in found)


def test_every_problem_comes_with_what_to_type_and_commands_of_ours_exist() -> None:
    for name, of, *_ in CASES:
        finding = only(name, of)
        assert finding.state in ("ok", "note", "problem", "skipped") and not finding.found[0].islower()
        assert finding.fix or finding.state != "problem", finding
        typed = finding.fix.partition("p2pnode ")[2].split(" ")
        if finding.fix.startswith("p2pnode "):
            assert (typed[0],) in COMMANDS, finding


def test_without_a_folder_nothing_of_it_is_judged() -> None:
    for changed in ({"missing": "There is no node"}, {"foreign": True}):
        found = diagnose(seen("down", **changed))
        assert [f.check for f in found if f.state == "problem"] in (["home"], ["home", "daemon"])


def test_a_path_is_quoted_for_the_shell() -> None:
    of = seen("folder", path="/home/ann's node", open=("x",))
    assert only("permissions", of).fix == "chmod -R go= '/home/ann'\\''s node'"


def test_a_check_that_there_is_none_of() -> None:
    with pytest.raises(Refusal, match="no check 'nose'") as e:
        diagnose(seen("node"), "nose")
    assert e.value.code == "usage" and "permissions" in e.value.hint


def test_why_a_node_is_silent() -> None:
    assert why_silent(Refusal("no_daemon", "It is not running", "Start it: p2pnode run")) == (
        "It is not running", "p2pnode run"
    )  # fmt: skip


# A real folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path / "home")
    save_config(made, {"name": "Ann", "listen": ["/ip4/127.0.0.1/tcp/0"]})
    return made


def contents(home: Home) -> dict[str, tuple[int, bytes]]:
    files = (p for p in home.root.rglob("*") if p.is_file() and p != home.lock)
    return {str(p): (p.stat().st_mode, p.read_bytes()) for p in files}


def test_a_sound_folder_is_left_as_it_is(home: Home) -> None:
    before = contents(home)
    folder = look_at_folder(home, database=True)
    assert not (folder.missing or folder.foreign or folder.open or folder.config or folder.unwritable or folder.ports)
    assert folder.keystore == "ok" and folder.free > 0 and folder.database is None and "none yet" in folder.unseen
    assert contents(home) == before and not home.store.exists()


def test_open_folders_and_keys_are_seen_and_not_mended(home: Home) -> None:
    home.root.chmod(0o755)
    home.keystore.chmod(0o640)
    found = look_at_folder(home, database=False).open
    assert len(found) == 2 and "0755" in found[0] and "keystore.json" in found[1]
    assert home.root.stat().st_mode & 0o777 == 0o755 and home.keystore.stat().st_mode & 0o777 == 0o640


def test_damaged_files_are_named(home: Home) -> None:
    home.config.write_text("max_peers = 0\n")
    home.keystore.write_text("{}")
    folder = look_at_folder(home, database=False)
    assert "max_peers" in folder.config and "damaged" in folder.keystore
    home.keystore.unlink()
    assert "no node" in look_at_folder(home, database=False).missing


def test_a_sealed_keystore_is_not_asked_for_its_passphrase(tmp_path: Path) -> None:
    from p2pnode.home.keystore import create_keystore

    home = Home(tmp_path / "sealed")
    home.create()
    create_keystore(home.keystore, b"secret", ops=1, mem=8192)
    assert look_at_folder(home, database=False).keystore == "sealed"


def test_the_database_is_opened_only_while_nobody_holds_it(home: Home) -> None:
    store = Store.open(home.store)
    assert look_at_folder(home, database=True).unseen == "another program holds it"
    store.commit({b"k": b"v"}, (), True)
    store.close()
    assert look_at_folder(home, database=True).database == ""
    with home.locked():
        folder = look_at_folder(home, database=True)
    assert folder.database is None and folder.unseen == "a node holds it"


def test_a_damaged_database_is_a_problem(home: Home) -> None:
    store = Store.open(home.store)
    store.commit({b"k": b"v" * 100_000}, (), True)
    store.close()
    (home.store / "db" / "CURRENT").write_bytes(b"MANIFEST-999999\n")
    folder = look_at_folder(home, database=True)
    assert folder.database and folder.unsound


async def test_a_backup_is_remembered(home: Home, tmp_path: Path) -> None:
    assert look_at_folder(home, database=False).backup_at is None
    store = Store.open(home.store)
    made = await back_up(commands.Backup(file=str(tmp_path / "backup"), passphrase="x"), home, store)
    store.close()
    assert look_at_folder(home, database=False).backup_at == made["made_at"]


def test_a_port_that_somebody_holds(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        save_config(home, {"listen": [f"/ip4/127.0.0.1/tcp/{port}"]})
        assert look_at_folder(home, database=False).ports == (port,)
    assert look_at_folder(home, database=False).ports == ()


def test_a_folder_that_cannot_be_written(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    assert look_at_folder(home, database=False).unwritable == "Read-only file system"


def test_the_computer_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    answers = {"timedatectl": "yes\n", "systemctl": "active\n"}
    asked = []

    def ask(command: tuple[str, ...]) -> str | None:
        asked.append(command)
        return answers.get(command[0])

    machine = look_at_machine("0.2", ask)
    assert machine.synchronised is True and machine.unit == "" and len(asked) == 1
    (tmp_path / "systemd/user").mkdir(parents=True)
    (tmp_path / "systemd/user/p2pnode.service").touch()
    answers["timedatectl"] = "perhaps"
    machine = look_at_machine("0.2", ask)
    assert machine.synchronised is None and machine.active == "active" and "--user" in asked[-1]
    assert machine.memory is None or machine.memory > 10_000_000
    assert None not in machine.libraries.values()


# A running node


def test_a_node_says_what_the_doctor_asks() -> None:
    lab = Lab()
    told = lab.ask(lab.ben, "health")
    assert set(told) | {"program", "resident"} == set(Node.__struct_fields__)
    node = msgspec.convert(told, Node)
    assert node.networks == 1 and node.peers >= 1 and node.known >= 1 and not node.recovering


def test_every_check_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows[4:] == list(CHECKS), "one row each, in the order of the table"


def test_each_warning_goes_to_the_check_that_it_is_about() -> None:
    lab = Lab()
    status = lab.ben.core.status
    status.lan_page = lambda: {"problem": "no free port", "urls": [], "devices": 0}
    node = msgspec.convert(lab.ask(lab.ben, "health"), Node)
    found = {f.check: f for f in diagnose(Seen(FOLDER, MACHINE, node, "", "", NOW))}
    assert found["database"].state == "ok" and "no free port" in found["page"].found
    (said,) = lab.ask(lab.ben, "status")["warnings"]
    assert said == "the page is not open to the local network: no free port"
