"""Write p2pnode/answers.json and docs/openapi.json: what nodes answer, as seen in the tests of whole cores.

python -m tests.answers.make            takes some minutes
python -m tests.answers.make --quick    only what the chapters tell, added to what is written already
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2pnode import openapi
from tests.answers.chapters import CHAPTERS
from tests.answers.shapes import Schema, merged

ROOT = Path(__file__).resolve().parents[2]
# Commands that answer with the same thing, by what it is called in the document.
ALIKE: dict[str, tuple[str, ...]] = {
    "Answer.Exchange": tuple(
        f"exchange.{each}"
        for each in (
            "accept", "amend", "cancel", "confirm", "counter", "decline", "default", "dispute", "done", "handover",
            "list", "pay", "propose", "return", "rule", "show", "waive",
        )
    ),
    "Answer.Listing": tuple(
        f"listing.{each}" for each in ("edit", "list", "pause", "publish", "renew", "resume", "show", "withdraw")
    ),
    "Answer.Claim": tuple(f"claim.{each}" for each in ("accept", "decline", "list", "propose", "settle", "show")),
    "Answer.Message": ("message.list", "message.send", "message.show"),
    "Answer.Blocklist": tuple(
        f"blocklist.{each}"
        for each in ("create", "list", "publish", "show", "subscribe", "unsubscribe", "withdraw")
    ),
    "Answer.BlocklistEntry": ("blocklist.add", "blocklist.remove"),
    "Answer.Kind": ("kinds.add", "kinds.list", "kinds.remove", "kinds.show"),
    "Answer.Ban": ("peers.banned", "peers.block"),
}  # fmt: skip


def record(tests: Sequence[str]) -> dict[str, Any]:
    """What is seen while these tests run. `AssertionError` if one fails."""
    seen, failed, said = _run(tests)
    if failed or not seen:
        raise AssertionError(said)
    return seen


def record_whole(tests: Sequence[str]) -> dict[str, Schema]:
    """The answers that are seen while these tests run, by command. What fails on a machine that is busy is run once
    more, alone; `AssertionError` if it fails again."""
    seen, failed, said = _run(tests)
    if not seen:
        raise AssertionError(said)
    answers: dict[str, Schema] = seen["answers"]
    for name, schema in record(failed)["answers"].items() if failed else ():
        answers[name] = merged([answers.get(name, {}), schema])
    return answers


def _run(tests: Sequence[str]) -> tuple[dict[str, Any], list[str], str]:
    """What is seen, which tests failed, and what was said of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "seen.json"
        options = ["-q", "-p", "tests.answers.recorder", "-p", "no:cacheprovider"]
        environment = {**os.environ, "P2PNODE_ANSWERS": str(file), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        seen = json.loads(file.read_text()) if done.returncode in (0, 1) and file.exists() else {}
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+::\S+)", done.stdout, re.MULTILINE)
    if done.returncode and not failed:
        seen = {}
    return seen, failed, done.stdout[-4000:] + done.stderr[-2000:]


def lab_tests() -> list[str]:
    """The tests in which whole cores answer commands."""
    found = ["tests/answers/test_daemon_commands.py", "tests/p2pnode/test_remote_search.py"]
    for path in sorted((ROOT / "tests" / "p2pnode").glob("test_*.py")):
        text = path.read_text()
        if (
            any(word in text for word in ("tests.p2pnode.lab", "tests.sim", "parcel_street"))
            and "adversary" not in path.name
        ):
            found.append(str(path.relative_to(ROOT)))
    return found


def whole_tests() -> list[str]:
    """Those, and the chapters that stand in none of these files."""
    files = lab_tests()
    return [*files, *(chapter for chapter in CHAPTERS if chapter.partition("::")[0] not in files)]


def document(answers: dict[str, Schema]) -> dict[str, Any]:
    """As it is written: what several commands answer alike stands once, under `schemas`."""
    made: dict[str, Any] = {"schemas": {}, "answers": dict(answers)}
    unseen = sorted({each for alike in ALIKE.values() for each in alike} - set(answers))
    if unseen:
        raise AssertionError(f"no test has seen what these answer: {', '.join(unseen)}; name one in chapters.py")
    for name, alike in ALIKE.items():
        listed = [each for each in alike if answers[each]["type"] == ["array"]]
        made["schemas"][name] = merged(answers[each]["items"] if each in listed else answers[each] for each in alike)
        one = {"$ref": f"#/components/schemas/{name}"}
        made["answers"].update({each: {"type": ["array"], "items": one} if each in listed else one for each in alike})
    return made


def written() -> dict[str, Schema]:
    """The schemas of answers.json, by command."""
    made = json.loads(openapi.ANSWERS.read_text(encoding="utf-8"))
    return {name: resolved(made, schema) for name, schema in made["answers"].items()}


def resolved(made: dict[str, Any], schema: Schema) -> Schema:
    """With what its reference leads to."""
    if "$ref" in schema:
        found: Schema = made["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return {**schema, "items": resolved(made, schema["items"])} if "items" in schema else schema


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    answers = record(CHAPTERS)["answers"] if quick else record_whole(whole_tests())
    for name, schema in (written() if quick else {}).items():
        answers[name] = merged([answers.get(name, {}), schema])
    text = json.dumps(document(dict(sorted(answers.items()))), indent=1, sort_keys=True)
    openapi.ANSWERS.write_text(text + "\n", encoding="utf-8")
    text = json.dumps(openapi.document(), indent=1, ensure_ascii=False)
    (ROOT / "docs" / "openapi.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
