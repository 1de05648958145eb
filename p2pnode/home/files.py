"""Files that hold secrets or promises: written whole or not at all, and readable by their owner only."""

import os
import stat
from pathlib import Path

from protocols.errors import Refusal


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data` so that a crash leaves the old or the new content, and either is on the disk.

    The file is synced, renamed over the old one, then the folder is synced. `OSError` leaves the old file as it was.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except OSError as e:
        raise OSError(e.errno, e.strerror, str(path)) from e  # the file that is meant, not our scratch
    try:
        try:
            os.fchmod(fd, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def private_folder(path: Path) -> None:
    """Make `path` a folder of ours that nobody else can enter. `Refusal` if it is somebody else's, or no folder."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as e:
        raise Refusal("failed", f"{path} is not a folder", "Move that file away, or choose another place") from e
    except OSError as e:
        raise Refusal("failed", f"Cannot make the folder {path}: {e.strerror}", "Choose another with --home") from e
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) and not path.is_dir():
        raise Refusal("failed", f"{path} is not a folder", "Move it away, or choose another place")
    found = path.stat()
    if found.st_uid != os.getuid():
        raise Refusal("failed", f"{path} belongs to another user", "Run as that user, or choose another --home")
    if found.st_mode & 0o077:
        path.chmod(0o700)


def close_to_others(root: Path) -> list[str]:
    """Make sure that only its owner can enter `root` or read anything in it. Returns notes for the user, if that had to
    be mended or could be undone from outside. `Refusal` if the folder is somebody else's.

    What lies inside a closed folder is closed without a word: until now nobody else came as far as that.
    """
    found = root.stat()
    if found.st_uid != os.getuid():
        raise Refusal("refused", f"{root} belongs to another user", "Run as that user, or choose another --home")
    notes = []
    try:
        if found.st_mode & 0o077:
            root.chmod(0o700)
            notes.append(f"{root} was open to others; only you can enter now (mode 0700)")
        for folder, folders, files in os.walk(root):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                mode = os.lstat(path).st_mode
                if mode & 0o077 and not stat.S_ISLNK(mode):
                    os.chmod(path, mode & 0o700)
    except OSError as e:
        raise Refusal("failed", f"Cannot close {e.filename} to others: {e.strerror}", "Check whose it is") from e
    for above in root.resolve().parents:
        mode = above.stat().st_mode
        if mode & 0o002 and not mode & stat.S_ISVTX:
            notes.append(f"{above} can be written by everybody, who could put another folder in place of {root}")
    return notes


def mend_mode(path: Path) -> str:
    """Make sure that only its owner can read `path`. Returns a note if that had to be mended, else the empty string.

    `Refusal` if the file is not a plain file of ours: then nobody can say who else has read or written it.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise Refusal("refused", f"{path} is not a plain file", "Put the file itself there, not a link")
    if found.st_uid != os.getuid():
        raise Refusal("refused", f"{path} belongs to another user", f"sudo chown $(id -u) '{path}'")
    if found.st_mode & 0o077:
        path.chmod(0o600)
        return f"{path} could be read by others; only you can now (mode 0600)"
    return ""
