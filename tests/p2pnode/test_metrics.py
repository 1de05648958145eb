"""The node's figures: for Prometheus, without a word of people; and its own history, bounded and read again."""

import re
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from p2pnode import metrics, sampling
from p2pnode.bounds import HISTORY_HOURS, HISTORY_MINUTES, HISTORY_SAVED_EVERY, SAMPLE_EVERY
from p2pnode.commands import History as Ask
from p2pnode.history import COLUMNS, History
from p2pnode.home.folder import Home
from p2pnode.listeners import Listeners
from p2pnode.sampling import Sampling, load_history
from protocols.codec import encode
from protocols.errors import DecodeError
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.fake_node import make_home
from tests.p2pnode.lab import Lab

LOG = structlog.wrap_logger(structlog.ReturnLogger())
START = 1_800_000_000_000 // HOUR * HOUR


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path / "home")
    made.store.mkdir()
    (made.store / "000005.ldb").write_bytes(bytes(1000))
    made.index.write_bytes(bytes(300))
    return made


@pytest.fixture(scope="module")
def lab() -> Lab:
    made = Lab()
    ladder = made.ask(made.ben, "listing.publish", direction="offer", kind="lend", title="Ladder")["listing_id"]
    made.sim.run(MINUTE)
    made.ask(made.cleo, "exchange.propose", listing=ladder)
    made.ask(made.ben, "peers.block", peer="Dora")
    return made


def sampler(home: Home, lab: Lab, listeners: Listeners | None = None) -> Sampling:
    return Sampling(home, lambda: lab.ben.core, lambda: lab.now, lambda: 3, listeners or Listeners(), LOG)


def value(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"p2pnode_{name} ")]
    return float(line.split()[-1])


async def test_what_prometheus_reads_is_true(home: Home, lab: Lab) -> None:
    made = sampler(home, lab)
    made.tally.frame("in", "/p2pnode/gossip/1.0.0")
    made.tally.frame("in", "/other")
    made.tally.late(0.25)
    text, kind = await made.metrics()
    shown = text.decode()
    assert kind.startswith("text/plain")
    core = lab.ben.core
    network = lab.network(lab.ben)
    dialled = value(shown, 'peers{dialled="by us"}') + value(shown, 'peers{dialled="by them"}')
    assert dialled == len(core.state.connected)
    assert value(shown, 'records{kind="listing"}') == 1
    assert value(shown, 'records{kind="profile"}') == sum(1 for _ in network.catalog.rows(kind="profile")) > 1
    assert value(shown, 'exchanges{status="proposed"}') == 1
    assert value(shown, "ledger_entries") == network.chain.state.count > 0
    assert value(shown, "bans") == 1
    assert value(shown, "store_bytes") == 1000 and value(shown, "index_bytes") == 300
    assert value(shown, "queue") == 3 and value(shown, "latency_seconds") == 0.25
    assert value(shown, 'frames_total{direction="in"}') == 1
    assert value(shown, "memory_bytes") > 10**7 and value(shown, "disk_free_bytes") > 0
    assert value(shown, "sync_lag_seconds") < 3600
    assert {name for name in metrics.HELP if f"p2pnode_{name.removesuffix('_total')}" not in shown} == set()


async def test_no_figure_names_anybody(home: Home, lab: Lab) -> None:
    text = (await sampler(home, lab).metrics())[0].decode()
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        for word in (node.name, node.peer_id, node.peer_id[-8:], lab.signer(node).author.hex()[:8]):
            assert word not in text
    assert "Elm" not in text and lab.network(lab.ben).id.hex()[:8] not in text
    labels = set(re.findall(r'(\w+)="([^"]*)"', text))
    allowed = {*metrics.KINDS, "other", "proposed", "by us", "by them", "in", "out"}
    assert {word for _, word in labels} <= allowed


def test_a_kind_that_somebody_made_up_is_no_label(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "KINDS", ("profile",))
    rows = metrics.of_core(lab.ben.core, 0, lab.now)["records"]
    assert {labels["kind"] for labels, _ in rows} == {"profile", "other"}


def test_the_library_of_prometheus_is_not_loaded_by_this_module() -> None:
    text = Path(metrics.__file__).read_text()
    assert not re.search(r"^(from|import) prometheus", text, re.MULTILINE)


def figures(**given: int) -> dict[str, int]:
    return dict.fromkeys(COLUMNS, 0) | given


