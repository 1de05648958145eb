"""The arguments of commands about projects that are split into tasks."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .arguments import Args, Id, Text, Time, Title
from .bounds import MAX_TASKS, TASK_STEPS_AT_ONCE, TASKS_AT_ONCE

_Number = Annotated[int, Meta(ge=1, le=MAX_TASKS)]
_Prices = Annotated[dict[Annotated[str, Meta(max_length=64)], _Number], Meta(max_length=MAX_TASKS)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """price: as typed, or empty for thanks."""

    number: _Number
    title: Title
    text: Text = ""
    price: Annotated[str, Meta(max_length=64)] = ""


class OneProject(Args, frozen=True):
    """listing: of the project."""

    listing: Id


class ForeseeSplit(OneProject, frozen=True):
    """count: tasks 1 to this; prices: how many of them at each price."""

    count: _Number
    prices: _Prices = msgspec.field(default_factory=dict)


class Split(OneProject, frozen=True):
    """until: when the tasks end, ms; None: they stand as long as this node runs."""

    tasks: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=TASKS_AT_ONCE)]
    until: Time | None = None


class ClaimTasks(OneProject, frozen=True):
    count: Annotated[int, Meta(ge=1, le=MAX_TASKS)] = 1


class OfTasks(OneProject, frozen=True):
    """tasks: their numbers, or beginnings of the ids of their listings or exchanges; none: all that are ready for it,
    the first `TASK_STEPS_AT_ONCE` of them."""

    tasks: Annotated[tuple[Id, ...], Meta(max_length=TASK_STEPS_AT_ONCE)] = ()


class ReadyTasks(OfTasks, frozen=True):
    step: Literal["confirm", "pay"] = "confirm"


# Rows of the table of commands: name, arguments, whether it writes, summary.
PROJECTS: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("project.foresee", ForeseeSplit, False, "What splitting a project will take; nothing is published"),
    ("project.split", Split, True, "Publish the tasks of a project that are not there yet"),
    ("project.show", OneProject, False, "The tasks of a project, and how far each has come"),
    ("project.ready", ReadyTasks, False, "Which tasks of a project can be confirmed or paid; nothing is said"),
    ("project.confirm", OfTasks, True, "Confirm several tasks of a project, each by itself"),
    ("project.pay", OfTasks, True, "Pay several tasks of a project, each by itself"),
    ("project.free", OneProject, True, "Take back the tasks that were claimed and not done in time"),
    ("project.results", OneProject, False, "What was confirmed of a project, in order"),
    ("project.claim", ClaimTasks, True, "Claim the next tasks of somebody's project that are free"),
    ("project.claimed", OneProject, False, "The tasks of somebody's project that are ours"),
    ("project.stop", OneProject, True, "Claim no more of it; what is claimed stays claimed"),
)
