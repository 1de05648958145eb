"""One bit flipped in any file of a store: it is noticed, or changes nothing that is read.

The store is that of `tests.faults.writer` (the real core, loop and store) after several starts and a kill: tables, a
log, a MANIFEST, two-slot heads, LevelDB's own text log. Each trial flips one bit of a file, all files alike, and starts
as the node does. Noticed: the store does not open, `check_chains` names or refuses, or reading raises, so that the
node says so. Else every key, value and head is compared with what is stored. A flip in the newer slot of a head leaves
the older: that is what the two slots are for, and counted by itself.

Controls, over the same flips: LevelDB as it comes; LevelDB with all its checks, without heads and without our look at
the ends of its logs. And besides, for every bit of every length of the MANIFEST, that the head names what is lost where
nothing else would.
"""

import random
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import plyvel
import pytest

from ledger.head import SLOT_BYTES, SLOT_STRIDE, Head
from p2pnode import clock, store
from p2pnode.logs import BLOCK, HEADER
from p2pnode.store import Store, StoreDamaged
from p2pnode.wholeness import check_chains
from protocols.errors import Refusal
from tests.e2e.killer import seed
from tests.faults.acknowledged import Running
from tests.faults.figures import length, record
from tests.faults.writer import core_over

Rows = Mapping[bytes, bytes]


class Whole:
    """A store in `folder`, what is stored in it, and copies of it with a bit flipped."""

    def __init__(self, root: Path, *bulk: str) -> None:
        """bulk: "--bulk" for a last life so long that LevelDB turns to a new log in it."""
        self.folder, self._copy = root / "whole", root / "copy"
        marked = ("--marker", str(root / "marker"))
        for _ in range(2):
            first = Running(self.folder, *marked, "--last", "12")
            assert first.ended() == 0, first.lines[-3:]
        last = Running(self.folder, *marked, *bulk)
        last.wait("ready")
        logs = set(self.folder.glob("db/*.log"))
        while bulk and logs & set(self.folder.glob("db/*.log")):
            last.wait("ack", len(last.lines))
        last.wait("ack", len(last.lines), number=20)
        last.kill()
        self.files = sorted(f for f in self.folder.rglob("*") if f.is_file() and f.stat().st_size)
        opened = Store.open(self.copied())
        self.rows: Rows = dict(opened.scan(b""))
        self.heads: Mapping[bytes, Head] = opened.heads()
        assert not check_chains(opened)
        opened.close()

    def copied(self) -> Path:
        shutil.rmtree(self._copy, ignore_errors=True)
        return Path(shutil.copytree(self.folder, self._copy))

    def flipped(self, file: Path, bit: int) -> Path:
        copy = self.copied()
        with (copy / file.relative_to(self.folder)).open("r+b") as f:
            f.seek(bit // 8)
            (byte,) = f.read(1)
            f.seek(bit // 8)
            f.write(bytes([byte ^ 1 << bit % 8]))
        return copy

    def start(self, folder: Path) -> str:
        """What a node makes of the store in this folder, and whether that is all that was stored."""
        try:
            opened = Store.open(folder)
        except StoreDamaged as e:
            assert e.message and e.hint
            return "does not open"
        try:
            if check_chains(opened):
                return "named"
            core_over(opened, clock.now()).begin(clock.now())
            rows = dict(opened.scan(b""))
        except Refusal as e:
            assert e.message and e.hint
            return "refused"
        except StoreDamaged as e:
            assert e.message and e.hint
            return "noticed in reading"
        else:
            if rows != self.rows:
                return "lost in silence"
            return "unchanged" if opened.heads() == self.heads else "older slot"
        finally:
            opened.close()

    def plain(self, folder: Path, **options: bool) -> str:
        """The same with LevelDB alone."""
        try:
            db = plyvel.DB(str(folder / "db"), **options)
        except plyvel.Error:
            return "does not open"
        try:
            rows = dict(db.iterator(verify_checksums=bool(options)))
            return "unchanged" if rows == self.rows else "lost in silence"
        except plyvel.Error:
            return "noticed in reading"
        finally:
            db.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("bitflip"))


def test_a_flipped_bit_is_noticed_or_changes_nothing(whole: Whole) -> None:
    rng = random.Random(seed())
    trials = length(40, 500)
    found: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    checked: Counter[str] = Counter()
    for _ in range(trials):
        file = rng.choice(whole.files)
        bit = rng.randrange(8 * file.stat().st_size)
        outcome = whole.start(whole.flipped(file, bit))
        assert outcome != "lost in silence", (file.name, bit)
        found[outcome] += 1
        plain[whole.plain(whole.flipped(file, bit))] += 1
        checked[whole.plain(whole.flipped(file, bit), paranoid_checks=True)] += 1
    record(
        "bitflip",
        trials=trials,
        failures=found["lost in silence"],
        control_lost=plain["lost in silence"],
        control_lost_with_leveldbs_checks=checked["lost in silence"],
        **{outcome.replace(" ", "_"): number for outcome, number in sorted(found.items())},
    )
    assert plain["lost in silence"], "the control: LevelDB as it comes loses in silence"


def test_a_flip_in_a_head_leaves_the_other_slot(whole: Whole) -> None:
    """The older slot is one commit behind, which is no damage; a flip in the older one is not even read."""
    (file,) = (f for f in whole.files if f.suffix == ".head")
    trials = length(16, 2 * 8 * SLOT_BYTES)
    found: Counter[str] = Counter()
    for trial in range(trials):
        slot, bit = divmod(trial * (2 * 8 * SLOT_BYTES // trials), 8 * SLOT_BYTES)
        found[whole.start(whole.flipped(file, 8 * SLOT_STRIDE * slot + bit))] += 1
    record("bitflip", trials=trials, failures=0, heads_older_slot=found["older slot"], heads_same=found["unchanged"])
    assert found.keys() == {"older slot", "unchanged"}, found


def test_the_head_names_what_a_manifest_lost_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Whole(tmp_path, "--bulk")
    manifest = next(f for f in whole.files if f.name.startswith("MANIFEST"))
    bits = [8 * (place + 4) + bit for place in beginnings(manifest)[-length(1, 99) :] for bit in range(16)]
    silent = named = 0
    for bit in bits:
        ours = whole.start(whole.flipped(manifest, bit))
        assert ours in ("does not open", "refused", "named"), (bit, ours)
        if whole.plain(whole.flipped(manifest, bit), paranoid_checks=True) == "lost in silence":
            silent += 1
            with monkeypatch.context() as m:
                m.setattr(store, "flipped_length", lambda file: None)
                outcome = whole.start(whole.flipped(manifest, bit))
            assert outcome in ("named", "refused", "does not open"), (bit, outcome)
            named += outcome != "does not open"
    record("bitflip", trials=len(bits), failures=0, manifest_lost_with_leveldbs_checks=silent, head_noticed=named)
    assert silent and named, "the control: LevelDB's own checks miss some, and the head does not"


def beginnings(log: Path) -> list[int]:
    """Where the records of a log begin, which is no longer than a block."""
    data = log.read_bytes()
    assert len(data) < BLOCK
    places, place = [], 0
    while place + HEADER <= len(data):
        places.append(place)
        place += HEADER + int.from_bytes(data[place + 4 : place + 6], "little")
    return places
