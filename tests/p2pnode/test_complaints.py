"""Complaints about arguments are for people, not for those who wrote the program."""

import msgspec
import pytest

from p2pnode.commands import parse_args
from p2pnode.complaints import help_for, in_words


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("listing.show", {"id": ""}, "id: must not be empty"),
        ("listing.show", {"id": 3}, "id: should be text, not a whole number"),
        ("listing.show", {"id": "f" * 300}, "id: must have at most 128 characters"),
        ("search", {"query": "x" * 5000}, "query: must have at most 1000 characters"),
        ("exchange.propose", {"listing": "a", "quantity": 0}, "quantity: must be at least 1"),
    ],
)
def test_arguments(name: str, given: dict[str, object], words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as e:
        parse_args(name, given)
    assert in_words(str(e.value)) == words


def test_what_is_not_known_stays() -> None:
    assert in_words("Object missing required field `id`") == "Object missing required field `id`"
    assert in_words("Expected `str` matching regex '\\\\A[a-z]\\\\Z' - at `$.kind`") == (
        "kind: has characters that do not belong there"
    )


def test_help_names_a_command_that_exists() -> None:
    assert help_for("listing.publish") == "p2pnode help offer publish"
    assert help_for("status") == "p2pnode help status"
