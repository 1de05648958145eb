"""The node without I/O: events in, effects out. This file only routes; each part decides for itself.

`Core.handle(event, now)` is synchronous, total and deterministic: the same stored state, event and `now`, with the
same source of chance, give the same effects. A step that fails by a rule leaves nothing behind; one that fails by a
bug raises, and whoever runs the core discards it and makes it anew from what is stored.
"""

from functools import partial
from random import Random

from dht.gossip import Deliver, Gossip, SendFrame, Step, Strike, Synced, Told
from dht.keys import covers
from p2pnode.bounds import EXPIRE_EVERY
from protocols.envelope import Record
from protocols.errors import Ignore, Refusal, Reject
from protocols.gossip_messages import PROTOCOL as GOSSIP
from protocols.identity import Signer, Verify, verify_in_turn

from .announcing import Announcing
from .audits import Audits
from .bans import Bans
from .blocklists import Blocklists
from .claims import Claims
from .commanding import Commanding
from .custody import Custody
from .defaults import Defaults
from .drafts import Drafts
from .effects import Credit, Effect, Penalize, Send, Wake
from .elsewhere import Elsewhere
from .events import (
    Answered,
    Banned,
    Command,
    Compared,
    Connected,
    DialFailed,
    Disconnected,
    Event,
    Found,
    Got,
    Listening,
    Probed,
    Received,
    Said,
    Sighted,
    Space,
    Unspoken,
    Woke,
)
from .exchanges import Exchanges
from .frames import frames
from .goals import of_listing
from .handlers import answered_later, handlers
from .held_back import HeldBack
from .intake import Intake
from .journal import Journal, Reader
from .keys import RECORD
from .leaving import Leaving
from .listings import Listings
from .local import Local
from .mediation import Mediation
from .membership import Membership
from .misconduct import Convictions
from .multiaddrs import bootstrap_peer
from .narrowing import OWN, Narrowing
from .neighbours import Neighbours
from .newcomers import Newcomers
from .notices import Notices
from .outbox import Outbox
from .parcels import Parcels
from .peers import Peers
from .ratings import Ratings
from .reachability import Reachability
from .recovery import Recovery
from .rendezvous import Rendezvous
from .replicas import Replicas
from .reputations import Reputations
from .revising import is_early
from .rotations import load_key_states
from .settlements import Settlements
from .standing import Standing
from .state import Network, Settings, State, Timed
from .status import Status
from .tending import Tending
from .verification import Verification
from .vouches import Vouches
from .witnesses import Witnesses


