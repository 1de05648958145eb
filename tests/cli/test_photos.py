"""Photos of listings on the command line."""

import os
from base64 import b64encode
from pathlib import Path

import pytest

from protocols.errors import Refusal
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode


def test_photos_go_to_the_node_by_their_whole_path(
    run: Run, node: FakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    run("offer", "publish", "--kind", "x", "--title", "t", "--photo", "a.jpg", "--photo", "ab" * 32)
    assert node.last[1]["photos"] == (str(photo), "ab" * 32)
    file = tmp_path / "listing.toml"
    file.write_text('kind = "x"\ntitle = "t"\nphotos = ["a.jpg"]\n')
    run("offer", "publish", "--from", str(file))
    assert node.last[1]["photos"] == (str(photo),)
    file.write_text('kind = "x"\ntitle = "t"\nphotos = "a.jpg"\n')
    for wrong in (["--from", str(file)], ["--kind", "x", "--title", "t", "--photo", "none.jpg"]):
        node.calls.clear()
        assert run("offer", "publish", *wrong, "--json").error["code"] == "usage" and node.calls == []
    run("offer", "edit", "ab", "--photo", "")
    assert node.last == ("listing.edit", {"id": "ab", "photos": ()})


def test_photos_of_a_listing_are_saved(run: Run, node: FakeNode, tmp_path: Path) -> None:
    node.answers["listing.show"] = {"listing_id": "cd" * 32, "photos": ["ab" * 32]}
    node.answers["photo.get"] = {"base64": b64encode(b"picture").decode()}
    (row,) = run("offer", "photos", "cd", "--into", str(tmp_path / "new"), "--json").data
    assert Path(row["file"]).read_bytes() == b"picture" and row["photo"] == "ab" * 32
    assert node.last == ("photo.get", {"photo": "ab" * 32, "wait": 20_000})
    node.answers["photo.get"] = Refusal("not_found", "not here")
    result = run("offer", "photos", "cd", "--into", str(tmp_path / "other"))
    assert result.status == 7 and "try again later" in result.out and not (tmp_path / "other").exists()


@pytest.mark.parametrize("there", ["file", "link", "link to nothing", "pipe", "folder"])
def test_a_photo_is_written_over_nothing_and_through_no_link(
    run: Run, node: FakeNode, tmp_path: Path, there: str
) -> None:
    node.answers["listing.show"] = {"listing_id": "cd" * 32, "photos": ["ab" * 32]}
    node.answers["photo.get"] = {"base64": b64encode(b"picture").decode()}
    folder = tmp_path / "new"
    saved = run("offer", "photos", "cd", "--into", str(folder), "--json").data
    file, other = Path(saved[0]["file"]), tmp_path / "other"
    file.unlink()
    match there:
        case "file":
            file.write_bytes(b"my own")
        case "link":
            other.write_bytes(b"my own")
            file.symlink_to(other)
        case "link to nothing":
            file.symlink_to(other)
        case "pipe":
            os.mkfifo(file)
        case _:
            file.mkdir()
    result = run("offer", "photos", "cd", "--into", str(folder), "--json")
    assert result.error["code"] == "conflict" and str(file) in result.error["message"]
    assert there != "file" or file.read_bytes() == b"my own"
    assert there != "link" or (file.is_symlink() and other.read_bytes() == b"my own")
    assert there != "link to nothing" or not other.exists()
    assert os.listdir(folder) == [file.name]


def test_a_photo_that_was_saved_before_is_left_as_it_is(run: Run, node: FakeNode, tmp_path: Path) -> None:
    node.answers["listing.show"] = {"listing_id": "cd" * 32, "photos": ["ab" * 32]}
    node.answers["photo.get"] = {"base64": b64encode(b"picture").decode()}
    first = run("offer", "photos", "cd", "--into", str(tmp_path), "--json").data
    file = Path(first[0]["file"])
    file.chmod(0o400)
    before = file.stat()
    assert run("offer", "photos", "cd", "--into", str(tmp_path), "--json").data == first
    assert file.stat().st_mtime_ns == before.st_mtime_ns
