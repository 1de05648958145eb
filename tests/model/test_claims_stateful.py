"""Random exchanges paid by private claims and in parts: nothing is paid twice or on top, and all of them end."""

from typing import Any

import pytest

from p2pnode.core import payable
from tests.longer import either
from tests.model import trading_claims
from tests.model.test_exchanges_stateful import LONG, MUTANT_WALKS, Trading, walk, without


class Promising(Trading):
    """The same, where payers may offer private claims, or to pay in parts, and payees agree to it or not."""

    def propose(self, kind: str, seed: int) -> None:
        self.world.promises = True
        super().propose(kind, seed)


@pytest.mark.parametrize("first", either(range(0, 5_000 if LONG else 100, 50), 50))
def test_the_same_where_claims_and_parts_pay(first: int) -> None:
    for seed in range(first, first + 50):
        walk(seed, 50, Promising)


# Each rule that is taken away: where it stands, what is put in its place. That only what is owed is split, and that a
# claim does not confirm credit, these walks pass too seldom: tests/p2pnode/test_parts.py and test_claimed.py hold it.
OF_CLAIMS: dict[str, tuple[Any, str, str, str]] = {
    "a claim is taken for what is paid": (payable, "why_not_claimed", "in OVER", "is None"),
}


@pytest.mark.parametrize("name", either(OF_CLAIMS, *OF_CLAIMS))
def test_a_rule_of_claims_that_is_taken_away_is_missed(name: str) -> None:
    with without(*OF_CLAIMS[name]), pytest.MonkeyPatch.context() as patched:
        module, function, *_ = OF_CLAIMS[name]
        patched.setattr(trading_claims, function, getattr(module, function))
        for seed in range(MUTANT_WALKS):
            try:
                walk(seed, 50, Promising)
            except AssertionError:
                return
    raise AssertionError(f"{name}, and nobody notices in {MUTANT_WALKS} runs")
