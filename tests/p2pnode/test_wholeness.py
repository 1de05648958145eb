"""A ledger that lost its end is noticed before anything is signed."""

import pytest

from ledger.head import Head
from p2pnode.core.keys import CHAIN, ENTRY
from p2pnode.store import MemoryStore
from p2pnode.wholeness import check_chains
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


def test_a_lost_tail_is_named(whole: dict[bytes, bytes]) -> None:
    entries = sorted(k for k in whole if k.startswith(ENTRY))
    assert len(entries) == 3
    rows = {k: v for k, v in whole.items() if k not in entries[1:]}
    with pytest.raises(Refusal, match="entries 1 to 2"):
        check_chains(store_of(rows, heads_of()))


def test_all_gone_but_the_head_is_noticed(whole: dict[bytes, bytes]) -> None:
    with pytest.raises(Refusal, match="entries 0 to 2"):
        check_chains(store_of({}, heads_of()))


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
