"""Searching cells that are not kept here: questions to others, and answers to theirs.

What we ask goes to a few peers at a time, and what they answer is shown as it comes, in the order of a search at home.
Whom to ask and what to believe is decided in the core (`core/elsewhere.py`); whom to answer, in `answering`.
"""

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakValueDictionary

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode import commands
from p2pnode.bounds import MAX_ASKED_FOR, MAX_SEARCHES, RPC_STREAM_TIMEOUT, SEARCH_WAIT
from p2pnode.core.core import Core
from p2pnode.core.elsewhere import OF_AREA, Found, Target
from p2pnode.core.events import Answered, Event
from p2pnode.core.keys import RECORD
from p2pnode.core.state import Network
from p2pnode.net.connection import Connection
from p2pnode.net.dialing import Unreachable
from p2pnode.net.libp2p_pieces import NegotiationFailed
from p2pnode.net.yamux import Stream, StreamBroken
from p2pnode.store import StoreError
from protocols.envelope import Record
from protocols.errors import DecodeError, Refusal
from protocols.frames import FrameReader, frame
from protocols.limits import MAX_ANSWERED, MAX_FRAME
from protocols.search_messages import MAX_QUERY, PROTOCOL, Busy, Message, Query, encode_message, parse_message

from .answering import Answering, answer, asked_of, query_of
from .index import Index, IndexUnavailable
from .searching import Beyond, Searching, languages, of_network, of_place, row_of

PIECE = 32 * 1024  # bytes read at a time


class Asks(Protocol):
    """What of the host is needed."""

    def connections(self) -> Sequence[Connection]: ...
    async def ask(self, peer: str, protocol: str) -> Stream: ...
    async def dial(self, address: str | Sequence[str], *, keep: bool = True) -> str: ...
    async def disconnect(self, peer: str) -> None: ...
    async def find_providers(self, key: bytes) -> list[tuple[str, list[str]]]: ...
    def strike(self, peer: str, reason: str) -> None: ...


@dataclass
class Asked:
    """One peer that was asked. state: asked; then answered, busy, silent, unreachable or unsound."""

    target: Target
    state: str = "asked"
    found: int = 0
    more: bool = False

    @property
    def json(self) -> dict[str, Any]:
        peer, _, cell, name = self.target
        return {
            "peer_id": peer,
            "name": name,
            "cell": cell,
            "state": self.state,
            "found": self.found,
            "more": self.more,
        }


@dataclass
class Inquiry:
    """One search of ours that others were asked to join in."""

    args: commands.Search
    index: Index
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    asked: dict[str, Asked] = field(default_factory=dict)  # by peer
    records: dict[bytes, Record] = field(default_factory=dict)  # by id
    step: int = 0
    done: bool = False
    moved: trio.Event = field(default_factory=trio.Event)

    def moves(self) -> None:
        """Something is new."""
        self.step += 1
        self.moved.set()
        self.moved = trio.Event()


