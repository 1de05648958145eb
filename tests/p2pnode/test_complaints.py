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
    assert in_words("it is too late") == "it is too late"
    assert in_words("Expected `str` matching regex '\\\\A[a-z]\\\\Z' - at `$.name`") == (
        "name: has characters that do not belong there"
    )


def test_fields_are_called_as_they_are_typed() -> None:
    regex = "Expected `str` matching regex 'x`y'"
    assert in_words("Object missing required field `id`") == "id is missing"
    assert in_words(f"{regex} - at `$.kind`").startswith("kind: begins with a letter")
    assert in_words(f"{regex} - at `$.available.rrule`").startswith("when: should be a rule such as FREQ=")
    assert in_words("Expected `str` of length >= 1 - at `$.tags[0]`") == "tag: must not be empty"
    assert in_words("Expected `int` <= 1000000 - at `$.quantity``") == "quantity: must be at most 1000000"


def test_help_names_a_command_that_exists() -> None:
    assert help_for("listing.publish") == "p2pnode help offer publish"
    assert help_for("status") == "p2pnode help status"
