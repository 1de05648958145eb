"""What the index's SQL asks of Python. Pure."""

from functools import lru_cache

import msgspec

from p2pnode.when import available_at, available_within
from protocols.booking import Span
from protocols.listing import Availability

from .places import distance_km


def distance(lat: float, lon: float, from_lat: float, from_lon: float) -> float:
    """In kilometres; degrees."""
    return distance_km((lat, lon), (from_lat, from_lon))


def to_be_had(stored: bytes, created: int, at: int, until: int) -> bool:
    """Whether a listing made at `created` with this availability (as the index stores it) is to be had at `at`, or,
    where `until` lies behind it, at some time between; ms."""
    available = _availability(stored)
    return available_within(available, Span(at, until), created) if until > at else available_at(available, at, created)


@lru_cache(maxsize=1_024)
def _availability(stored: bytes) -> Availability:
    return msgspec.msgpack.decode(stored, type=Availability)