class Core:
    def __init__(
        self,
        reader: Reader,
        signer: Signer,
        settings: Settings,
        rng: Random,
        wall: int,
        verify: Verify = verify_in_turn,
    ) -> None:
        self._journal = journal = Journal(reader)
        self._gossip = Gossip(lambda network, id_: journal.get(RECORD + network + id_), rng)
        self.state = state = State(signer, settings, rng, journal, self._gossip, wall)
        now = state.time.now(wall)
        load_key_states(state)
        self.intake = Intake(state, verify)
        state.publish = self._publish
        self.narrowing = Narrowing(state, self._take_part, self.intake.gone)
        self.membership = Membership(state)
        self.membership.adopted = self._adopted
        self.membership.load()
        self.leaving = Leaving(state, self.membership)
        self.convictions = Convictions(state)
        self.intake.judge, self.intake.learned = self.convictions.judge, self.convictions.learned
        self.newcomers = Newcomers(state, self.intake.gone)
        for network in state.networks.values():
            self.intake.load(network, now)
            self.newcomers.look(network)
            if self.leaving.gossips(network):
                self._take_part(network, now)
        self.outbox = Outbox(state)
        self.vouches = self.membership.vouches = Vouches(state, self.outbox)
        self.convictions.at_stake = self.vouches.at_stake
        self.defaults = Defaults(state, self.vouches)
        self.listings = Listings(state)
        self.replicas = self.listings.replicas = Replicas(state)
        self.blocklists = Blocklists(state, self.listings)
        self.tending = self.listings.tending = Tending(state, self.listings)
        self.drafts = self.listings.drafts = Drafts(state, self.listings)
        self.intake.contested = self.listings.contested
        self.settlements = Settlements(state, self.outbox)
        self.exchanges = Exchanges(state, self.outbox, self.listings, self.settlements)
        self.settlements.policy, self.settlements.moved = self.exchanges.may_be_paid, self.exchanges.settled
        self.listings.pledged = partial(of_listing, self.exchanges, state.me)
        self.audits = Audits(state, self.settlements, verify)
        self.ratings = Ratings(state, self.exchanges, self.settlements)
        self.reputations = Reputations(state, self.exchanges, self.listings, self.vouches, self.ratings.seals)
        self.notices = Notices(state, self.listings, self.reputations.score)
        self.standing = Standing(state, self.exchanges, self.listings, self.outbox)
        self.custody = Custody(state)
        self.mediation = Mediation(state, self.outbox, self.settlements, self.exchanges)
        self.parcels = Parcels(state, self.outbox, self.exchanges)
        self.claims = Claims(state, self.outbox, self.exchanges)
        self.witnesses = Witnesses(state)
        self.recovery = Recovery(state, self.custody, self.settlements, self.vouches, self.exchanges, self.witnesses)
        self.recovery.claims, self.recovery.parcels = self.claims, self.parcels
        for network in state.joined:
            network.chain.written = partial(self.custody.written, network)
        self.neighbours = Neighbours(state, self.membership)
        self.rendezvous = Rendezvous(state, self.neighbours, self.intake, self.recovery)
        self.rendezvous.took = self._sought
        self.elsewhere = Elsewhere(state, self.intake, self.neighbours)
        self.listings.elsewhere = self.elsewhere.found
        self.local = Local(state, self.neighbours)
        self.peers = Peers(state, self.neighbours, self.local)
        self.bans = Bans(state, self.peers)
        self.announcing = Announcing(state, self.narrowing)
        self.status = Status(state, self.listings, self.exchanges, self.membership, self.neighbours, self.recovery)
        self.reachability = self.status.reachability = Reachability(state)
        self.status.local, self.status.left = self.local, self.leaving.json
        self.reachability.changed = self.announcing.started
        self.verification = Verification(state, self.recovery, verify)
        self.held_back = HeldBack(state, self.exchanges)
        self._timed: tuple[Timed, ...] = (
            self.membership,
            self.leaving,
            self.narrowing,
            self.neighbours,
            self.rendezvous,
            self.reachability,
            self.settlements,
            self.outbox,
            self.exchanges,
            self.ratings,
            self.audits,
            self.announcing,
            self.recovery,
            self.verification,
        )
        self.status.unseen, self.status.disk = lambda: self.notices.unseen, self.narrowing.json
        self.status.told = (
            self.narrowing.warnings,
            self.drafts.warnings,
            self.defaults.warnings,
            self.vouches.offered.undecided,
            self.claims.undecided,
            self.blocklists.naming.told,
            self.convictions.warnings,
            self.announcing.warnings,
        )
        self._expire_at = now
        self._wake_at: int | None = None
        self._frames = frames(self)
        self._commanding = Commanding(journal, handlers(self), answered_later(self))

    def handle(self, event: Event, wall: int) -> list[Effect]:
        """What to do about an event. wall: what the machine's clock says, ms."""
        now = self.time(wall)
        match event:
            case Command():
                self._commanding.command(event, now)
            case Received(peer, protocol, data):
                self._received(peer, protocol, data, now)
            case Connected(peer, address, outbound, chosen):
                self.rendezvous.connecting(now)
                self.neighbours.connected(peer, address, outbound, now, chosen)
                self.reachability.connected(address, outbound, now)
                self._perform(self._gossip.connected(peer, now, self.state.connected[peer].chosen), now)
                self.membership.connected(peer, now)
                self.outbox.connected(peer, now)
                self.recovery.connected(peer, now)
                self.custody.connected(peer)
                self.audits.connected(peer, now)
            case Disconnected(peer):
                self.custody.disconnected(peer)
                self.neighbours.disconnected(peer, now)
                self.reachability.disconnected(peer)
                self._gossip.disconnected(peer)
                self.state.time.gone(peer)
                self.audits.disconnected(peer)
                self.replicas.disconnected(peer)
            case DialFailed(peer, reason, no_route):
                self.neighbours.failed(peer, reason, now, no_route)
                self.membership.unreachable(peer, reason)
                self.audits.unreachable(peer, reason)
            case Unspoken(peer, protocol):
                self.outbox.unspoken(peer, protocol)
            case Banned():
                self.bans.happened(event, now)
            case Found() | Said() | Got():
                self.rendezvous.answered(event, now)
            case Sighted(finds):
                self.local.sighted(finds, now)
            case Answered():
                self.elsewhere.answered(event, now)
            case Compared():
                self.notices.compared(event, now)
            case Probed(peer, reached, address):
                self.reachability.answered(peer, reached, address, now)
            case Listening(addresses):
                self.state.addresses = addresses
                self.reachability.started(now)
                self.neighbours.started(now)
                self.rendezvous.started(now)
                self.announcing.started(now)
            case Space(free, total):
                self.narrowing.space(free, total, now)
            case Woke():
                self._wake_at = None
                self._woke(now)
        self.vouches.give_due(now)
        self.convictions.publish_due(now)
        self._schedule(now)
        return self._journal.take()

    def committed(self) -> None:
        """All `Write`s handed over so far are on disk."""
        self._journal.committed()

    def begin(
        self,
        wall: int,
        genesis: tuple[bytes, ...] = (),
        joins: tuple[str, ...] = (),
        bootstrap: tuple[str, ...] = (),
    ) -> list[Effect]:
        """To be called first. What had expired goes, and what was left for this start is carried out: networks
        that were founded (genesis wires), targets to join, peers to dial. `Refusal` for what is no such thing.
        """
        now = self.time(wall)
        self.neighbours.begin()
        self.bans.begin(now)
        for wire in genesis:
            self.membership.adopt(wire, now)
        for target in joins:
            self.membership.note(target, now)
        for address in bootstrap:
            self.neighbours.add(bootstrap_peer(address), (address,), "bootstrap", now)
            if not self.state.networks:  # who is nowhere yet wants to be where the bootstrap is
                self.membership.note(address, now)
        self._commanding.forget(now)
        self._schedule(now)
        return self._journal.take()

    # What peers send

    def _received(self, peer: str, protocol: str, data: bytes, now: int) -> None:
        try:
            if protocol == GOSSIP:
                self._perform(self._gossip.received(peer, data, now), now)
            elif protocol in self._frames:
                self._frames[protocol](peer, data, now)
        except (Ignore, Refusal):  # a rule of ours forbids the answer: no fault of the peer's
            pass
        except Reject as e:
            self._journal.out(Penalize(peer, str(e)))

    # Records

    def _perform(self, steps: list[Step], now: int) -> None:
        for step in steps:
            match step:
                case SendFrame(peer, frame):
                    self._journal.out(Send(peer, GOSSIP, frame))
                case Deliver(peer, network_id, wires):
                    self._take_in(peer, self.state.networks[network_id], wires, now)
                case Synced(peer, network_id):
                    self.replicas.synced(peer, self.state.networks[network_id], now)
                case Told(peer, theirs):
                    self.state.time.heard(peer, theirs, self.state.wall)
                case Strike(peer, reason):
                    self._journal.out(Penalize(peer, reason))

    def _take_in(self, peer: str, network: Network, wires: tuple[bytes, ...], now: int) -> None:
        for outcome in self.intake.take_all(network, wires, now):
            if isinstance(outcome, Reject):
                self._journal.out(Penalize(peer, str(outcome)))
            elif isinstance(outcome, Record):
                self._journal.out(Credit(peer))
                self._gossip.spread(network.id, outcome.id, peer, now)
                self._took(peer, network, outcome, now)

    def _took(self, source: str, network: Network, record: Record, now: int) -> None:
        self.blocklists.took(network, record, now)
        if record.kind == "listing":
            self.notices.arrived(network, record, now)
        elif record.kind == "profile":
            for connected in self.state.directory.peers_of(record.author):
                if connected in self.state.connected:
                    self.outbox.connected(connected, now)
                    self.custody.connected(connected)
                    self.recovery.connected(connected, now)
            for peer in self.state.directory.peers_of(record.author):
                self.neighbours.add(peer, self.state.directory.addresses_of(peer), "profile", now, source)

    def _sought(self, network: Network, record: Record, now: int) -> None:
        """A record that was found in the DHT."""
        self._gossip.spread(network.id, record.id, None, now)
        self._took("", network, record, now)

    def _publish(self, network: Network, record: Record, now: int) -> None:
        """A record of our own: stored durably, in the catalog, on its way to the neighbours."""
        if record.kind == "listing" and not covers(network.scopes, record.scope):
            self._take_part(network, now, record.scope)
        before = network.catalog.get(record.slot)
        if before is not None and is_early(before, now):
            network.catalog.take_back(before.id)
            self.intake.gone(network, (before.id,))
        try:
            self.intake.admit(network, record, now)
        except Ignore as e:
            raise Refusal("failed", f"the record was not taken: {e.code}", "Is this machine's clock right?") from e
        if record.kind == "listing":
            self.notices.published(network, record, now)
        self._gossip.spread(network.id, record.id, None, now)

    def _take_part(self, network: Network, now: int, scope: str = "") -> None:
        """Keep and gossip the records of our scopes, and of one more, where there is room for it."""
        more = [scope] if scope and self.narrowing.level < OWN else []
        network.scopes = tuple(sorted({*self.narrowing.scopes(network), *more}))
        self._perform(self._gossip.join(network.id, network.catalog, network.scopes, now), now)

    def _adopted(self, network: Network, now: int) -> None:
        self.newcomers.look(network)
        network.chain.written = partial(self.custody.written, network)
        self.recovery.adopted(network)
        self._take_part(network, now)
        self.announcing.announce(network, now)
        self.drafts.publish(network, now)
        self.neighbours.started(now)
        self.rendezvous.started(now)

    # Time

    def time(self, wall: int) -> int:
        """What time to go by when the machine's clock says `wall`, ms: see `timekeeping`."""
        self.state.wall = wall
        return self.state.time.now(wall)

    def _woke(self, now: int) -> None:
        self.state.time.woke(self.state.wall)
        self.held_back.woke(now)
        for part in self._timed:
            part.woke(now)
        if now >= self._expire_at:
            self._expire_at = now + EXPIRE_EVERY
            for network in self.state.networks.values():
                self.intake.gone(network, network.catalog.expire(now))
            for kept in (self.elsewhere, self.bans, self.exchanges, self.parcels, self.standing, self.witnesses):
                kept.forget(now)
            self.settlements.forget(now)
            for tended in (self.tending, self.drafts, self.newcomers, self.blocklists, self.convictions):
                tended.woke(now)
        self._perform(self._gossip.woke(now), now)

    def _schedule(self, now: int) -> None:
        times = [self._expire_at, *(part.next_wake() for part in self._timed), self._gossip.next_wake()]
        due = max(now, min(t for t in times if t is not None))
        if self._wake_at is None or due < self._wake_at:
            self._wake_at = due
            self._journal.out(Wake(due - now + self.state.wall))
