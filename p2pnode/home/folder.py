"""The home folder: where a node keeps its keys, its ledger and its settings. One node at a time, mode 0700.

version        format of this folder, one number
config.toml    settings (p2pnode.home.config)
notify.json    where messages to the user go (p2pnode.news.targets), mode 0600
keystore.json  secret seeds (p2pnode.home.keystore), mode 0600
pending.toml   what the next start of the node is to do (p2pnode.home.pending)
kinds/         the user's own kinds of exchange (p2pnode.home.kinds)
networks/      <id>.genesis, the genesis records of the networks founded or joined
store/         LevelDB; its truth
index.sqlite   the search index; can be made again from the store
photos/        photos of one's own listings, by hash; others/ those of neighbours (p2pnode.photos.folder)
control.sock   the control API; or, where that path is too long, control.path names the place
web.cookie     the address of the web port and the secret of this start, while the node runs (p2pnode.web.port)
web-lan.pem    key and certificate of the page on the local network (p2pnode.web.certificate), mode 0600
devices.json   the devices that were paired with it, their secrets by hash (p2pnode.web.devices), mode 0600
backed-up      when the last backup was written, ms
lock           held by the running node (flock), with its process id
node.log       JSON lines
history.bin    the node's own figures, for graphs (p2pnode.history); may be lost
"""

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from protocols.errors import Refusal

from .files import private_folder, sync_folder, write_atomic

HOME_VERSION = 1
MAX_SOCKET_PATH = 107  # bytes; sun_path holds 108 with the closing zero (unix(7))

