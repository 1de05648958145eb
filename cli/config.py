"""`config get set unset list edit profile`: the node's settings, without an editor if that is not wanted."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from protocols.errors import Refusal

from .command import Group, with_session
from .output import note, say, table
from .session import Session

if TYPE_CHECKING:
    from p2pnode.home.settings import Change, Setting


@click.group(cls=Group, bare="list", example="p2pnode config list\np2pnode config set max_peers 32")
def config() -> None:
    """The node's settings: config.toml in its folder.

    Each is read when the node starts. docs/settings.md says more about each.
    """


@config.command("list", example="p2pnode config list")
@with_session
def list_(session: Session) -> None:
    """All settings: what is in force, and where it stands."""
    rows = _in_force(session)

    def human() -> None:
        if session.plain:
            return table([], [(s.name, shown(s.value), s.source) for s in rows], plain=True)
        table(
            ["SETTING", "VALUE", "FROM", "MEANING"],
            [(s.name, shown(s.value) or "(nothing)", s.source, s.meaning) for s in rows],
        )

    session.emit([_json(s) for s in rows], human)


@config.command("get", example="p2pnode config get listen")
@click.argument("name")
@with_session
def get(session: Session, name: str) -> None:
    """One setting: what is in force, nothing else; with --json where it stands and what it means, too."""
    from p2pnode.home.settings import known

    known(name)
    (found,) = (s for s in _in_force(session) if s.name == name)
    session.emit(_json(found), lambda: say(shown(found.value)))


@config.command("set", example="p2pnode config set max_peers 32\np2pnode config set lan no --dry-run")
@click.argument("name")
@click.argument("values", nargs=-1, required=True, metavar="VALUE…")
@with_session
def set_(session: Session, name: str, values: tuple[str, ...]) -> None:
    """Change a setting in the file. Several addresses are several values.

    Nothing is written that the node could not use. --dry-run shows what would change.
    """
    _change(session, {name: values})


@config.command("unset", example="p2pnode config unset max_peers")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@with_session
def unset(session: Session, names: tuple[str, ...]) -> None:
    """Take a setting out of the file: the profile's holds then, or the default."""
    _change(session, dict.fromkeys(names))


@config.command("profile", example="p2pnode config profile\np2pnode config profile pi")
@click.argument("name", required=False)
@with_session
def profile(session: Session, name: str | None) -> None:
    """Choose the defaults for what is not set in the file: home, pi, server or test. Without a name, show them."""
    from p2pnode.home.config import PROFILES
    from p2pnode.home.settings import PROFILE_WORDS

    if name is not None:
        _change(session, {"profile": (name,)})
        fixed = [s.name for s in _in_force(session) if s.source in ("file", "environment") and s.name in PROFILES[name]]
        if fixed:
            note(f"As set, and not by the profile: {', '.join(fixed)} (p2pnode config unset {' '.join(fixed)})")
        return
    session.folder().require()
    chosen = next(s.value for s in _in_force(session) if s.name == "profile")
    data = [
        {"profile": one, "chosen": one == chosen, "about": PROFILE_WORDS[one], "settings": values}
        for one, values in PROFILES.items()
    ]

    def human() -> None:
        rows = [
            ("*" if row["chosen"] else "", row["profile"], row["about"], _pairs(PROFILES[str(row["profile"])]))
            for row in data
        ]
        table(["", "PROFILE", "FOR", "SETS"], rows, session.plain)

    session.emit(data, human)


@config.command("edit", example="p2pnode config edit")
@with_session
def edit(session: Session) -> None:
    """Open config.toml in your editor ($VISUAL or $EDITOR); what the node could not use is not saved."""
    from p2pnode.home.settings import changed, read_raw

    home = session.folder()
    home.require()
    if session.no_input or session.json or not sys.stdin.isatty():
        raise Refusal("usage", "Only a terminal can show an editor", "p2pnode config set NAME VALUE")
    before = text = read_raw(home)
    while True:
        typed = click.edit(text, extension=".toml", require_save=False)
        if typed is None or typed == before:
            return note("Nothing was changed.")
        text = typed
        try:
            return _write(session, changed(home, before, text))
        except Refusal as e:
            note(f"{e.message}\n  {e.hint}")
            if not click.confirm("Go on editing? Otherwise nothing is changed", default=True):
                return note("Nothing was changed.")


def shown(value: Any) -> str:
    """A setting as one types it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, (tuple, list)) else str(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def _in_force(session: Session) -> "list[Setting]":
    from p2pnode.home.settings import settings_in_force

    session.folder().require()
    return settings_in_force(session.folder())


def _json(setting: "Setting") -> dict[str, Any]:
    row = setting._asdict()
    return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}


def _change(session: Session, values: Mapping[str, Sequence[str] | None]) -> None:
    from p2pnode.home.settings import with_values

    session.folder().require()
    _write(session, with_values(session.folder(), values))
    for name in values:
        if f"P2PNODE_{name.upper()}" in os.environ:
            note(f"P2PNODE_{name.upper()} in the environment goes above it.")


def _write(session: Session, change: "Change") -> None:
    from p2pnode.home.settings import write_change

    home = session.folder()
    if not session.dry_run:
        write_change(home, change)
    restart = bool(change.names) and home.in_use()
    data = {
        "file": str(home.config),
        "changed": list(change.names),
        "diff": change.diff,
        "restart": restart,
        "dry_run": session.dry_run,
    }

    def human() -> None:
        if not change.diff:
            return note("It stands so already; nothing was changed.")
        if session.dry_run:
            say(change.diff)
            return note("Nothing was written.")
        say(f"Changed: {', '.join(change.names) or 'nothing that is in force'} ({home.config})")
        if restart:
            note("The node runs: it takes this up at its next start (stop it, then p2pnode run).")

    session.emit(data, human)
