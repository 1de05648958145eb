"""Malformed inputs by the hundred thousand: no handler meets a bug, no process ends, nobody is kept waiting.

In three parts. Every handler by itself, with the processor's time for each input. The true loop with a true core, and
how long it leaves others no turn. A real node that peers speak to over real connections, and how long its user waits
for an answer meanwhile. The controls: handlers that stumble, or dawdle.
"""

import logging
import random
import resource
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from p2pnode import clock
from p2pnode.client import Client
from p2pnode.core.core import Core
from p2pnode.core.effects import Effect, Penalize
from p2pnode.core.events import Connected, Event, Listening, Received
from p2pnode.core.state import Settings
from p2pnode.loop import Loop
from p2pnode.net import dialing
from p2pnode.verifying import Verifier
from protocols.gossip_messages import PROTOCOL as GOSSIP
from protocols.gossip_messages import Hello, encode_message
from protocols.identity import incept
from tests.e2e.killer import seed
from tests.e2e.nodes import Node
from tests.faults.figures import LONG, length, record
from tests.faults.mutant import mutant
from tests.faults.odd_frames import A_CONNECTION, AT_ONCE, from_anywhere, heavy, some, speak_oddly
from tests.faults.test_hostile import log, rss
from tests.fuzz.mutate import mutated
from tests.fuzz.story import Moment, copy_of, told
from tests.fuzz.table import FACTOR, STALL, Target, attempt
from tests.fuzz.targets import TARGETS
from tests.p2pnode.lab import EVES_PEER

OWN_FILES = {"backup-file", "backup-items", "config", "keystore", "pending", "offer-file", "answers", "times"}
HANDLERS = [target for name, target in TARGETS.items() if name not in OWN_FILES]
MAX_GROWTH = 64  # MB
PROBE_EVERY = 0.02  # seconds
BRIEFLY = 0.2  # seconds for a handler in the short form


# Every handler by itself


def tried(target: Target, trials: int, rng: random.Random) -> tuple[int, float, list[str]]:
    """How many inputs, the longest that one took (seconds of the processor), and what went wrong."""
    seeds, known = target.seeds(), target.signers()
    longest, problems, number = 0.0, [], 0
    end = time.monotonic() + (float("inf") if LONG else BRIEFLY)
    while number < trials and time.monotonic() < end:
        number += 1
        data = mutated(rng.choice(seeds), rng, known, rng.choice(seeds))
        began = time.thread_time()
        try:
            attempt(target, data, 1.0 if LONG else FACTOR)
        except Exception as e:
            problems.append(f"{target.name}: {type(e).__name__}: {e}: {data[:200].hex()}")
        longest = max(longest, time.thread_time() - began)
    return number, longest, problems


def test_no_handler_stumbles_or_dawdles(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "libp2p")  # what it says of each is kept by pytest, and would count as growth
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("libp2p.")]:
        caplog.set_level(logging.CRITICAL, name)
    rng, each = random.Random(seed()), length(300, 100_000)
    trials, longest, problems = 0, 0.0, []
    for target in HANDLERS:
        for seed_ in target.seeds():  # what is made once does not count as growth
            attempt(target, seed_, FACTOR)
    before = peak()
    for done, target in enumerate(HANDLERS):
        number, took, wrong = tried(target, each, rng)
        if LONG:
            print(f"{done + 1} of {len(HANDLERS)}: {target.name}, {number:,} inputs, {took * 1000:.0f} ms", flush=True)
        trials, longest, problems = trials + number, max(longest, took), problems + wrong
    grown = peak() - before

    def stumbles(data: bytes) -> None:
        TARGETS["exchange-messages"].run(data)
        raise KeyError(data)

    def dawdles(data: bytes) -> None:
        while time.thread_time() < began + FACTOR * STALL + 0.1:
            pass

    began = time.thread_time()
    seeds = TARGETS["exchange-messages"].seeds
    noticed = sum(bool(tried(Target("control", run, seeds), 20, rng)[2]) for run in (stumbles, dawdles))
    record(
        "malformed",
        how="handlers",
        handlers=len(HANDLERS),
        trials=trials,
        each=each,
        failures=len(problems),
        longest_ms=round(longest * 1000),
        grown_mb=grown,
        control_trials=2,
        control_noticed=noticed,
    )
    assert not problems, problems[:5]
    assert noticed == 2
    assert grown <= MAX_GROWTH


