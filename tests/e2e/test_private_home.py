"""What a node leaves on the disk is its owner's alone, whatever the umask and whatever was open before."""

import os
import stat
from pathlib import Path

from tests.e2e.deal import Deal
from tests.e2e.killer import street
from tests.e2e.nodes import Node, until
from tests.e2e.story import finds


def open_to_others(root: Path, but: frozenset[str] = frozenset({"terminal.txt"})) -> list[str]:
    """but: what the test itself puts there."""
    found = [root, *(Path(folder) / name for folder, folders, files in os.walk(root) for name in (*folders, *files))]
    return [f"{stat.filemode(p.lstat().st_mode)} {p}" for p in found if p.lstat().st_mode & 0o077 and p.name not in but]


def test_nothing_of_a_home_is_open_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    nodes: list[Node] = []
    try:
        nodes += street(tmp_path, lambda name: Node(name, tmp_path))
        _, ben, cleo = nodes
        ben.stop()
        (ben.home / "config.toml").write_text((ben.home / "config.toml").read_text() + '\nweb = "127.0.0.1:0"\n')
        for path in (ben.home, ben.home / "store" / "db", *(ben.home / "store" / "db").iterdir()):
            path.chmod(path.stat().st_mode | 0o044 | (0o011 if path.is_dir() else 0))
        assert open_to_others(ben.home), "as an older version left it, and worse"
        assert "open to others" in ben.start()
        listing = ben.cli("offer", "publish", "--kind", "rent", "--title", "Snowblower", "--price", "0.20/hour")
        until("Cleo finds it", lambda: finds(cleo, listing["listing_id"], "snow"))
        Deal(ben, cleo, listing["listing_id"]).act_out()
        secret = tmp_path / "passphrase"
        secret.write_text("long enough to seal with\n")
        secret.chmod(0o600)
        ben.cli("backup", str(tmp_path / "ben.backup"), "--passphrase-file", str(secret))
        assert (ben.home / "web.cookie").exists()
        for node in nodes:
            assert open_to_others(node.home) == []
            node.stop()
            assert open_to_others(node.home) == []
        assert stat.S_IMODE((tmp_path / "ben.backup").stat().st_mode) == 0o600
        again = Node("Again", tmp_path)
        again.cli("restore", str(tmp_path / "ben.backup"), "--passphrase-file", str(secret))
        assert open_to_others(again.home) == []
        told = [p for p in (tmp_path / "state").rglob("*") if any(n.name.lower() in p.name.lower() for n in nodes)]
        assert not told, "names that others can see tell nothing"
        assert stat.S_IMODE((tmp_path / "state" / "p2pnode").stat().st_mode) == 0o700
    finally:
        os.umask(before)
        for node in nodes:
            node.kill()
