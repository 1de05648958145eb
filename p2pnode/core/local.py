"""Neighbours on the local network: what to announce there, and what to make of what is announced.

Who is found goes into the address book like anybody of whom somebody talked. Nothing on the local network is signed, so
at most `MAX_LAN_FINDS` of those found count, few are handed on in a minute, and who does not answer is forgotten.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from p2pnode.bounds import LAN_AGAIN, LAN_TRIES, MAX_LAN_FINDS
from protocols.lan import Find, Service, local_ips, make_service, tag
from protocols.limits import MINUTE

from .neighbours import Neighbours
from .state import State

VIA = "lan"


class Wanted(NamedTuple):
    """ips: IPv4 addresses of the interfaces to be used, none for no use; services: to announce there."""

    ips: tuple[str, ...]
    services: tuple[Service, ...]


class Local:
    def __init__(self, state: State, neighbours: Neighbours) -> None:
        self._state = state
        self._neighbours = neighbours
        self.radio: Callable[[], tuple[str, str]] = lambda: ("off", "")  # set by the daemon: on, off, none or problem
        self.near: frozenset[str] = frozenset()  # peers that are in a network of ours
        self.others = 0  # peers that are in none of them
        self._given: dict[str, tuple[tuple[str, ...], int]] = {}  # peer → what the book was told of it, and when
        self._tries: list[int] = []  # when it was told anything in the last minute

    def wanted(self) -> Wanted:
        addresses, me = self._state.addresses, self._state.settings.peer_id
        made = (make_service(id_, me, addresses) for id_ in self._networks())
        return Wanted(local_ips(addresses), tuple(service for service in made if service is not None))

    def sighted(self, finds: Sequence[Find], now: int) -> None:
        """All that is announced at present. Repeating it does nothing more."""
        named: dict[str, list[Find]] = {}
        strangers, networks = set[str](), self._networks()
        for find in finds:
            if find.peer == self._state.settings.peer_id:
                continue
            if find.tag not in (tag(id_, find.peer) for id_ in networks):
                strangers.add(find.peer)
            else:
                named.setdefault(find.peer, []).append(find)
        ours = {peer: self._one_of(named[peer]) for peer in self._first(named)}
        self.near = frozenset(ours)
        self.others = min(len(strangers - self.near), MAX_LAN_FINDS)
        self._forget(now)
        self._given = {peer: given for peer, given in self._given.items() if peer in ours}
        for find in ours.values():
            self._hand_on(find, now)

    def json(self) -> dict[str, Any]:
        state, problem = self.radio()
        return {"state": state, "problem": problem or None, "found": len(self.near), "others": self.others}

    def _networks(self) -> list[bytes]:
        return [network.id for network in self._state.joined]

    def _first(self, peers: Iterable[str]) -> list[str]:
        """As many as count: whom we are connected to or have reached before, else chance decides, not who announced
        most."""
        rng, known, connected = self._state.rng, self._neighbours.known, self._state.connected
        rows = [(p not in connected, p not in known or not known[p].reached, rng.random(), p) for p in peers]
        return [row[3] for row in sorted(rows)[:MAX_LAN_FINDS]]

    def _one_of(self, finds: Sequence[Find]) -> Find:
        """Of several that name one peer, by chance: whoever heard its mark can repeat it with other addresses."""
        return finds[self._state.rng.randrange(len(finds))]

    def _hand_on(self, find: Find, now: int) -> None:
        if find.peer in self._state.connected or find.peer in self._state.banned:
            return
        addresses, at = self._given.get(find.peer, ((), 0))
        if addresses == find.addresses and 0 <= now - at < LAN_AGAIN:
            return
        self._tries = [at for at in self._tries if 0 <= now - at < MINUTE]
        if len(self._tries) < LAN_TRIES:
            self._tries.append(now)
            self._given[find.peer] = (find.addresses, now)
            self._neighbours.add(find.peer, find.addresses, VIA, now)

    def _forget(self, now: int) -> None:
        """Those that were known from here alone and did not answer, or not by the key that was announced."""
        for peer in self._given:
            known = self._neighbours.known.get(peer)
            gone = known is not None and known.via == VIA and known.problem and not known.reached
            if gone and peer not in self._state.connected:
                self._neighbours.book.forget(peer)
