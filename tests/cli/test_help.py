"""Help, docs/cli.md, and what the command line imports before it answers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.main import SECTIONS, cli
from cli.reference import reference
from p2pnode.commands import COMMANDS as CALLS
from p2pnode.complaints import help_for
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
HEAVY = {
    "anycorn", "anyio", "email.mime", "hypothesis", "httpx", "libp2p", "mnemonic", "msgpack", "msgspec", "nacl",
    "plyvel", "psutil", "requests", "rich", "sqlite3", "starlette", "structlog", "tomlkit", "trio",
}  # fmt: skip


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(cli)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))


COMMANDS = dict(leaves(cli))
LEDGER = {"log", "balance", "verify", "erase", "prove", "check", "statement", "export", "audit"}
WANTED = """
attest
backup
blocklist
bugreport
calendar
challenge
claim
clock
completion
config
contact
doctor
down
exchange
help
init
invite
join
key
kinds
ledger
logs
matches
leave
message
notices
notify
offer
order
parcel
paths
peers
project
reputation
request
restore
rule
run
search
service
status
unvouch
up
version
vouch
vouches
web
whoami
"""


def test_all_that_is_promised_is_there() -> None:
    assert {path[0] for path in COMMANDS} == set(WANTED.split())
    tend = {"publish", "list", "show", "edit", "pause", "resume", "renew", "withdraw", "photos"}
    assert {path[1] for path in COMMANDS if path[0] == "offer" and len(path) > 1} == tend
    assert {path[1] for path in COMMANDS if path[0] == "request" and len(path) > 1} == tend
    steps = {"propose", "counter", "accept", "decline", "cancel", "handover", "return", "done", "confirm", "pay"}
    steps |= {"amend", "dispute", "rule", "default", "waive", "go"}
    files = {"agreement", "rebut", "history", "check"}
    steps |= {"contact", "erase"}
    assert {path[1] for path in COMMANDS if path[0] == "exchange" and len(path) > 1} == steps | files | {"list", "show"}
    assert {path[1] for path in COMMANDS if path[0] == "ledger" and len(path) > 1} == LEDGER
    claims = {"new", "accept", "decline", "settle", "list", "show"}
    assert {path[1] for path in COMMANDS if path[0] == "claim" and len(path) > 1} == claims
    messages = {"send", "list", "threads", "show", "seen", "erase"}
    assert {path[1] for path in COMMANDS if path[0] == "message" and len(path) > 1} == messages
    projects = {"split", "show", "confirm", "pay", "free", "results", "claim", "mine", "stop"}
    assert {path[1] for path in COMMANDS if path[0] == "project" and len(path) > 1} == projects
    parcels = {"list", "show", "give", "take", "decline", "add", "code", "check"}
    assert {path[1] for path in COMMANDS if path[0] == "parcel" and len(path) > 1} == parcels
    assert {path[1] for path in COMMANDS if path[0] == "peers" and len(path) > 1} == set(
        ["list", "show", "name", "block", "unblock"]
    )


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_sends_nobody_to_a_help_that_is_not_there(call: str) -> None:
    assert tuple(help_for(call).split()[2:]) in COMMANDS


@pytest.mark.parametrize("path", list(COMMANDS), ids=" ".join)
def test_each_help_has_a_sentence_and_an_example(run: Run, path: tuple[str, ...]) -> None:
    for typed in ((*path, "--help"), (*path, "-h"), ("help", *path)):
        result = run(*typed)
        assert result.status == 0 and result.err == ""
        assert "Usage: p2pnode" in result.out
    assert "Example" in result.out and f"p2pnode {' '.join(path)}" in result.out.split("Example")[1]
    assert COMMANDS[path].help


def test_the_list_says_what_the_commands_say() -> None:
    for section in SECTIONS.values():
        for name, place in section.items():
            said = (COMMANDS[name,].help or "").split("\n")[0].split(". ")[0].rstrip(".")
            assert place.summary[:12] == said[:12], (name, place.summary, said)


def test_no_words_at_all_are_a_question_for_help(run: Run) -> None:
    result = run()
    assert result.status == 0 and "search" in result.out


def test_the_reference_is_current() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == reference(), "python -m cli.reference > docs/cli.md"


def imported(*typed: str) -> set[str]:
    """What a run of the command line has imported when it ends."""
    code = "import sys, cli.main; cli.main.main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *typed], capture_output=True, text=True, cwd=ROOT, timeout=60)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "typed",
    [["--help"], ["search", "--help"], ["search", "snow"], ["status"], ["exchange", "pay", "ab"], ["help", "offer"]],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(typed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PNODE_HOME", str(tmp_path))
    modules = imported(*typed)
    assert not {m for m in modules if m.split(".")[0] in HEAVY}
    if "help" in " ".join(typed):
        assert "http.client" not in modules


def test_a_text_without_quotes_and_a_name_of_blanks_are_told_what_to_do(run: Run, tmp_path: Path) -> None:
    said = run("offer", "publish", "--kind", "lend", "--title", "Long", "ladder").err
    assert "unexpected extra argument (ladder)" in said and "quotes" in said
    nameless = run("--home", str(tmp_path / "new"), "init", "--name", "  ")
    assert nameless.status == 2 and "needs a name" in nameless.err and not (tmp_path / "new").exists()
