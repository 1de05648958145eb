"""Vouches between whole nodes: parts, requests that wait, take-overs, and what is said of who has left owing."""

from random import Random

import pytest

from ledger.entry import parse_entry
from p2pnode.bounds import DEFAULT_AFTER
from p2pnode.core.keys import RECORD
from protocols import exchange_messages, vouch_messages
from protocols.envelope import parse_record
from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from protocols.vouch import parse_vouch
from tests.p2pnode.lab import EVES_PEER, Lab, sent, struck
from tests.sim.simulator import Faults
from tests.sim.street import People, look


@pytest.fixture
def lab() -> Lab:
    """Anna, the founder, vouches for Dora with 10."""
    made = Lab(11)
    made.ask(made.anna, "vouch", peer="Dora", amount="10")
    made.sim.run(MINUTE)
    return made


def risked(lab, node, peer):
    rows = look(node, "vouch.list", lab.now, peer=peer)
    return [(row["amount"]["amount"], row["at_risk"] and row["at_risk"]["amount"]) for row in rows]


def test_what_somebody_owes_is_at_risk_up_to_the_vouch(lab):
    """Dora owes 6 at most: the newest vouch bears it first, as it does when it is taken over."""
    lab.ask(lab.anna, "vouch", peer="Dora", amount="4")
    lab.sim.run(MINUTE)
    assert risked(lab, lab.anna, "Dora") == [(1000, 0), (400, 0)]
    assert risked(lab, lab.dora, "Anna") == [(1000, None), (400, None)]
    trade(lab, lab.ben, lab.dora, 3)
    assert risked(lab, lab.anna, "Dora") == [(1000, 0), (400, 300)]
    trade(lab, lab.ben, lab.dora, 3)
    assert risked(lab, lab.anna, "Dora") == [(1000, 200), (400, 400)]
    lab.ask(lab.anna, "unvouch", peer="Dora", amount="6")
    lab.sim.run(MINUTE)
    trade(lab, lab.dora, lab.ben, 6)
    assert [at_risk for _, at_risk in risked(lab, lab.anna, "Dora")] == [0, 0], "she has earned it"


class Content(Random):
    """Never counters."""

    def random(self) -> float:
        return 0.9


def trade(lab, seller, buyer, price):
    listing = lab.ask(seller, "listing.publish", direction="offer", kind="food", title="Box", price=str(price))
    lab.sim.run(MINUTE)
    lab.ask(buyer, "exchange.propose", listing=listing["listing_id"])
    People(lab.sim, [seller, buyer], Content(3))
    lab.sim.run(5 * MINUTE)


def vouched(lab, node, peer):
    (row,) = look(node, "vouch.list", lab.now, peer=peer)
    return {k: v["amount"] for k, v in row.items() if isinstance(v, dict)} | {"state": row["state"]}


def balance(lab, node):
    shown = look(node, "ledger.balance", lab.now)
    return tuple(shown[k]["amount"] for k in ("balance", "hold", "limit"))


def sound(lab):
    for node in (lab.anna, lab.ben, lab.dora):
        assert look(node, "ledger.verify", lab.now)["ok"]


def test_a_part_comes_back(lab):
    assert balance(lab, lab.dora) == (0, 0, 1000)
    shown = lab.ask(lab.anna, "unvouch", peer="Dora", amount="2.5")
    assert shown["amount"]["amount"] == 250 and shown["peer_id"] == lab.dora.peer_id
    lab.sim.run(MINUTE)
    assert vouched(lab, lab.anna, "Dora") == {
        "amount": 1000, "left": 750, "returned": 250, "taken_over": 0, "asked_back": 0, "at_risk": 0, "state": "held",
    }  # fmt: skip
    assert balance(lab, lab.dora) == (0, 0, 750)
    assert not lab.anna.core.outbox.items and not lab.dora.core.outbox.items
    network = lab.network(lab.ben)
    row = network.catalog.get((lab.signer(lab.anna).author, "vouch", lab.signer(lab.dora).author))
    statement = parse_vouch(parse_record(lab.ben.disk.get(RECORD + network.id + row.id)))
    assert statement.amount == 750 and parse_entry(statement.entry).kind == "VOUCH"
    lab.ask(lab.anna, "unvouch", peer="Dora")
    lab.sim.run(MINUTE)
    assert vouched(lab, lab.anna, "Dora")["state"] == "ended" and balance(lab, lab.dora) == (0, 0, 0)
    (dora,) = [a for a in look(lab.anna, "ledger.statement", lab.now)["accounts"] if a["name"] == "Dora"] or [None]
    assert dora is None or dora["vouched_for_them"]["amount"] == 0
    sound(lab)


