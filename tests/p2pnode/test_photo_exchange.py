"""Asking for photos and giving them: streams in memory, honest and other peers at their ends."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import trio

from p2pnode.core.elsewhere import Target
from p2pnode.home.folder import Home
from p2pnode.photo_bounds import OTHERS_PHOTOS, PHOTO_AGAIN_MAX, PHOTO_BURST, PHOTO_PACE
from p2pnode.photos import fetching
from p2pnode.photos.asking import Asking
from p2pnode.photos.photos import Photos
from p2pnode.store import StoreError
from protocols.errors import DecodeError, Reject
from protocols.frames import FrameReader, frame
from protocols.identity import digest
from protocols.limits import MAX_PHOTO, MAX_PHOTO_PIECE
from protocols.photo_messages import (
    PROTOCOL,
    Busy,
    Get,
    Message,
    Nothing,
    Piece,
    encode_message,
    parse_message,
    pieces_of,
)
from tests.p2pnode.city import Ear, ears
from tests.p2pnode.lab import Lab
from tests.protocols.test_photo import jpeg
from tests.sim.simulator import Node

LOG = structlog.wrap_logger(structlog.ReturnLogger())
PHOTO = jpeg(300, 200)
LARGE = PHOTO[:-2] + bytes(150_000) + PHOTO[-2:]  # more than a frame holds
HASH = digest(PHOTO)
PEER = "12D3KooW" + "P" * 44
Speaks = Callable[[str, Ear], Awaitable[None]]


class Wire:
    """A host to whom every peer speaks in the same way."""

    def __init__(self, nursery: trio.Nursery, speaks: Speaks) -> None:
        self.nursery, self.speaks = nursery, speaks
        self.struck: list[str] = []
        self.asked: list[str] = []
        self.photos: list[bytes] = []  # in the order of their being asked for

    async def ask(self, peer: str, protocol: str) -> Any:
        assert protocol == PROTOCOL
        self.asked.append(peer)
        mine, theirs = ears()
        self.nursery.start_soon(self._speak, theirs)
        return mine

    async def _speak(self, stream: Ear) -> None:
        with trio.CancelScope() as scope:
            self.nursery.start_soon(self._cancelled_with, scope)
            await self.speaks(PEER, stream)
            await stream.finish()

    async def _cancelled_with(self, scope: trio.CancelScope) -> None:
        await trio.sleep(3600)
        scope.cancel()

    def connections(self) -> list[Any]:
        return []

    async def dial(self, address: Any, *, keep: bool = True) -> str:
        return ""

    async def disconnect(self, peer: str) -> None:
        pass

    def strike(self, peer: str, reason: str) -> None:
        self.struck.append(reason)


def saying(*messages: Message | bytes) -> Speaks:
    async def speak(peer: str, stream: Ear) -> None:
        assert isinstance(parse_message(FrameReader().feed(await stream.read())[0]), Get)
        for message in messages:
            await stream.write(message if isinstance(message, bytes) else frame(encode_message(message)))

    return speak


async def asked(speaks: Speaks, photo: bytes = HASH) -> tuple[bytes | None, list[str]]:
    async with trio.open_nursery() as nursery:
        wire = Wire(nursery, speaks)
        found = await Asking(wire, LOG).ask(Target(PEER, (), "", ""), bytes(16), photo)
        nursery.cancel_scope.cancel()
    return found, wire.struck


@pytest.mark.parametrize("photo", [PHOTO, LARGE])
async def test_a_photo_comes_in_as_many_pieces_as_it_takes(photo: bytes) -> None:
    pieces = pieces_of(photo)
    assert max(len(piece.data) for piece in pieces) <= MAX_PHOTO_PIECE
    assert await asked(saying(*pieces), digest(photo)) == (photo, [])


@pytest.mark.parametrize("message", [Nothing(), Busy()])
async def test_to_have_none_costs_nobody(message: Message) -> None:
    assert await asked(saying(message)) == (None, [])


SPOILT = jpeg(exif=b"Exif\0\0" + bytes(20))


@pytest.mark.parametrize(
    ("why", "photo", "messages"),
    [
        ("wrong bytes", HASH, [Piece(3, b"abc")]),
        ("a photo that tells more than pixels", digest(SPOILT), [Piece(len(SPOILT), SPOILT)]),
        ("no photo at all", digest(b"abc"), [Piece(3, b"abc")]),
        ("bytes without end", HASH, [Piece(MAX_PHOTO, bytes(MAX_PHOTO_PIECE))] * 5),
        ("a frame without end", HASH, [b"\xff\xff\x7f" + bytes(70_000)]),
        ("another size in the middle", HASH, [Piece(1_000, b"a"), Piece(1_001, b"a")]),
        ("none in the middle", HASH, [Piece(1_000, b"a"), Nothing()]),
        ("a question", HASH, [Get(bytes(16), HASH)]),
        ("no message", HASH, [frame(b"\xc1")]),
        ("the beginning of one", HASH, [frame(encode_message(Piece(9, b"abc")))[:-1]]),
    ],
)
async def test_what_no_honest_peer_gives_is_not_taken_and_costs(
    why: str, photo: bytes, messages: list[Message | bytes]
) -> None:
    found, struck = await asked(saying(*messages), photo)
    assert found is None and len(struck) == 1, why


async def test_who_says_nothing_is_not_waited_for(autojump_clock: trio.abc.Clock) -> None:
    assert await asked(saying(Piece(1_000, b"a"))) == (None, [])

    async def silent(peer: str, stream: Ear) -> None:
        await trio.sleep_forever()

    assert await asked(silent) == (None, [])


class Flat:
    """A node of the lab with its photos. given: a host's way to others."""

    def __init__(self, lab: Lab, node: Node, root: Path, host: Any) -> None:
        home = Home(root)
        home.create()
        self.lab, self.node, self.told = lab, node, 0
        self.photos = Photos(home, host, lambda: node.core, lambda: lab.now, self._arrived, LOG)

    def _arrived(self) -> None:
        self.told += 1

    def network(self) -> bytes:
        return self.lab.network(self.node).id

    def publish(self, *photos: bytes) -> None:
        fields = {"direction": "offer", "kind": "lend", "title": "Bike"}
        self.lab.ask(self.node, "listing.publish", **fields, photos=[photo.hex() for photo in photos])

    async def read(self) -> None:
        self.photos.fetching.begin()
        await self.photos.fetching._read()
        self.photos.fetching._whole = True

    async def gives(self, message: Message | bytes, peer: str = "") -> list[Message]:
        mine, theirs = ears()
        await mine.write(frame(message if isinstance(message, bytes) else encode_message(message)))
        await mine.finish()
        await self.photos.giving.serve(peer or self.lab.cleo.peer_id, theirs)  # type: ignore[arg-type]
        await theirs.finish()
        reader, found = FrameReader(), []
        while data := await mine.read():
            found += [parse_message(item) for item in reader.feed(data)]
        return found


