"""Any bytes in any state: nothing raises; what is malformed costs the peer a strike."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dht.catalog import Catalog
from dht.fetching import MAX_NEED
from dht.gossip import Deliver, Gossip, SendFrame, Strike, Synced
from dht.keys import item_of
from dht.neighbour import Neighbour
from dht.telling import MAX_REQUESTS
from protocols.codec import encode
from protocols.errors import DecodeError, Reject
from protocols.gossip_messages import (
    DIFF,
    ITEMS,
    LIST,
    SUM,
    Answer,
    Done,
    Graft,
    Have,
    Hello,
    Prune,
    Range,
    Reconcile,
    Records,
    Unknown,
    Want,
    encode_message,
    parse_message,
)
from protocols.limits import MAX_FRAME
from tests.dht.records import NETWORK, NOW, record

RECORDS = [record(name=i, scope="u4pru") for i in range(40)]
WIRES = {r.id: r.wire for r in RECORDS}
ITEMS_ = sorted(item_of(r) for r in RECORDS)
SAMPLES = [
    Hello(NETWORK, b"12345678", NOW, False, ("u4", "u4pru")),
    Reconcile(
        NETWORK,
        7,
        NOW,
        (Range(ITEMS_[9][:12]), Range(ITEMS_[20], LIST, ids=(b"i" * 16,)), Range(b"", SUM, b"f" * 16)),
    ),
    Answer(NETWORK, 7, (Range(ITEMS_[9], ITEMS, items=tuple(ITEMS_[:2])), Range(b"", DIFF, items=(), missing=(0, 3)))),
    Answer(NETWORK, 7, ()),
    Done(NETWORK, 7),
    Have(NETWORK, tuple(ITEMS_[:3])),
    Want(NETWORK, 1, tuple(r.id for r in RECORDS[:3])),
    Records(NETWORK, 0, 0, tuple(r.wire for r in RECORDS[:2])),
    Prune(NETWORK, "u4pru"),
    Graft(NETWORK, ""),
]


def hub(known=20):
    catalog = Catalog(NETWORK)
    for r in RECORDS[:known]:
        catalog.admit(r, NOW)
    gossip = Gossip(lambda _, id_: WIRES.get(id_), Random(1))
    gossip.join(NETWORK, catalog, ["u4"], NOW)
    gossip.connected("p", NOW)
    return gossip, catalog


def greeted():
    gossip, _ = hub()
    gossip.received("p", encode_message(SAMPLES[0]), NOW)
    return gossip


def strikes(steps):
    return [s for s in steps if isinstance(s, Strike)]


@pytest.mark.parametrize("message", SAMPLES, ids=lambda m: type(m).__name__)
def test_messages_survive_their_encoding(message):
    assert parse_message(encode_message(message)) == message


@pytest.mark.parametrize("message", SAMPLES, ids=lambda m: type(m).__name__)
def test_truncated_at_every_length(message):
    gossip, frame = greeted(), encode_message(message)
    step = max(1, len(frame) // 400)
    for cut in range(0, len(frame), step):
        assert strikes(gossip.received("p", frame[:cut], NOW))
    assert strikes(gossip.received("p", frame + b"\0", NOW))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SAMPLES), st.integers(0, 2**32))
def test_flipped_bits_never_raise(message, seed):
    rng = Random(seed)
    frame = bytearray(encode_message(message))
    frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
    gossip = greeted()
    gossip.received("p", bytes(frame), NOW)
    gossip.woke(NOW + 1_000)
    gossip.received("p", bytes(frame), NOW + 2_000)


def test_a_greeting_is_answered_also_when_what_was_said_before_turns_out_to_be_wrong(monkeypatch):
    def wrong(neighbour, now):
        raise Reject("field", "an answer that was put off")

    gossip, _ = hub()
    monkeypatch.setattr(Neighbour, "woke", wrong)
    steps = gossip.received("p", encode_message(SAMPLES[0]), NOW)
    assert strikes(steps) and any(isinstance(s, SendFrame) for s in steps)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_struck(data):
    steps = greeted().received("p", data, NOW)
    assert steps == strikes(steps)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.binary(max_size=70) | st.text("u4x", max_size=8),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.integers(-1, 11), st.lists(values, max_size=5))
def test_canonical_nonsense_never_raises(type_, rest):
    greeted().received("p", encode([type_, NETWORK, *rest]), NOW)


@pytest.mark.parametrize(
    "value",
    [
        [True, NETWORK, b"12345678", 0, False, []],
        [0, NETWORK],
        [1, NETWORK[:15], b"12345678", 0, False, []],
        [1, NETWORK, b"1234567", 0, False, []],
        [1, NETWORK, b"12345678", -1, False, []],
        [1, NETWORK, b"12345678", True, False, []],
        [1, NETWORK, b"12345678", 0, 0, []],
        [1, NETWORK, b"12345678", 0, False, ["U4"]],
        [1, NETWORK, b"12345678", 0, False, ["u4pruyd"]],
        [1, NETWORK, b"12345678", 0, False, ["u4"] * 65],
        [2, NETWORK, 1, 0, []],
        [2, NETWORK, 0, 0, [[b""]]],
        [2, NETWORK, 2**32, 0, [[b""]]],
        [2, NETWORK, 1, 0, [[b""], [b"a"]]],
        [2, NETWORK, 1, 0, [[b"b"], [b"a"]]],
        [2, NETWORK, 1, 0, [[b"a" * 65]]],
        [2, NETWORK, 1, 0, [[b"", 0]]],
        [2, NETWORK, 1, 0, [[b"", 1, b"f" * 15]]],
        [2, NETWORK, 1, 0, [[b"", True, b"f" * 16]]],
        [2, NETWORK, 1, 0, [[b"", 2, b"i" * 17]]],
        [2, NETWORK, 1, 0, [[b"", 2, b"i" * 16 * 1025]]],
        [2, NETWORK, 1, 0, [[b"", 4, b""]]],
        [2, NETWORK, 1, 0, [[i.to_bytes(2, "big")] for i in range(1, 2050)]],
        [3, NETWORK, 1, [[b"", 2, b""]]],
        [3, NETWORK, 1, [[b"", 3, b"", b"\0\1\0\1"]]],
        [3, NETWORK, 1, [[b"", 3, b"", b"\0"]]],
        [3, NETWORK, 1, [[b"", 4, ITEMS_[1] + ITEMS_[0]]]],
        [3, NETWORK, 1, [[b"", 5, b""]]],
        [4, NETWORK],
        [5, NETWORK, b""],
        [5, NETWORK, b"h" * 63],
        [5, NETWORK, b"h" * 64 * 901],
        [6, NETWORK, 1, b""],
        [6, NETWORK, 0, b"h" * 32],
        [6, NETWORK, 1, b"h" * 32 * 257],
        [7, NETWORK, 0, 0, b""],
        [7, NETWORK, -1, 0, []],
        [7, NETWORK, False, 0, []],
        [7, NETWORK, 0, 257, []],
        [7, NETWORK, 0, 0, [""]],
        [7, NETWORK, 0, 0, [b"w" * (20 * 1024 + 1)]],
        [4, NETWORK, 1, 1],
        [8, NETWORK],
        [8, NETWORK, b"u4"],
        [8, NETWORK, "a"],
        [9, NETWORK, "u4pruyd"],
        [9, NETWORK, "", 1],
    ],
)
def test_out_of_bounds(value):
    with pytest.raises(DecodeError):
        parse_message(encode(value))
    assert strikes(greeted().received("p", encode(value), NOW))


def test_what_is_not_a_record_is_struck_and_the_records_before_it_are_delivered():
    steps = greeted().received(
        "p", encode_message(Records(NETWORK, 0, 0, (RECORDS[30].wire, b"\x93\xc0\xc0\xc0"))), NOW
    )
    assert strikes(steps) and any(isinstance(s, Deliver) for s in steps)


def test_later_types_other_networks_and_strangers_cost_nothing():
    assert parse_message(encode([10, NETWORK, "new"])) == Unknown(NETWORK)
    gossip = greeted()
    assert gossip.received("p", encode([10, NETWORK, "new"]), NOW) == []
    assert gossip.received("p", encode_message(SAMPLES[0]._replace(network=b"m" * 16)), NOW) == []
    assert gossip.received("q", b"", NOW) == []
    # Before its HELLO a peer is not served.
    assert hub()[0].received("p", encode_message(SAMPLES[6]), NOW) == []


def test_an_answer_that_was_not_asked_for_is_not_used():
    gossip = greeted()
    assert gossip.received("p", encode_message(SAMPLES[2]), NOW) == []


def test_a_flood_of_requests_and_items_is_bounded():
    gossip = greeted()
    rng = Random(1)
    sent = 0
    for i in range(200):
        steps = gossip.received("p", encode_message(Want(NETWORK, i + 1, tuple(r.id for r in RECORDS[:20] * 12))), NOW)
        sent += sum(len(s.frame) for s in steps if isinstance(s, SendFrame))
        fake = (ITEMS_[0][:8] + rng.randbytes(56) for _ in range(900))
        gossip.received("p", encode_message(Have(NETWORK, tuple(fake))), NOW)
    neighbour = gossip._neighbours[NETWORK]["p"]
    assert len(neighbour._telling._requests) <= MAX_REQUESTS
    fetching = neighbour._fetching
    assert len(fetching._need) + len(fetching._later) <= MAX_NEED
    assert len(neighbour._telling._known) <= 8_192
    assert sent < 5 * 1024 * 1024
    assert gossip.next_wake() is not None
    assert all(len(s.frame) <= MAX_FRAME for s in gossip.woke(NOW + 1_000) if isinstance(s, SendFrame))


def pair():
    """Two hubs, connected, and a way to exchange all that they say at one moment."""
    (a, ca), (b, cb) = hub(20), hub(30)
    hubs = {"a": (a, ca, "b"), "b": (b, cb, "a")}
    by_id = {r.wire: r for r in RECORDS}

    def settle(steps, now):
        """steps: (whose, step). Returns how many frames went, and the records each admitted."""
        frames, admitted, synced = 0, [], set()
        while steps:
            who, step = steps.pop(0)
            gossip, catalog, other = hubs[who]
            match step:
                case SendFrame(_, frame):
                    frames += 1
                    steps += [(other, s) for s in hubs[other][0].received("p", frame, now)]
                case Deliver(_, network, wires):
                    for wire in wires:
                        assert catalog.admit(by_id[wire], now).added
                        admitted.append((who, by_id[wire].id))
                        gossip.spread(network, by_id[wire].id, "p", now)
                case Synced():
                    synced.add(who)
                case Strike():
                    raise AssertionError(step)
            if not steps:
                steps += [
                    (n, s) for n, (g, _, _) in hubs.items() if (g.next_wake() or now + 1) <= now for s in g.woke(now)
                ]
        return frames, admitted, synced

    return hubs, settle


def test_the_one_who_lacks_records_gets_each_once():
    hubs, settle = pair()
    steps = [(n, s) for n, (g, _, _) in hubs.items() for s in g.connected("p", NOW)]
    frames, admitted, synced = settle(steps, NOW)
    for now in range(NOW, NOW + 2_000, 50):
        more = [(n, s) for n, (g, _, _) in hubs.items() for s in g.woke(now)]
        f, ad, sy = settle(more, now)
        frames, admitted, synced = frames + f, admitted + ad, synced | sy
    assert sorted(admitted) == sorted(("a", r.id) for r in RECORDS[20:30])
    assert synced == {"a", "b"}
    assert frames < 20


def test_a_burst_is_pushed_in_one_frame_and_not_back():
    hubs, settle = pair()
    settle([(n, s) for n, (g, _, _) in hubs.items() for s in g.connected("p", NOW)], NOW)
    for now in range(NOW, NOW + 2_000, 50):
        settle([(n, s) for n, (g, _, _) in hubs.items() for s in g.woke(now)], now)
    later = NOW + 3_000
    gossip, catalog, _ = hubs["b"]
    for r in RECORDS[30:]:
        catalog.admit(r, later)
    for r in RECORDS[30:]:
        gossip.spread(NETWORK, r.id, None, later)
    assert gossip.next_wake() <= later
    steps = gossip.woke(later)
    assert len(steps) == 1
    frames, admitted, _ = settle([("b", s) for s in steps], later)
    assert frames == 1 and len(admitted) == 10
