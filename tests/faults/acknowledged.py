"""What a writer has acknowledged, and what of it a store does not hold."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from p2pnode import clock
from p2pnode.core.keys import DOUBT, REQUEST
from p2pnode.store import Store, StoreError
from p2pnode.wholeness import check_chains
from protocols.codec import decode
from protocols.errors import Refusal
from tests.e2e.nodes import ROOT
from tests.faults.writer import NETWORK, core_over, digest_of

PATIENCE = 60.0  # seconds


class Running:
    """A writer (`tests.faults.writer`) in a process of its own. lines: all that it has said so far."""

    def __init__(self, folder: Path, *options: str, prefix: Sequence[str] = ()) -> None:
        self.lines: list[str] = []
        self._said = threading.Condition()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.faults.writer", str(folder), *options],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self.lines.append("gone")
            self._said.notify_all()

    def wait(self, word: str, after: int = 0, number: int = 1, patience: float = PATIENCE) -> int:
        """Until that many lines since `after` begin with the word; the place after the last of them. `AssertionError`
        if the process ends before, or it takes too long."""
        end = time.monotonic() + patience
        with self._said:
            while True:
                found = [n for n, line in enumerate(self.lines) if n >= after and line.split(" ")[0] == word]
                if len(found) >= number:
                    return found[number - 1] + 1
                left = end - time.monotonic()
                assert left > 0 and "gone" not in self.lines[-1:], (word, self.lines[-5:])
                self._said.wait(left)

    def said(self, word: str, after: int = 0) -> list[str]:
        with self._said:
            return [line for line in self.lines[after:] if line.split(" ")[0] == word]

    def kill(self) -> int:
        """SIGKILL, if it has not ended by itself; the exit status."""
        if self.process.poll() is None:
            self.process.kill()
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; the exit status. All that it said is in `lines` then."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def losses(folder: Path, acks: Sequence[str]) -> list[str]:
    """Open a store as the node does, and name what is wrong with it and what is not there that was acknowledged."""
    try:
        store = Store.open(folder)
    except StoreError as e:
        return [f"does not open: {e.message}"]
    found = []
    try:
        found += [f"the head record names entries {m[0]} to {m[-1]}" for _, m in check_chains(store)]
        core = core_over(store, clock.now())
        network = core.state.networks.get(NETWORK)
        if network is None:
            return [*found, "the network is not there"] if acks else found
        report = network.chain.audit()
        if not report.ok:
            found.append(f"the chain does not verify: {report.errors[:2]}")
        if any(True for _ in store.scan(DOUBT)):
            found.append("the node is in doubt")
        for ack in acks:
            _, request, digest, count, head = ack.split(" ")
            stored = store.get(REQUEST + request.encode())
            if stored is None:
                found.append(f"request {request}")
            elif digest_of(_json(stored)) != digest:
                found.append(f"the answer to request {request}")
            last = network.chain.entry(int(count) - 1)
            if last is None or last.id.hex() != head:
                found.append(f"entry {int(count) - 1}")
    except (StoreError, Refusal) as e:
        found.append(f"refused: {e.message}")
    finally:
        store.close()
    return found


def _json(stored: bytes) -> object:
    return json.loads(decode(stored, 1 << 24)[1])
