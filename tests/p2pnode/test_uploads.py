"""Forms with photos: never more of them in memory than there is room for, and everybody's turn comes."""

import pytest
import trio

from p2pnode.bounds import MAX_BODY, MAX_UPLOAD, MAX_UPLOADS, UPLOAD_LINE
from p2pnode.uploads import Uploads


async def sends(uploads: Uploads, address: str, takes: float, size: int = MAX_UPLOAD) -> bool:
    async with uploads.room(address, size) as there_is:
        assert uploads.under_way <= MAX_UPLOADS
        if there_is:
            await trio.sleep(takes)
        return there_is


async def test_one_address_keeps_no_other_from_sending(autojump_clock: trio.abc.Clock) -> None:
    uploads = Uploads()
    async with trio.open_nursery() as nursery:
        for _ in range(32):
            nursery.start_soon(sends, uploads, "greedy", 10)
        await trio.sleep(1)
        assert uploads.under_way == MAX_UPLOAD
        for n in range(5):
            assert await sends(uploads, f"other {n}", 0.5)
        nursery.cancel_scope.cancel()
    assert uploads.under_way == 0


async def test_many_addresses_share_what_there_is_in_their_order(autojump_clock: trio.abc.Clock) -> None:
    uploads, done = Uploads(), list[int]()

    async def one(n: int) -> None:
        assert await sends(uploads, str(n), 1)
        done.append(n)

    async with trio.open_nursery() as nursery:
        for n in range(12):
            nursery.start_soon(one, n)
            await trio.sleep(0.01)
    assert done == list(range(12)) and uploads.under_way == 0


async def test_who_has_waited_long_is_told(autojump_clock: trio.abc.Clock) -> None:
    uploads = Uploads()
    async with trio.open_nursery() as nursery:
        for n in range(MAX_UPLOADS // MAX_UPLOAD):
            nursery.start_soon(sends, uploads, str(n), 3 * UPLOAD_LINE)
        await trio.sleep(1)
        began = trio.current_time()
        assert not await sends(uploads, "other", 1) and not await sends(uploads, "0", 1)
        assert trio.current_time() - began == pytest.approx(2 * UPLOAD_LINE)
        assert await sends(uploads, "other", 1, MAX_BODY), "what is short needs no room"
        nursery.cancel_scope.cancel()
    assert uploads.under_way == 0


async def test_small_ones_go_side_by_side(autojump_clock: trio.abc.Clock) -> None:
    uploads, began = Uploads(), trio.current_time()
    async with trio.open_nursery() as nursery:
        for n in range(8):
            nursery.start_soon(sends, uploads, str(n), 1, MAX_UPLOADS // 8)
    assert trio.current_time() - began == pytest.approx(1)
