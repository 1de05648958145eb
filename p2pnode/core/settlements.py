"""Drives the settlement machine of `ledger.settlement`: entries, deals and what must be sent, in one batch each."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ledger import cancelling
from ledger import settlement as machine
from ledger.balance import OverLimit
from ledger.chain import next_at
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.halves import proposal_of
from ledger.payloads import Settlement
from ledger.tokens import parse_token, verify_token
from p2pnode.bounds import ASK_WITNESSES_AFTER, TELL_CALLED_OFF
from protocols import exchange_messages as messages
from protocols.errors import Ignore, Refusal
from protocols.exchange import Exchange
from protocols.identity import digest
from protocols.payments import Payment
from protocols.terms import Duty, encode_terms, terms_hash

from .deals import Deals
from .effects import Send
from .keys import DEAL
from .outbox import Outbox
from .state import Network, State

if TYPE_CHECKING:
    from .held import Held

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
        self.deals = Deals(state.journal)
        self._lapses: dict[tuple[bytes, bytes], int] = {}  # when to ask the witnesses of an unanswered payment of ours
        self._paid_at: dict[tuple[bytes, bytes], int] = {}
        # Set by the core: what was agreed decides whether we take a payment, and learns what became of it.
        self.policy: Callable[[bytes, Entry, Settlement, int], machine.Decision]
        self.moved: Callable[[bytes, bytes, int], None]
        for _, value in state.journal.scan(DEAL):
            deal = machine.decode_deal(value)
            self._hold(deal)
            self._queue(deal, 0)

    def payment(self, network: bytes, deal_id: bytes) -> Payment:
        deal = self.deals.get((network, deal_id))
        if deal is None:
            return Payment.PENDING
        return Payment.SETTLED if deal.settled else _PAYMENT[deal.state]

    def of(self, held: "Held") -> tuple[dict[str, Payment], dict[str, int]]:
        """How far each payment of an exchange of ours has come, and when it was settled, by its duty."""
        payments, paid_at = {}, {}
        for duty, deal in held.deals.items():
            payments[duty], at = self.moved_at(held.network, deal)
            if at is not None:
                paid_at[duty] = at
        return payments, paid_at

    def moved_at(self, network: bytes, deal_id: bytes) -> tuple[Payment, int | None]:
        """How far a payment has come, and when it was settled: ms, by the payer's own entry, the same on both sides."""
        payment = self.payment(network, deal_id)
        if payment is not Payment.SETTLED:
            return payment, None
        key = (network, deal_id)
        if key not in self._paid_at:
            entry = parse_entry(self.deals[key].mine)
            if entry.kind == "PAY_RECEIPT":
                said = settlement_of(entry)
                entry = parse_entry(said.half) if said is not None else entry
            if entry.kind != "PAY_COMPLETE":
                return payment, None  # witnesses say so; the payer's own word is still under way
            self._paid_at[key] = entry.at
        return payment, self._paid_at[key]

    def receipt(self, network: bytes, deal_id: bytes) -> str | None:
        """Id of the PAY_RECEIPT, the same in both ledgers; None before both hold it."""
        deal = self.deals.get((network, deal_id))
        return parse_entry(deal.receipt).id.hex() if deal and deal.receipt else None

    def proof(self, network: bytes, deal_id: bytes) -> bytes | None:
        """An entry that proves to anybody that the deal was paid, or None. What witnesses say is no such entry."""
        deal = self.deals.get((network, deal_id))
        if deal is None or deal.state not in (machine.State.COMPLETED, machine.State.SETTLED):
            return None
        return deal.receipt or deal.mine

    def waiting(self, network: bytes, deal_id: bytes) -> bool:
        deal = self.deals.get((network, deal_id))
        return deal is not None and bool(machine.outstanding(deal))

    def pay(
        self,
        network: Network,
        deal_id: bytes,
        duty: Duty,
        terms: bytes,
        expiry: int,
        now: int,
        witnesses: tuple[bytes, ...] = (),
        quorum: int = 0,
    ) -> None:
        """The payer's first step; the rest follows by itself."""
        known = self.deals.get((network.id, deal_id))
        network.chain.check_ready()
        self._outbox.check_room()
        if self._state.taken(network.id, deal_id, "payment"):
            raise Refusal("conflict", "a vouch or claim has the same number as this payment", "Agree on it anew.")
        ask = machine.propose(
            known,
            deal=deal_id,
            counterparty=duty.receiver,
            amount=duty.amount,
            expiry=expiry,
            terms=terms,
            witnesses=witnesses,
            quorum=quorum,
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
        if known is None and self._state.taken(network.id, deal_id, "payment"):
            raise Ignore("conflict", "a vouch or claim has this id")
        if entry.kind == "PAY_CANCEL":
            return self._called_off(peer, network, entry, known, now)
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
            elif self._state.directory.speaks_for(peer, entry.author):  # a witness has copies, too
                self._state.journal.out(self._message(peer, network.id, action.entry))

    def _called_off(self, peer: str, network: Network, entry: Entry, known: machine.Deal | None, now: int) -> None:
        """The payer tells us what the witnesses decided while we were away."""
        deal = cancelling.called_off(known, entry, self._state.me, self._state.entry_key)
        if known is None:
            proposal = proposal_of(entry)
            proposed = settlement_of(proposal)
            assert proposed is not None
            if self.policy(network.id, proposal, proposed, now) is not machine.Decision.ACCEPT:
                raise Ignore("state", "not a payment that was agreed and has its turn, as far as is known here")
        if deal != known:
            self._store(deal, now)
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(messages.Ack(entry.id))))

    def forget(self, now: int) -> None:
        """A node from before it could be told does not answer: do not go on for ever."""
        for deal in self.deals.values():
            if deal.payer and deal.state == machine.State.CANCELLED and deal.tokens:
                entry = parse_entry(deal.mine)
                if entry.at < now - TELL_CALLED_OFF:
                    self._outbox.drop(entry.id)

    def heard(self, network: Network, wire: bytes, now: int) -> None:
        """What a witness has decided about a payment of ours, or to us. `Reject` or `Ignore` if it does not count."""
        token = parse_token(wire)
        known = self.deals.get((network.id, token.deal))
        if known is None or token.network != network.id:
            raise Ignore("state", "a token of no deal of ours")
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; the witness is asked again")
        if not self._state.is_current(token):
            raise Ignore("epoch", "signed with a key that has been replaced, or that has not arrived yet")
        deal, actions = cancelling.heard(known, token)
        verify_token(token, self._state.entry_key(token))
        self._store(deal, now)
        for action in actions:
            if isinstance(action, machine.Append):
                written = network.chain.append(action.kind, action.settlement, None, now)
                self._written(deal, written, now)

    def woke(self, now: int) -> None:
        """Payments of ours that were not answered in time: their witnesses may call them off."""
        for key, due in list(self._lapses.items()):
            network = self._state.networks.get(key[0])
            if due <= now and network is not None and network.chain.ready:
                ask = cancelling.request_cancel(self.deals[key], next_at(network.chain.state, now))
                written = network.chain.append(ask.kind, ask.settlement, None, now)
                self._written(self.deals[key], written, now)
                for action in machine.weighed(self.deals[key])[1]:  # some may have spoken before they were asked
                    if isinstance(action, machine.Append):
                        written = network.chain.append(action.kind, action.settlement, None, now)
                        self._written(self.deals[key], written, now)

    def next_wake(self) -> int | None:
        networks = self._state.networks
        return min(
            (d for k, d in self._lapses.items() if k[0] in networks and networks[k[0]].chain.ready), default=None
        )

    def decisions(self, network: bytes, deal_id: bytes) -> dict[bytes, str]:
        """Witness → what it decided about this deal, as far as we have heard; `accept` counts above `cancel`."""
        deal = self.deals.get((network, deal_id))
        said = sorted((parse_token(t) for t in deal.tokens), key=lambda t: t.decision, reverse=True) if deal else []
        return {t.witness: t.decision for t in said}

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
        said = settlement_of(entry)
        if entry.kind == "PAY_CANCEL" and said is not None and said.tokens:
            frame = messages.encode_message(messages.EntryMessage(deal.network, deal.mine))
            self._outbox.add(entry.id, deal.network, deal.counterparty, messages.PROTOCOL, frame, now)
        if deal.closed:  # the last word is repeated only when it is asked for again
            for send in sends:
                for peer in self._state.directory.peers_of(send.counterparty):
                    if peer in self._state.connected:
                        self._state.journal.out(self._message(peer, deal.network, send.entry))

    def _hold(self, deal: machine.Deal) -> None:
        key = (deal.network, deal.id)
        self.deals[key] = deal
        self._lapses.pop(key, None)
        if deal.payer and deal.state == machine.State.PROPOSED and deal.witnesses and deal.expiry:
            given = deal.expiry - parse_entry(deal.mine).at
            self._lapses[key] = deal.expiry + 1 + min(ASK_WITNESSES_AFTER, given // 10)

    def _store(self, deal: machine.Deal, now: int) -> None:
        self._hold(deal)
        self._state.journal.put(DEAL + deal.network + deal.id, machine.encode_deal(deal))
        self._queue(deal, now)
        self.moved(deal.network, deal.id, now)

    def _queue(self, deal: machine.Deal, now: int) -> None:
        """What is to be sent until it is answered: what waits unchanged keeps its pauses."""
        sends = {send.counterparty: send.entry for send in machine.outstanding(deal)}
        for author in (deal.counterparty, *deal.witnesses):
            item = digest(b"deal" + deal.network + deal.id + (b"" if author == deal.counterparty else author))
            full = sends.get(author)
            frame = b"" if full is None else messages.encode_message(messages.EntryMessage(deal.network, full))
            waiting = self._outbox.items.get(item)
            if waiting is not None and waiting.frame != frame:
                self._outbox.drop(item)
            if frame:
                self._outbox.add(item, deal.network, author, messages.PROTOCOL, frame, now, keep=False)

    def _message(self, peer: str, network: bytes, entry: bytes) -> Send:
        return Send(peer, messages.PROTOCOL, messages.encode_message(messages.EntryMessage(network, entry)))


def over_limit(network: Network, e: OverLimit) -> Refusal:
    """The same in the network's unit, with what to do."""
    needed, can, limit = map(network.money, (e.needed, e.spendable, network.chain.state.limit))
    return Refusal(
        "refused",
        f"this needs {needed}, and you can spend {can} (your limit is {limit})",
        "Earn first, or ask a neighbour who knows you to vouch for you: they type `p2pnode vouch YOU AMOUNT`.",
    )
