"""The trust graph as it is drawn, and the same in words."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from p2pnode.web.drawing import TALL, WIDE, around, between, cut, ways_to
from tests.web.hostile import mixed
from tests.web.street import open_street
from tests.web.test_neighbour import deal, id_of


def person(id_: str, *path: str, **more: Any) -> dict[str, Any]:
    return {
        "peer_id": id_,
        "name": id_,
        "path": ["me", *path, id_],
        "trust": 0.9,
        "score": 0.9,
        "confidence": 1.0,
    } | more


def graph(people: list[dict[str, Any]]) -> dict[str, Any]:
    ties = [{"from": p["path"][-2], "to": p["peer_id"], "by": "rating"} for p in people]
    return {"peer_id": "me", "people": people, "ties": ties}


def crowd(seed: int, many: int) -> list[dict[str, Any]]:
    """Everybody hangs on somebody before him."""
    rng = random.Random(seed)
    found: list[dict[str, Any]] = []
    for n in range(many):
        before = rng.choice([[], *(p["path"][1:] for p in found)])
        found.append(person(f"p{n}", *before[:5]))
    return found


@pytest.mark.parametrize("people", [crowd(1, 60), crowd(2, 60), [person(f"p{n}") for n in range(60)], [person("p")],
                                    [person(f"p{n}", *(f"p{m}" for m in range(n))) for n in range(12)]],
                         ids=["web", "another", "star", "one", "chain"])  # fmt: skip
def test_nobody_stands_on_somebody_else_or_outside(people: list[dict[str, Any]]) -> None:
    drawing = around(graph(people), 60)
    assert len(drawing.places) == len(people) + 1 and len(drawing.lines) == len(people)
    for n, one in enumerate(drawing.places):
        assert WIDE / 2 <= one.x <= drawing.width - WIDE / 2 and one.size <= one.y <= drawing.height - one.size - 20
        for other in drawing.places[:n]:
            assert abs(one.x - other.x) >= WIDE - 1 or abs(one.y - other.y) >= TALL - 1, (one, other)
    assert drawing == around(graph(people), 60), "the same people stand at the same place"
    assert drawing.width < 1600 and drawing.height < 1300


def test_with_little_room_the_closest_stay_with_all_on_their_paths() -> None:
    people = [person("a"), person("b", "c"), person("c"), person("d"), person("e")]
    assert [place.id for place in around(graph(people), 3).places] == ["me", "a", "c", "b"]


def test_the_ways_to_one_person_stand_from_left_to_right() -> None:
    told = {
        "peer_id": "z", "name": "Z", "score": 0.2, "confidence": 1.0, "misconduct": False,
        "path": ["me", "a", "z"], "path_names": ["you", "A", "Z"],
        "why": [{"ratee": "z", "path": ["me", "b", "c"], "path_names": ["you", "B", "C"]},
                {"ratee": "z", "path": ["me", "a"], "path_names": ["you", "A"]},
                {"ratee": "a", "path": ["me", "a"], "path_names": ["you", "A"]}],
        "exposure": {"paths": [{"path": ["me", "z"], "path_names": ["you", "Z"]}]},
    }  # fmt: skip
    ways = ways_to(told)
    assert [ids for ids, _ in ways] == [["me", "a", "z"], ["me", "b", "c", "z"], ["me", "z"]]
    drawing = between("me", told, ways)
    assert drawing is not None
    x = {place.id: place.x for place in drawing.places}
    assert x["me"] < x["a"] == x["b"] < x["c"] < x["z"]
    assert {place.id: place.tone for place in drawing.places if place.tone} == {"me": "me", "z": "bad"}
    assert between("me", told, []) is None


def test_a_name_has_as_much_room_as_there_is() -> None:
    assert cut("Ann") == "Ann" and cut("A" * 13) == "A" * 13 and cut("Annemarie Müller") == "Annemarie…"
    assert len(cut("W" * 40)) == 6 and len(cut("\u4e2d" * 40)) == 6


def test_whom_one_can_trust_is_drawn_and_told(tmp_path: Path) -> None:
    with open_street(tmp_path, "anna", "ben", "dora") as street:
        lab, ben = street.lab, street.browsers["ben"]
        page = street.browsers["dora"].get("/trust")
        assert "No path leads to anybody yet" in page.words and "<svg" not in page.source
        deal(street, "Fine")
        page = ben.get("/trust")
        anna, cleo = id_of(street, "anna"), id_of(street, "cleo")
        links = [link for link, _ in page.links]
        assert links.count(f"/neighbour/{anna}") == links.count(f"/neighbour/{cleo}") == 3, "two drawings and a table"
        assert 'aria-label="Anna: well spoken of"' in page.source and 'aria-label="Cleo: not rated yet"' in page.source
        words = " ".join(page.words.split())
        assert "you → Anna → Cleo" in words and "a rating of yours, or of somebody you trust" in words
        lab.ask(lab.ben, "peers.name", peer=anna, name=mixed(60))
        assert "<script>alert(1)</script>" in ben.get("/trust").words
        ben.language = "de"
        assert not re.search(r"\b(trust|path|rated)\b", ben.get("/trust").words.replace("Trust", ""))


def test_the_way_to_somebody_is_drawn_on_their_page_and_beside_their_listing(tmp_path: Path) -> None:
    with open_street(tmp_path, "ben") as street:
        lab, ben = street.lab, street.browsers["ben"]
        made = lab.ask(lab.cleo, "listing.publish", direction="offer", kind="lend", title="Ladder")
        lab.sim.run(20_000)
        for path in (f"/neighbour/{id_of(street, 'cleo')}", f"/listing/{made['listing_id']}"):
            page = ben.get(path)
            assert "The ways from you to them" in page.words, path
            assert 'aria-label="Anna"' in page.source and 'aria-label="Cleo: not rated yet"' in page.source
        assert "The ways from you" not in ben.get(f"/neighbour/{id_of(street, 'dora')}").words
        assert "The ways from you" not in ben.get("/me").words
