"""`completion`: what a shell needs to complete commands, and ids and names that the node knows."""

import sys
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from protocols.errors import Refusal

from .command import Command, session_of, with_session
from .output import note, say
from .session import Session

VARIABLE = "_P2PNODE_COMPLETE"
SECONDS = 2.0  # a shell waits while a key is pressed
_WHERE = {
    "bash": "echo 'source <(p2pnode completion bash)' >> ~/.bashrc",
    "zsh": "echo 'source <(p2pnode completion zsh)' >> ~/.zshrc",
    "fish": "p2pnode completion fish > ~/.config/fish/completions/p2pnode.fish",
}


@click.command("completion", cls=Command, example="\n".join(_WHERE.values()))
@click.argument("shell", type=click.Choice(sorted(_WHERE)))
@with_session
def completion(session: Session, shell: str) -> None:
    """Print what makes your shell complete commands and ids, and options and names of peers."""
    found = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert found is not None
    script = found(root, {}, "p2pnode", VARIABLE).source()
    session.emit({"shell": shell, "script": script}, lambda: say(script))
    if sys.stdout.isatty() and not session.json:
        note(f"To have it in every new shell, type once:  {_WHERE[shell]}")


def known_to_the_node(param: click.Parameter, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """What may stand for an argument or option, with a line on each; nothing where no node answers.

    An argument says by its name what it takes, in some groups apart; an option by its metavar or name.
    """
    asked = _asked(param, ctx.parent.info_name or "" if ctx.parent is not None else "")
    if asked is None:
        return []
    command, args, part, item = asked
    from p2pnode.client import Client

    session = session_of(ctx)
    try:
        data = Client(session.home, session.network, timeout=SECONDS).call(command, args)
        items = [item(row) for row in (data[part] if part else data)]
    except (Refusal, OSError, ValueError, KeyError, TypeError):
        return []
    return [CompletionItem(value, help=about) for value, about in dict(items).items() if value.startswith(incomplete)]


def _asked(param: click.Parameter, group: str) -> "_Asked | None":
    name = param.name or ""
    if isinstance(param, click.Option):
        return _ASKED.get((param.metavar or "").lower()) or _ASKED.get(name) or _OPTIONS.get(name)
    return _BY_GROUP.get((group, name)) or _ASKED.get(name)


def _exchange(row: dict[str, Any]) -> tuple[str, str]:
    return row["exchange_id"][:8], f"{row['terms']['title']}, {row['status']}, {row['counterparty_name']}"


def _listing(row: dict[str, Any]) -> tuple[str, str]:
    return row["listing_id"][:8], f"{row['title']} ({row.get('author_name') or 'you'})"


def _peer(row: dict[str, Any]) -> tuple[str, str]:
    return row.get("name") or row["peer_id"], row["peer_id"]


def _claim(row: dict[str, Any]) -> tuple[str, str]:
    return row["claim_id"][:8], str(row.get("note") or row.get("state") or "")


def _message(row: dict[str, Any]) -> tuple[str, str]:
    return row["id"][:8], f"{row['from_name']} to {row['to_name']}: {row['text'][:60]}"


def _kind(row: dict[str, Any]) -> tuple[str, str]:
    return row["kind"], str(row.get("title") or "")


def _parcel(row: dict[str, Any]) -> tuple[str, str]:
    return row["parcel"][:8], f"with {row['holder_name']}"


def _offered(row: dict[str, Any]) -> tuple[str, str]:
    return row["id"][:8], f"from {row['giver_name']}: {row.get('note') or ''}".rstrip(": ")


def _numbered(row: dict[str, Any]) -> tuple[str, str]:
    return str(row["number"]), str(row.get("title") or row.get("kind") or "")


def _named(row: dict[str, Any]) -> tuple[str, str]:
    return row["name"], str(row.get("query") or row.get("about") or "")


# A command, its arguments, which part of its answer the rows are (None: all), and what of a row is said.
_Asked = tuple[str, dict[str, Any], str | None, Callable[[dict[str, Any]], tuple[str, str]]]
_ASKED: dict[str, _Asked] = {
    "exchange": ("exchange.list", {}, None, _exchange),
    "listing": ("search", {"limit": 200}, None, _listing),
    "peer": ("peers.list", {}, None, _peer),
    "kind": ("kinds.list", {}, None, _kind),
}
_OPTIONS: dict[str, _Asked] = {name: ("search.saved", {}, None, _named) for name in ("forget", "pause", "resume")}
_BY_GROUP: dict[tuple[str, str], _Asked] = {
    ("exchange", "id_"): _ASKED["exchange"],
    ("offer", "id_"): ("listing.list", {"direction": "offer"}, None, _listing),
    ("request", "id_"): ("listing.list", {"direction": "request"}, None, _listing),
    ("claim", "id_"): ("claim.list", {}, None, _claim),
    ("message", "id_"): ("message.list", {}, None, _message),
    ("parcel", "parcel_"): ("parcel.list", {}, "parcels", _parcel),
    ("parcel", "what"): ("parcel.list", {}, "offered", _offered),
    ("parcel", "id_"): ("parcel.list", {}, "offered", _offered),
    ("order", "number"): ("order.list", {}, None, _numbered),
    ("rule", "number"): ("rule.list", {}, None, _numbered),
    ("blocklist", "name"): ("blocklist.list", {}, None, _named),
}
