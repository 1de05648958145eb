"""Whom a node dials, when, and whom it lets go: one core, virtual time, peers that answer or do not."""

import itertools
from random import Random
from typing import Any

import pytest

from p2pnode.bounds import CLOCK_WRONG, DIAL_BACKOFF_MAX, FEELER_EVERY, WANTED_OUTBOUND
from p2pnode.core.core import Core
from p2pnode.core.effects import Admit, Dial, Effect, Hangup, Wake, Write
from p2pnode.core.events import Connected, DialFailed, Disconnected, Event, Found, Listening, Woke
from p2pnode.core.neighbours import ANCHOR_KEY, Neighbours
from p2pnode.core.state import Settings
from p2pnode.store import MemoryStore
from protocols.identity import incept
from protocols.limits import HOUR, MINUTE, SECOND
from protocols.nearness import group_of
from tests.p2pnode.test_book import NOW, peer, public

ME = "12D3KooW" + "M" * 44


class Lone:
    """One core; `answers` says what happens to a dial: an address to connect at, or why not."""

    def __init__(self, disk: MemoryStore | None = None, seed: int = 1, now: int = NOW) -> None:
        self.now = now
        self.disk = disk or MemoryStore()
        self.dials: list[tuple[int, str, tuple[str, ...]]] = []
        self.hung: list[str] = []
        self.wake: int | None = None
        self.answers: Any = lambda peer, addresses: DialFailed(peer, "refused")
        signer, _ = incept(b"me".ljust(32))
        self.core = Core(self.disk, signer, Settings("Me", "", ME, bytes(32)), Random(seed), now)
        self.neighbours = self.core.neighbours
        self.perform(self.core.begin(now))
        self.tell(Listening((f"/ip4/198.18.0.1/tcp/4001/p2p/{ME}",)))

    def tell(self, event: Event) -> None:
        self.perform(self.core.handle(event, self.now))

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Write):
                self.disk.commit(effect.puts, effect.deletes, effect.durable, effect.heads)
                self.core.committed()
            elif isinstance(effect, Wake):
                self.wake = effect.at if self.wake is None else min(self.wake, effect.at)
            elif isinstance(effect, Hangup):
                self.hung.append(effect.peer)
                self.tell(Disconnected(effect.peer))
            elif isinstance(effect, Dial):
                self.dials.append((self.now, effect.key, effect.addresses))
                answer = self.answers(effect.key, effect.addresses)
                if answer is not None:
                    self.tell(answer)

    def run(self, milliseconds: int) -> None:
        end, turns = self.now + milliseconds, 0
        while self.wake is not None and self.wake <= end:
            turns += 1
            assert turns < 20_000, "the core wakes itself without end"
            self.now, self.wake = max(self.now, self.wake), None
            self.tell(Woke())
        self.now = end

    def knows(self, *numbers: int, address: Any = public) -> None:
        """The DHT names peers."""
        for number in numbers:
            self.tell(Found(None, ((peer(number), (f"{address(number)}/p2p/{peer(number)}",)),)))

    def out(self) -> list[str]:
        return [p for p, c in self.core.state.connected.items() if c.outbound]

    def dialled(self, who: str) -> list[int]:
        return [at - NOW for at, key, _ in self.dials if key == who]


def everybody(peer_id: str, addresses: tuple[str, ...]) -> Event:
    return Connected(peer_id, addresses[0], True)


def test_who_dials_us_does_not_count_towards_the_connections_we_make():
    lone = Lone()
    lone.answers = everybody
    for number in range(100, 200):
        lone.tell(Connected(peer(number), f"{public(number)}/p2p/{peer(number)}", False))
    lone.knows(*range(20))
    lone.run(MINUTE)
    assert len(lone.out()) == WANTED_OUTBOUND and not set(lone.out()) & {peer(n) for n in range(100, 200)}


