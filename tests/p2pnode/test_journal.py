"""The journal rule, for every step that a street takes: what is written leaves first."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.core import Core
from p2pnode.core.effects import Emit, Write
from p2pnode.core.events import Event
from p2pnode.core.journal import Journal
from p2pnode.store import MemoryStore
from tests.sim import test_street
from tests.sim.street import storm

keys = st.binary(min_size=1, max_size=2)
steps = st.lists(st.tuples(st.sampled_from("pdoct"), keys, st.binary(max_size=2), st.booleans()), max_size=30)


@given(steps)
def test_reads_see_what_was_put_and_the_write_comes_first(actions):
    store = MemoryStore()
    journal, model = Journal(store), {}
    for action, key, value, durable in actions:
        match action:
            case "p":
                journal.put(key, value, durable=durable)
                model[key] = value
            case "d":
                journal.delete(key, durable=durable)
                model.pop(key, None)
            case "o":
                journal.out(Emit("x", {}))
            case _:
                effects = journal.take()
                assert all(not isinstance(e, Write) for e in effects[1:]) and not journal.dirty
                for e in effects:
                    if isinstance(e, Write) and action == "c":
                        store.commit(e.puts, e.deletes, e.durable)
                        journal.committed()
                    elif isinstance(e, Write):
                        store.commit(e.puts, e.deletes, e.durable)
        assert {k: journal.get(k) for k in model} == model
        assert dict(journal.scan(b"")) == model


@pytest.mark.parametrize("seed", [3, 4])
def test_every_step_of_a_street_writes_first(seed, monkeypatch):
    handle, kinds = Core.handle, set()

    def checked(self: Core, event: Event, now: int):
        effects = handle(self, event, now)
        writes = [isinstance(e, Write) for e in effects]
        assert writes == sorted(writes, reverse=True)
        if any(writes):
            kinds.add(type(event).__name__)
        return effects

    monkeypatch.setattr(Core, "handle", checked)
    test_street.trade(seed, storm(Random(seed)))
    assert {"Command", "Received", "Woke", "Connected", "Listening"} <= kinds
