"""Private claims between whole nodes."""

import csv
import io
import json
from random import Random

import pytest

from ledger.entry import encode_entry
from ledger.payloads import Settlement
from p2pnode.bounds import MAX_CLAIMS_OF_ONE
from p2pnode.exporting import as_csv, as_valueflows, pages
from protocols import exchange_messages
from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.ledger.people import Author
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, sent
from tests.sim.simulator import Faults
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    return Lab(21)


def only(lab, node):
    (row,) = look(node, "claim.list", lab.now)
    return row


def exported(lab, node):
    return pages(lambda first: look(node, "ledger.export", lab.now, first=first, limit=3))


def figures(row):
    return row["direction"], row["state"], row["paid"]["amount"], row["left"]["amount"]


def test_from_an_iou_to_its_payment(lab):
    made = lab.ask(lab.ben, "claim.propose", peer="Cleo", amount="3.50", unit="EUR", note="bread")
    assert made["amount"] == {"amount": 350, "unit": "EUR", "decimals": 2} and made["state"] == "offered"
    lab.sim.run(MINUTE)
    assert not lab.ben.core.outbox.items  # acknowledged; Cleo takes her time
    (said,) = look(lab.cleo, "status", lab.now)["warnings"]
    assert "Ben says that they owe you 3.5 EUR" in said and made["claim_id"][:8] in said
    waiting = look(lab.cleo, "ledger.statement", lab.now, peer="Ben")["accounts"][0]["claims"]
    assert [(c["unit"], c["pending_owed_to_me"]["amount"], c["owed_to_me"]["amount"]) for c in waiting] == [
        ("EUR", 350, 0)
    ]
    lab.ask(lab.cleo, "claim.accept", id=made["claim_id"][:6])
    lab.sim.run(MINUTE)
    assert figures(only(lab, lab.ben)) == ("owed by me", "open", 0, 350)
    assert figures(only(lab, lab.cleo)) == ("owed to me", "open", 0, 350)
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "claim.settle", id=made["claim_id"])
    lab.ask(lab.cleo, "claim.settle", id=made["claim_id"], amount="1.5")
    lab.sim.run(MINUTE)
    assert figures(only(lab, lab.ben)) == ("owed by me", "open", 150, 200)
    shown = look(lab.ben, "ledger.statement", lab.now)
    assert [c["owed_by_me"]["amount"] for c in shown["total"]["claims"]] == [200]
    lab.ask(lab.cleo, "claim.settle", id=made["claim_id"])
    lab.sim.run(MINUTE)
    assert [only(lab, n)["state"] for n in (lab.ben, lab.cleo)] == ["closed"] * 2
    assert look(lab.ben, "claim.list", lab.now, open=True) == []
    for node, kinds in (
        (lab.ben, ["CLAIM", "CLAIM_CLOSED", "CLAIM_CLOSED"]),
        (lab.cleo, ["CLAIM_ACCEPT", "CLAIM_PAID", "CLAIM_PAID"]),
    ):
        log = [r for r in look(node, "ledger.log", lab.now) if r["kind"].startswith("CLAIM")]
        assert [r["kind"] for r in log] == kinds and log[0]["amount"]["unit"] == "EUR"
        assert look(node, "ledger.balance", lab.now)["balance"]["amount"] == 0
        assert not node.core.outbox.items
        rows = [r for r in look(node, "ledger.export", lab.now)["entries"] if r["claim"]]
        assert {r["claim"]["state"] for r in rows} == {"closed"} and rows[0]["amount"] is None
        assert {r["claim"]["debtor"] for r in rows} == {lab.signer(lab.ben).author.hex()}
    lines = list(csv.DictReader(io.StringIO("".join(as_csv(exported(lab, lab.ben))))))
    (first, *paid) = [r for r in lines if r["claim_id"]]
    assert (first["claim_amount"], first["claim_unit"], first["amount"]) == ("3.5", "EUR", "") and len(paid) == 2
    graphs = [json.loads("".join(as_valueflows(exported(lab, n))))["@graph"] for n in (lab.ben, lab.cleo)]
    claims = [[i for i in graph if i["@type"] == "vf:Claim"] for graph in graphs]
    assert [c["@id"] for c in claims[0]] == [c["@id"] for c in claims[1]]
    assert [c["provider"][-64:] for c in claims[0] + claims[1]] == [lab.signer(lab.ben).author.hex()] * 2
    settled = [[i for i in graph if i.get("settles") == claims[0][0]["@id"]] for graph in graphs]
    assert [[e["resourceQuantity"]["hasNumericalValue"] for e in events] for events in settled] == [["1.5", "2"]] * 2
    # a third party sees that there is something, and not what
    audit = lab.ask(lab.dora, "ledger.audit", peer="Cleo")
    assert audit["ok"] and audit["withheld"] >= 3
    assert lab.ask(lab.ben, "ledger.audit", peer="Cleo")["ok"]


