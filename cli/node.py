"""`run status whoami paths version`: the node itself."""

import importlib
import shlex
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click

from p2pnode.home.folder import Home
from protocols.errors import Refusal

from .command import Command, with_session
from .output import facts, say, warn
from .session import Session
from .times import format_time, moment, now_ms


@click.command(cls=Command, example="p2pnode run --listen /ip4/0.0.0.0/tcp/4001")
@click.option("--listen", multiple=True, metavar="MULTIADDR", help="Listen here, not where config.toml says.")
@click.option("--bootstrap", multiple=True, metavar="MULTIADDR", help="Call this node at the start, besides others.")
@click.option("--relay", is_flag=True, help="Carry traffic for peers behind a router.")
@click.option("--no-lan", is_flag=True, help="Do not look for neighbours on the local network.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Opens a sealed keystore.")
@with_session
def run(
    session: Session,
    listen: tuple[str, ...],
    bootstrap: tuple[str, ...],
    relay: bool,
    no_lan: bool,
    passphrase_file: Path | None,
) -> None:
    """Run the node in the foreground.

    Prints one line when it is ready: `ready`, then its addresses. Ctrl-C or SIGTERM stops it.
    """
    home = session.folder()
    home.require()
    importlib.import_module("p2pnode.lean")  # first: it makes the next light
    daemon: Any = importlib.import_module("p2pnode.daemon")  # libp2p comes with it
    try:
        status: int = daemon.run(
            home,
            listen=list(listen),
            bootstrap=list(bootstrap),
            relay=relay,
            lan=not no_lan,
            json=session.json,
            passphrase_file=passphrase_file,
        )
    except Refusal as e:
        raise _where_to_listen(e, home, bool(listen)) from e
    raise click.exceptions.Exit(status)


def _where_to_listen(e: Refusal, home: Home, typed: bool) -> Refusal:
    """What is wrong with an address to listen on, with how to choose another."""
    if e.code == "conflict" and e.message.startswith("port "):
        free = "/ip4/0.0.0.0/tcp/4002"
        hint = (
            f'Choose another: p2pnode run --listen {free} (make run ARGS="--listen {free}"), or for good under '
            f"`listen` in {home.config}. A second node needs a folder of its own, too: --home or P2PNODE_HOME"
        )
        return Refusal(e.code, e.message, hint)
    if type(e).__name__ == "BadAddress":
        where = "" if typed else f", under `listen` in {home.config}"
        return Refusal(e.code, e.message, f"Write an address such as /ip4/0.0.0.0/tcp/4001{where}")
    return e


@click.command(cls=Command, example="p2pnode status --watch")
@click.option("--watch", is_flag=True, help="Show it again whenever it changes, until interrupted.")
@with_session
def status(session: Session, watch: bool) -> None:
    """How the node is doing.

    With --watch a terminal shows it anew whenever something changes; elsewhere each change is a line, with --json the
    whole as one line.
    """
    if watch:
        from .watching import watch_status

        watch_status(session, partial(_print_status, session))
    data = session.call("status")
    session.emit(data, partial(_print_status, session, data))


def _print_status(session: Session, data: dict[str, Any]) -> None:
    network = data.get("network") or {}
    networks = data.get("networks") or [network]
    left = [n["name"] for n in data.get("left") or ()]
    facts(
        [
            ("state", data.get("state")),
            (
                "network" if len(networks) < 2 else "networks",
                ", ".join(n.get("name") or ("none" if left else "none yet") for n in networks),
            ),
            *([("left", ", ".join(left))] if left else []),
            ("peers", data.get("peers")),
            ("listings", data.get("listings")),
            *_indexing(data.get("indexing")),
            ("exchanges waiting for you", data.get("exchanges_waiting")),
            *([("notices not seen", data["notices"])] if data.get("notices") else []),
            ("reachable from outside", _reach(data.get("reach") or {})),
            *_lan_page(data.get("lan_page") or {}),
            ("on the local network", _lan(data.get("lan") or {})),
            ("peer id", data.get("peer_id")),
            *_addresses(data),
        ],
        session.plain,
    )
    for warning in data.get("warnings") or ():
        warn(warning)
    waiting = _founded(session)
    if waiting:
        say(f"{waiting} begins at the node's next start: stop it (Ctrl-C where it runs), then p2pnode run")
    elif not network and left:
        say(f"Next: p2pnode join {shlex.quote(left[0])} takes you back; or join another by ADDRESS-OR-LINK")
    elif not network:
        say('Next: p2pnode join ADDRESS-OR-LINK, or start one: p2pnode init --new-network "Elm Street" --unit hour')


