"""A report for whoever helps: what the doctor found, versions, settings, the end of the log; nothing that is private.

The keystore's secrets, the store, listings, notes and messages are not even read for it.
"""

import os
import platform
import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import dht
import p2pnode
from p2pnode.home.folder import Home
from p2pnode.home.founding import describe_network, genesis_wires
from p2pnode.home.logged import last_lines
from p2pnode.home.settings import settings_in_force
from protocols.errors import Refusal

from .checks import diagnose
from .hushed import HIDDEN, Veil, line_told, pattern_of
from .seen import Seen

_LOGGED = re.compile(r'(?<![A-Za-z0-9])_?log\.(?:debug|info|warning|error|exception)\(\s*"((?:[^"\\]|\\.)+)"')
_SHOWN = ("profile", "relay", "lan", "witness", "max_peers", "cache_mb", "photos_mb", "log_level", "log_to")
_COUNTED = ("networks", "peers", "chosen", "known", "banned", "keeps", "indexing", "resident", "neighbours_ahead_ms")
_OF_STATUS = ("state", "listings", "exchanges_waiting", "notices", "hiding")

CONTENTS = """In it: what p2pnode doctor finds; versions; counts; settings, without your name, area, addresses and
networks; the last lines of the log, as far as they are the program's own sentences and numbers.
Not in it: keys, backup words, listings, messages, exchanges, names, places. Addresses and ids are replaced by labels
that mean nothing outside of this report."""


def write_report(home: Home, seen: Seen, status: Mapping[str, Any], lines: int, key: bytes) -> str:
    """The text. status: of the running node, or empty; lines: of the log, at most; key: 16 bytes of chance."""
    veil = Veil(key, _names(home, status), _places(home))
    sections = [
        ("About this report", [f"made {datetime.fromtimestamp(seen.now / 1000, UTC):%Y-%m-%d %H:%M} UTC", CONTENTS]),
        ("Doctor", _findings(seen, veil)),
        ("Versions", _versions(seen)),
        ("Node", _node(seen, status)),
        ("Settings", _settings(home)),
        ("Log", _log(home, lines, veil)),
    ]
    return "\n".join("\n".join([f"== {title} ==", *rows, ""]) for title, rows in sections)


def sentences() -> list[tuple[str, re.Pattern[str]]]:
    """What the program can have written to the log, by its source; the longest first, so that one with nothing but a
    placeholder takes no other's place."""
    found = set()
    for package in (p2pnode, dht):
        for path in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            with suppress(OSError, UnicodeDecodeError):
                found.update(_LOGGED.findall(path.read_text()))
    constant = [text for text in found if len(re.sub(r"%\w|\W", "", text)) >= 4]
    return [(text, pattern_of(text)) for text in sorted(constant, key=lambda text: (-len(text), text))]


def _findings(seen: Seen, veil: Veil) -> list[str]:
    """Rows of the doctor. What others, or the user, have put into words that a finding repeats is taken out before."""
    folder, node = seen.folder, seen.node
    line = re.search(r"line (\d+)", folder.config)
    config = f"at line {line[1]}" if line else HIDDEN
    folder = msgspec.structs.replace(folder, config=config if folder.config else "")
    if node is not None:
        unnamed = [{"network": HIDDEN} for _ in node.recovering]
        node = msgspec.structs.replace(node, recovering=unnamed, joining=["" for _ in node.joining])
    hushed = seen._replace(folder=folder, node=node)
    return [f"{f.state:8} {f.check:12} {veil.unquoted(f.found)}" for f in diagnose(hushed)]


def _versions(seen: Seen) -> list[str]:
    machine = seen.machine
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    with suppress(OSError, KeyError):
        system += f", {platform.freedesktop_os_release()['PRETTY_NAME']}"
    running = seen.node.program if seen.node is not None else "-"
    libraries = [f"{name} {version or 'missing'}" for name, version in machine.libraries.items()]
    python = ".".join(map(str, machine.python))
    return [f"p2pnode {machine.program}, running {running}", f"Python {python}", *libraries, system]


def _node(seen: Seen, status: Mapping[str, Any]) -> list[str]:
    if seen.node is None:
        return ["does not answer"]
    counts = [f"{name} {getattr(seen.node, name)}" for name in _COUNTED]
    counts.append(f"reach {seen.node.reach.get('state')} by {seen.node.reach.get('by')}")
    return counts + [f"{name} {status[name]}" for name in _OF_STATUS if name in status]


def _settings(home: Home) -> list[str]:
    """Switches and numbers as they are; of what names somebody or some place only whether it is set."""
    try:
        found = settings_in_force(home)
    except Refusal:
        return ["cannot be used"]
    rows = []
    for one in found:
        if one.name in _SHOWN:
            told = str(one.value)
        elif isinstance(one.value, tuple):
            told = f"{len(one.value)} set"
        else:
            told = "set" if one.value else "empty"
        rows.append(f"{one.name} ({one.source}) {told}")
    return rows


def _log(home: Home, lines: int, veil: Veil) -> list[str]:
    known = sentences()
    told = [line_told(line.json, known, veil) for line in last_lines(home.log, lines)]
    return told or ["is empty"]


def _names(home: Home, status: Mapping[str, Any]) -> Iterable[str]:
    """What people here call themselves, their computer and their networks, as far as it can be known."""
    yield socket.gethostname()
    yield Path.home().name
    yield str(status.get("name") or "")
    for network in status.get("networks") or ():
        yield str(network.get("name") or "")
    with suppress(Refusal, OSError):
        for wire in genesis_wires(home):
            yield str(describe_network(wire)["name"])
    with suppress(Refusal):
        yield from (str(s.value) for s in settings_in_force(home) if s.name in ("name", "area", "network"))


def _places(home: Home) -> Iterable[tuple[str, str]]:
    yield str(home.root), "‹home›"
    yield os.path.realpath(home.root), "‹home›"
    yield str(Path.home()), "~"
