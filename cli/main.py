"""The command line's root. Imports nothing heavy: each command is loaded when it is run."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import click

from protocols.errors import Refusal

from .command import CONTEXT, Interrupted, LazyGroup, Place, session_of
from .output import Unwritable, note, print_json_error, silence
from .session import Session

INTERRUPTED = 130  # as a shell says it: 128 + SIGINT

SECTIONS = {
    "Your node": {
        "init": Place("cli.setup", "init", "Make a node here; found or join a network"),
        "run": Place("cli.node", "run", "Run the node in the foreground"),
        "up": Place("cli.background", "up", "Start the node in the background"),
        "down": Place("cli.background", "down", "Stop the node"),
        "web": Place("cli.web", "web", "Open the node's page in a browser"),
        "status": Place("cli.node", "status", "How the node is doing"),
        "doctor": Place("cli.doctor", "doctor", "Check that all is well, and say how to mend what is not"),
        "bugreport": Place("cli.bugreport", "bugreport", "Write one file for whoever helps, without what is private"),
        "config": Place("cli.config", "config", "The node's settings"),
        "logs": Place("cli.logs", "logs", "What the node wrote down"),
        "clock": Place("cli.node", "clock", "What time the node goes by"),
        "backup": Place("cli.backup", "backup", "Write all that cannot be made again into one sealed file"),
        "restore": Place("cli.backup", "restore", "Make the node anew from a backup, in an empty folder"),
        "key": Place("cli.key", "key", "The key that signs for you: its words, its passphrase, another one"),
        "whoami": Place("cli.node", "whoami", "Who this node is, and how others reach it"),
        "paths": Place("cli.node", "paths", "Where the node keeps its files"),
        "version": Place("cli.node", "version", "The version of this program"),
        "service": Place("cli.service", "service", "Start the node with the machine, and keep it running"),
        "notify": Place("cli.notify", "notify", "Be told what happens: on the desktop, by ntfy, by e-mail"),
        "completion": Place("cli.completion", "completion", "Print what makes your shell complete commands and ids"),
        "help": Place("cli.main", "help_", "Help on a command"),
    },
    "Neighbours": {
        "join": Place("cli.neighbours", "join", "Join a network by address or invite link"),
        "leave": Place("cli.leaving", "leave", "Leave a network, and keep what you signed there"),
        "invite": Place("cli.neighbours", "invite", "Make an invite link"),
        "peers": Place("cli.neighbours", "peers", "The peers this node knows"),
        "vouch": Place("cli.reputation", "vouch", "Lend a peer part of your credit limit"),
        "unvouch": Place("cli.reputation", "unvouch", "Ask a vouch back, or take over what it stands for"),
        "vouches": Place("cli.reputation", "vouches", "The vouches you gave and took"),
        "message": Place("cli.message", "message", "Write to a neighbour, and read what they wrote"),
        "reputation": Place("cli.reputation", "reputation", "How far this node can trust a peer"),
    },
    "Market": {
        "offer": Place("cli.offer", "offer", "Publish and tend what you offer"),
        "request": Place("cli.offer", "request", "Publish and tend what you are looking for"),
        "search": Place("cli.search", "search", "Find offers and requests"),
        "blocklist": Place("cli.blocklists", "blocklist", "Whose listings are hidden from you, and why"),
        "notices": Place("cli.notices", "notices", "Listings that arrived and fit a saved search or match yours"),
        "matches": Place("cli.notices", "matches", "Offers and requests that go together with yours"),
        "exchange": Place("cli.exchange", "exchange", "Agree on an exchange and carry it out"),
        "project": Place("cli.project", "project", "Split a project into tasks that neighbours claim themselves"),
        "kinds": Place("cli.kinds", "kinds", "The kinds of exchange, and your own"),
        "parcel": Place("cli.parcel", "parcel", "Parcels: who has one, and by which hands it came there"),
        "calendar": Place("cli.calendar", "calendar", "What you have when: booked, due, overdue; and what is free"),
        "challenge": Place("cli.challenge", "challenge", "A double booking: show one, or check one; needs no node"),
        "contact": Place("cli.contact", "contact", "Where the partners of your exchanges find you"),
        "order": Place("cli.orders", "order", "Order the same thing again and again"),
        "rule": Place("cli.rules", "rule", "Have your node accept proposals by itself"),
        "claim": Place("cli.claims", "claim", "Private claims: who owes whom how much, in any unit"),
        "attest": Place("cli.reputation", "attest", "Rate an exchange"),
        "ledger": Place("cli.ledger", "ledger", "Your entries, your balance, your credit limit"),
    },
}

OLDER = {"rotate": Place("cli.key", "rotate", "now: key rotate")}  # still understood, and not shown


@click.group(
    "p2pnode",
    cls=LazyGroup,
    places=SECTIONS,
    older=OLDER,
    context_settings=CONTEXT,
    no_args_is_help=False,
    epilog="p2pnode help COMMAND tells more. Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 no node, 5 refused, "
    "6 conflict, 7 nobody reachable or time-out, 130 interrupted.",
)
@click.option("--version", "show_version", is_flag=True, is_eager=True, expose_value=False, hidden=True,
              callback=lambda ctx, param, value: _version(ctx) if value else None)  # fmt: skip
def cli() -> None:
    """A neighbourhood marketplace that nobody owns.

    To begin: p2pnode web, whose page sets up all that is needed; or p2pnode init, and then p2pnode run.
    """


def _version(ctx: click.Context) -> None:
    from .node import version_data

    click.echo(f"p2pnode {version_data()['version']}")
    ctx.exit()


@click.command("help", context_settings=CONTEXT)
@click.argument("command", nargs=-1)
@click.pass_context
def help_(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Help on a command.

    Example: p2pnode help offer publish
    """
    from difflib import get_close_matches

    parent: click.Context = ctx.find_root()
    found: click.Command = cli
    for name in command:
        inner = found.get_command(parent, name) if isinstance(found, click.Group) else None
        if inner is None:
            known = found.list_commands(parent) if isinstance(found, click.Group) else []
            path = [*parent.command_path.split()[1:], *get_close_matches(name, known, 1)]
            hint = f"Did you mean: p2pnode help {' '.join(path)}" if path else "p2pnode --help lists all commands"
            raise Refusal("usage", f"There is no command {' '.join(command)!r}", hint)
        parent, found = click.Context(inner, info_name=name, parent=parent), inner
    click.echo(found.get_help(parent))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status; prints every error itself, never a traceback."""
    _open_closed()
    args = list(sys.argv[1:] if argv is None else argv)
    session = Session(json="--json" in (args[: args.index("--")] if "--" in args else args))
    try:
        if not args:
            args = ["--help"]
        status = cli.main(args, "p2pnode", standalone_mode=False, obj=session)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as e:
        return e.exit_code
    except (KeyboardInterrupt, Interrupted, click.Abort):
        return _fail(session, INTERRUPTED, "interrupted", "Interrupted", "")
    except click.ClickException as e:
        return _fail(session, 2, "usage", e.format_message(), _usage_hint(e))
    except Unwritable as e:
        silence()
        return _fail(Session(), e.exit_status, e.code, e.message, e.hint)
    except Refusal as e:
        return _fail(session, e.exit_status, e.code, e.message, e.hint, getattr(e, "data", None))
    except BrokenPipeError:
        # The reader of our output has gone (`p2pnode search | head -1`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:
        return _fail(session, 1, "failed", f"{e.filename or 'The system'}: {e.strerror or e}", "Check its permissions")
    except Exception as e:
        if os.environ.get("P2PNODE_DEBUG"):
            raise
        return _fail(
            session, 1, "failed", f"A fault in p2pnode itself ({type(e).__name__}: {e})",
            "Please report it; with P2PNODE_DEBUG=1 the same command shows where",
        )  # fmt: skip


def _open_closed() -> None:
    """Open what the caller has closed of stdin, stdout and stderr (`status >&-`), lest the next file that is opened
    takes its number. Writing to stdout fails then, as it should: nobody would read it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


