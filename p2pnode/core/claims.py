"""Drives `ledger.claims`: what a neighbour owes us, and we him, in any unit beside the network's credit."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from ledger import claims as machine
from ledger.claims import Claim, ClaimState
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.payloads import Settlement
from ledger.settlement import Append
from p2pnode import commands
from p2pnode.bounds import MAX_CLAIMS, MAX_CLAIMS_OF_ONE, MAX_CLAIMS_UNDECIDED
from protocols import exchange_messages as messages
from protocols.amounts import parse_amount
from protocols.decimals import OTHER_DECIMALS, in_words
from protocols.errors import Ignore, Refusal, Reject
from protocols.fields import LINE, Unit

from .effects import Emit, Send
from .exchanges import Exchanges
from .keys import CLAIM
from .outbox import Outbox
from .state import Network, State

UNDECIDED = (ClaimState.ASKED, ClaimState.DECLINED)


class _Written(msgspec.Struct):
    """What our user types, in the bounds of the payload."""

    unit: Unit
    note: Annotated[str, msgspec.Meta(pattern=LINE)]


class Claims:
    def __init__(self, state: State, outbox: Outbox, exchanges: Exchanges) -> None:
        self._state = state
        self._exchanges = exchanges
        self._outbox = outbox
        self.all: dict[tuple[bytes, bytes], Claim] = {}
        self.of_exchange: dict[tuple[bytes, bytes], set[bytes]] = {}
        for _, value in state.journal.scan(CLAIM):
            claim = machine.decode_claim(value)
            self._hold(claim)
            self._queue(claim, 0)
        # Set by what knows of which payment a claim is: `Refusal` if it cannot be any more, else what to say with it.
        self.taking: Callable[[Claim, int], Callable[[], None] | None] = lambda claim, now: None
        self.duty_of: Callable[[Claim], str | None] = lambda claim: None  # by the same: the payment that it is of
        state.named["claim"] = lambda network, deal: (c := self.all.get((network, deal))) is not None and bool(c.mine)

    def counterparties(self) -> set[bytes]:
        return {c.counterparty for c in self.all.values() if c.mine}

    # Commands

    def propose(self, args: commands.Claim, now: int, id_: bytes | None = None) -> dict[str, Any]:
        """id_: of a claim that is to pay a payment of an exchange; else at random."""
        network = self._state.network(args.network)
        other = self._state.directory.resolve(args.peer)
        if other == self._state.me:
            raise Refusal("usage", "nobody owes himself", "Name a neighbour.")
        if args.unit.casefold() == network.genesis.unit.casefold():
            raise Refusal(
                "usage",
                f"{network.genesis.unit} is this network's own credit",
                "Pay with an exchange, or lend limit: p2pnode vouch. A claim is in another unit, such as EUR.",
            )
        if len(self.all) >= MAX_CLAIMS:
            raise Refusal("refused", f"{MAX_CLAIMS} claims are held here", "")
        try:
            msgspec.convert({"unit": args.unit, "note": args.note}, _Written)
        except msgspec.ValidationError as e:
            raise Refusal("usage", f"not a claim: {e}", "A unit is a short word, a note one line.") from e
        amount = parse_amount(args.amount, OTHER_DECIMALS)
        exchange = b"" if args.exchange is None else self._exchange_with(args.exchange, other, now)
        network.chain.check_ready()
        self._outbox.check_room()
        ask = machine.propose(
            id=self._state.rng.randbytes(32) if id_ is None else id_,
            counterparty=other,
            amount=amount,
            unit=args.unit,
            debtor=not args.owed_by,
            note=args.note,
            exchange=exchange,
        )
        return self.row(self._append(network, None, ask, now))

    def accept(self, args: commands.OneId, now: int) -> dict[str, Any]:
        network, claim = self._find(args)
        if self._state.taken(network.id, claim.id, "claim"):
            raise Refusal("conflict", "a payment or vouch has the same number as this claim", "Decline it.")
        ask = machine.accept(claim)
        network.chain.check_ready()
        self._outbox.check_room()
        pays = self.taking(claim, now)
        claim = self._append(network, claim, ask, now)
        if pays is not None:
            pays()
        return self.row(claim)

    def decline(self, args: commands.OneId, now: int) -> dict[str, Any]:
        _, claim = self._find(args)
        after = machine.decline(claim)
        self._outbox.check_room()
        self._store(after, now)
        theirs = parse_entry(claim.theirs).id
        frame = messages.encode_message(messages.Refuse(theirs, "refused", "not agreed"))
        self._outbox.add(theirs, claim.network, claim.counterparty, messages.PROTOCOL, frame, now)
        return self.row(after)

    def settle(self, args: commands.SettleClaim, now: int) -> dict[str, Any]:
        network, claim = self._find(args)
        amount = None if args.amount is None else parse_amount(args.amount, OTHER_DECIMALS)
        ask = machine.settle(claim, amount)
        network.chain.check_ready()
        self._outbox.check_room()
        return self.row(self._append(network, claim, ask, now))

    def listed(self, args: commands.ListClaims, now: int) -> list[dict[str, Any]]:
        network = self._state.network(args.network)
        whose = None if args.peer is None else self._state.directory.resolve(args.peer)
        over = (ClaimState.CLOSED, ClaimState.DECLINED) if args.open else ()
        found = [c for c in self.all.values() if c.network == network.id and whose in (None, c.counterparty)]
        return [self.row(c) for c in sorted(found, key=lambda c: (-c.at, c.id)) if c.state not in over]

    def show(self, args: commands.OneId, now: int) -> dict[str, Any]:
        return self.row(self._find(args)[1])

    def undecided(self, now: int) -> list[str]:
        """A line for each claim that waits for our user."""
        return [
            f"{self._state.directory.name(c.counterparty)} says that "
            f"{'you owe them' if c.debtor else 'they owe you'} {in_words(c.amount, OTHER_DECIMALS, c.unit)}: "
            f"`p2pnode claim accept {c.id.hex()[:8]}`, or decline"
            for c in self.all.values()
            if c.state is ClaimState.ASKED
        ]

    def _exchange_with(self, id_: str, other: bytes, now: int) -> bytes:
        """The exchange a claim is about: both of its parties know it, and nobody else should."""
        held = self._exchanges.find(id_)
        partner = self._exchanges.view(held, now).counterparty(self._state.me)
        if partner != other:
            who = self._state.directory.name(partner)
            raise Refusal("usage", f"that exchange is with {who}", "Name one with the same neighbour, or none.")
        return held.id

    def _find(self, args: commands.OneId | commands.SettleClaim) -> tuple[Network, Claim]:
        found = [c for c in self.all.values() if c.id.hex().startswith(args.id.lower())]
        if len(found) > 1:
            raise Refusal("conflict", f"{args.id} could be several claims", "Give more of the id.")
        if not found or found[0].network not in self._state.networks:
            raise Refusal("not_found", f"no claim {args.id}", "`p2pnode claim list` shows all.")
        return self._state.networks[found[0].network], found[0]

    # What the other side sends

    def received(self, peer: str, network: Network, entry: Entry, now: int) -> None:
        """A CLAIM… entry of the other side, its signature verified."""
        if not network.chain.ready:
            raise Ignore("state", "nothing is signed now; it will be sent again")
        said = settlement_of(entry)
        if said is None:
            raise Reject("field", "a claim without its settlement payload")
        known = self.all.get((network.id, said.deal))
        if known is None:
            self._may_ask(network, entry, said.deal)
        claim, actions = machine.receive(known, entry, self._state.me)
        if claim != known:
            self._store(claim, now)
        if entry.kind in ("CLAIM", "CLAIM_ASK", "CLAIM_ACCEPT"):
            self._out(peer, messages.Ack(entry.id))
        for action in actions:
            if isinstance(action, Append):
                self._append(network, claim, action, now)
                self._out(peer, messages.EntryMessage(network.id, self.all[claim.network, claim.id].answer))
            else:
                self._out(peer, messages.EntryMessage(network.id, action.entry))

    def _may_ask(self, network: Network, entry: Entry, deal: bytes) -> None:
        """What nobody here has agreed to is bounded, and signs nothing."""
        if self._state.taken(network.id, deal, "claim"):
            raise Ignore("conflict", "a payment or vouch has this id")
        waiting = [c for c in self.all.values() if c.state in UNDECIDED and c.theirs]
        his = sum(c.counterparty == entry.author for c in waiting)
        known = entry.author == network.inviter or network.member(entry.author)
        most = MAX_CLAIMS_UNDECIDED if known else MAX_CLAIMS_UNDECIDED // 4
        if his >= MAX_CLAIMS_OF_ONE or len(waiting) >= most or len(self.all) >= MAX_CLAIMS:
            raise Ignore("quota", "enough claims wait here")

    def acknowledged(self, id_: bytes) -> None:
        """The other side has our entry with this id on disk."""
        for claim in list(self.all.values()):
            after = machine.told(claim, id_) if claim.mine and not claim.told else claim
            if after != claim:
                self._store(after, 0)

    def declined(self, peer: str, id_: bytes, now: int) -> None:
        """The other side's user does not agree to what we proposed with this entry."""
        for claim in list(self.all.values()):
            if not claim.mine or claim.theirs or not self._state.directory.speaks_for(peer, claim.counterparty):
                continue
            if parse_entry(claim.mine).id == id_:
                if claim.state is ClaimState.OFFERED:
                    self._store(machine.declined(claim), now)
                self._out(peer, messages.Ack(id_))

    def restored(self, entry: Entry, now: int) -> None:
        """An entry of our own chain is back: so is what it did to its claim."""
        said = settlement_of(entry)
        try:
            claim, _ = machine.written(self.all.get((entry.network, said.deal if said else b"")), entry)
        except ValueError:
            return
        self._store(claim, now)

    def _append(self, network: Network, known: Claim | None, ask: Append, now: int) -> Claim:
        entry = network.chain.append(ask.kind, ask.settlement, None, now)
        claim, _ = machine.written(known, entry)
        self._store(claim, now)
        return claim

    def _store(self, claim: Claim, now: int) -> None:
        old = self.all.get((claim.network, claim.id))
        self._hold(claim)
        self._state.journal.put(CLAIM + claim.network + claim.id, machine.encode_claim(claim))
        for send in machine.outstanding(old) if old is not None else ():
            if send not in machine.outstanding(claim):
                self._outbox.drop(parse_entry(send.entry).id)
        self._queue(claim, now)
        self._state.journal.out(Emit("claim", {"claim_id": claim.id.hex(), "state": claim.state.value}))

    def _hold(self, claim: Claim) -> None:
        self.all[claim.network, claim.id] = claim
        if claim.exchange:
            self.of_exchange.setdefault((claim.network, claim.exchange), set()).add(claim.id)

    def _queue(self, claim: Claim, now: int) -> None:
        for send in machine.outstanding(claim):
            frame = messages.encode_message(messages.EntryMessage(claim.network, send.entry))
            item = parse_entry(send.entry).id
            self._outbox.add(item, claim.network, send.counterparty, messages.PROTOCOL, frame, now, keep=False)

    def _out(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))

    def row(self, claim: Claim) -> dict[str, Any]:
        def amount(value: int) -> dict[str, Any]:
            return {"amount": value, "unit": claim.unit, "decimals": OTHER_DECIMALS}

        return {
            "claim_id": claim.id.hex(),
            "peer_id": self._state.directory.peer_id(claim.counterparty),
            "name": self._state.directory.name(claim.counterparty),
            "direction": "owed by me" if claim.debtor else "owed to me",
            "state": claim.state.value,
            "amount": amount(claim.amount),
            "paid": amount(claim.paid),
            "left": amount(claim.left),
            "note": claim.note,
            "exchange_id": claim.exchange.hex() or None,
            "duty": self.duty_of(claim),
            "at": claim.at,
            "delivered": not machine.outstanding(claim),
        }

    def exported(self, network: bytes, kind: str, said: Settlement) -> dict[str, Any]:
        """What an export says of an entry of a claim. state: where the claim stands now."""
        claim = self.all.get((network, said.deal))
        return {
            "id": said.deal.hex(),
            "state": claim.state.value if claim else None,
            "debtor": None if claim is None else (claim.me if claim.debtor else claim.counterparty).hex(),
            "amount": {"amount": said.amount, "unit": said.unit, "decimals": OTHER_DECIMALS},
            "note": (claim.note if claim else "") or None,
        }
