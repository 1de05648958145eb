"""Where a blurred cell lies and how large it is, as one would say it: nobody reads geohashes. Pure."""

from math import atan2, cos, degrees, radians, sin
from typing import Final

from p2pnode.search.places import centre, distance_km
from protocols.cell import decode

from .languages import N_

KM_PER_DEGREE: Final = 111.2
COMPASS: Final = (
    N_("%(far)s to the north"), N_("%(far)s to the north-east"), N_("%(far)s to the east"),
    N_("%(far)s to the south-east"), N_("%(far)s to the south"), N_("%(far)s to the south-west"),
    N_("%(far)s to the west"), N_("%(far)s to the north-west"),
)  # fmt: skip


def size_of(cell: str) -> tuple[float, float] | None:
    """How wide and how high a cell is, km; None for the whole world."""
    if not cell:
        return None
    box = decode(cell)
    middle = radians((box.south + box.north) / 2)
    return (box.east - box.west) * KM_PER_DEGREE * cos(middle), (box.north - box.south) * KM_PER_DEGREE


def way_to(cell: str, home: str) -> tuple[float, str] | None:
    """From the middle of one's own cell to that of another: km, and in which direction, as one of `COMPASS`. None where
    one of them is no cell."""
    here, there = centre(home), centre(cell)
    if here is None or there is None:
        return None
    (south, west), (north, east) = ((radians(one) for one in point) for point in (here, there))
    across = sin(east - west) * cos(north)
    bearing = degrees(atan2(across, cos(south) * sin(north) - sin(south) * cos(north) * cos(east - west)))
    return distance_km(here, there), COMPASS[round(bearing / 45) % 8]
