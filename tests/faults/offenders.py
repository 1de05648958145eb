"""Who breaks a rule before a real node's eyes: a speaker that signs two entries in one place, a figure that does not
follow, a limit overdrawn; one that accuses others of what they have not done; and what honest nodes make of it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import trio

from ledger.entry import Entry, encode_entry, parse_entry, sign_entry
from ledger.misconduct import evidence_between
from p2pnode import clock
from p2pnode.client import Client
from p2pnode.core.keys import ENTRY
from p2pnode.home.folder import Home
from p2pnode.home.keystore import load_keystore
from p2pnode.store import Store
from protocols import exchange_messages as exchange
from protocols.envelope import Record
from protocols.errors import Refusal
from protocols.gossip_messages import PROTOCOL as GOSSIP
from protocols.gossip_messages import Hello, Records, encode_message
from protocols.identity import Signer, incept
from protocols.limits import DAY
from protocols.misconduct import BALANCE, FORK, LIMIT
from protocols.profile import PeerAddress, Profile, seal_profile
from tests.e2e.nodes import Node
from tests.faults.speakers import LOOPBACK, TICK, Speaker

LOOK_EVERY: Final = 0.05  # seconds
KNOWN: Final = 0.5  # seconds until what a speaker has said of itself is taken in


class Offender(Speaker):
    """Tells a node who it is, and on `go` shows it entries of its own ledger, or records about others."""

    def __init__(self, node: Node, network: bytes, host_seed: bytes, signer: Signer, name: str = "") -> None:
        super().__init__(node, network, host_seed)
        self.signer, self.name = signer, name
        self.entries: Sequence[Entry] = ()
        self.records: Sequence[Record] = ()
        self.go = threading.Event()

    async def speak(self) -> None:
        self.host.send(self.peer, GOSSIP, encode_message(Hello(self.network, bytes(8), clock.now(), True, ("",))))
        if self.name:
            self._push([self._profile()])
            await trio.sleep(KNOWN)
        self.ready.set()
        while not self.go.is_set():
            await trio.sleep(TICK)
        for entry in self.entries:
            message = exchange.encode_message(exchange.EntryMessage(self.network, encode_entry(entry)))
            self.host.send(self.peer, exchange.PROTOCOL, message)
        for record in self.records:
            self._push([record])
            await trio.sleep(TICK)
        while not self.stopped.is_set():
            await trio.sleep(TICK)

    def _push(self, records: Iterable[Record]) -> None:
        message = Records(self.network, 0, 0, tuple(record.wire for record in records))
        self.host.send(self.peer, GOSSIP, encode_message(message))

    def _profile(self) -> Record:
        now = clock.now()
        said = Profile(name=self.name, box=bytes(32), peers=(PeerAddress(self.host.peer_id, (LOOPBACK,)),))
        return seal_profile(self.signer, self.network, said, created=now, until=now + DAY, revision=1)


def stranger(node: Node, network: bytes, seed: bytes, name: str) -> Offender:
    """Somebody new in an open network, with a ledger of his own."""
    return Offender(node, network, seed, incept(seed[::-1])[0], name)


def entry(signer: Signer, network: bytes, **changes: Any) -> Entry:
    fields = {
        "network": network, "seq": 1, "prev": bytes([7] * 32), "root": bytes(32), "kind": "NOTE", "at": clock.now(),
        "balance": 0, "hold": 0, "limit": 0, "settlement": None, "private": None, **changes,
    }  # fmt: skip
    return sign_entry(signer, **fields)


def broken(what: str, signer: Signer, network: bytes) -> list[Entry]:
    """Entries that break this rule of the ledger, and no other."""
    first = entry(signer, network)
    if what == FORK:
        return [first, entry(signer, network, at=first.at + 1)]
    if what == BALANCE:
        return [first, entry(signer, network, seq=2, prev=first.id, balance=100)]
    assert what == LIMIT
    return [entry(signer, network, balance=-100)]


def proof(entries: Sequence[Entry]) -> bytes:
    """What two of them show."""
    found = evidence_between(*entries)
    assert found is not None
    return found.proof


def forked(node: Node, watcher: Node, network: bytes) -> Offender:
    """The node of a member, which does not run, goes on from before its newest entry, as if it was put back to then."""
    keys, _ = load_keystore(Home(node.home).keystore)
    store = Store.open(Home(node.home).store)
    try:
        chain = sorted((parse_entry(full) for _, full in store.scan(ENTRY)), key=lambda e: e.seq)
    finally:
        store.close()
    before, newest = chain[-2:]
    fields = {name: getattr(before, name) for name in ("balance", "hold", "limit")}
    made = Offender(watcher, network, keys.host_seed, keys.signer())
    made.entries = [entry(made.signer, network, seq=newest.seq, prev=before.id, root=newest.root, **fields)]
    return made


def seen(node: Node, name: str) -> bool:
    """Whether a node has the proof, gives that person no score, and begins nothing with him."""
    client = Client(node.home)
    try:
        shown = client.call("reputation", {"peer": name})
    except Refusal as e:
        if e.code == "not_found":
            return False
        raise
    if not shown["misconduct"]:
        return False
    assert shown["score"] == 0 and shown["proofs"], shown
    try:
        client.call("vouch", {"peer": name, "amount": "1"})
    except Refusal as e:
        assert e.message.startswith("proven misconduct"), e.message
        return True
    raise AssertionError(f"{node.name} vouches for {name}")


def spread(nodes: Sequence[Node], name: str, patience: float) -> tuple[float, float]:
    """Seconds from now until the first of the nodes knew, and from then until all did; infinite if not in time."""
    return all_of(nodes, lambda node: seen(node, name), patience)


def all_of(nodes: Sequence[Node], true: Callable[[Node], bool], patience: float) -> tuple[float, float]:
    """`spread` for whatever may come true of a node."""
    began = time.monotonic()
    came: dict[str, float] = {}
    while len(came) < len(nodes) and time.monotonic() < began + patience:
        for node in nodes:
            if node.name not in came and true(node):
                came[node.name] = time.monotonic() - began
        time.sleep(LOOK_EVERY)
    first = min(came.values(), default=float("inf"))
    return first, max(came.values()) - first if len(came) == len(nodes) else float("inf")
