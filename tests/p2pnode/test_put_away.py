"""Exchanges that have ended long ago: out of memory, and there all the same."""

from typing import Any

import pytest

from p2pnode.bounds import MAX_EXCHANGES, PUT_AWAY_AFTER, RECEIPTS_KEPT
from p2pnode.core import exchanges as module
from p2pnode.core import keys
from protocols import exchange_messages as messages
from protocols.errors import Refusal
from protocols.fact import seal_fact
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab, sent, wrote
from tests.p2pnode.test_parcels import Street
from tests.sim.simulator import Node


class Stand(Lab):
    """Ben sells eggs, and Cleo has had some from him: paid, and rated by both."""

    def __init__(self, seed: int = 7, **listing: Any) -> None:
        super().__init__(seed)
        made = {"direction": "offer", "kind": "food", "title": "Eggs", "price": "0.1"} | listing
        self.listing = self.ask(self.ben, "listing.publish", **made)["listing_id"]
        self.sim.run(MINUTE)
        self.id = self.sell()

    def sell(self, rate: bool = True, pay: bool = True) -> str:
        id_: str = self.ask(self.cleo, "exchange.propose", listing=self.listing)["exchange_id"]
        self.sim.run(MINUTE)
        steps: list[tuple[Node, str]] = [(self.ben, "accept"), (self.ben, "handover"), (self.cleo, "confirm")]
        for node, word in steps + ([(self.cleo, "pay")] if pay else []):
            self.ask(node, f"exchange.{word}", id=id_)
            self.sim.run(MINUTE)
        for node in (self.ben, self.cleo) if rate else ():
            self.rate(node, id_)
        return id_

    def rate(self, node: Node, id_: str) -> None:
        self.ask(node, "attest", exchange=id_, outcome=2)
        self.sim.run(MINUTE)

    def kept(self, node: Node) -> set[str]:
        return {id_.hex() for id_ in node.core.exchanges.held}

    def fact(self, author: Node, kind: str, payload: bytes = b"") -> Any:
        held = author.core.exchanges.get(bytes.fromhex(self.id))
        accepted = author.core.exchanges.view(held, self.now).acceptance.id
        return seal_fact(
            self.signer(author),
            network=held.network,
            deal=held.id,
            kind=kind,
            prev=accepted,
            at=self.now,
            payload=payload,
        )


@pytest.fixture
def lab() -> Stand:
    return Stand()


def said(lab: Stand, node: Node) -> dict[str, Any]:
    """All that commands tell of it."""
    return {
        "show": lab.ask(node, "exchange.show", id=lab.id[:10]),
        "list": [row for row in lab.ask(node, "exchange.list", all=True) if row["exchange_id"] == lab.id],
        "agreement": lab.ask(node, "exchange.agreement", id=lab.id),
        "history": lab.ask(node, "exchange.history", id=lab.id),
        "proof": lab.ask(node, "ledger.prove", exchange=lab.id),
        "statement": lab.ask(node, "ledger.statement"),
        "log": lab.ask(node, "ledger.log"),
    }


def test_what_has_ended_is_out_of_memory_and_told_as_before(lab: Stand) -> None:
    before = [said(lab, node) for node in (lab.ben, lab.cleo)]
    assert before[0]["show"]["status"] == "closed"
    lab.leap(PUT_AWAY_AFTER - HOUR)
    assert lab.kept(lab.ben) == lab.kept(lab.cleo) == {lab.id}
    lab.leap(2 * HOUR)
    assert not lab.kept(lab.ben) | lab.kept(lab.cleo)
    assert not [*lab.ben.core.settlements.deals] and not lab.ben.core.exchanges._deals
    for again in range(2):
        after = [said(lab, node) for node in (lab.ben, lab.cleo)]
        for old, new in zip(before, after, strict=True):
            for what in ("show", "list", "agreement", "history"):
                assert new[what] == old[what], what
            assert new["statement"] == old["statement"]
            assert {**new["proof"], "proof": 0, "head_seq": 0, "bytes": 0} == {
                **old["proof"], "proof": 0, "head_seq": 0, "bytes": 0
            }  # fmt: skip
            assert [row for row in new["log"] if row["exchange_id"]] == [r for r in old["log"] if r["exchange_id"]]
        assert not lab.kept(lab.ben), "what was read is not kept"
        assert lab.ask(lab.ben, "exchange.list") == lab.ask(lab.ben, "exchange.list", open=True, all=True) == []
        if not again:
            lab.sim.crash(lab.ben)
            lab.sim.crash(lab.cleo)
            lab.sim.run(MINUTE)