def test_we_connect_to_different_groups_of_addresses():
    lone = Lone()
    lone.answers = everybody
    lone.knows(*range(8), address=lambda n: public(1, host=n + 1))
    lone.knows(*range(10, 14))
    lone.run(MINUTE)
    groups = [group_of(lone.core.state.connected[p].address) for p in lone.out()]
    assert groups.count(group_of(public(1))) == 2 and len(groups) == 6
    lab = Lone()
    lab.answers = everybody
    lab.core.state.connected.clear()
    lab.neighbours.add(peer(1), ("/ip4/127.0.0.1/tcp/1",), "bootstrap", lab.now)
    lab.run(SECOND)
    lab.knows(*range(30, 50), address=lambda n: f"/ip4/127.0.0.{n}/tcp/1")
    lab.run(MINUTE)
    assert len(lab.out()) == WANTED_OUTBOUND, "in a lab there is but one group"


def test_near_addresses_are_taken_only_from_near_peers():
    near = ("/ip4/192.168.1.9/tcp/1", "/ip4/127.0.0.1/tcp/1", public(5))
    for source, taken in (
        ("", near[2:]),
        (f"{public(1)}/p2p/{peer(1)}", near[2:]),
        (f"/ip4/192.168.1.2/tcp/1/p2p/{peer(1)}", (near[0], near[2])),
        (f"/ip4/127.0.0.1/tcp/1/p2p/{peer(1)}", near),
    ):
        lone = Lone()
        lone.tell(Connected(peer(1), source, False))
        lone.neighbours.add(peer(5), near, "profile", lone.now, peer(1))
        assert lone.neighbours.known[peer(5)].addresses == [f"{a}/p2p/{peer(5)}" for a in taken]
        lone.neighbours.add(peer(6), near, "join", lone.now)
        assert len(lone.neighbours.known[peer(6)].addresses) == 3, "our user's word is taken"
    lone.tell(Connected(peer(2), public(2), False))
    lone.neighbours.add(peer(7), near, "dht", lone.now)
    assert len(lone.neighbours.known[peer(7)].addresses) == 1, "the DHT is as far as the farthest peer"


def test_a_peer_that_does_not_answer_is_tried_ever_less_often():
    lone = Lone()
    lone.tell(Connected(peer(99), public(99), False))  # so that it is not alone
    lone.knows(1)
    lone.run(24 * HOUR)
    times = lone.dialled(peer(1))
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert 3 * SECOND <= gaps[0] <= 4 * SECOND and gaps[1] >= 6 * SECOND
    assert 45 * MINUTE < gaps[-1] <= 60 * MINUTE and max(gaps) <= DIAL_BACKOFF_MAX
    assert len(set(gaps[-5:])) > 1, "with jitter"


def test_a_peer_that_somebody_waits_for_is_tried_every_half_minute():
    lone = Lone()
    lone.tell(Connected(peer(99), public(99), False))
    lone.knows(1)
    lone.run(5 * HOUR)
    lone.core.state.wanted.add(peer(1))
    lone.tell(Connected(peer(98), public(98), False))
    begin = lone.now - NOW
    lone.run(10 * MINUTE)
    times = [begin, *(t for t in lone.dialled(peer(1)) if t >= begin)]
    assert len(times) > 15 and max(b - a for a, b in itertools.pairwise(times)) <= 30 * SECOND


def test_who_is_alone_waits_for_nobody_long():
    lone = Lone()
    lone.knows(1)
    lone.run(12 * HOUR)
    begin = lone.now - NOW
    lone.run(10 * MINUTE)
    assert len([t for t in lone.dialled(peer(1)) if t > begin]) >= 9


def test_without_a_network_few_tries_are_made_and_nobody_loses_by_it():
    lone = Lone()
    lone.answers = lambda p, addresses: DialFailed(p, "no route to that address", no_route=True)
    lone.knows(*range(200))
    known = len(lone.neighbours.known)
    lone.run(HOUR)
    assert len(lone.dials) <= 160 * WANTED_OUTBOUND and len(lone.neighbours.known) == known
    assert all(k.tries <= 1 for k in lone.neighbours.known.values())
    lone.answers = everybody
    lone.run(31 * SECOND)
    assert len(lone.out()) == WANTED_OUTBOUND


def test_after_a_long_sleep_everybody_is_due_and_a_clock_set_back_makes_nobody_wait():
    lone = Lone()
    lone.tell(Connected(peer(99), public(99), False))
    lone.knows(*range(30))
    lone.run(3 * HOUR)
    assert min(k.next_at for k in lone.neighbours.known.values() if k.addresses) > lone.now
    lone.answers = everybody
    for jump in (12 * HOUR, -365 * 24 * HOUR):
        lone.now += jump
        for one in lone.out():
            lone.tell(Disconnected(one))
        lone.tell(Woke())
        lone.run(5 * SECOND)
        assert len(lone.out()) == WANTED_OUTBOUND, jump


