"""Photos that listings name: by their hashes, in the order given."""

from types import SimpleNamespace
from typing import Any

import pytest

from p2pnode.core.drafts import Drafts
from p2pnode.photos.keeping import own_photos
from protocols.errors import Refusal
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node

A, B, C = ("aa" * 32, "0b" * 32, "cc" * 32)
LADDER = {"direction": "offer", "kind": "lend", "title": "Ladder"}


def shown(lab: Lab, node: Node, id_: str) -> Any:
    return lab.ask(node, "listing.show", id=id_)["photos"]


def test_they_are_published_changed_and_cleared() -> None:
    lab = Lab()
    listing = lab.ask(lab.ben, "listing.publish", **LADDER, photos=[B, A, B])["listing_id"]
    assert shown(lab, lab.ben, listing) == [B, A]
    assert own_photos(lab.ben.core) == {bytes.fromhex(A), bytes.fromhex(B)}
    lab.ask(lab.ben, "listing.edit", id=listing, title="A long ladder")
    assert shown(lab, lab.ben, listing) == [B, A], "what is not named stays"
    lab.ask(lab.ben, "listing.edit", id=listing, photos=[C, A])
    assert shown(lab, lab.ben, listing) == [C, A]
    lab.ask(lab.ben, "listing.edit", id=listing, photos=[])
    assert shown(lab, lab.ben, listing) == [] and own_photos(lab.ben.core) == frozenset()


def test_the_core_takes_no_paths() -> None:
    lab = Lab()
    with pytest.raises(Refusal, match="not the hash of a photo"):
        lab.ask(lab.ben, "listing.publish", **LADDER, photos=["/home/ben/bike.jpg"])
    assert lab.ask(lab.ben, "listing.list") == []


def test_those_of_a_draft_are_ones_own() -> None:
    lab = Lab()
    drafts = Drafts(lab.ben.core.state, lab.ben.core.listings)
    fields = {**LADDER, "photos": (A, "/home/ben/bike.jpg")}  # a path: from before there were photos
    args = SimpleNamespace(__struct_fields__=tuple(fields), **fields)
    row = drafts.keep(bytes(16), args, lab.now)  # type: ignore[arg-type]
    assert row["photos"] == [A]
    lab.ben.core.drafts = drafts
    assert own_photos(lab.ben.core) == {bytes.fromhex(A)}
