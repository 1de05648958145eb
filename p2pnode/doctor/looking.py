"""Looks at the home folder and the computer. Changes nothing, but for an empty file that shows whether it can write.

The database is opened only while no node runs, and with the folder held, so that none starts meanwhile.
"""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path

from p2pnode.home.config import Config, load_config
from p2pnode.home.folder import Home
from protocols.errors import Refusal

from .seen import Folder, Machine

LIBRARIES = ("libp2p", "trio", "plyvel", "msgspec", "msgpack", "pynacl", "starlette", "anycorn")
MAX_NAMED = 20
ASK_WITHIN = 5.0  # seconds, for a program of the system
Ask = Callable[[tuple[str, ...]], str | None]


def look_at_folder(home: Home, database: bool) -> Folder:
    """database: whether to open it, too, if no node holds it."""
    path = str(home.root)
    try:
        home.require()
        found = home.root.stat()
    except Refusal as e:
        return Folder(path=path, missing=e.message)
    except OSError as e:
        return Folder(path=path, missing=f"{path} cannot be entered: {e.strerror}")
    if found.st_uid != os.getuid():
        return Folder(path=path, foreign=True)
    config, config_problem = _config(home)
    usage = _usage(home.root)
    held = home.in_use()
    problem, unsound, unseen = _database(home) if database and not held else (None, False, "a node holds it")
    return Folder(
        path=path,
        open=tuple(_open_to_others(home)),
        above=tuple(_writable_above(home.root)),
        config=config_problem,
        profile=config.profile,
        listen=config.listen,
        lan=config.lan,
        relay=config.relay,
        log_to=config.log_to,
        keystore=_keystore(home),
        backup_at=_backup_at(home),
        free=usage[0],
        total=usage[1],
        unwritable=_unwritable(home.root),
        sizes={
            "database": _bytes_in(home.store),
            "search index": sum(_bytes_of(p) for p in home.root.glob("index.sqlite*")),
            "log": sum(_bytes_of(p) for p in home.root.glob("node.log*")),
            "photos": _bytes_in(home.photos),
        },
        ports=() if held or config_problem else tuple(_held_ports(config.listen)),
        database=problem,
        unsound=unsound,
        unseen=unseen,
    )


def look_at_machine(program: str, ask: Ask | None = None) -> Machine:
    """program: the version that is installed; ask: runs a program of the system and gives what it prints."""
    ask = ask or _ask
    synchronised, why = _synchronised(ask)
    memory = _memory_info()
    unit, system = _unit()
    scope = () if system else ("--user",)
    active = ask(("systemctl", *scope, "is-active", "p2pnode.service")) if unit else None
    version = sys.version_info
    return Machine(
        program=program,
        python=(version[0], version[1], version[2]),
        libraries={name: _version(name) for name in LIBRARIES},
        synchronised=synchronised,
        unsynchronised_why=why,
        memory=memory.get("MemTotal"),
        available=memory.get("MemAvailable"),
        unit=unit,
        system=system,
        active=(active or "").strip(),
        systemd=Path("/run/systemd/system").is_dir(),
    )


