"""make demo: four nodes on this machine, each a process of its own, act out a small story with the real commands.

python scripts/demo.py             acts it out; exit status 0 only if every step held
python scripts/demo.py --readme    and writes the short form of what was shown into README.md
"""

import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.e2e.nodes import ROOT, Failed, Narrator, Node
from tests.e2e.story import on_loopback

README = ROOT / "README.md"
BEGIN, END = "<!-- demo: written by `python scripts/demo.py --readme` -->", "<!-- end of demo -->"
LOG_LINES = 15
LINK = re.compile(r"(p2pnode://join/\S{12})\S+")
ADDRESS = re.compile(r"(/p2p/12D3Koo\w{4})\w+")
WORDS = re.compile(r"(\n *1\. \w+)[^A-Z]*?\n\n")


class Printer(Narrator):
    """Prints the story as it happens, with colours on a terminal, and keeps what the README shows of it."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.steps = 0
        self.checks = 0
        self.last = ""
        self.kept: list[str] = []

    def chapter(self, title: str) -> None:
        self._line(f"\n{title}", "1;4")
        self.kept.append(f"# {title}")

    def say(self, text: str) -> None:
        self._line(f"# {text}", "2")

    def typed(self, who: str, line: str, output: str, status: int) -> None:
        self.steps += 1
        self.last = f"{who.lower()}$ {line}"
        shown = LINK.sub(r"\1…", f"{line}\n{output}".rstrip())
        first, _, rest = WORDS.sub(r"\1  …  24 words, shown once\n\n", shown).partition("\n")
        print(f"{self._paint(who.lower() + '$', PROMPTS.get(who, '1'))} {self._paint(first, '1')}")
        if rest:
            print(rest)
        if status:
            self._line(f"(exit status {status})", "33")
        sys.stdout.flush()
        self.kept += [f"{who.lower()}$ {first}", *rest.splitlines()]

    def held(self, what: str) -> None:
        self.checks += 1
        self._line(f"  ✓ {what}", "32")

    def _line(self, text: str, colour: str) -> None:
        print(self._paint(text, colour), flush=True)

    def _paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.colours else text


PROMPTS = {"Anna": "1;35", "Ben": "1;34", "Cleo": "1;36", "Dora": "1;33"}


def main() -> int:
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    root = Path(tempfile.mkdtemp(prefix="p2pnode-demo-"))
    printer = Printer(began)
    story = on_loopback(root, printer)
    printer.say("Four households, each with a node of its own on this machine. Long links are cut short with …")
    try:
        for chapter in story.chapters:
            chapter()
        printer.say("Everybody goes to bed.")
        for node in story.nodes:
            assert node.stop() == 0, f"{node.name}'s node did not stop cleanly"
    except KeyboardInterrupt:
        print("\nInterrupted; the nodes are stopped.", file=sys.stderr)
        return 130
    except (AssertionError, Failed, OSError, LookupError) as problem:
        _report(printer, problem, story.nodes, root)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # until every process has ended
        story.end()
    shutil.rmtree(root)
    seconds = time.monotonic() - began
    print(f"\nThe demo held: {printer.steps} commands, {printer.checks} checks, {seconds:.0f} seconds.")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _report(printer: Printer, problem: BaseException, nodes: list[Node], root: Path) -> None:
    """Which step failed, why, and the end of each node's log."""
    where = traceback.extract_tb(problem.__traceback__)
    chapter = next((f.name for f in where if f.filename.endswith("story.py")), "the start")
    print(f"\nFAILED in {chapter}, after:  {printer.last}\n  {problem}", file=sys.stderr)
    for node in nodes:
        for path in (node.home / "node.log", node.printed):
            if path.exists() and (lines := path.read_text(errors="replace").splitlines()[-LOG_LINES:]):
                print(f"\n--- the end of {path}", *lines, sep="\n", file=sys.stderr)
    print(f"\nEverything is kept in {root}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
