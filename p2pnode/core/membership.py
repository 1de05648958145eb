"""Which networks this node is in, and how it and others get in: founding, plain addresses, invites."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from dht.catalog import Catalog, Quotas
from ledger.payloads import InceptPayload
from p2pnode import commands
from p2pnode.bounds import INVITE_LIFETIME, JOIN_ANSWER_WITHIN, JOIN_KEPT, JOIN_RETRY
from protocols import join_messages as messages
from protocols.amounts import parse_amount
from protocols.codec import decode, encode
from protocols.envelope import Record
from protocols.errors import DecodeError, Ignore, Refusal, Reject
from protocols.genesis import Genesis, network_id, parse_genesis
from protocols.identity import identify
from protocols.invite import LINK_PREFIX, InviteLink, make_invite, parse_invite, parse_link, pasted, verify_invite
from protocols.limits import MAX_INVITE_NOTE, MAX_LINK_ADDRESSES
from protocols.redemption import Redemption, countersign, prove, seal_redemption, verify_countersignature

from .effects import Emit, Reply, Send
from .inviters import Inviters
from .invites import Issued
from .keys import GENESIS, INVITE, JOIN, MEMBERSHIP
from .multiaddrs import peer_of
from .own_chain import OwnChain
from .state import Network, State
from .vouches import Vouches


class Joining(msgspec.Struct):
    """A join under way. peer: whom we ask; link: parsed, or None for a plain address."""

    target: str
    addresses: tuple[str, ...]
    peer: str
    link: InviteLink | None
    since: int
    next_at: int = 0
    asked: bool = False
    problem: str = ""
    tickets: list[tuple[int, int]] = msgspec.field(default_factory=list)  # (ticket, answer by)


class Membership:
    def __init__(self, state: State) -> None:
        self._state = state
        self._inviters = Inviters(state.journal)
        self.vouches: Vouches  # set by the core, once there is one
        self.adopted: Any = None  # called with (network, now) when a network is new, or our user is back in it
        self.back: Callable[[Network, int], None]  # set by the core: our user joins one that he may have left
        self.joining: dict[str, Joining] = {}
        self.given_up: list[str] = []  # the last few, for the status

    def load(self) -> None:
        journal = self._state.journal
        found = []
        for key, wire in journal.scan(GENESIS):
            record, genesis = parse_genesis(wire)
            network = self._build(key[len(GENESIS) :], record, genesis)
            stored = journal.get(MEMBERSHIP + network.id)
            if stored:
                network.joined_at, network.inviter, network.redemption = decode(stored)
            found.append(network)
        for network in sorted(found, key=lambda n: (n.joined_at, n.id)):  # the first one joined stays the first
            self._state.networks[network.id] = network
        for key, value in journal.scan(JOIN):
            target = key[len(JOIN) :].decode()
            self._note(target, decode(value)[0])

    # Networks

    def adopt(self, wire: bytes, now: int, inviter: bytes = b"", redemption: bytes = b"") -> Network:
        """Enter a network: our chain in it begins, and the rest of the node takes notice."""
        record, genesis = parse_genesis(wire)
        id_ = network_id(record)
        known = self._state.networks.get(id_)
        if known is not None:
            return known
        network = self._build(id_, record, genesis)
        network.joined_at, network.inviter, network.redemption = now, inviter, redemption
        self._state.networks[id_] = network
        self._state.journal.put(GENESIS + id_, wire)
        self._state.journal.put(MEMBERSHIP + id_, encode([now, inviter, redemption]))
        if network.chain.state.count == 0 and network.chain.ready:
            network.chain.append("INCEPT", InceptPayload(), None, now)
        self.adopted(network, now)
        self._state.journal.out(Emit("network", {"id": id_.hex(), "name": genesis.name, "state": "joined"}))
        return network

    def _build(self, id_: bytes, record: Record, genesis: Genesis) -> Network:
        quotas = Quotas(genesis.listings_per_author, genesis.records_per_author, genesis.newcomer_records)
        chain = OwnChain(
            self._state.journal, self._state.signer, self._state.rng, id_, genesis.endowment(self._state.me)
        )
        chain.dated = lambda: not self._state.time.objection()
        inviter_of = partial(self._inviters.of, id_)
        return Network(id_, genesis, record, Catalog(id_, quotas), chain, 0, inviter_of=inviter_of)

    # Our user

    def join(self, args: commands.Join, ticket: int, now: int) -> None:
        """Ask to be let in, and answer the command when that is done, or soon with "trying". Into a network that our
        user has left nobody has to let us: its name will do."""
        left = [n for n in self._state.named_so(args.target.strip()) if n.left]
        if len(left) == 1:
            self.back(left[0], now)
            self._state.journal.out(Reply(ticket, self._joined_json(left[0])))
            return
        joining = self._note(args.target, now)
        if joining.link is not None:
            network = self._state.networks.get(joining.link.invite.network)
            if network is not None and network.redemption:
                self.joining.pop(joining.target, None)
                self.back(network, now)
                self._state.journal.out(Reply(ticket, self._joined_json(network)))
                return
            if joining.link.invite.inviter == self._state.me:
                self.joining.pop(joining.target, None)
                raise Refusal("refused", "this is your own invite", "Send the link to somebody else.")
            if joining.link.invite.expires_at < now:
                self.joining.pop(joining.target, None)
                raise Refusal("refused", "this invite has expired", "Ask for a new one.")
        elif joining.peer == self._state.settings.peer_id:
            self.joining.pop(joining.target, None)
            raise Refusal("usage", "this is your own address", "Give the address of a neighbour's node.")
        self._state.journal.put(JOIN + joining.target.encode(), encode([joining.since]))
        joining.tickets.append((ticket, now + JOIN_ANSWER_WITHIN))
        joining.next_at = now
        self._state.wanted.add(joining.peer)
        if joining.peer in self._state.connected:
            self._ask(joining, now)

    def note(self, target: str, now: int) -> None:
        """A join that was asked for while the node was not running."""
        joining = self._note(target, now)
        self._state.journal.put(JOIN + joining.target.encode(), encode([joining.since]))
        self._state.wanted.add(joining.peer)

    def invite(self, args: commands.Invite, now: int) -> object:
        network = self._state.network(args.network)
        genesis = network.genesis
        expires = args.expires if args.expires is not None else now + INVITE_LIFETIME
        if expires <= now:
            raise Refusal("usage", "--expires lies in the past", "Give a later date.")
        state = network.chain.state
        free = max(0, state.balance - state.hold + state.limit)
        if args.vouch is not None:
            vouch = parse_amount(args.vouch, genesis.decimals)
            if vouch * args.uses > free:
                raise Refusal(
                    "refused",
                    f"{args.uses} × {args.vouch} {genesis.unit} is more than you have to vouch with",
                    "`p2pnode ledger balance` shows what is free; or invite with --vouch 0.",
                )
        else:
            vouch = min(genesis.newcomer_limit, free // args.uses)
        addresses = tuple(_dialable((*self._state.outside, *self._state.addresses)))[:MAX_LINK_ADDRESSES]
        if not addresses:
            raise Refusal("failed", "this node is not reachable at any address yet", "`p2pnode status` says why.")
        try:
            made, link = make_invite(
                self._state.signer,
                network.record.id,
                self._state.rng,
                expires_at=expires,
                vouch=vouch,
                uses=args.uses,
                note=args.note[:MAX_INVITE_NOTE],
                addresses=addresses,
            )
        except Reject as e:
            raise Refusal("usage", f"no such invite: {e.message}", "Check the note and the numbers.") from e
        Issued(made).keep(self._state.journal)
        return {
            "invite_id": made.id.hex(),
            "link": link,
            "expires_at": expires,
            "uses": args.uses,
            "vouch": {"amount": vouch, "unit": genesis.unit},
            "network": network.json,
        }

    # Peers

    def connected(self, peer: str, now: int) -> None:
        for joining in list(self.joining.values()):
            if joining.peer == peer:
                self._ask(joining, now)

    def received(self, peer: str, data: bytes, now: int) -> None:
        message = messages.parse_message(data)
        if isinstance(message, messages.Join):
            try:
                answer: messages.Message = self._let_in(message, now)
            except Refusal as e:
                answer = messages.Refused(e.code, e.message[:500])
            self._send(peer, answer)
        elif isinstance(message, messages.Welcome):
            self._welcomed(peer, message, now)
        else:
            self._turned_away(peer, message)

    def woke(self, now: int) -> None:
        for joining in list(self.joining.values()):
            due = [t for t, by in joining.tickets if by <= now]
            joining.tickets = [(t, by) for t, by in joining.tickets if by > now]
            for ticket in due:
                network = joining.link.invite.network.hex() if joining.link else None
                data = {
                    "network": {"id": network, "name": None},
                    "state": "trying",
                    "peers": len(self._state.connected),
                }
                self._state.journal.out(Reply(ticket, {**data, "problem": joining.problem or None}))
            if now - joining.since > JOIN_KEPT:
                self._give_up(joining, Refusal("unreachable", f"nobody answered for days: {joining.problem}"))
            elif joining.next_at <= now:
                joining.next_at = now + JOIN_RETRY
                self._state.wanted.add(joining.peer)
                if joining.peer in self._state.connected:
                    self._ask(joining, now)

    def next_wake(self) -> int | None:
        times = [min([j.next_at, *(by for _, by in j.tickets)]) for j in self.joining.values()]
        return min(times, default=None)

    def unreachable(self, peer: str, reason: str) -> None:
        for joining in self.joining.values():
            if joining.peer == peer:
                joining.problem = reason
                joining.tickets = [(ticket, 0) for ticket, _ in joining.tickets]  # say so at once

    # The inviter's side

    def _let_in(self, message: messages.Join, now: int) -> messages.Welcome:
        newcomer, _ = identify(message.inception)
        if message.token:
            return self._redeem(message, newcomer, now)
        network = self._asked_for(message.network)
        invited = any(r.author == newcomer for r in network.catalog.rows(kind="redemption"))
        if not network.genesis.open and not invited:
            raise Refusal("refused", f"{network.genesis.name} is joined by invite only", "Ask a member for an invite.")
        return messages.Welcome(network.record.wire, b"", b"")

    def _asked_for(self, id_: bytes) -> Network:
        if id_:
            for network in self._state.joined:
                if network.id == id_:
                    return network
            raise Refusal("not_found", "this node is not in that network")
        where = [n for n in self._state.joined if n.genesis.open] or self._state.joined
        if not where:
            raise Refusal("not_found", "this node is in no network itself")
        return where[0]

    def _redeem(self, message: messages.Join, newcomer: bytes, now: int) -> messages.Welcome:
        invite = parse_invite(message.token)
        network = self._state.networks.get(invite.network)
        stored = self._state.journal.get(INVITE + invite.network + invite.id)
        if network is None or network.left or invite.inviter != self._state.me or stored is None:
            raise Refusal("not_found", "this node did not make this invite, or does not remember it")
        verify_invite(invite, self._state.key_of(invite.inviter, invite.epoch))
        issued = Issued.parse(stored)
        if invite.epoch != self._state.signer.epoch:
            raise Refusal("refused", "this invite was made with a key that has been replaced since")
        signature = countersign(self._state.signer, invite, newcomer, message.proof)
        given = next((vouch_id for author, vouch_id in issued.used if author == newcomer), None)
        if given is None:
            if issued.revoked:
                raise Refusal("refused", "this invite was taken back")
            if invite.expires_at < now:
                raise Refusal("refused", "this invite has expired")
            if len(issued.used) >= invite.uses:
                raise Refusal("refused", "this invite is used up")
            given = b""
            if invite.vouch:
                try:
                    given = self.vouches.give(network, newcomer, invite.vouch, now).id
                except Refusal:
                    given = b""  # let in all the same: our limit is spent, which is not the newcomer's fault
            issued.used.append((newcomer, given))
            issued.keep(self._state.journal)
        vouch = self.vouches.standing(network.id, given)
        return messages.Welcome(network.record.wire, signature, vouch)

    # The newcomer's side

    def _welcomed(self, peer: str, welcome: messages.Welcome, now: int) -> None:
        record, _ = parse_genesis(welcome.genesis)
        asked = [j for j in self.joining.values() if j.peer == peer and j.asked]
        joining = next((j for j in asked if _answers(welcome, record, j)), None)
        if joining is None:
            for other in asked:
                if other.link is not None and other.link.invite.network == record.id[:16]:
                    why = "the invite link was altered on its way: its end does not fit this network"
                    self._give_up(other, Refusal("refused", why, "Ask for the link again, and copy it whole."))
                    return
            raise Ignore("state", "not asked for")
        inviter, redemption = b"", None
        if joining.link is not None:
            invite = joining.link.invite
            verify_countersignature(invite, self._state.me, welcome.countersignature)
            proof = prove(joining.link.seed, invite, self._state.me)
            redemption = seal_redemption(
                self._state.signer,
                invite.network,
                Redemption(invite.wire, proof, welcome.countersignature),
                created=min(now, invite.expires_at),
            )
            inviter = invite.inviter
        network = self.adopt(welcome.genesis, now, inviter, redemption.wire if redemption else b"")
        self.back(network, now)
        if redemption is not None and network.catalog.get(redemption.slot) is None:
            network.inviter, network.redemption = inviter, redemption.wire
            self._state.journal.put(MEMBERSHIP + network.id, encode([network.joined_at, inviter, redemption.wire]))
            self._state.publish(network, redemption, now)
        if welcome.vouch:
            with suppress(Ignore, Reject):  # in, all the same; the inviter is told nothing and sends it again
                self.vouches.welcomed(peer, network, welcome.vouch, now)
        for ticket, _ in joining.tickets:
            self._state.journal.out(Reply(ticket, self._joined_json(network)))
        self.given_up = []
        del self.joining[joining.target]
        self._state.journal.delete(JOIN + joining.target.encode(), durable=True)

    def _turned_away(self, peer: str, message: messages.Refused) -> None:
        for joining in [j for j in self.joining.values() if j.peer == peer and j.asked]:
            if message.code == "not_found" and joining.link is None:
                joining.problem = message.text  # it may join a network yet: keep asking
                continue
            refusal = Refusal("refused", f"the other node says: {message.text}", "Ask for an invite, or a newer one.")
            self._give_up(joining, refusal)

    def _give_up(self, joining: Joining, refusal: Refusal) -> None:
        """It will not come to anything: say so to who waits, and to who asks for the status later."""
        del self.joining[joining.target]
        self._state.journal.delete(JOIN + joining.target.encode(), durable=True)
        self.given_up = [*self.given_up, f"could not join {joining.target[:60]}: {refusal.message}"][-3:]
        for ticket, _ in joining.tickets:
            self._state.journal.out(Reply(ticket, refusal))
        self._state.journal.out(Emit("join", {"target": joining.target, "refused": refusal.message}))

    def _note(self, target: str, now: int) -> Joining:
        target = pasted(target)
        if target in self.joining:
            return self.joining[target]
        link = None
        if target.startswith(LINK_PREFIX):
            try:
                link = parse_link(target)
            except DecodeError as e:
                raise Refusal("usage", e.message, "An invite link comes from `p2pnode invite`.") from e
            addresses = link.addresses
        else:
            addresses = (target,)
        peers = [peer_of(a) for a in addresses]
        if not peers or not all(peers):
            raise Refusal(
                "usage",
                f"not an address with /p2p/ or an invite link: {target[:80]}",
                "It looks like /ip4/192.168.1.5/tcp/4001/p2p/12D3KooW…: `p2pnode whoami` on the other node.",
            )
        joining = Joining(target, addresses, peers[0] or "", link, now)
        self.joining[target] = joining
        return joining

    def _ask(self, joining: Joining, now: int) -> None:
        joining.asked, joining.problem = True, ""
        joining.next_at = now + JOIN_RETRY
        inception = self._state.signer.inception
        if joining.link is None:
            self._send(joining.peer, messages.Join(b"", inception, b"", b""))
        else:
            invite = joining.link.invite
            proof = prove(joining.link.seed, invite, self._state.me)
            self._send(joining.peer, messages.Join(invite.network, inception, invite.wire, proof))

    def _send(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))

    def _joined_json(self, network: Network) -> dict[str, Any]:
        return {"network": network.json, "state": "joined", "peers": len(self._state.connected)}


def _answers(welcome: messages.Welcome, genesis: Record, joining: Joining) -> bool:
    """Whether this is the answer to that join. One to an address carries no countersignature."""
    if joining.link is None or not welcome.countersignature:
        return joining.link is None and not welcome.countersignature
    return joining.link.genesis == genesis.id


def _dialable(addresses: tuple[str, ...]) -> list[str]:
    """The most useful first: what others on the internet or the LAN can dial before loopback."""
    return sorted(addresses, key=lambda a: ("/127." in a or "/::1/" in a, a))
