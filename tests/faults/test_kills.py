"""The kill test of the story, longer, in powers of ten: `pytest tests/faults -k kills_10`. The first alone by default;
P2PNODE_LONG=1 for all."""

import os
from pathlib import Path

import pytest

from tests.e2e import test_kill

LONG = pytest.mark.skipif(not os.environ.get("P2PNODE_LONG"), reason="takes long; P2PNODE_LONG=1 runs it")


POWERS = [pytest.param(10**n, id=f"kills_{10**n}", marks=[LONG] if n > 1 else []) for n in (1, 2, 3)]


@pytest.mark.parametrize("number", POWERS)
def test_a_deal_survives(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PNODE_KILLS", str(number))
    test_kill.test_a_deal_survives_kills_at_any_moment(tmp_path)


@pytest.mark.parametrize("number", POWERS[:1])
def test_what_was_acknowledged_survives(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PNODE_KILLS", str(number))
    test_kill.test_what_was_acknowledged_is_there_after_a_kill(tmp_path)
