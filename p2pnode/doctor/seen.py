"""What a doctor looks at. Gathered by `looking`, and of a running node by its command `health`; judged by `checks`.

Sizes are bytes, times ms, None is "not known". Nothing secret is in any of it.
"""

from typing import Any, NamedTuple

import msgspec

from protocols.errors import Refusal


class Finding(msgspec.Struct, frozen=True):
    """One row. state: ok, note, problem or skipped (it could not be looked at); found: a sentence; fix: what to type or
    do, or empty."""

    check: str
    state: str
    found: str
    fix: str = ""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """The home folder, by what anybody of this machine can see of it.

    missing: why there is no node here, or empty. open: what others may read, `mode path`. above: folders above it that
    everybody can write. keystore: ok, sealed, or what is wrong. config: what is wrong with it, or empty. backup_at:
    when the last backup was written from this folder. ports: of the addresses to listen at, those that somebody else
    holds. database: what is wrong with it; `unsound` if it cannot be used as it is; None if it was not looked at, for
    the reason in `unseen`.
    """

    path: str
    missing: str = ""
    foreign: bool = False
    open: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    config: str = ""
    profile: str = ""
    listen: tuple[str, ...] = ()
    lan: bool = True
    relay: bool = False
    log_to: str = "file"
    keystore: str = "ok"
    backup_at: int | None = None
    free: int = 0
    total: int = 0
    unwritable: str = ""
    sizes: dict[str, int] = {}
    ports: tuple[int, ...] = ()
    database: str | None = None
    unsound: bool = False
    unseen: str = ""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The computer and what is installed. synchronised: whether the system keeps its clock by the network; unit: the
    file of a service, or empty; active: what systemd says of it."""

    program: str
    python: tuple[int, int, int]
    libraries: dict[str, str | None] = {}
    synchronised: bool | None = None
    unsynchronised_why: str = ""
    memory: int | None = None
    available: int | None = None
    unit: str = ""
    system: bool = False
    active: str = ""
    systemd: bool = False


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """What a running node says of itself. chosen: connections of its own choice; known: peers with an address;
    dial_problem: why most of them cannot be reached; neighbours_ahead_ms: their clocks less ours; keeps: all, near or
    own cells; resident: bytes of memory."""

    program: str = ""
    networks: int = 0
    joining: list[str] = []
    peers: int = 0
    chosen: int = 0
    known: int = 0
    banned: int = 0
    dial_problem: str = ""
    addresses: list[str] = []
    reach: dict[str, Any] = {}
    lan: dict[str, Any] = {}
    lan_page: dict[str, Any] = {}
    neighbours_ahead_ms: int | None = None
    clock_warnings: list[str] = []
    recovering: list[dict[str, Any]] = []
    keeps: str = "all"
    indexing: dict[str, int] | None = None
    warnings: list[str] = []
    resident: int | None = None


class Seen(NamedTuple):
    """All of it. node: None where none answers, for the reason in `silent`, with what to do about that in `cure`;
    now: ms."""

    folder: Folder
    machine: Machine
    node: Node | None
    silent: str
    cure: str
    now: int


def why_silent(e: Refusal) -> tuple[str, str]:
    """`silent` and `cure` of a node that refused to answer, or is not there."""
    return e.message, e.hint.removeprefix("Start it: ") or "p2pnode run"
