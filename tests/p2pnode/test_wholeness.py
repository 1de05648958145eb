"""A ledger that lost its end is noticed before anything is signed."""

import json
from pathlib import Path

import pytest

from ledger.chain import encode_state, follow, start
from ledger.head import Head
from p2pnode.core.keys import CHAIN, DOUBT, ENTRY
from p2pnode.marker import Marked, Marker
from p2pnode.store import MemoryStore, StoreFailed
from p2pnode.wholeness import check_chains, examine
from protocols.codec import encode
from protocols.errors import Refusal
from tests.sim.simulator import Simulator
from tests.sim.street import street


@pytest.fixture(scope="module")
def whole() -> dict[bytes, bytes]:
    """What Anna has stored after she let three neighbours in: an INCEPT and two vouches."""
    anna = street(Simulator(1))[0]
    return dict(anna.disk.scan(b""))


def store_of(rows: dict[bytes, bytes], heads: dict[bytes, Head]) -> MemoryStore:
    store = MemoryStore()
    store.commit(rows, (), True, heads)
    return store


def heads_of() -> dict[bytes, Head]:
    return dict(street(Simulator(1))[0].disk.heads())


def test_a_whole_ledger_passes(whole: dict[bytes, bytes]) -> None:
    check_chains(store_of(whole, heads_of()))
    check_chains(MemoryStore())


def state_after_first() -> bytes:
    """The chain's state as it was after the INCEPT."""
    anna = street(Simulator(1))[0]
    network = next(iter(anna.core.state.networks.values()))
    first = network.chain.entry(0)
    assert first is not None
    return encode_state(follow(start(network.id, first.author), first))


def test_what_is_in_doubt_is_noted(whole: dict[bytes, bytes], tmp_path: Path) -> None:
    """A lost tail, no marker, an older marker, one that has seen more, and one that agrees."""
    ((network, head),) = heads_of().items()
    more = Head(network, head.count + 2, b"n" * 32)
    for number, (noted, doubt) in enumerate(
        (
            (None, [0, b""]),
            (Head(network, 2, bytes(32)), [0, b""]),
            (more, [more.count, more.last]),
            (head, None),
        )
    ):
        marker = Marker(tmp_path / f"{number}.json")
        if noted is not None:
            marker.note([noted])
        store = store_of(whole, heads_of())
        examine(store, Marker(marker.path), check_chains(store))
        assert [v for _, v in store.scan(DOUBT)] == ([] if doubt is None else [encode(doubt)])
    store = store_of(whole, heads_of())
    examine(store, Marker(tmp_path / "none"), [(head, range(1, 3))])
    assert store.get(DOUBT + network) == encode([3, head.last])
    marked = Marked(store, Marker(tmp_path / "new"))
    marked.commit({}, (), True, {network: head})
    assert Marker(tmp_path / "new").agrees(head)


def test_a_crash_around_a_commit_is_no_doubt_and_an_older_folder_is_one(tmp_path: Path) -> None:
    old, new = Head(b"n" * 16, 2, b"2" * 32), Head(b"n" * 16, 3, b"3" * 32)
    marker = Marker(tmp_path / "marker")
    marker.note([old])
    marker.note([new], to_come=True)
    found = Marker(tmp_path / "marker")  # as after a crash: before the commit, or after it
    assert found.agrees(old) and found.agrees(new)
    found.note([new])  # as the next start does, which saw the commit in the folder
    later = Marker(tmp_path / "marker")
    assert later.agrees(new) and not later.agrees(old)


