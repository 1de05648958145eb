"""Coverage-guided fuzzing: `make fuzz`, or `python -m tests.fuzz.run [TARGET…] --seconds 60`.

What has widened the coverage is kept in `.fuzz/TARGET`, for the next time. What met a bug goes to
`tests/fuzz/found/TARGET`, from where `make test` tries it again for ever: give it a name, mend the bug, commit both.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .targets import FOUND, TARGETS

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / ".fuzz"
MEMORY = 2_048  # MB
STUCK = 20  # seconds that libFuzzer waits for one input


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.targets if name not in TARGETS]
    if unknown:
        print(f"There is no target {unknown[0]}. There are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed here: make fuzz does that (x86-64, Python 3.11 to 3.13)", file=sys.stderr)
        return 2
    bad = [name for name in chosen.targets or TARGETS if not fuzz(name, chosen.seconds)]
    print(f"bugs met by: {', '.join(bad)}" if bad else f"{len(chosen.targets or TARGETS)} targets, no bug met")
    return 1 if bad else 0


def fuzz(name: str, seconds: int) -> bool:
    """One target in a process of its own; whether nothing was found."""
    corpus, found = CORPUS / name, ROOT / "tests" / "fuzz" / FOUND / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    before = set(found.glob("*"))
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY}", f"-timeout={STUCK}", "-max_len=70000"]
    command = [sys.executable, "-m", "tests.fuzz.grow", name, str(corpus), f"-artifact_prefix={found}/", *limits]
    done = subprocess.run(
        [*command, "-print_final_stats=1"], cwd=ROOT, capture_output=True, text=True, errors="replace"
    )
    said = (done.stdout + done.stderr).splitlines()
    inputs = next((line.split()[-1] for line in said if "number_of_executed_units" in line), "?")
    reached = next((line.split("cov: ")[1].split()[0] for line in reversed(said) if "cov: " in line), "?")
    print(f"{name:20} {inputs:>9} inputs, coverage {reached:>6}", flush=True)
    new = sorted(set(found.glob("*")) - before)
    if done.returncode != 0:
        print("\n".join(said[-40:]))
    for path in new:
        print(f"  kept as {path.relative_to(ROOT)}")
    if not any(found.iterdir()):
        found.rmdir()
    return done.returncode == 0 and not new


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