def test_no_pause_lies_further_ahead_than_there_are_pauses():
    lone = Lone()
    lone.tell(Connected(peer(99), public(99), False))
    lone.knows(1)
    lone.run(3 * HOUR)
    lone.now -= 23 * HOUR  # a clock that is set back further is not gone by: see test_timekeeping
    lone.answers = everybody
    lone.tell(Woke())
    lone.run(5 * SECOND)
    assert lone.out() == [peer(1)]


def test_a_feeler_tests_a_new_peer_and_lets_it_go():
    lone = Lone()
    lone.answers = everybody
    lone.knows(*range(40))
    lone.run(MINUTE)
    first = set(lone.out())
    assert len(first) == WANTED_OUTBOUND and not lone.hung
    lone.run(30 * FEELER_EVERY)
    tested = {p for p, k in lone.neighbours.known.items() if k.reached}
    assert 20 <= len(lone.hung) <= 38 and tested == first | set(lone.hung) and set(lone.out()) == first
    lone.answers = lambda p, addresses: DialFailed(p, "refused")
    lone.knows(*range(100, 120))
    lone.run(HOUR)
    assert all(k.addresses for k in lone.neighbours.known.values()) and set(lone.out()) == first


def test_a_peer_that_hangs_up_at_once_is_not_dialled_all_the_time():
    lone = Lone()
    lone.tell(Connected(peer(99), public(99), False))
    lone.answers = everybody
    lone.knows(1)
    for _ in range(2_000):
        lone.run(SECOND)
        if peer(1) in lone.core.state.connected:
            lone.tell(Disconnected(peer(1)))
    assert len(lone.dialled(peer(1))) < 15


def test_what_served_longest_is_dialled_first_after_a_restart():
    lone = Lone()
    lone.answers = everybody
    lone.knows(1, 2)
    lone.run(MINUTE)
    lone.knows(*range(10, 40))
    lone.run(HOUR)
    assert set(lone.neighbours.anchors) == {peer(1), peer(2)}
    again = Lone(lone.disk, seed=2, now=lone.now)
    again.answers = everybody
    again.run(SECOND)
    assert {p for _, p, _ in again.dials[:2]} == {peer(1), peer(2)}
    assert set(again.neighbours.anchors) == {peer(1), peer(2)}
    gone = Lone(lone.disk, seed=3, now=lone.now)
    gone.answers = lambda p, a: everybody(p, a) if p not in (peer(1), peer(2)) else DialFailed(p, "refused")
    gone.run(MINUTE)
    assert set(gone.neighbours.anchors) == {peer(1), peer(2)}, "others have not served yet"
    gone.run(HOUR)
    assert not set(gone.neighbours.anchors) & {peer(1), peer(2)}


def test_who_the_dht_leads_us_to_is_no_choice_of_ours_until_we_make_it():
    lone = Lone()
    lone.answers = everybody
    for number in range(100, 140):  # a crowd, all in one group of addresses
        address = f"{public(1, host=number)}/p2p/{peer(number)}"
        lone.tell(Connected(peer(number), address, True, chosen=False))
    lone.knows(*range(10, 40))
    lone.run(MINUTE)
    chosen = [p for p, c in lone.core.state.connected.items() if c.chosen]
    crowd = {peer(n) for n in range(100, 140)}
    assert len(chosen) == WANTED_OUTBOUND and len(set(chosen) & crowd) <= 2
    assert not any(lone.neighbours.known[p].reached for p in crowd - set(chosen) if p in lone.neighbours.known)
    lonely = Lone()
    lonely.tell(Connected(peer(1), f"{public(1)}/p2p/{peer(1)}", True, chosen=False))
    assert lonely.core.state.connected[peer(1)].chosen is False
    lonely.run(SECOND)
    assert lonely.core.state.connected[peer(1)].chosen, "where there is nobody else, it is as good as any"
    assert [who for _, who, _ in lonely.dials] == [peer(1)], "the host hears that it stays"


