"""`--dimension NAME=N` of `attest`."""

import click
import pytest

from cli.reputation import _dimension


@pytest.mark.parametrize(
    ("text", "said"), [("punctual=2", ("punctual", 2)), ("clean=-1", ("clean", -1)), ("a=+1", ("a", 1))]
)
def test_a_dimension_is_a_name_and_a_number(text: str, said: tuple[str, int]) -> None:
    assert _dimension(text) == said


@pytest.mark.parametrize("text", ["punctual", "punctual=3", "=2", "punctual=x", "punctual=+-1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        _dimension(text)
