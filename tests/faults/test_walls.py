"""Web pages and other users of the machine at a real node's API: nothing that they send does anything.

The first part sends every request of the table (tests/p2pnode/hostile_requests.py) in random order, over and over, with
legal ones in between; the second is another user who knows all there is to know. Controls: the same node without walls,
and the same socket opened to all with nobody asked who calls.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.killer import seed
from tests.e2e.nodes import ROOT, Node
from tests.faults.figures import LONG, length, record
from tests.faults.mutant import mutant
from tests.p2pnode.hostile_requests import GROUPS, HOSTILE, Port, status_request

NOBODY = 65_534
LEGAL_EVERY = 10  # hostile requests


def send(ours: Port, request: bytes) -> bytes:
    data = b""
    with socket.create_connection((ours.host, ours.port), timeout=10) as s:
        try:
            s.sendall(request)
            while piece := s.recv(65536):
                data += piece
        except OSError:  # it hung up; or, without walls, waits for more
            pass
    return data


def digest(node: Node) -> Any:
    """All that a request could have changed."""
    return [node.cli("status"), node.cli("offer", "list"), node.cli("ledger", "log"), node.cli("exchange", "list")]


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder to which everybody can come, as /home is."""
    made = Path(tempfile.mkdtemp(prefix="walls-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def started(node: Node, *, fresh: bool = True) -> Port:
    if fresh:
        node.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        config = node.home / "config.toml"
        config.write_text(config.read_text() + '\nweb = "127.0.0.1:0"\n')
    node.start()
    return Port.of(node.home / "web.cookie")


def test_hostile_requests_do_nothing(root: Path) -> None:
    rng = random.Random(seed())
    counts: Counter[str] = Counter()
    through: list[str] = []
    with Node("Anna", root) as anna:
        ours = started(anna)
        before = digest(anna)
        trials = length(len(HOSTILE), 20_000)
        rows = [HOSTILE[n % len(HOSTILE)] for n in range(trials)]
        rng.shuffle(rows)
        for number, (group, name, make) in enumerate(rows):
            answer = send(ours, make(ours))
            if answer and not answer.startswith(b"HTTP/1.1 403 "):
                through.append(f"{group}: {name}: {answer[:60]!r}")
            counts["said 403" if answer else "closed"] += 1
            if number % LEGAL_EVERY == 0:
                counts["legal"] += 1
                counts["legal_answered"] += send(ours, status_request(ours)).startswith(b"HTTP/1.1 200 ")
        changed = digest(anna) != before
        log = [json.loads(line) for line in (anna.home / "node.log").read_text().splitlines()]
        noise = sum("turned away" in entry["event"] for entry in log)
        bugs = [entry for entry in log if entry["level"] == "error"]
        assert anna.stop() == 0
    got = dict.fromkeys(GROUPS, 0)
    with Node("Anna", root, prefix=mutant("wide_open")) as anna:
        ours = started(anna, fresh=False)
        for group, _, make in HOSTILE:
            answer = send(ours, make(ours))
            refused = answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
            got[group] += not refused
        planted = len(anna.cli("offer", "list"))
    record(
        "walls",
        how="requests",
        trials=trials,
        kinds=len(HOSTILE),
        turned_down=counts["said 403"] + counts["closed"] - len(through),
        closed_without_a_word=counts["closed"],
        legal_between=counts["legal_answered"],
        log_lines=noise,
        failures=len(through) + changed,
        control_got_through=sum(got.values()),
        control_planted=planted,
    )
    assert not through, through[:5]
    assert not changed and not bugs
    assert counts["legal_answered"] == counts["legal"]
    assert noise < max(20, trials / 50), "and do not fill the log"
    assert all(got.values()) and planted, got


def stranger(node: Node, ours: Port, tries: int, home: Path) -> dict[str, int]:
    place = {
        "socket": str(node.home / "control.sock"), "port": ours.port, "host": ours.name, "secret": ours.secret,
        "home": str(home),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.stranger", str(NOBODY), str(tries)],
        input=json.dumps(place), capture_output=True, text=True, cwd=ROOT, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300,
    )  # fmt: skip
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user: not tried that nobody else gets in")
def test_another_user_gets_nothing(root: Path) -> None:
    tries = length(200, 2_000)
    with Node("Anna", root) as anna:
        ours = started(anna)
        shut = stranger(anna, ours, tries, anna.home)
        for path, mode in ((anna.home, 0o755), (anna.home / "control.sock", 0o666)):
            path.chmod(mode)
        ajar = stranger(anna, ours, tries, anna.home / "photos")  # the folder's mode forgotten: asked who calls
        anna.stop()
    with Node("Anna", root, prefix=mutant("anybody")) as anna:
        ours = started(anna, fresh=False)
        for path, mode in ((anna.home, 0o755), (anna.home / "control.sock", 0o666)):
            path.chmod(mode)
        control = stranger(anna, ours, 20, anna.home)
    record(
        "walls",
        how="another user",
        trials=shut["tries"] + ajar["tries"],
        answers=shut["answers"] + ajar["answers"],
        files_read=shut["read"],
        failures=shut["answers"] + ajar["answers"] + shut["read"],
        control_trials=control["tries"],
        control_answers=control["answers"],
    )
    assert shut == {"tries": tries, "answers": 0, "read": 0}
    assert ajar["answers"] == 0
    assert control["answers"] == control["tries"] and control["read"] > 0
    assert not LONG or shut["tries"] + ajar["tries"] >= 1_000