@pytest.fixture
def flat(tmp_path: Path) -> Flat:
    lab = Lab()
    return Flat(lab, lab.ben, tmp_path / "home", SimpleNamespace())


async def test_members_get_what_a_listing_names_and_nothing_else(flat: Flat) -> None:
    named, other = flat.photos.folder.keep_own(PHOTO), flat.photos.folder.keep_own(jpeg(10, 10))
    flat.publish(named, digest(b"lost"))
    network = flat.network()
    assert await flat.gives(Get(network, named)) == [Busy()], "not all listings have been looked at"
    await flat.read()
    assert await flat.gives(Get(network, named)) == [Piece(len(PHOTO), PHOTO)]
    assert await flat.gives(Get(network, other)) == [Nothing()], "no listing names it"
    assert await flat.gives(Get(network, digest(b"lost"))) == [Nothing()]
    assert await flat.gives(Get(b"o" * 16, named)) == [Nothing()], "another network"
    assert await flat.gives(Get(network, named), peer=PEER) == [Nothing()], "a stranger"
    for wrong in (Nothing(), b"\xc1", encode_message(Get(network, named)) + bytes(200)):
        with pytest.raises(Reject):
            await flat.gives(wrong)


async def test_who_asks_without_end_is_told_to_wait(flat: Flat) -> None:
    named = flat.photos.folder.keep_own(PHOTO)
    flat.publish(named)
    await flat.read()
    answers = [await flat.gives(Get(flat.network(), named)) for _ in range(PHOTO_BURST + 2)]
    assert [Busy()] in answers and answers[0] != [Busy()]
    assert await flat.gives(Get(flat.network(), named), flat.lab.anna.peer_id) != [Busy()], "others are answered"


async def test_what_is_withdrawn_is_given_no_more(flat: Flat) -> None:
    named = flat.photos.folder.keep_own(PHOTO)
    flat.publish(named)
    await flat.read()
    (row,) = flat.lab.ask(flat.node, "listing.list")
    flat.lab.ask(flat.node, "listing.withdraw", id=row["listing_id"])
    slot = (flat.network(), flat.lab.signer(flat.node).author, bytes.fromhex(row["record_id"])[:0])
    flat.photos.fetching.changed([(slot[0], r.author, r.name) for r in flat.lab.network(flat.node).catalog.rows()], ())
    await flat.photos.fetching._read()
    assert await flat.gives(Get(flat.network(), named)) == [Nothing()]


