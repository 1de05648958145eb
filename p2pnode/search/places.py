"""How far away a listing is, and which boxes of latitudes and longitudes hold a circle. Pure."""

import math

from protocols.cell import EARTH_RADIUS_KM, Box, is_cell
from protocols.cell import centre as centre_of_cell

Point = tuple[float, float]
"""Latitude and longitude in degrees."""


def centre(area: str) -> Point | None:
    """The centre of the cell `area`; None if it is empty or no cell."""
    return centre_of_cell(area) if area and is_cell(area) else None


def distance_km(a: Point, b: Point) -> float:
    """The great-circle distance in kilometres (haversine)."""
    phi_a, phi_b = math.radians(a[0]), math.radians(b[0])
    h = (
        math.sin((phi_b - phi_a) / 2) ** 2
        + math.cos(phi_a) * math.cos(phi_b) * math.sin(math.radians(b[1] - a[1]) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h)))


def boxes(point: Point, within_km: float) -> list[Box]:
    """One box, or two where the date line parts it, that hold every point within `within_km` of `point`."""
    angle = within_km / EARTH_RADIUS_KM
    margin = 1e-6
    reach = math.degrees(min(angle, math.pi)) + margin
    south, north = max(-90.0, point[0] - reach), min(90.0, point[0] + reach)
    if point[0] + reach >= 90 or point[0] - reach <= -90:
        return [Box(south, -180.0, north, 180.0)]  # around a pole, every longitude is near
    span = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(point[0]))))) + margin
    west, east = point[1] - span, point[1] + span
    if west < -180:
        return [Box(south, -180.0, north, east), Box(south, west + 360, north, 180.0)]
    if east > 180:
        return [Box(south, west, north, 180.0), Box(south, -180.0, north, east - 360)]
    return [Box(south, west, north, east)]
