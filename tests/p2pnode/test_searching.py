"""Search as a command: what changes is found at once, filters fill the limit, and an index that is lost comes back."""

from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from p2pnode import commands
from p2pnode.core.effects import Compare
from p2pnode.search import searching as searching_module
from p2pnode.search.index import Index
from p2pnode.search.searching import Searching
from tests.p2pnode.lab import Lab
from tests.p2pnode.rows import ask, numbers, row

SATURDAY = 1_800_100_800_000  # 2027-01-16, noon


class Counter:
    """A node with an index, without a daemon around it."""

    def __init__(self, path: Any = ":memory:") -> None:
        self.lab = Lab(5)
        self.index = Index(path)
        self.searching = Searching(self.index, structlog.wrap_logger(structlog.ReturnLogger()))

    @property
    def core(self) -> Any:
        return self.lab.ben.core

    def publish(self, title: str, node: Any = None, **fields: Any) -> None:
        given = {"direction": "offer", "kind": "lend", "title": title, **fields}
        self.lab.ask(node or self.lab.ben, "listing.publish", **given)
        self.lab.sim.run(2_000)

    def everything(self) -> tuple[tuple[bytes, bytes, bytes], ...]:
        return tuple(
            (n.id, r.author, r.name) for n in self.core.state.networks.values() for r in n.catalog.rows(kind="listing")
        )

    def slots(self, title: str) -> tuple[tuple[bytes, bytes, bytes], ...]:
        networks, current = self.core.state.networks, self.core.listings.current
        return tuple(slot for slot in self.everything() if current(networks[slot[0]], *slot[1:])[1].title == title)

    def search(self, **fields: Any) -> list[str]:
        async def ask() -> list[dict[str, Any]]:
            return await self.searching.search(self.core, commands.Search(**fields), self.lab.now)

        return [row["title"] for row in trio.run(ask)]


def test_what_is_not_to_be_had_then_does_not_take_the_place_of_what_is():
    node = Counter()
    for number in range(3):
        node.publish(f"Ladder {number}", when="FREQ=WEEKLY;BYDAY=SA")
    for number in range(8):
        node.publish(f"Ladder on Sundays {number}", when="FREQ=WEEKLY;BYDAY=SU")
    node.searching.changed(node.everything())
    found = node.search(query="ladder", available=SATURDAY, limit=3)
    assert found == ["Ladder 2", "Ladder 1", "Ladder 0"], "the newer ones are not to be had on a Saturday"
    assert node.search(query="ladder", limit=3) == [f"Ladder on Sundays {n}" for n in (7, 6, 5)]


def test_the_most_trusted_are_first_however_many_newer_ones_there_are(monkeypatch: pytest.MonkeyPatch):
    node = Counter()
    node.publish("Ladder of Cleo", node.lab.cleo)
    for number in range(6):
        node.publish(f"Ladder of Dora {number}", node.lab.dora)
    node.searching.changed(node.everything())
    cleo = node.lab.cleo.core.state.me

    class View:
        def score(self, author: bytes) -> Any:
            return SimpleNamespace(score=0.9 if author == cleo else 0.4)

    monkeypatch.setattr(node.core.reputations, "view", lambda network, now: View())
    assert node.search(query="ladder", sort="trust", limit=1) == ["Ladder of Cleo"]
    assert node.search(query="ladder", sort="new", limit=1) == ["Ladder of Dora 5"]


def test_an_index_that_is_made_anew_says_how_far_it_is_and_answers_meanwhile(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(searching_module, "INDEX_BATCH", 4)
    node = Counter()
    for number in range(10):
        node.publish(f"Ladder {number}")
    node.searching.rebuild(node.core)
    held = len(node.everything())
    assert node.searching.progress == {"done": 0, "of": held} and held >= 10
    assert node.search(query="ladder") == [], "nothing of it is there yet, and the search does not wait"
    node.publish("Ladder, quite new")
    node.searching.changed(node.slots("Ladder, quite new"))
    assert "Ladder, quite new" in node.search(query="ladder"), "what changed goes first"
    assert trio.run(node.searching._batch, node.core)
    assert node.searching.progress == {"done": 4, "of": held}
    while node.searching.progress:
        assert trio.run(node.searching._batch, node.core)
    assert len(node.search(query="ladder")) == 11


def test_a_deleted_file_comes_back_from_the_store_and_one_left_in_step_is_kept(tmp_path):
    path = tmp_path / "index.sqlite"
    node = Counter(path)
    node.publish("Ladder")
    node.searching.rebuild(node.core)
    while node.searching.progress:
        trio.run(node.searching._batch, node.core)
    node.searching.close()
    node.searching = Searching(Index(path), structlog.wrap_logger(structlog.ReturnLogger()))
    node.searching.rebuild(node.core)
    assert node.searching.progress is None and node.search(query="ladder") == ["Ladder"]
    node.searching.close()
    path.unlink()
    node.searching = Searching(Index(path), structlog.wrap_logger(structlog.ReturnLogger()))
    node.searching.rebuild(node.core)
    assert node.searching.progress is not None
    while node.searching.progress:
        trio.run(node.searching._batch, node.core)
    assert node.search(query="ladder") == ["Ladder"]


async def test_who_watches_hears_of_changes_soon_and_once_for_many():
    node = Counter()
    heard: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.searching.run, lambda: node.core)
        nursery.start_soon(node.searching.tell, lambda: heard.append(trio.current_time()))
        await trio.sleep(searching_module.NEWS_AFTER * 2)
        assert heard == [], "nothing has changed"
        node.publish("Ladder")
        node.publish("Jam")
        for title in ("Ladder", "Jam"):
            node.searching.changed(node.slots(title))
            await trio.sleep(searching_module.NEWS_AFTER / 10)
        with trio.fail_after(5):
            while not heard:
                await trio.sleep(0.01)
        await trio.sleep(searching_module.NEWS_AFTER * 2)
        nursery.cancel_scope.cancel()
    assert len(heard) == 1


