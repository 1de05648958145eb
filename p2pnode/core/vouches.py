"""Drives `ledger.vouching`: part of our limit lent to somebody we know, and what others lend to us."""

from ledger import vouching as machine
from ledger.balance import OverLimit
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.halves import verify_with
from ledger.payloads import Settlement
from ledger.settlement import Append
from ledger.vouching import Vouch, VouchState
from p2pnode import commands
from p2pnode.bounds import MAX_PARTS_TAKEN, MAX_VOUCHES_OF_ONE, MAX_VOUCHES_TAKEN
from protocols import exchange_messages as messages
from protocols import vouch_messages as parts_messages
from protocols.amounts import parse_amount
from protocols.decimals import format_amount
from protocols.envelope import seal
from protocols.errors import Ignore, Refusal, Reject
from protocols.identity import digest
from protocols.limits import DURABLE_LIFETIME
from protocols.vouch import VouchStatement, seal_vouch

from .effects import Emit, Send
from .keys import VOUCH
from .offered import Offered
from .outbox import Outbox
from .revising import next_revision
from .settlements import over_limit
from .state import Network, State

STANDING = (VouchState.GIVEN, VouchState.HELD)  # of what we gave
TAKEN = (VouchState.TAKEN, VouchState.RETURNED)  # of what we took, as far as anything is left