def _lan_page(page: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Where the local network can reach the page."""
    if page.get("urls"):
        count = page["devices"]
        yield "page on the local network", f"{', '.join(page['urls'])} ({count} paired)"


def _indexing(progress: dict[str, int] | None) -> Iterable[tuple[str, Any]]:
    if progress:
        yield "search index", f"is made anew: {progress['done']} of {progress['of']} listings"


def _reach(reach: dict[str, Any]) -> str:
    """Whether others can dial this node, and what to do if not."""
    state, by, address = reach.get("state"), reach.get("by") or 0, reach.get("address")
    peers = "one peer" if by == 1 else f"{by} peers"
    since = f", since {format_time(reach['since'], now_ms())}" if reach.get("since") else ""
    if state == "yes":
        return f"yes, at {address} (by {peers}{since})" if address else f"yes: somebody came in{since}"
    if state == "no":
        port = f"port {reach['port']}" if reach.get("port") else "its port"
        return f"no (tried by {peers}{since}): open {port} at your router; until then only this node can dial others"
    if state == "lan":
        return f"not known: nobody outside to ask. From the local network: yes, at {address}"
    return "not known yet: nobody to ask"


def _lan(lan: dict[str, Any]) -> str | None:
    """Who is near, and what is wrong if nobody can be found; None where nobody is looked for."""
    if lan.get("state") == "problem":
        return f"not looked at: {lan.get('problem')}; see p2pnode doctor"
    if lan.get("state") != "on":
        return None
    found, others = lan.get("found") or 0, lan.get("others") or 0
    near = "nobody found" if not found else "one neighbour found" if found == 1 else f"{found} neighbours found"
    more = "another node of p2pnode" if others == 1 else f"{others} other nodes of p2pnode"
    return f"{near}; {more}: ask its household for an invite" if others else near


def _founded(session: Session) -> str:
    """The network that init has noted for the next start, if there is one."""
    home = session.folder()
    if not home.pending.exists():
        return ""
    from p2pnode.home.pending import load_pending

    try:
        return ", ".join(network.name for network in load_pending(home).network)
    except Refusal:
        return ""


def _addresses(data: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    for i, address in enumerate(data.get("addresses") or ()):
        yield "address" if i == 0 else "", address


@click.command(cls=Command, example="p2pnode clock")
@click.option("--is-right", is_flag=True, help="This machine's clock is right, whatever neighbours say.")
@with_session
def clock(session: Session, is_right: bool) -> None:
    """What time the node goes by, and whether its neighbours agree.

    A clock that is far from the time when the node last ran is believed only when neighbours confirm it, or you do.
    """
    data = (session.write if is_right else session.call)("clock", is_right=is_right)
    session.emit(data, partial(_print_clock, session, data))


def _print_clock(session: Session, data: dict[str, Any]) -> None:
    ahead = data.get("neighbours_ahead_ms")
    where = "" if ahead is None else f"{abs(ahead) / 1000:.0f} s {'ahead' if ahead >= 0 else 'behind'}"
    facts(
        [
            ("this machine's clock", moment(data["clock"])),
            ("the node goes by", moment(data["time"])),
            ("its neighbours", where or "nobody has said yet"),
        ],
        session.plain,
    )
    for warning in data["warnings"]:
        warn(warning)


@click.command(cls=Command, example="p2pnode whoami")
@with_session
def whoami(session: Session) -> None:
    """Who this node is, and how others reach it. Works without a running node, too."""
    try:
        data = session.call("whoami")
    except Refusal as e:
        home = session.folder()
        if e.code != "no_daemon" or not home.initialised:
            raise
        data = _whoami_from(session)
    network = data.get("network") or {}
    session.emit(
        data,
        lambda: facts(
            [
                ("name", data.get("name")),
                ("peer id", data.get("peer_id")),
                ("area", data.get("area")),
                ("network", network.get("name")),
                *_addresses(data),
            ],
            session.plain,
        ),
    )


def _whoami_from(session: Session) -> dict[str, Any]:
    """The same from the home folder. Addresses are known only to a running node, but for fixed ones."""
    from p2pnode.home.config import load_config
    from p2pnode.home.founding import describe_network, genesis_wires
    from p2pnode.home.keystore import load_public

    home = session.folder()
    home.check_version()
    public, config = load_public(home.keystore), load_config(home)[0]
    wires = genesis_wires(home)
    fixed = [a for a in config.listen if not a.endswith("/tcp/0") and a.split("/")[2] not in ("0.0.0.0", "::")]
    return {
        "peer_id": public.peer_id,
        "author": public.author.hex(),
        "name": config.name,
        "addresses": [f"{address}/p2p/{public.peer_id}" for address in fixed],
        "network": describe_network(wires[0]) if wires else None,
        "area": config.area,
    }


@click.command(cls=Command, example="p2pnode paths --json")
@with_session
def paths(session: Session) -> None:
    """Where the node keeps its files."""
    home = session.folder()
    data = {
        "home": str(home.root),
        "config": str(home.config),
        "keystore": str(home.keystore),
        "networks": str(home.networks),
        "store": str(home.store),
        "index": str(home.index),
        "photos": str(home.photos),
        "socket": str(home.socket_path()),
        "log": str(home.log),
    }
    session.emit(data, lambda: facts(data.items(), session.plain))


@click.command(cls=Command, example="p2pnode version")
@with_session
def version(session: Session) -> None:
    """The version of this program, and of what it is built on."""
    data = version_data()
    session.emit(data, lambda: facts(data.items(), session.plain))


def version_data() -> dict[str, Any]:
    from importlib import metadata

    from p2pnode.home.folder import HOME_VERSION
    from protocols.limits import PROTOCOL_VERSION

    def installed(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    return {
        "version": installed("p2pnode") or "0 (not installed)",
        "protocol": PROTOCOL_VERSION,
        "home_version": HOME_VERSION,
        "python": sys.version.split()[0],
        "libp2p": installed("libp2p"),
    }
