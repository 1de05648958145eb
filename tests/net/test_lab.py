"""The laboratory itself: hosts that reach one another, are apart from this machine, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.net.lab import Lab, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")


def test_all_hosts_reach_one_another_and_not_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Lab(3) as lab:
        lab.check()
        assert {h.ipv4 for h in lab} == {"10.77.0.1", "10.77.0.2", "10.77.0.3"}
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"
        assert lab[0].run([sys.executable, "-c", code], check=False).returncode != 0


def test_an_unplugged_host_is_out_of_reach_until_it_is_plugged_in_again() -> None:
    code = "import socket, sys; socket.create_connection((sys.argv[1], 7001), timeout=0.5)"
    serve = (
        "import socket; s = socket.create_server(('', 7001)); print('up', flush=True)\nwhile 1: s.accept()[0].close()"
    )
    with Lab(2) as lab:
        server = lab[1].popen([sys.executable, "-c", serve], stdout=subprocess.PIPE)
        assert server.stdout.readline() == b"up\n"

        def reach() -> bool:
            return lab[0].run([sys.executable, "-c", code, lab[1].ipv4], check=False).returncode == 0

        assert reach()
        lab[1].unplug()
        assert not reach()
        lab[1].plug()
        assert reach()


def test_closing_ends_what_was_started_and_only_that() -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        with Lab(1) as lab:
            holder = lab[0]._holder
            process = lab[0].popen(["sh", "-c", "setsid sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
            grandchild = int(process.stdout.readline())  # in a session of its own
        assert process.poll() == -signal.SIGKILL
        assert bystander.poll() is None
        assert _gone(grandchild) and _gone(holder)
    finally:
        bystander.kill()
        bystander.wait()


def test_nothing_is_left_when_the_test_process_is_killed() -> None:
    code = "from tests.net.lab import Lab\nwith Lab(1) as lab: print(lab[0]._holder, flush=True); input()"
    root = Path(__file__).parents[2]
    victim = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert victim.stdin is not None and victim.stdout is not None
    holder = int(victim.stdout.readline())
    victim.kill()
    victim.wait()
    victim.stdin.close()
    victim.stdout.close()
    assert _gone(holder)


def test_a_failing_program_is_an_error_that_shows_what_it_said() -> None:
    with Lab(1) as lab, pytest.raises(AssertionError, match="out of order"):
        lab[0].run(["sh", "-c", "echo out of order >&2; exit 3"])


def _gone(pid: int) -> bool:
    """Within 5 s; a zombie that nobody has waited for yet counts as gone."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False
