"""What `make check` runs and `make test` has no time for: more seeds of the same, and the longest searches."""

from typing import Any

import pytest

LONGER = pytest.mark.longer


def seeds(count: int, soon: int) -> list[Any]:
    """`count` seeds, of which `make test` takes the first `soon`."""
    return [pytest.param(seed, marks=LONGER) if seed >= soon else seed for seed in range(count)]


def either(values: Any, *longer: Any) -> list[Any]:
    """All values (tuples: of several names), of which `make check` alone takes the `longer` ones."""
    return [pytest.param(*_several(value), marks=LONGER) if value in longer else value for value in values]


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