def test_minutes_become_hours_and_both_are_bounded() -> None:
    made = History()
    for minute in range(3 * 24 * 60 + 1):
        made.add(START + minute * MINUTE, figures(peers=minute % 60, frames_in=2, latency_ms=minute % 7))
    assert len(made.rows("minute", 0)) == HISTORY_MINUTES
    hours = [dict(zip(("at", *COLUMNS), row, strict=True)) for row in made.rows("hour", 0)]
    assert [row["at"] for row in hours] == [START + n * HOUR for n in range(72)]
    assert {row["peers"] for row in hours} == {29} and {row["frames_in"] for row in hours} == {120}
    assert {row["latency_ms"] for row in hours} == {6}
    assert [row[0] for row in made.rows("hour", START + 71 * HOUR)] == [START + 71 * HOUR]
    for hour in range(HISTORY_HOURS + 50):
        made.add(START + 30 * DAY + hour * HOUR, figures())
    assert len(made.rows("hour", 0)) == HISTORY_HOURS
    again = History.decode(made.encode())
    assert [again.rows(step, 0) for step in ("minute", "hour")] == [made.rows(step, 0) for step in ("minute", "hour")]


def test_full_to_the_brim_it_can_be_read_again() -> None:
    made = History()
    for hour in range(HISTORY_HOURS + 10):
        made.add(START + hour * HOUR, dict.fromkeys(COLUMNS, 2**80))
    for minute in range(HISTORY_MINUTES):
        made.add(START + (HISTORY_HOURS + 20) * HOUR + minute * MINUTE, dict.fromkeys(COLUMNS, 2**80))
    assert History.decode(made.encode()).rows("minute", 0) == made.rows("minute", 0)


def test_a_clock_that_was_set_back_takes_what_is_ahead_of_it() -> None:
    made = History()
    for minute in (0, 1, 2, 500):
        made.add(START + minute * MINUTE, figures())
    made.add(START + 2 * MINUTE + 1, figures())
    assert [row[0] - START for row in made.rows("minute", 0)] == [0, MINUTE, 2 * MINUTE, 2 * MINUTE + 1]


@pytest.mark.parametrize(
    "value", [[], {}, [1, list(COLUMNS), [[1]], []], [1, list(COLUMNS), [["x"] * 16], []], [1, list(COLUMNS), 5, []]]
)
def test_a_file_that_is_none_is_left_out_with_a_line_in_the_log(home: Home, value: Any) -> None:
    with pytest.raises(DecodeError):
        History.decode(encode(value))
    home.history.write_bytes(encode(value))
    assert load_history(home.history, LOG).rows("minute", 0) == []
    home.history.write_bytes(b"\xc1" * 2_000_000)
    assert load_history(home.history, LOG).rows("minute", 0) == []


def test_other_columns_are_another_history() -> None:
    assert History.decode(encode([1, ["peers"], [[1, 2]], []])).rows("minute", 0) == []


async def at_once(function: Any, *args: Any) -> Any:
    return function(*args)


async def test_samples_are_kept_and_health_is_told_when_it_changes(
    home: Home, lab: Lab, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()
    monkeypatch.setattr(sampling.clock, "now", lambda: START + int((trio.current_time() - begun) * 1000))
    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)  # a thread takes time that this clock does not know
    writes: list[int] = []
    write = sampling.write_atomic
    monkeypatch.setattr(sampling, "write_atomic", lambda *a: (writes.append(len(a[1])), write(*a)))
    listeners = Listeners()
    made = sampler(home, lab, listeners)
    told: list[dict[str, Any]] = []

    async def listen() -> None:
        async for event in listeners.subscribe():
            told.append(event)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        nursery.start_soon(made.run)
        await trio.sleep(3.5 * SAMPLE_EVERY / 1000)
        shown = made.shown(Ask())
        assert shown["columns"] == ["at", *COLUMNS] and len(shown["rows"]) == 3
        assert dict(zip(shown["columns"], shown["rows"][-1], strict=True))["bans"] == 1
        assert [event["type"] for event in told] == ["health"] and writes == []
        lab.ben.core.status.warnings = lambda: ["the disk is full"]
        await trio.sleep(2 * SAMPLE_EVERY / 1000)
        assert len(told) == 2 and "the disk is full" in told[1]["warnings"]
        await trio.sleep(HISTORY_SAVED_EVERY / 1000)
        assert len(writes) == 1, "seldom"
        nursery.cancel_scope.cancel()
    assert len(writes) == 2, "and at the end"
    again = sampler(home, lab)
    assert again.shown(Ask())["rows"] == made.shown(Ask())["rows"]
    assert len(again.shown(Ask(step="hour"))["rows"]) == 3
