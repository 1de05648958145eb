"""Range-based set reconciliation (A. Meyer, Range-Based Set Reconciliation, SRDS 2023; as in negentropy).

One side asks and keeps the state of a `Session`; the other only answers, from what it holds at that moment. A range
whose fingerprints are equal is done; one that differs is cut, by each side in turn, until it holds few items; then
the asker lists short ids, and the answerer says in full what the asker lacks and by place what itself lacks. Each
round trip cuts twice, so that their number grows with the logarithm of the set. Nothing here changes a set: what is
found is fetched and offered by others, and by the next session if that fails.
"""

from collections import deque
from collections.abc import Generator
from typing import Final, NamedTuple, TypeVar

from protocols.errors import DecodeError
from protocols.gossip_messages import DIFF, ITEMS, LIST, SHORT, SKIP, SUM, Range, range_size
from protocols.limits import GOSSIP_FRAME, MAX_RANGES

from .budget import whole
from .items import SAMPLE, View
from .keys import item_id

CUT: Final = 16  # parts into which a range that differs is cut
FEW: Final = 32  # items that are listed rather than cut
FULL: Final = 8  # items that the answerer names in full without being shown a list
MAX_PENDING: Final = 8_192  # ranges that an asker keeps to ask about
MAX_ROUNDS: Final = 4_096
_BUDGET: Final = GOSSIP_FRAME - 1_024
_PART: Final = 512  # items named in full in one range
LOOK: Final = 16  # steps that it takes to look at a range, besides one for each set of the view
T = TypeVar("T")
Steps = Generator[int, None, T]  # what takes long, for `dht.budget.Work`: yields what each part has cost


class Found(NamedTuple):
    """Items that only this side holds, and that only the other does."""

    have: list[bytes]
    need: list[bytes]


class _Open(NamedTuple):
    low: bytes
    high: bytes | None
    ids: bool  # list it, do not send a fingerprint


def start_of(as_of: int) -> bytes:
    """The lower bound of what is compared: the items whose `until` is later than `as_of` (ms)."""
    return (as_of + 1).to_bytes(8, "big")


def answer(view: View, as_of: int, asked: tuple[Range, ...]) -> tuple[Range, ...]:
    """What to say to these ranges; `view` is what both sides share. Never more than a frame holds."""
    return whole(answering(view, as_of, asked))


def answering(view: View, as_of: int, asked: tuple[Range, ...]) -> Steps[tuple[Range, ...]]:
    """`answer`, range by range. The view may change meanwhile: each range is answered from what is held then."""
    out: list[Range] = []
    size = 0
    low = start_of(as_of)
    for range_ in asked:
        high = range_.upper or None
        if high is not None and high <= low:
            raise DecodeError("a range below the first", "field")
        said, touched = ([Range(range_.upper)], 0) if range_.mode == SKIP else _say(view, low, high, range_)
        for part in said:
            size += range_size(part)
        if size > _BUDGET or len(out) + len(said) >= MAX_RANGES:
            # No room for more: the asker will ask again about all that is left.
            last = asked[-1].upper
            out.append(Range(last, SUM, view.fingerprint(low, last or None)[1]))
            break
        out += said
        low = high if high is not None else low
        yield len(said) + touched
    while out and out[-1].mode == SKIP:
        out.pop()
    return _joined(out)


def _say(view: View, low: bytes, high: bytes | None, range_: Range) -> tuple[list[Range], int]:
    """With about how many steps it took, of a microsecond or two: sets looked into, items touched."""
    look = LOOK + view.width
    if range_.mode == LIST:
        said = _difference(view, low, high, range_)
        return said, 2 * look + len(range_.ids) + sum(len(part.items) for part in said)
    number, sum_ = view.fingerprint(low, high)
    if sum_ == range_.sum:
        return [Range(range_.upper)], look
    if number <= FULL:
        return [Range(range_.upper, ITEMS, items=tuple(view.items(low, high)))], 2 * look
    if number <= FEW:
        return [Range(range_.upper, SUM, sum_)], look
    return _cut(view, low, high), (CUT + 2) * look + min(number, 2 * SAMPLE)


def _difference(view: View, low: bytes, high: bytes | None, range_: Range) -> list[Range]:
    asked = frozenset(range_.ids)
    most = _PART + len(asked) + 1  # if there are so many, more than a part are lacked
    mine = view.first(low, high, most)
    short = frozenset(item_id(item)[:SHORT] for item in mine)
    missing = tuple(place for place, id_ in enumerate(range_.ids) if id_ not in short)
    lacked = [item for item in mine if item_id(item)[:SHORT] not in asked]
    if len(mine) < most and len(lacked) <= _PART:
        return [Range(range_.upper, DIFF, items=tuple(lacked), missing=missing)]
    bound = lacked[_PART] if len(lacked) > _PART else mine[-1]
    lacked = [item for item in lacked if item < bound]
    rest = Range(range_.upper, SUM, view.fingerprint(bound, high)[1])
    return [Range(bound, DIFF, items=tuple(lacked), missing=missing), rest]


def _cut(view: View, low: bytes, high: bytes | None) -> list[Range]:
    ranges = []
    for upper in [*view.bounds(low, high, CUT), high]:
        ranges.append(Range(upper or b"", SUM, view.fingerprint(low, upper)[1]))
        low = upper or low
    return ranges


def _joined(ranges: list[Range]) -> tuple[Range, ...]:
    """Neighbouring ranges of which nothing is said, as one."""
    out: list[Range] = []
    for range_ in ranges:
        if out and range_.mode == SKIP and out[-1].mode == SKIP:
            out[-1] = range_
        else:
            out.append(range_)
    return tuple(out)