def resident() -> int | None:
    """Bytes of memory that this process holds."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def installed_version() -> str:
    return _version("p2pnode") or "0 (not installed)"


def _config(home: Home) -> tuple[Config, str]:
    if not home.config.exists():
        return Config(), ""  # made at the next start
    try:
        return load_config(home)[0], ""
    except Refusal as e:
        return Config(), e.message


def _keystore(home: Home) -> str:
    from p2pnode.home.keystore import load_keystore, load_public

    try:
        load_public(home.keystore)
        if "sealed" in json.loads(home.keystore.read_bytes()):
            return "sealed"
        if stat.S_IMODE(home.keystore.stat().st_mode) & 0o077 == 0:  # else opening it would mend that
            load_keystore(home.keystore)
        return "ok"
    except Refusal as e:
        return e.message
    except OSError as e:
        return e.strerror or str(e)


def _backup_at(home: Home) -> int | None:
    with suppress(OSError, ValueError):
        return int(home.backed_up.read_text())
    return None


def _open_to_others(home: Home) -> Iterable[str]:
    """`mode path` of what others can get at: the folder itself; or the keys, if they lie open in it for when it is."""
    for path in (home.root, home.keystore, home.web_cookie):
        with suppress(OSError):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o077 and not stat.S_ISLNK(path.lstat().st_mode):
                yield f"{path} (mode {mode:04o})"


def _writable_above(root: Path) -> Iterable[str]:
    for above in root.resolve().parents:
        with suppress(OSError):
            mode = above.stat().st_mode
            if mode & 0o002 and not mode & stat.S_ISVTX:
                yield str(above)


def _usage(path: Path) -> tuple[int, int]:
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return 0, 0
    return usage.free, usage.total


def _unwritable(root: Path) -> str:
    scratch = root / f".doctor.{os.getpid()}.tmp"
    try:
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, b"written by p2pnode doctor\n")
        finally:
            os.close(fd)
    except OSError as e:
        return e.strerror or str(e)
    finally:
        with suppress(OSError):
            scratch.unlink()
    return ""


def _bytes_in(folder: Path) -> int:
    return sum(_bytes_of(Path(place, name)) for place, _, names in os.walk(folder) for name in names)


def _bytes_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _held_ports(listen: Iterable[str]) -> Iterable[int]:
    """Of `/ip4/…/tcp/PORT`, the ports that cannot be had."""
    for address in listen:
        parts = address.split("/")
        if len(parts) < 5 or parts[1] not in ("ip4", "ip6") or parts[3] != "tcp" or not parts[4].isdecimal():
            continue
        family = socket.AF_INET if parts[1] == "ip4" else socket.AF_INET6
        try:
            with closing(socket.socket(family, socket.SOCK_STREAM)) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind((parts[2], int(parts[4])))
                tried.listen(1)
        except OSError as e:
            if e.errno in (98, 13):  # EADDRINUSE, EACCES: another has it, or it is not for users
                yield int(parts[4])
        except OverflowError:
            yield 0


def _database(home: Home) -> tuple[str | None, bool, str]:
    """What is wrong (empty: nothing; None: not looked at), whether it keeps the node from starting, and why it was not
    looked at."""
    if not home.store.is_dir():
        return None, False, "there is none yet, it is made when the node first starts"
    from p2pnode.logs import zeroed_from
    from p2pnode.store import Store, StoreBusy, StoreDamaged, StoreError
    from p2pnode.wholeness import check_chains

    try:
        with home.locked():
            try:
                store = Store.open(home.store)
            except StoreDamaged as e:
                log = max((home.store / "db").glob("*.log"), default=None, key=lambda file: file.name)
                mends = log is not None and zeroed_from(log.read_bytes()) is not None
                said = "the end of the database is empty; the next start keeps a copy and goes on from before it"
                return (said, False, "") if mends else (e.message, True, "")
            with closing(store):
                lost = check_chains(store)
            if not lost:
                return "", False, ""
            count = sum(len(missing) for _, missing in lost)
            said = f"the newest {count} entries of your ledger are missing; the node fetches them from neighbours"
            return said, False, ""
    except StoreBusy:
        return None, False, "another program holds it"
    except StoreError as e:
        return e.message, True, ""
    except Refusal as e:
        return (None, False, "a node is starting") if e.code == "conflict" else (e.message, True, "")
    except OSError as e:
        return f"it cannot be read: {e.strerror}", True, ""


def _synchronised(ask: Ask) -> tuple[bool | None, str]:
    said = ask(("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    if said is None:
        return None, "timedatectl, which knows it, is not there or does not answer"
    return {"yes": (True, ""), "no": (False, "")}.get(said.strip(), (None, "timedatectl does not say"))


def _ask(command: tuple[str, ...]) -> str | None:
    """What a program prints, whatever its exit status; None if it is not there, or takes too long, or says nothing."""
    found = shutil.which(command[0])
    if found is None:
        return None
    try:
        done = subprocess.run(
            [found, *command[1:]], capture_output=True, encoding="utf-8", errors="replace", timeout=ASK_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout or None


def _unit() -> tuple[str, bool]:
    """The file of the service, and whether it is the system's."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path, system in (
        (config / "systemd/user/p2pnode.service", False),
        (Path("/etc/systemd/system/p2pnode.service"), True),
    ):
        if path.exists():
            return str(path), system
    return "", False


def _memory_info() -> dict[str, int]:
    """Bytes by the names of /proc/meminfo; empty where there is none."""
    found = {}
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if value.endswith(" kB"):
                found[name] = int(value[:-3]) * 1024
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