def test_the_other_is_asked_to_sign_and_declines(lab):
    made = lab.ask(lab.ben, "claim.propose", peer="Cleo", amount="6", unit="eggs", owed_by=True)
    lab.sim.run(MINUTE)
    assert "you owe them 6 eggs" in look(lab.cleo, "status", lab.now)["warnings"][0]
    lab.sim.faults = Faults(loss=0.6)
    lab.sim.ask(lab.cleo, "claim.decline", id=made["claim_id"])
    lab.sim.run(10 * MINUTE)
    lab.sim.faults = Faults()
    lab.sim.run(6 * MINUTE)
    assert [only(lab, n)["state"] for n in (lab.ben, lab.cleo)] == ["declined"] * 2
    assert not lab.ben.core.outbox.items and not lab.cleo.core.outbox.items
    assert [r for r in look(lab.cleo, "ledger.log", lab.now) if "CLAIM" in r["kind"]] == []
    assert look(lab.cleo, "status", lab.now)["warnings"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"unit": "hour"},
        {"unit": "Hour"},
        {"amount": "0"},
        {"amount": "1.234"},
        {"unit": "-"},
        {"unit": "a/b"},
        {"note": "two\nlines"},
        {"peer": "Ben"},
        {"peer": "Nobody"},
        {"exchange": "abcd"},
    ],
    ids=str,
)
def test_what_is_refused(lab, fields):
    before = lab.network(lab.ben).chain.state.count
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "claim.propose", **{"peer": "Cleo", "amount": "1", "unit": "EUR", **fields})
    assert lab.network(lab.ben).chain.state.count == before
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "claim.accept", id="abcd")


def test_an_exchange_with_somebody_else_is_no_ground_for_a_claim(lab):
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="sell", title="Jam", price="3 EUR")
    lab.sim.run(MINUTE)
    jam = lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"], quantity=1)["exchange_id"]
    with pytest.raises(Refusal, match="that exchange is with Ben"):
        lab.ask(lab.cleo, "claim.propose", peer="Anna", amount="3", unit="EUR", exchange=jam)
    assert lab.ask(lab.cleo, "claim.propose", peer="Ben", amount="3", unit="EUR", exchange=jam)["exchange_id"] == jam


def test_what_cannot_be_done_now_says_why(lab):
    id_ = lab.ask(lab.ben, "claim.propose", peer="Cleo", amount="3.50", unit="EUR")["claim_id"]
    lab.sim.run(MINUTE)
    for node, name, why in (
        (lab.ben, "claim.accept", "you proposed this claim"),
        (lab.ben, "claim.decline", "you proposed this claim"),
        (lab.cleo, "claim.settle", "you have not accepted this claim yet"),
    ):
        with pytest.raises(Refusal, match=why):
            lab.ask(node, name, id=id_)
    lab.ask(lab.cleo, "claim.accept", id=id_)
    for name, fields, why in (
        ("claim.accept", {}, "both have signed this claim already"),
        ("claim.settle", {"amount": "4"}, "3.5 EUR of this claim is left"),
        ("claim.settle", {"amount": "0"}, "3.5 EUR of this claim is left"),
    ):
        with pytest.raises(Refusal, match=why):
            lab.ask(lab.cleo, name, id=id_, **fields)
    lab.ask(lab.cleo, "claim.settle", id=id_)
    with pytest.raises(Refusal, match="this claim is paid"):
        lab.ask(lab.cleo, "claim.settle", id=id_)


def test_strangers_fill_little_and_sign_nothing(lab):
    lab.meet(lab.ben)
    network = lab.network(lab.ben)
    eve = Author(EVE)
    eve.state = eve.state.__class__(network.id, EVE.author)
    eve.write("INCEPT", None)
    count = network.chain.state.count
    for n in range(MAX_CLAIMS_OF_ONE + 5):
        said = Settlement(lab.signer(lab.ben).author, 5, bytes([n]) * 32, unit="EUR")
        entry = eve.write("CLAIM_ASK", said)
        effects = lab.say(lab.ben, exchange_messages.EntryMessage(network.id, encode_entry(entry)), EVES_PEER)
        assert all(isinstance(m, exchange_messages.Ack) for m in sent(effects))
    assert len(look(lab.ben, "claim.list", lab.now)) == MAX_CLAIMS_OF_ONE
    assert network.chain.state.count == count


@pytest.mark.parametrize("seed", range(10))
def test_in_a_storm_both_come_to_the_same(seed):
    lab = Lab(300 + seed)
    rng = Random(seed)
    for n in range(4):
        who, other = rng.sample([lab.ben, lab.cleo], 2)
        fields = {"peer": other.name, "amount": str(n + 1), "unit": rng.choice(["EUR", "eggs"]), "owed_by": n % 2 == 0}
        lab.ask(who, "claim.propose", **fields)  # answered, so not to be lost, whatever happens from now on
    lab.sim.faults = Faults(loss=0.25, duplicate=0.25, broken=0.01, crash=0.02, power_cut=0.005)
    for _ in range(30):
        lab.sim.run(10_000)
        for node in (n for n in (lab.ben, lab.cleo) if n.alive):
            for row in look(node, "claim.list", lab.now):
                if row["state"] == "asked":
                    lab.sim.ask(node, rng.choice(["claim.accept", "claim.decline"]), id=row["claim_id"])
                elif row["state"] == "open" and row["direction"] == "owed to me" and rng.random() < 0.5:
                    lab.sim.ask(node, "claim.settle", id=row["claim_id"], amount="0.40")
    lab.sim.faults = Faults()
    lab.sim.run(15 * MINUTE)
    mine, theirs = (
        {r["claim_id"]: (r["state"], r["paid"]["amount"], r["amount"]["unit"])
         for r in look(node, "claim.list", lab.now)}
        for node in (lab.ben, lab.cleo)
    )  # fmt: skip
    assert mine == theirs and len(mine) == 4
    assert {state for state, *_ in mine.values()} <= {"open", "closed", "declined", "offered", "asked"}
    assert not lab.ben.core.outbox.items and not lab.cleo.core.outbox.items
    for node in (lab.ben, lab.cleo):
        assert lab.ask(node, "ledger.verify")["ok"]
