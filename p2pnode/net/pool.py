"""What all connections of a node together hold in memory."""

from collections.abc import Callable

from p2pnode.bounds import MAX_POOL, MAX_SEND_POOL


class Pool:
    """What all connections of a node together hold, in bytes: received and not yet handled, and waiting to be sent.

    relieve: called when there is too much of one, with its name (`received`, `sending`): it closes whoever holds most.
    """

    def __init__(self, relieve: Callable[[str], None] = lambda what: None) -> None:
        self.used = 0
        self.sending = 0
        self._relieve = relieve

    def receive(self, size: int) -> None:
        self.used += size
        if self.used > MAX_POOL and size > 0:
            self._relieve("received")

    def send(self, size: int) -> None:
        self.sending += size
        if self.sending > MAX_SEND_POOL and size > 0:
            self._relieve("sending")