@pytest.fixture
def leaping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read at once: a thread takes time that a clock which leaps does not know. Whoever uses this asks for
    that clock himself: pytest-trio sees it among the test's own arguments alone."""

    async def at_once(function: Callable[..., Any], *args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return function(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)


async def test_photos_of_listings_that_are_kept_are_fetched_beforehand_and_slowly(
    tmp_path: Path, autojump_clock: trio.abc.Clock, leaping: None
) -> None:
    lab = Lab()
    second = jpeg(20, 20)
    async with trio.open_nursery() as nursery:
        ben = Flat(lab, lab.ben, tmp_path / "ben", SimpleNamespace())
        for photo in (PHOTO, second):
            ben.photos.folder.keep_own(photo)
        ben.publish(HASH, digest(second))
        await ben.read()
        lab.leap(60_000)
        wire = Wire(nursery, lambda peer, stream: ben.photos.giving.serve(lab.cleo.peer_id, stream))  # type: ignore[arg-type]
        cleo = Flat(lab, lab.cleo, tmp_path / "cleo", wire)
        began = trio.current_time()
        nursery.start_soon(cleo.photos.run)
        while cleo.told < 2:
            await trio.sleep(0.1)
        assert trio.current_time() - began >= PHOTO_PACE and len(wire.asked) == 2
        assert cleo.photos.folder.has(HASH) and cleo.photos.folder.has(digest(second))
        assert cleo.photos.folder.room == OTHERS_PHOTOS - len(PHOTO) - len(second), "they are others'"
        nursery.cancel_scope.cancel()


async def test_who_names_what_nobody_has_keeps_only_himself_waiting_and_fills_nothing(
    tmp_path: Path, autojump_clock: trio.abc.Clock, leaping: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAX_TRACKED", 30)
    lab = Lab()
    anna, ben = Flat(lab, lab.anna, tmp_path / "anna", None), Flat(lab, lab.ben, tmp_path / "ben", None)
    for n in range(4):
        anna.publish(*(digest(b"%d %d" % (n, m)) for m in range(12)))
    lab.leap(60_000)
    async with trio.open_nursery() as nursery:

        async def speak(peer: str, stream: Ear) -> None:
            asked = parse_message(FrameReader().feed(await stream.read())[0])
            assert isinstance(asked, Get)
            wire.photos.append(asked.photo)
            await stream.write(frame(encode_message(Nothing())))

        wire = Wire(nursery, speak)
        cleo = Flat(lab, lab.cleo, tmp_path / "cleo", wire)
        nursery.start_soon(cleo.photos.run)
        while len(set(wire.photos)) < 48:
            await trio.sleep(PHOTO_PACE)
        assert len(cleo.photos.fetching._missing) == 30
        nursery.cancel_scope.cancel()
    ben.publish(HASH)
    lab.leap(60_000)
    await cleo.read()
    cleo.photos.fetching._next_few.clear()
    await trio.sleep(PHOTO_AGAIN_MAX)  # all of them are due again
    await cleo.photos.fetching._look_for_more()
    assert cleo.photos.fetching._next_few[0] == HASH and len(cleo.photos.fetching._next_few) > 1


async def test_nothing_is_asked_for_that_no_listing_names(
    tmp_path: Path, autojump_clock: trio.abc.Clock, leaping: None
) -> None:
    lab = Lab()
    async with trio.open_nursery() as nursery:
        wire = Wire(nursery, saying(Piece(len(PHOTO), PHOTO)))
        cleo = Flat(lab, lab.cleo, tmp_path / "cleo", wire)
        nursery.start_soon(cleo.photos.run)
        tried = cleo.photos.fetching.want(HASH)
        assert cleo.photos.fetching.want(HASH) is tried, "two windows"
        await tried.wait()
        assert wire.asked == [] and not cleo.photos.folder.has(HASH)
        nursery.cancel_scope.cancel()


async def test_a_disk_that_cannot_be_read_ends_nothing(
    tmp_path: Path, autojump_clock: trio.abc.Clock, leaping: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab()
    failed = 0

    def fails(*_: object) -> None:
        nonlocal failed
        failed += 1
        raise StoreError("the disk is gone")

    async with trio.open_nursery() as nursery:
        wire = Wire(nursery, saying(Piece(len(PHOTO), PHOTO)))
        cleo = Flat(lab, lab.cleo, tmp_path / "cleo", wire)
        lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="Bike", photos=[HASH.hex()])
        lab.leap(60_000)
        with monkeypatch.context() as broken:
            broken.setattr(lab.cleo.core.listings, "current", fails)
            nursery.start_soon(cleo.photos.run)
            await cleo.photos.fetching.want(HASH).wait()
            await trio.sleep(1)
            assert failed and cleo.photos.fetching.named is None
        while not cleo.photos.folder.has(HASH):
            await trio.sleep(1)
        nursery.cancel_scope.cancel()


def test_a_question_is_short() -> None:
    with pytest.raises(DecodeError):
        parse_message(encode_message(Get(bytes(15), HASH)))
