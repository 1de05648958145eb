"""The commands about what lies in the node's folder: its settings, and whom it tells what happens."""

from typing import Annotated

from msgspec import Meta

from .arguments import Args, NoArgs

_Name = Annotated[str, Meta(min_length=1, max_length=32)]
_Hours = Annotated[str, Meta(max_length=16)]


class ListSettings(NoArgs, frozen=True):
    """All of them, in the order of docs/settings.md."""


class SetSetting(Args, frozen=True):
    """values: the words that `config set` takes, several of a list; None takes the setting out of the file."""

    name: _Name
    values: Annotated[tuple[Annotated[str, Meta(max_length=4_096)], ...], Meta(max_length=64)] | None = None


class ListTargets(NoArgs, frozen=True):
    """Addresses are secrets, and named by their service only."""


class AddTarget(Args, frozen=True):
    """url: `desktop`, or what apprise takes. events: None for all but `match`. quiet: `22:00-07:00`. brief: without
    titles and names."""

    url: Annotated[str, Meta(min_length=1, max_length=1_024)]
    events: Annotated[tuple[_Name, ...], Meta(max_length=16)] = ()
    quiet: _Hours | None = None
    brief: bool = False

    def __repr__(self) -> str:
        return f"AddTarget(events={self.events!r}, quiet={self.quiet!r}, brief={self.brief!r})"


class _OneTarget(Args, frozen=True):
    number: Annotated[int, Meta(ge=1, le=1_000_000)]


class RemoveTarget(_OneTarget, frozen=True):
    """number: as `notify.list` says."""


class TryTarget(_OneTarget, frozen=True):
    """number: as `notify.list` says. Refused (unreachable) with the reason if the message is not taken."""


# Rows of the table of commands: name, arguments, whether it writes, summary.
SETTINGS: tuple[tuple[str, type[Args], bool, str], ...] = (
    (
        "settings.list",
        ListSettings,
        False,
        "The node's settings: what is in force, what comes at its next start, and why",
    ),
    ("settings.set", SetSetting, False, "Change a setting in the file; it is in force at the node's next start"),
    ("notify.list", ListTargets, False, "Whom the node tells what happens"),
    ("notify.add", AddTarget, False, "Have the node tell somebody what happens"),
    ("notify.remove", RemoveTarget, False, "Tell one no more"),
    ("notify.test", TryTarget, False, "Send a message, to see whether it arrives"),
)
