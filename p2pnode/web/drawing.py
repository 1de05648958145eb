"""People and the ways of trust between them, as an SVG is drawn: who stands where, and which lines join them. Pure.

The same people give the same drawing, whatever order they are told in but their own. Lengths are units of the SVG,
which are pixels where there is room.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import Any, NamedTuple
from unicodedata import east_asian_width

ME_SIZE = 24  # radius
SIZES = (14, 17, 20)  # of others: by how much of a voice they have
WIDE, TALL = 104, 62  # the room of a person and the name below
FLAT = 1.3  # a drawing around me is so much wider than high
STEP = 14  # by which a person moves out until there is room
MARGIN = 8
LETTERS = 13  # of a name


class Place(NamedTuple):
    """A person. tone: ok, warm, bad or open; empty: not told; label: the name, cut; way: points of the line from me."""

    id: str
    name: str
    label: str
    x: int
    y: int
    size: int
    tone: str
    way: str


class Line(NamedTuple):
    """points: of a polyline. kind: path (on somebody's way) or tie; let_in: by an invite or a vouch, and no rating."""

    points: str
    kind: str
    let_in: bool


class Drawing(NamedTuple):
    """places: me first."""

    width: int
    height: int
    places: list[Place]
    lines: list[Line]


def tone_of(person: Mapping[str, Any]) -> str:
    """What is thought of somebody, as far as it reaches me."""
    if person.get("misconduct"):
        return "bad"
    if not person["confidence"]:
        return "open"
    return "ok" if person["score"] >= 0.7 else "bad" if person["score"] < 0.4 else "warm"


def size_of(trust: float) -> int:
    return SIZES[0 if trust < 0.4 else 1 if trust < 0.75 else 2]


def cut(name: str) -> str:
    """So much of a name as there is room for below a person; what is wide counts as two letters."""
    room = LETTERS
    for position, letter in enumerate(name):
        room -= 2 if east_asian_width(letter) in "WF" or letter in "MWmw@%—" else 1
        if room < 0:
            return f"{name[: max(0, position - 1)].rstrip()}…"
    return name


def around(graph: Mapping[str, Any], most: int, flat: float = FLAT) -> Drawing:
    """Me in the centre, others around: each beyond whoever stands before him on his path. graph: as `reputation.graph`
    answers; most: people, those with most of a voice first."""
    me = graph["peer_id"]
    people = _with_paths(graph["people"], most)
    angles = _angles(me, people)
    spots: dict[str, tuple[float, float]] = {me: (0.0, 0.0)}
    radius = {me: 0.0}
    for person in sorted(people, key=lambda p: (len(p["path"]), angles[p["peer_id"]], p["peer_id"])):
        id_, out = person["peer_id"], radius[person["path"][-2]] + TALL
        while True:
            spot = -flat * out * cos(angles[id_]), -out * sin(angles[id_])
            if not any(abs(spot[0] - x) < WIDE and abs(spot[1] - y) < TALL for x, y in spots.values()):
                break
            out += STEP
        spots[id_], radius[id_] = spot, out
    return _drawn(me, people, spots, graph["ties"])


def ways_to(told: Mapping[str, Any], most: int = 4) -> list[tuple[list[str], list[str]]]:
    """The ways to somebody that say most, each once: (ids, names). told: as `reputation` answers with `why`."""
    subject = (told["peer_id"], told["name"])
    rows = [(told["path"], told["path_names"])] + [
        ([*row["path"], subject[0]], [*row["path_names"], subject[1]])
        for row in told["why"]
        if row["ratee"] == subject[0] and row["path"]
    ]
    rows += [(row["path"], row["path_names"]) for row in told["exposure"]["paths"]]
    found: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    for ids, names in rows:
        if len(ids) > 1:
            found.setdefault(tuple(ids), (ids, names))
    return list(found.values())[:most]


def between(me: str, subject: Mapping[str, Any], ways: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Drawing | None:
    """The ways to one person, from left to right. subject: as `reputation` answers; ways: (ids, names), me first and
    the subject last. None where there is none."""
    found = {tuple(ids): tuple(names) for ids, names in ways if len(ids) > 1}
    if not found:
        return None
    end, last = subject["peer_id"], max(map(len, found)) - 1
    column: dict[str, int] = {}
    names: dict[str, str] = {}
    for ids, called in found.items():
        for position, (id_, name) in enumerate(zip(ids, called, strict=True)):
            column[id_] = last if id_ == end else max(column.get(id_, 0), position)
            names[id_] = name
    columns = [[id_ for id_ in column if column[id_] == n] for n in range(last + 1)]
    high = max(map(len, columns))
    spots = {
        id_: (n * (WIDE + 8.0), (row - (len(ids) - 1) / 2) * TALL + high * TALL / 2)
        for n, ids in enumerate(columns)
        for row, id_ in enumerate(ids)
    }
    first = {id_: ids[: position + 1] for ids in reversed(found) for position, id_ in enumerate(ids)}
    people = [
        {"peer_id": id_, "name": names[id_], "path": list(first[id_]), "trust": 1.0, "score": 0.0, "confidence": 0.0}
        | ({"score": subject["score"], "confidence": subject["confidence"], "misconduct": subject["misconduct"]}
           if id_ == end else {"tone": ""})
        for id_ in column if id_ != me
    ]  # fmt: skip
    ties = [{"from": a, "to": b, "by": "rating"} for ids in found for a, b in pairwise(ids)]
    drawn = _drawn(me, people, spots, ties)
    return drawn._replace(lines=[line._replace(kind="path") for line in drawn.lines])


def _with_paths(people: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """The first of them, as far as all on their paths have room, too."""
    known = {person["peer_id"]: person for person in people}
    found: dict[str, Mapping[str, Any]] = {}
    for person in people:
        new = [id_ for id_ in person["path"][1:] if id_ not in found]
        if len(found) + len(new) <= most and all(id_ in known for id_ in new):
            found.update((id_, known[id_]) for id_ in new)
    return list(found.values())


def _angles(me: str, people: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of each the middle of his part of the circle, which he shares among those who come by him."""
    children: dict[str, list[str]] = {}
    for person in people:
        children.setdefault(person["path"][-2], []).append(person["peer_id"])
    found: dict[str, float] = {}

    def leaves(id_: str) -> int:
        return sum(map(leaves, children.get(id_, ()))) or 1

    def share(id_: str, start: float, width: float) -> None:
        found[id_] = start + width / 2
        each = width / leaves(id_)
        for child in children.get(id_, ()):
            share(child, start, each * leaves(child))
            start += each * leaves(child)

    share(me, 0.0, 2 * pi)
    return found


def _drawn(
    me: str,
    people: Sequence[Mapping[str, Any]],
    spots: Mapping[str, tuple[float, float]],
    ties: Iterable[Mapping[str, str]],
) -> Drawing:
    """Moved so that all of it is seen."""
    left, top = min(x for x, _ in spots.values()) - WIDE / 2, min(y for _, y in spots.values()) - ME_SIZE
    at = {id_: (round(x - left) + MARGIN, round(y - top) + MARGIN) for id_, (x, y) in spots.items()}
    size = {me: ME_SIZE, **{p["peer_id"]: size_of(p["trust"]) for p in people}}
    steps = {tuple(p["path"][-2:]) for p in people}
    joined: dict[tuple[str, str], Line] = {}
    for tie in ties:
        pair, back = (tie["from"], tie["to"]), (tie["to"], tie["from"])
        if pair[0] not in at or pair[1] not in at or back in joined:
            continue
        kind = "path" if pair in steps or back in steps else "tie"
        joined[pair] = Line(_points(at, pair, size), kind, tie["by"] != "rating")
    places = [Place(me, "", "", *at[me], ME_SIZE, "me", "")]
    for person in people:
        id_, name = person["peer_id"], str(person["name"])
        way = _points(at, person["path"], size)
        places.append(Place(id_, name, cut(name), *at[id_], size[id_], person.get("tone", tone_of(person)), way))
    lines = sorted(joined.values(), key=lambda line: line.kind == "path")  # what is on a path is drawn over the others
    width = max(x for x, _ in at.values()) + WIDE // 2 + MARGIN
    height = max(y for _, y in at.values()) + TALL - ME_SIZE + MARGIN
    return Drawing(width, height, places, lines)


def _points(at: Mapping[str, tuple[int, int]], ids: Sequence[str], size: Mapping[str, int]) -> str:
    """From the edge of the first circle to that of the last."""
    spots = [at[id_] for id_ in ids]
    ends = [_towards(spots[0], spots[1], size[ids[0]]), *spots[1:-1], _towards(spots[-1], spots[-2], size[ids[-1]])]
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in ends)


def _towards(start: tuple[int, int], end: tuple[int, int], by: int) -> tuple[float, float]:
    far = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    return start[0] + (end[0] - start[0]) * by / far, start[1] + (end[1] - start[1]) * by / far
