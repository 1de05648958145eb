"""Drives the settlement machine of `ledger.settlement`: entries, deals and what must be sent, in one batch each."""

from collections.abc import Callable

from ledger import settlement as machine
from ledger.balance import OverLimit
from ledger.chain import next_at
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.payloads import Settlement
from protocols import exchange_messages as messages
from protocols.amounts import format_amount
from protocols.errors import Ignore, Refusal
from protocols.exchange import Exchange, Payment
from protocols.identity import digest
from protocols.terms import Duty, encode_terms, terms_hash

from .effects import Send
from .keys import DEAL
from .outbox import Outbox
from .state import Network, State

_PAYMENT = {
    machine.State.PROPOSED: Payment.PROPOSED,
    machine.State.REQUESTED: Payment.PROPOSED,
    machine.State.ACCEPTED: Payment.ACCEPTED,
    machine.State.COMPLETED: Payment.SETTLED,
    machine.State.SETTLED: Payment.SETTLED,
    machine.State.RELEASED: Payment.RELEASED,
    machine.State.CANCELLED: Payment.RELEASED,
}


class Settlements:
    def __init__(self, state: State, outbox: Outbox) -> None:
        self._state = state
        self._outbox = outbox
        self.deals: dict[tuple[bytes, bytes], machine.Deal] = {}
        # Set by the core: what was agreed decides whether we take a payment, and learns what became of it.
        self.policy: Callable[[bytes, Entry, Settlement, int], machine.Decision]
        self.moved: Callable[[bytes, bytes, int], None]
        for _, value in state.journal.scan(DEAL):
            deal = machine.decode_deal(value)
            self.deals[deal.network, deal.id] = deal
            self._queue(deal, 0)

    def payment(self, network: bytes, deal_id: bytes) -> Payment:
        deal = self.deals.get((network, deal_id))
        return _PAYMENT[deal.state] if deal else Payment.PENDING

    def receipt(self, network: bytes, deal_id: bytes) -> str | None:
        """Id of the PAY_RECEIPT, the same in both ledgers; None before both hold it."""
        deal = self.deals.get((network, deal_id))
        return parse_entry(deal.receipt).id.hex() if deal and deal.receipt else None

    def proof(self, network: bytes, deal_id: bytes) -> bytes | None:
        """An entry that proves to anybody that the deal was paid, or None."""
        deal = self.deals.get((network, deal_id))
        if deal is None or not deal.settled:
            return None
        return deal.receipt or deal.mine

    def waiting(self, network: bytes, deal_id: bytes) -> bool:
        deal = self.deals.get((network, deal_id))
        return deal is not None and bool(machine.outstanding(deal))

    def pay(self, network: Network, deal_id: bytes, duty: Duty, terms: bytes, expiry: int, now: int) -> None:
        """The payer's first step; the rest follows by itself."""
        known = self.deals.get((network.id, deal_id))
        network.chain.check_ready()
        self._outbox.check_room()
        ask = machine.propose(
            known, deal=deal_id, counterparty=duty.receiver, amount=duty.amount, expiry=expiry, terms=terms
        )
        try:
            entry = network.chain.append(ask.kind, ask.settlement, None, now)
        except OverLimit as e:
            raise over_limit(network, e) from e
        self._written(known, entry, now)

    def received(self, peer: str, network: Network, entry: Entry, now: int) -> None:
        """A counterparty's entry, its signature verified. `Reject` or `Ignore` if it does not count."""
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; it will be sent again")
        said = settlement_of(entry)
        deal_id = said.deal if said else b""
        known = self.deals.get((network.id, deal_id))
        deal, actions = machine.receive(
            known,
            entry,
            self._state.me,
            next_at(network.chain.state, now),
            lambda e, s: self.policy(network.id, e, s, now),
        )
        if deal is not None and deal != known:
            self._store(deal, now)
        for action in actions:
            if isinstance(action, machine.Append):
                written = network.chain.append(action.kind, action.settlement, None, now)
                self._written(deal, written, now)
            else:
                self._state.journal.out(self._message(peer, network.id, action.entry))

    def record_agreement(self, network_id: bytes, view: Exchange, now: int) -> int:
        """Both halves of an agreement, in our chain: our entry holds the other side's signed fact. Returns its seq."""
        assert view.acceptance is not None
        network = self._state.networks[network_id]
        theirs = view.terms_fact if view.acceptance.author == self._state.me else view.acceptance
        said = Settlement(
            counterparty=theirs.author, amount=0, deal=view.id, terms=terms_hash(view.terms), half=theirs.wire
        )
        return network.chain.append("AGREE", said, encode_terms(view.terms), now).seq

    def restored(self, entry: Entry, now: int) -> None:
        """An entry of our own chain is back: so is what it did to its deal."""
        said = settlement_of(entry)
        try:
            deal, _ = machine.written(self.deals.get((entry.network, said.deal if said else b"")), entry)
        except ValueError:
            return  # an earlier entry of the deal came back without its payload
        self._store(deal, now)

    def _written(self, known: machine.Deal | None, entry: Entry, now: int) -> None:
        deal, sends = machine.written(known, entry)
        self._store(deal, now)
        if deal.closed:  # the last word is repeated only when it is asked for again
            for send in sends:
                for peer in self._state.directory.peers_of(send.counterparty):
                    if peer in self._state.connected:
                        self._state.journal.out(self._message(peer, deal.network, send.entry))

    def _store(self, deal: machine.Deal, now: int) -> None:
        self.deals[deal.network, deal.id] = deal
        self._state.journal.put(DEAL + deal.network + deal.id, machine.encode_deal(deal))
        self._queue(deal, now)
        self.moved(deal.network, deal.id, now)

    def _queue(self, deal: machine.Deal, now: int) -> None:
        item = digest(b"deal" + deal.network + deal.id)
        self._outbox.drop(item)
        for send in machine.outstanding(deal):
            frame = messages.encode_message(messages.EntryMessage(deal.network, send.entry))
            self._outbox.add(item, deal.network, send.counterparty, messages.PROTOCOL, frame, now, keep=False)

    def _message(self, peer: str, network: bytes, entry: bytes) -> Send:
        return Send(peer, messages.PROTOCOL, messages.encode_message(messages.EntryMessage(network, entry)))


def over_limit(network: Network, e: OverLimit) -> Refusal:
    """The same in the network's unit, with what to do."""
    genesis = network.genesis
    needed = format_amount(e.needed, genesis.decimals)
    can = format_amount(e.spendable, genesis.decimals)
    state = network.chain.state
    limit = format_amount(state.limit, genesis.decimals)
    return Refusal(
        "refused",
        f"this needs {needed} {genesis.unit}, and you can spend {can} (your limit is {limit})",
        "Earn first, or ask a neighbour who knows you to vouch for you: they type `p2pnode vouch YOU AMOUNT`.",
    )