def test_what_may_go_with_a_listing_of_ours_is_named_by_the_index_few_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(searching_module, "ALIKE_OF_WORD", 5)
    monkeypatch.setattr(searching_module, "COMPARED_AT_ONCE", 2)
    node = Counter()
    for number in range(8):
        node.publish(f"Ladder {number}", node.lab.cleo, direction="request")
    node.publish("A ladder", node.lab.cleo)
    node.publish("Ladder", node.lab.cleo, direction="request", kind="sell")
    node.publish("Stool", node.lab.cleo, direction="request", text="no ladder")
    node.publish("A ladder or a scaffold", node.lab.ben)
    node.searching.changed(node.everything())
    core = node.core
    network = next(iter(core.state.networks.values()))
    (mine,) = core.listings.mine(network)

    pieces: list[Any] = []

    async def put(piece: Any) -> None:
        pieces.append(piece)

    trio.run(node.searching.compare, core, Compare(network.id, core.state.me, mine[0].name), node.lab.now, put)
    found = [core.listings.current(network, *slot)[1].title for piece in pieces for slot in piece.found]
    assert found == [f"Ladder {number}" for number in (7, 6, 5, 4, 3)]
    assert [len(piece.found) for piece in pieces] == [2, 2, 1]


@pytest.mark.parametrize(
    ("cell", "found"),
    [("", [1, 2, 3]), ("u", [1, 2]), ("u3", [2]), ("u33", [2]), ("u0yjj", [1]), ("u0yjk", []), ("u0yjjz", [])],
)
def test_a_cell_of_any_length_holds_what_has_its_centre_in_it(cell: str, found: list[int]):
    index = Index(":memory:")
    index.upsert([row(1, area="u0yjj"), row(2, area="u33dc"), row(3)])
    assert sorted(numbers(ask(index, cell=cell))) == found
    index.close()


def test_what_is_hidden_is_left_out_and_takes_no_place() -> None:
    node = Counter()
    node.publish("Ladder of Dora", node.lab.dora)
    node.publish("Old ladder of Cleo", node.lab.cleo)
    for number in range(4):
        node.publish(f"Ladder {number}", node.lab.cleo)
    node.searching.changed(node.everything())
    assert len(node.search(query="ladder")) == 6
    hide = {"peer": "Cleo", "reason": "spam", "text": "forty times the same"}
    node.lab.ask(node.lab.ben, "blocklist.add", **hide)
    assert node.search(query="ladder", limit=2) == node.search(query="ladder") == ["Ladder of Dora"]
    assert len(node.search(query="ladder", hidden=True)) == 5 and node.search(query="saw", hidden=True) == []
    old = next(r["listing_id"] for r in found(node, query="ladder", hidden=True) if r["title"].startswith("Old"))
    node.lab.ask(node.lab.ben, "blocklist.allow", listing=old)
    assert set(node.search(query="ladder", limit=2)) == {"Ladder of Dora", "Old ladder of Cleo"}
    [row, *_] = found(node, query="ladder", hidden=True)
    assert [(w["list"], w["reason"], w["text"]) for w in row["hidden"]] == [("mine", "spam", "forty times the same")]
    node.lab.ask(node.lab.ben, "blocklist.remove", peer="Cleo")
    assert len(node.search(query="ladder")) == 6 and node.search(query="ladder", hidden=True) == []


def found(node: Counter, **fields: Any) -> list[dict[str, Any]]:
    async def ask_() -> list[dict[str, Any]]:
        return await node.searching.search(node.core, commands.Search(**fields), node.lab.now)

    return trio.run(ask_)


def test_how_many_are_hidden_is_counted() -> None:
    node = Counter()
    node.publish("Ladder", node.lab.cleo)
    node.publish("Saw", node.lab.cleo)
    node.searching.changed(node.everything())

    def count(query: str) -> int:
        async def ask_() -> int:
            return await node.searching.count_hidden(node.core, commands.Search(query=query), node.lab.now)

        return trio.run(ask_)

    assert count("") == 0
    node.lab.ask(node.lab.ben, "blocklist.add", peer="Cleo", reason="spam", text="x")
    assert (count(""), count("ladder"), count("bicycle")) == (2, 1, 0)


def test_whom_one_does_not_trust_so_much_is_left_out_however_many_listings_they_have(monkeypatch: pytest.MonkeyPatch):
    node = Counter()
    node.publish("Ladder of Cleo", node.lab.cleo)
    for number in range(6):
        node.publish(f"Ladder of Dora {number}", node.lab.dora)
    node.searching.changed(node.everything())
    cleo = node.lab.cleo.core.state.me

    class View:
        def score(self, author: bytes) -> Any:
            return SimpleNamespace(score=0.8999 if author == cleo else 0.4)

    monkeypatch.setattr(node.core.reputations, "view", lambda network, now: View())
    assert node.search(query="ladder", min_trust=0.9, limit=1) == ["Ladder of Cleo"], "as it is shown, to a thousandth"
    assert node.search(query="ladder", min_trust=0.91) == []
    assert len(node.search(query="ladder", min_trust=0.4)) == 7
