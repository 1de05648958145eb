"""The simulation can fail: take away any one rule, and some seed turns red. See README.md beside this file."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import settlement
from p2pnode.core.effects import Effect, Write
from p2pnode.core.exchanges import Exchanges
from p2pnode.core.journal import Journal
from p2pnode.core.outbox import Outbox
from tests.longer import either
from tests.sim.test_street import trade

ENOUGH = 40  # seeds within which each mutant must have been caught
CAUGHT = {"send_before_write": 32}  # where it takes long to come to: this seed first, and all of them if it has moved
Patch = pytest.MonkeyPatch


def send_before_write(patch: Patch) -> None:
    """What a step says leaves before what it means is on disk."""
    take = Journal.take

    def outward_first(self: Journal) -> list[Effect]:
        effects = take(self)
        return [*(e for e in effects if not isinstance(e, Write)), *(e for e in effects if isinstance(e, Write))]

    patch.setattr(Journal, "take", outward_first)


def no_duplicate_guard(patch: Patch) -> None:
    """An entry that comes twice is taken as new."""
    receive = settlement.receive
    patch.setattr(settlement, "receive", lambda known, *rest: receive(None, *rest))


def exchange_not_stored(patch: Patch) -> None:
    """Facts live in memory only."""
    keep: Callable[..., None] = Exchanges._keep

    def forgetful(self: Exchanges, held: Any, fact: Any, now: int) -> None:
        put, self._state.journal.put = self._state.journal.put, lambda *_, **__: None  # type: ignore[method-assign]
        try:
            keep(self, held, fact, now)
        finally:
            self._state.journal.put = put  # type: ignore[method-assign]

    patch.setattr(Exchanges, "_keep", forgetful)


def no_resend(patch: Patch) -> None:
    """What was lost on the way is not said again."""
    patch.setattr(Outbox, "woke", lambda self, now: None)
    patch.setattr(Outbox, "next_wake", lambda self: None)
    patch.setattr(Outbox, "connected", lambda self, peer, now: None)


MUTANTS = (send_before_write, no_duplicate_guard, exchange_not_stored, no_resend)


@pytest.mark.parametrize("mutant", either(MUTANTS, send_before_write), ids=lambda m: str(m.__name__))
def test_a_street_without_this_rule_breaks(mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    for seed in dict.fromkeys([CAUGHT.get(mutant.__name__, 0), *range(ENOUGH)]):
        try:
            trade(seed)
        except Exception as e:
            print(f"{mutant.__name__}: seed {seed}: {type(e).__name__}: {str(e)[:200]}")
            return
    pytest.fail(f"{ENOUGH} seeds did not notice that the rule is gone")
