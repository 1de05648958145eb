"""Reads the node's figures each minute, keeps its history, and tells when its health changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode.core.core import Core
from p2pnode.home.files import write_atomic
from p2pnode.home.folder import Home
from protocols.errors import DecodeError

from . import clock, commands, metrics
from .bounds import HISTORY_SAVED_EVERY, MAX_HISTORY_FILE, SAMPLE_EVERY
from .history import COLUMNS, History
from .listeners import Listeners
from .metrics import Readings, Tally

LATENESS_EVERY = 0.5  # seconds


class Sampling:
    """queue: how many events wait for the core."""

    def __init__(
        self,
        home: Home,
        core: Callable[[], Core],
        time: Callable[[], int],
        queue: Callable[[], int],
        listeners: Listeners,
        log: FilteringBoundLogger,
    ) -> None:
        self.tally = Tally()
        self._home = home
        self._core = core
        self._time = time
        self._queue = queue
        self._listeners = listeners
        self._log = log
        self._started = clock.now()
        self._frames = dict(self.tally.frames)  # as of the last sample
        self._health: dict[str, Any] = {}
        self._history = load_history(home.history, log)

    async def run(self) -> None:
        """Until cancelled; then the history is saved."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._lateness)
            saved = trio.current_time()
            try:
                while True:
                    await trio.sleep(SAMPLE_EVERY / 1000)
                    await self._sample()
                    if trio.current_time() - saved >= HISTORY_SAVED_EVERY / 1000:
                        saved = trio.current_time()
                        await trio.to_thread.run_sync(self._save)
            finally:
                self._save()

    async def metrics(self) -> tuple[bytes, str]:
        """For Prometheus: the text, and its media type."""
        return metrics.exposition(await self._read())

    def shown(self, args: commands.History) -> dict[str, Any]:
        """The history, as the command answers it."""
        rows = self._history.rows(args.step, args.since or 0)
        return {"step": args.step, "columns": ["at", *COLUMNS], "rows": rows}

    async def _read(self) -> Readings:
        machine = await trio.to_thread.run_sync(metrics.of_machine, self._home.store, self._home.index)
        core, now = self._core(), self._time()
        status = core.status.status(commands.NoArgs(), now)
        self._tell_health({name: status[name] for name in ("warnings", "reachable")})
        return {
            **metrics.of_core(core, len(status["warnings"]), now),
            **machine,
            **metrics.of_tally(self.tally),
            "queue": [({}, self._queue())],
            "listeners": [({}, self._listeners.count)],
            "start_time_seconds": [({}, self._started / 1000)],
        }

    async def _sample(self) -> None:
        try:
            readings = await self._read()
            self._history.add(clock.now(), self._figures(readings))
        except Exception:  # of a core that is being made anew, say
            self._log.exception("no figures this minute")
        self.tally.minute_is_over()

    def _figures(self, readings: Readings) -> dict[str, int]:
        frames, self._frames = self._frames, dict(self.tally.frames)
        total = {name: sum(value for _, value in rows) for name, rows in readings.items()}
        listings = sum(value for labels, value in readings["records"] if labels["kind"] == "listing")
        made = {
            **total,
            "listings": listings,
            "frames_in": self._frames["in"] - frames["in"],
            "frames_out": self._frames["out"] - frames["out"],
            "latency_ms": self.tally.latency * 1000,
            "sync_lag_ms": total.get("sync_lag_seconds", 0) * 1000,
        }
        return {name: int(made.get(name, 0)) for name in COLUMNS}

    def _tell_health(self, health: dict[str, Any]) -> None:
        if health != self._health:
            self._health = health
            self._listeners.tell("health", health)

    async def _lateness(self) -> None:
        while True:
            begun = trio.current_time()
            await trio.sleep(LATENESS_EVERY)
            self.tally.late(trio.current_time() - begun - LATENESS_EVERY)

    def _save(self) -> None:
        try:
            write_atomic(self._home.history, self._history.encode())
        except OSError as e:
            self._log.warning("the history was not saved", problem=e.strerror)


def load_history(file: Path, log: FilteringBoundLogger) -> History:
    """What was saved; nothing, with a line in the log, where that cannot be read."""
    try:
        with file.open("rb") as opened:
            return History.decode(opened.read(MAX_HISTORY_FILE + 1))
    except FileNotFoundError:
        return History()
    except (OSError, DecodeError) as e:
        log.warning("the history of figures begins anew", problem=str(e))
        return History()
