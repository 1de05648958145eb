"""Whom to be connected to: when to dial which of the peers in the book.

A node makes some connections itself and chooses with whom, so that no crowd that dials it can be all it sees: into
different groups of addresses, members and those with whom something is open before strangers, tried peers and new ones
by turns of chance, and some by what they keep (`nearby`). The ones that served longest are its anchors, dialled first
after a restart. When nothing is due, a feeler tests a peer that is new and lets it go, and a visit lasts as long as it
takes to compare with somebody else what both hold: else a network that fell apart would stay so, when everybody has
found connections enough on his own side.
"""

from collections import Counter

from p2pnode.bounds import (
    ADDRESSES_OF_ONE,
    ANCHOR_AFTER,
    ANCHORS,
    ANY_OUTBOUND,
    BY_CELL_EVERY,
    DIAL_BACKOFF_ALONE,
    DIAL_BACKOFF_MAX,
    DIAL_BACKOFF_MIN,
    DIAL_BACKOFF_NO_ROUTE,
    DIAL_BACKOFF_WANTED,
    DIAL_WITHIN,
    FEELER_EVERY,
    MAX_CALLERS,
    OFFLINE_MAX,
    OUTBOUND_OF_GROUP,
    WANTED_OUTBOUND,
)
from protocols.codec import decode, encode
from protocols.limits import MINUTE
from protocols.nearness import group_of

from .book import BY_USER, NAMED, Book, Known
from .effects import Admit, Dial, Hangup
from .hearsay import judged, scope_of_source
from .keys import SINGLE
from .membership import Membership
from .multiaddrs import with_peer
from .nearby import Look, Nearby
from .seeking import Seeking
from .state import Connection, State
from .visits import Visits

SEEN_GRAIN = 60_000  # last-seen is written at most once a minute and peer
Candidate = tuple[str, Known, tuple[str, ...]]  # a peer, and the addresses at which it may be dialled
BOOK_KEY = SINGLE + b"book"
ANCHOR_KEY = SINGLE + b"anchors"


