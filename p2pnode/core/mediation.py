"""A dispute: what the mediator is told of an exchange, and what we are told as one."""

from ledger.entry import Entry, parse_entry, settlement_of
from protocols import exchange_messages as messages
from protocols.errors import Ignore
from protocols.exchange import Dispute, Exchange

from .effects import Send
from .exchanges import Exchanges
from .held import Held, fact_frame
from .outbox import Outbox, copy_id
from .settlements import Settlements
from .shown import PROOFS, Shown
from .state import State


class Mediation:
    def __init__(self, state: State, outbox: Outbox, settlements: Settlements, exchanges: Exchanges) -> None:
        self._state = state
        self._outbox = outbox
        self._settlements = settlements
        self._exchanges = exchanges
        self._shown = Shown(state)
        self._copied: set[bytes] = set()  # what others than the counterparty were sent since this node started
        exchanges.disputed = self.tell
        exchanges.shown = self._shown.payments
        exchanges.dropped = lambda held: self._shown.forget(held.id)

    def tell(self, held: Held, view: Exchange, now: int) -> None:
        """The mediator is told all that is known here but contacts, with proofs of what was paid; the other party what
        the mediator said."""
        terms, me = view.terms, self._state.me
        if me not in terms.parties or terms.mediator != held.first.mediator:  # he would not take the proposal
            return
        for fact in [f for f in held.facts.values() if f.kind != "contact"]:
            to = view.counterparty(me) if fact.author == terms.mediator else terms.mediator
            self._copy(held, fact.id, to, fact_frame(fact), now)
        for proof in [self._settlements.proof(held.network, deal) for deal in held.deals.values()]:
            if proof is not None:
                frame = messages.encode_message(messages.EntryMessage(held.network, proof))
                self._copy(held, parse_entry(proof).id, terms.mediator, frame, now)

    def _copy(self, held: Held, id_: bytes, to: bytes, frame: bytes, now: int) -> None:
        item = copy_id(id_, to)
        if item not in self._copied:
            self._copied.add(item)
            self._outbox.add(item, held.network, to, held.protocol, frame, now)

    def shown(self, peer: str, network: bytes, entry: Entry, now: int) -> bool:
        """Whether this is the proof of a payment between others, who have named us as their mediator: then it is kept.
        `Ignore` if we do not know of it (yet)."""
        said = settlement_of(entry)
        if entry.kind not in PROOFS or said is None or said.counterparty == self._state.me:
            return False
        exchange, name = self._exchanges.of_deal(said.deal)
        held = self._exchanges.held.get(exchange)
        duty = None if held is None else self._exchanges.view(held, now).terms.duty(name or "")
        if held is None or duty is None or held.network != network or held.first.mediator != self._state.me:
            raise Ignore("state", "a payment between others")
        self._shown.take(held, duty, entry)
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(messages.Ack(entry.id))))
        self._exchanges.settled(network, said.deal, now)
        return True


def is_over_for(author: bytes, view: Exchange) -> bool:
    """Whether this is the mediator, and has decided: what the parties make of it is theirs to do."""
    return author == view.terms.mediator and view.dispute is Dispute.RULED