class Vouches:
    def __init__(self, state: State, outbox: Outbox) -> None:
        self._state = state
        self._outbox = outbox
        self.all: dict[tuple[bytes, bytes], Vouch] = {}
        self._owing: set[tuple[bytes, bytes]] = set()  # taken, asked back, and not all given yet
        for _, value in state.journal.scan(VOUCH):
            vouch = machine.decode_vouch(value)
            self._know(vouch)
            self._queue(vouch, 0)
        self.offered = Offered(state)
        state.named["vouch"] = lambda network, deal: (network, deal) in self.all

    def held_with(self, network: bytes) -> list[bytes]:
        """Authors with whom a vouch stands that both sides signed, either way."""
        return [
            v.counterparty
            for v in self.all.values()
            if v.network == network and v.left and v.state in (*TAKEN, VouchState.HELD)
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
        vouch = self.give(network, subject, amount, now)
        return {**self._json(network, vouch), "vouch_id": vouch.id.hex()}

    def give(self, network: Network, subject: bytes, amount: int, now: int) -> Vouch:
        """Hold part of our limit for a subject. `Refusal` if we have not that much to spare."""
        self._state.convictions.check(
            network, (subject,), "`p2pnode reputation` with --why says more, and how to pardon."
        )
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

    def unvouch(self, args: commands.Unvouch, now: int) -> object:
        """Ask our vouches for a peer back, or a part, the newest first; its node returns what is free, and the rest as
        it earns. Asking for the same again only reminds it."""
        network = self._state.network(args.network)
        subject = self._state.directory.resolve(args.peer)
        held = self._newest(network, subject)
        parts = self.parts(network, held, args.amount)
        self._outbox.check_room()
        for vouch, part in parts:
            wants = machine.asked(vouch, vouch.returned + part)
            for old in {_asking(vouch, vouch.asked), _asking(vouch, wants.asked)}:
                self._outbox.drop(old)
            self._store(wants, now)
            if wants.asked == vouch.amount:
                protocol, frame = messages.PROTOCOL, messages.encode_message(messages.ReturnVouch(network.id, vouch.id))
            else:
                ask = parts_messages.ReturnPart(network.id, vouch.id, wants.asked)
                protocol, frame = parts_messages.PROTOCOL, parts_messages.encode_message(ask)
            self._outbox.add(_asking(wants, wants.asked), network.id, subject, protocol, frame, now)
        asked = sum(part for _, part in parts)
        return {**self._json(network, parts[0][0]), "amount": {"amount": asked, "unit": network.genesis.unit}}

    def take_over(self, args: commands.TakeOver, now: int) -> object:
        """Make so much of a peer's debt our own, the newest vouch first: it cannot be undone. Without an amount: what
        the peer is known to owe, as far as we vouched for it."""
        network = self._state.network(args.network)
        subject = self._state.directory.resolve(args.peer)
        held = self._newest(network, subject)
        amount = args.amount
        if amount is None:
            owed = min(self._state.owed(network, subject), sum(v.left for v in held))
            if owed == 0:
                raise Refusal("refused", "nothing is known here that this peer owes", "Say how much to take over.")
            amount = format_amount(owed, network.genesis.decimals)
        network.chain.check_ready()
        self._outbox.check_room()
        asks = [(vouch, machine.take_over(vouch, part)) for vouch, part in self.parts(network, held, amount)]
        for vouch, ask in asks:
            self._written(vouch, network.chain.append(ask.kind, ask.settlement, None, now), now)
        self._state_publicly(network, subject, now)
        taken = sum(ask.settlement.amount for _, ask in asks)
        return {**self._json(network, asks[0][0]), "amount": {"amount": taken, "unit": network.genesis.unit}}

    def listed(self, args: commands.ListVouches, now: int) -> list[dict[str, object]]:
        """The vouches that we gave and took, those that ended too. at_risk: of what we gave, how much its subject owes;
        None of what we took."""
        network = self._state.network(args.network)
        whose = None if args.peer is None else self._state.directory.resolve(args.peer)
        unit, risks = network.genesis.unit, dict[bytes, int]()
        for subject in {v.counterparty for v in self.all.values() if v.voucher and v.network == network.id}:
            risks |= self._at_risk(network, subject)
        return [
            {
                "vouch_id": v.id.hex(),
                "peer_id": self._state.directory.peer_id(v.counterparty),
                "name": self._state.directory.name(v.counterparty),
                "direction": "given" if v.voucher else "taken",
                "at_risk": {"amount": risks.get(v.id, 0), "unit": unit} if v.voucher else None,
                "state": v.state.value,
                **{
                    name: {"amount": value, "unit": unit}
                    for name, value in (
                        ("amount", v.amount),
                        ("left", v.left),
                        ("returned", v.returned),
                        ("taken_over", v.consumed),
                        ("asked_back", max(0, min(v.asked - v.returned, v.left))),
                    )
                },
                "delivered": not machine.outstanding(v),
            }
            for v in self.all.values()
            if v.network == network.id and whose in (None, v.counterparty)
        ] + self.offered.listed(network, whose)

    def held(self, network: Network, subject: bytes) -> list[Vouch]:
        """What we vouch for a subject and it has accepted, the oldest first."""
        return [v for v in self._given(network, subject) if v.state is VouchState.HELD]

    def at_stake(self, network: Network, subject: bytes) -> int:
        """How much of our limit a subject holds, minor units."""
        return sum(v.left for v in self.held(network, subject))

    def _at_risk(self, network: Network, subject: bytes) -> dict[bytes, int]:
        """How much of each vouch for a subject is spent, by the newest entry that is known here: what a default would
        take, the newest vouch first, as in `take_over`. Minor units, by vouch."""
        owed, found = self._state.owed(network, subject), dict[bytes, int]()
        for vouch in self.held(network, subject)[::-1]:
            found[vouch.id] = min(owed, vouch.left)
            owed -= found[vouch.id]
        return found

    def _newest(self, network: Network, subject: bytes) -> list[Vouch]:
        """The same, the newest first. `Refusal` if there is none."""
        held = self.held(network, subject)
        if not held:
            raise Refusal("not_found", "you have no accepted vouch for this peer", "`p2pnode vouch` makes one.")
        return held[::-1]

    def parts(
        self, network: Network, held: list[Vouch], text: str | None, there_is: str = "you vouch with {} for this peer"
    ) -> list[tuple[Vouch, int]]:
        """How much of each of these vouches makes up the amount; all of it if there is no amount."""
        left = sum(v.left for v in held)
        wanted = left if text is None else parse_amount(text, network.genesis.decimals)
        if not 0 < wanted <= left:
            raise Refusal("usage", there_is.format(network.money(left)), "Give an amount above zero, up to that.")
        parts = []
        for vouch in held:
            part = min(wanted, vouch.left)
            wanted -= part
            if part:
                parts.append((vouch, part))
        return parts

    def received(self, peer: str, network: Network, entry: Entry, now: int) -> None:
        """A VOUCH…, VOUCH_RETURN or UNVOUCH entry of the other side, its signature verified."""
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; it will be sent again")
        said = settlement_of(entry)
        if said is None:
            raise Reject("field", "a vouch without its settlement payload")
        known = self.all.get((network.id, said.deal))
        if known is None and entry.kind == "VOUCH":
            self._may_take(network, entry, said)
        vouch, actions = machine.receive(known, entry, self._state.me)
        if known is None and actions and not self.offered.by_itself(network, entry, said.amount):
            return self.offered.keep(network, entry, said.deal)
        if any(isinstance(a, Append) and not self._affordable(network, known, a) for a in actions):
            raise Ignore("quota", "enough parts of vouches were answered")
        if vouch is not None and vouch != known:
            self._store(vouch, now)
        for action in actions:
            if isinstance(action, Append):
                vouch = self._written(vouch, network.chain.append(action.kind, action.settlement, None, now), now)
                if action.kind == "UNVOUCH":
                    self._state_publicly(network, vouch.counterparty, now)
                if action.kind in ("UNVOUCH", "VOUCH_CONSUMED"):  # the others wait in the outbox for an answer
                    self._state.journal.out(self._message(peer, network.id, vouch.answer))
                elif action.kind == "VOUCH_ACCEPT":
                    self._state.journal.out(self._message(peer, network.id, vouch.mine))
            elif self._state.directory.speaks_for(peer, entry.author):  # everybody has copies of a VOUCH
                self._state.journal.out(self._message(peer, network.id, action.entry))

    def take(self, network: Network, entry: Entry, now: int) -> Vouch:
        """Our user takes a vouch that was offered."""
        _, (ask,) = machine.receive(None, entry, self._state.me)
        assert isinstance(ask, Append)
        vouch = self.write(network, None, ask, now)
        for peer in self._state.directory.peers_of(vouch.counterparty):
            if peer in self._state.connected:  # else the VOUCH comes again, and is answered then
                self._state.journal.out(self._message(peer, network.id, vouch.mine))
        return vouch

    def write(self, network: Network, known: Vouch | None, ask: Append, now: int) -> Vouch:
        return self._written(known, network.chain.append(ask.kind, ask.settlement, None, now), now)

    def check_room(self) -> None:
        self._outbox.check_room()

    def _may_take(self, network: Network, entry: Entry, said: Settlement) -> None:
        """Each vouch costs an entry of our ledger for ever, so strangers cannot make us take as many as they like."""
        if self._state.taken(network.id, said.deal, "vouch"):
            raise Ignore("conflict", "a payment or claim has this id")
        if self._state.convictions.frozen(network.id, entry.author):
            raise Ignore("state", "nothing new is begun with who is proven to have broken a rule")
        taken = [v for v in self.all.values() if not v.voucher]
        his = sum(v.counterparty == entry.author for v in taken)
        if his >= MAX_VOUCHES_OF_ONE or len(taken) >= MAX_VOUCHES_TAKEN:
            raise Ignore("quota", "enough vouches are held")
        known = entry.author == network.inviter or network.member(entry.author)
        if not known and len(taken) >= MAX_VOUCHES_TAKEN // 4:
            raise Ignore("quota", "enough vouches of strangers are held")
        if not network.credible(entry, said.amount):
            raise Reject("state", "a vouch for more than the whole network was endowed with")

    def _affordable(self, network: Network, vouch: Vouch | None, ask: Append) -> bool:
        """Whether one more part of what others gave us may cost an entry; all that is left of it always may."""
        if vouch is None or vouch.voucher or ask.settlement.amount >= vouch.left:
            return True
        known = vouch.counterparty == network.inviter or network.member(vouch.counterparty)
        parts = sum(v.parts for v in self.all.values() if not v.voucher)
        return parts < (MAX_PARTS_TAKEN if known else MAX_PARTS_TAKEN // 4)

    def welcomed(self, peer: str, network: Network, full: bytes, now: int) -> None:
        """The vouch that came with an invite."""
        entry = parse_entry(full)
        verify_with(entry, self._state.sent_key)
        if entry.kind != "VOUCH" or entry.network != network.id:
            raise Reject("context", "not a vouch of this network")
        self.received(peer, network, entry, now)

    def asked_back(self, peer: str, network: Network, vouch_id: bytes, total: int | None, now: int) -> None:
        """The voucher wants so much back in all, or everything: what our account does not need goes at once, the rest
        when it is free. The request is on disk before it is acknowledged.
        """
        known = self.all.get((network.id, vouch_id))
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; it will be sent again")
        if known is None or known.voucher or not self._state.directory.speaks_for(peer, known.counterparty):
            raise Ignore("state")
        total = known.amount if total is None else total
        wanted = machine.asked(known, total)
        if wanted != known:
            self._store(wanted, now)
        self.give_due(now)
        ack = messages.Ack(_asking(known, min(total, known.amount)))
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(ack)))

    def give_due(self, now: int) -> None:
        """Give back what we were asked for, as far as the account carries it. Called after each step."""
        for key in sorted(self._owing):
            vouch, network = self.all[key], self._state.networks.get(key[0])
            if network is None or not network.chain.ready:
                continue
            ask = machine.due(vouch, network.chain.state.figures.spendable)
            if ask is not None and self._affordable(network, vouch, ask):
                self._written(vouch, network.chain.append(ask.kind, ask.settlement, None, now), now)

    def returned_not(self, peer: str, vouch_id: bytes) -> None:
        """A node of before version 0.2 cannot give a vouch back now, and does not keep the request: stop asking."""
        for vouch in self.all.values():
            if vouch.id == vouch_id and vouch.voucher and self._outbox.acknowledged(_asking(vouch, vouch.asked), peer):
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

    def _store(self, vouch: Vouch, now: int) -> None:
        self._know(vouch)
        self.offered.drop(vouch.network, vouch.id)
        if vouch.voucher and vouch.returned >= min(vouch.asked, vouch.amount - vouch.consumed):
            self._outbox.drop(_asking(vouch, vouch.asked))
        self._state.journal.put(VOUCH + vouch.network + vouch.id, machine.encode_vouch(vouch))
        self._queue(vouch, now)
        self._state.journal.out(Emit("vouch", {"state": vouch.state.value, "amount": vouch.amount}))

    def _know(self, vouch: Vouch) -> None:
        key = vouch.network, vouch.id
        self.all[key] = vouch
        if not vouch.voucher and vouch.asked > vouch.returned and vouch.left:
            self._owing.add(key)
        else:
            self._owing.discard(key)

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
        standing = [v for v in self._given(network, subject) if v.state in STANDING and v.left]
        row = network.catalog.get((self._state.me, "vouch", subject))
        said = next_revision(row, now, now + DURABLE_LIFETIME, DURABLE_LIFETIME)
        if standing:
            total = sum(v.left for v in standing)
            statement = VouchStatement(subject, total, standing[-1].mine)
            dated = {"created": said.created, "revision": said.revision}
            record = seal_vouch(self._state.signer, network.id, statement, **dated)
        else:
            record = seal(
                self._state.signer,
                network=network.id,
                kind="vouch",
                name=subject,
                payload=b"",
                **said._asdict(),
            )
        self._state.publish(network, record, now)

    def _json(self, network: Network, vouch: Vouch) -> dict[str, object]:
        total = sum(v.left for v in self._given(network, vouch.counterparty) if v.state in STANDING)
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


def _asking(vouch: Vouch, total: int) -> bytes:
    """Under which id the outbox holds that so much of a vouch is asked back in all."""
    return digest(b"unvouch" + vouch.network + vouch.id + total.to_bytes(8, "big"))
