"""The end of the store is torn, zeroed or missing, or yesterday's folder is put back: what is gone is named by its
numbers, fetched from neighbours, and the chain goes on without a second history.

Real nodes. Anna and Ben keep what Cleo has signed; Cleo is stopped, hurt, and started again, and then signs more, so
that each trial finds another ledger. What a trial should name is counted beside the node, by LevelDB alone. The
control ignores head record and marker: alone, it notices nothing and signs a second history.
"""

import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import plyvel

from ledger.entry import parse_entry
from p2pnode.client import Client
from p2pnode.core.keys import ENTRY
from tests.e2e import killer
from tests.e2e.nodes import Failed, Node, until
from tests.e2e.test_restore import deal
from tests.faults.figures import length, record
from tests.faults.mutant import mutant

KINDS = ("torn", "zeroed", "missing", "put back", "put back, no marker")
STREETS = 3  # side by side, at full length: a trial is mostly listening
SIGNED = 3  # entries between two trials
DEAL_EVERY = 7  # trials
WHOLE_WITHIN = 90.0  # seconds
_NAMED = re.compile(r"entr(?:y|ies) (\d+)(?: to (\d+))? (?:is|are) missing|lost entries (\d+) to (\d+)")


class Hurt:
    """One street, and what was counted there."""

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.root, self.rng = root, rng
        self.first = rng.randrange(len(KINDS))
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.lost_entries = 0
        self.anna, self.ben, self.cleo = self.all = killer.street(root, lambda name: Node(name, root))
        try:
            self.listing = self.ben.cli(
                "offer", "publish", "--kind", "lend", "--title", "Ladder", "--price", "0.01", "--wait", "30"
            )["listing_id"]
            author = self.cleo.cli("status")["author"]
            self.marker = root / "state" / "p2pnode" / f"{author[:32]}.json"
            assert self.marker.exists()
            self.ids = self._stopped()
            self._keep()
            self.cleo.start()
            deal(self.ben, self.cleo, self.listing)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        for node in self.all:
            node.kill()

    def trial(self, number: int) -> None:
        kind = KINDS[(self.first + number) % len(KINDS)]
        whole = self._stopped()
        assert whole[: len(self.ids)] == self.ids and len(whole) > len(self.ids)
        lost = self._hurt(kind, whole)
        self.ids = whole
        named = _named(self.cleo.start())
        named |= self._until_whole()
        held = [row["id"] for row in self.cleo.cli("ledger", "log")]
        checked = self.cleo.cli("ledger", "verify")
        if not named or named != set(lost):
            self.problems.append(f"{kind}: lost {lost}, named {sorted(named)}")
        elif held[: len(whole)] != whole or not checked["ok"]:
            self.problems.append(f"{kind}: lost {lost}, and has {len(held)} of {len(whole)}: {checked}")
        else:
            self.counts["whole"] += 1
        self.counts[kind] += 1
        self.lost_entries += len(lost)
        self._sign(number)
        audit = self.rng.choice((self.anna, self.ben)).cli("ledger", "audit", self.cleo.peer_id)
        if audit["forks"] or not audit["ok"]:
            self.problems.append(f"{kind}: a neighbour finds {audit['problems']}")

    def _stopped(self) -> list[str]:
        """Stop Cleo when nothing more is under way; the ids of her entries."""
        seen, end = -1, time.monotonic() + 30
        while seen != (seen := len(Client(self.cleo.home).call("ledger.log"))):
            assert time.monotonic() < end
            time.sleep(0.3)
        assert self.cleo.stop() == 0
        return entries(self.cleo.home / "store" / "db", self.root / "counted")

    def _keep(self) -> None:
        shutil.rmtree(self.root / "yesterday", ignore_errors=True)
        shutil.copytree(self.cleo.home, self.root / "yesterday")

    def _hurt(self, kind: str, whole: list[str]) -> range:
        """Do it to the stopped node, keep today's home for tomorrow; which numbers are gone."""
        home = self.cleo.home
        if kind.startswith("put back"):
            yesterday = self.root / "yesterday"
            home.rename(self.root / "today")
            shutil.copytree(yesterday, home)
            shutil.rmtree(yesterday)
            (self.root / "today").rename(yesterday)
            if kind.endswith("no marker"):
                self.marker.unlink()
        else:
            self._keep()
            cut_tail(
                home / "store" / "db",
                kind,
                self.rng,
                lambda: len(entries(home / "store" / "db", self.root / "counted")) < len(whole),
            )
        left = entries(home / "store" / "db", self.root / "counted")
        assert left == whole[: len(left)] and len(left) < len(whole)
        return range(len(left), len(whole))

    def _until_whole(self) -> set[int]:
        """Wait until Cleo is whole again; what her status named meanwhile."""
        named: set[int] = set()

        def whole() -> bool:
            status: dict[str, Any] = Client(self.cleo.home).call("status")
            for warning in status["warnings"]:
                named.update(_named(warning))
            return status["state"] == "joined"

        until("whole again", whole, WHOLE_WITHIN)
        return named

    def _sign(self, number: int) -> None:
        if number % DEAL_EVERY == DEAL_EVERY - 1:
            deal(self.ben, self.cleo, self.listing)
        for _ in range(SIGNED):
            self.cleo.cli("vouch", self.rng.choice((self.anna, self.ben)).peer_id, "0.01")

    # The control

    def alone(self, *prefixes: list[str]) -> list[dict[str, bool]]:
        """The log is gone and nobody is there: what each of these nodes notices, and whether it signs over what Cleo
        had signed.
        """
        self._sign(0)
        whole = self._stopped()
        for node in (self.anna, self.ben):
            node.stop()
        marker = self.marker.read_bytes()
        found = []
        for prefix in prefixes:
            lost = self._hurt("missing", whole)
            self.cleo.prefix = prefix
            printed = self.cleo.start()
            status = Client(self.cleo.home).call("status")
            noticed = bool(_named(printed)) and status["state"] == "recovering"
            with suppress(Failed):
                self.cleo.cli("vouch", self.anna.peer_id, "0.01")
            held = [row["id"] for row in self.cleo.cli("ledger", "log")]
            self.cleo.stop()
            self.cleo.prefix = []
            shutil.rmtree(self.cleo.home)
            shutil.copytree(self.root / "yesterday", self.cleo.home)
            self.marker.write_bytes(marker)
            again = held[lost.start : lost.start + 1]
            found.append({"noticed": noticed, "forked": bool(again) and again != whole[lost.start : lost.start + 1]})
        for node in self.all:
            node.start()
        self.ids = whole
        self._sign(0)
        return found


