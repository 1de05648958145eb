"""What a node says of itself in each network: its profile, and a daily lease that says "still here"."""

from p2pnode.bounds import LEASE_EVERY
from protocols.codec import encode, plain
from protocols.lease import Lease, seal_lease
from protocols.limits import DAY, MAX_ADDRESSES, MAX_LIFETIME, SECOND
from protocols.nearness import PUBLIC, scope_of
from protocols.profile import PeerAddress, Profile, seal_profile

from .keys import RECORD
from .multiaddrs import without_peer
from .narrowing import Narrowing
from .revising import is_early, next_revision
from .rotations import publish_turns
from .state import Network, State

PROFILE_RENEWED = 30 * DAY  # before its end


class Announcing:
    def __init__(self, state: State, narrowing: Narrowing) -> None:
        self._state = state
        self._narrowing = narrowing

    def started(self, now: int) -> None:
        """The host listens: say where, and that we are back."""
        for network in self._state.joined:
            self.announce(network, now)

    def announce(self, network: Network, now: int) -> None:
        publish_turns(self._state, network, self._state.settings.turns, now)
        self._profile(network, now)
        self._lease(network, now)

    def woke(self, now: int) -> None:
        for network in self._state.joined:
            publish_turns(self._state, network, self._state.settings.turns, now)
            if self._due(network) <= now:
                self.announce(network, now)

    def next_wake(self) -> int | None:
        return min((self._due(n) for n in self._state.joined), default=None)

    def warnings(self, now: int) -> list[str]:
        """An older backup brings back a key that was replaced."""
        known = self._state.key_states.get(self._state.me)
        if known is None or known.epoch <= self._state.signer.epoch:
            return []
        return [
            "the key of this node was replaced, and nobody believes it: stop the node, then p2pnode key rotate again"
        ]

    def _due(self, network: Network) -> int:
        row = network.catalog.get((self._state.me, "lease", b""))
        return row.created + LEASE_EVERY if row else 0

    def _profile(self, network: Network, now: int) -> None:
        settings = self._state.settings
        # A profile is read by everybody: what our local network looks like is nobody's business, unless our user has
        # named an address of it. Neighbours there learn it from the DHT, which tells by how near one is.
        listened = [a for a in self._state.addresses if not settings.everywhere or scope_of(a) == PUBLIC]
        known = (*self._state.outside, *listened)
        addresses = tuple(dict.fromkeys(map(without_peer, known)))[:MAX_ADDRESSES]
        area = network.home(settings.area)
        profile = Profile(
            name=settings.name, box=settings.box, peers=(PeerAddress(settings.peer_id, addresses),), area=area
        )
        row = network.catalog.get((self._state.me, "profile", b""))
        if row is not None and row.until > now + PROFILE_RENEWED and not is_early(row, now):
            wire = self._state.journal.get(RECORD + network.id + row.id)
            if wire is not None and encode(plain(profile)) in wire:
                return
        said = next_revision(row, now, now + MAX_LIFETIME)
        record = seal_profile(self._state.signer, network.id, profile, **said._asdict())
        self._state.publish(network, record, now)

    def _lease(self, network: Network, now: int) -> None:
        row = network.catalog.get((self._state.me, "lease", b""))
        if row is not None and row.revision >= now // SECOND:
            return  # one a second at most; or our clock went back
        cells = tuple(c for c in self._narrowing.scopes(network) if c)
        self._state.publish(network, seal_lease(self._state.signer, network.id, Lease(cells), created=now), now)
