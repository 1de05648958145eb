"""Power cuts under a writing node: what it had acknowledged is in the image of its disk, or the row fails.

The store lies on ext4 in a file that is mounted by loop. Nothing writes back by itself in that time (`commit=600`; the
kernel's own write-back takes what is 30 seconds old), so what was not synced is in memory only. The cut is ext4's own
shutdown without a flush (EXT4_IOC_SHUTDOWN, as xfstests use it): from that instant nothing reaches the file. The file
is copied, the copy mounted, which replays its journal, and the store opened as the node opens it; from there the next
cut goes on. What the disk's own cache could lose or reorder is not modelled: the kernel's barriers are trusted.

Control: the same without any sync.
"""

import fcntl
import os
import random
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.killer import seed
from tests.faults.acknowledged import Running, losses
from tests.faults.figures import length, record

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), linux/fs/ext4/ext4.h
NO_FLUSH = 2
IMAGE = 96 << 20  # bytes
FRESH_EVERY = 10  # cuts of one life: the ledger grows over them


def why_not() -> str:
    if os.geteuid() != 0:
        return "mounting needs root"
    lacking = [tool for tool in ("mkfs.ext4", "mount", "umount") if found(tool) is None]
    if lacking:
        return f"not here: {', '.join(lacking)}; install e2fsprogs and mount"
    return "" if Path("/dev/loop-control").exists() else "this machine has no loop devices"


def found(tool: str) -> str | None:
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Disk:
    """An ext4 in a file. Mounted between `plug` and `cut`."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.copy = folder / "copy.img"
        self.mounted = folder / "mounted"
        self.mounted.mkdir()
        self._plugged = False

    def format(self) -> None:
        with self.image.open("wb") as file:
            file.truncate(IMAGE)
        subprocess.run([str(found("mkfs.ext4")), "-q", "-F", self.image], check=True)

    def plug(self) -> None:
        options = "loop,commit=600"
        subprocess.run(["mount", "-o", options, self.image, self.mounted], check=True, capture_output=True)
        self._plugged = True

    def cut(self) -> None:
        """The power goes: the image stays as it is at this instant. `save` it before the disk is pulled."""
        folder = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", NO_FLUSH))
        finally:
            os.close(folder)

    def save(self) -> None:
        subprocess.run(["cp", "--sparse=always", self.image, self.copy], check=True)

    def pull(self) -> None:
        for _ in range(100):
            if not self._plugged or subprocess.run(["umount", self.mounted], capture_output=True).returncode == 0:
                self._plugged = False
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.mounted} is busy")

    def replace(self) -> None:
        self.copy.replace(self.image)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    made = Disk(tmp_path)
    made.format()
    try:
        made.plug()
    except subprocess.CalledProcessError as e:
        pytest.skip(f"an ext4 cannot be mounted by loop here: {e.stderr.decode().strip()}")
    made.pull()
    yield made
    made.pull()


def cut_once(disk: Disk, rng: random.Random, *options: str, early: bool = False) -> tuple[list[str], list[str]]:
    """A node writes, the power goes; what it had acknowledged, and what is lost of that. early: at any time from its
    start on, also while the store is made or opened."""
    disk.plug()
    store = disk.mounted / "store"
    writer = Running(store, "--marker", str(disk.image.with_name("marker")), "--bulk", *options)
    try:
        if early:
            time.sleep(rng.uniform(0.2, 1.2))
        else:
            writer.wait("ack", writer.wait("ready"))
        time.sleep(rng.choice((0.05, 0.3, 1.0)) * rng.random())
        disk.cut()
        disk.save()
    finally:
        writer.kill()
        disk.pull()
    acks = writer.said("ack")
    assert all("the disk refused a write" in error for error in writer.said("error")), writer.said("error")
    disk.replace()
    disk.plug()
    lost = losses(store, acks)
    disk.pull()
    return acks, lost


def test_what_was_acknowledged_outlives_a_power_cut(disk: Disk) -> None:
    rng = random.Random(seed())
    cuts, acknowledged, lost = length(3, 100), 0, 0
    for number in range(cuts):
        if number and number % FRESH_EVERY == 0:
            disk.format()
            disk.image.with_name("marker").unlink(missing_ok=True)
        acks, problems = cut_once(disk, rng, early=rng.random() < 0.3)
        acknowledged += len(acks)
        lost += len(problems)
        assert not problems, (number, problems[:5], acks[-3:])
    control, noticed = length(1, 10), 0
    for _ in range(control):
        disk.format()
        disk.image.with_name("marker").unlink(missing_ok=True)
        cut_once(disk, rng)
        _, problems = cut_once(disk, rng, "--careless", "unsynced")
        noticed += bool(problems)
    record(
        "powercut",
        trials=cuts,
        acknowledged=acknowledged,
        failures=lost,
        control_trials=control,
        control_noticed=noticed,
    )
    assert noticed == control, "the control: without a sync, a cut must lose"
