"""All targets, by name."""

from . import control, cores, lan, local, parsing, photos, searches, wire
from .table import Target

TARGETS: dict[str, Target] = {
    t.name: t for part in (parsing, cores, wire, searches, photos, control, local, lan) for t in part.TARGETS
}
FOUND = "found"  # the folder beside this file: found/TARGET/NAME, inputs that once met a bug
