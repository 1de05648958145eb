"""The table of checks: from what was seen to what it means, in plain words, with what to type. Pure.

A problem is what keeps the node from its work or its user's secrets from being secret; a note is worth knowing.
"""

import re
from collections.abc import Callable
from typing import Final

from p2pnode.bounds import DISK_ENOUGH, DISK_LOW
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MAX_SKEW, MINUTE

from .seen import Finding, Folder, Node, Seen

Judged = tuple[str, str, str]  # state, found, fix
Check = Callable[[Seen], Judged]
BACKUP_OLD: Final = 30 * DAY
MUCH_MEMORY: Final = 1024 * 1024 * 1024
LITTLE_MEMORY: Final = 100 * 1024 * 1024
OLDEST_PYTHON: Final = (3, 11)
NEWEST_PYTHON: Final = (3, 13)
MANY_BYTES: Final = 5 * 1024 * 1024 * 1024


def diagnose(seen: Seen, only: str | None = None) -> list[Finding]:
    """A row for each check, in the order of the table. only: one of them; `Refusal` (usage) if there is none such."""
    if only is not None and only not in CHECKS:
        raise Refusal("usage", f"there is no check {only!r}", f"There are: {', '.join(CHECKS)}")
    return [Finding(name, *check(seen)) for name, check in CHECKS.items() if only in (None, name)]


def well(findings: list[Finding]) -> bool:
    """Whether nothing is a problem."""
    return all(finding.state != "problem" for finding in findings)


def _ok(found: str) -> Judged:
    return "ok", found, ""


def _skipped(found: str, fix: str = "") -> Judged:
    return "skipped", found, fix


def _of_folder(check: Callable[[Folder, Seen], Judged]) -> Check:
    """A check that needs a home folder of ours."""

    def judged(seen: Seen) -> Judged:
        if seen.folder.missing or seen.folder.foreign:
            return _skipped("Not looked at: there is no home folder that may be read")
        return check(seen.folder, seen)

    return judged


def _of_node(check: Callable[[Node, Seen], Judged]) -> Check:
    """A check that only a running node can answer."""

    def judged(seen: Seen) -> Judged:
        return _skipped("Not known: only a running node can tell") if seen.node is None else check(seen.node, seen)

    return judged


def _home(seen: Seen) -> Judged:
    folder = seen.folder
    if folder.missing:
        return "problem", folder.missing, 'p2pnode init --name "Your name"'
    if folder.foreign:
        return (
            "problem",
            f"The folder {folder.path} belongs to another user",
            f"sudo chown -R $(id -u) {_quoted(folder.path)}",
        )
    return _ok(f"The folder is {folder.path}")


def _permissions(folder: Folder, seen: Seen) -> Judged:
    if folder.open:
        shown = ", ".join(folder.open[:3]) + (f" and {len(folder.open) - 3} more" if len(folder.open) > 3 else "")
        return "problem", f"Others on this computer can get at {shown}", f"chmod -R go= {_quoted(folder.path)}"
    if folder.above:
        fix = f"chmod o-w {_quoted(folder.above[0])}"
        return "note", f"Everybody can write {folder.above[0]}, and put another folder in place of yours", fix
    return _ok("Only you can read the folder and the keys in it")


def _settings(folder: Folder, seen: Seen) -> Judged:
    if folder.config:
        return "problem", f"The settings cannot be used: {folder.config}", "p2pnode config edit"
    return _ok(f"They can be used; the profile is {folder.profile}")


def _keystore(folder: Folder, seen: Seen) -> Judged:
    if folder.keystore == "sealed":
        return _ok("The keys are there, sealed by a passphrase: whether it opens them is seen when the node starts")
    if folder.keystore != "ok":
        return "problem", f"The keys cannot be read: {folder.keystore}", "p2pnode restore FILE"
    return _ok("The keys are there and can be read")


