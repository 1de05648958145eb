"""Room for one more connection, within the bounds of an address, of a block of addresses, and of the node; and for what
all of them hold."""

import logging
import secrets
from collections.abc import Callable, Iterable

import trio

from p2pnode.bounds import IDLE_CONNECTION, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS, MAX_CONNECTIONS_PER_BLOCK

from .connection import Connection
from .eviction import Seat, gives_way
from .guard import is_private, wide_block

log = logging.getLogger(__name__)


class Room:
    """living: the connections that there are now."""

    def __init__(self, living: Callable[[], Iterable[Connection]]) -> None:
        self._living = living
        self._key = secrets.token_bytes(32)

    def make(self, newcomer: str, block: str, *, kept: bool, inbound: bool) -> bool:
        """Whether the newcomer, a peer id, may stay; somebody else may have had to leave for it.

        block: see `address_block`. kept: we dial it for ourselves; then it stays in any case.
        """
        others = [one for one in self._living() if one.peer != newcomer]
        wide = wide_block(block)
        crowds = [(others, MAX_CONNECTIONS)]
        if inbound:
            came = [one for one in others if not one.outbound]
            if not is_private(block):
                crowds.append(([one for one in came if one.wide == wide], MAX_CONNECTIONS_PER_BLOCK))
            crowds.append(([one for one in came if one.block == block], MAX_CONNECTIONS_PER_ADDRESS))
        for crowd, most in reversed(crowds):  # one who leaves makes room in all of those that follow
            if len(crowd) >= most:
                return self._leave(crowd) or kept
        return True

    def relieve(self, what: str) -> None:
        """All connections together hold too much that was `received`, or waits for `sending`: who holds most is cut."""
        living = list(self._living())
        if living:
            most = max(living, key=lambda one: one.holds(what))
            log.debug("memory is short: peer %s has %d bytes %s", most.peer, most.holds(what), what)
            most.close("memory is short")

    async def let_go(self) -> None:
        """Close connections that came in and over which nothing is said, until cancelled."""
        while True:
            await trio.sleep(IDLE_CONNECTION / 4)
            for one in list(self._living()):
                if not one.outbound and not one.kept and one.idle > IDLE_CONNECTION:
                    one.close("said nothing for long")

    def _leave(self, crowd: Iterable[Connection]) -> bool:
        by_peer = {one.peer: one for one in crowd}
        leaving = gives_way([_seat(one) for one in by_peer.values()], self._key)
        if leaving is None:
            return False
        log.info("peer %s makes room for another", leaving.peer)
        by_peer[leaving.peer].close("made room for another")
        return True


def _seat(one: Connection) -> Seat:
    return Seat(one.peer, one.kept, one.wide, one.since, one.rtt, one.useful_at)
