"""The records that one neighbour is asked for: which, when, and when again. Pure."""

from collections import OrderedDict
from heapq import heappop, heappush
from random import Random
from typing import Final

from protocols.gossip_messages import Records, Want
from protocols.limits import MAX_NUMBER, SECOND

from .catalog import Catalog
from .flights import Flights
from .keys import item_id
from .pushing import Pushes

WANT_TIMEOUT: Final = 15 * SECOND
MAX_FAILURES: Final = 3
FEW: Final = 16  # records that a neighbour can give at once: who has not after `PROMPT` is slow, or does not want to
PROMPT: Final = 2 * SECOND
BLOCKED_DELAY: Final = 1 * SECOND  # at most, before asking for what another neighbour was asked for
WINDOW: Final = 4  # requests under way
WANT_SIZE: Final = 128
MAX_NEED: Final = 8_192
MAX_LATE: Final = 64  # requests given up whose answers may still come
ROW_COST: Final = 256  # bytes that a record costs beyond its own: keys, rows, the index


class Fetching:
    """flights: shared by all neighbours of the network."""

    def __init__(self, catalog: Catalog, flights: Flights, rng: Random, pushes: Pushes) -> None:
        self.missed = False  # something was left out
        self._catalog = catalog
        self._flights = flights
        self._pushes = pushes
        self._need: OrderedDict[bytes, bytes] = OrderedDict()
        self._later: list[tuple[int, bytes]] = []
        self._asked: dict[int, tuple[tuple[bytes, ...], int, int]] = {}  # request -> items, slow from, deadline
        self._late: OrderedDict[int, int] = OrderedDict()  # request -> how many ids were asked for
        self._request = rng.randrange(MAX_NUMBER)  # so that late answers of an earlier connection find no match
        self._failures = 0
        self._doubted = False  # it was late with its last answer, or lacked what it had named

    def __len__(self) -> int:
        """How many items are needed and not asked for."""
        return len(self._need)

    @property
    def idle(self) -> bool:
        return not (self._need or self._later or self._asked)

    def require(self, items: list[bytes] | tuple[bytes, ...], now: int, delay: int) -> None:
        """These items are there; those of use are asked for, after a delay."""
        for item in items:
            if not self._catalog.wants(item, now):
                continue
            if len(self._need) + len(self._later) >= MAX_NEED:
                self.missed = True
            elif delay:
                heappush(self._later, (now + delay, item))
            else:
                self._need[item_id(item)] = item

    def woke(self, now: int) -> list[Want]:
        """What to ask for now."""
        for request in [r for r, (_, _, deadline) in self._asked.items() if deadline <= now]:
            items, _, _ = self._asked.pop(request)
            self._late[request] = len(items)
            if len(self._late) > MAX_LATE:
                self._late.popitem(last=False)
            self._failures += 1
            self._doubted = True
            for item in items:  # others first, who may have been waiting for this one to answer
                self._flights.fail(item_id(item))
                heappush(self._later, (now + 2 * BLOCKED_DELAY, item))
        if self._failures > MAX_FAILURES:
            self._failures = 0
            self._need.clear()
            self._later.clear()
            self.missed = True
        while self._later and self._later[0][0] <= now:
            _, item = heappop(self._later)
            self._need[item_id(item)] = item
        wants: list[Want] = []
        while self._need and len(self._asked) < WINDOW and self._pushes.fetching.ready(now):
            want = self._next(now)
            if want is None:
                break
            wants.append(want)
        return wants

    def answered(self, message: Records, now: int) -> tuple[tuple[bytes, ...], bool]:
        """The wires of an answer, or of what was pushed, that are to be looked at; and whether it is an answer."""
        items, slow_from, _ = self._asked.pop(message.request, ((), 0, 0))
        due = len(items) or self._late.pop(message.request, 0)
        wires = message.wires
        self._pushes.fetching.spend(sum(len(wire) + ROW_COST for wire in wires[:due]))
        if len(wires) > due:
            wires = wires[: due + self._pushes.take(len(wires) - due, now)]
        if items:
            self._failures = 0
            dealt = message.dealt or len(items)
            self._return(items[dealt:])
            self._doubted = now >= slow_from or len(wires) < min(dealt, len(items))
            for item in items[:dealt]:
                self._flights.fail(item_id(item))
        return wires, due > 0

    def times(self) -> list[int]:
        """When there is something to do, ms."""
        times = [deadline for _, _, deadline in self._asked.values()]
        if self._later:
            times.append(self._later[0][0])
        if self._need and len(self._asked) < WINDOW:
            times.append(self._pushes.fetching.due())
        return times

    def gone(self) -> None:
        """The connection is lost: what was asked for may be asked of others."""
        for items, _, _ in self._asked.values():
            for item in items:
                self._flights.fail(item_id(item))

    def _next(self, now: int) -> Want | None:
        items: list[bytes] = []
        while self._need and len(items) < WANT_SIZE:
            id_, item = self._need.popitem(last=False)
            if not self._catalog.wants(item, now):
                continue
            until = self._flights.until(id_)
            if until > now:
                heappush(self._later, (min(until, now + BLOCKED_DELAY), item))
            else:
                items.append(item)
        if not items:
            return None
        self._request = self._request % MAX_NUMBER + 1
        doubted = self._doubted or any(slow_from <= now for _, slow_from, _ in self._asked.values())
        prompt = PROMPT if len(items) <= FEW else WANT_TIMEOUT
        self._asked[self._request] = (tuple(items), now + prompt, now + WANT_TIMEOUT)
        ids = tuple(item_id(item) for item in items)
        for id_ in ids:
            self._flights.take_off(id_, now, 0 if doubted else prompt)
        return Want(self._catalog.network, self._request, ids)

    def _return(self, items: tuple[bytes, ...]) -> None:
        for item in reversed(items):
            self._flights.turn_back(item_id(item))
            self._need[item_id(item)] = item
            self._need.move_to_end(item_id(item), last=False)
