"""Executes Markdown transcripts against real nodes: what stands in their ```console blocks is typed, and what is
shown there must be what comes.

    anna$ p2pnode search snow          typed at Anna's node; each name has a node of its own, made when first named
    anna$ p2pnode run &                starts the node and waits until it is ready; `kill %1` stops it
    …                                  within a line: any text; alone on a line: any lines, or none
    <link>                             text without blanks, kept under this name: later it stands for the same
    ```text pages.csv                  a block that is a file, where the commands are typed; it is there from the start
    exit status 5                      the last line where the exit status is not 0
    <saturday>, <sunday>, <monday>     dates in a row, the first one eight days ahead or more
    <day>, <date>, <yesterday>         in two days: its name, such as Tue, and its date; the date of yesterday

Commands that only look are repeated until they show what they should, for as long as `PATIENCE`: neighbours need a
moment to hear of each other. All others are typed once.
"""

import re
import shlex
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from tests.e2e.nodes import PATIENCE, ROOT, Failed, Node

LOOKING = (
    {"status"}, {"whoami"}, {"search"}, {"peers"}, {"reputation"}, {"ledger"}, {"offer", "list"}, {"offer", "show"},
    {"request", "list"}, {"request", "show"}, {"exchange", "list"}, {"exchange", "show"},
    {"parcel", "list"}, {"parcel", "show"},
    {"calendar"}, {"rule", "list"}, {"order", "list"}, {"vouches"}, {"claim", "list"}, {"claim", "show"},
    {"project", "show"}, {"project", "mine"}, {"project", "results"},
    {"message", "list"}, {"message", "threads"},
    {"blocklist", "list"}, {"blocklist", "show"}, {"blocklist", "hidden"}, {"blocklist", "naming"},
)  # fmt: skip
_PROMPT = re.compile(r"([a-z]+)\$ (.+)")
_NAME = re.compile(r"<([a-z][a-z ]*)>")
_STATUS = re.compile(r"exit status ([0-9]+)")
_FENCE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"^```text ([a-z0-9.-]+(?:/[a-z0-9.-]+)?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass
class Step:
    """A command and what it should show. line: where it stands in the file."""

    who: str
    command: str
    line: int
    expected: list[str] = field(default_factory=list)
    status: int = 0


def parse(text: str) -> list[Step]:
    """The steps of a transcript, in order. `ValueError` for a block that begins with no prompt."""
    steps: list[Step] = []
    for block in _FENCE.finditer(text):
        first = text[: block.start(1)].count("\n") + 1
        last: Step | None = None
        for number, line in enumerate(block[1].splitlines(), first):
            if prompt := _PROMPT.fullmatch(line):
                last = Step(prompt[1], prompt[2], number)
                steps.append(last)
            elif last is None:
                raise ValueError(f"line {number}: a block begins with a prompt, such as anna$ p2pnode status")
            elif status := _STATUS.fullmatch(line):
                last.status = int(status[1])
            else:
                last.expected.append(line)
    return steps


def pattern(expected: list[str], known: dict[str, str]) -> re.Pattern[str]:
    """The expected lines as an expression over the whole output; names not yet known become groups."""
    seen: list[str] = []

    def one(line: str) -> str:
        parts = re.split(f"(…|{_NAME.pattern})", line)
        out = ""
        i = 0
        while i < len(parts):
            part = parts[i]
            if part == "…":
                out, i = out + "[^\n]*?", i + 2
            elif part is not None and (name := _NAME.fullmatch(part)):
                key = name[1]
                group = key.replace(" ", "_")
                if key in known:
                    out += re.escape(known[key])
                elif key in seen:
                    out += f"(?P={group})"
                else:
                    seen.append(key)
                    out += rf"(?P<{group}>\S+)"
                i += 2
            else:
                out, i = out + re.escape(part or ""), i + 1
        return out + "\n"

    return re.compile("".join("(?:[^\n]*\n)*?" if line.strip() == "…" else one(line) for line in expected))


def days(today: date) -> dict[str, str]:
    """The days that a transcript can name."""
    saturday = today + timedelta(days=8 + (5 - today.weekday() - 8) % 7)
    soon = today + timedelta(days=2)
    named = {name: saturday + timedelta(days=k) for k, name in enumerate(("saturday", "sunday", "monday"))}
    named |= {"date": soon, "yesterday": today - timedelta(days=1)}
    return {"day": f"{soon:%a}", **{name: day.isoformat() for name, day in named.items()}}


class Transcript:
    """Runs one file. Nodes live in `root`, where there is a picture to be named, photo.jpg, and docs as in a clone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "photo.jpg").write_bytes(b"a picture")
        (root / "docs").symlink_to(ROOT / "docs")
        self.nodes: dict[str, Node] = {}
        self.known: dict[str, str] = days(datetime.now().astimezone().date())

    def end(self) -> None:
        for node in self.nodes.values():
            node.kill()

    def run(self, path: Path) -> int:
        """Number of steps that held. `AssertionError` names the line and shows what came instead."""
        text = path.read_text(encoding="utf-8")
        for name, content in _FILE.findall(text):
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        steps = parse(text)
        for step in steps:
            self._step(path, step)
        return len(steps)

    def _step(self, path: Path, step: Step) -> None:
        node = self.nodes.setdefault(step.who, Node(step.who.capitalize(), self.root))
        command = _NAME.sub(lambda name: self.known[name[1]], step.command)
        wanted = pattern(step.expected, self.known)
        again = any(words <= set(command.split()[1:3]) for words in LOOKING)
        end = time.monotonic() + PATIENCE
        while True:
            shown, status = self._type(node, command)
            shown = "".join(line.rstrip() + "\n" for line in shown.rstrip().splitlines())
            found = wanted.fullmatch(shown)
            if found is not None and status == step.status:
                self.known.update({key.replace("_", " "): value for key, value in found.groupdict().items()})
                return
            if not again or time.monotonic() > end:
                break
            time.sleep(0.2)
        raise AssertionError(
            f"{path.name}:{step.line}: {step.who}$ {command}\n--- expected (exit status {step.status})\n"
            + "\n".join(step.expected)
            + f"\n--- came (exit status {status})\n{shown}"
        )

    def _type(self, node: Node, command: str) -> tuple[str, int]:
        if command == "kill %1":
            return "", node.stop()
        words = shlex.split(command)
        assert words[0] == "p2pnode", f"only p2pnode … and kill %1 can be typed, not {command!r}"
        if words[1:2] == ["run"] and words[-1] == "&":
            return node.start(*words[2:-1]), 0
        try:
            return node.types(*words[1:]), 0
        except Failed as failed:
            return str(failed.error["shown"]), failed.status
