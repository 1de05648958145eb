"""Fixtures that several tests of the node share."""

from collections.abc import Iterator

import pytest

from p2pnode.search.index import Index


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index(":memory:", languages=("en", "de"))
    yield made
    made.close()
