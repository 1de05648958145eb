"""Whether our own chains are whole, as far as anybody knows; and how they become so again.

A folder that was restored, or whose database lost its end, opens as if nothing were wrong; to sign on from there forks
the chain for ever. So while a network is in doubt nothing is signed in it: connected peers are asked which entries of
ours they hold, those are checked and stored, and the doubt ends when no entry is missing below the newest one that is
known of, and enough peers have answered: `ENOUGH` or all that are known within `ASK_FOR`, or one at least within
`ASK_LONGER`. Alone it never ends.

Without a doubt peers are asked too, once on connecting: who shows a newer entry brings the doubt with it.
"""

import msgspec

from ledger import chain
from ledger.balance import RULES
from ledger.entry import Entry, parse_entry
from ledger.halves import verify_with
from ledger.payloads import InceptPayload
from p2pnode.bounds import ASK_AGAIN, ASK_FOR, ASK_LONGER, ENOUGH, HEADERS_AFTER, MAX_ASKED, MAX_FOUND
from protocols import recovery_messages as messages
from protocols.codec import decode, encode
from protocols.errors import Reject

from .claims import Claims
from .custody import Custody
from .effects import Emit, Send
from .exchanges import Exchanges
from .keys import DOUBT
from .parcels import Parcels
from .settlements import Settlements
from .state import Network, State
from .vouches import Vouches
from .witnesses import Witnesses


class Doubt(msgspec.Struct):
    """need: entries that there must be; last: id of the last of these, or empty. The rest is not stored.

    asked_at: when the first peer was asked, ms; answered: peers that know of nothing more; found: entries of ours that
    are not stored yet, by seq; problem: why what was found does not continue our chain.
    """

    need: int = 0
    last: bytes = b""
    asked_at: int | None = None
    next_at: int = 0
    answered: set[str] = msgspec.field(default_factory=set)
    found: dict[int, Entry] = msgspec.field(default_factory=dict)
    problem: str = ""


