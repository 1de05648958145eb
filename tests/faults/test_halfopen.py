"""300 half-open TCP connections and 100 idle streams from one address, opened anew when they are closed: others can
still dial. The control keeps its unfinished handshakes for ever, and refuses newcomers while there are too many."""

import math
import random
from pathlib import Path

import trio

from protocols.limits import SECOND
from tests.e2e.killer import seed
from tests.e2e.nodes import Node
from tests.faults.figures import length, record
from tests.faults.floods import Besieging, Watch, dials
from tests.faults.mutant import mutant
from tests.p2pnode.strangers import stranger, tcp

HALF_OPEN, IDLE = 300, 100
ELSEWHERE = "127.0.0.2"
WITHIN = 5 * SECOND / 1000
CONTROL = 2  # dials
AT_A_TIME = 25  # idle streams of one connection


async def half_open(address: str, rng: random.Random) -> None:
    await trio.sleep(rng.random())
    stream = await tcp(address, ELSEWHERE)
    try:
        await stream.receive_some()
        await stream.receive_some()  # until it is closed there
    finally:
        stream.socket.close()
    await trio.sleep(rng.random())


async def idle(address: str, rng: random.Random) -> None:
    async with stranger(address, rng.randbytes(32), ELSEWHERE) as mux:
        while not mux.closed.is_set():
            while len(mux.streams) < AT_A_TIME:
                mux.open_stream()
            await trio.sleep(0.1)


def test_half_open_connections_and_idle_streams_keep_nobody_out(tmp_path: Path) -> None:
    count, chance = length(20, 1_000), seed()
    took: dict[str, list[float]] = {}
    slowest: dict[str, float] = {}
    for name, tries in (("guarded", count), ("control", CONTROL)):
        prefix = mutant("no_giving_way") if name == "control" else []
        with Node(name, tmp_path, prefix=prefix) as anna:
            anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
            anna.start()
            with (
                Watch(anna) as watch,
                Besieging(anna, {half_open: HALF_OPEN, idle: IDLE // AT_A_TIME}, chance) as siege,
            ):
                trio.run(trio.sleep, 1.5)  # until all are there
                took[name] = trio.run(dials, anna.address, tries, WITHIN)
            slowest[name] = watch.slowest
            assert siege.blows >= HALF_OPEN, "the attack was real"
            assert not watch.losses, "who was connected before stays so"
    ordered = sorted(took["guarded"])
    record(
        "halfopen",
        trials=count,
        failures=count - len(ordered),
        dial_p99_s=round(ordered[math.ceil(0.99 * len(ordered)) - 1], 3) if ordered else -1,
        slowest_ping_s=slowest["guarded"],
        control_trials=CONTROL,
        control_failures=CONTROL - len(took["control"]),
    )
    assert len(ordered) >= 0.99 * count
    assert not took["control"], "who never lets a handshake go lets nobody in"