def test_a_marker_that_makes_no_sense_names_nothing(tmp_path: Path) -> None:
    network = b"n" * 16
    for noted in ([], [3], ["3", "00"], [3, 7], [3, "zz"], [3, "00"], [-1, "00" * 32], [2**64, "00" * 32], {}):
        (tmp_path / "marker").write_text(json.dumps({network.hex(): noted}))
        assert Marker(tmp_path / "marker").noted(network) is None, noted
    begun = Marker(tmp_path / "begun")
    begun.note([Head(network, 2, b"2" * 32)])
    begun.note([Head(network, 3, b"3" * 32)], to_come=True)
    assert Marker(tmp_path / "begun").noted(network) == Head(network, 2, b"2" * 32), "what is to come is not certain"


def test_a_folder_from_before_a_network_was_joined_is_an_older_one_too(tmp_path: Path) -> None:
    """Whoever joined again from it would sign a second beginning."""
    head, marker = Head(b"n" * 16, 3, b"3" * 32), Marker(tmp_path / "marker")
    marker.note([head])
    store = MemoryStore()
    examine(store, Marker(marker.path), [])
    assert store.get(DOUBT + head.network) == encode([head.count, head.last])
    begun = Marker(tmp_path / "begun")  # a crash around the first commit: nothing was signed for certain
    begun.note([Head(head.network, 1, b"1" * 32)], to_come=True)
    empty = MemoryStore()
    examine(empty, Marker(begun.path), [])
    assert not list(empty.scan(DOUBT))


def test_a_marker_that_is_no_marker_is_as_none(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"[" * 100_000, b"[]", b'{"zz": [1, "00"]}', b"\xff")):
        (tmp_path / f"{number}").write_bytes(content)
        assert Marker(tmp_path / f"{number}").all_noted() == []


class Full(MemoryStore):
    def commit(self, *_: object, **__: object) -> None:
        raise StoreFailed("no space left")


def test_a_commit_that_failed_leaves_the_marker_true(tmp_path: Path) -> None:
    old, new = Head(b"n" * 16, 2, b"2" * 32), Head(b"n" * 16, 3, b"3" * 32)
    marker = Marker(tmp_path / "marker")
    marker.note([old])
    with pytest.raises(StoreFailed):
        Marked(Full(), marker).commit({}, (), True, {old.network: new})
    assert Marker(tmp_path / "marker").agrees(old)


def test_a_lost_tail_is_named(whole: dict[bytes, bytes]) -> None:
    entries = sorted(k for k in whole if k.startswith(ENTRY))
    assert len(entries) == 3
    rows = {k: v for k, v in whole.items() if k not in entries[1:]}
    rows[next(k for k in rows if k.startswith(CHAIN))] = state_after_first()
    ((head, missing),) = check_chains(store_of(rows, heads_of()))
    assert (head.count, missing) == (3, range(1, 3))


def test_a_hole_is_no_lost_tail(whole: dict[bytes, bytes]) -> None:
    entries = sorted(k for k in whole if k.startswith(ENTRY))
    with pytest.raises(Refusal, match="entries 2 to 2"):
        check_chains(store_of({k: v for k, v in whole.items() if k != entries[1]}, heads_of()))


def test_all_gone_but_the_head_is_noticed(whole: dict[bytes, bytes]) -> None:
    ((_, missing),) = check_chains(store_of({}, heads_of()))
    assert missing == range(3)


def test_a_head_record_that_is_gone_is_noticed(whole: dict[bytes, bytes]) -> None:
    with pytest.raises(Refusal):
        check_chains(store_of(whole, {}))


def test_a_crash_between_batch_and_head_is_no_damage(whole: dict[bytes, bytes]) -> None:
    ((network, head),) = heads_of().items()
    before = street(Simulator(1))[0].core.state.networks[network].chain.entry(head.count - 2)
    assert before is not None
    check_chains(store_of(whole, {network: Head(network, head.count - 1, before.id)}))


def test_a_state_that_does_not_fit_the_entries_is_noticed(whole: dict[bytes, bytes]) -> None:
    rows = {k: v for k, v in whole.items() if not k.startswith(CHAIN)}
    with pytest.raises(Refusal, match="do not fit"):
        check_chains(store_of(rows, heads_of()))
