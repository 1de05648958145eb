"""The man pages, from the commands themselves: python -m cli.man FOLDER. setup.py has them made for the package.

One page a command. A page of code and no library: click-man makes its pages by setuptools' entry points, knows no
examples, and takes the options that may stand anywhere for each command's own.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from p2pnode.home.config import SETTINGS

from .main import SECTIONS, cli
from .reference import HEAD

SECTION = "1"
Found = tuple[tuple[str, ...], click.Command]
STATUSES = re.findall(r"^\| (\d+) \| (.*) \|$", HEAD, re.MULTILINE)


def pages() -> dict[str, str]:
    """File name → text of every page."""
    root = click.Context(cli, info_name="p2pnode")
    found = {f"p2pnode.{SECTION}": _root(root)}
    for place, command in _all(cli, root):
        found[f"{'-'.join(('p2pnode', *place))}.{SECTION}"] = _page(place, command)
    return found


def _all(group: click.Group, context: click.Context, above: tuple[str, ...] = ()) -> Iterator[Found]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from _all(command, context, (*above, name))


def _root(context: click.Context) -> str:
    lines = [*_head(("p2pnode",), "a neighbourhood marketplace that nobody owns")]
    lines += [".SH SYNOPSIS", r"\fBp2pnode\fR [\fIOPTION\fR]... \fICOMMAND\fR [\fIARGUMENT\fR]..."]
    lines += [
        ".SH DESCRIPTION",
        _text("Each household runs a node; together they hold what the street offers and looks for."),
    ]
    lines += [_text("Each command has a page of its own, such as p2pnode-offer-publish(1).")]
    for title, places in SECTIONS.items():
        lines.append(f".SH {title.upper()}")
        for name, place in places.items():
            lines += [".TP", rf"\fB{_text('p2pnode-' + name)}\fR(1)", _text(place.summary + ".")]
    lines += [".SH OPTIONS", _text("These may stand before or after the subcommand.")]
    lines += _options(cli)
    lines += [".SH EXIT STATUS"]
    for status, meaning in STATUSES:
        lines += [".TP", rf"\fB{status}\fR", _text(re.sub(r"[`*]", "", meaning))]
    lines += [".SH ENVIRONMENT", ".TP", r"\fBP2PNODE_HOME\fR", _text("The node's folder, as with --home."), ".TP"]
    lines += [r"\fBNO_COLOR\fR", _text("Nothing is coloured.")]
    for name, meaning in SETTINGS.items():
        lines += [".TP", rf"\fBP2PNODE_{name.upper()}\fR", _text(f"{meaning}.")]
    lines += [".SH FILES", ".TP", rf"\fI{_text('~/.local/share/p2pnode')}\fR"]
    lines += [_text("The node's folder. Its settings are in config.toml; p2pnode paths shows the rest.")]
    return "\n".join(lines) + "\n"


def _page(place: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(command)
    words = " ".join(place)
    about = inspect.cleandoc(command.help or "")
    summary, _, rest = about.partition("\n\n")
    first, _, more = " ".join(summary.split()).partition(". ")
    lines = [*_head(("p2pnode", *place), first.rstrip(".")), ".SH SYNOPSIS"]
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    ending = [r"\fICOMMAND\fR [\fIARGUMENT\fR]..."] if isinstance(command, click.Group) else [r"[\fIOPTION\fR]..."]
    lines.append(" ".join([rf"\fBp2pnode {_text(words)}\fR", *ending, *(rf"\fI{_text(a)}\fR" for a in arguments)]))
    lines.append(".SH DESCRIPTION")
    for number, paragraph in enumerate([f"{first.rstrip('.')}. {more}".strip(), *filter(None, rest.split("\n\n"))]):
        lines += ([".PP"] if number else []) + [_text(" ".join(paragraph.split()))]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for name, inner in command.commands.items():
            said = " ".join(inspect.cleandoc(inner.help or "").partition("\n\n")[0].split())
            lines += [".TP", rf"\fB{_text('-'.join(('p2pnode', *place, name)))}\fR(1)", _text(said)]
    if options := _options(command):
        lines += [".SH OPTIONS", *options]
    if example := getattr(command, "example", ""):
        lines += [".SH EXAMPLE", ".nf", *(_text(line) for line in example.splitlines()), ".fi"]
    above = "-".join(("p2pnode", *place[:-1]))
    lines += [".SH SEE ALSO", rf"\fB{_text(above)}\fR(1)" + ("" if above == "p2pnode" else r", \fBp2pnode\fR(1)")]
    return "\n".join(lines) + "\n"


def _head(words: tuple[str, ...], about: str) -> list[str]:
    name = "-".join(words)
    return [
        r".\" Made by: python -m cli.man",
        f'.TH {name.upper()} {SECTION} "" p2pnode "p2pnode manual"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(about[:1].lower() + about[1:])}",
    ]


def _options(command: click.Command) -> list[str]:
    context, lines = click.Context(command), []
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden and (record := param.get_help_record(context)):
            lines += [".TP", rf"\fB{_text(record[0])}\fR", _text(record[1])]
    return lines


def _text(text: str) -> str:
    """As roff reads it: no line of it is a request, no character an escape; hyphens can be copied. ASCII, so that it
    reads the same in every locale."""
    text = text.replace("\\", "\\(rs").replace("-", "\\-")
    text = text.replace("`", "\\(ga").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    text = "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)
    return f"\\&{text}" if text[:1] in (".", "'") else text


def write(folder: Path) -> None:
    """Write all pages; take away those of commands that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in folder.glob(f"p2pnode*.{SECTION}"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