def test_a_late_word_about_it_is_answered_and_begins_nothing_anew(lab: Stand) -> None:
    held = lab.ben.core.exchanges.held[bytes.fromhex(lab.id)]
    lab.leap(PUT_AWAY_AFTER + HOUR)
    lab.meet(lab.ben)
    for fact in held.facts.values():
        effects = lab.say(lab.ben, messages.FactMessage(fact.wire))
        assert sent(effects) == [messages.Ack(fact.id)] and not wrote(effects)
    assert not lab.kept(lab.ben)
    note = lab.fact(lab.cleo, "cancel")
    for _ in range(2):
        assert sent(lab.say(lab.ben, messages.FactMessage(note.wire)))[0] == messages.Ack(note.id)
    assert lab.kept(lab.ben) == {lab.id}, "something new was said: it is looked at"
    assert lab.ask(lab.ben, "exchange.show", id=lab.id)["status"] == "closed"
    lab.leap(2 * MINUTE)
    assert not lab.kept(lab.ben), "and as it changes nothing, it is put away again at once"
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert lab.kept(lab.ben) == set()
    other = lab.fact(lab.cleo, "note")
    shown = lab.ask(lab.ben, "exchange.show", id=lab.id)
    lab.say(lab.ben, messages.FactMessage(other.wire))
    lab.sim.crash(lab.ben)
    lab.sim.run(3_000)
    assert lab.kept(lab.ben) == {lab.id} and shown["payments"][0]["receipt"]
    assert lab.ask(lab.ben, "exchange.show", id=lab.id)["payments"] == shown["payments"], "what is taken up is whole"
    assert note.id in lab.ben.core.exchanges.get(bytes.fromhex(lab.id)).facts


def test_it_is_rated_late(lab: Stand) -> None:
    lab.id = lab.sell(rate=False)
    lab.leap(PUT_AWAY_AFTER + HOUR)
    assert not lab.kept(lab.ben)
    lab.rate(lab.cleo, lab.id)
    lab.rate(lab.ben, lab.id)
    assert {lab.ask(n, "exchange.show", id=lab.id)["status"] for n in (lab.ben, lab.cleo)} == {"closed"}
    lab.leap(HOUR)
    assert not lab.kept(lab.ben) and not lab.kept(lab.cleo)
    for node in (lab.ben, lab.cleo):
        assert not [*node.core._journal.scan(keys.FACT)] and not [*node.core._journal.scan(keys.DEAL)]
        assert not node.core.outbox.items


def test_what_is_owed_or_counted_stays(lab: Stand) -> None:
    owed = lab.sell(rate=False, pay=False)
    stock = lab.ask(lab.ben, "listing.publish", direction="offer", kind="sell", title="Jam", price="0.1", quantity=3)
    lab.sim.run(MINUTE)
    lab.listing = stock["listing_id"]
    jam = lab.sell()
    for _ in range(15):
        lab.leap(6 * DAY)  # its listing is signed again before its end
    assert lab.kept(lab.ben) == {owed, jam} and lab.kept(lab.cleo) == {owed}
    assert lab.ask(lab.ben, "listing.show", id=lab.listing)["left"] == 2
    lab.ask(lab.ben, "listing.withdraw", id=lab.listing)
    lab.leap(HOUR)
    assert lab.kept(lab.ben) == {owed}


