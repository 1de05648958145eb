"""What must reach another author: kept on disk, sent again with growing pauses until it is acknowledged."""

import msgspec

from p2pnode.bounds import MAX_OUTBOX, RESEND_MAX, RESEND_MIN
from protocols.codec import decode, encode
from protocols.errors import Refusal
from protocols.identity import digest

from .effects import Send
from .keys import OUTBOX
from .state import State


class Item(msgspec.Struct):
    """network16, author: to whom; protocol, frame: what; since: ms; tries and next_at are not stored."""

    network: bytes
    author: bytes
    protocol: str
    frame: bytes
    since: int
    tries: int = 0
    next_at: int = 0


class Outbox:
    def __init__(self, state: State) -> None:
        self._state = state
        self.items: dict[bytes, Item] = {}
        self._unspoken: set[tuple[str, str]] = set()  # peer, protocol: asked for in vain on the newest connection
        for key, value in state.journal.scan(OUTBOX):
            self.items[key[len(OUTBOX) :]] = Item(*decode(value))

    def add(
        self, item_id: bytes, network: bytes, author: bytes, protocol: str, frame: bytes, now: int, *, keep: bool = True
    ) -> None:
        """Keep and send. The same id twice is once. keep: false for what its owner adds again after a restart."""
        if item_id in self.items:
            return
        item = Item(network, author, protocol, frame, now)
        self.items[item_id] = item
        if keep:
            self._state.journal.put(OUTBOX + item_id, encode([network, author, protocol, frame, now]))
        self._send(item, now)

    def check_room(self, more: int = 1) -> None:
        """`Refusal` if our user has so much waiting that no more is taken. Asked before anything is signed."""
        if len(self.items) + more > MAX_OUTBOX:
            raise Refusal("failed", f"{MAX_OUTBOX} messages wait to be delivered", "Wait until other peers come back.")

    def acknowledged(self, item_id: bytes, peer: str) -> bool:
        """The recipient has it on disk. Only a peer that speaks for the recipient is believed."""
        item = self.items.get(item_id)
        if item is None or not self._state.directory.speaks_for(peer, item.author):
            return False
        self.drop(item_id)
        return True

    def acknowledged_copy(self, id_: bytes, peer: str) -> None:
        """Somebody else than the first it was for has what bears this id, or will not take it."""
        author = self._state.directory.author_of(peer)
        if author is not None:
            self.acknowledged(copy_id(id_, author), peer)

    def drop(self, item_id: bytes) -> None:
        if self.items.pop(item_id, None) is not None:
            self._state.journal.delete(OUTBOX + item_id)

    def waiting_for(self, author: bytes) -> list[bytes]:
        return [i for i, item in self.items.items() if item.author == author]

    def authors(self) -> set[bytes]:
        return {item.author for item in self.items.values()}

    def connected(self, peer: str, now: int) -> None:
        """A peer is there: what waits for it goes out at once, also what it did not understand before."""
        self._unspoken = {(p, protocol) for p, protocol in self._unspoken if p != peer}
        for item in self.items.values():
            if self._state.directory.speaks_for(peer, item.author):
                item.tries = 0
                self._send(item, now)

    def unspoken(self, peer: str, protocol: str) -> None:
        """A peer does not speak this protocol: what waits for it that needs it waits until it is another version."""
        waits = {(p, i.protocol) for i in self.items.values() for p in self._state.directory.peers_of(i.author)}
        self._unspoken = (self._unspoken | {(peer, protocol)}) & waits

    def is_beyond(self, item_id: bytes) -> bool:
        """Whether this waits for somebody whose node does not speak what it needs, as far as is known."""
        item = self.items.get(item_id)
        peers = [] if item is None else self._state.directory.peers_of(item.author)
        return item is not None and any((peer, item.protocol) in self._unspoken for peer in peers)

    def nudge(self, author: bytes, now: int) -> None:
        """What waits for this author goes out again at once: what he has just said may be what it waited for."""
        for item in self.items.values():
            if item.author == author and item.next_at > now:
                item.tries = 0
                self._send(item, now)

    def woke(self, now: int) -> None:
        for item in self.items.values():
            if item.next_at <= now:
                self._send(item, now)

    def next_wake(self) -> int | None:
        return min((i.next_at for i in self.items.values()), default=None)

    def _send(self, item: Item, now: int) -> None:
        item.next_at = now + min(RESEND_MAX, RESEND_MIN << min(item.tries, 10))
        item.tries += 1
        peers = self._state.directory.peers_of(item.author)
        for peer in peers:
            if peer in self._state.connected and (peer, item.protocol) not in self._unspoken:
                self._state.journal.out(Send(peer, item.protocol, item.frame))
                return
        self._state.wanted.update(peer for peer in peers if peer not in self._state.connected)


def copy_id(id_: bytes, to: bytes) -> bytes:
    """What the outbox calls a message with this id that goes to somebody else, too."""
    return digest(b"copy" + id_ + to)
