"""A parcel goes from Anna by Ben to Cleo while no two of their nodes ever run at a time: files alone carry it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.killer import street
from tests.e2e.nodes import Node, until
from tests.e2e.story import finds


@contextmanager
def alone(node: Node) -> Iterator[Node]:
    node.start()
    try:
        yield node
    finally:
        node.stop()


def duties(node: Node, exchange: str) -> dict[str, Any]:
    return {d["id"]: d["state"] for d in node.cli("exchange", "show", exchange)["duties"]}


def agree(anna: Node, ben: Node, listing: str, *more: str) -> str:
    made: str = anna.cli("exchange", "propose", listing, *more)["exchange_id"]
    until("Ben has the proposal", lambda: ben.cli("exchange", "show", made))
    ben.cli("exchange", "accept", made)
    until("it is agreed", lambda: anna.cli("exchange", "show", made)["status"] == "agreed")
    return made


def test_a_parcel_and_no_network(tmp_path: Path) -> None:
    nodes: list[Node] = []
    try:
        nodes += street(tmp_path, lambda name: Node(name, tmp_path))
        anna, ben, cleo = nodes
        listing = ben.cli("offer", "publish", "--kind", "deliver", "--title", "Ride to town", "--price", "0.20")
        until("Anna finds it", lambda: finds(anna, listing["listing_id"], "ride"))
        first = agree(anna, ben, listing["listing_id"], "--to", cleo.peer_id)
        second = agree(anna, ben, listing["listing_id"], "--door")
        code = anna.cli("parcel", "code", second)["code"]
        assert len(anna.types("parcel", "code", second, "--qr").splitlines()) > 12
        for node in nodes:
            node.stop()

        files = {name: str(tmp_path / f"{name}.p2p") for name in ("given", "taken", "on", "there", "door")}
        with alone(anna):
            anna.types("parcel", "give", first, "--note", "dry", "--out", files["given"])
            assert anna.cli("parcel", "give", second, "--out", files["door"])["taker_name"] == "Ben"
            assert anna.cli("parcel", "show", first)["mine"]
        with alone(ben):
            ben.types("parcel", "take", files["given"], "--out", files["taken"])
            assert duties(ben, first)["pickup"] == "confirmed"
            ben.types("parcel", "give", first, "--out", files["on"])
            assert ben.cli("parcel", "show", first)["mine"], "until Cleo takes it"
            ben.types("parcel", "take", files["door"])
            assert duties(ben, second)["dropoff"] == "pending"
            ben.cli("exchange", "done", second, "--code", code.lower().replace("-", " "))
            assert duties(ben, second)["dropoff"] == "confirmed"
        with alone(cleo):
            shown = cleo.cli("parcel", "take", files["on"], "--out", files["there"])
            assert shown["mine"] and [row["giver_name"] for row in shown["path"]] == ["Anna", "Ben"]
        (checked,) = cleo.cli("parcel", "check", files["there"])
        assert len(checked["path"]) == 2 and checked["path"][0]["note"] == "dry" and not checked["forks"]
        with alone(anna):
            assert anna.cli("parcel", "show", first)["mine"], "she has heard nothing yet"
            anna.types("parcel", "add", files["there"])
            assert anna.cli("parcel", "show", first)["holder_name"] == "Cleo"
            assert {duties(anna, first)[duty] for duty in ("pickup", "dropoff")} == {"confirmed"}

        for node in nodes:
            node.start()
        until("Anna hears that the code was shown", lambda: duties(anna, second)["dropoff"] == "confirmed")
        for node in nodes:
            until(
                f"{node.name} owes nobody a word",
                lambda n=node: n.cli("parcel", "show", checked["parcel"])["delivered"],
            )
            assert node.cli("parcel", "show", checked["parcel"])["holder"] == cleo.peer_id
    finally:
        for node in nodes:
            node.kill()