def test_it_is_told_whether_the_other_side_has_heard(lab):
    """The one that was made just now can be found among the others."""

    def told(id_):
        return next(v["delivered"] for v in look(lab.anna, "vouch.list", lab.now) if v["vouch_id"] == id_)

    lab.dora.alive, lab.dora.life = False, lab.dora.life + 1
    made = lab.ask(lab.anna, "vouch", peer="Dora", amount="1")["vouch_id"]
    (old,) = {v["vouch_id"] for v in look(lab.anna, "vouch.list", lab.now, peer="Dora")} - {made}
    lab.ask(lab.anna, "vouch.takeover", peer="Dora", amount="1")
    assert not told(made) and not told(old)
    lab.sim.restart(lab.dora)
    lab.sim.run(5 * MINUTE)
    assert told(made) and told(old)


def test_what_is_spent_comes_back_as_it_is_earned_also_after_a_restart(lab):
    trade(lab, lab.ben, lab.dora, 3)
    assert balance(lab, lab.dora) == (-300, 0, 1000)
    lab.ask(lab.anna, "unvouch", peer="Dora")
    lab.sim.run(MINUTE)
    assert balance(lab, lab.dora) == (-300, 0, 300)
    assert vouched(lab, lab.anna, "Dora")["asked_back"] == 300
    assert not lab.anna.core.outbox.items  # the request is kept there
    for node in (lab.anna, lab.dora):
        lab.sim.crash(node)
    lab.sim.run(MINUTE)
    trade(lab, lab.dora, lab.ben, 2)
    assert balance(lab, lab.dora) == (-100, 0, 100) and vouched(lab, lab.anna, "Dora")["left"] == 100
    trade(lab, lab.dora, lab.ben, 2)
    assert balance(lab, lab.dora) == (100, 0, 0) and vouched(lab, lab.anna, "Dora")["state"] == "ended"
    sound(lab)


def test_a_request_for_more_than_stands_is_refused(lab):
    for amount in ("10.01", "0"):
        with pytest.raises(Refusal):
            lab.ask(lab.anna, "unvouch", peer="Dora", amount=amount)
        with pytest.raises(Refusal):
            lab.ask(lab.anna, "vouch.takeover", peer="Dora", amount=amount)
    with pytest.raises(Refusal) as e:
        lab.ask(lab.anna, "vouch.takeover", peer="Dora")
    assert "nothing is known" in e.value.message
    with pytest.raises(Refusal):
        lab.ask(lab.dora, "vouch.takeover", peer="Ben", amount="1")


