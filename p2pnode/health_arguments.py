"""The commands about the node's health."""

from typing import Annotated

from msgspec import Meta

from .arguments import Args


class Health(Args, frozen=True):
    """What the running node knows of itself; the fields of the answer: `Node` in p2pnode/doctor/seen.py."""


class Doctor(Args, frozen=True):
    """check: None for all."""

    check: Annotated[str, Meta(max_length=32)] | None = None


# Rows of the table of commands: name, arguments, whether it writes, summary.
HEALTH: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("health", Health, False, "What the running node knows of how it is"),
    ("doctor", Doctor, False, "All that is checked, what was found, and how to mend it"),
)
