"""docs/cli.md from the commands themselves: python -m cli.reference > docs/cli.md"""

import inspect
from collections.abc import Iterator

import click

from p2pnode.home.config import SETTINGS, Config

from .main import SECTIONS, cli

HEAD = """# The command line

Made by `python -m cli.reference > docs/cli.md`; do not edit by hand.

Global options may stand before or after the subcommand. With `--json`, stdout is exactly one line
`{"schema": 1, "data": …}`, or `{"schema": 1, "error": {"code", "message", "hint"}}`; with `--watch` one line each time.
Times are milliseconds (UTC), amounts `{"amount": minor units, "unit"}`. What is meant for the reader beside the data
goes to stderr. Ids may be given as any unique beginning; a PEER also by its name, if that is unique here.

A TIME is by this machine's clock: `2026-11-24 10:00`, `24.11.2026 10:00`, `24.11. 10:00` (the next 24 November),
`today`, `tomorrow 10:00`, a weekday as `fri` or `friday 10:00` (the next one after today), `10:00` (when the clock
shows that next), or a time from now such as `2h`, `3d` or `1w`. A day without an hour is its beginning; where something
ends, its end. ISO 8601 with a zone is taken too: `2026-11-24T10:00Z`.

| exit status | meaning |
|---|---|
| 0 | ok |
| 1 | failed |
| 2 | usage |
| 3 | not found |
| 4 | no running node, or no home |
| 5 | refused by a rule or by the other side |
| 6 | conflict |
| 7 | nobody reachable, or time-out (also of `--wait`) |
| 130 | interrupted |

With exit status 7 after `--wait`, the error carries what was done here as `error.data`.
"""


SETTINGS_HEAD = """
`config.toml` in the home folder; each can be set in the environment too, as `P2PNODE_NAME` and so on (lists separated
by commas). The environment goes above the file, the file above the profile.

| setting | meaning | default |
|---|---|---|"""


def reference() -> str:
    """The whole document."""
    parts = [HEAD, "## Global options\n", _options(cli, hidden=False)]
    root = click.Context(cli, info_name="p2pnode")
    for title, places in SECTIONS.items():
        parts.append(f"## {title}\n")
        for name in places:
            command = cli.get_command(root, name)
            if command is not None:
                parts += _describe(command, f"p2pnode {name}")
    parts += ["## Settings", SETTINGS_HEAD, *_settings()]
    return "\n".join(parts).rstrip() + "\n"


def _settings() -> Iterator[str]:
    defaults = Config()
    for name, text in SETTINGS.items():
        default = getattr(defaults, name)
        shown = " ".join(default) if isinstance(default, tuple) else str(default).lower()
        yield f"| `{name}` | {text} | {f'`{shown}`' if shown else 'empty'} |"


def _describe(command: click.Command, path: str) -> Iterator[str]:
    arguments = " ".join(p.make_metavar(click.Context(command)) for p in _arguments(command))
    rest = " COMMAND" if isinstance(command, click.Group) else ""
    yield f"### {path}{' ' + arguments if arguments else ''}{rest}\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    if options := _options(command):
        yield options
    if example := getattr(command, "example", ""):
        yield f"```sh\n{example}\n```\n"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _describe(inner, f"{path} {name}")


def _arguments(command: click.Command) -> list[click.Parameter]:
    return [p for p in command.params if isinstance(p, click.Argument)]


def _options(command: click.Command, hidden: bool = False) -> str:
    context = click.Context(command)
    rows = [
        record
        for p in command.params
        if isinstance(p, click.Option) and (hidden or not p.hidden) and (record := p.get_help_record(context))
    ]
    return "".join(f"- `{names}`  {text}\n" for names, text in rows)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
