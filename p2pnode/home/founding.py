"""Setting a node up: its identity, its settings, and the network that it founds or means to join. Needs no daemon."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from p2pnode.complaints import in_words
from p2pnode.net.addresses import BadAddress, parse_address
from protocols.amounts import parse_amount
from protocols.cell import coarsen
from protocols.envelope import Record
from protocols.errors import DecodeError, Refusal, Reject
from protocols.faults import RESERVED
from protocols.fields import LINE
from protocols.genesis import Genesis, found, network_id, parse_genesis
from protocols.invite import LINK_PREFIX, parse_link, pasted
from protocols.limits import MAX_DECIMALS

from .config import PROFILES, Config, load_config, save_config
from .files import write_atomic
from .folder import Home
from .keystore import Keys, load_keystore, new_keys, read_passphrase, save_keystore
from .pending import NewNetwork, note_join, note_network

AREA_PRECISION = 5  # characters of a geohash; what is finer never leaves the command line
SUFFIX = ".genesis"


class NetworkPlan(NamedTuple):
    """A network to found. Amounts as people write them, in the unit."""

    name: str
    unit: str
    decimals: int = 2
    newcomer_limit: str = "10"
    endowment: str = "100"
    open: bool = True
    newcomer_records: int = 0  # see `protocols.genesis`
    dimensions: tuple[str, ...] = ()


def check_set_up(
    home: Home,
    area: str | None = None,
    plan: NetworkPlan | None = None,
    target: str | None = None,
    listen: tuple[str, ...] = (),
    name: str | None = None,
) -> str:
    """Whether `set_up` can be given these; writes nothing. Returns the cell of the area. `Refusal` for bad values.

    name: of a new node, if it is known.
    """
    cell = coarsen(area, AREA_PRECISION) if area else ""
    if target is not None:
        check_target(target)
    for address in listen:
        _check_listen(address)
    if plan is not None:
        check_plan(plan, cell)
    if name is not None:
        _settings(name, cell, listen, "home")
    home.check_version()
    return cell


def set_up(
    home: Home,
    name: str | None,
    area: str | None = None,
    plan: NetworkPlan | None = None,
    target: str | None = None,
    listen: tuple[str, ...] = (),
    profile: str = "home",
    passphrase_file: Path | None = None,
    show: Callable[[dict[str, Any]], None] | None = None,
    made: tuple[Keys, str] | None = None,
) -> dict[str, Any]:
    """Make a node in `home`, or add a network to the one that is there. Returns what init prints.

    `words` is there only when an identity was made: the 24 backup words, kept nowhere. All arguments are checked
    before anything is written. show: gives the result to the user; a new identity is kept only once that has worked,
    for without its words nobody could replace it. What it raises is raised on, and there is no node then. made: a new
    identity and its words, if the user has seen them already.
    `Refusal`: `conflict` where something would be overwritten, `usage` for bad values.
    """
    target = None if target is None else pasted(target)
    cell = check_set_up(home, area, plan, target, listen)
    passphrase = None if passphrase_file is None else read_passphrase(passphrase_file)
    if home.initialised:
        if (name is not None or cell or listen) and plan is None and target is None:
            raise _exists(home)
        if name is not None and name != load_config(home)[0].name:
            raise _exists(home)
        keys, _ = load_keystore(home.keystore, passphrase)
        config = load_config(home)[0]
        record = None if plan is None else _found(home, keys, plan, cell or config.area)
        result = _result(home, keys, config, record, target)
        _take_up(home, record, target)
        if show is not None:
            show(result)
        return result
    _prepare(home, name, cell, listen, profile)
    with home.locked():
        if home.initialised:
            raise _exists(home)
        config = load_config(home)[0]
        keys, words = made or new_keys()
        record = None if plan is None else _found(home, keys, plan, cell or config.area)
        result = {**_result(home, keys, config, record, target), "words": words}
        if show is not None:
            show(result)
        try:
            save_keystore(home.keystore, keys, passphrase)
        except OSError as e:
            shown = "; the backup words just shown are void" if show is not None else ""
            raise Refusal(
                "failed", f"Cannot write {home.keystore}: {e.strerror}{shown}", "Mend that, and give the command again"
            ) from e
        _take_up(home, record, target)
    return result


def _result(home: Home, keys: Keys, config: Config, record: Record | None, target: str | None) -> dict[str, Any]:
    if record is not None:
        network: dict[str, Any] | None = describe_network(record.wire)
    else:
        network = None if target is None else network_of_link(target)
    return {
        "peer_id": keys.public.peer_id,
        "author": keys.public.author.hex(),
        "name": config.name,
        "home": str(home.root),
        "network": network,
        "area": config.area,
    }


def _take_up(home: Home, record: Record | None, target: str | None) -> None:
    """Note what the next start is to do."""
    if record is not None:
        _, genesis = parse_genesis(record.wire)
        id_ = network_id(record).hex()
        write_atomic(home.networks / f"{id_}{SUFFIX}", record.wire)
        limits = (genesis.newcomer_limit, genesis.endowments[0][1])
        note_network(home, NewNetwork(id_, genesis.name, genesis.unit, genesis.decimals, *limits))
    elif target is not None:
        note_join(home, target)


def check_plan(plan: NetworkPlan, cell: str = "") -> None:
    """`Refusal` (usage) unless there can be such a network."""
    _genesis(plan, b"\0" * 32, cell)


def check_target(target: str) -> None:
    """`Refusal` (usage) unless it is a multiaddr that ends in a peer id, or a whole invite link, as it was pasted."""
    target = pasted(target)
    if "://" in target or target.startswith("p2pnode:"):
        try:
            parse_link(target)
        except (DecodeError, Reject) as e:
            raise Refusal(
                "usage", e.message, f"A link begins with {LINK_PREFIX}; the inviter makes it with p2pnode invite"
            ) from e
        return
    try:
        address = parse_address(target)
    except BadAddress as e:
        raise Refusal("usage", str(e), "Write /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo…, or an invite link") from e
    if not address.peer or address.port == 0:
        raise Refusal(
            "usage",
            f"{target!r} does not name a peer",
            "The whole address ends in /p2p/12D3Koo…: see its p2pnode whoami",
        )


def network_of_link(target: str) -> dict[str, Any] | None:
    """What an invite link says of its network; None for an address."""
    if not target.startswith(LINK_PREFIX):
        return None
    return {"id": parse_link(target).invite.network.hex(), "name": None, "unit": None}


def genesis_wires(home: Home) -> list[bytes]:
    """The genesis records in networks/, checked. `Refusal` names a damaged file."""
    wires = []
    for path in sorted(home.networks.glob("*" + SUFFIX)):
        wire = path.read_bytes()
        try:
            record, _ = parse_genesis(wire)
        except Reject as e:
            raise Refusal("failed", f"{path} is damaged ({e})", "Move it away; it comes again from the network") from e
        if network_id(record).hex() != path.name.removesuffix(SUFFIX):
            raise Refusal("failed", f"{path} is another network's genesis", "Move it away")
        wires.append(wire)
    return wires


def describe_network(wire: bytes) -> dict[str, Any]:
    """id, name, unit and decimals of a network from its genesis record."""
    record, genesis = parse_genesis(wire)
    return {
        "id": network_id(record).hex(),
        "name": genesis.name,
        "unit": genesis.unit,
        "decimals": genesis.decimals,
    }


def _prepare(home: Home, name: str | None, cell: str, listen: tuple[str, ...], profile: str) -> None:
    """The folder of a new node, and its settings."""
    if name is None or not name.strip():
        raise Refusal("usage", "A new node needs a name", 'p2pnode init --name "Ann Example"')
    settings = _settings(name, cell, listen, profile)
    home.create()
    with home.locked():
        if home.config.exists():
            load_config(home)  # one that was prepared is kept, if it can be read
        else:
            save_config(home, settings)


def _settings(name: str, cell: str, listen: tuple[str, ...], profile: str) -> dict[str, Any]:
    """What a new config.toml says. `Refusal` (usage) for what cannot be."""
    settings: dict[str, Any] = {"name": name, "area": cell, "profile": profile}
    settings["listen"] = list(listen) or PROFILES[profile]["listen"]
    try:
        msgspec.convert(settings, Config)
    except msgspec.ValidationError as e:
        raise Refusal("usage", in_words(str(e)), "p2pnode help init") from e
    if not re.match(LINE, name):
        raise Refusal("usage", "The name has characters that cannot be shown", "Write it as one line of plain text")
    return settings


def _exists(home: Home) -> Refusal:
    return Refusal(
        "conflict",
        f"There is a node in {home.root} already; nothing was changed",
        "Start it: p2pnode run. Its settings are in config.toml; a second node needs another --home",
    )


def _genesis(plan: NetworkPlan, author: bytes, area: str) -> Genesis:
    if not 0 <= plan.decimals <= MAX_DECIMALS:
        raise Refusal("usage", f"--decimals {plan.decimals}", f"0 to {MAX_DECIMALS}")
    for name in plan.dimensions:
        if name in RESERVED:
            raise Refusal(
                "usage", f"--dimension {name}: exchanges say that themselves", "Leave it out, or name another."
            )
    genesis = Genesis(
        name=plan.name,
        unit=plan.unit,
        decimals=plan.decimals,
        endowments=((author, parse_amount(plan.endowment, plan.decimals)),),
        stewards=(author,),
        quorum=1,
        newcomer_limit=parse_amount(plan.newcomer_limit, plan.decimals),
        open=plan.open,
        salt=os.urandom(16),
        area=area,
        newcomer_records=plan.newcomer_records,
        dimensions=tuple(dict.fromkeys(plan.dimensions)),
    )
    try:
        return msgspec.convert(msgspec.to_builtins(genesis, builtin_types=(bytes,)), Genesis)
    except msgspec.ValidationError as e:
        raise Refusal("usage", f"The network cannot be so: {in_words(str(e))}", "p2pnode help init") from e


def _found(home: Home, keys: Keys, plan: NetworkPlan, area: str) -> Record:
    """The genesis record of a new network; nothing is written yet."""
    for wire in genesis_wires(home):
        if describe_network(wire)["name"] == plan.name:
            raise Refusal(
                "conflict",
                f"There is a network {plan.name!r} in {home.root} already; nothing was changed",
                "Start the node: p2pnode run",
            )
    return found(keys.signer(), _genesis(plan, keys.public.author, area), time.time_ns() // 1_000_000)


def _check_listen(text: str) -> None:
    try:
        address = parse_address(text)
    except BadAddress as e:
        raise Refusal("usage", str(e), "Write --listen /ip4/0.0.0.0/tcp/4001 or --listen /ip6/::/tcp/4001") from e
    if address.peer:
        raise Refusal("usage", f"{text!r}: an address to listen on has no /p2p/ part", "Leave it out")
