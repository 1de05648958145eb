"""Where a cell is, how far away, and which box of latitudes and longitudes holds a circle. Pure."""

import math
from typing import Final, NamedTuple

EARTH_RADIUS_KM: Final = 6_371.0088  # the mean radius, IUGG
_ALPHABET: Final = "0123456789bcdefghjkmnpqrstuvwxyz"

Point = tuple[float, float]
"""Latitude and longitude in degrees."""


class Box(NamedTuple):
    """Degrees; never crosses the date line."""

    south: float
    north: float
    west: float
    east: float


def centre(area: str) -> Point | None:
    """The centre of the geohash `area`; None if it is empty or no geohash."""
    low, high = [-90.0, -180.0], [90.0, 180.0]
    bit = 0
    for letter in area.lower():
        value = _ALPHABET.find(letter)
        if value < 0:
            return None
        for shift in range(4, -1, -1):
            axis = 1 - bit % 2  # longitude first
            middle = (low[axis] + high[axis]) / 2
            (low if value >> shift & 1 else high)[axis] = middle
            bit += 1
    return ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2) if area else None


def distance_km(a: Point, b: Point) -> float:
    """The great-circle distance in kilometres (haversine)."""
    phi_a, phi_b = math.radians(a[0]), math.radians(b[0])
    h = (
        math.sin((phi_b - phi_a) / 2) ** 2
        + math.cos(phi_a) * math.cos(phi_b) * math.sin(math.radians(b[1] - a[1]) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h)))


def boxes(point: Point, within_km: float) -> list[Box]:
    """One box, or two at the date line, that hold every point within `within_km` of `point`."""
    angle = within_km / EARTH_RADIUS_KM
    margin = 1e-6
    reach = math.degrees(min(angle, math.pi)) + margin
    south, north = max(-90.0, point[0] - reach), min(90.0, point[0] + reach)
    if point[0] + reach >= 90 or point[0] - reach <= -90:
        return [Box(south, north, -180.0, 180.0)]  # around a pole, every longitude is near
    span = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(point[0]))))) + margin
    west, east = point[1] - span, point[1] + span
    if west < -180:
        return [Box(south, north, -180.0, east), Box(south, north, west + 360, 180.0)]
    if east > 180:
        return [Box(south, north, west, 180.0), Box(south, north, -180.0, east - 360)]
    return [Box(south, north, west, east)]
