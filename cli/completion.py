"""`completion`: what a shell needs to complete commands, and ids and names that the node knows."""

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from protocols.errors import Refusal

from .command import Command, session_of, with_session
from .output import say
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


def known_to_the_node(ctx: click.Context, name: str, incomplete: str) -> list[CompletionItem]:
    """What may stand for an argument of this name, with a line on each; nothing where no node answers."""
    group = ctx.parent.info_name if ctx.parent is not None else ""
    asked = _ASKED.get(name) or _BY_GROUP.get(group or "") if name in ("id_", *_ASKED) else None
    if asked is None:
        return []
    command, args, item = asked
    from p2pnode.client import Client

    session = session_of(ctx)
    try:
        rows = Client(session.home, session.network, timeout=SECONDS).call(command, args)
    except (Refusal, OSError, ValueError):
        return []
    items = [item(row) for row in rows]
    return [CompletionItem(value, help=about) for value, about in items if value.startswith(incomplete)]


def _exchange(row: dict[str, Any]) -> tuple[str, str]:
    return row["exchange_id"][:8], f"{row['terms']['title']}, {row['status']}, {row['counterparty_name']}"


def _listing(row: dict[str, Any]) -> tuple[str, str]:
    return row["listing_id"][:8], f"{row['title']} ({row.get('author_name') or 'you'})"


def _peer(row: dict[str, Any]) -> tuple[str, str]:
    return row.get("name") or row["peer_id"], row["peer_id"]


def _claim(row: dict[str, Any]) -> tuple[str, str]:
    return row["claim_id"][:8], str(row.get("note") or row.get("state") or "")


def _kind(row: dict[str, Any]) -> tuple[str, str]:
    return row["kind"], str(row.get("title") or "")


_Asked = tuple[str, dict[str, Any], Callable[[dict[str, Any]], tuple[str, str]]]
_ASKED: dict[str, _Asked] = {
    "exchange": ("exchange.list", {}, _exchange),
    "listing": ("search", {"limit": 200}, _listing),
    "peer": ("peers.list", {}, _peer),
    "kind": ("kinds.list", {}, _kind),
}
_BY_GROUP: dict[str, _Asked] = {
    "exchange": _ASKED["exchange"],
    "offer": ("listing.list", {"direction": "offer"}, _listing),
    "request": ("listing.list", {"direction": "request"}, _listing),
    "claim": ("claim.list", {}, _claim),
}
