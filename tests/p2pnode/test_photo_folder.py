"""Photos on the disk."""

import os
from pathlib import Path

from p2pnode.photos.folder import PhotoFolder
from protocols.identity import digest
from protocols.limits import DAY

NOW = 1_700_000_000_000


def aged(root: Path, photo: bytes, days: int) -> None:
    for path in root.rglob(f"{photo.hex()}.jpg"):
        os.utime(path, ns=((NOW - days * DAY) * 10**6,) * 2)


def test_what_is_kept_is_there_after_a_start(tmp_path: Path) -> None:
    folder = PhotoFolder(tmp_path, 1000)
    ours, theirs = folder.keep_own(b"ours"), folder.keep(b"theirs")
    assert (ours, theirs) == (digest(b"ours"), digest(b"theirs"))
    (tmp_path / "others" / ".x.tmp").write_bytes(b"rest of a crash")
    for again in (folder, PhotoFolder(tmp_path, 1000)):
        assert again.read(ours) == b"ours" and again.read(theirs) == b"theirs" and again.read(bytes(32)) is None
        assert again.size(ours) == 4 and again.has(theirs) and not again.has(bytes(32))
        assert again.room == 1000 - 6, "our own do not count"


def test_of_others_what_was_looked_at_longest_ago_gives_way(tmp_path: Path) -> None:
    folder = PhotoFolder(tmp_path, 30)
    own = folder.keep_own(b"o" * 100)
    a, b, c = (folder.keep(letter * 10) for letter in (b"a", b"b", b"c"))
    assert folder.read(a)
    d = folder.keep(b"d" * 10)
    assert [folder.has(photo) for photo in (own, a, b, c, d)] == [True, True, False, True, True]
    assert len(list((tmp_path / "others").iterdir())) == 3
    aged(tmp_path, a, 3), aged(tmp_path, c, 2), aged(tmp_path, d, 1)
    again = PhotoFolder(tmp_path, 20)
    assert [again.has(photo) for photo in (a, c, d)] == [False, True, True]


def test_what_the_disk_has_spoilt_counts_as_missing(tmp_path: Path) -> None:
    folder = PhotoFolder(tmp_path, 1000)
    photo = folder.keep_own(b"ours")
    path = folder.path(photo)
    assert path is not None
    path.write_bytes(b"0urs")
    assert folder.read(photo) is None and not folder.has(photo) and not path.exists()
    assert folder.keep_own(b"ours") == photo and folder.read(photo) == b"ours"


def test_what_nobody_names_goes_after_a_while(tmp_path: Path) -> None:
    folder = PhotoFolder(tmp_path, 1000, lambda: NOW)
    names = [b"own named", b"own new", b"own old", b"theirs named", b"theirs new", b"theirs old"]
    photos = [folder.keep_own(one) if one.startswith(b"own") else folder.keep(one) for one in names]
    for photo, days in zip(photos, (30, 6, 8, 30, 0, 2), strict=True):
        aged(tmp_path, photo, days)
    assert folder.sweep({photos[0]}, {photos[3]}) == 2
    left = [name for name, photo in zip(names, photos, strict=True) if folder.has(photo)]
    assert left == [name for name in names if not name.endswith(b"old")]
    assert all((folder.path(photo) is None) == name.endswith(b"old") for name, photo in zip(names, photos, strict=True))


def test_a_photo_that_was_a_neighbours_can_become_ones_own(tmp_path: Path) -> None:
    folder = PhotoFolder(tmp_path, 10)
    photo = folder.keep(b"theirs")
    assert folder.make_own(photo) and not folder.make_own(bytes(32))
    folder.keep(b"x" * 10)
    assert folder.read(photo) == b"theirs"