def test_a_debt_is_taken_over_and_its_subject_hears_of_it_later(lab):
    trade(lab, lab.ben, lab.dora, 3)
    lab.dora.alive = False
    for peer in list(lab.dora.links):
        lab.sim._break(lab.dora, lab.sim.nodes[peer])
    before = look(lab.anna, "ledger.balance", lab.now)["available"]
    shown = lab.ask(lab.anna, "vouch.takeover", peer="Dora")
    assert shown["amount"]["amount"] == 300 and shown["total"]["amount"] == 700
    after = look(lab.anna, "ledger.balance", lab.now)
    assert after["balance"]["amount"] == -300 and after["available"] == before
    assert vouched(lab, lab.anna, "Dora")["taken_over"] == 300
    lab.dora.core = None
    lab.sim.restart(lab.dora)
    lab.sim.run(5 * MINUTE)
    assert balance(lab, lab.dora) == (0, 0, 700) and not lab.anna.core.outbox.items
    for node, other, bears in ((lab.anna, "Dora", "taken_over_from_them"), (lab.dora, "Anna", "taken_over_from_us")):
        shown = look(node, "ledger.statement", lab.now, peer=other)["accounts"][0]
        assert shown[bears]["amount"] == 300
        figures = {k: v["amount"] for k, v in look(node, "ledger.balance", lab.now).items() if isinstance(v, dict)}
        assert figures[bears] == 300 and figures["balance"] == (
            figures["given"] - figures["received"] - figures["taken_over_from_them"] + figures["taken_over_from_us"]
        )
    assert lab.ask(lab.anna, "ledger.audit", peer="Dora")["ok"]
    sound(lab)


def test_who_is_gone_owing_is_named(lab):
    trade(lab, lab.ben, lab.dora, 3)
    lab.dora.alive = False
    for peer in list(lab.dora.links):
        lab.sim._break(lab.dora, lab.sim.nodes[peer])
    lab.sim.run(MINUTE)
    assert not look(lab.anna, "status", lab.now)["warnings"]
    told = lab.anna.core.defaults.warnings(lab.now + DEFAULT_AFTER + DAY)
    assert len(told) == 1 and "Dora owes 3 hours" in told[0] and "--take-over" in told[0]
    assert not lab.anna.core.defaults.warnings(lab.now + DEFAULT_AFTER - DAY)


def test_only_the_voucher_may_ask_back(lab):
    (vouch,) = [v for v in lab.dora.core.vouches.all.values() if not v.voucher]
    frame = vouch_messages.encode_message(vouch_messages.ReturnPart(vouch.network, vouch.id, 100))
    lab.meet(lab.dora)
    for peer in (EVES_PEER, lab.ben.peer_id):
        assert not lab.tell(lab.dora, vouch_messages.PROTOCOL, frame, peer)
    effects = lab.tell(lab.dora, vouch_messages.PROTOCOL, frame, lab.anna.peer_id)
    assert [type(m) for m in sent(effects)] == [exchange_messages.EntryMessage, exchange_messages.Ack]
    again = lab.tell(lab.dora, vouch_messages.PROTOCOL, frame, lab.anna.peer_id)
    assert [type(m) for m in sent(again)] == [exchange_messages.Ack]
    assert balance(lab, lab.dora)[2] == 900
    assert struck(lab.tell(lab.dora, vouch_messages.PROTOCOL, frame + b"\0", lab.anna.peer_id))


@pytest.mark.parametrize("seed", range(12))
def test_in_a_storm_both_come_to_the_same_sums(seed):
    lab = Lab(100 + seed)
    rng = Random(seed)
    lab.ask(lab.anna, "vouch", peer="Dora", amount="10")
    lab.sim.run(MINUTE)
    lab.sim.faults = Faults(loss=0.25, duplicate=0.25, broken=0.01, crash=0.02)
    for _ in range(12):
        name = rng.choice(["unvouch", "vouch.takeover"])
        lab.sim.ask(lab.anna, name, peer="Dora", amount=str(rng.randrange(1, 5)))
        lab.sim.run(rng.randrange(1_000, 30_000))
    lab.sim.faults = Faults()
    lab.sim.run(12 * MINUTE)
    mine, theirs = (vouched(lab, node, peer) for node, peer in ((lab.anna, "Dora"), (lab.dora, "Anna")))
    same = ("amount", "left", "returned", "taken_over")
    assert [mine[k] for k in same] == [theirs[k] for k in same]
    assert balance(lab, lab.dora)[2] == mine["left"] and not lab.anna.core.outbox.items
    a, d = (balance(lab, n)[0] for n in (lab.anna, lab.dora))
    assert a + d == 0
    sound(lab)
