"""Real nodes for tests and the demo: processes, homes in a temporary folder, the real command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from p2pnode.greeting import LAST_LINE

CLI = [sys.executable, "-m", "cli.main"]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("P2PNODE_TEST_PATIENCE", "30"))
STOP_WITHIN = 10.0  # seconds


class Failed(Exception):
    """A command that ended with another exit status than it should have."""

    def __init__(self, command: Sequence[str], status: int, error: Mapping[str, Any]) -> None:
        super().__init__(f"p2pnode {' '.join(command)}: exit {status}: {error}")
        self.status = status
        self.error = error


class Narrator:
    """Is told what happens. This one keeps it to itself; the demo's prints it."""

    def chapter(self, title: str) -> None: ...

    def say(self, text: str) -> None: ...

    def typed(self, who: str, line: str, output: str, status: int) -> None: ...

    def held(self, what: str) -> None: ...


class Node:
    """One household: its home, its process, its command line. prefix: a command that enters its network namespace;
    reached: how the address begins that others are told; source: the checkout whose code it runs.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        *,
        prefix: Sequence[str] = (),
        listen: Sequence[str] = (),
        reached: str = "",
        narrator: Narrator | None = None,
        source: Path = ROOT,
    ) -> None:
        self.name = name
        self.source = source
        self.home = root / name.lower()
        root.mkdir(parents=True, exist_ok=True)
        self.prefix = list(prefix)
        self.listen = list(listen or ["/ip4/127.0.0.1/tcp/0"])
        self.reached = reached
        self.narrator = narrator or Narrator()
        self.process: subprocess.Popen[bytes] | None = None
        self.addresses: list[str] = []
        self.peer_id = ""

    @property
    def environment(self) -> dict[str, str]:
        """Where the node lives and listens is set here, so that commands are those a user types, who lets Python keep
        what it has compiled: else every start compiles all modules of the node."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("P2PNODE_") and name != "PYTHONDONTWRITEBYTECODE"
        }
        return {
            **inherited,
            "P2PNODE_HOME": str(self.home),
            "P2PNODE_LISTEN": ",".join(self._fixed()),
            "P2PNODE_LAN": "no",
            "XDG_STATE_HOME": str(self.home.parent / "state"),
            "PYTHONPATH": str(self.source),
            "NO_COLOR": "1",
        }

    @property
    def address(self) -> str:
        return next(a for a in self.addresses if a.startswith(self.reached))

    @property
    def printed(self) -> Path:
        """What the running node wrote to its terminal; its log is beside it."""
        return self.home / "terminal.txt"

    def cli(self, *args: str, check: bool = True) -> Any:
        """Ask with --json, unseen by the narrator; the data. `Failed` with the exit status if it is not 0."""
        done = self._run("--json", "--no-input", *args)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"{self.name}: {args}: exit {done.returncode}: {done.stdout}{done.stderr}") from None
        if "error" in answer and check:
            raise Failed(args, done.returncode, answer["error"])
        assert ("error" in answer) == (done.returncode != 0), (args, done.returncode, answer)
        return answer.get("data", answer)

    def types(self, *args: str, status: int = 0) -> str:
        """Run a command as its user types it; what the terminal shows. `Failed` if it ends with another status."""
        done = self._run(*args, merged=True)
        self.narrator.typed(self.name, command_line(*args), done.stdout, done.returncode)
        if done.returncode != status:
            raise Failed(args, done.returncode, {"shown": done.stdout})
        return done.stdout

    def init(self, *args: str) -> Any:
        return self.cli("init", "--name", self.name, *args)

    def _run(self, *args: str, merged: bool = False) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.prefix, *CLI, *args],
            env=self.environment,
            cwd=self.home.parent,  # where files end up that a command writes
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            encoding="utf-8",
            timeout=90,
        )

    def start(self, *args: str, wait: bool = True) -> str:
        """Start the node and wait until it says that it is ready. Its port stays the same over restarts. wait: whether
        to wait; without, nothing is known of it but its process.
        """
        assert self.process is None
        with self.printed.open("ab") as terminal:
            begin = terminal.tell()
            self.process = subprocess.Popen(
                [*self.prefix, *CLI, "run", *args],
                env=self.environment,
                cwd=self.source,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )
        if not wait:
            return ""
        shown, end = "", time.monotonic() + PATIENCE
        while LAST_LINE not in shown:
            ended = self.process.poll() is not None
            shown = self.printed.read_bytes()[begin:].decode(errors="replace")
            if ended or time.monotonic() > end:
                raise AssertionError(f"{self.name} did not start: {shown[-2000:]}")
            time.sleep(0.02)
        ready = next(line for line in shown.splitlines() if line.startswith("ready "))
        self.addresses = ready.split()[1:]
        self.peer_id = self.addresses[0].rpartition("/p2p/")[2]
        self.narrator.typed(self.name, command_line("run", *args) + " &", shown, 0)
        return shown

    def _fixed(self) -> list[str]:
        if not self.addresses:
            return self.listen
        port = self.addresses[0].split("/tcp/")[1].split("/")[0]
        return [address.replace("/tcp/0", f"/tcp/{port}") for address in self.listen]

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        status = self._end(signal.SIGTERM)
        self.narrator.typed(self.name, "kill %1", "", status)
        return status

    def kill(self) -> None:
        """SIGKILL: as if the power went."""
        self._end(signal.SIGKILL)

    def _end(self, how: int) -> int:
        process = self.process
        if process is None:
            return 0
        process.send_signal(how)
        status = process.wait(STOP_WITHIN)
        self.process = None
        return status

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def command_line(*args: str) -> str:
    """The command as it is typed; double quotes, as in the docs."""
    return " ".join(
        ["p2pnode", *(a if a and all(c.isalnum() or c in "-_./:=%@" for c in a) else f'"{a}"' for a in args)]
    )


def until(what: str, true: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Ask again and again until the answer is true; `AssertionError` naming what was waited for if it never is."""
    end = time.monotonic() + patience
    last: object = None
    while time.monotonic() < end:
        try:
            answer = true()
        except Failed as failed:
            last = failed
        else:
            if answer:
                return answer
            last = answer
        time.sleep(0.1)
    raise AssertionError(f"waited {patience:.0f} s for: {what}; last: {last}")
