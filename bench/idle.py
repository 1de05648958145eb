"""What a node costs that has nothing to do: memory and processor time.

A real `p2pnode run` in a new home with one network, alone, measured from outside by /proc (proc(5)) over some seconds
after it has settled. RSS is what the process holds in memory; PSS shares out what it has in common with others.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.report import Figure, arguments, show

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
NODE = [sys.executable, "-m", "cli.main"]


def environment(home: Path) -> dict[str, str]:
    """Of a node in this home. Python may keep what it has compiled, as users let it: else each start compiles all."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "P2PNODE_HOME": str(home)}


@contextmanager
def node(home: Path, *options: str) -> "Iterator[tuple[subprocess.Popen[str], float]]":
    """A running node in this home, ready, and the seconds that took. Stopped at the end."""
    env = environment(home)
    init = ["init", "--name", "bench", "--new-network", "Bench", "--unit", "hour", "--area", "u33dc", "--no-input"]
    subprocess.run([*NODE, *init], env=env, check=True, stdout=subprocess.DEVNULL, timeout=READY_SECONDS)
    began = time.monotonic()
    with (home / "stderr").open("w+") as errors:
        process = subprocess.Popen(
            [*NODE, "run", "--listen", "/ip4/127.0.0.1/tcp/0", *options],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("ready"):
                    break
            else:
                errors.seek(0)
                raise SystemExit(f"the node did not start:\n{errors.read()}")
            yield process, time.monotonic() - began
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def rss_mb(pid: int) -> float:
    """Resident memory of a process, MB (10^6 bytes)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def pss_mb(pid: int) -> float:
    """Resident memory, with each shared page divided by the number of processes that share it, MB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (line,) = (line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its waited-for children so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def measure(seconds: float, settle: float) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="p2pnode-idle-") as folder, node(Path(folder)) as (process, start):
        time.sleep(settle)
        before, began, samples = cpu_seconds(process.pid), time.monotonic(), []
        while time.monotonic() - began < seconds:
            samples.append(rss_mb(process.pid))
            time.sleep(min(1.0, seconds))
        percent = 100 * (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
        return [
            Figure("idle_rss_mb", max(samples), "MB", "most memory held (RSS)", at_most=110),
            Figure("idle_pss_mb", pss_mb(process.pid), "MB", "the same, shared pages divided"),
            Figure("idle_cpu_percent", percent, "%", "of one core", at_most=1),
            Figure("idle_start_seconds", start, "s", "from the command to ready"),
            Figure("idle_threads", len(os.listdir(f"/proc/{process.pid}/task")), "", "threads"),
        ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to watch (default 30)")
    parser.add_argument("--settle", type=float, default=5.0, help="how long to wait first (default 5)")
    options = parser.parse_args()
    figures = measure(options.seconds, options.settle)
    return show(f"An idle node, watched for {options.seconds:g} s", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
