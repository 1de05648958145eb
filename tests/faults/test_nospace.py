"""A full disk: what was acknowledged stays, commands say what happened, and the node goes on by itself afterwards.

On a small tmpfs that a file fills up and leaves again: the writer of these rows (`tests.faults.writer`) many times, and
a real node with all of its home there, its log, index and marker too. Neither is started again in between.

Controls: a store that acknowledges whatever the disk says, which must lose; one that is never opened again, which must
not go on.
"""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.killer import seed
from tests.e2e.nodes import Failed, Node, until
from tests.faults.acknowledged import Running, losses
from tests.faults.figures import length, record

SIZE = 24 << 20  # bytes
SAID = "No space left on device"


class Small:
    """A tmpfs, and a file that takes what is free of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True, capture_output=True)

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for piece in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\xaa" * piece)
                except OSError:
                    pass

    def free(self, size: int | None = None) -> None:
        """Give back so many bytes, or all."""
        if size is None:
            self._ballast.unlink()
        else:
            os.truncate(self._ballast, max(0, self._ballast.stat().st_size - size))

    def end(self) -> None:
        subprocess.run(["umount", "-l", self.folder], check=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a tmpfs needs root, and the program mount")
    try:
        made = Small(tmp_path / "small")
    except subprocess.CalledProcessError as e:
        pytest.skip(f"a tmpfs cannot be mounted here: {e.stderr.decode().strip()}")
    yield made
    made.end()


def refused(writer: Running, small: Small, after: int) -> None:
    """Fill the disk until the writer says that it is full: what LevelDB clears away gives room again."""
    end = time.monotonic() + 60
    while not any(SAID in line for line in writer.said("warn", after)):
        assert time.monotonic() < end and writer.process.poll() is None, writer.lines[-5:]
        small.fill()
        time.sleep(0.01)


def test_a_node_goes_on_when_there_is_space_again(small: Small, tmp_path: Path) -> None:
    rng, store = random.Random(seed()), small.folder / "store"
    cycles, refusals = length(4, 100), 0
    options = ("--bulk", "--marker", str(tmp_path / "marker"))
    writer = Running(store, *options)
    try:
        writer.wait("ready")
        for _ in range(cycles):
            place = writer.wait("ack", len(writer.lines), number=rng.randrange(1, 30))
            refused(writer, small, place)
            said = writer.said("no", place)
            assert said and all("the disk" in line for line in said), said[-3:]
            refusals += len(said)
            if rng.random() < 0.5:  # first not enough of it
                small.free(rng.randrange(1 << 12, 1 << 18))
                time.sleep(0.1)
            small.free()
            writer.wait("made", place)
            writer.wait("ack", len(writer.lines))
        assert writer.process.poll() is None
    finally:
        writer.kill()
    acks = writer.said("ack")
    bugs = [line for line in writer.said("error") if "bug" in line]
    lost = losses(store, acks)
    assert not lost and not bugs, (lost[:5], bugs[:5])
    record(
        "nospace",
        trials=cycles,
        failures=len(lost),
        acknowledged=len(acks),
        refused=refusals,
        **controls(small, tmp_path),
    )


def controls(small: Small, root: Path) -> dict[str, int]:
    deaf = Running(small.folder / "deaf", "--bulk", "--careless", "deaf")
    try:
        deaf.wait("ack", number=5)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            small.fill()
            time.sleep(0.01)
        small.free()
        deaf.wait("ack", len(deaf.lines))
    finally:
        deaf.kill()
    lost = len(losses(small.folder / "deaf", deaf.said("ack")))
    assert lost, "the control: who does not hear the disk loses"
    dead = Running(small.folder / "dead", "--bulk", "--careless", "dead")
    try:
        place = dead.wait("ack", number=5)
        refused(dead, small, place)
        small.free()
        place = len(dead.lines)
        time.sleep(1)
        assert not dead.said("made", place) and not dead.said("ack", place), "the control: it cannot go on"
    finally:
        dead.kill()
    return {"control_lost": lost, "control_went_on": 0}


def test_a_whole_node_on_a_full_disk(small: Small) -> None:
    node = Node("Anna", small.folder)
    node.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
    node.start()
    acknowledged: list[str] = []

    def publish() -> str:
        title = f"Ladder {len(acknowledged)}"
        made: str = node.cli("offer", "publish", "--kind", "rent", "--title", title)["listing_id"]
        acknowledged.append(made)
        return made

    try:
        cycles = length(1, 10)
        for _ in range(cycles):
            publish()
            until("it is refused", lambda: full(small, publish))
            with pytest.raises(Failed) as failed:
                publish()
            assert SAID in failed.value.error["message"] and failed.value.error["hint"], failed.value.error
            assert any(SAID in warning for warning in node.cli("status")["warnings"])
            assert node.process is not None and node.process.poll() is None
            small.free()
            until("it takes listings again", publish)
            assert not node.cli("status")["warnings"]
        verified = node.cli("ledger", "verify")
        assert verified["ok"], verified
        assert node.stop() == 0
        node.start()
        there = {row["listing_id"] for row in node.cli("offer", "list")}
        lost = set(acknowledged) - there
        record("nospace", trials=cycles, failures=len(lost), acknowledged=len(acknowledged), whole_node="yes")
        assert not lost
        assert node.stop() == 0
    finally:
        node.kill()


def full(small: Small, publish: object) -> bool:
    """Fill the disk and publish: whether that was refused for want of space."""
    small.fill()
    assert callable(publish)
    try:
        publish()
    except Failed as failed:
        assert SAID in failed.error["message"], failed.error
        return True
    return False
