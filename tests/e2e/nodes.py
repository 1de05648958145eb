"""Real nodes for tests: processes, homes in a temporary folder, the real command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

CLI = [sys.executable, "-m", "cli.main"]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("P2PNODE_TEST_PATIENCE", "30"))


class Failed(Exception):
    """A command that ended with an error."""

    def __init__(self, command: Sequence[str], status: int, error: Mapping[str, Any]) -> None:
        super().__init__(f"p2pnode {' '.join(command)}: exit {status}: {error}")
        self.status = status
        self.error = error


class Node:
    """One household: its home, its process, its command line. prefix: a command that enters its network namespace."""

    def __init__(self, name: str, root: Path, *, prefix: Sequence[str] = (), listen: Sequence[str] = ()) -> None:
        self.name = name
        self.home = root / name
        self.prefix = list(prefix)
        self.listen = list(listen or ["/ip4/127.0.0.1/tcp/0"])
        self.process: subprocess.Popen[str] | None = None
        self.addresses: list[str] = []
        self.peer_id = ""

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "P2PNODE_HOME": str(self.home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}

    @property
    def address(self) -> str:
        return self.addresses[0]

    def cli(self, *args: str, check: bool = True) -> Any:
        """Run a command with --json; its data. `Failed` with the exit status if it is not 0."""
        done = subprocess.run(
            [*self.prefix, *CLI, "--json", "--no-input", *args],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=90,
        )
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"{self.name}: {args}: exit {done.returncode}: {done.stdout}{done.stderr}") from None
        if "error" in answer and check:
            raise Failed(args, done.returncode, answer["error"])
        assert ("error" in answer) == (done.returncode != 0), (args, done.returncode, answer)
        return answer.get("data", answer)

    def refused(self, *args: str) -> Failed:
        """Run a command that must fail; how it failed."""
        try:
            data = self.cli(*args)
        except Failed as failed:
            return failed
        raise AssertionError(f"{args} should have been refused, but gave {data}")

    def init(self, *args: str) -> Any:
        listen = [word for address in self.listen for word in ("--listen", address)]
        data = self.cli("init", "--name", self.name, *listen, *args)
        self.peer_id = data["peer_id"]
        return data

    def start(self, *args: str) -> None:
        """Start the node and wait until it says that it is ready. Its port stays the same over restarts."""
        assert self.process is None
        errors = (self.home / "stderr.txt").open("a")
        listen = [word for address in self._fixed() for word in ("--listen", address)]
        self.process = subprocess.Popen(
            [*self.prefix, *CLI, "--json", "run", *listen, *args],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        errors.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{self.name} did not start: {(self.home / 'stderr.txt').read_text()[-2000:]}")
        ready = json.loads(line)["data"]
        self.addresses, self.peer_id = ready["addresses"], ready["peer_id"]

    def _fixed(self) -> list[str]:
        if not self.addresses:
            return []
        port = self.addresses[0].split("/tcp/")[1].split("/")[0]
        return [address.replace("/tcp/0", f"/tcp/{port}") for address in self.listen]

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: as if the power went."""
        self._end(signal.SIGKILL)

    def _end(self, how: int) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(10)
        finally:
            if process.stdout is not None:
                process.stdout.close()

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


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
        time.sleep(0.2)
    raise AssertionError(f"waited {patience:.0f} s for: {what}; last: {last}")
