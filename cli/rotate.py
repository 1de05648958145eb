"""`rotate`: another key for the same identity, from the backup words."""

import sys
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal

from .command import Command, with_session
from .output import facts, note, say
from .session import Session


@click.command(cls=Command, example="p2pnode rotate\np2pnode rotate --words-file /media/stick/words")
@click.option("--words-file", type=click.Path(path_type=Path), help="The 24 backup words, in its first lines.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Opens a sealed keystore.")
@with_session
def rotate(session: Session, words_file: Path | None, passphrase_file: Path | None) -> None:
    """Replace the key that signs for you: somebody may have read it.

    You stay who you are: name, ledger, vouches and ratings go on, signed again with the new key where that is needed.
    It takes the 24 backup words, and a node that is stopped. At its next start it tells every network; whoever has
    heard of it believes the old key no more. It cannot be undone.

    Before that, let what you have said in exchanges arrive: what is still on its way, signed with the old key, is
    passed over by whoever has heard of the new one. Make a new backup afterwards: one from before brings the old key
    back, which nobody believes. What a thief signed up to your newest entry stays signed in your name.
    """
    from p2pnode.home.config import load_config
    from p2pnode.home.keystore import load_keystore, read_passphrase, save_keystore

    home = session.folder()
    home.require()
    home.check_version()
    passphrase = None if passphrase_file is None else read_passphrase(passphrase_file.expanduser())
    with home.locked():
        keys, _ = load_keystore(home.keystore, passphrase)
        new = keys.replaced(_words(session, words_file))
        name = load_config(home)[0].name
        data: dict[str, Any] = {
            "peer_id": new.public.peer_id,
            "author": new.public.author.hex(),
            "name": name,
            "epoch": new.public.epoch,
        }
        if session.dry_run:
            done = {"dry_run": True, **data}
            return session.emit(done, lambda: note("These words fit. Nothing was done."))
        session.confirm(f"Replace the key of {name}? It cannot be undone.")
        try:
            save_keystore(home.keystore, new, passphrase)
        except OSError as e:
            raise Refusal("failed", f"Cannot write {home.keystore}: {e.strerror}", "The old key is as it was.") from e
    session.emit(data, lambda: _print(session, data))


def _words(session: Session, path: Path | None) -> str:
    if path is not None:
        try:
            return path.expanduser().read_text(encoding="utf-8")[:4096]
        except (OSError, UnicodeDecodeError) as e:
            raise Refusal("failed", f"Cannot read the words in {path}", "Check its path; it is plain text") from e
    if session.no_input or session.json or not sys.stdin.isatty():
        raise Refusal("usage", "A key is replaced by the 24 backup words", "Name the file with them: --words-file FILE")
    return str(click.prompt("The 24 backup words", hide_input=True, err=True))


def _print(session: Session, data: dict[str, Any]) -> None:
    facts([("name", data["name"]), ("key", f"number {data['epoch'] + 1} of this identity")], session.plain)
    say("The words stay good: they hold the key after this one, too.")
    say("Start the node: p2pnode run. It tells its neighbours. Then make a new backup: p2pnode backup FILE")
