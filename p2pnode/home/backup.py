"""`p2pnode backup` and `restore`: all of a home that cannot be made again, in one sealed file (p2pnode.home.sealed).

Inside the seal are items, the manifest first and the end last:

    item = tag 1 | key length 4 | key | value length 4 | value                                integers big-endian
    M    manifest, JSON: contents, program, home_version, author, peer_id, name, networks [{id, entries, head}]
    F, P a file of the home folder (key: its name): its first part, and further ones
    R    a row of the store
    E    the end, JSON: how many files and rows there were

The rows are those of one snapshot, so they fit each other whatever the node does meanwhile; the head records are
made again from the states of the chains among them. What a restored folder does not know is what was signed after the
backup: so its networks are marked as doubtful, and the node asks its neighbours before it signs (docs/backup.md).
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from ledger.chain import decode_state
from ledger.head import Head
from p2pnode.core.keys import CHAIN, DOUBT, GENESIS
from p2pnode.store import Store, StoreError
from protocols.codec import encode
from protocols.errors import Refusal, Reject
from protocols.genesis import parse_genesis

from .config import load_config
from .files import close_to_others, private_folder, sync_folder, write_atomic
from .folder import HOME_VERSION, Home
from .keystore import load_public
from .sealed import MEM, OPS, SealedReader, SealedWriter, damaged

CONTENTS_VERSION = 1
PART = 256 * 1024
MAX_ITEM = 16 * 1024 * 1024
BATCH = 1024 * 1024  # bytes of rows that are written back at once
_NAME = re.compile(
    r"(version|config\.toml|keystore\.json|pending\.toml|(kinds|networks|photos)/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200})"
)

Item = tuple[bytes, bytes, bytes]


class _Chain(msgspec.Struct):
    id: str
    name: str
    entries: int
    head: str


class _Manifest(msgspec.Struct):
    """What is shown of a backup."""

    author: str
    peer_id: str
    name: str
    networks: list[_Chain]
    program: str
    home_version: int


class Rows(Protocol):
    """A snapshot of a store."""

    def scan(self, prefix: bytes, /) -> Iterator[tuple[bytes, bytes]]: ...


def write_backup(
    target: Path, passphrase: bytes, home: Home, rows: Rows, now: int, ops: int = OPS, mem: int = MEM
) -> dict[str, Any]:
    """Write the backup: whole and synced under its name, or not at all. rows: a snapshot of the store; now: ms.

    Returns what is in it. `Refusal` if the place cannot be written.
    """
    scratch = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                sealed = SealedWriter(file, passphrase, now, ops, mem)
                manifest = _write_items(sealed.write, home, rows)
                sealed.finish()
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, target)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
        size = target.stat().st_size
    except OSError as e:
        raise Refusal("failed", f"Cannot write {target}: {e.strerror}", "Name another place, with room") from e
    with suppress(OSError):  # else nobody knows when it was; it is there all the same
        write_atomic(home.backed_up, f"{now}\n".encode())
    return {"file": str(target), "bytes": size, "made_at": now, **manifest}


def read_backup(source: Path, passphrase: bytes) -> dict[str, Any]:
    """What is in a backup; every item is read and checked. `Refusal`: no backup, torn, newer, wrong passphrase."""
    with _opened(source) as file:
        reader = SealedReader(source, file, passphrase)
        manifest, items = _items(source, reader)
        for _ in items:
            pass
        return _described(source, reader, manifest)


def restore_backup(source: Path, passphrase: bytes, home: Home) -> dict[str, Any]:
    """Make a home folder from a backup. `Refusal` (`conflict`) if there is anything in that folder already."""
    check_empty(home)
    scratch = home.root.with_name(f"{home.root.name}.restoring")
    shutil.rmtree(scratch, ignore_errors=True)
    with _opened(source) as file:
        reader = SealedReader(source, file, passphrase)
        manifest, items = _items(source, reader)
        place = Home(scratch)
        try:
            private_folder(scratch)
            private_folder(place.kinds)
            private_folder(place.networks)
            private_folder(place.photos)
            _write_home(source, place, items)
            close_to_others(scratch)
            for folder in (place.kinds, place.networks, place.photos, scratch):
                sync_folder(folder)
            check_empty(home)
            os.rename(scratch, home.root)  # over an empty folder only
            sync_folder(home.root.parent)
        except (OSError, StoreError) as e:
            shutil.rmtree(scratch, ignore_errors=True)
            raise Refusal("failed", f"Cannot restore to {home.root}: {e}", "Free space, or name another --home") from e
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return {**_described(source, reader, manifest), "home": str(home.root)}


def check_empty(home: Home) -> None:
    """`Refusal` unless the folder is empty or not there: no identity is ever overwritten."""
    if home.initialised:
        raise Refusal(
            "conflict",
            f"There is an identity already in {home.root}",
            "Restore into another folder: --home DIR. Nothing was changed",
        )
    if os.path.lexists(home.root) and (not home.root.is_dir() or any(home.root.iterdir())):
        raise Refusal(
            "conflict", f"{home.root} is not empty", "Restore into another folder: --home DIR. Nothing was changed"
        )


def _opened(source: Path) -> BinaryIO:
    try:
        return source.open("rb")
    except FileNotFoundError as e:
        raise Refusal("not_found", f"There is no file {source}", "Name the backup's file") from e
    except OSError as e:
        raise Refusal("failed", f"Cannot read {source}: {e.strerror}", "Check its path and who may read it") from e


def _described(source: Path, reader: SealedReader, manifest: dict[str, Any]) -> dict[str, Any]:
    shown = {key: manifest[key] for key in _Manifest.__struct_fields__}
    return {"file": str(source), "bytes": source.stat().st_size, "made_at": reader.made_at, **shown}


def _write_items(write: Callable[[bytes], None], home: Home, rows: Rows) -> dict[str, Any]:
    def put(tag: bytes, key: bytes, value: bytes) -> None:
        write(tag + len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value)

    manifest = _manifest(home, rows)
    put(b"M", b"", json.dumps(manifest).encode())
    files = 0
    for path in _files(home):
        files += 1
        with path.open("rb") as file:
            tag, part = b"F", file.read(PART)
            while part or tag == b"F":
                put(tag, str(path.relative_to(home.root)).encode(), part)
                tag, part = b"P", file.read(PART)
    count = 0
    for key, value in rows.scan(b""):
        put(b"R", key, value)
        count += 1
    put(b"E", b"", json.dumps({"files": files, "rows": count}).encode())
    return manifest


def _manifest(home: Home, rows: Rows) -> dict[str, Any]:
    public = load_public(home.keystore)
    networks = []
    names = {key[len(GENESIS) :]: parse_genesis(wire)[1].name for key, wire in rows.scan(GENESIS)}
    for _, value in rows.scan(CHAIN):
        state = decode_state(value)
        name = names.get(state.network, "")
        networks.append({"id": state.network.hex(), "name": name, "entries": state.count, "head": state.head.hex()})
    return {
        "contents": CONTENTS_VERSION,
        "program": _version(),
        "home_version": home.read_version(),
        "author": public.author.hex(),
        "peer_id": public.peer_id,
        "name": load_config(home)[0].name,
        "networks": networks,
    }


def _version() -> str:
    try:
        return metadata.version("p2pnode")
    except metadata.PackageNotFoundError:
        return "0"


def _files(home: Home) -> list[Path]:
    single = [home.version, home.config, home.keystore, home.pending]
    found = [p for p in single if p.is_file()]
    for folder in (home.kinds, home.networks, home.photos):
        found += sorted(p for p in folder.glob("*") if p.is_file())
    return [p for p in found if _NAME.fullmatch(str(p.relative_to(home.root)))]


def _items(source: Path, reader: SealedReader) -> tuple[dict[str, Any], Iterator[Item]]:
    tag, _, value = _read_item(source, reader)
    try:
        manifest = json.loads(value)
        newer = manifest["contents"] > CONTENTS_VERSION or manifest["home_version"] > HOME_VERSION
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise damaged(source) from e
    if tag != b"M":
        raise damaged(source)
    if newer:
        raise Refusal(
            "refused",
            f"{source} was made by a newer p2pnode ({manifest.get('program')})",
            "Install the newer p2pnode; nothing was changed",
        )
    try:
        msgspec.convert(manifest, _Manifest)
    except msgspec.ValidationError as e:
        raise damaged(source) from e
    return manifest, _rest(source, reader)


def _rest(source: Path, reader: SealedReader) -> Iterator[Item]:
    files = rows = 0
    while True:
        tag, key, value = _read_item(source, reader)
        if tag == b"E":
            if not _is(value, {"files": files, "rows": rows}):
                raise damaged(source)
            return
        if tag not in (b"F", b"P", b"R"):
            raise damaged(source)
        files += tag == b"F"
        rows += tag == b"R"
        yield tag, key, value


def _is(value: bytes, expected: dict[str, int]) -> bool:
    try:
        return bool(json.loads(value) == expected)
    except (ValueError, RecursionError):
        return False


def _read_item(source: Path, reader: SealedReader) -> Item:
    tag = reader.read(1)
    parts = []
    for _ in range(2):
        length = int.from_bytes(reader.read(4), "big")
        if length > MAX_ITEM:
            raise damaged(source)
        parts.append(reader.read(length))
    return tag, parts[0], parts[1]


def _write_home(source: Path, home: Home, items: Iterator[Item]) -> None:
    store = Store.open(home.store)
    try:
        heads: dict[bytes, Head] = {}
        batch: dict[bytes, bytes] = {}
        size = 0
        for tag, key, value in items:
            if tag == b"R":
                batch[key] = value
                size += len(key) + len(value)
                if key[:1] == CHAIN:
                    head = _head(source, value)
                    heads[head.network] = head
                if size >= BATCH:
                    store.commit(batch)
                    batch, size = {}, 0
            else:
                _write_part(source, home, key, value, append=tag == b"P")
        batch.update({DOUBT + network: encode([0, b""]) for network in heads})
        batch[DOUBT] = encode([0, b""])  # networks that were joined after the backup are doubtful, too
        store.commit(batch, (), True, heads)
    finally:
        store.close()


def _head(source: Path, value: bytes) -> Head:
    try:
        state = decode_state(value)
    except Reject as e:
        raise damaged(source) from e
    return Head(state.network, state.count, state.head)


def _write_part(source: Path, home: Home, key: bytes, value: bytes, append: bool) -> None:
    name = key.decode("ascii", "replace")
    if not _NAME.fullmatch(name):
        raise damaged(source)
    how = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_APPEND if append else os.O_CREAT | os.O_EXCL)
    fd = os.open(home.root / name, how, 0o600)
    with os.fdopen(fd, "ab") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