Migration = Callable[["Home"], None]
# MIGRATIONS[n] takes a folder of version n + 1 to version n + 2. Each may be run again after a crash.
MIGRATIONS: tuple[Migration, ...] = ()


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """`P2PNODE_HOME`, else the platform's folder for user data."""
    chosen = environ.get("P2PNODE_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs  # not on the way of every command

    return Path(platformdirs.user_data_dir("p2pnode", appauthor=False))


class Home:
    """The paths of one home folder, and the rules for opening it. Making this object touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))
        self.version = self.root / "version"
        self.config = self.root / "config.toml"
        self.keystore = self.root / "keystore.json"
        self.pending = self.root / "pending.toml"
        self.kinds = self.root / "kinds"
        self.networks = self.root / "networks"
        self.store = self.root / "store"
        self.index = self.root / "index.sqlite"
        self.photos = self.root / "photos"
        self.socket_note = self.root / "control.path"
        self.web_cookie = self.root / "web.cookie"
        self.web_lan = self.root / "web-lan.pem"
        self.web_devices = self.root / "devices.json"
        self.backed_up = self.root / "backed-up"
        self.history = self.root / "history.bin"
        self.lock = self.root / "lock"
        self.log = self.root / "node.log"

    @property
    def initialised(self) -> bool:
        """Is there an identity here?"""
        return self.keystore.exists()

    def blocked_by(self) -> Path | None:
        """What stands where this folder should be, or above it, and is no folder."""
        for path in (self.root, *self.root.parents):
            if os.path.lexists(path):
                return None if path.is_dir() else path
        return None

    def require(self) -> None:
        """`Refusal` (`no_daemon`) if there is no identity here."""
        if (wrong := self.blocked_by()) is not None:
            raise Refusal("no_daemon", f"{wrong} is not a folder", "Name another with --home or P2PNODE_HOME")
        if not self.initialised:
            raise Refusal(
                "no_daemon",
                f"There is no node in {self.root}",
                "Make one: p2pnode init --name NAME, or by its page: p2pnode web (or name its folder with --home)",
            )

    def create(self) -> None:
        """Make the folder, or check what is there. Never overwrites anything."""
        if (wrong := self.blocked_by()) is not None:
            raise Refusal("failed", f"{wrong} is not a folder", "Name another with --home or P2PNODE_HOME")
        private_folder(self.root)
        for folder in (self.networks, self.photos):
            private_folder(folder)
        if not self.version.exists():
            write_atomic(self.version, f"{HOME_VERSION}\n".encode())

    def read_version(self) -> int:
        """The format number of this folder; `Refusal` if the file is damaged."""
        if (wrong := self.blocked_by()) is not None:
            raise Refusal("failed", f"{wrong} is not a folder", "Name another with --home or P2PNODE_HOME")
        try:
            text = self.version.read_text()
        except FileNotFoundError:
            return HOME_VERSION
        except (OSError, UnicodeDecodeError) as e:
            raise Refusal("failed", f"Cannot read {self.version}: {e}", "Restore it from a backup") from e
        if not text.strip().isdecimal() or len(text) > 16:
            raise Refusal("failed", f"{self.version} is damaged", f"It should hold one number, such as {HOME_VERSION}")
        return int(text)

    def check_version(self, current: int = HOME_VERSION) -> None:
        """Refuse a folder that a newer program has written; touch nothing."""
        found = self.read_version()
        if found > current:
            raise Refusal(
                "refused",
                f"{self.root} was written by a newer p2pnode (home version {found}; this one knows {current})",
                "Install the newer p2pnode again, or name another folder with --home; nothing was changed",
            )

    def migrate(
        self, migrations: Sequence[Migration] = MIGRATIONS, now: Callable[[], float] = time.time
    ) -> Path | None:
        """Bring an older folder up to date, after a whole copy of it. Returns where the copy is, None if none was
        needed. Call with the lock held. A crash in between is safe: the version is written after each step."""
        current = len(migrations) + 1
        self.check_version(current)
        found = self.read_version()
        if found >= current:
            return None
        if found < 1:
            raise Refusal("failed", f"{self.version} holds {found}", "Restore the folder from a backup")
        copy = self._copy(found, int(now()))
        for number in range(found, current):
            migrations[number - 1](self)
            write_atomic(self.version, f"{number + 1}\n".encode())
        return copy

    def _copy(self, version: int, now: int) -> Path:
        target = self.root.with_name(f"{self.root.name}.before-v{version + 1}-{now}")
        scratch = target.with_name(target.name + ".part")
        try:
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.copytree(self.root, scratch, symlinks=True, ignore=_no_sockets)
            scratch.chmod(0o700)
            scratch.rename(target)
            sync_folder(target.parent)
        except OSError as e:
            shutil.rmtree(scratch, ignore_errors=True)
            raise Refusal(
                "failed",
                f"Cannot copy {self.root} before bringing it up to date: {e}",
                "Free some space beside it and start again; nothing was changed",
            ) from e
        return target

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this folder for one node. `Refusal` (`conflict`) while another node has it."""
        fd = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as e:
                holder = os.read(fd, 32).decode("ascii", "replace").strip()
                who = f"process {holder}" if holder.isdecimal() else "another process"
                raise Refusal(
                    "conflict",
                    f"A node already runs in {self.root} ({who})",
                    "Use that one (p2pnode status), stop it first (p2pnode down), or name another folder with --home",
                ) from e
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(fd)  # and with it the lock

    def space(self) -> tuple[int, int]:
        """Bytes that are free where this folder lies, and all; zeros where that cannot be told."""
        try:
            usage = shutil.disk_usage(self.root)
        except OSError:
            return 0, 0
        return usage.free, usage.total

    def in_use(self) -> bool:
        """Does a node hold this folder now?"""
        try:
            fd = os.open(self.lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see one another
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(fd)

    def holder(self) -> int | None:
        """The process that holds this folder now, if one does and has said its number."""
        try:
            text = self.lock.read_text()
        except (OSError, UnicodeDecodeError):
            return None
        number = text.strip()
        return int(number) if self.in_use() and number.isdecimal() and len(number) < 16 else None

    def socket_path(self) -> Path:
        """Where the control socket of the running node is (for clients)."""
        with suppress(OSError, UnicodeDecodeError):
            noted = self.socket_note.read_text().strip()
            if noted:
                return Path(noted)
        return self.root / "control.sock"

    def choose_socket(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Where the node is to put its control socket: here, or where this path is too long for a socket,
        a private folder under `XDG_RUNTIME_DIR` or /tmp, noted in `control.path`. Call with the lock held."""
        path = self.root / "control.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
            self.socket_note.unlink(missing_ok=True)
            return path
        name = blake2b(os.fsencode(self.root), digest_size=8).hexdigest() + ".sock"
        runtime = environ.get("XDG_RUNTIME_DIR", "")
        for folder in (Path(runtime) / "p2pnode" if runtime else None, Path(f"/tmp/p2pnode-{os.getuid()}")):
            if folder is None or len(os.fsencode(folder / name)) > MAX_SOCKET_PATH:
                continue
            try:
                _strictly_private(folder)
            except Refusal:
                continue
            write_atomic(self.socket_note, str(folder / name).encode())
            return folder / name
        raise Refusal(
            "failed",
            f"The path of the control socket is too long: {path}",
            f"Choose a home folder with a shorter path (the socket's may have {MAX_SOCKET_PATH} bytes)",
        )


def _strictly_private(folder: Path) -> None:
    """Like `private_folder`, but a link, or a folder that others could enter, is refused: /tmp is everybody's."""
    with suppress(FileExistsError, OSError):
        folder.mkdir(mode=0o700)
    try:
        found = folder.lstat()
    except OSError as e:
        raise Refusal("failed", f"Cannot use {folder}: {e.strerror}") from e
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Refusal("failed", f"{folder} is not private")


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if stat.S_ISSOCK(os.lstat(os.path.join(folder, n)).st_mode) or n == "lock"]
