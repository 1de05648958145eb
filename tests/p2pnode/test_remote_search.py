"""Searching other cells, between cores that ask one another over streams in memory; and askers that mean ill."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pnode import commands
from p2pnode.bounds import QUERY_BURST, QUERY_BURST_ALL, QUERY_RATE, QUERY_RATE_ALL
from p2pnode.search import answering
from p2pnode.store import StoreError
from protocols.envelope import parse_record
from protocols.errors import DecodeError, Refusal
from protocols.frames import FrameReader, frame
from protocols.limits import GOSSIP_FRAME, MAX_ANSWERED, MAX_SEARCH_TEXT
from protocols.search_messages import Answer, Busy, Query, encode_message, parse_message
from tests.p2pnode.city import FARTHER, City, Ear, ears
from tests.p2pnode.lab import EVES_PEER
from tests.p2pnode.test_elsewhere import FAR


@pytest.fixture
def city() -> Iterator[City]:
    made = City()
    yield made
    for house in made.houses.values():
        house.remote.close()


def titles(state: Any) -> list[str]:
    return [row["title"] for row in state["rows"]]


def states(state: Any) -> dict[str, str]:
    return {one["name"]: one["state"] for one in state["asked"]}


def test_answers_are_merged_as_they_come_in_the_order_of_a_search_at_home(city: City) -> None:
    for title, house in (("Old ladder", city.anna), ("Ladder of Erik", city.erik), ("Jam", city.erik),
                         ("A stool, as high as a ladder", city.fays), ("Newest ladder", city.fays)):  # fmt: skip
        city.publish(title, house)
    gate, second = trio.Event(), trio.Event()

    async def soon(peer: str, stream: Ear) -> None:
        await gate.wait()
        await city.erik.remote.serve(peer, stream)  # type: ignore[arg-type]

    async def late(peer: str, stream: Ear) -> None:
        await second.wait()
        await city.fays.remote.serve(peer, stream)  # type: ignore[arg-type]

    city.erik.speaks, city.fays.speaks = soon, late

    async def test() -> None:
        state = await city.anna.begin(query="ladder", sort="new", wait=10.0)
        assert not state["done"] and titles(state) == ["Old ladder"]
        gate.set()
        while "Ladder of Erik" not in titles(state):
            state = await city.anna.remote.more(commands.MoreOfSearch(search=state["search"], step=state["step"]))
        assert titles(state) == ["Ladder of Erik", "Old ladder"]
        assert states(state) == {"Erik": "answered", "Fay": "asked"}
        second.set()
        while not state["done"]:
            state = await city.anna.remote.more(commands.MoreOfSearch(search=state["search"], step=state["step"]))
        assert titles(state) == ["Newest ladder", "A stool, as high as a ladder", "Ladder of Erik", "Old ladder"]
        assert [row["remote"] for row in state["rows"]] == [True, True, True, False]
        assert states(state) == {"Erik": "answered", "Fay": "answered"}
        whole = await city.anna.remote.search(commands.Search(query="ladder", sort="new", everywhere=True))
        assert [row["title"] for row in whole] == titles(state), "in one call, the same"
        near = await city.anna.finds(query="ladder", sort="near")
        assert titles(near)[:2] == ["Old ladder", "Ladder of Erik"]
        few = await city.anna.finds(query="ladder", sort="new", limit=2)
        assert titles(few) == ["Newest ladder", "A stool, as high as a ladder"]

    city.run(test)


def test_what_is_hidden_is_hidden_too_where_it_was_found_elsewhere(city: City) -> None:
    for title, house in (("Ladder of Anna", city.anna), ("Ladder of Erik", city.erik), ("Ladder of Fay", city.fays)):
        city.publish(title, house)

    async def test() -> None:
        whole = await city.anna.finds(query="ladder")
        assert set(titles(whole)) == {"Ladder of Anna", "Ladder of Erik", "Ladder of Fay"} and whole["hidden"] == 0
        hide = next(row for row in whole["rows"] if row["title"] == "Ladder of Erik")
        said = {"listing": hide["listing_id"], "text": "a rung is missing"}
        city.town.sim.ask_now(city.anna.node, "blocklist.add", **said)
        whole = await city.anna.finds(query="ladder")
        assert set(titles(whole)) == {"Ladder of Anna", "Ladder of Fay"} and whole["hidden"] == 1
        only = await city.anna.finds(query="ladder", hidden=True)
        assert titles(only) == ["Ladder of Erik"]

    city.run(test)


def test_a_cell_is_searched_alone_and_one_that_is_kept_here_without_asking(city: City) -> None:
    for house in city.houses.values():
        city.publish("Ladder", house)

    async def test() -> None:
        state = await city.anna.finds(cell=FAR, everywhere=False)
        assert [row["area"] for row in state["rows"]] == [FAR] and states(state) == {"Erik": "answered"}
        state = await city.anna.finds(cell="u33dc", everywhere=False)
        assert [row["area"] for row in state["rows"]] == ["u33dc"] and state["asked"] == []

    city.run(test)


def test_a_peer_is_asked_one_question_at_a_time(city: City) -> None:
    under_way, most = 0, 0

    async def slow(peer: str, stream: Ear) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await trio.sleep(0.1)
        await city.erik.remote.serve(peer, stream)  # type: ignore[arg-type]
        under_way -= 1

    async def test() -> None:
        city.erik.speaks = slow
        begun = [await city.anna.begin(cell=FAR) for _ in range(3)]
        for state in begun:
            while not state["done"]:
                state = await city.anna.remote.more(commands.MoreOfSearch(search=state["search"], step=state["step"]))
            assert states(state) == {"Erik": "answered"}
        assert most == 1 and not city.anna.remote._lines

    city.run(test)


def test_who_is_silent_busy_or_gone_holds_up_nobody_and_is_named(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city.publish("Ladder", city.fays)

    async def silent(peer: str, stream: Ear) -> None:
        await trio.sleep_forever()

    async def test() -> None:
        city.erik.speaks = silent
        state = await city.anna.finds(query="ladder", wait=2.0)
        assert titles(state) == ["Ladder"] and states(state) == {"Erik": "silent", "Fay": "answered"}
        assert not any(stream.was_reset for stream in city.anna.streams), "an older node would drop the connection"
        state = await city.anna.finds(query="ladder", wait=0.0)
        assert state["done"] and titles(state) == []
        city.erik.speaks = city.erik.remote.serve  # type: ignore[assignment]
        monkeypatch.setattr(answering, "QUERY_RATE", 0.001)
        for _ in range(QUERY_BURST):
            assert isinstance(await city.anna.puts(city.erik, Query(city.town.network(city.anna.node).id)), Answer)
        assert states(await city.anna.finds())["Erik"] == "busy"
        city.anna.node.core.state.connected.pop(city.erik.node.peer_id)
        city.unreachable = True
        assert states(await city.anna.finds()) == {"Erik": "unreachable", "Fay": "answered"}
        assert city.anna.dialled == [(city.erik.node.address,)]

    city.run(test)


def test_a_connection_that_was_made_to_ask_is_let_go(city: City) -> None:
    async def test() -> None:
        city.anna.node.core.state.connected.pop(city.erik.node.peer_id)
        assert states(await city.anna.finds()) == {"Erik": "answered", "Fay": "answered"}
        assert city.anna.let_go == [city.erik.node.peer_id], "Fay was there before"

    city.run(test)


def test_lies_are_not_shown_and_cost_the_liar(city: City) -> None:
    city.publish("Ladder", city.fays)
    forged = city.town.listing()
    wire = forged.wire.replace(forged.signature, bytes(64))
    assert parse_record(wire).id == forged.id
    answers: list[bytes] = [
        frame(encode_message(Answer(False, (wire,)))),
        frame(encode_message(Query(bytes(16)))),
        frame(b"\xc1"),
        b"\xff\xff\xff\xff",
        b"\x05hi",
    ]

    async def test() -> None:
        for said in answers:

            async def lie(peer: str, stream: Ear, said: bytes = said) -> None:
                await stream.write(said)

            city.erik.speaks = lie
            city.anna.struck.clear()
            state = await city.anna.finds(query="ladder")
            assert titles(state) == ["Ladder"] and states(state) == {"Erik": "unsound", "Fay": "answered"}, said
            assert city.anna.struck == [city.erik.node.peer_id]

    city.run(test)


def test_what_does_not_fit_is_not_shown_though_it_is_signed(city: City) -> None:
    jam = city.publish("Jam", city.erik)

    async def whatever(peer: str, stream: Ear) -> None:
        await stream.write(frame(encode_message(Answer(False, (jam.wire,)))))

    async def test() -> None:
        city.erik.speaks = whatever
        assert titles(await city.anna.finds(query="ladder")) == []
        assert titles(await city.anna.finds(query="jam", cell=FARTHER)) == []
        assert titles(await city.anna.finds(query="jam")) == ["Jam"]

    city.run(test)


def test_a_question_tells_what_is_looked_for_and_nothing_of_who_asks(city: City) -> None:
    heard: list[bytes] = []

    async def listen(peer: str, stream: Ear) -> None:
        heard.append(await stream.read())

    async def test() -> None:
        city.erik.speaks = city.fays.speaks = listen
        given = {"query": "x" * 300, "kind": "lend", "max_price": "2/hour", "near": "u33dc5", "within_km": 3.0}
        await city.anna.finds(**given, limit=7, sort="near")
        (query,) = {parse_message(FrameReader().feed(data)[0]) for data in heard}
        network = city.town.network(city.anna.node).id
        assert query == Query(network, "", "x" * MAX_SEARCH_TEXT, "lend", "", 200, "hour", "hour", 0, MAX_ANSWERED)

    city.run(test)


def test_a_flood_of_questions_is_answered_seldom_and_our_own_user_is_served(city: City) -> None:
    city.publish("Ladder", city.erik)
    looks = 0
    search = city.erik.index.search

    def counted(query: Any) -> Any:
        nonlocal looks
        looks += 1
        return search(query)

    city.erik.index.search = counted  # type: ignore[method-assign]

    async def test() -> None:
        network, began = city.town.network(city.anna.node).id, trio.current_time()
        answers = [await city.anna.puts(city.erik, Query(network, text="ladder")) for _ in range(200)]
        allowed = QUERY_BURST + QUERY_RATE * (trio.current_time() - began) + 1
        assert QUERY_BURST <= sum(isinstance(a, Answer) for a in answers) == looks <= allowed
        for number in range(100):  # a crowd
            mine, theirs = ears()
            await mine.write(frame(encode_message(Query(network))))
            await city.erik.remote.serve(f"12D3KooWcrowd{number}", theirs)  # type: ignore[arg-type]
        assert looks <= QUERY_BURST_ALL + QUERY_RATE_ALL * (trio.current_time() - began) + 1
        before = looks
        assert [row["title"] for row in await city.erik.remote.search(commands.Search(query="ladder"))] == ["Ladder"]
        assert looks == before + 1

    city.run(test)


def test_only_members_are_answered_where_a_network_is_joined_by_invite(city: City) -> None:
    city.publish("Ladder", city.erik)

    async def test() -> None:
        network = city.town.network(city.erik.node)
        asked = encode_message(Query(network.id))
        network.genesis = msgspec.structs.replace(network.genesis, open=False)
        assert isinstance(await city.anna.puts(city.erik, asked), Answer), "Anna founded it"
        assert await city.fays.puts(city.erik, asked) == Busy(), "Fay has no invite"
        for peer, message in ((EVES_PEER, asked), (city.anna.node.peer_id, encode_message(Query(b"o" * 16)))):
            mine, theirs = ears()
            await mine.write(frame(message))
            await city.erik.remote.serve(peer, theirs)  # type: ignore[arg-type]
            assert parse_message(FrameReader().feed(await mine.read())[0]) == Busy()

    city.run(test)


def test_an_answer_is_one_frame_however_much_there_is(city: City) -> None:
    for number in range(30):
        city.publish(f"Ladder {number}", city.erik, text="long words " * 300)

    async def test() -> None:
        answer = await city.anna.puts(city.erik, Query(city.town.network(city.anna.node).id, text="ladder"))
        assert isinstance(answer, Answer) and answer.more and 10 < len(answer.records) < 30
        assert len(encode_message(answer)) <= GOSSIP_FRAME
        few = await city.anna.puts(city.erik, Query(city.town.network(city.anna.node).id, text="ladder", limit=3))
        assert isinstance(few, Answer) and few.more and len(few.records) == 3
        state = await city.anna.finds(query="ladder")
        (erik,) = [one for one in state["asked"] if one["name"] == "Erik"]
        assert erik["more"] and erik["found"] == len(answer.records)

    city.run(test)


def test_what_is_no_question_raises_so_that_it_costs_a_strike(city: City) -> None:
    async def test() -> None:
        for message in (b"\xc1", encode_message(Busy()), encode_message(Answer(False, ()))):
            with pytest.raises(DecodeError):
                await city.anna.puts(city.erik, message)

    city.run(test)


def test_a_disk_that_fails_costs_nobody_a_strike(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city.publish("Ladder", city.erik)
    core: Any = city.erik.node.core

    def fails(key: bytes) -> bytes | None:
        raise StoreError("read error")

    async def test() -> None:
        await city.erik.finds(query="ladder")  # what is new is indexed
        monkeypatch.setattr(core.state.journal, "get", fails)
        assert await city.anna.puts(city.erik, Query(city.town.network(city.anna.node).id, text="ladder")) == Busy()

    city.run(test)


def test_a_stream_that_ends_before_anything_was_said_costs_nobody(city: City) -> None:
    async def mute(peer: str, stream: Ear) -> None:
        return

    async def test() -> None:
        mine, theirs = ears()
        await mine.finish()
        await city.erik.remote.serve(city.anna.node.peer_id, theirs)  # type: ignore[arg-type]
        city.erik.speaks = mute
        assert states(await city.anna.finds())["Erik"] == "unreachable" and not city.anna.struck

    city.run(test)


def test_a_search_is_forgotten_when_there_are_others(city: City) -> None:
    async def test() -> None:
        first = await city.anna.begin(wait=0.0)
        for _ in range(4):
            await city.anna.begin(wait=0.0)
        with pytest.raises(Refusal, match="no search"):
            await city.anna.remote.more(commands.MoreOfSearch(search=first["search"]))

    city.run(test)


ODD = ['"', "'", "ladder OR jam", "NEAR(ladder jam)", "title:ladder", "-ladder", "lad*", "(", "ladder AND", "^ladder",
       "ladder'; DROP TABLE listing;--", "#n00", "=ladder", "@u33", "\0", "%", "_"]  # fmt: skip


@given(st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_SEARCH_TEXT))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_an_operator_or_a_bug(text: str) -> None:
    city = _ready()

    async def test() -> None:
        city.erik.remote._answering.__init__(0)  # type: ignore[misc]
        answer = await city.anna.puts(city.erik, Query(city.town.network(city.anna.node).id, text=text))
        assert isinstance(answer, Answer)
        if text in ("ladder OR jam", "NEAR(ladder jam)", "title:ladder"):
            assert answer.records == (), "each word must be there"

    city.run(test)


_made: list[City] = []


def _ready() -> City:
    if not _made:
        _made.append(City())
        _made[0].publish("Ladder", _made[0].erik)
        _made[0].publish("Jam", _made[0].erik)
    return _made[0]
