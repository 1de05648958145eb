"""`backup restore`: one sealed file, and the way back."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal

from .command import Command, with_session
from .output import facts, note
from .session import Session
from .times import now_ms

MIN_PASSPHRASE = 8  # characters; who has the file can try as long as he likes


@click.command(cls=Command, example="p2pnode backup /media/stick/anna.backup --passphrase-file ~/.backup-passphrase")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Seals it with the first line of this file.")
@with_session
def backup(session: Session, file: Path, passphrase_file: Path | None) -> None:
    """Write all that cannot be made again into one sealed file.

    Keys, ledger, exchanges and settings, as they stand at one moment. Works while the node runs, and without it. Nobody
    can read the file without the passphrase: keep that apart from it. A file that is there is replaced with --yes only.
    """
    target = Path(os.path.abspath(file.expanduser()))
    home = session.folder()
    home.require()
    if target.is_dir():
        raise Refusal("usage", f"{target} is a folder", f"Name a file in it: p2pnode backup {target / 'node.backup'}")
    if os.path.lexists(target) and not session.yes:
        raise Refusal("conflict", f"{target} is there already", "Name another file, or replace it with --yes")
    if session.dry_run:
        wanted = {"dry_run": True, "command": "backup", "args": {"file": str(target)}}
        session.emit(wanted, lambda: note(f"Would write {target}. Nothing was done."))
        return
    passphrase = _passphrase(session, passphrase_file, new=True)
    if home.in_use():
        data = session.call("backup", file=str(target), passphrase=passphrase)
        if not target.exists():
            why = "The node wrote it where only the node can see: as a service it has a /tmp of its own"
            raise Refusal("failed", why, "Name a file elsewhere: p2pnode help service install, --writable")
    else:
        with session.working("Writing the backup"):
            data = _without_node(session, target, passphrase)
    session.emit(data, lambda: _print(session, data, "written"))
    if not session.json:
        note("Keep it on another machine. Make a new one now and then: p2pnode help restore says what is asked then.")


def _without_node(session: Session, target: Path, passphrase: str) -> dict[str, Any]:
    from p2pnode.home.backup import write_backup
    from p2pnode.store import Store, StoreError

    home = session.folder()
    home.check_version()
    with home.locked():
        try:
            store = Store.open(home.store)
        except StoreError as e:
            raise Refusal("failed", e.message, e.hint) from e
        try:
            return write_backup(target, passphrase.encode(), home, store.snapshot(), now_ms())
        finally:
            store.close()


@click.command(
    cls=Command,
    example="p2pnode restore /media/anna.backup --dry-run\np2pnode --home ~/anna restore /media/anna.backup",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Opens it with the first line of this file.")
@with_session
def restore(session: Session, file: Path, passphrase_file: Path | None) -> None:
    """Make the node anew from a backup, in an empty folder.

    An identity that is there is never overwritten; --dry-run only shows what is in the file. Never run the restored
    node beside the old one: two that sign for one identity fork its ledger. After the start it asks its neighbours for
    what it signed since the backup, and signs nothing in its ledger until one of them has answered.
    """
    from p2pnode.home.backup import check_empty, read_backup, restore_backup

    home = session.folder()
    source = file.expanduser()
    if not session.dry_run:
        check_empty(home)
    if not source.is_file():
        raise Refusal("not_found", f"There is no file {source}", "Name the backup's file")
    passphrase = _passphrase(session, passphrase_file, new=False).encode()
    if session.dry_run:
        with session.working("Reading the backup"):
            data = {"dry_run": True, **read_backup(source, passphrase)}
        session.emit(data, lambda: _print(session, data, "whole; nothing was restored"))
        return
    with session.working("Reading the backup, and making the node anew"):
        data = restore_backup(source, passphrase, home)
    session.emit(data, lambda: _print(session, data, "restored"))
    if not session.json:
        note("Start it: p2pnode run. It asks its neighbours first; p2pnode status shows when it is whole.")


def _passphrase(session: Session, path: Path | None, new: bool) -> str:
    """From the file, or typed on a terminal; twice if it is new."""
    if path is not None:
        from p2pnode.home.keystore import read_passphrase

        try:
            given = read_passphrase(path.expanduser()).decode()
        except UnicodeDecodeError as e:
            raise Refusal("usage", f"The passphrase in {path} is not text in UTF-8", "Use plain letters") from e
    elif session.no_input or session.json or not sys.stdin.isatty():
        raise Refusal(
            "usage", "A backup is sealed with a passphrase", "Name the file that holds it: --passphrase-file F"
        )
    else:
        given = click.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=new, err=True)
    if new and len(given) < MIN_PASSPHRASE:
        raise Refusal("usage", f"That passphrase is too short: {MIN_PASSPHRASE} characters at least", "Take five words")
    return given


def _print(session: Session, data: dict[str, Any], what: str) -> None:
    made = datetime.fromtimestamp(data["made_at"] / 1000, UTC)
    facts(
        [
            ("backup", f"{data['file']} ({what})"),
            ("made", made.strftime("%Y-%m-%d %H:%M UTC")),
            ("bytes", data["bytes"]),
            ("name", data["name"]),
            ("peer id", data["peer_id"]),
            *((f"network {n['name']}", f"{n['entries']} ledger entries") for n in data["networks"]),
            ("home", data.get("home")),
        ],
        session.plain,
    )
