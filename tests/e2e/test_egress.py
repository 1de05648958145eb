"""Of all that a node says to its peers in a story, nothing tells where exactly its household is, or on what it runs."""

import re
from pathlib import Path

from tests.e2e.deal import Deal
from tests.e2e.killer import street
from tests.e2e.nodes import ROOT, Node, until
from tests.e2e.story import finds
from tests.faults.mutant import MACHINE, USER, mutant

EXACT = "u33dc1"  # a cell with a sixth character: it singles out a farm
HOUSEHOLD = "household-of-a-distinctive-name"


def said(root: Path, rule: str, deals: bool = True) -> bytes:
    """What Ben's node says to Anna's and Cleo's, before it is encrypted, while it publishes and (deals) trades."""
    root = root / HOUSEHOLD
    nodes = street(root, lambda name: Node(name, root, prefix=mutant(rule) if name == "Ben" else ()))
    _, ben, cleo = nodes
    try:
        fields = ("--kind", "rent", "--title", "Snowblower", "--price", "0.20/hour", "--area", EXACT)
        listing = ben.cli("offer", "publish", *fields)["listing_id"]
        until("Cleo finds it", lambda: finds(cleo, listing, "snow"))
        if deals:
            Deal(ben, cleo, listing).act_out()
        return ben.home.with_suffix(".said").read_bytes()
    finally:
        for node in nodes:
            node.kill()


def secrets() -> dict[str, bytes]:
    """What nobody is to hear."""
    return {
        "exact place": EXACT.encode(),
        "folder of the home": HOUSEHOLD.encode(),
        "folder of the program": str(ROOT).encode(),
        "user": USER.encode(),
        "host name": MACHINE.encode(),
    }


def heard(data: bytes) -> list[str]:
    found = [name for name, text in secrets().items() if text in data]
    return found + [m[0].decode() for m in re.finditer(rb"[a-z0-9.]{2,}@[a-z0-9-]{2,}\\.[a-z]{2,}", data)]


def test_nothing_that_leaves_tells_who_or_where_exactly(tmp_path: Path) -> None:
    data = said(tmp_path / "true", "overheard")
    assert b"Snowblower" in data and EXACT[:5].encode() in data, "what was meant to be said was overheard"
    assert heard(data) == []
    assert heard(said(tmp_path / "control", "talkative", deals=False)), "a node that tells is noticed"
