"""The disk answers EIO at the K-th write or sync, for every K: nothing is acknowledged after a sync that failed.

strace injects the error into write, pwrite64, fdatasync and fsync; it counts for each thread and each of the four by
itself, so a run meets up to four errors in each of its threads: in opening, in commits, in heads, in opening again.
strace's record is also the judge: between an error in the log of the database or in a head and the core made anew from
the disk, no acknowledgement may be written. After the end the store is opened cleanly, and holds what was acknowledged.

Control: a store that acknowledges whatever the disk says.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.acknowledged import Running, losses
from tests.faults.figures import length, record

CALLS = "write,pwrite64,fdatasync,fsync"
FAILED = re.compile(r"\d+ +(?:write|pwrite64|fdatasync|fsync)\(\d+<(?P<file>[^>]*)>.* \(INJECTED\)$")
SAID = re.compile(r"\d+ +writev\(1<[^>]*>, \[\{iov_base=\"(?P<word>\w+)")
JUDGED = re.compile(r"/db/\d+\.log$|/heads/\w+\.head$")


def why_not() -> str:
    if shutil.which("strace") is None:
        return "strace is not here; install strace"
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "inject=fsync:error=EIO", "-e", "trace=fsync", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"strace cannot inject here: {done.stderr.strip()[:200]}" if done.returncode else ""


class Trial:
    """One run with an error at the k-th call, over a copy of `before`. acks, problems, errors: how many, of all files
    of the store; judged: those after which nothing may be acknowledged; status: the writer's."""

    def __init__(self, folder: Path, before: Path, k: int, *options: str) -> None:
        store, trace = folder / "store", folder / "trace"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(before, store)
        inject = ["-e", f"trace={CALLS},writev", "-e", f"inject={CALLS}:error=EIO:when={k}"]
        prefix = ["strace", "-f", "--seccomp-bpf", "-y", "-qq", "-s", "16", "-o", str(trace), *inject]
        writer = Running(store, "--at-once", "1", "--last", str(k + 10), *options, prefix=prefix)
        try:
            self.status = writer.ended()
        except subprocess.TimeoutExpired:
            writer.kill()
            raise
        self.lines = writer.lines
        self.acks = writer.said("ack")
        self.errors = self.judged = 0
        self.problems: list[str] = []
        self._judge(trace, store)
        self.problems += losses(store, self.acks)

    def _judge(self, trace: Path, store: Path) -> None:
        failed = ""
        for line in trace.read_text(errors="replace").splitlines():
            error, said = FAILED.match(line), SAID.match(line)
            if error is not None and error["file"].startswith(str(store)):
                self.errors += 1
                if JUDGED.search(error["file"]):
                    self.judged += 1
                    failed = line
            elif said is not None and said["word"] == "made":
                failed = ""
            elif said is not None and said["word"] == "ack" and failed:
                self.problems.append(f"acknowledged after {failed[:120]}")
                failed = ""


def test_nothing_is_acknowledged_after_a_sync_that_failed(tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    before = tmp_path / "before"
    first = Running(before, "--last", "10")
    assert first.ended() == 0
    trials = length(4, 200)
    ks = range(1, 201) if trials >= 200 else [3, 25, 41, 60, 90][:trials]
    figures = dict.fromkeys(("trials", "failures", "errors", "judged", "acknowledged", "went_on", "said_it_cannot"), 0)
    for k in ks:
        trial = Trial(tmp_path, before, k)
        assert not trial.problems, (k, trial.problems[:5])
        assert not losses(tmp_path / "store", first.said("ack"))
        figures["trials"] += 1
        figures["errors"] += trial.errors
        figures["judged"] += trial.judged
        figures["acknowledged"] += len(trial.acks)
        if trial.status == 0:  # it made all the acknowledgements that it was asked for
            figures["went_on"] += 1
        else:
            assert trial.status == 3 and trial.lines[-2].startswith("cannot "), (k, trial.status, trial.lines[-3:])
            figures["said_it_cannot"] += 1
    control = [Trial(tmp_path, before, k, "--careless", "deaf") for k in range(30, 30 + length(1, 20))]
    noticed = sum(bool(t.problems) for t in control if t.judged)
    record("ioerror", **figures, control_trials=sum(bool(t.judged) for t in control), control_noticed=noticed)
    assert figures["judged"] and figures["went_on"], "the errors were real"
    assert noticed == sum(bool(t.judged) for t in control) > 0, "the control: who does not hear the disk is caught"
