"""pending.toml: what a command left for the next start of the node, because no node was running.

[[network]]   id, name, unit, decimals, newcomer_limit, endowment (minor units): founded by init; its genesis
              record is networks/<id>.genesis
[[join]]      target: a multiaddr with /p2p/, or an invite link
"""

import tomllib
from typing import Any

import msgspec
import tomlkit

from protocols.errors import Refusal

from .files import write_atomic
from .folder import Home

MAX_PENDING = 64  # notes of one kind


class NewNetwork(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network founded here. id: the network id, 16 bytes in hex. Amounts in minor units."""

    id: str
    name: str
    unit: str
    decimals: int
    newcomer_limit: int
    endowment: int


class NotedJoin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: str


class Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    network: tuple[NewNetwork, ...] = ()
    join: tuple[NotedJoin, ...] = ()


def load_pending(home: Home) -> Pending:
    """What is noted; nothing if there is no file. `Refusal` if it is damaged."""
    try:
        return msgspec.convert(tomllib.loads(home.pending.read_text()), Pending)
    except FileNotFoundError:
        return Pending()
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as e:
        raise Refusal(
            "failed", f"{home.pending} is damaged: {e}", "Move it away, and give the join or init command again"
        ) from e


def note_network(home: Home, network: NewNetwork) -> None:
    noted = load_pending(home)
    if network.id not in [n.id for n in noted.network]:
        _save(home, Pending((*noted.network, network), noted.join))


def note_join(home: Home, target: str) -> None:
    noted = load_pending(home)
    if target not in [j.target for j in noted.join]:
        _save(home, Pending(noted.network, (*noted.join, NotedJoin(target))))


def clear_pending(home: Home) -> None:
    """All is done (or stands in the store now)."""
    home.pending.unlink(missing_ok=True)


def _save(home: Home, pending: Pending) -> None:
    if len(pending.network) > MAX_PENDING or len(pending.join) > MAX_PENDING:
        raise Refusal("refused", f"{MAX_PENDING} joins wait already", "Start the node first: p2pnode run")
    plain: dict[str, Any] = {k: v for k, v in msgspec.to_builtins(pending).items() if v}
    write_atomic(home.pending, tomlkit.dumps(plain).encode())