def _named(text: str) -> set[int]:
    found: set[int] = set()
    for match in _NAMED.finditer(text):
        first, last = match[1] or match[3], match[2] or match[4] or match[1]
        found.update(range(int(first), int(last) + 1))
    return found


def entries(db: Path, scratch: Path) -> list[str]:
    """Ids of the entries that LevelDB finds in a copy of a folder, as far as it reads at all."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(db, scratch)
    opened = plyvel.DB(str(scratch))
    try:
        with opened.iterator(prefix=ENTRY) as rows:
            return [parse_entry(value).id.hex() for _, value in rows]
    finally:
        opened.close()


def cut_tail(db: Path, kind: str, rng: random.Random, hurts: Callable[[], bool]) -> None:
    """Hurt the newest log at random instants of its life, until that costs an entry."""
    log = max(db.glob("*.log"))
    content = log.read_bytes()
    if kind == "missing":
        log.unlink()
        return
    for _ in range(1_000):
        place = rng.randrange(len(content))
        end = bytes(len(content) - place) if kind == "zeroed" else b""
        log.write_bytes(content[:place] + end)
        if hurts():
            return
    raise AssertionError(f"{log} holds no entry")


def test_what_is_gone_is_named_and_fetched(tmp_path: Path) -> None:
    chosen, trials = killer.seed(), length(2, 200)
    side_by_side = STREETS if trials > 2 * len(KINDS) else 1
    streets: list[Hurt] = []
    control: dict[str, bool] = {}
    true: dict[str, bool] = {}
    try:
        for place in range(side_by_side):
            streets.append(Hurt(tmp_path / str(place), random.Random(f"{chosen} {place}")))
        true, control = streets[0].alone([], mutant("unaware"))

        def work(place: int) -> None:
            for number in range(place, trials, side_by_side):
                streets[place].trial(number)

        with ThreadPoolExecutor(side_by_side) as pool:
            for done in [pool.submit(work, place) for place in range(side_by_side)]:
                done.result()
    finally:
        for one in streets:
            one.end()
        counts = sum((one.counts for one in streets), Counter[str]())
        problems = [problem for one in streets for problem in one.problems]
        record(
            "tail",
            **{kind.replace(", ", " ").replace(" ", "_"): counts[kind] for kind in KINDS},
            trials=sum(counts[kind] for kind in KINDS),
            named_and_refetched=counts["whole"],
            lost_entries=sum(one.lost_entries for one in streets),
            failures=len(problems),
            control_noticed=int(control.get("noticed", True)),
            control_forked=int(control.get("forked", False)),
        )
    assert not problems, problems
    assert counts["whole"] == trials
    assert true == {"noticed": True, "forked": False}
    assert control == {"noticed": False, "forked": True}, "without head record and marker nobody notices"
