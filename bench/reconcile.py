"""What it costs two nodes to hold the same: bytes and round trips of comparisons, and the time of a first fetch.

Bytes are those of gossip frames, without greetings and without the records themselves. Negentropy, the other
implementation of range-based reconciliation, took 118 kB for 100 differences in 100,000. In the first fetch a node
without records takes in all of another's, through the real ladder and onto the disk; PyNaCl's bare verify of the same
records goes on in turns with it, so that what else the machine does slows both.
"""

import gc
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from nacl.signing import VerifyKey

from bench.ingest import NOW, Node, make_records
from bench.report import Figure, arguments, show
from dht.catalog import Catalog
from dht.gossip import Deliver, Gossip, SendFrame, Step
from dht.items import ItemSet, View
from dht.keys import item
from dht.reconcile import Session, answer
from p2pnode.store import Store
from p2pnode.verifying import Verifier
from protocols.envelope import Record, parse_record
from protocols.gossip_messages import (
    Answer,
    Done,
    Have,
    Reconcile,
    Want,
    encode_message,
    parse_message,
)
from protocols.identity import parse_inception, prefix
from protocols.limits import DAY, MINUTE

NETWORK = b"n" * 16
CHANGES = 100
NEGENTROPY = 118_000  # bytes, for 100 differences in 100,000
COUNTED = (Reconcile, Answer, Done, Have, Want)


def view(items: Iterable[bytes]) -> View:
    held = ItemSet()
    for each in items:
        held.add(each)
    return View([held])


def compare(mine: View, theirs: View) -> tuple[int, int, int]:
    """Bytes, round trips and differences of one comparison."""
    session, size, turns, found = Session(mine, NOW), 0, 0, 0
    while ranges := session.ask():
        turns += 1
        said = answer(theirs, session.as_of, ranges)
        size += len(encode_message(Reconcile(NETWORK, turns, session.as_of, ranges)))
        size += len(encode_message(Answer(NETWORK, turns, said)))
        differences = session.answered(said)
        found += len(differences.have) + len(differences.need)
    return size, turns, found


def comparisons(count: int, rng: random.Random) -> list[Figure]:
    """Two sets of so many, the same and with 100 differences, half of them on either side."""
    made = [item(NOW + rng.randrange(DAY, 90 * DAY), rng.randbytes(16), NOW, rng.randbytes(32)) for _ in range(count)]
    half = CHANGES // 2
    same = view(made)
    sync_bytes, sync_turns, _ = compare(same, view(made))
    size, turns, found = compare(view(made[:-half]), view([*made[: -2 * half], *made[-half:]]))
    if found != CHANGES:
        raise AssertionError(f"{found} differences found")
    return [
        Figure("reconcile_in_sync_bytes", sync_bytes, "B", "question and answer", at_most=100),
        Figure("reconcile_in_sync_round_trips", sync_turns, "", "", at_most=1),
        Figure("reconcile_100_bytes", size, "B", "100 differences, no common history", at_most=NEGENTROPY),
        Figure("reconcile_100_round_trips", turns, "", "", at_most=3),
    ]


class Side:
    """A gossip machine and what it keeps, without disk or checks."""

    def __init__(self, rng: random.Random) -> None:
        self.catalog = Catalog(NETWORK)
        self.wires: dict[bytes, bytes] = {}
        self.gossip = Gossip(lambda _, record_id: self.wires.get(record_id), rng)
        self.gossip.join(NETWORK, self.catalog, [""], NOW)

    def hold(self, record: Record, now: int) -> bool:
        added = self.catalog.admit(record, now).added
        if added:
            self.wires[record.id] = record.wire
        return added

    def do(self, steps: list[Step], now: int) -> list[bytes]:
        """Frames to send."""
        for step in steps:
            if isinstance(step, Deliver):
                for wire in step.wires:
                    record = parse_record(wire)
                    if self.hold(record, now):
                        self.gossip.spread(NETWORK, record.id, step.peer, now)
        return [step.frame for step in steps if isinstance(step, SendFrame)]


