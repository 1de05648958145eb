"""Targets on this machine: files that were handed over, what people type and what listings say.

Nobody else waits for the reading of a file, so those may take longer.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from cli.offer import _read
from cli.times import format_time, parse_span, parse_time
from p2pnode.core.multiaddrs import bootstrap_peer, peer_of
from p2pnode.home.backup import MAX_ITEM, read_backup, restore_backup, write_backup
from p2pnode.home.config import load_config
from p2pnode.home.folder import Home
from p2pnode.home.keystore import load_keystore
from p2pnode.home.kinds import read_kind
from p2pnode.home.pending import load_pending
from p2pnode.home.sealed import CHECKSUM, MAGIC, SealedWriter
from p2pnode.net.addresses import parse_address
from p2pnode.search.finding import Query
from p2pnode.search.index import Index, ListingRow
from p2pnode.store import MemoryStore
from p2pnode.when import available_at, is_rule
from protocols.codec import decode
from protocols.errors import Refusal, Reject
from protocols.limits import DAY
from protocols.listing import Availability
from tests.p2pnode.fake_node import make_home

from .parsing import text
from .sound import texts
from .table import Target

NOW = 1_800_000_000_000
PASSPHRASE = b"correct horse battery staple"
OPS, MEM = 1, 8_192
FILE = 2.0  # seconds for reading a file: nobody else waits


# Files


@cache
def _folder() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="p2pnode-fuzz-")
    _kept.append(kept)
    return Path(kept.name)


_kept: list[Any] = []


@cache
def _sealed() -> bytes:
    home = make_home(_folder() / "home")
    store = MemoryStore()
    store.commit({b"sx": b"y", b"sz": b"z" * 100})
    target = _folder() / "backup"
    (home.root / "config.toml").write_text('name = "Ben"\n')
    write_backup(target, PASSPHRASE, home, store, NOW, OPS, MEM)
    return target.read_bytes()


def backup_file(data: bytes) -> None:
    """A file, its checksum made right."""
    if _memory(data) > 1024 * 1024:
        raise Reject("state", "not tried: it would take a gigabyte, as it may")
    _read_backup(data + blake2b(data, digest_size=CHECKSUM).digest())


def _memory(data: bytes) -> int:
    with contextlib.suppress(Exception):
        size = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "big")
        header = decode(data[len(MAGIC) + 4 : len(MAGIC) + 4 + size])
        return int(header[3]) * int(header[4])
    return 0


def backup_items(data: bytes) -> None:
    """What is inside, sealed as it should be: read, and restored."""
    out = io.BytesIO()
    writer = SealedWriter(out, PASSPHRASE, NOW, OPS, MEM)
    writer.write(data)
    writer.finish()
    _read_backup(out.getvalue(), restore=True)


def _read_backup(data: bytes, restore: bool = False) -> None:
    assert len(data) < MAX_ITEM
    path = _folder() / "tried"
    path.write_bytes(data)
    read_backup(path, PASSPHRASE)
    if restore:
        import shutil

        target = _folder() / "restored"
        shutil.rmtree(target, ignore_errors=True)
        restore_backup(path, PASSPHRASE, Home(target))


def items() -> list[bytes]:
    from p2pnode.home.sealed import SealedReader

    _folder()
    (_folder() / "seed").write_bytes(_sealed())
    with (_folder() / "seed").open("rb") as file:
        reader = SealedReader(_folder() / "seed", file, PASSPHRASE)
        inside = b""
        with contextlib.suppress(Refusal):
            while True:
                inside += reader.read(1)
    return [inside]


def sealed() -> list[bytes]:
    return [_sealed()[:-CHECKSUM]]


def in_home(name: str, load: Callable[[Home], Any], data: bytes) -> None:
    """A file of a home folder."""
    home = _home()
    path = home.root / name
    path.write_bytes(data)
    os.chmod(path, 0o600)
    load(home)


@cache
def _home() -> Home:
    return make_home(_folder() / "edited")


def keystore() -> list[bytes]:
    return [make_home(_folder() / f"keys{len(os.listdir(_folder()))}").keystore.read_bytes()]


def offer(data: bytes) -> None:
    path = _folder() / "offer.toml"
    path.write_bytes(data)
    _read(str(path))


# What people type, and listings say


def times(data: bytes) -> None:
    said = text(data)
    for end in (False, True):
        with contextlib.suppress(Refusal):
            format_time(parse_time(said, NOW, end), NOW)
    with contextlib.suppress(Refusal):
        parse_span(said)


def rule(data: bytes) -> None:
    """A recurrence rule and, after a NUL, a time zone, as a stranger's listing brings them."""
    said, _, zone = data.decode("utf-8", "replace").partition("\0")
    is_rule(said)
    for at in (NOW, NOW + 400 * DAY):
        try:
            available = msgspec.convert({"rrule": said, "zone": zone}, Availability)
        except (msgspec.ValidationError, ValueError) as e:
            raise Reject("field", str(e)) from None
        available_at(available, at, NOW - DAY)