_NAMED: Final = 4  # commands of one name, in a hint; more, as of `list`, say nothing


def _usage_hint(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    if error.message.startswith("No such command '") and ctx is not None and isinstance(ctx.command, click.Group):
        from difflib import get_close_matches

        typed = error.message.split("'")[1]
        if close := get_close_matches(typed, ctx.command.list_commands(ctx), 1):
            return f"{ctx.command_path} {close[0]}"
        inner = ((name, ctx.command.get_command(ctx, name)) for name in ctx.command.list_commands(ctx))
        named = [name for name, one in inner if isinstance(one, click.Group) and typed in one.list_commands(ctx)]
        if 0 < len(named) <= _NAMED:
            return ", or ".join(f"{ctx.command_path} {name} {typed}" for name in named)
    if error.message.startswith("Got unexpected extra argument"):
        return 'Put quotes around a text of several words, such as --title "Long ladder"'
    path = ctx.command_path.split(" ", 1)[1:] if ctx is not None else []
    return f"p2pnode help {path[0]}" if path else "p2pnode --help"


def _fail(session: Session, status: int, code: str, message: str, hint: str, data: Any = None) -> int:
    if session.json:
        try:
            print_json_error(code, message, hint, data)
            return status
        except Unwritable:
            silence()
    with suppress(OSError, ValueError):
        if status == INTERRUPTED:
            if sys.stderr.isatty():
                note("")  # the terminal shows ^C
            note(message)
            return status
        note(f"Error: {_sentence(message)}")
        if hint:
            note(f"Try: {hint}" if hint.startswith("p2pnode ") else f"  {_sentence(hint)}")
    return status


def _sentence(text: str) -> str:
    """With a capital in front, as the messages of the command line itself have; but a file keeps its name."""
    word = text.split(" ", 1)[0].rstrip(",:;.")
    return text[:1].upper() + text[1:] if word.isalpha() else text


__all__ = ["cli", "main", "session_of"]

if __name__ == "__main__":
    sys.exit(main())
