"""The trust graph on whole nodes: what `reputation.graph` answers."""

import pytest

from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.lab import Lab
from tests.p2pnode.test_exposures import agree, settle


def test_it_says_whom_we_can_trust_and_by_whom() -> None:
    lab = Lab(5)
    found = lab.ask(lab.anna, "reputation.graph")
    rows = {row["name"]: row for row in found["people"]}
    assert set(rows) == {"Ben", "Cleo"} and not found["more"], "Dora came by address: nobody let her in"
    assert rows["Ben"]["path_names"] == ["you", "Ben"] and rows["Ben"]["most"]["amount"] == 1000
    ben = lab.ask(lab.ben, "reputation.graph")
    assert {row["name"]: row["path_names"] for row in ben["people"]} == {
        "Anna": ["you", "Anna"], "Cleo": ["you", "Anna", "Cleo"]
    }  # fmt: skip
    settle(lab, lab.dora, lab.cleo, agree(lab, lab.dora, lab.cleo, "2/hour"))
    lab.sim.run(MINUTE)
    dora = next(row for row in lab.ask(lab.anna, "reputation.graph")["people"] if row["name"] == "Dora")
    assert dora["path_names"] == ["you", "Cleo", "Dora"] and dora["confidence"] > 0


def test_it_says_what_is_said_of_each_alone() -> None:
    lab = Lab(5)
    settle(lab, lab.anna, lab.ben, agree(lab, lab.anna, lab.ben, "4/hour"))
    agree(lab, lab.anna, lab.ben, "1/hour")
    for row in lab.ask(lab.anna, "reputation.graph")["people"]:
        alone = lab.ask(lab.anna, "reputation", peer=row["peer_id"], why=True)
        assert {name: row[name] for name in ("trust", "score", "confidence", "path", "path_names", "unheard")} == {
            name: alone[name] for name in ("trust", "score", "confidence", "path", "path_names", "unheard")
        }
        assert (row["most"], row["open"]) == (alone["exposure"]["most"], alone["exposure"]["open"])


def test_ties_say_how_they_came() -> None:
    lab = Lab(5)
    names = {lab.ask(node, "status")["peer_id"]: node.name for node in (lab.anna, lab.ben, lab.cleo, lab.dora)}
    settle(lab, lab.anna, lab.cleo, agree(lab, lab.anna, lab.cleo, "4/hour"))
    ties = {(names[t["from"]], names[t["to"]]): t["by"] for t in lab.ask(lab.ben, "reputation.graph")["ties"]}
    assert {way for way, by in ties.items() if by == "rating"} == {
        (lab.anna.name, lab.cleo.name), (lab.cleo.name, lab.anna.name)
    }  # fmt: skip
    assert ties[lab.ben.name, lab.anna.name] == "vouch", "her invite vouches for him"
    assert len(ties) == 4


def test_fewer_can_be_asked_for_and_no_more_than_fit() -> None:
    lab = Lab(5)
    found = lab.ask(lab.ben, "reputation.graph", most=1)
    assert [row["name"] for row in found["people"]] == ["Anna"] and found["more"] == 1
    lonely = lab.ask(lab.dora, "reputation.graph")
    assert (lonely["people"], lonely["ties"], lonely["more"]) == ([], [], 0)
    with pytest.raises(Refusal, match="no network"):
        lab.ask(lab.ben, "reputation.graph", network="Oak")