def rules() -> list[bytes]:
    return [
        b"FREQ=WEEKLY;BYDAY=SA,SU\0Europe/Berlin",
        b"FREQ=MONTHLY;BYDAY=-1SU;BYMONTH=3,4\0America/New_York",
        b"FREQ=DAILY;INTERVAL=3;COUNT=10\0",
        b"FREQ=YEARLY;BYMONTHDAY=31;UNTIL=20301231T000000Z\0UTC",
    ]


@cache
def _index() -> Index:
    index = Index(":memory:", ["en", "de"])
    rows = [
        ListingRow(
            network=b"n" * 16,
            slot=bytes([place]) * 48,
            record=bytes([place]) * 32,
            revision=1,
            direction="offer",
            kind="rent",
            title=title,
            until=NOW + DAY,
            created=NOW - DAY,
        )
        for place, title in enumerate(("Snowblower", "Schneefräse", "雪かき", "Bread, fresh"))
    ]
    index.upsert(rows)
    return index


def words(data: bytes) -> None:
    """A search as it is typed, and a listing with the same words."""
    said = text(data)
    index = _index()
    index.search(Query(network=b"n" * 16, now=NOW, text=said))
    row = ListingRow(
        network=b"n" * 16,
        slot=b"z" * 48,
        record=b"z" * 32,
        revision=1,
        direction="offer",
        kind="rent",
        title=data.decode("utf-8", "replace")[:120],
        text=data.decode("utf-8", "replace")[:4_000],
        until=NOW + DAY,
        created=NOW - DAY,
    )
    index.upsert([row])
    index.remove([row.record])


def addresses(data: bytes) -> None:
    said = text(data)
    peer_of(said)
    with contextlib.suppress(Refusal):
        bootstrap_peer(said)
    parsed = parse_address(said)
    assert parse_address(str(parsed)) == parsed


def kind(data: bytes) -> None:
    """Comes from a paired device, too: the node waits for this one."""
    read_kind(text(data), "x.toml")


KIND = (Path(__file__).resolve().parents[2] / "docs" / "examples" / "kinds" / "tool-library.toml").read_text()
PEER = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
TARGETS: Sequence[Target] = (
    Target("backup-file", backup_file, sealed, limit=FILE),
    Target("backup-items", backup_items, items, limit=FILE),
    Target(
        "config", partial(in_home, "config.toml", load_config), texts('name = "Ben"\nlog_level = "info"\n'), limit=FILE
    ),
    Target("keystore", partial(in_home, "keystore.json", lambda h: load_keystore(h.keystore)), keystore, limit=FILE),
    Target("pending", partial(in_home, "pending.toml", load_pending), texts('[[join]]\ntarget = "x"\n'), limit=FILE),
    Target("offer-file", offer, texts("title = 'Snowblower'\nprice = '2/hour'\n"), limit=FILE),
    Target("kind-file", kind, texts(KIND)),
    Target("times", times, texts("tomorrow 9:00", "2026-05-01 14:00", "3d", "20min", "2026-05-01T14:00+02:00")),
    Target("rules", rule, rules),
    Target("words", words, texts("snow blower", "Schneefräse", "雪かき", '"quoted" AND (x OR y)*', "e\u0301")),
    Target(
        "addresses",
        addresses,
        texts(f"/ip4/192.0.2.1/tcp/4001/p2p/{PEER}", "/ip6/2001:db8::1/tcp/1", "/dns4/a.b/tcp/2"),
    ),
)