def test_a_crowd_of_authors_does_not_keep_us_from_signing(monkeypatch: pytest.MonkeyPatch):
    lone, strangers = Lone(), range(100, 110)
    monkeypatch.setattr(lone.core.state.directory, "author_of", lambda who: who.encode()[:32].ljust(32))
    lone.answers = everybody
    lone.knows(1)
    lone.run(SECOND)
    for number in strangers:
        lone.tell(Connected(peer(number), f"{public(number)}/p2p/{peer(number)}", number % 2 == 0, chosen=False))
        lone.core.state.time.heard(peer(number), lone.now + 3 * CLOCK_WRONG, lone.now)
    assert lone.core.state.time.objection() == 0
    lone.core.state.time.heard(peer(1), lone.now + 3 * CLOCK_WRONG, lone.now)
    assert lone.core.state.time.objection() == 3 * CLOCK_WRONG, "whom we chose has a say"


def test_whom_we_have_reached_the_host_hears_of_at_the_start():
    lone = Lone()
    lone.answers = everybody
    lone.knows(1)
    lone.run(MINUTE)
    lone.answers = lambda peer, addresses: DialFailed(peer, "refused")
    lone.knows(2)
    lone.neighbours.add(peer(3), (public(3),), "bootstrap", lone.now)
    lone.run(MINUTE)
    again = Core(lone.disk, lone.core.state.signer, lone.core.state.settings, Random(2), lone.now)
    [admitted] = [e for e in again.begin(lone.now) if isinstance(e, Admit)]
    assert set(admitted.peers) == {peer(1), peer(3)}


def test_who_has_served_comes_before_who_was_only_tested():
    lone = Lone()
    lone.answers = everybody
    lone.knows(*range(8))
    lone.run(HOUR)
    served = set(lone.out())
    lone.knows(*range(100, 140))
    lone.run(2 * HOUR)
    tested = {p for p, k in lone.neighbours.known.items() if k.reached} - served
    assert len(served) == WANTED_OUTBOUND and len(tested) > 30
    lone.disk.commit({}, [ANCHOR_KEY], True)
    again = Lone(lone.disk, seed=2, now=lone.now)
    again.answers = everybody
    again.run(SECOND)
    assert len({p for _, p, _ in again.dials[:4]} & served) == 4


def test_members_come_before_strangers_but_do_not_have_all(monkeypatch: pytest.MonkeyPatch):
    members = {peer(n) for n in range(100, 200)}
    monkeypatch.setattr(Neighbours, "_trusted", lambda self, p: p in members)
    lone = Lone()
    lone.answers = everybody
    lone.knows(*range(40), *range(100, 120))
    for one in lone.out():
        lone.tell(Disconnected(one))
    lone.neighbours.started(lone.now)
    lone.run(MINUTE)
    assert len(set(lone.out()) & members) >= WANTED_OUTBOUND - 2
    crowd = Lone(seed=5)
    crowd.answers = everybody
    crowd.knows(*range(20), *range(100, 140))
    outs = []
    for _ in range(10):
        for one in crowd.out():
            crowd.tell(Disconnected(one))
        crowd.neighbours.started(crowd.now)
        crowd.run(2 * MINUTE)
        outs.append(len(set(crowd.out()) - members))
    assert any(outs), "now and then a stranger has a place"


def test_peers_tells_how_it_is():
    lone = Lone()
    lone.answers = lambda p, a: everybody(p, a) if p == peer(1) else DialFailed(p, "refused: nothing listens there")
    lone.tell(Connected(peer(3), f"{public(3)}/p2p/{peer(3)}", False))
    lone.knows(1, 2)
    lone.run(10 * SECOND)
    shown = {p["peer_id"]: p for p in lone.core.peers.list(lone.now)}
    one, two, three = (shown[peer(n)] for n in (1, 2, 3))
    assert (one["reachable"], one["table"], one["via"], one["problem"], one["next_try"]) == (
        True,
        "tried",
        "dht",
        None,
        None,
    )
    assert NOW <= one["connected_since"] == one["last_reached"] < NOW + SECOND
    assert (two["reachable"], two["table"], two["problem"]) == (False, "new", "refused: nothing listens there")
    assert lone.now <= two["next_try"] < lone.now + MINUTE and two["known_since"] == NOW
    assert (three["reachable"], three["via"], three["connected"]) == (None, "dialled us", True)