class Session:
    """The asker's side. Call `ask`, send, give what comes back to `answered`, until `ask` returns nothing.

    overflow: something was left out, another session should follow this one.
    """

    def __init__(self, view: View, as_of: int) -> None:
        self.as_of = as_of
        self.rounds = 0
        self.overflow = False
        self._view = view
        self._open: deque[_Open] = deque([_Open(start_of(as_of), None, False)])
        self._asked: dict[_Open, list[bytes]] = {}  # with what was listed

    def ask(self) -> tuple[Range, ...]:
        """The ranges of the next message; empty when everything has been compared."""
        return whole(self.asking())

    def asking(self) -> Steps[tuple[Range, ...]]:
        """`ask`, range by range."""
        if self.rounds >= MAX_ROUNDS:
            self.overflow = self.overflow or bool(self._open)
            self._open.clear()
        self._asked = {}
        out: list[Range] = []
        size = 0
        at = start_of(self.as_of)
        while self._open and size < _BUDGET - 2_048 and len(out) < MAX_RANGES - 2:
            part = self._open.popleft()
            if part.low > at:
                out.append(Range(part.low))
                size += range_size(out[-1])
            number, sum_ = self._view.fingerprint(part.low, part.high)
            if part.ids and number <= FEW * 4:
                mine = self._view.items(part.low, part.high)
                out.append(Range(part.high or b"", LIST, ids=tuple(item_id(i)[:SHORT] for i in mine)))
                self._asked[part] = mine
            else:
                out.append(Range(part.high or b"", SUM, sum_))
                self._asked[part._replace(ids=False)] = []
            size += range_size(out[-1])
            at = part.high or at
            yield LOOK + self._view.width + len(out[-1].ids)
        self.rounds += bool(out)
        return tuple(out)

    def answered(self, ranges: tuple[Range, ...]) -> Found:
        """Take an answer in. `DecodeError` if it speaks of what was not asked."""
        return whole(self.taking(ranges))

    def taking(self, ranges: tuple[Range, ...]) -> Steps[Found]:
        """`answered`, range by range."""
        found = Found([], [])
        asked, self._asked = list(self._asked.items()), {}
        following: list[_Open] = []
        place = 0
        low = start_of(self.as_of)
        for range_ in ranges:
            high = range_.upper or None
            if high is not None and high <= low:
                raise DecodeError("a range below the first", "field")
            if range_.mode != SKIP:
                while place < len(asked) and not _below(low, asked[place][0].high):
                    place += 1
                if place == len(asked):
                    raise DecodeError("an answer to what was not asked", "field")
                part, listed = asked[place]
                before = len(following)
                if range_.mode == ITEMS and _within(low, high, part):
                    yield from self._all_of(low, high, range_.items, found)
                elif _within(low, high, part):
                    self._take(low, high, range_, part, listed, following, found)
                elif range_.mode == SUM:
                    # The answerer had no room for the rest: ask for it again.
                    rest = (p for p, _ in asked[place:] if _below(p.low, high))
                    following.extend(p._replace(low=max(p.low, low)) for p in rest)
                else:
                    raise DecodeError("an answer to what was not asked", "field")
                touched = len(range_.items) + len(range_.missing)
                yield touched + (1 + 2 * (len(following) - before)) * (LOOK + self._view.width)
            low = high if high is not None else low
        self._open.extendleft(reversed(following))
        while len(self._open) > MAX_PENDING:
            self._open.pop()
            self.overflow = True
        return found

    def _compare(self, low: bytes, high: bytes | None, sum_: bytes, following: list[_Open]) -> None:
        number, mine = self._view.fingerprint(low, high)
        if mine == sum_:
            return
        if number <= FEW:
            following.append(_Open(low, high, True))
            return
        for upper in [*self._view.bounds(low, high, CUT), high]:
            following.append(_Open(low, upper, False))
            low = upper or low

    def _all_of(self, low: bytes, high: bytes | None, items: tuple[bytes, ...], found: Found) -> Steps[None]:
        """The other side holds these items in a range and no others: of ours it may lack very many."""
        if _outside(low, high, items):
            raise DecodeError("an item outside of its range", "field")
        theirs = set(items)
        while True:
            mine = self._view.first(low, high, SAMPLE)
            found.have.extend(item for item in mine if item not in theirs)
            theirs.difference_update(mine)
            yield LOOK + self._view.width + len(mine)
            if len(mine) < SAMPLE:
                break
            low = mine[-1] + b"\0"
        found.need.extend(sorted(theirs))

    def _take(
        self,
        low: bytes,
        high: bytes | None,
        range_: Range,
        part: _Open,
        listed: list[bytes],
        following: list[_Open],
        found: Found,
    ) -> None:
        if range_.mode == SUM:
            self._compare(low, high, range_.sum, following)
            return
        if _outside(low, high, range_.items):
            raise DecodeError("an item outside of its range", "field")
        if not part.ids or low != part.low or any(place >= len(listed) for place in range_.missing):
            raise DecodeError("an answer to a list that was not sent", "field")
        lacked = (listed[place] for place in range_.missing)
        found.have.extend(item for item in lacked if _below(item, high))
        found.need.extend(range_.items)


def _outside(low: bytes, high: bytes | None, items: tuple[bytes, ...]) -> bool:
    return any(item < low or not _below(item, high) for item in items)


def _below(item: bytes, high: bytes | None) -> bool:
    return high is None or item < high


def _within(low: bytes, high: bytes | None, part: _Open) -> bool:
    return low >= part.low and (part.high is None or (high is not None and high <= part.high))
