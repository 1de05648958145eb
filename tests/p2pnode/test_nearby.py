"""Some of our connections go to who keeps what we keep: one core in a network of many cells, virtual time."""

from dht.keys import cell_key, realm
from dht.nearby import ring
from p2pnode.bounds import BY_CELL, HELLO_WITHIN, VISIT, VISIT_EVERY, WANTED_OUTBOUND
from p2pnode.core.events import Connected, DialFailed, Disconnected, Event, Found, Received
from protocols.genesis import Genesis, found
from protocols.gossip_messages import PROTOCOL, Hello, encode_message
from protocols.identity import incept
from protocols.limits import HOUR, MINUTE, SECOND
from tests.p2pnode.test_book import peer, public
from tests.p2pnode.test_neighbours import Lone

HOME, EAST, FAR = "u33dc", "u33df", "ezs42"


class Placed(Lone):
    """A core at home in a cell. live: in which cell a peer lives (it greets), none for a stranger; liars: those that
    the DHT names for our cell, and that greet from elsewhere."""

    def __init__(self, seed: int = 1) -> None:
        self.live: dict[str, str] = {}
        super().__init__(seed=seed)
        signer, _ = incept(b"founder".ljust(32))
        genesis = Genesis(
            name="Village", unit="hour", decimals=2, endowments=((signer.author, 10_000),), stewards=(signer.author,),
            quorum=1, newcomer_limit=0, open=True, area=HOME, salt=bytes(16),
        )  # fmt: skip
        self.perform(self.core.begin(self.now, (found(signer, genesis, self.now).wire,)))
        (self.network,) = self.core.state.networks.values()
        self.answers = lambda who, addresses: Connected(who, addresses[0], True)

    def tell(self, event: Event) -> None:
        super().tell(event)
        if isinstance(event, Connected) and self.live.get(event.peer):
            hello = Hello(self.network.id, bytes(8), self.now, True, ring(self.live[event.peer]))
            super().tell(Received(event.peer, PROTOCOL, encode_message(hello)))

    def named(self, numbers: range, cell: str, live: str) -> None:
        """The DHT names these for a cell; they live in that one, or in another."""
        key = cell_key(realm(self.network.record.id, True), cell)
        self.live.update({peer(n): live for n in numbers})
        self.tell(Found(key, tuple((peer(n), (f"{public(n)}/p2p/{peer(n)}",)) for n in numbers)))

    def chose(self, who: str) -> bool:
        connection = self.core.state.connected.get(who)
        return connection is not None and connection.chosen

    def made(self) -> int:
        return sum(map(self.chose, self.live))

    def made_in(self, cell: str) -> int:
        return sum(self.chose(p) for p, home in self.live.items() if home == cell)


def test_some_connections_go_to_who_keeps_our_cell_though_many_more_are_known_that_do_not():
    placed = Placed()
    placed.named(range(200), "", FAR)
    placed.named(range(200, 204), HOME, HOME)
    placed.named(range(210, 214), EAST, EAST)
    placed.run(2 * MINUTE)
    assert placed.made() == WANTED_OUTBOUND
    assert placed.made_in(HOME) >= 2 and placed.made_in(EAST) >= 1


def test_the_rest_are_anybody_however_many_say_that_they_keep_ours():
    placed = Placed()
    placed.named(range(200), "", FAR)
    placed.named(range(200, 300), HOME, HOME)
    placed.named(range(300, 400), EAST, EAST)
    placed.run(HOUR)
    needed = placed.neighbours.nearby.look(placed.neighbours._outbound(), placed.now).needed
    assert 2 <= len(needed) <= BY_CELL


def test_who_is_full_lets_one_go_that_it_does_not_need_for_one_that_it_does():
    placed = Placed()
    placed.named(range(20), "", FAR)
    placed.run(MINUTE)
    assert placed.made_in(FAR) == WANTED_OUTBOUND
    placed.named(range(200, 210), HOME, HOME)
    placed.run(10 * MINUTE)
    assert 2 <= placed.made_in(HOME) <= BY_CELL and placed.made() >= placed.made_in(HOME) + WANTED_OUTBOUND - BY_CELL
    before = {p for p in placed.live if placed.chose(p)}
    placed.run(HOUR)
    assert before == {p for p in placed.live if placed.chose(p)}, "and that is that"


def test_who_was_named_for_our_cell_and_says_otherwise_is_not_counted():
    placed = Placed()
    placed.named(range(20), "", FAR)
    placed.named(range(100, 104), HOME, "")
    placed.run(MINUTE)
    placed.named(range(200, 210), HOME, HOME)
    placed.run(HELLO_WITHIN + 10 * MINUTE)
    assert placed.made_in(HOME) >= 2


def test_control_by_chance_our_cell_is_not_reached(monkeypatch):
    monkeypatch.setattr("p2pnode.core.nearby.BY_CELL", 0)
    placed = Placed()
    placed.named(range(200), "", FAR)
    placed.named(range(200, 204), HOME, HOME)
    placed.run(2 * MINUTE)
    assert placed.made_in(HOME) < 2


def test_a_visit_lasts_a_while_and_counts_as_no_connection_of_ours():
    placed = Placed()
    placed.named(range(12), "", FAR)
    placed.run(HOUR)
    assert placed.made() == WANTED_OUTBOUND
    lasted: list[int] = []
    since: dict[str, int] = {}
    end = placed.now + HOUR
    while placed.now < end:
        placed.run(SECOND)
        brief = {p for p, c in placed.core.state.connected.items() if not c.chosen}
        lasted += [placed.now - since.pop(p) for p in list(since) if p not in brief]
        since.update({p: placed.now for p in brief - since.keys()})
    assert HOUR / VISIT_EVERY * 0.7 < len(lasted) < HOUR / VISIT_EVERY * 1.4
    assert all(VISIT - 2 * SECOND <= time <= VISIT + 2 * SECOND for time in lasted[1:])


def test_also_who_has_not_answered_for_long_is_visited():
    placed = Placed()
    placed.named(range(9), "", FAR)
    placed.run(HOUR)
    gone = next(filter(placed.chose, placed.live))
    placed.answers = lambda who, addresses: (
        DialFailed(who, "timed out") if who == gone else Connected(who, addresses[0], True)
    )
    placed.tell(Disconnected(gone))
    placed.run(3 * HOUR)
    tries = [at for at in placed.dialled(gone) if at > 3 * HOUR]
    assert len(tries) > 10, "there is nobody else to visit"
