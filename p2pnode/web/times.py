"""Times that are typed into forms, in the node's time zone."""

import os
import re
from collections.abc import Callable
from datetime import datetime, tzinfo


def moment_in(zone: tzinfo | None) -> Callable[[str], int]:
    """Reads `2026-05-01T14:00` or `2026-05-01` (its beginning) as ms. None: the zone of this machine."""

    def moment(text: str) -> int:
        try:
            at = datetime.fromisoformat(text)
            local = at.replace(tzinfo=zone) if zone is not None else at.astimezone()
            return int(local.timestamp() * 1000)
        except (ValueError, OverflowError, OSError) as e:
            raise ValueError("should be a date and a time") from e

    return moment


def zone_name(zone: tzinfo | None) -> str:
    """The IANA name of a zone; None: of this machine's. UTC where it has none."""
    named = getattr(zone, "key", "") if zone is not None else os.environ.get("TZ", "").removeprefix(":")
    where = named if named or zone is not None else os.path.realpath("/etc/localtime")
    name = where.rpartition("zoneinfo/")[2]
    sound = name not in ("Etc/UTC", where) or where == named
    return name if sound and re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]{0,62}", name) else "UTC"
