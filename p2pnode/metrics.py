"""The node in figures: for its own history, and as text for Prometheus (GET /metrics).

No label names a neighbour, a listing or a network: who may read the figures learns nothing of people.
"""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from shutil import disk_usage
from typing import Any, Final

from p2pnode.core.core import Core
from protocols.gossip_messages import PROTOCOL as GOSSIP

KINDS: Final = (
    "attestation", "blocklist", "genesis", "lease", "listing", "misconduct", "profile", "redemption", "replica",
    "rotation", "vouch",
)  # fmt: skip
# Name without `p2pnode_` → what it is. `_total`: it only grows, from the start of the node.
HELP: Final = {
    "peers": "Peers that are connected, by who dialled",
    "peers_known": "Peers in the address book",
    "bans": "Peers that are shut out",
    "records": "Signed records that are held, by kind",
    "exchanges": "Exchanges that are not put away, by status",
    "ledger_entries": "Entries of the own ledgers",
    "outbox": "Messages that wait to be acknowledged",
    "queue": "Events that wait for the core",
    "listeners": "Callers that listen to events",
    "warnings": "Warnings in the status",
    "latency_seconds": "How late the node's tasks were run, at worst, since the minute before last",
    "sync_lag_seconds": "Since the node last knew to hold the same as that neighbour for which it is longest ago",
    "memory_bytes": "Resident memory of the process",
    "store_bytes": "Size of the database",
    "index_bytes": "Size of the search index",
    "disk_free_bytes": "Room on the disk of the home folder",
    "frames_total": "Frames of gossip, by direction",
    "start_time_seconds": "When the node was started, since 1970",
}
Labels = dict[str, str]
Readings = dict[str, list[tuple[Labels, float]]]


class Tally:
    """What is counted as it happens."""

    def __init__(self) -> None:
        self.frames = {"in": 0, "out": 0}
        self.latency = 0.0  # seconds, the worst of this minute
        self.latency_before = 0.0  # of the minute before

    def frame(self, direction: str, protocol: str) -> None:
        if protocol == GOSSIP:
            self.frames[direction] += 1

    def late(self, seconds: float) -> None:
        self.latency = max(self.latency, seconds)

    def minute_is_over(self) -> None:
        self.latency_before, self.latency = self.latency, 0.0


def of_core(core: Core, warnings: int, now: int) -> Readings:
    """What the core knows. Takes some milliseconds where much is held. warnings: how many its status has."""
    state, networks = core.state, core.state.joined
    records = Counter(row.kind if row.kind in KINDS else "other" for n in networks for row in n.catalog.rows())
    statuses = Counter(str(core.exchanges.view(held, now).status) for held in core.exchanges.held.values())
    outbound = sum(1 for each in state.connected.values() if each.outbound)
    lags = [lag for n in networks if (lag := state.gossip.lag(n.id, now)) is not None]
    return {
        "peers": [({"dialled": "by us"}, outbound), ({"dialled": "by them"}, len(state.connected) - outbound)],
        "peers_known": [({}, len(core.neighbours.known))],
        "bans": [({}, len(state.banned))],
        "records": [({"kind": kind}, count) for kind, count in sorted(records.items())],
        "exchanges": [({"status": status}, count) for status, count in sorted(statuses.items())],
        "ledger_entries": [({}, sum(n.chain.state.count for n in networks))],
        "outbox": [({}, len(core.outbox.items))],
        "warnings": [({}, warnings)],
        "sync_lag_seconds": [({}, max(lags) / 1000)] if lags else [],
    }


def of_machine(store: Path, index: Path) -> Readings:
    """What the system knows: reads folders, so it belongs in a thread. What cannot be read is left out."""
    made: Readings = {}
    for name, read in (
        ("memory_bytes", _resident),
        ("store_bytes", lambda: sum(each.stat().st_size for each in os.scandir(store))),
        ("index_bytes", lambda: sum(each.stat().st_size for each in index.parent.glob(f"{index.name}*"))),
        ("disk_free_bytes", lambda: disk_usage(store.parent).free),
    ):
        made[name] = _if_there(read)
    return made


def of_tally(tally: Tally) -> Readings:
    return {
        "frames_total": [({"direction": which}, count) for which, count in tally.frames.items()],
        "latency_seconds": [({}, max(tally.latency, tally.latency_before))],
    }


def exposition(readings: Readings) -> tuple[bytes, str]:
    """As Prometheus reads it, and the media type of that. Its library is loaded when this is first called."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

    class Collector:
        def collect(self) -> Any:
            for name, rows in readings.items():
                labels = sorted({label for each, _ in rows for label in each})
                family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                made: Metric = family(f"p2pnode_{name}", HELP[name], labels=labels)
                for each, value in rows:
                    made.add_metric([each[label] for label in labels], value)  # type: ignore[attr-defined]
                yield made

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _if_there(read: Callable[[], int]) -> list[tuple[Labels, float]]:
    try:
        return [({}, read())]
    except OSError:  # a file that LevelDB has just deleted, or no such folder
        return []