def test_who_was_a_regular_is_one_still(lab: Stand) -> None:
    ben, cleo = lab.ben.core, lab.signer(lab.cleo).author
    lab.sell()
    lab.leap(PUT_AWAY_AFTER + HOUR)
    network = lab.network(lab.ben).id
    assert not lab.kept(lab.ben) and ben.exchanges.away.done_with(network, cleo) == 2
    lab.ask(lab.ben, "rule.add", listing=lab.listing, who=("regulars",), regular=2)
    lab.sim.run(MINUTE)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=lab.listing)["exchange_id"]
    lab.sim.run(MINUTE)
    assert lab.ask(lab.cleo, "exchange.show", id=id_)["status"] == "agreed"


def test_what_was_put_away_takes_no_room(lab: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_EXCHANGES == 10_000
    monkeypatch.setattr(module, "MAX_EXCHANGES", 1)
    with pytest.raises(Refusal, match="1 exchanges are open here"):
        lab.ask(lab.cleo, "exchange.propose", listing=lab.listing)
    lab.leap(PUT_AWAY_AFTER + HOUR)
    assert lab.sell(rate=False)


def test_a_start_reads_nothing_of_them(lab: Stand) -> None:
    lab.leap(PUT_AWAY_AFTER + HOUR)
    core = lab.ben.core
    value = core._journal.get(keys.PUT_AWAY + bytes.fromhex(lab.id))
    for number in range(1_000):
        lab.ben.disk.commit({keys.PUT_AWAY + number.to_bytes(32, "big"): value})
    read: list[bytes] = []
    scan = lab.ben.disk.scan
    lab.ben.disk.scan = lambda prefix: (read.append(k) or (k, v) for k, v in scan(prefix))
    lab.sim.crash(lab.ben)
    lab.sim.run(5 * MINUTE)
    assert read and not [k for k in read if k[:1] in (keys.PUT_AWAY, keys.PUT_DEAL, keys.PUT_DUTY, keys.DONE_WITH)]
    assert not lab.kept(lab.ben)


def test_a_parcel_is_remembered_with_its_exchange() -> None:
    lab = Street(3)
    waits = lab.deliver(lab.cleo, lab.ben, parent=lab.first)
    lab.pass_on(lab.anna, lab.ben, lab.first)
    lab.pass_on(lab.ben, lab.cleo, waits)
    lab.pass_on(lab.cleo, lab.dora, waits)
    lab.ask(lab.anna, "exchange.pay", id=lab.first)
    lab.sim.run(MINUTE)
    held = bytes.fromhex(lab.first)
    lab.leap(PUT_AWAY_AFTER + HOUR)
    assert held not in lab.anna.core.exchanges.held
    assert held in lab.ben.core.exchanges.held, "the next courier is not paid"
    lab.ask(lab.ben, "exchange.pay", id=waits)
    before = [lab.ask(lab.ben, f"exchange.{what}", id=lab.first) for what in ("show", "history")]
    lab.leap(PUT_AWAY_AFTER + HOUR)
    lab.leap(RECEIPTS_KEPT)
    lab.leap(HOUR)
    for node in (lab.anna, lab.ben, lab.cleo):
        assert not node.core.exchanges.held and not node.core.parcels.held
    assert [lab.ask(lab.ben, f"exchange.{what}", id=lab.first)["terms" if what == "show" else what]
            for what in ("show", "history")] == [before[0]["terms"], before[1]["history"]]  # fmt: skip
    assert lab.ask(lab.ben, "exchange.show", id=lab.first)["duties"] == before[0]["duties"]
    lab.ask(lab.ben, "attest", exchange=lab.first, outcome=2)
    assert held in lab.ben.core.exchanges.held and len(lab.ben.core.parcels.held) == 1, "the receipts are back, too"


def test_a_rating_that_breaks_its_seal_counts_as_little_as_before(lab: Stand) -> None:
    commitments = lab.ben.core.exchanges.held[bytes.fromhex(lab.id)].commitments(lab.signer(lab.cleo).author)
    lab.leap(PUT_AWAY_AFTER + HOUR)
    away = lab.ben.core.exchanges.away
    assert away.promised(bytes.fromhex(lab.id), lab.signer(lab.cleo).author) == commitments
    assert len(commitments) == 1 and not away.promised(bytes.fromhex(lab.id), lab.signer(lab.dora).author)
