"""Commands that tests of whole cores have no other occasion to call: what they answer, and what is told of them."""

from p2pnode.commands import parse_args
from p2pnode.core.effects import Reply, Write
from p2pnode.core.events import Command
from p2pnode.core.topics import topics
from protocols.limits import MINUTE
from tests.p2pnode.lab import Lab


def told(lab: Lab, name: str, /, **fields: object) -> list[str]:
    """What is told to be changed by a command of Ben's."""
    effects = lab.ben.core.handle(Command(7, name, parse_args(name, fields)), lab.now)
    assert any(isinstance(e, Reply) for e in effects)
    lab.sim.perform(lab.ben, effects)
    return topics([e for e in effects if isinstance(e, Write)])


def test_peers_searches_and_the_clock() -> None:
    lab = Lab()
    assert told(lab, "peers.name", peer=lab.anna.peer_id, name="Annie") == ["peers"]
    assert [row["name"] for row in lab.ask(lab.ben, "peers.list")].count("Annie") == 1
    assert told(lab, "search.save", name="ladders", search={"query": "ladder"}) == ["searches"]
    lab.ask(lab.cleo, "listing.publish", direction="offer", kind="lend", title="Ladder")
    lab.sim.run(MINUTE)
    assert [row["name"] for row in lab.ask(lab.ben, "search.saved")] == ["ladders"]
    assert lab.ask(lab.ben, "notices.list")
    assert told(lab, "notices.seen") == ["notices"]
    assert told(lab, "search.pause", name="ladders") == ["searches"]
    assert told(lab, "search.resume", name="ladders") == ["searches"]
    assert told(lab, "notices.dismiss") == ["notices"]
    assert told(lab, "search.forget", name="ladders") == ["searches"]
    assert told(lab, "clock", is_right=True) == ["clock"]
    assert lab.ask(lab.ben, "clock")["neighbours_ahead_ms"] is not None


def test_one_claim_is_shown() -> None:
    lab = Lab()
    claim = lab.ask(lab.ben, "claim.propose", peer="Cleo", amount="6", unit="egg")["claim_id"]
    assert lab.ask(lab.cleo, "claim.show", id=claim[:12])["claim_id"] == claim