class Pair:
    """Two sides with a connection of 20 ms each way; counts what passes."""

    def __init__(self, rng: random.Random) -> None:
        self.sides = (Side(rng), Side(rng))
        self.now = NOW
        self.bytes = self.turns = 0
        self._flying: list[tuple[int, int, bytes]] = []

    def connect(self) -> None:
        for me in (0, 1):
            self._send(me, self.sides[me].gossip.connected("peer", self.now))

    def cut(self) -> None:
        self._flying.clear()
        for side in self.sides:
            side.gossip.disconnected("peer")

    def run(self, span: int) -> None:
        for _ in range(span // 20):
            self.now += 20
            landed = [f for f in self._flying if f[0] <= self.now]
            self._flying = [f for f in self._flying if f[0] > self.now]
            for _, me, frame in landed:
                self._send(me, self.sides[me].gossip.received("peer", frame, self.now))
            for me in (0, 1):
                self._send(me, self.sides[me].gossip.woke(self.now))

    def _send(self, me: int, steps: list[Step]) -> None:
        for frame in self.sides[me].do(steps, self.now):
            message = parse_message(frame)
            self.bytes += len(frame) if isinstance(message, COUNTED) else 0
            self.turns += isinstance(message, Reconcile)
            self._flying.append((self.now + 20, 1 - me, frame))


def reconnect(records: Sequence[Record], network: bytes, rng: random.Random) -> list[Figure]:
    """Both hold all but 100, are parted, get 50 more each, and meet again."""
    pair = Pair(rng)
    for side in pair.sides:
        side.catalog = Catalog(network)
        side.gossip.leave(NETWORK)
        side.gossip.join(network, side.catalog, [""], NOW)
        for record in records[CHANGES:]:
            side.hold(record, NOW)
    pair.connect()
    pair.run(MINUTE)
    pair.cut()
    for place, record in enumerate(records[:CHANGES]):
        side = pair.sides[place % 2]
        side.hold(record, pair.now)
        side.gossip.spread(network, record.id, None, pair.now)
    pair.bytes = pair.turns = 0
    pair.connect()
    for _ in range(60):
        pair.run(1_000)
        if pair.turns and len(pair.sides[0].catalog) == len(pair.sides[1].catalog) == len(records):
            break
    else:
        raise AssertionError("they do not hold the same")
    return [
        Figure("reconnect_100_bytes", pair.bytes, "B", "100 changes while parted, records apart", at_most=10_000),
        Figure("reconnect_100_comparisons", pair.turns, "", "that find nothing more", at_most=1),
    ]


class Receiver(Node):
    """A node without records, with its gossip machine before the ladder and the store behind it."""

    def __init__(self, store: Store, rng: random.Random) -> None:
        super().__init__(store, rng, Verifier())
        self.gossip = Gossip(lambda _, record_id: None, rng)
        self.gossip.join(self.network, self._joined.catalog, [""], NOW)

    def count(self) -> int:
        return len(self._joined.catalog)


def cold(records: int, rng: random.Random) -> tuple[list[Figure], list[Record], bytes]:
    """A first fetch: the receiver's time, the giver's, and that of bare verify, by records of one run in turns."""
    with tempfile.TemporaryDirectory(prefix="p2pnode-reconcile-") as folder:
        store = Store.open(Path(folder) / "store")
        receiver = Receiver(store, rng)
        made = make_records(rng, receiver.network, records)
        giver = Side(rng)
        giver.gossip.leave(NETWORK)
        giver.catalog = Catalog(receiver.network)
        giver.gossip.join(receiver.network, giver.catalog, [""], NOW)
        signed = {}
        for r in made:
            giver.hold(r, NOW)
            signed[r.wire] = (VerifyKey(parse_inception(r.inception).key), prefix(r.kind) + r.header, r.signature)
        gc.collect()
        gc.freeze()
        bare, giving, taking = fetch(giver.gossip, receiver, signed)
        store.close()
        if receiver.count() != records:
            raise AssertionError(f"{receiver.count()} of {records} came")
    micro = 1e6 / records
    figures = [
        Figure("cold_sync_ratio", taking / bare, "", "receiver's time to that of bare verify", at_most=1.6),
        Figure("cold_sync_receiver_us", taking * micro, "µs", "a record: compared, fetched, checked, durable"),
        Figure("cold_sync_giver_us", giving * micro, "µs", "a record: compared and served"),
        Figure("cold_sync_bare_verify_us", bare * micro, "µs", "a record: VerifyKey.verify alone"),
    ]
    return figures, made, receiver.network


def fetch(
    giver: Gossip, receiver: Receiver, signed: dict[bytes, tuple[VerifyKey, bytes, bytes]]
) -> tuple[float, float, float]:
    """Seconds of bare verify, of the giver and of the receiver."""
    now, clock = NOW, time.perf_counter
    bare = giving = taking = 0.0
    to_receiver = [s.frame for s in giver.connected("r", now) if isinstance(s, SendFrame)]
    to_giver = [s.frame for s in receiver.gossip.connected("g", now) if isinstance(s, SendFrame)]
    while receiver.count() < len(signed) and now < NOW + 10 * MINUTE:
        now += 5
        began = clock()
        steps = [s for frame in to_giver for s in giver.received("r", frame, now)] + giver.woke(now)
        giving += clock() - began
        to_receiver += [s.frame for s in steps if isinstance(s, SendFrame)]
        to_giver = []
        for frame in [*to_receiver, None]:
            began = clock()
            steps = receiver.gossip.woke(now) if frame is None else receiver.gossip.received("g", frame, now)
            wires = [w for s in steps if isinstance(s, Deliver) for w in s.wires]
            if wires:
                receiver.take(wires)
            if frame is None:  # the loop commits what came together in one batch
                receiver.commit()
            taking += clock() - began
            to_giver += [s.frame for s in steps if isinstance(s, SendFrame)]
            began = clock()
            for wire in wires:
                key, message, signature = signed[wire]
                key.verify(message, signature)
            bare += clock() - began
        to_receiver = []
    return bare, giving, taking


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    rng = random.Random(1)  # the same sets in every run
    figures = comparisons(options.records, rng)
    fetched, made, network = cold(options.records, rng)
    figures += reconnect(made, network, rng) + fetched
    return show(f"{options.records:,} records", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
