"""click, fitted: global options before or after the subcommand, an example in every help, groups loaded when used."""

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from .session import Session

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def session_of(ctx: click.Context) -> Session:
    """The one session of this run, wherever its options were typed."""
    root = ctx.find_root()
    if root.obj is None:
        root.obj = Session()
    session: Session = root.obj
    return session


def with_session(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the session as its first argument."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        function(session_of(click.get_current_context()), *args, **kwargs)

    return wrapped


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if param.name and ctx.get_parameter_source(param.name) is not ParameterSource.DEFAULT:
        setattr(session_of(ctx), param.name, value)


def global_options(hidden: bool) -> list[click.Parameter]:
    """The options that may stand anywhere. hidden: not shown again in the help of each subcommand."""

    def option(*names: str, **attrs: Any) -> click.Option:
        return click.Option(names, expose_value=False, hidden=hidden, callback=_store, **attrs)

    return [
        option("--home", metavar="DIR", help="The node's folder (or P2PNODE_HOME)."),
        option("--json", is_flag=True, help="Print one JSON object."),
        option("--network", metavar="NAME", help="Which network, where the node is in several."),
        option("--no-input", is_flag=True, help="Never ask."),
        option("--yes", is_flag=True, help="Take yes for the answer."),
        option("--dry-run", is_flag=True, help="Show what would be asked of the node; do nothing."),
        option("--plain", is_flag=True, help="Tab-separated text, nothing shortened."),
        option(
            "--wait",
            type=click.FloatRange(min=0, max=86_400),
            metavar="SECONDS",
            help="Wait until it has happened on the other side, too; exit status 7 if it has not.",
        ),
    ]


def _complete(param: click.Parameter, ctx: click.Context, incomplete: str) -> Any:
    from .completion import known_to_the_node

    return known_to_the_node(param, ctx, incomplete)


class Command(click.Command):
    """A command with an example in its help, that takes the global options."""

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", CONTEXT)
        super().__init__(*args, **kwargs)
        self.example = example
        for param in self.params:
            if isinstance(param.type, (type(click.STRING), type(click.INT))):
                # an instance's own method: what the node knows is asked for only when a shell completes
                setattr(param, "shell_complete", functools.partial(_complete, param))  # noqa: B010
        self.params += global_options(hidden=True)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_example(self.example, formatter)
        formatter.write_paragraph()
        formatter.write_text("Global options may stand here, too: see p2pnode --help")


class Group(click.Group):
    """A group of such commands. bare: the subcommand that is meant when none is named; alone: it does something
    itself then."""

    command_class = Command
    group_class = type

    def __init__(
        self, *args: Any, example: str = "", bare: str | None = None, alone: bool = False, **kwargs: Any
    ) -> None:
        kwargs.setdefault("context_settings", CONTEXT)
        kwargs.update(no_args_is_help=False, invoke_without_command=alone or bare is not None)
        super().__init__(*args, **kwargs)
        self.example = example
        self.bare = bare
        self.params += global_options(hidden=True)

    def invoke(self, ctx: click.Context) -> Any:
        if self.bare is not None and not getattr(ctx, "_protected_args", ()) and not ctx.args:
            command = self.commands[self.bare]
            with command.make_context(self.bare, [], parent=ctx) as inner:
                return command.invoke(inner)
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_example(self.example, formatter)


def write_example(example: str, formatter: click.HelpFormatter) -> None:
    if example:
        with formatter.section("Example"):
            for line in example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Interrupted(Exception):
    """The user pressed Ctrl-C."""


class Place(NamedTuple):
    """Where a top-level command is defined, and its line in the help: known without importing it."""

    module: str
    name: str
    summary: str


class LazyGroup(click.Group):
    """The root: imports a command's module when that command is run."""

    def __init__(
        self, *args: Any, places: Mapping[str, Mapping[str, Place]], older: Mapping[str, Place], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections, self.older = places, older
        self.places = {name: place for section in places.values() for name, place in section.items()}
        self.params += global_options(hidden=False)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as e:
            raise Interrupted from e  # click would print an empty line for it

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self.places.get(cmd_name) or self.older.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(importlib.import_module(place.module), place.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, place.summary) for name, place in section.items()], col_max=14)
