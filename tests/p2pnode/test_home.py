"""The home folder: private, one node at a time, brought up to date only after a copy."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from p2pnode.home.files import close_to_others, mend_mode, private_folder, write_atomic
from p2pnode.home.folder import HOME_VERSION, MAX_SOCKET_PATH, MIGRATIONS, Home, default_home
from protocols.errors import Refusal


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_the_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = Home(tmp_path / "a" / "b")
        home.create()
    finally:
        os.umask(before)
    assert mode(home.root) == mode(home.networks) == 0o700
    assert mode(home.version) == 0o600
    home.root.chmod(0o755)
    home.create()
    assert mode(home.root) == 0o700


def test_what_stands_open_is_closed(home: Home, tmp_path: Path) -> None:
    assert close_to_others(home.root) == []
    (home.store / "db").mkdir(parents=True)
    (home.store / "db" / "000003.log").write_text("x")
    outside = tmp_path / "outside"
    outside.write_text("x")
    (home.photos / "link").symlink_to(outside)
    for path in (home.store, home.store / "db", home.store / "db" / "000003.log"):
        path.chmod(0o777)
    outside.chmod(0o644)
    assert close_to_others(home.root) == [], "nobody could come as far as that"
    assert [mode(p) for p in (home.store, home.store / "db" / "000003.log")] == [0o700] * 2
    assert mode(outside) == 0o644
    home.root.chmod(0o711)
    (note,) = close_to_others(home.root)
    assert str(home.root) in note and mode(home.root) == 0o700
    (tmp_path / "all").mkdir()
    home.root.rename(tmp_path / "all" / "home")
    (tmp_path / "all").chmod(0o777)
    (note,) = close_to_others(tmp_path / "all" / "home")
    assert "everybody" in note
    (tmp_path / "all").chmod(0o1777)
    assert close_to_others(tmp_path / "all" / "home") == []


def test_a_home_of_somebody_else_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: home.root.stat().st_uid + 1)
    with pytest.raises(Refusal, match="another user"):
        close_to_others(home.root)


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x")
    with pytest.raises(Refusal, match="not a folder"):
        Home(tmp_path / "home").create()
    with pytest.raises(Refusal):
        private_folder(tmp_path / "home" / "deeper")


def test_the_environment_names_the_folder() -> None:
    assert default_home({"P2PNODE_HOME": "/x/y"}) == Path("/x/y")
    assert default_home({}).name == "p2pnode"


def test_one_node_at_a_time(home: Home) -> None:
    assert not home.in_use()
    with home.locked():
        assert home.in_use()
        with pytest.raises(Refusal) as e, Home(home.root).locked():
            pass
        assert e.value.code == "conflict" and str(os.getpid()) in e.value.message and e.value.hint
    assert not home.in_use()
    with home.locked():
        pass


def test_a_killed_node_leaves_no_lock(home: Home) -> None:
    code = (
        "import sys, time; from pathlib import Path; from p2pnode.home.folder import Home\n"
        "with Home(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(home.root)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == b"held\n"
        assert home.in_use()
        process.send_signal(signal.SIGKILL)
        process.wait()
    with home.locked():
        pass


def test_a_newer_folder_is_refused_and_untouched(home: Home) -> None:
    home.version.write_text(f"{HOME_VERSION + 1}\n")
    before = sorted(home.root.rglob("*"))
    for step in (home.check_version, home.migrate):
        with pytest.raises(Refusal) as e:
            step()
        assert e.value.code == "refused" and "newer" in e.value.message and e.value.hint
    assert sorted(home.root.rglob("*")) == before
    home.version.write_text("soon")
    with pytest.raises(Refusal, match="damaged"):
        home.check_version()


def test_the_list_of_migrations_fits_the_version(home: Home) -> None:
    assert len(MIGRATIONS) + 1 == HOME_VERSION
    assert home.migrate() is None


def test_an_older_folder_is_brought_up_to_date_after_a_copy(home: Home) -> None:
    (home.root / "old").write_text("old")
    with socket.socket(socket.AF_UNIX) as s, home.locked():
        s.bind(str(home.root / "control.sock"))
        seen = []

        def second(h: Home) -> None:
            seen.append(h.read_version())
            (h.root / "old").rename(h.root / "new")

        def third(h: Home) -> None:
            seen.append(h.read_version())

        copy = home.migrate((second, third), now=lambda: 1000.0)
    assert copy is not None and (copy / "old").read_text() == "old" and copy.name == "home.before-v2-1000"
    assert mode(copy) == 0o700 and not (copy / "control.sock").exists()
    assert (home.root / "new").read_text() == "old"
    assert home.read_version() == 3 and seen == [1, 2]
    assert home.migrate((second, third)) is None, "once only"


def test_a_migration_that_dies_is_taken_up_where_it_was(home: Home) -> None:
    ran = []

    def fine(h: Home) -> None:
        ran.append("fine")

    def dies(h: Home) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        home.migrate((fine, dies), now=lambda: 1.0)
    assert home.read_version() == 2
    home.migrate((fine, fine), now=lambda: 2.0)
    assert home.read_version() == 3 and ran == ["fine", "fine"]


def test_no_copy_no_migration(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    with pytest.raises(Refusal, match="No space"):
        home.migrate((lambda h: pytest.fail("must not run"),))
    assert home.read_version() == 1 and [p.name for p in home.root.parent.iterdir()] == ["home"]


def test_a_socket_path_that_is_too_long_goes_elsewhere(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 120))
    home.create()
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    path = home.choose_socket({"XDG_RUNTIME_DIR": str(runtime)})
    assert len(os.fsencode(path)) <= MAX_SOCKET_PATH and path.parent == runtime / "p2pnode"
    assert mode(path.parent) == 0o700
    assert Home(home.root).socket_path() == path, "clients find it, whatever their environment"
    assert home.choose_socket({"XDG_RUNTIME_DIR": str(runtime)}) == path
    other = Home(tmp_path / ("x" * 121))
    other.create()
    assert other.choose_socket({"XDG_RUNTIME_DIR": str(runtime)}) != path
    path.parent.chmod(0o777)
    assert home.choose_socket({"XDG_RUNTIME_DIR": str(runtime)}).parent == Path(f"/tmp/p2pnode-{os.getuid()}")


def test_a_folder_that_others_may_write_holds_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / ("x" * 120))
    home.create()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "p2pnode").symlink_to(tmp_path / "elsewhere")
    assert (tmp_path / "run" / "p2pnode") != home.choose_socket({"XDG_RUNTIME_DIR": str(tmp_path / "run")}).parent


def test_an_atomic_write_leaves_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_atomic(path, b"old")
    assert mode(path) == 0o600
    synced: list[int] = []
    real = os.fsync

    def seen(fd: int) -> None:
        synced.append(stat.S_IFMT(os.fstat(fd).st_mode))
        real(fd)

    monkeypatch.setattr("os.fsync", seen)
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert synced == [stat.S_IFREG, stat.S_IFDIR], "first the file, then the folder"

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError):
        write_atomic(path, b"lost")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_modes_are_mended_and_links_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_atomic(path, b"x")
    assert mend_mode(path) == ""
    path.chmod(0o644)
    assert "0600" in mend_mode(path) and mode(path) == 0o600
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(Refusal, match="plain file"):
        mend_mode(tmp_path / "link")


def test_an_error_names_the_file_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "none" / "config.toml"
    with pytest.raises(FileNotFoundError) as e:
        write_atomic(path, b"x")
    assert e.value.filename == str(path)