class Neighbours:
    def __init__(self, state: State, membership: Membership) -> None:
        self._state = state
        self._membership = membership
        self._secret = state.journal.get(BOOK_KEY) or state.rng.randbytes(32)
        self.book = Book(self._secret, state.journal, state.rng, state.directory.pet_names, self._held)
        self.known = self.book.known
        stored = state.journal.get(ANCHOR_KEY)
        self.anchors: list[str] = list(decode(stored)) if stored else []
        self.bootstraps: set[str] = set()  # named at this start
        self._anchors_due: set[str] = set()  # to be dialled before others
        self._dialling: dict[str, tuple[int, frozenset[str], bool]] = {}  # peer → (since, groups, whether a feeler)
        self._guests: dict[str, Known] = {}  # somebody waits for them, and the book has no place
        self._seen_wanted: set[str] = set()
        self.nearby = Nearby(state)
        self._better: str | None = None  # dialled in place of a connection that is not needed,
        self._better_at = 0  # not before then
        self.visits = Visits(state, self.nearby, self.known, self._free)
        self._partners: set[bytes] = set()
        self._look_at = 0
        self._feel_at = 0
        self._hold_until = 0  # without a network nobody is dialled until then
        self._offline = 0  # tries since
        self._seeking = Seeking(state, self._free)

    def begin(self) -> None:
        """With the first step: what the book is ordered by is kept, and the host hears of whom we know."""
        if self._state.journal.get(BOOK_KEY) is None:
            self._state.journal.put(BOOK_KEY, self._secret, durable=False)
        self.book.begin()
        reached = sorted((k.reached, p) for p, k in self.known.items() if k.reached or k.table == NAMED)
        if reached:
            self._state.journal.out(Admit(tuple(peer for _, peer in reached)))

    def add(self, peer: str, addresses: tuple[str, ...], via: str, now: int, source: str = "") -> None:
        """Remember where a peer may be reached. via: join, bootstrap (our user's word), profile or dht; source: the
        peer that told us."""
        if via == "bootstrap":
            self.bootstraps.add(peer)
        if peer == self._state.settings.peer_id:
            return
        block = ""
        if via not in BY_USER:
            addresses, block = judged(self._state, addresses, via, source), scope_of_source(self._state, via, source)[1]
        if self.book.add(peer, addresses, via, now, source, block):
            self._look_at = min(self._look_at, now)

    def started(self, now: int) -> None:
        """The host is up, or has new addresses: everything is due."""
        self._feel_at = now + FEELER_EVERY
        self.visits.started(now)
        self._look_at, self._hold_until, self._offline = now, 0, 0
        self._anchors_due = {p for p in self.anchors if p in self.known and p not in self._state.connected}
        for known in (*self.known.values(), *self._guests.values()):
            known.next_at, known.tries = now, 0

    def connected(self, peer: str, address: str, outbound: bool, now: int, chosen: bool = True) -> None:
        feeler = self._dialling.pop(peer, (0, None, False))[2] and outbound
        brief = feeler and peer not in self._state.wanted and len(self._outbound()) >= WANTED_OUTBOUND
        visit = brief and peer in self.visits
        self._state.connected[peer] = Connection(address, outbound, now, outbound and chosen and not visit)
        self.visits.back(peer, now)
        if visit:
            self.visits.began(peer, now)
        elif brief:
            self._state.journal.out(Hangup(peer))
        elif peer == self._better and outbound:
            self._give_way(peer, now)
        self._state.wanted.discard(peer)
        self._anchors_due.discard(peer)
        self._guests.pop(peer, None)
        self._look_at, self._offline = now, 0
        if outbound:
            self._hold_until = 0
            if chosen:
                self.book.reached(peer, address, now)
            else:
                self.add(peer, (address,), "dht", now)
        else:
            before = self.known[peer].seen if peer in self.known else 0
            self.book.called(peer, now)
            if peer in self.known and now - before >= SEEN_GRAIN:
                self.book.store(peer)

    def disconnected(self, peer: str, now: int) -> None:
        self._look_at = now
        connection = self._state.connected.pop(peer, None)
        if connection is not None and peer in self.known:
            while len(self._state.parted) >= MAX_CALLERS + len(self.known):
                del self._state.parted[next(iter(self._state.parted))]
            self._state.parted[peer] = now
            known = self.known[peer]
            brief = now - connection.since < MINUTE
            known.brief = 0 if self.visits.ended(peer, connection.since, now) or not brief else known.brief + 1
            known.seen, known.next_at = now, now + min(DIAL_BACKOFF_MAX, DIAL_BACKOFF_MIN // 3 << min(known.brief, 12))

    def failed(self, peer: str, reason: str, now: int, no_route: bool = False) -> None:
        """A dial came to nothing. no_route: for want of a network on our side, at every address."""
        self._look_at = now
        self._dialling.pop(peer, None)
        self.visits.failed(peer)
        self._anchors_due.discard(peer)
        known = self.known.get(peer) or self._guests.get(peer)
        if known is None:
            return
        known.problem = reason
        if not no_route:
            self._offline, self._hold_until = 0, 0
            self.book.failed(peer)
        elif self._outbound():
            known.next_at = min(known.next_at, now + self._pause(DIAL_BACKOFF_NO_ROUTE))
        else:
            known.tries = max(0, known.tries - 1)
            known.next_at = now
            if self._hold_until <= now:
                self._hold_until = now + self._pause(OFFLINE_MAX, self._offline)
                self._offline += 1

    def found(self, peers: tuple[tuple[str, tuple[str, ...]], ...], now: int) -> int:
        """The DHT named these; how many of them were not known here."""
        fresh = 0
        for peer, addresses in peers:
            known = peer in self.known
            self.add(peer, addresses, "dht", now)
            fresh += peer in self.known and not known
        return fresh

    def woke(self, now: int) -> None:
        if self._look_at <= now or self._look_at > now + DIAL_BACKOFF_MAX or self._state.wanted != self._seen_wanted:
            self._look(now)

    def next_wake(self) -> int | None:
        if self._state.wanted != self._seen_wanted:
            return 0
        return self._look_at

    # Choosing

    def _look(self, now: int) -> None:
        """Dial whom it is time to dial, and note when to look again."""
        self._seen_wanted, self._partners = set(self._state.wanted), self._state.partners()
        for joining in self._membership.joining.values():
            self.add(joining.peer, joining.addresses, "join", now)
        for peer, (since, _, _) in list(self._dialling.items()):
            if not since <= now < since + DIAL_WITHIN:  # or the clock was set
                del self._dialling[peer]
        if now < self._hold_until <= now + OFFLINE_MAX:
            self._look_at = self._hold_until
            return
        times = [since + DIAL_WITHIN for since, _, _ in self._dialling.values()]
        times += self._dial_wanted(now)
        for peer in [p for p in self.anchors if p in self._anchors_due]:
            self._anchors_due.discard(peer)
            if peer in self.known and self._free(peer):
                self._dial(peer, self.known[peer], tuple(self.known[peer].addresses), now)
        times += self._dial_out(now)
        self._note_anchors(now)
        for peer in self.visits.over(now):
            if self._led(peer) and peer not in self._state.wanted:
                self._state.journal.out(Hangup(peer))
        visited = self.visits.choose(now)
        if visited:
            self._dial(visited, self.known[visited], tuple(self.known[visited].addresses), now, feeler=True)
        if now >= self._feel_at or self._feel_at > now + 2 * FEELER_EVERY:
            self._feel_at = now + self._pause(FEELER_EVERY)
            self._feel(now)
        self._look_at = min([*times, self._feel_at, self.visits.next_wake()])

    def _dial_wanted(self, now: int) -> list[int]:
        """Peers that somebody waits for, at any address; when the next of them is due."""
        times = []
        self._guests = {p: k for p, k in self._guests.items() if p in self._state.wanted}
        for peer in sorted(self._state.wanted):
            self.add(peer, self._state.directory.addresses_of(peer), "profile", now)
            known = self.known.get(peer) or self._guests.get(peer)
            if known is None or not known.addresses:
                times.append(self._seeking.seek(peer, now))
            if known is None:
                addresses = judged(self._state, self._state.directory.addresses_of(peer), "profile", "")
                if not addresses or len(self._guests) >= MAX_CALLERS:
                    continue
                full = [with_peer(a, peer) for a in addresses][:ADDRESSES_OF_ONE]
                known = self._guests[peer] = Known(full, "profile", since=now)
            if not known.addresses or not self._free(peer):
                continue
            known.next_at = min(known.next_at, now + DIAL_BACKOFF_WANTED)
            if known.next_at <= now:
                self._dial(peer, known, tuple(known.addresses), now)
            else:
                times.append(known.next_at)
        return times

    def _dial_out(self, now: int) -> list[int]:
        """Make the connections that are lacking; when the next peer is due that could be one."""
        made = self._outbound()
        making = [peer for peer, (_, _, feels) in self._dialling.items() if not feels]
        lacking = WANTED_OUTBOUND - len(made) - len(making)
        look = self.nearby.look([*made, *making], now)
        if lacking <= 0:
            return self._dial_better(look, now) if not making else []
        times: list[int] = []
        while lacking > 0:
            due, times = self._candidates(now)
            if not due:
                break
            among = look.best(((one[0], one) for one in due), lacking) or due
            trusted = [one for one in among if self._trusted(one[0])] if lacking > ANY_OUTBOUND else []
            chosen = self._pick(trusted or among, lacking)
            self._dial(*chosen, now)
            look.add(chosen[0])
            lacking -= 1
        return times

    def _dial_better(self, look: Look, now: int) -> list[int]:
        """There are enough: one that nothing needs may give way to one that keeps what too few of the others keep. When
        to look again."""
        if now < self._better_at <= now + BY_CELL_EVERY:
            return []
        self._better = None
        best = look.best(((one[0], one) for one in self._candidates(now)[0]), 0) if self._idle(look) else []
        if not best:
            return []
        self._better_at = now + BY_CELL_EVERY
        chosen = self._pick([one for one in best if self._trusted(one[0])] or best, 0)
        self._better = chosen[0]
        self._dial(*chosen, now)
        if self._better in self._state.connected:  # the DHT, or a visit, had led us there
            self._give_way(self._better, now)
        return [self._better_at]

    def _give_way(self, peer: str, now: int) -> None:
        """A better one is there: of those that nothing needs the newest goes."""
        self._better = None
        idle = self._idle(self.nearby.look(self._outbound(), now), peer)
        if idle and len(self._outbound()) > WANTED_OUTBOUND:
            self._state.journal.out(Hangup(idle[-1]))

    def _idle(self, look: Look, but: str = "") -> list[str]:
        keep = {*look.needed, *self.anchors, *self._state.wanted, but}
        return [peer for peer in self._outbound() if peer not in keep]

    def _candidates(self, now: int) -> tuple[list[Candidate], list[int]]:
        """Who may be dialled now; and when those may that are not due."""
        used = self._groups_used()
        due: list[Candidate] = []
        times = []
        for peer, known in self.known.items():
            led = self._led(peer)
            if known.addresses and (led or self._free(peer)):
                usable = (led.address,) if led else known.addresses
                addresses = tuple(a for a in usable if used[group_of(a)] < OUTBOUND_OF_GROUP)
                at = self._due(known, now)
                if not addresses:
                    continue
                if at <= now:
                    due.append((peer, known, addresses))
                else:
                    times.append(at)
        return due, times

    def _pick(self, peers: list[Candidate], lacking: int) -> Candidate:
        """For half of the connections one that has served us before, as long as there is one to try; else for the first
        half one that we have reached; then one that we have reached or another, with the same chance, however many."""
        served = [one for one in peers if one[1].served]
        tried = [one for one in peers if one[1].reached]
        fresh = [one for one in peers if not one[1].reached]
        steady = [p for p in (*self._outbound(), *self._dialling) if p in self.known and self.known[p].served]
        if served and 2 * len(steady) < WANTED_OUTBOUND:
            chosen = served
        elif 2 * lacking > WANTED_OUTBOUND:
            chosen = tried or fresh
        else:
            chosen = (tried if self._state.rng.random() < 0.5 else fresh) if tried and fresh else tried or fresh
        return chosen[self._state.rng.randrange(len(chosen))]

    def _feel(self, now: int) -> None:
        """Test one peer, if there is time for it."""
        if self._dialling:
            return
        among = [p for p in self.book.suspects if self._free(p)] or [p for p in self.book.fresh(now) if self._free(p)]
        if among:
            peer = among[self._state.rng.randrange(len(among))]
            self._dial(peer, self.known[peer], tuple(self.known[peer].addresses), now, feeler=True)

    def _dial(self, peer: str, known: Known, addresses: tuple[str, ...], now: int, feeler: bool = False) -> None:
        led = self._led(peer)
        if led is not None:  # the host keeps it from now on
            led.chosen = True
            self.book.reached(peer, led.address, now)
            return self._state.journal.out(Dial(peer, addresses))
        pause = self._pause(DIAL_BACKOFF_WANTED if peer in self._state.wanted else DIAL_BACKOFF_MAX, known.tries)
        known.tries += 1
        known.dialled_at, known.next_at = now, now + pause
        self._dialling[peer] = (now, frozenset(map(group_of, addresses)), feeler)
        self._state.journal.out(Dial(peer, addresses))

    def _due(self, known: Known, now: int) -> int:
        """When to dial it. No pause lies further ahead than there are pauses, whatever the clock did; and who is alone
        does not wait long for anybody."""
        at = known.next_at if known.next_at <= now + DIAL_BACKOFF_MAX else now
        if not self._state.connected and known.dialled_at <= now:
            return min(at, known.dialled_at + DIAL_BACKOFF_ALONE)
        return at

    def _pause(self, longest: int, tries: int = 12) -> int:
        """From 3 s, doubled with each try, to `longest`, with jitter."""
        pause = min(longest * 4 // 5, DIAL_BACKOFF_MIN << min(tries, 12))
        return pause + self._state.rng.randrange(0, 1 + pause // 4)

    def _free(self, peer: str) -> bool:
        return peer not in self._state.connected and peer not in self._dialling and peer not in self._state.banned

    def _led(self, peer: str) -> Connection | None:
        """The connection to a peer to which the DHT has led us, and which we have not chosen."""
        connection = self._state.connected.get(peer)
        return connection if connection is not None and connection.outbound and not connection.chosen else None

    def _outbound(self) -> list[str]:
        return [p for p, c in self._state.connected.items() if c.chosen]

    def _groups_used(self) -> Counter[str]:
        """How many connections that we made, or are making, lead into each group of addresses."""
        used = Counter(group_of(self._state.connected[p].address) for p in self._outbound())
        used.update(g for _, groups, feeler in self._dialling.values() if not feeler for g in groups)
        del used[""]
        return used

    def _trusted(self, peer: str) -> bool:
        """Whether it speaks for a member of a network of ours, or for somebody with whom something is open."""
        author = self._state.directory.author_of(peer)
        if author is None:
            return False
        return author in self._partners or any(n.member(author) for n in self._state.joined)

    def _note_anchors(self, now: int) -> None:
        connected = self._state.connected
        served = [p for p in self._outbound() if now - connected[p].since >= ANCHOR_AFTER]
        for peer in served:
            if peer in self.known and not self.known[peer].served:
                self.known[peer].served = now
                self.book.store(peer)
        served.sort(key=lambda p: connected[p].since)
        anchors = list(dict.fromkeys([*served[:ANCHORS], *self.anchors]))[:ANCHORS]
        if anchors != self.anchors:
            self.anchors = anchors
            self._state.journal.put(ANCHOR_KEY, encode(anchors), durable=False)

    def _held(self) -> set[str]:
        return {*self._outbound(), *self._dialling, *self._state.wanted, *self.anchors}