def peak() -> int:
    """MB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


# The loop


class Street:
    """Performs nothing; notes who was struck, and when a core had to be made anew."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.struck: set[str] = set()
        self.made_anew = 0

    def perform(self, effect: Effect) -> None:
        if isinstance(effect, Penalize):
            self.struck.add(effect.peer)

    def warn(self, warning: str | None) -> None: ...

    def core_made(self, core: Core) -> Sequence[Event]:
        self.made_anew += 1
        return self.world()

    def world(self) -> list[Event]:
        own = f"/ip4/127.0.0.1/tcp/4001/p2p/{self.moment.peer_id}"
        return [Listening((own,)), *(Connected(peer, address, True) for peer, address in self.moment.links)]


def besiege(trials: int, rng: random.Random, make: Callable[[Core], Core] = lambda core: core) -> dict[str, Any]:
    """Malformed frames through the loop: how long others had no turn at most, in seconds of the clock and of the
    processor; how often the core was made anew; who was struck."""
    moment = [m for m in told()[0] if m.name == "Cleo" and len(m.links) > 1 and not m.audited][-1]
    street, disk, verifier = Street(moment), copy_of(moment.disk), Verifier()
    settings = Settings(name=moment.name, area=moment.area, peer_id=moment.peer_id, box=bytes(32))
    signer = incept(moment.entropy)[0]
    longest = [0.0, 0.0]
    done = False

    def made(now: int) -> Core:
        return make(Core(disk, signer, settings, random.Random(1), now, verifier))

    async def watch() -> None:
        while not done:
            wall, used = time.monotonic(), time.thread_time()
            await trio.sleep(0.001)
            longest[:] = max(longest[0], time.monotonic() - wall), max(longest[1], time.thread_time() - used)

    async def feed(loop: Loop) -> None:
        nonlocal done
        for event in street.world():
            await loop.put(event)
        network = next(iter(loop.core.state.networks))
        hello = encode_message(Hello(network, b"a nonce.", clock.now(), True, ("",)))
        for peer, _ in moment.links:
            await loop.put(Received(peer, GOSSIP, hello))  # or nothing that they say of records is looked at
        costly = heavy(network, clock.now())
        coming = pool.submit(some, rng.getrandbits(64), costly)
        for number in range(trials):
            if number % AT_ONCE == 0:
                frames = await trio.to_thread.run_sync(coming.result)
                coming = pool.submit(some, rng.getrandbits(64), costly)
            protocol, data = frames[number % AT_ONCE]
            peer = rng.choice([EVES_PEER, *(peer for peer, _ in moment.links)])
            await loop.put(Received(peer, protocol, data))
        done = True

    async def main() -> None:
        loop = Loop(disk, made, street, structlog.wrap_logger(structlog.ReturnLogger()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop.run)
            nursery.start_soon(watch)
            await feed(loop)
            while loop._receive.statistics().current_buffer_used:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    with pytest.MonkeyPatch.context() as patch:
        offset = moment.now - clock.now()
        true_now = clock.now
        patch.setattr(clock, "now", lambda: true_now() + offset)
        with ProcessPoolExecutor(1, get_context("fork")) as pool:
            pool.submit(int).result()  # before there are threads
            trio.run(main)
    verifier.close()
    return {"wall": longest[0], "used": longest[1], "anew": street.made_anew, "struck": len(street.struck)}


class Stumbling:
    """A core with a bug that frames which cannot be decoded meet."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def handle(self, event: Event, now: int) -> list[Effect]:
        effects = self._core.handle(event, now)
        if any(isinstance(effect, Penalize) for effect in effects):
            raise KeyError("a bug")
        return effects


class Dawdling(Stumbling):
    """A core that takes half a second over the first of them."""

    dawdled = False

    def handle(self, event: Event, now: int) -> list[Effect]:
        effects = self._core.handle(event, now)
        if not self.dawdled and any(isinstance(effect, Penalize) for effect in effects):
            self.dawdled = True
            end = time.thread_time() + 2 * STALL
            while time.thread_time() < end:
                pass
        return effects


def test_the_loop_goes_on_among_malformed_frames() -> None:
    rng, trials = random.Random(seed()), length(1_000, 600_000)
    seen = besiege(trials, rng)
    stumbling = besiege(20, rng, lambda core: Stumbling(core))  # type: ignore[arg-type, return-value]
    dawdling = besiege(40, rng, lambda core: Dawdling(core))  # type: ignore[arg-type, return-value]
    noticed = (stumbling["anew"] > 0) + (dawdling["used"] > STALL)
    record(
        "malformed",
        how="loop",
        trials=trials,
        failures=seen["anew"],
        longest_pause_ms=round(seen["wall"] * 1000),
        of_the_processor_ms=round(seen["used"] * 1000),
        control_trials=2,
        control_noticed=noticed,
    )
    assert seen["anew"] == 0, "no frame met a bug"
    assert seen["struck"] > 1, "the frames were malformed"
    assert seen["wall" if LONG else "used"] < STALL
    assert noticed == 2


# A real node


class Prober(threading.Thread):
    """Asks the node for its status, again and again: how long that took."""

    def __init__(self, node: Node) -> None:
        super().__init__(daemon=True)
        self._client = Client(node.home)
        self._enough = threading.Event()
        self.took: list[float] = []

    def run(self) -> None:
        while not self._enough.is_set():
            began = time.monotonic()
            self._client.call("status")
            self.took.append(time.monotonic() - began)
            time.sleep(PROBE_EVERY)

    def end(self) -> list[float]:
        self._enough.set()
        self.join(60)
        return sorted(self.took)


def siege_of(node: Node, frames: int, rng: random.Random) -> tuple[int, list[float]]:
    """How many malformed frames were sent, and how long each of the prober's questions took, ascending."""
    network = bytes.fromhex(node.cli("status")["network"]["id"])[:16]
    prober = Prober(node)
    prober.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialing, "connect", from_anywhere(rng))
        said = trio.run(speak_oddly, node, network, frames, rng)
    return said, prober.end()


