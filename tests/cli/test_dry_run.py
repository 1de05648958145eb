"""`--dry-run` on all that writes: the node is asked for nothing that changes anything, and no file comes into being."""

from pathlib import Path

import pytest

from cli.main import cli
from p2pnode.commands import COMMANDS as CALLS
from p2pnode.home.folder import Home
from tests.cli.conftest import Run
from tests.cli.test_commands import CASES
from tests.cli.test_help import COMMANDS
from tests.p2pnode.fake_node import FakeNode

# Commands that change nothing anywhere: they ask the node, or read a file that is named.
READS = {
    "status", "whoami", "paths", "version", "completion", "help", "run", "peers list", "peers show", "vouches list",
    "reputation", "offer list", "offer show", "request list", "request show", "search", "matches", "notices",
    "blocklist list", "blocklist show", "blocklist hidden", "blocklist naming", "exchange list", "exchange show",
    "exchange check", "project show", "project mine", "kinds list", "kinds show", "parcel list", "parcel show",
    "parcel check", "parcel code", "challenge check", "contact show", "order list", "rule list", "claim list",
    "claim show", "ledger log", "ledger balance", "ledger verify", "ledger check", "ledger statement", "ledger audit",
    "service status", "service logs", "notify list", "doctor", "logs",
    "config list", "config get", "key words", "message list", "message threads", "message show", "invite list",
}  # fmt: skip
# What writes files, or asks the node in another way than by one writing call; each with words that would do it.
APART = {
    "init": "init --name Ann --new-network Elm --unit hour",
    "backup": "backup FILE --passphrase-file SECRET",
    "restore": "",  # tests/e2e/test_restore.py: it needs a backup
    "join": "join /ip4/127.0.0.1/tcp/4001/p2p/12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm",
    "up": "",  # starts or ends a process, or finds nothing to do: tests/e2e/test_background.py
    "down": "",
    "key rotate": "",  # tests/e2e/test_rotate.py: it needs the backup words
    "key encrypt": "",  # tests/cli/test_key.py
    "kinds add": "",  # tests/cli/test_kinds.py: it needs a kind
    "calendar": "calendar --ics FILE",
    "offer photos": "",  # writes what it has fetched: tests/cli/test_photos.py
    "request photos": "",
    "exchange agreement": "exchange agreement cd --out FILE",
    "exchange rebut": "exchange rebut cd --out FILE",
    "exchange history": "exchange history cd --out FILE",
    "exchange contact": "",  # shows where the partner is; --address and so on write: a case of its own below
    "project split": "",  # tests/cli/test_project.py: it needs a project
    "project claim": "project claim ab",
    "project stop": "project stop ab",
    "project free": "project free ab",
    "project confirm": "",  # it looks with another command: tests/cli/test_task_steps.py
    "project pay": "",
    "project results": "",  # its files: tests/cli/test_project.py
    "challenge make": "",  # tests/cli/test_challenge…: it needs agreements
    "challenge publish": "",
    "ledger export": "ledger export --out FILE",
    "ledger prove": "ledger prove cd --out FILE",
    "service install": "service install",
    "service uninstall": "service uninstall",
    "bugreport": "bugreport FILE",
    "config set": "config set log_level debug",
    "config unset": "config unset log_level",
    "config profile": "config profile pi",
    "config edit": "",  # it opens an editor: tests/cli/test_config.py
    "web": "web",
    "notify add": "notify add desktop",
    "notify remove": "",  # tests/cli/test_notify.py
    "notify test": "",
}
WRITING = [
    *((typed, name) for typed, name, _ in CASES if CALLS[name].writes and typed != "clock"),
    ("offer renew ab", "listing.renew"),
    ("request pause ab", "listing.pause"),
    ("request withdraw ab", "listing.withdraw"),
    ("kinds remove tool-library", "kinds.remove"),
]


def command_of(typed: str) -> str:
    """Which command of the tree these words are."""
    words = [word for word in typed.split() if not word.startswith("-")]
    found = ""
    for word in words:
        if tuple([*found.split(), word]) not in COMMANDS:
            break
        found = f"{found} {word}".strip()
    command = COMMANDS[tuple(found.split())]
    if (bare := getattr(command, "bare", None)) is None:
        return found
    return f"{found} {bare}" if words == found.split() else f"{found} new"  # `claim Ann 3 eggs`


def test_every_command_either_reads_or_is_tried_here() -> None:
    leaves = {" ".join(place) for place, command in COMMANDS.items() if not hasattr(command, "commands")}
    tried = {command_of(typed) for typed, _ in WRITING}
    assert leaves - READS - set(APART) - tried == set()
    assert (READS | set(APART)) - leaves == set(), "what is no more"
    assert set(APART) & READS == set()
    assert {"search", "notices", "reputation"} == tried & READS, "those that write with an option"


@pytest.mark.parametrize(("typed", "name"), WRITING, ids=[typed for typed, _ in WRITING])
def test_a_writing_command_asks_nothing_that_changes_anything(run: Run, node: FakeNode, typed: str, name: str) -> None:
    result = run(*typed.split(), "--dry-run")
    if name not in ("exchange.propose", "exchange.counter"):  # these show the terms: tests/cli/test_terms.py
        assert result.status == 0, result
    assert [call for call, *_ in node.calls if CALLS[call].writes] == []
    shown = run(*typed.split(), "--dry-run", "--json").data
    assert shown["dry_run"] is True and shown["command"] == name


@pytest.mark.parametrize("typed", [typed for typed in APART.values() if typed], ids=str)
def test_no_file_comes_into_being(
    run: Run, node: FakeNode, home: Home, tmp_path: Path, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    secret = tmp_path / "secret"
    secret.write_text("long enough to seal with\n")
    secret.chmod(0o600)
    node.answers |= {
        "calendar": {"rows": [], "free": []},
        "ledger.export": {"entries": [], "next": None},
        "ledger.prove": {"proof": "YQ=="},
    }
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    words = typed.replace("FILE", str(tmp_path / "new")).replace("SECRET", str(secret)).split()
    if words[0] == "init":
        words += ["--home", str(tmp_path / "another")]
    result = run(*words, "--dry-run", "--json")
    assert result.status == 0, result
    assert result.data.get("dry_run") is True or words[0] in ("calendar", "exchange", "ledger")
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before and not (tmp_path / "another").exists()
    assert [call for call, *_ in node.calls if CALLS[call].writes] == []


def test_every_command_takes_the_options_that_may_stand_anywhere() -> None:
    wanted = {"--dry-run", "--yes", "--no-input", "--plain", "--json", "--home", "--network", "--wait"}
    for place, command in [((), cli), *COMMANDS.items()]:
        if place == ("help",):
            continue
        assert wanted <= {name for param in command.params for name in param.opts}, place
