"""50 connections a second come and go, for minutes: some without a word, some in the middle of the handshake, some
after it, with open streams. Descriptors, tasks and memory stay flat, and an honest peer keeps its connection.

Memory is compared from the end of a warm-up on, in which Python's and the kernel's pools fill; descriptors and tasks
from before the first connection to after the last. The control keeps a little of each connection.
"""

import random
import time
from pathlib import Path
from typing import Final

import trio

from tests.e2e.killer import seed
from tests.e2e.nodes import Node, until
from tests.faults.figures import LONG, length, record
from tests.faults.floods import Besieging, Watch, descriptors, rss
from tests.faults.mutant import TASKS, mutant
from tests.p2pnode.strangers import reach, stranger, tcp

RATE: Final = 50  # connections a second
TASKS_AT_ONCE: Final = 10
WARM_UP: Final = 30.0 if LONG else 2.0
FLAT_MB: Final = 12.0  # memory may differ by so much
FLAT: Final = 4  # descriptors, and tasks
SOURCES: Final = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


async def come_and_go(address: str, rng: random.Random) -> None:
    began = trio.current_time()
    source, way = rng.choice(SOURCES), rng.randrange(4)
    if way == 0:
        stream = await tcp(address, source)
        stream.socket.close()
    elif way == 1:
        stream = await tcp(address, source)
        await stream.send_all(b"\x13/multistream/1.0.0\n\x07/noise\n\x00\x20" + rng.randbytes(32))
        stream.socket.close()
    elif way == 2:
        (await reach(address, rng.randbytes(32), source)).abort()
    else:
        async with stranger(address, rng.randbytes(32), source) as mux:
            opened = [mux.open_stream() for _ in range(5)]
            await opened[0].write(b"\x13/multistream/1.0.0\n")
            await trio.sleep(0.02)
    await trio.sleep(max(0.0, TASKS_AT_ONCE / RATE - (trio.current_time() - began)))


class Seen:
    """What a victim held before and after."""

    def __init__(self, prefix: str, folder: Path, seconds: int, settle: float, chance: int) -> None:
        with Node(prefix, folder, prefix=mutant(prefix)) as anna:
            anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
            anna.start()
            tasks = anna.home / TASKS
            until("it counts", tasks.exists)
            with Watch(anna) as watch:
                time.sleep(1.0)
                files, tasks_before = descriptors(anna), int(tasks.read_text())
                with Besieging(anna, {come_and_go: TASKS_AT_ONCE}, chance) as siege:
                    time.sleep(WARM_UP)
                    memory = rss(anna)
                    time.sleep(seconds)
                    self.memory_mb = round((rss(anna) - memory) / 1e6, 1)
                end = time.monotonic() + settle  # unfinished handshakes and closed streams have their time
                while time.monotonic() < end:
                    time.sleep(0.6)
                    self.files = descriptors(anna) - files
                    self.tasks = int(tasks.read_text()) - tasks_before
                    if max(self.files, self.tasks) <= 0:
                        break
            self.connections = siege.blows
            self.losses = len(watch.losses) + watch.failures
            self.slowest = watch.slowest


def test_connections_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    seconds, chance = length(3, 300), seed()
    seen = Seen("count_tasks", tmp_path, seconds, 15, chance)
    control = Seen("leak", tmp_path, 1, 1, chance)
    record(
        "churn",
        trials=seen.connections,
        failures=seen.losses,
        seconds=seconds,
        descriptors_more=seen.files,
        tasks_more=seen.tasks,
        memory_more_mb=seen.memory_mb,
        slowest_ping_s=seen.slowest,
        control_descriptors_more=control.files,
        control_tasks_more=control.tasks,
    )
    assert seen.connections >= 0.7 * RATE * seconds, "the attack was real"
    assert not seen.losses, "an honest peer keeps its connection, and is answered"
    assert seen.files <= FLAT
    assert seen.tasks <= FLAT
    assert seen.memory_mb <= FLAT_MB
    assert control.files > FLAT and control.tasks > FLAT, "what stays behind is seen"
