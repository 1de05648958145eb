"""`key`: the key that signs for you: its backup words, its passphrase, another in its place."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal

from .command import Group, with_session
from .output import facts, note, say
from .session import Session

MIN_PASSPHRASE = 8  # characters; who has the file can try as long as he likes


@click.group(cls=Group, example="p2pnode key words\np2pnode key encrypt\np2pnode key rotate")
def key() -> None:
    """The key that signs for you: its backup words, its passphrase, another in its place."""


@key.command(example="p2pnode key words\np2pnode key words --words-file /media/stick/words")
@click.option("--words-file", type=click.Path(path_type=Path), help="The 24 words you wrote down, in its first lines.")
@with_session
def words(session: Session, words_file: Path | None) -> None:
    """Check that the 24 words you wrote down are those of this node.

    `p2pnode init` showed them once. They are kept nowhere, so that a stolen disk does not hold them; no command can
    show them again. Nothing is changed, and the node may run.
    """
    from p2pnode.home.config import load_config
    from p2pnode.home.keystore import check_words, load_public

    home = session.folder()
    home.require()
    public = load_public(home.keystore)
    check_words(public, _words(session, words_file, "Words are checked by typing them"))
    name = load_config(home)[0].name
    data = {"peer_id": public.peer_id, "author": public.author.hex(), "name": name, "fits": True}
    session.emit(data, lambda: say(f"These are the words of {name}. Keep them away from this machine."))


@key.command(example="p2pnode key encrypt\np2pnode key encrypt --passphrase-file ~/.node-passphrase")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="The new passphrase, in its first line.")
@click.option("--old", type=click.Path(path_type=Path), metavar="FILE", help="Opens what is sealed already.")
@click.option("--remove", is_flag=True, help="Have it unsealed: the node starts without a passphrase.")
@with_session
def encrypt(session: Session, passphrase_file: Path | None, old: Path | None, remove: bool) -> None:
    """Seal the keystore with a passphrase, or with another one.

    Whoever takes the disk or the SD card cannot sign for you then. From now on each start needs the passphrase: name
    the file that holds it with --passphrase-file (run, up, service install); a file on another disk, such as a stick,
    is safer than one beside the keystore. A passphrase that is lost is lost: only a backup has the key then. The node
    must be stopped. What a card held before, its unused blocks may go on holding.
    """
    from p2pnode.home.keystore import load_keystore, read_passphrase, save_keystore

    if remove and passphrase_file is not None:
        raise Refusal("usage", "--remove leaves no passphrase", "Give --remove or --passphrase-file")
    home = session.folder()
    home.require()
    home.check_version()
    with home.locked():
        keys, _ = load_keystore(home.keystore, None if old is None else read_passphrase(old.expanduser()))
        new = None if remove else _new_passphrase(session, passphrase_file)
        data: dict[str, Any] = {"peer_id": keys.public.peer_id, "sealed": not remove}
        if session.dry_run:
            done = {"dry_run": True, **data}
            return session.emit(done, lambda: note("That would be done. Nothing was done."))
        try:
            save_keystore(home.keystore, keys, new)
        except OSError as e:
            raise Refusal("failed", f"Cannot write {home.keystore}: {e.strerror}", "It is as it was.") from e
    session.emit(data, lambda: _print_sealed(remove, passphrase_file))


def _new_passphrase(session: Session, path: Path | None) -> bytes:
    from p2pnode.home.keystore import read_passphrase

    if path is not None:
        given = read_passphrase(path.expanduser())
    elif session.no_input or session.json or not sys.stdin.isatty():
        hint = "Name the file that holds it: --passphrase-file FILE"
        raise Refusal("usage", "A keystore is sealed with a passphrase", hint)
    else:
        typed = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
        given = str(typed).encode("utf-8", "surrogateescape")
    if len(given.decode("utf-8", "replace")) < MIN_PASSPHRASE:
        raise Refusal("usage", f"That passphrase is too short: {MIN_PASSPHRASE} characters at least", "Take five words")
    return given


def _print_sealed(remove: bool, path: Path | None) -> None:
    if remove:
        return say("The keystore has no passphrase any more. Start the node: p2pnode up")
    say("The keystore is sealed. Each start needs the passphrase, in the first line of a file:")
    say(f"  p2pnode up --passphrase-file {'FILE' if path is None else os.path.abspath(path.expanduser())}")


@key.command(example="p2pnode key rotate\np2pnode key rotate --words-file /media/stick/words")
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
        new = keys.replaced(_words(session, words_file, "A key is replaced by the 24 backup words"))
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


def _words(session: Session, path: Path | None, why: str) -> str:
    if path is not None:
        try:
            return path.expanduser().read_text(encoding="utf-8")[:4096]
        except (OSError, UnicodeDecodeError) as e:
            raise Refusal("failed", f"Cannot read the words in {path}", "Check its path; it is plain text") from e
    if session.no_input or session.json or not sys.stdin.isatty():
        raise Refusal("usage", why, "Name the file with them: --words-file FILE")
    return str(click.prompt("The 24 backup words", hide_input=True, err=True))


def _print(session: Session, data: dict[str, Any]) -> None:
    facts([("name", data["name"]), ("key", f"number {data['epoch'] + 1} of this identity")], session.plain)
    say("The words stay good: they hold the key after this one, too.")
    say("Start the node: p2pnode up. It tells its neighbours. Then make a new backup: p2pnode backup FILE")