class Remote:
    """tell: hands the core the event that is made with a ticket, and gives its reply. spawn: starts a task that lives
    as long as the node. now: ms, the time to go by."""

    def __init__(
        self,
        host: Asks,
        searching: Searching,
        core: Callable[[], Core],
        tell: Callable[[Callable[[int], Event]], Awaitable[Any]],
        spawn: Callable[..., None],
        now: Callable[[], int],
        log: FilteringBoundLogger,
    ) -> None:
        self._host = host
        self._searching = searching
        self._core = core
        self._tell = tell
        self._spawn = spawn
        self._now = now
        self._log = log
        self._answering = Answering(0)
        self._turn = trio.CapacityLimiter(1)  # one query of others at a time has the index
        self._inquiries: OrderedDict[str, Inquiry] = OrderedDict()
        self._lines: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()  # by peer, of those asked now

    # Questions of others

    async def serve(self, peer: str, stream: Stream) -> None:
        """Answer one query. What is no query raises, and costs the peer; to have thought better of it does not."""
        data = await _read(stream, MAX_QUERY)
        if not data:
            return
        asked = parse_message(data)
        if not isinstance(asked, Query):
            raise DecodeError("not a query", "field")
        await stream.write(frame(encode_message(await self._answer(peer, asked))))

    async def _answer(self, peer: str, asked: Query) -> Message:
        core = self._core()
        if not self._answering.may(core.state, peer, asked.network, int(trio.current_time() * 1_000)):
            return Busy()
        try:
            async with self._turn:
                hits = await self._searching.hits(core, query_of(asked, self._now()))
            return answer(asked, hits, lambda record: core.state.journal.get(RECORD + asked.network + record))
        except (Refusal, StoreError):  # the index is not ready, or our disk fails: no fault of the peer's
            return Busy()

    # Our own

    async def search(self, args: commands.Search) -> list[dict[str, Any]]:
        """All that is found, here and, where that is asked for, elsewhere."""
        if args.here or (not args.everywhere and args.cell is None):
            return await self._searching.search(self._core(), args, self._now())
        inquiry = await self._begin(args, SEARCH_WAIT)
        while not inquiry.done:
            await inquiry.moved.wait()
        rows: list[dict[str, Any]] = (await self._shown(inquiry))["rows"]
        return rows

    async def begin(self, args: commands.BeginSearch) -> dict[str, Any]:
        """Ask others, and give what is here meanwhile."""
        return await self._shown(await self._begin(args, SEARCH_WAIT if args.wait is None else args.wait))

    async def more(self, args: commands.MoreOfSearch) -> dict[str, Any]:
        """What is known now; waits a while for something new if the caller knows all that there is."""
        inquiry = self._inquiries.get(args.search)
        if inquiry is None:
            raise Refusal("not_found", f"no search {args.search} goes on", "Begin it again.")
        if inquiry.step <= args.step and not inquiry.done:
            with trio.move_on_after(args.within / 1_000):
                await inquiry.moved.wait()
        return await self._shown(inquiry)

    def close(self) -> None:
        while self._inquiries:
            self._inquiries.popitem()[1].index.close()

    async def _begin(self, args: commands.Search, wait: float) -> Inquiry:
        core, now = self._core(), self._now()
        where = [(n, of_network(core, n, args, now)) for n in self._searching.networks(core, args.network)]
        inquiry = Inquiry(args, await trio.to_thread.run_sync(Index, ":memory:", languages(core)))
        self._inquiries[inquiry.id] = inquiry
        while len(self._inquiries) > MAX_SEARCHES:
            self._inquiries.popitem(last=False)[1].index.close()
        self._spawn(self._run, inquiry, [(n, asked_of(query, MAX_ANSWERED)) for n, query in where], wait)
        return inquiry

    async def _run(self, inquiry: Inquiry, where: list[tuple[Network, Query]], wait: float) -> None:
        """Until all have answered or the time is over."""
        try:
            with trio.move_on_after(wait):
                async with trio.open_nursery() as nursery:
                    share = max(1, MAX_ASKED_FOR // len(where))
                    for network, asked in where:
                        nursery.start_soon(self._ask_network, inquiry, network, asked, share, nursery)
        except Exception:
            self._log.exception("a search elsewhere failed")
        finally:
            for one in inquiry.asked.values():
                if one.state == "asked":
                    one.state = "silent"
            inquiry.done = True
            inquiry.moves()

    async def _ask_network(
        self, inquiry: Inquiry, network: Network, asked: Query, share: int, nursery: trio.Nursery
    ) -> None:
        elsewhere, near = self._core().elsewhere, of_place(self._core(), inquiry.args)
        targets = elsewhere.whom(network, asked.cell, near, self._now())[:share]
        for target in targets:
            nursery.start_soon(self._ask, inquiry, network, asked, target)
        for key in elsewhere.keys(network, asked.cell) if len(targets) < OF_AREA else ():
            found = [(peer, tuple(known)) for peer, known in await self._host.find_providers(key)]
            named = [t for t in elsewhere.named(network, asked.cell, found) if t.peer not in inquiry.asked]
            for target in named[: share - len(targets)]:
                nursery.start_soon(self._ask, inquiry, network, asked, target)

    async def _ask(self, inquiry: Inquiry, network: Network, asked: Query, target: Target) -> None:
        one = inquiry.asked[target.peer] = Asked(target)
        try:
            with trio.move_on_after(RPC_STREAM_TIMEOUT) as scope:
                await self._put(inquiry, network, asked, one)
            if scope.cancelled_caught:
                one.state = "silent"
        except (Unreachable, StreamBroken, NegotiationFailed, trio.TooSlowError) as e:
            one.state = "unreachable"
            self._log.info("a search was not answered", peer=target.peer, problem=str(e))
        except DecodeError as e:
            one.state = "unsound"
            self._host.strike(target.peer, f"search: {e}")
        except (Refusal, IndexUnavailable) as e:
            one.state = "silent"
            self._log.warning("an answer was not taken in", problem=e.message)
        finally:
            if target.addresses:
                await self._let_go(target.peer)
        inquiry.moves()

    async def _put(self, inquiry: Inquiry, network: Network, asked: Query, one: Asked) -> None:
        peer = one.target.peer
        if one.target.addresses:
            await self._host.dial(one.target.addresses, keep=False)
        inquiry.moves()
        line = self._lines.setdefault(peer, trio.Lock())
        async with line:  # a version that does not answer strikes for several streams at a time
            stream = await self._host.ask(peer, PROTOCOL)
            try:
                await stream.write(frame(encode_message(asked)))
                data = await _read(stream, MAX_FRAME)
                if not data:
                    raise StreamBroken("ended without an answer")
            finally:
                await stream.finish()  # not reset: that version would take it for a broken connection
        found: Found = await self._tell(lambda ticket: Answered(ticket, peer, network.id, asked.limit, data))
        rows = [row_of(record, listing) for record in found.records if (listing := self._parse(record)) is not None]
        if rows:
            await trio.to_thread.run_sync(inquiry.index.update, rows)
        inquiry.records.update((record.id, record) for record in found.records)
        one.state, one.found, one.more = found.state, len(rows), found.more

    async def _let_go(self, peer: str) -> None:
        """Of a connection that was made to ask alone, unless it has been chosen meanwhile."""
        if any(c.peer == peer and not c.kept for c in self._host.connections()):
            with trio.CancelScope(shield=True):
                await self._host.disconnect(peer)

    async def _shown(self, inquiry: Inquiry) -> dict[str, Any]:
        step, done = inquiry.step, inquiry.done
        beyond = Beyond(inquiry.index, inquiry.records)
        rows = await self._searching.search(self._core(), inquiry.args, self._now(), beyond)
        asked = [one.json for one in inquiry.asked.values()]
        hidden = await self._searching.count_hidden(self._core(), inquiry.args, self._now(), beyond)
        return {"search": inquiry.id, "step": step, "done": done, "asked": asked, "rows": rows, "hidden": hidden}

    def _parse(self, record: Record) -> Any:
        return self._core().listings.parse(record)


async def _read(stream: Stream, limit: int) -> bytes:
    """The one frame that comes, nothing if nothing does. `DecodeError` for a longer one, or the beginning of one."""
    reader = FrameReader(limit)
    while data := await stream.read(PIECE):
        for item in reader.feed(data):
            return item
    if reader.pending:
        raise DecodeError("ended within a message", "field")
    return b""
