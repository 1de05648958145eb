"""make demo: four nodes on this machine, each a process of its own, act out a small story with the real commands.

python scripts/demo.py             acts it out; exit status 0 only if every step held
python scripts/demo.py --readme    and writes the short form of what was shown into README.md
"""

import os
import re
import shutil
import signal
import subprocess
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
BEGIN, END = "<!-- what follows is written by: python scripts/demo.py --readme -->", "<!-- end of the demo's output -->"
IN_README = (
    "anna init", "anna invite", "cleo join", "ben offer publish", "ben offer publish", "cleo search",
    "ben kill", "dora search", "ben offer edit", "ben offer withdraw",
    "cleo exchange propose", "ben exchange counter", "cleo exchange accept", "ben exchange handover",
    "cleo exchange return", "cleo exchange pay", "cleo ledger balance", "dora exchange pay",
    "cleo attest", "anna reputation",
)  # fmt: skip
LOG_LINES = 15
LINK = re.compile(r"(p2pnode://join/\S{12})\S+")
CUT = (
    (LINK, r"\1…"),
    (re.compile(r"(12D3Koo\w{4})\w+"), r"\1…"),
    (re.compile(r"(p2pnode-demo-)\w+"), r"\1…"),
)
VARIES = (
    (re.compile(r"p2pnode://join/\S+"), "LINK"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"until .*\d\d:\d\d"), "until TIME"),
    (re.compile(r"tcp/\d+"), "tcp/N"),
    (re.compile(r"home +\S+"), "home X"),
    (re.compile(r"\w{4,12}…"), "X"),
    (re.compile(r"1\. \w+"), "1. WORD"),
    (re.compile(r"just now|\d+ min ago"), "AGO"),
)
WORDS = re.compile(r"(\n *1\. \w+)[^A-Z]*?\n\n")


class Recorder(Narrator):
    """Keeps what the README shows of the story: some of its steps, long words cut short."""

    def __init__(self) -> None:
        self.steps = 0
        self.title = ""
        self.lines: list[str] = []
        self.wanted = list(IN_README)

    def chapter(self, title: str) -> None:
        self.title = title

    def typed(self, who: str, line: str, output: str, status: int) -> None:
        self.steps += 1
        if not self.wanted or not f"{who.lower()} {line.removeprefix('p2pnode ')}".startswith(self.wanted[0]):
            return
        del self.wanted[0]
        if self.title:
            self.lines += [*([""] if self.lines else []), f"# {self.title}"]
            self.title = ""
        text = abridged(f"{who.lower()}$ {line}\n{output}".rstrip())
        for cut, short in CUT:
            text = cut.sub(short, text)
        self.lines += [row for row in text.splitlines() if row.strip() and not row.startswith("On its way")]
        if status:
            self.lines.append(f"(exit status {status})")

    @property
    def block(self) -> str:
        """`LookupError` if a step that the README means to show did not come."""
        if self.wanted:
            raise LookupError(f"the README is to show {self.wanted[0]!r}, but that was not typed")
        return "\n".join([BEGIN, "", "```console", *self.lines, "```", "", END])


class Printer(Recorder):
    """Prints the story as it happens, with colours on a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.checks = 0
        self.last = ""

    def chapter(self, title: str) -> None:
        super().chapter(title)
        self._line(f"\n{title}", "1;4")

    def say(self, text: str) -> None:
        self._line(f"# {text}", "2")

    def typed(self, who: str, line: str, output: str, status: int) -> None:
        super().typed(who, line, output, status)
        self.last = f"{who.lower()}$ {line}"
        first, _, rest = LINK.sub(r"\1…", abridged(f"{line}\n{output}".rstrip())).partition("\n")
        print(f"{self._paint(who.lower() + '$', PROMPTS.get(who, '1'))} {self._paint(first, '1')}")
        if rest:
            print(rest)
        if status:
            self._line(f"(exit status {status})", "33")
        sys.stdout.flush()

    def held(self, what: str) -> None:
        self.checks += 1
        self._line(f"  ✓ {what}", "32")

    def _line(self, text: str, colour: str) -> None:
        print(self._paint(text, colour), flush=True)

    def _paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.colours else text


def abridged(text: str) -> str:
    """Without the backup words: they are secret, even of a node that lives for a minute."""
    return WORDS.sub(r"\1  …\n\n", text)


def varying(text: str) -> str:
    """With all that differs from run to run made alike."""
    for found, same in VARIES:
        text = found.sub(same, text)
    return text


def readme_block() -> str:
    """The part of README.md that this script writes."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) : text.index(END) + len(END)]


PROMPTS = {"Anna": "1;35", "Ben": "1;34", "Cleo": "1;36", "Dora": "1;33"}


def main() -> int:
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    kept = False
    write = sys.argv[1:] == ["--readme"]
    if sys.argv[1:] and not write:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(tempfile.mkdtemp(prefix="p2pnode-demo-"))
    printer = Printer()
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
    except (AssertionError, Failed, OSError, LookupError, subprocess.SubprocessError) as problem:
        kept = True
        _report(printer, problem, story.nodes, root)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # until every process has ended
        story.end()
        if not kept:
            shutil.rmtree(root, ignore_errors=True)
    seconds = time.monotonic() - began
    if write:
        README.write_text(README.read_text(encoding="utf-8").replace(readme_block(), printer.block), encoding="utf-8")
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
