"""Vouches: part of our limit lent to somebody we know, and what others lend to us."""

import msgspec

from ledger.balance import OverLimit
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.halves import half_of, verify_with
from ledger.payloads import Settlement
from protocols import exchange_messages as messages
from protocols.amounts import parse_amount
from protocols.codec import decode, encode
from protocols.envelope import seal
from protocols.errors import Ignore, Refusal, Reject
from protocols.limits import DURABLE_LIFETIME
from protocols.vouch import VouchStatement, seal_vouch

from . import commands
from .effects import Emit, Send
from .keys import VOUCH
from .outbox import Outbox
from .settlements import over_limit
from .state import Network, State


class Vouch(msgspec.Struct):
    """given: by us, else taken. state: offered | accepted | returned. entry: the VOUCH; answer: what followed it."""

    network: bytes
    id: bytes
    given: bool
    other: bytes
    amount: int
    state: str
    entry: bytes
    answer: bytes = b""


class Vouches:
    def __init__(self, state: State, outbox: Outbox) -> None:
        self._state = state
        self._outbox = outbox
        self.all: dict[tuple[bytes, bytes], Vouch] = {}
        cut = len(VOUCH)
        for key, value in state.journal.scan(VOUCH):
            network, id_ = key[cut : cut + 16], key[cut + 16 :]
            self.all[network, id_] = Vouch(network, id_, *decode(value))

    def vouch(self, args: commands.Vouch, now: int) -> object:
        network = self._state.network(args.network)
        subject = self._state.directory.resolve(args.peer)
        amount = parse_amount(args.amount, network.genesis.decimals)
        if amount <= 0:
            raise Refusal("usage", "a vouch needs an amount above zero", "For example: p2pnode vouch ANNA 5")
        if subject == self._state.me:
            raise Refusal("refused", "nobody vouches for himself", "Ask a neighbour who knows you.")
        vouch = self.give(network, subject, amount, now)
        return self._json(network, vouch)

    def give(self, network: Network, subject: bytes, amount: int, now: int) -> Vouch:
        """Hold part of our limit for a subject. `Refusal` if we have not that much to spare."""
        vouch_id = self._state.rng.randbytes(32)
        try:
            entry = network.chain.append("VOUCH", Settlement(subject, amount, vouch_id), None, now)
        except OverLimit as e:
            raise over_limit(network, e) from e
        vouch = Vouch(network.id, vouch_id, True, subject, amount, "offered", encode_entry(entry))
        self._store(vouch)
        frame = messages.encode_message(messages.EntryMessage(network.id, vouch.entry))
        self._outbox.add(vouch_id, network.id, subject, messages.PROTOCOL, frame, now)
        self._state_publicly(network, subject, now)
        return vouch

    def unvouch(self, args: commands.Peer, now: int) -> object:
        network = self._state.network(args.network)
        subject = self._state.directory.resolve(args.peer)
        given = [v for v in self._given(network, subject) if v.state == "accepted"]
        if not given:
            raise Refusal("not_found", "you have no accepted vouch for this peer", "`p2pnode vouch` makes one.")
        for vouch in given:
            frame = messages.encode_message(messages.ReturnVouch(network.id, vouch.id))
            self._outbox.add(vouch.id, network.id, subject, messages.PROTOCOL, frame, now)
        return self._json(network, given[0])

    def received(self, peer: str, network: Network, entry: Entry, now: int) -> None:
        """A VOUCH_… entry whose signature holds and that concerns us."""
        said = settlement_of(entry)
        if said is None:
            raise Reject("field", "a vouch without its settlement payload")
        if said.counterparty != self._state.me or entry.author == self._state.me:
            raise Ignore("context")
        known = self.all.get((network.id, said.deal))
        if entry.kind == "VOUCH":
            self._offered(peer, network, entry, said, known, now)
        elif known is None or not known.given or known.other != entry.author:
            raise Ignore("state")
        elif entry.kind == "VOUCH_ACCEPT":
            half = half_of(entry, said)
            if half is None or encode_entry(half) != known.entry:
                raise Reject("context", "does not embed our vouch")
            self._outbox.drop(known.id)
            if known.state == "offered":
                known.state, known.answer = "accepted", encode_entry(entry)
                self._store(known)
        elif entry.kind == "VOUCH_RETURN" and known.state == "accepted":
            if said.amount != known.amount:
                raise Reject("context", "returns another amount")
            half_bytes = encode_entry(entry)
            network.chain.append(
                "UNVOUCH", Settlement(entry.author, said.amount, said.deal, half=half_bytes), None, now
            )
            known.state, known.answer = "returned", half_bytes
            self._outbox.drop(known.id)
            self._store(known)
            self._state_publicly(network, known.other, now)

    def welcomed(self, network: Network, full: bytes, now: int) -> None:
        """The vouch that came with an invite."""
        entry = parse_entry(full)
        verify_with(entry, self._state.entry_key)
        if entry.kind != "VOUCH" or entry.network != network.id:
            raise Reject("context", "not a vouch of this network")
        self.received("", network, entry, now)

    def asked_back(self, peer: str, network: Network, vouch_id: bytes, now: int) -> None:
        """The voucher wants its vouch back: given at once, as far as our balance allows."""
        known = self.all.get((network.id, vouch_id))
        if known is None or known.given or not self._state.directory.speaks_for(peer, known.other):
            raise Ignore("state")
        if known.state == "accepted":
            said = Settlement(known.other, known.amount, known.id)
            try:
                entry = network.chain.append("VOUCH_RETURN", said, None, now)
            except OverLimit as e:
                answer = messages.Refuse(vouch_id, "refused", str(e)[:500])
                self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(answer)))
                return
            known.state, known.answer = "returned", encode_entry(entry)
            self._store(known)
        self._answer(peer, known)

    def _offered(
        self, peer: str, network: Network, entry: Entry, said: Settlement, known: Vouch | None, now: int
    ) -> None:
        if known is None:
            if not entry.within_limit:
                raise Reject("state", "the voucher overdraws its limit")
            half = encode_entry(entry)
            taken = Settlement(entry.author, said.amount, said.deal, half=half)
            accepted = network.chain.append("VOUCH_ACCEPT", taken, None, now)
            known = Vouch(
                network.id, said.deal, False, entry.author, said.amount, "accepted", half, encode_entry(accepted)
            )
            self._store(known)
        elif known.given or known.entry != encode_entry(entry):
            raise Reject("context", "two vouches with one id")
        self._answer(peer, known)

    def _answer(self, peer: str, vouch: Vouch) -> None:
        if peer:
            frame = messages.encode_message(messages.EntryMessage(vouch.network, vouch.answer))
            self._state.journal.out(Send(peer, messages.PROTOCOL, frame))

    def _given(self, network: Network, subject: bytes) -> list[Vouch]:
        return [v for v in self.all.values() if v.given and v.network == network.id and v.other == subject]

    def _state_publicly(self, network: Network, subject: bytes, now: int) -> None:
        """The public edge of the trust graph: the sum of what we vouch for a subject, or its withdrawal."""
        standing = [v for v in self._given(network, subject) if v.state != "returned"]
        row = network.catalog.get((self._state.me, "vouch", subject))
        revision = row.revision + 1 if row else 0
        if standing:
            statement = VouchStatement(subject, sum(v.amount for v in standing), standing[-1].entry)
            record = seal_vouch(self._state.signer, network.id, statement, created=now, revision=revision)
        else:
            record = seal(
                self._state.signer,
                network=network.id,
                kind="vouch",
                name=subject,
                revision=revision,
                created=now,
                until=now + DURABLE_LIFETIME,
                payload=b"",
            )
        self._state.publish(network, record, now)

    def _json(self, network: Network, vouch: Vouch) -> dict[str, object]:
        total = sum(v.amount for v in self._given(network, vouch.other) if v.state != "returned")
        state = network.chain.state
        unit = network.genesis.unit
        return {
            "peer_id": self._state.directory.peer_id(vouch.other),
            "name": self._state.directory.name(vouch.other),
            "amount": {"amount": vouch.amount, "unit": unit},
            "total": {"amount": total, "unit": unit},
            "limit": {"amount": state.limit - state.hold + min(0, state.balance), "unit": unit},
            "state": vouch.state,
        }

    def _store(self, vouch: Vouch) -> None:
        self.all[vouch.network, vouch.id] = vouch
        row = [vouch.given, vouch.other, vouch.amount, vouch.state, vouch.entry, vouch.answer]
        self._state.journal.put(VOUCH + vouch.network + vouch.id, encode(row))
        self._state.journal.out(Emit("vouch", {"state": vouch.state, "amount": vouch.amount}))