def founded(root: Path, name: str, prefix: Sequence[str] = ()) -> Node:
    node = Node(name, root, prefix=prefix)
    node.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--decimals", "2")
    node.start()
    return node


def bugs(node: Node) -> list[dict[str, Any]]:
    return [e for e in log(node) if "bug" in e["event"] or e["level"] == "error"]


def test_a_node_answers_its_user_among_malformed_frames(tmp_path: Path) -> None:
    rng, frames = random.Random(seed()), length(300, 20_000)
    told()  # before anything is measured
    nodes: list[Node] = []
    try:
        nodes.append(node := founded(tmp_path, "Anna"))
        before = rss(node)
        said, took = siege_of(node, frames, rng)
        grown = (rss(node) - before) // 2**20
        struck = {e["peer"] for e in log(node) if e["event"] == "strike"}
        failures = bugs(node)
        assert node.process is not None and node.process.poll() is None
        assert node.cli("ledger", "verify")["ok"]
        nodes.append(stumbling := founded(tmp_path, "Ben", mutant("stumble")))
        siege_of(stumbling, 4 * A_CONNECTION, rng)
        nodes.append(dawdling := founded(tmp_path, "Cleo", mutant("dawdle")))
        _, slow = siege_of(dawdling, 4 * A_CONNECTION, rng)
        noticed = bool(bugs(stumbling)) + (slow[-1] > STALL)
    finally:
        for one in nodes:
            one.kill()
    record(
        "malformed",
        how="a real node",
        trials=said,
        failures=len(failures),
        banned_or_struck=len(struck),
        answers=len(took),
        answer_p99_ms=round(took[int(len(took) * 0.99)] * 1000),
        answer_max_ms=round(took[-1] * 1000),
        grown_mb=grown,
        control_trials=2,
        control_noticed=noticed,
    )
    assert not failures, failures[:3]
    assert struck, "the control: what was sent was malformed"
    assert noticed == 2
    assert grown <= MAX_GROWTH
    assert not LONG or took[-1] <= STALL
