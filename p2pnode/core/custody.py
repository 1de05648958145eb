"""Entries of others, kept for them; and ours, handed to some who keep them for us.

Whoever has lost the end of its ledger, or was restored from a backup, can get back only what somebody else holds. So
each new entry goes at once to those who were in deals with us and to a few neighbours: with its settlement payload to
the counterparty that it names, to all others without any payload. On connecting, our number of entries is told with the
last of them, and asked for is what is missing there.
"""

from msgspec.structs import replace

from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.halves import verify_with
from p2pnode.bounds import KEEPERS, MAX_KEPT, MAX_KEPT_OF_ONE
from protocols import recovery_messages as messages
from protocols.errors import Ignore, Reject

from .effects import Send
from .keys import KEPT
from .state import Network, State


class Custody:
    def __init__(self, state: State) -> None:
        self._state = state
        self._seqs: dict[bytes, set[int]] = {}  # chain (network, author) → what is kept of it
        for key, _ in state.journal.scan(KEPT):
            self._seqs.setdefault(key[len(KEPT) : -8], set()).add(int.from_bytes(key[-8:], "big"))
        self._held = sum(map(len, self._seqs.values()))
        self._keepers: dict[bytes, set[str]] = {}  # network → connected peers who keep for us
        self._told: dict[tuple[str, bytes], int] = {}  # (peer, network) → entries that the peer says it has

    # Ours

    def connected(self, peer: str) -> None:
        """A peer is there, or its profile has come: those who were in deals with us keep for us, and a few others."""
        author = self._state.directory.author_of(peer)
        if author is None or author == self._state.me:
            return
        for network in self._state.joined:  # it may have told before its profile came
            self._fetch(peer, network, author)
            self._ask_to_keep(peer, author, network)

    def disconnected(self, peer: str) -> None:
        for key in [k for k in self._told if k[0] == peer]:
            del self._told[key]
        for network_id, keepers in self._keepers.items():
            if peer not in keepers:
                continue
            keepers.discard(peer)
            for other in sorted(self._state.connected.keys() - {peer}):  # one who came when there were enough
                author = self._state.directory.author_of(other)
                if author is not None and author != self._state.me:
                    self._ask_to_keep(other, author, self._state.networks[network_id])

    def _ask_to_keep(self, peer: str, author: bytes, network: Network, partner: bool = False) -> None:
        """Have a connected peer keep for us, if its author is in the network and a partner, or there is room."""
        keepers = self._keepers.setdefault(network.id, set())
        if peer in keepers or not network.has(author):
            return
        if partner or len(keepers) < KEEPERS or author in self._state.partners():
            keepers.add(peer)
            self._tell(peer, network)

    def _tell(self, peer: str, network: Network) -> None:
        """How many entries we have, and which is the last: of two chains of one length, signed by two nodes with one
        identity, a number says nothing."""
        count = network.chain.state.count
        self._send(peer, messages.HeadMessage(network.id, count))
        last = network.chain.entry(count - 1) if count else None
        if last is not None:
            self._send(peer, messages.Entries(network.id, self._state.me, (self._form(last, peer),)))

    def written(self, network: Network, entry: Entry) -> None:
        """An entry of ours is new. Whom it names keeps for us from then on."""
        said = settlement_of(entry) if entry.kind != "INCEPT" else None
        if said is not None:
            for peer in self._state.directory.peers_of(said.counterparty):
                if peer in self._state.connected:
                    self._ask_to_keep(peer, said.counterparty, network, partner=True)
        for peer in sorted(self._keepers.get(network.id, ())):
            self._send(peer, messages.Entries(network.id, self._state.me, (self._form(entry, peer),)))

    def _form(self, entry: Entry, peer: str) -> bytes:
        """As this peer may see it."""
        whole = encode_entry(entry)
        said = settlement_of(entry) if entry.kind != "INCEPT" else None
        author = self._state.directory.author_of(peer)
        if entry.kind == "INCEPT" or (said is not None and said.counterparty == author):
            return whole
        return without_payload(entry)

    # Those of others

    def keep(self, entry: Entry) -> None:
        """Keep a verified entry of somebody else's chain, within bounds: the newest of each author."""
        chain = entry.network + entry.author
        key = KEPT + chain + entry.seq.to_bytes(8, "big")
        known = self._state.journal.get(key)
        form = encode_entry(entry)
        if known is not None:
            if entry.settlement is not None and parse_entry(known).settlement is None and _same(known, entry):
                self._state.journal.put(key, form, durable=False)
            return
        seqs = self._seqs.get(chain, set())
        if len(seqs) >= MAX_KEPT_OF_ONE:
            oldest = min(seqs)
            if entry.seq < oldest:
                return
            self._state.journal.delete(KEPT + chain + oldest.to_bytes(8, "big"))
            seqs.discard(oldest)
            self._held -= 1
        elif self._held >= self._room(entry):
            return
        self._seqs.setdefault(chain, seqs).add(entry.seq)
        self._held += 1
        self._state.journal.put(key, form, durable=False)

    def _room(self, entry: Entry) -> int:
        """Strangers cannot use up what members may need."""
        network = self._state.networks.get(entry.network)
        return MAX_KEPT if network is not None and network.member(entry.author) else MAX_KEPT // 4

    def told(self, peer: str, message: messages.HeadMessage) -> None:
        """A peer tells how long its chain is: ask for what is missing here."""
        network = self._state.networks.get(message.network)
        if network is not None and network.left:
            raise Ignore("network", "our user has left it")
        if network is not None:
            self._told[peer, message.network] = message.entries
        self._fetch(peer, *self._of(peer, message.network))

    def came(self, peer: str, message: messages.Entries) -> None:
        """Entries of the sender's own chain, to be kept."""
        network, author = self._of(peer, message.network)
        if author != message.author:
            raise Ignore("context", "of somebody else's chain")
        before = self._lacking(peer, network, author)
        told = self._told.get((peer, network.id), 0)
        newest = -1
        for full in message.full:
            entry = parse_entry(full)
            verify_with(entry, self._state.sent_key)
            if (entry.network, entry.author) != (network.id, author):
                raise Reject("context", "an entry of another chain")
            self._state.convictions.arrived(entry)
            self.keep(entry)
            newest = max(newest, entry.seq)
        if newest >= told:  # sent unasked: what was lost on the way before it is asked for, once for each that comes
            self._told[peer, network.id] = newest + 1
        after = self._lacking(peer, network, author)
        if after is not None and (newest >= told or (before is not None and after > before)):
            self._fetch(peer, network, author)

    def asked(self, peer: str, message: messages.Ask) -> None:
        """What we hold of its own chain, to the author itself; of ours, to those who keep for us."""
        network = self._state.networks.get(message.network)
        if network is None:
            raise Ignore("network")
        full: list[bytes] = []
        if message.author == self._state.me:
            if peer not in self._keepers.get(network.id, ()):
                raise Ignore("context", "not one of those who keep for us")
            for seq in range(message.seq, min(network.chain.state.count, message.seq + messages.MAX_SENT)):
                entry = network.chain.entry(seq)
                if entry is not None:
                    full.append(self._form(entry, peer))
        elif self._state.directory.speaks_for(peer, message.author):
            chain = network.id + message.author
            seqs = sorted(s for s in self._seqs.get(chain, ()) if s >= message.seq)[: messages.MAX_SENT]
            found = (self._state.journal.get(KEPT + chain + s.to_bytes(8, "big")) for s in seqs)
            full = [each for each in found if each is not None]
        else:
            raise Ignore("context", "not the author's peer, as far as is known here")
        self._send(peer, messages.Entries(network.id, message.author, messages.fill(full)))

    def _of(self, peer: str, network_id: bytes) -> tuple[Network, bytes]:
        network = self._state.networks.get(network_id)
        author = self._state.directory.author_of(peer)
        if network is None or author is None:
            raise Ignore("context", "nobody known here")
        return network, author

    def _lacking(self, peer: str, network: Network, author: bytes) -> int | None:
        """The first seq of a peer's own chain that is not here, among those that are kept at all; None if none."""
        count = self._told.get((peer, network.id), 0)
        held = self._seqs.get(network.id + author, ())
        return next((s for s in range(max(0, count - MAX_KEPT_OF_ONE), count) if s not in held), None)

    def _fetch(self, peer: str, network: Network, author: bytes) -> None:
        seq = self._lacking(peer, network, author)
        if seq is not None:
            self._send(peer, messages.Ask(network.id, author, seq))

    def _send(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))


def without_payload(entry: Entry) -> bytes:
    """The full form with both payloads withheld: what shows that an entry was signed, and how the account stood."""
    return encode_entry(replace(entry, settlement=None, private=None))


def _same(full: bytes, entry: Entry) -> bool:
    return parse_entry(full).id == entry.id
