"""Who takes his photos slowly, or asks for many, keeps no other member from theirs."""

import contextlib
from pathlib import Path

import pytest
import trio

from p2pnode.bounds import RPC_STREAM_TIMEOUT
from p2pnode.photo_bounds import PHOTO_BURST_ALL
from protocols.frames import FrameReader, frame
from protocols.identity import digest
from protocols.photo_messages import Busy, Get, Message, Piece, encode_message, parse_message
from tests.p2pnode.lab import Lab
from tests.p2pnode.test_photo_exchange import LARGE, PHOTO, Flat, leaping

assert leaping
TAKEN = 8 * 1024  # bytes at a time of who takes little


class Line:
    """A stream of somebody who takes so many bytes a second. 0: none at all."""

    def __init__(self, question: Get, speed: float) -> None:
        self.question, self.speed, self.reader = frame(encode_message(question)), speed, FrameReader()
        self.found: list[Message] = []

    async def read(self, n: int | None = None) -> bytes:
        asked, self.question = self.question, b""
        return asked

    async def write(self, data: bytes) -> None:
        await trio.sleep(len(data) / self.speed if self.speed else 3600)
        self.found += [parse_message(item) for item in self.reader.feed(data)]


@pytest.fixture
def flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flat:
    lab = Lab()
    flat = Flat(lab, lab.ben, tmp_path / "home", None)
    for photo in (PHOTO, LARGE):
        flat.photos.folder.keep_own(photo)
    flat.publish(digest(PHOTO), digest(LARGE))
    directory = lab.ben.core.state.directory
    monkeypatch.setattr(directory, "author_of", lambda peer: digest(peer.rpartition("@")[2].encode()))
    monkeypatch.setattr(type(flat.lab.network(lab.ben)), "member", lambda network, author: True)
    return flat


async def asks(flat: Flat, peer: str, speed: float = 1e9, photo: bytes = LARGE) -> list[Message]:
    """One question, and what had come when the host would have ended it."""
    line = Line(Get(flat.network(), digest(photo)), speed)
    with trio.move_on_after(RPC_STREAM_TIMEOUT):
        with contextlib.suppress(trio.TooSlowError):
            await flat.photos.giving.serve(peer, line)  # type: ignore[arg-type]
    return line.found


def is_whole(found: list[Message], photo: bytes = LARGE) -> bool:
    return b"".join(m.data for m in found if isinstance(m, Piece)) == photo


@pytest.mark.parametrize("speed", [0, TAKEN, 24 * 1024], ids=["nothing", "little", "not quite enough"])
async def test_slow_members_keep_nobody_from_theirs(
    flat: Flat, autojump_clock: trio.abc.Clock, leaping: None, speed: float
) -> None:
    await flat.read()

    async def slow(peer: str) -> None:
        while True:
            await asks(flat, peer, speed)
            await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        for n in range(6):
            nursery.start_soon(slow, f"slow {n}")
        for n in range(20):
            await trio.sleep(3)
            assert is_whole(await asks(flat, f"honest {n}")), n
        nursery.cancel_scope.cancel()


async def test_who_takes_nothing_gives_his_place_up_to_who_waits(
    flat: Flat, autojump_clock: trio.abc.Clock, leaping: None
) -> None:
    await flat.read()
    async with trio.open_nursery() as nursery:
        for n in range(16):
            nursery.start_soon(asks, flat, f"slow {n}", 0)
        await trio.sleep(0.5)
        assert is_whole(await asks(flat, "honest"))
        nursery.cancel_scope.cancel()


async def test_members_who_ask_without_end_leave_others_their_share(
    flat: Flat, autojump_clock: trio.abc.Clock, leaping: None
) -> None:
    await flat.read()

    async def greedy(peer: str) -> None:
        while True:
            await asks(flat, peer, photo=PHOTO)
            await trio.sleep(0.05)

    async with trio.open_nursery() as nursery:
        for n in range(12):
            nursery.start_soon(greedy, f"greedy {n}")
        await trio.sleep(PHOTO_BURST_ALL / 2)
        for n in range(20):
            assert is_whole(await asks(flat, f"honest {n}")), n
        nursery.cancel_scope.cancel()


async def test_a_thin_line_is_thick_enough(flat: Flat, autojump_clock: trio.abc.Clock, leaping: None) -> None:
    await flat.read()
    assert is_whole(await asks(flat, "thin", 40 * 1024))


@pytest.mark.parametrize("other", ["slow", "second@slow"], ids=["the same peer", "another of his"])
async def test_a_member_has_one_place(flat: Flat, autojump_clock: trio.abc.Clock, leaping: None, other: str) -> None:
    await flat.read()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asks, flat, "slow", 0)
        await trio.sleep(0.5)
        assert await asks(flat, other) == [Busy()]
        assert is_whole(await asks(flat, "honest"))
        nursery.cancel_scope.cancel()


async def test_what_is_no_photo_takes_no_place(flat: Flat, autojump_clock: trio.abc.Clock, leaping: None) -> None:
    await flat.read()
    async with trio.open_nursery() as nursery:
        for n in range(40):
            nursery.start_soon(lambda peer: asks(flat, peer, 0, b"never heard of"), f"other {n}")
        await trio.sleep(0.5)
        assert is_whole(await asks(flat, "honest"))
        nursery.cancel_scope.cancel()