def _backup(folder: Folder, seen: Seen) -> Judged:
    age = None if folder.backup_at is None else seen.now - folder.backup_at
    write = "p2pnode backup ~/p2pnode.backup"
    if age is None or age < 0:
        return "note", "No backup was written from this folder, as far as is known", write
    if age > BACKUP_OLD:
        return "note", f"The last backup is {age // DAY} days old", write
    return _ok(f"The last backup is {_span(age)} old")


def _daemon(seen: Seen) -> Judged:
    if seen.node is not None:
        return _ok("The node runs and answers")
    if seen.folder.missing:
        return _skipped("Not looked at: there is no node yet")
    return "problem", seen.silent or "The node does not answer", seen.cure or "p2pnode run"


def _service(seen: Seen) -> Judged:
    machine, user = seen.machine, "" if seen.machine.system else " --user"
    if not machine.systemd:
        return _skipped("Not looked at: this computer has no systemd")
    if not machine.unit:
        return "note", "The node does not start with the computer", "p2pnode service install"
    if machine.active == "active":
        return _ok(f"The service is installed and runs ({machine.unit})")
    if machine.active == "failed":
        return "problem", f"The service has failed ({machine.unit})", f"systemctl{user} status p2pnode"
    state = machine.active or "in a state that cannot be asked for"
    running = "; the node runs by itself" if seen.node is not None else ""
    return "note", f"The service is installed, and is {state}{running}", f"systemctl{user} start p2pnode"


def _versions(seen: Seen) -> Judged:
    machine = seen.machine
    lacking = [name for name, version in machine.libraries.items() if version is None]
    if not OLDEST_PYTHON <= machine.python[:2] <= NEWEST_PYTHON:
        wanted = " to ".join(".".join(map(str, v)) for v in (OLDEST_PYTHON, NEWEST_PYTHON))
        return (
            "problem",
            f"Python {_dotted(machine.python)} is not among those that are supported, {wanted}",
            "make run",
        )
    if lacking:
        return "problem", f"Libraries are missing: {', '.join(lacking)}", "make run"
    if seen.node is not None and seen.node.program not in ("", machine.program):
        found = f"The running node is version {seen.node.program}, and what is installed is {machine.program}"
        return "note", found, "Stop the node, and start it again: p2pnode run"
    libraries = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    return _ok(
        f"p2pnode {machine.program}, Python {_dotted(machine.python)}, {libraries}; neighbours do not say theirs"
    )


def _clock(node: Node, seen: Seen) -> Judged:
    if node.clock_warnings:
        return "problem", _sentence(node.clock_warnings[0].split(". Set the clock")[0]), "sudo timedatectl set-ntp true"
    ahead = node.neighbours_ahead_ms
    if ahead is None:
        return _skipped("Nobody to compare the clock with: no neighbour has said what time it is")
    if abs(ahead) > MAX_SKEW:
        return "note", f"Your neighbours' clocks are {_span(abs(ahead))} away from this one", "p2pnode clock"
    return _ok(f"It is within {max(1, round(abs(ahead) / 1000))} s of your neighbours'")


def _synchronised(seen: Seen) -> Judged:
    match seen.machine.synchronised:
        case True:
            return _ok("The system sets its clock by the network")
        case False:
            return "note", "The system does not set its clock by the network", "sudo timedatectl set-ntp true"
    return _skipped(f"Not looked at: {seen.machine.unsynchronised_why}")


