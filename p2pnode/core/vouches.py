"""Drives `ledger.vouching`: part of our limit lent to somebody we know, and what others lend to us."""

from ledger import vouching as machine
from ledger.balance import OverLimit
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.halves import verify_with
from ledger.settlement import Append
from ledger.vouching import Vouch, VouchState
from p2pnode import commands
from p2pnode.bounds import MAX_VOUCHES_OF_ONE, MAX_VOUCHES_TAKEN
from protocols import exchange_messages as messages
from protocols.amounts import parse_amount
from protocols.envelope import seal
from protocols.errors import Ignore, Refusal, Reject
from protocols.identity import digest
from protocols.limits import DURABLE_LIFETIME, SECOND
from protocols.vouch import VouchStatement, seal_vouch

from .effects import Emit, Send
from .keys import VOUCH
from .outbox import Outbox
from .settlements import over_limit
from .state import Network, State

STANDING = (VouchState.GIVEN, VouchState.HELD)


class Vouches:
    def __init__(self, state: State, outbox: Outbox) -> None:
        self._state = state
        self._outbox = outbox
        self.all: dict[tuple[bytes, bytes], Vouch] = {}
        for _, value in state.journal.scan(VOUCH):
            vouch = machine.decode_vouch(value)
            self.all[vouch.network, vouch.id] = vouch
            self._queue(vouch, 0)

    def held_with(self, network: bytes) -> list[bytes]:
        """Authors with whom a vouch stands that both sides signed, either way."""
        return [
            v.counterparty
            for v in self.all.values()
            if v.network == network and v.state in (VouchState.HELD, VouchState.TAKEN)
        ]

    def standing(self, network: bytes, vouch_id: bytes) -> bytes:
        """The VOUCH entry of a vouch of ours that stands, in full form; else empty."""
        vouch = self.all.get((network, vouch_id))
        return vouch.mine if vouch is not None and vouch.voucher and vouch.state in STANDING else b""

    def vouch(self, args: commands.Vouch, now: int) -> object:
        network = self._state.network(args.network)
        subject = self._state.directory.resolve(args.peer)
        amount = parse_amount(args.amount, network.genesis.decimals)
        if subject == self._state.me:
            raise Refusal("refused", "nobody vouches for himself", "Ask a neighbour who knows you.")
        return self._json(network, self.give(network, subject, amount, now))

    def give(self, network: Network, subject: bytes, amount: int, now: int) -> Vouch:
        """Hold part of our limit for a subject. `Refusal` if we have not that much to spare."""
        network.chain.check_ready()
        self._outbox.check_room()
        ask = machine.vouch(None, id=self._state.rng.randbytes(32), subject=subject, amount=amount)
        try:
            entry = network.chain.append(ask.kind, ask.settlement, None, now)
        except OverLimit as e:
            raise over_limit(network, e) from e
        vouch = self._written(None, entry, now)
        self._state_publicly(network, subject, now)
        return vouch

    def unvouch(self, args: commands.Peer, now: int) -> object:
        """Ask our vouches for a peer back; its node returns them as far as its balance allows."""
        network = self._state.network(args.network)
        subject = self._state.directory.resolve(args.peer)
        held = [v for v in self._given(network, subject) if v.state is VouchState.HELD]
        if not held:
            raise Refusal("not_found", "you have no accepted vouch for this peer", "`p2pnode vouch` makes one.")
        for vouch in held:
            frame = messages.encode_message(messages.ReturnVouch(network.id, vouch.id))
            self._outbox.add(_item(vouch), network.id, subject, messages.PROTOCOL, frame, now)
        return self._json(network, held[0])

    def received(self, peer: str, network: Network, entry: Entry, now: int) -> None:
        """A VOUCH…, VOUCH_RETURN or UNVOUCH entry of the other side, its signature verified."""
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; it will be sent again")
        said = settlement_of(entry)
        if said is None:
            raise Reject("field", "a vouch without its settlement payload")
        known = self.all.get((network.id, said.deal))
        if known is None and entry.kind == "VOUCH":
            self._may_take(network, entry, said.amount)
        vouch, actions = machine.receive(known, entry, self._state.me)
        if vouch is not None and vouch != known:
            self._store(vouch, now)
        for action in actions:
            if isinstance(action, Append):
                written = self._written(vouch, network.chain.append(action.kind, action.settlement, None, now), now)
                self._answer(peer, written)
                if written.state is VouchState.ENDED:
                    self._state_publicly(network, written.counterparty, now)
            else:
                self._state.journal.out(self._message(peer, network.id, action.entry))

    def _may_take(self, network: Network, entry: Entry, amount: int) -> None:
        """Each vouch costs an entry of our ledger for ever, so strangers cannot make us take as many as they like."""
        taken = [v for v in self.all.values() if not v.voucher]
        his = sum(v.counterparty == entry.author for v in taken)
        if his >= MAX_VOUCHES_OF_ONE or len(taken) >= MAX_VOUCHES_TAKEN:
            raise Ignore("quota", "enough vouches are held")
        known = entry.author == network.inviter or network.member(entry.author)
        if not known and len(taken) >= MAX_VOUCHES_TAKEN // 4:
            raise Ignore("quota", "enough vouches of strangers are held")
        if not network.credible(entry, amount):
            raise Reject("state", "a vouch for more than the whole network was endowed with")

    def welcomed(self, peer: str, network: Network, full: bytes, now: int) -> None:
        """The vouch that came with an invite."""
        entry = parse_entry(full)
        verify_with(entry, self._state.entry_key)
        if entry.kind != "VOUCH" or entry.network != network.id:
            raise Reject("context", "not a vouch of this network")
        self.received(peer, network, entry, now)

    def asked_back(self, peer: str, network: Network, vouch_id: bytes, now: int) -> None:
        """The voucher wants its vouch back: given at once, as far as our balance allows."""
        known = self.all.get((network.id, vouch_id))
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; it will be sent again")
        if known is None or known.voucher or not self._state.directory.speaks_for(peer, known.counterparty):
            raise Ignore("state")
        if known.state is VouchState.TAKEN:
            ask = machine.give_back(known)
            try:
                entry = network.chain.append(ask.kind, ask.settlement, None, now)
            except OverLimit as e:
                answer = messages.Refuse(vouch_id, "refused", str(e)[:500])
                self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(answer)))
                return
            known = self._written(known, entry, now)
        self._answer(peer, known)

    def returned_not(self, peer: str, vouch_id: bytes) -> None:
        """The subject cannot give a vouch back now: stop asking."""
        for vouch in self.all.values():
            if vouch.id == vouch_id and vouch.voucher and self._outbox.acknowledged(_item(vouch), peer):
                self._state.journal.out(Emit("vouch", {"state": "in use", "amount": vouch.amount}))

    def _given(self, network: Network, subject: bytes) -> list[Vouch]:
        return [v for v in self.all.values() if v.voucher and (v.network, v.counterparty) == (network.id, subject)]

    def restored(self, entry: Entry, now: int) -> None:
        """An entry of our own chain is back: so is what it did to its vouch."""
        said = settlement_of(entry)
        try:
            vouch, _ = machine.written(self.all.get((entry.network, said.deal if said else b"")), entry)
        except ValueError:
            return
        self._store(vouch, now)

    def _written(self, known: Vouch | None, entry: Entry, now: int) -> Vouch:
        vouch, _ = machine.written(known, entry)
        self._store(vouch, now)
        return vouch

    def _answer(self, peer: str, vouch: Vouch) -> None:
        self._state.journal.out(self._message(peer, vouch.network, vouch.mine))

    def _store(self, vouch: Vouch, now: int) -> None:
        self.all[vouch.network, vouch.id] = vouch
        self._state.journal.put(VOUCH + vouch.network + vouch.id, machine.encode_vouch(vouch))
        self._queue(vouch, now)
        self._state.journal.out(Emit("vouch", {"state": vouch.state.value, "amount": vouch.amount}))

    def _queue(self, vouch: Vouch, now: int) -> None:
        item = _item(vouch)
        if now:
            self._outbox.drop(item)
        for send in machine.outstanding(vouch):
            frame = messages.encode_message(messages.EntryMessage(vouch.network, send.entry))
            self._outbox.add(item, vouch.network, send.counterparty, messages.PROTOCOL, frame, now, keep=False)

    def _message(self, peer: str, network: bytes, entry: bytes) -> Send:
        return Send(peer, messages.PROTOCOL, messages.encode_message(messages.EntryMessage(network, entry)))

    def _state_publicly(self, network: Network, subject: bytes, now: int) -> None:
        """The public edge of the trust graph: the sum of what we vouch for a subject, or its withdrawal."""
        standing = [v for v in self._given(network, subject) if v.state in STANDING]
        row = network.catalog.get((self._state.me, "vouch", subject))
        revision = max(row.revision + 1 if row else 0, now // SECOND)
        if standing:
            total = sum(v.amount for v in standing)
            statement = VouchStatement(subject, total, standing[-1].mine)
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
        total = sum(v.amount for v in self._given(network, vouch.counterparty) if v.state in STANDING)
        unit = network.genesis.unit
        return {
            "peer_id": self._state.directory.peer_id(vouch.counterparty),
            "name": self._state.directory.name(vouch.counterparty),
            "amount": {"amount": vouch.amount, "unit": unit},
            "total": {"amount": total, "unit": unit},
            "limit": {"amount": network.chain.state.figures.spendable, "unit": unit},
            "state": vouch.state.value,
        }


def _item(vouch: Vouch) -> bytes:
    """Under which id the outbox holds what is outstanding of a vouch."""
    return digest(b"vouch" + vouch.network + vouch.id)