class Recovery:
    def __init__(
        self,
        state: State,
        custody: Custody,
        settlements: Settlements,
        vouches: Vouches,
        exchanges: Exchanges,
        witnesses: Witnesses,
    ) -> None:
        self._state = state
        self._custody = custody
        self._settlements = settlements
        self._vouches = vouches
        self._exchanges = exchanges
        self.claims: Claims  # set by the core
        self.parcels: Parcels  # likewise
        self._witnesses = witnesses
        self.doubts: dict[bytes, Doubt] = {}
        state.partners = self._partners
        for network in state.networks:
            stored = state.journal.get(DOUBT + network)
            if stored is not None:
                self.doubts[network] = Doubt(*decode(stored))

    def adopted(self, network: Network) -> None:
        """A network is new here. On a folder that was restored, we may have been in it before."""
        if not network.chain.whole:
            stored = self._state.journal.get(DOUBT + network.id)
            need, last = decode(stored) if stored is not None else (0, b"")
            self._doubt(network, need, last)

    def told(self, network: Network, entries: int, last: bytes) -> None:
        """We ourselves have said, before this start, that our chain has so many entries, and which is the last."""
        doubt = self.doubts.get(network.id)
        if entries <= (network.chain.state.count if doubt is None else doubt.need):
            return
        if doubt is None:
            self._doubt(network, entries, last)
        else:
            self._need(network, doubt, entries, last)

    def connected(self, peer: str, now: int) -> None:
        for network in self._state.joined:
            self._ask(peer, network, now)
        self.parcels.unsure.connected(peer, now)

    def received(self, peer: str, message: messages.Message, now: int) -> None:
        """What a peer says by the recovery protocol: of our own chain, or of one that is kept for somebody."""
        match message:
            case messages.HeadMessage():
                self._custody.told(peer, message)
            case messages.Ask():
                self._custody.asked(peer, message)
            case messages.Entries(network_id, author, full):
                network = self._state.networks.get(network_id)
                if author != self._state.me:
                    self._custody.came(peer, message)
                elif network is not None:
                    self.came(peer, network, full, now)

    def _restored(self, entry: Entry, now: int) -> None:
        if entry.kind.startswith("PAY_"):
            self._settlements.restored(entry, now)
        elif "VOUCH" in entry.kind:
            self._vouches.restored(entry, now)
        elif entry.kind.startswith("CLAIM"):
            self.claims.restored(entry, now)
        elif entry.kind == "AGREE":
            self._exchanges.restored(entry)
            self.parcels.unsure.agreed(entry)
        elif entry.kind == "WITNESS":
            self._witnesses.restored(entry)

    def _partners(self) -> set[bytes]:
        deals = {d.counterparty for d in self._settlements.deals.values()}
        vouches = {v.counterparty for v in self._vouches.all.values()}
        parties = {a for held in self._exchanges.held.values() for a in held.first.parties} - {self._state.me}
        return deals | vouches | self.claims.counterparties() | parties

    def came(self, peer: str, network: Network, full: tuple[bytes, ...], now: int) -> None:
        """Entries of our own chain that a peer holds: none of use means that it knows of nothing newer."""
        own = network.chain
        doubt = self.doubts.get(network.id)
        for each in full:
            entry = parse_entry(each)
            verify_with(entry, self._state.sent_key)
            if (entry.network, entry.author) != (network.id, self._state.me):
                raise Reject("context", "an entry of another chain")
            if entry.seq < own.state.count:
                mine = own.entry(entry.seq)
                if mine is None or mine.id == entry.id:
                    continue
                doubt = doubt or self._doubt(network, own.state.count, own.state.head)
                doubt.problem = f"two entries {entry.seq} are signed"
                continue
            doubt = doubt or self._doubt(network, entry.seq + 1, entry.id)
            known = doubt.found.get(entry.seq)
            if known is not None and known.id != entry.id:
                doubt.problem = f"two entries {entry.seq} are signed"
            elif (known is None and len(doubt.found) < MAX_FOUND) or (known is not None and known.settlement is None):
                doubt.found[entry.seq] = entry
            if entry.seq >= doubt.need:
                self._need(network, doubt, entry.seq + 1, entry.id)
        if doubt is None:
            return
        if full:
            self._again(peer, network, parse_entry(full[-1]).seq + 1)
        else:
            doubt.answered.add(peer)
        self._decide(network, doubt, now)

    def woke(self, now: int) -> None:
        self.parcels.unsure.woke(now)
        for network_id, doubt in list(self.doubts.items()):
            network = self._state.networks[network_id]
            if now < doubt.next_at:
                continue
            doubt.next_at = now + ASK_AGAIN
            for author in self._state.partners():
                self._state.wanted.update(p for p in self._state.directory.peers_of(author))
            for peer in sorted(self._state.connected)[:MAX_ASKED]:
                if peer not in doubt.answered or doubt.need > network.chain.state.count:
                    self._ask(peer, network, now)
            self._decide(network, doubt, now)

    def next_wake(self) -> int | None:
        if not self._state.connected:
            return None
        times = [d.next_at for d in self.doubts.values()]
        more = self.parcels.unsure.next_wake()
        return min(times if more is None else [*times, more], default=None)

    def missing(self, network: Network) -> range:
        """The seqs of entries that there must be, and that are not here."""
        doubt = self.doubts.get(network.id)
        return range(network.chain.state.count, max(doubt.need, network.chain.state.count) if doubt else 0)

    def warnings(self) -> list[str]:
        found = []
        for network_id, doubt in self.doubts.items():
            network = self._state.networks[network_id]
            lost = self.missing(network)
            name = network.genesis.name
            if doubt.problem:
                text = f"{doubt.problem}; nothing is signed any more. Does another node run with this identity?"
            elif lost:
                which = f"entry {lost[0]} is" if len(lost) == 1 else f"entries {lost[0]} to {lost[-1]} are"
                text = f"{which} missing; they are fetched from neighbours, and nothing is signed until they are here"
            else:
                text = "it is not certain that all entries are here; nothing is signed until a neighbour has answered"
            found.append(f"the ledger in {name} is recovering: {text}")
        return found

    def _doubt(self, network: Network, need: int, last: bytes) -> Doubt:
        doubt = self.doubts[network.id] = Doubt()
        network.chain.whole = False
        self.parcels.unsure.begin(network.id)
        self._need(network, doubt, need, last)
        self._state.journal.out(Emit("recovering", {"network": network.id.hex()}))
        return doubt

    def _need(self, network: Network, doubt: Doubt, need: int, last: bytes) -> None:
        doubt.need, doubt.last = need, last
        self._state.journal.put(DOUBT + network.id, encode([need, last]))

    def _ask(self, peer: str, network: Network, now: int) -> None:
        doubt = self.doubts.get(network.id)
        if doubt is not None:
            doubt.asked_at = now if doubt.asked_at is None else doubt.asked_at
        self._again(peer, network, network.chain.state.count)

    def _again(self, peer: str, network: Network, seq: int) -> None:
        ask = messages.Ask(network.id, self._state.me, seq)
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(ask)))

    def _enough(self, doubt: Doubt) -> bool:
        """Whether several have answered, or all peers that anybody here is known to have."""
        directory = self._state.directory
        known = {p for a in directory.authors() if a != self._state.me for p in directory.peers_of(a)}
        return len(doubt.answered) >= ENOUGH or (bool(known) and known <= doubt.answered)

    def _decide(self, network: Network, doubt: Doubt, now: int) -> None:
        """Store what continues our chain, and end the doubt if nothing is missing."""
        if not doubt.answered or doubt.asked_at is None or doubt.problem:
            return
        waited = now - doubt.asked_at
        if waited < (ASK_FOR if self._enough(doubt) else ASK_LONGER):
            return
        own = network.chain
        while (entry := doubt.found.get(own.state.count)) is not None:
            if entry.kind in RULES and entry.settlement is None and waited < HEADERS_AFTER:
                break  # its counterparty, who has it whole, may come yet
            try:
                after = chain.apply(own.state, entry, keys=self._state.entry_key, endowment=own.endowment)
            except Reject as e:
                doubt.problem = f"entry {entry.seq} of this identity does not continue this ledger ({e.message})"
                return
            own.restore(entry, after)
            del doubt.found[entry.seq]
            self._restored(entry, now)
        if own.state.count < doubt.need:
            return
        if doubt.last and own.state.count == doubt.need and own.state.head != doubt.last:
            doubt.problem = "the newest entry is not the one that was known here"
            return
        del self.doubts[network.id]
        self._state.journal.delete(DOUBT + network.id, durable=True)
        own.whole = True
        if own.state.count == 0 and own.ready:
            own.append("INCEPT", InceptPayload(), None, now)
        else:
            own.tell_head()
        self._witnesses.whole(network, now)
        self._exchanges.catch_up(network.id, now)
        self._state.journal.out(Emit("whole", {"network": network.id.hex()}))