def _disk(folder: Folder, seen: Seen) -> Judged:
    if folder.unwritable:
        return "problem", f"The folder cannot be written: {folder.unwritable}", f"df -h {_quoted(folder.path)}"
    room = f"{_size(folder.free)} of {_size(folder.total)} are free"
    if folder.free < min(DISK_LOW, folder.total // 20):
        return "problem", f"The disk is nearly full: {room}", f"du -sh {_quoted(folder.path)}/*"
    if folder.free < min(DISK_ENOUGH, folder.total * 3 // 20) or (seen.node is not None and seen.node.keeps != "all"):
        return "note", f"The disk is filling up: {room}", f"du -sh {_quoted(folder.path)}/*"
    return _ok(f"{room}, and it can be written")


def _sizes(folder: Folder, seen: Seen) -> Judged:
    shown = ", ".join(f"{name} {_size(size)}" for name, size in folder.sizes.items())
    if sum(folder.sizes.values()) > MANY_BYTES:
        return "note", f"The node's files are large: {shown}", f"du -sh {_quoted(folder.path)}/*"
    return _ok(shown or "Nothing is stored yet")


def _database(folder: Folder, seen: Seen) -> Judged:
    node = seen.node
    if node is not None:
        if node.warnings:
            return "problem", _sentence(node.warnings[0]), f"df -h {_quoted(folder.path)}"
        return _ok("It was whole when the node started, and takes what is written")
    if folder.database is None:
        return _skipped(f"Not looked at: {folder.unseen}")
    if folder.database:
        fix = "p2pnode restore FILE" if folder.unsound else "p2pnode run"
        return "problem" if folder.unsound else "note", _sentence(folder.database), fix
    return _ok("It can be opened, and every entry of your ledger is there")


def _ledger(node: Node, seen: Seen) -> Judged:
    if node.recovering:
        named = ", ".join(str(one.get("network", "?")) for one in node.recovering)
        found = f"Nothing is signed in {named}: it is not known whether the newest entries of your ledger are here"
        return "problem", found, "p2pnode peers" if node.peers else "p2pnode join ADDRESS"
    return _ok("Your ledger is whole, as far as anybody knows" if node.networks else "None yet: it begins in a network")


def _index(node: Node, seen: Seen) -> Judged:
    if node.indexing:
        done, of = node.indexing.get("done", 0), node.indexing.get("of", 0)
        return (
            "note",
            f"The search index is being made anew: {done} of {of} listings; searches find less until then",
            "",
        )
    return _ok("Searches find all that is held here")


def _network(node: Node, seen: Seen) -> Judged:
    if node.joining:
        why = next((problem for problem in node.joining if problem), "no answer yet")
        return "note", f"The node is still trying to join: {why}", "p2pnode status"
    if not node.networks:
        return "note", "The node is in no network yet", "p2pnode join ADDRESS-OR-LINK"
    return _ok("In one network" if node.networks == 1 else f"In {node.networks} networks")


def _port(seen: Seen) -> Judged:
    if seen.node is not None:
        if not seen.node.addresses:
            return "problem", "The node listens nowhere", f"p2pnode config set listen {_free(4001)}"
        return _ok(f"The node listens at {', '.join(seen.node.addresses[:2])}")
    if seen.folder.missing or seen.folder.config:
        return _skipped("Not known: it stands in the settings")
    if seen.folder.ports:
        port = seen.folder.ports[0]
        found = f"Port {port}, where the node is to listen, is held by another program"
        return "problem", found, f"p2pnode config set listen {_free(port + 1 if port < 65535 else 4001)}"
    return _ok("The port at which the node is to listen is free")


def _reachable(node: Node, seen: Seen) -> Judged:
    reach = node.reach
    match reach.get("state"):
        case "yes":
            at = f", at {reach['address']}" if reach.get("address") else ""
            return _ok(f"Others reach this node from outside{at}")
        case "no":
            port = reach.get("port") or "its port"
            found = f"Nobody outside can dial this node: {reach.get('by') or 'some'} peers have tried"
            return "note", f"{found}; it works by dialling others", f"Forward TCP port {port} to it at your router"
        case "lan":
            return _ok(f"Reached from the local network, at {reach.get('address')}; nobody outside was asked")
    return _skipped("Not known yet: no peer could be asked to dial back")


def _lan(node: Node, seen: Seen) -> Judged:
    found, others = node.lan.get("found") or 0, node.lan.get("others") or 0
    match node.lan.get("state"):
        case "off":
            return _skipped("Neighbours on the local network are not looked for: that is switched off")
        case "none":
            return _skipped("Not looked for: the node listens at no address of a local network")
        case "problem":
            problem = node.lan.get("problem")
            fix = "Let UDP port 5353 through the firewall; give a container the network of its host"
            if "floods" in str(problem):
                fix = "Find the device that does it; p2pnode config set lan no: neighbours are found without it, too"
            return "note", f"Neighbours on the local network are not found: {problem}", fix
    if others:
        return _ok(f"Neighbours found on the local network: {found}; other nodes of p2pnode there: {others}")
    return _ok(f"Neighbours found on the local network: {found}")


def _page(node: Node, seen: Seen) -> Judged:
    problem, urls, devices = (node.lan_page.get(key) for key in ("problem", "urls", "devices"))
    if problem:
        return "note", f"The page is not open to the local network: {problem}", "p2pnode web --lan"
    if not urls:
        return _ok("The page is for this computer alone")
    if not devices:
        found = f"The page is open to the local network, at {urls[0]}, and no device is paired"
        return "note", found, "p2pnode web --lan  (pairs one; with --off it closes)"
    return _ok(f"The page is open to the local network, at {urls[0]}; paired devices: {devices}")


def _relay(folder: Folder, seen: Seen) -> Judged:
    said = "is switched on, but" if folder.relay else "is switched off; besides,"
    return _skipped(f"Carrying traffic for peers behind routers {said} this version does not do it yet")


def _peers(node: Node, seen: Seen) -> Judged:
    if node.peers:
        shut = f"; {node.banned} are shut out" if node.banned else ""
        return _ok(f"{node.peers} connected, {node.chosen} of them of the node's own choice{shut}")
    if not node.known:
        found = "The node knows no other peer"
        if node.networks:
            return "note", f"{found}: it is alone in its network", "p2pnode invite"
        return "note", found, "p2pnode join ADDRESS-OR-LINK"
    why = f": {node.dial_problem}" if node.dial_problem else ""
    one = "the one peer" if node.known == 1 else f"any of the {node.known} peers"
    return "problem", f"The node is not connected to {one} that it knows{why}", "p2pnode peers"


def _memory(seen: Seen) -> Judged:
    machine, node = seen.machine, seen.node
    if machine.memory is None or machine.available is None:
        return _skipped("Not looked at: this system does not say how much there is")
    room = f"{_size(machine.available)} of {_size(machine.memory)} are free"
    used = node.resident if node is not None else None
    if used is not None and used > MUCH_MEMORY:
        return "note", f"The node takes {_size(used)}, more than it should; {room}", "p2pnode bugreport"
    if machine.available < LITTLE_MEMORY:
        return "note", f"Memory is short: {room}", "p2pnode config profile pi"
    return _ok(f"The node takes {_size(used)}; {room}" if used is not None else room)


CHECKS: Final[dict[str, Check]] = {
    "home": _home,
    "permissions": _of_folder(_permissions),
    "settings": _of_folder(_settings),
    "keystore": _of_folder(_keystore),
    "backup": _of_folder(_backup),
    "daemon": _daemon,
    "service": _service,
    "versions": _versions,
    "clock": _of_node(_clock),
    "ntp": _synchronised,
    "disk": _of_folder(_disk),
    "sizes": _of_folder(_sizes),
    "database": _of_folder(_database),
    "ledger": _of_node(_ledger),
    "index": _of_node(_index),
    "network": _of_node(_network),
    "port": _port,
    "reachable": _of_node(_reachable),
    "lan": _of_node(_lan),
    "page": _of_node(_page),
    "relay": _of_folder(_relay),
    "peers": _of_node(_peers),
    "memory": _memory,
}


def _quoted(path: str) -> str:
    """As a shell takes it."""
    return path if re.fullmatch(r"[A-Za-z0-9_./+:@%-]+", path) else "'" + path.replace("'", "'\\''") + "'"


def _free(port: int) -> str:
    return f"/ip4/0.0.0.0/tcp/{port}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _size(size: int) -> str:
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 10 * unit else f"{size // unit} {name}"
    return f"{size} bytes"


def _span(ms: int) -> str:
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if ms >= 2 * unit:
            return f"{ms // unit} {name}"
    return "a minute" if ms >= MINUTE else f"{ms // 1000} s"
