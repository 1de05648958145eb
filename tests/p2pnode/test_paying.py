"""Instalments and deposits between two cores: each payment a settlement of its own, each in its turn."""

import json
from base64 import b64decode
from random import Random
from typing import Any

import pytest

from ledger.entry import encode_entry
from ledger.payloads import Settlement
from ledger.proof import check_proof
from p2pnode.core.paying import choose
from p2pnode.exporting import as_valueflows
from protocols import exchange_messages as messages
from protocols.errors import Refusal
from protocols.limits import MAX_INSTALMENTS, MINUTE, SECOND
from protocols.payments import Payment, deal_of
from protocols.terms import terms_hash
from tests.longer import seeds
from tests.p2pnode.lab import Lab
from tests.protocols.deals import ANN, BOB, accept, propose, seen
from tests.sim.street import People, look, storm


def agree(lab: Lab, kind: str, price: str, **asked: Any) -> str:
    """Cleo asks for what Ben offers; Ben accepts. The exchange's id."""
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind=kind, title="A wall", price=price)
    lab.sim.run(MINUTE)
    id_: str = lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"], quantity=1, **asked)["exchange_id"]
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.accept", id=id_)
    lab.sim.run(MINUTE)
    return id_


def show(lab: Lab, node: Any, id_: str) -> Any:
    return look(node, "exchange.show", lab.now, id=id_)


def states(shown: Any) -> dict[str, str]:
    return {d["id"]: d["state"] for d in shown["duties"]}


def typed(shown: Any, who: str = "you") -> list[str]:
    return [
        step["command"].split()[2] for step in shown["next"] if step["who"] == who and "attest" not in step["command"]
    ]


def balances(lab: Lab) -> tuple[int, int]:
    return tuple(lab.network(n).chain.state.balance for n in (lab.ben, lab.cleo))  # type: ignore[return-value]


def test_an_exchange_in_three_instalments():
    lab = Lab(11)
    id_ = agree(lab, "help", "2", instalments=3)
    shown = show(lab, lab.cleo, id_)
    assert [d["amount"] and d["amount"]["amount"] for d in shown["duties"]] == [None, 67, None, 67, None, 66]
    amount = {"amount": 200, "unit": "hour"}
    assert shown["settlement"] == {"state": "pending", "amount": amount, "paid": None, "witnessed": None}
    with pytest.raises(Refusal, match="first: help: A wall, part 1 of 3"):
        lab.ask(lab.cleo, "exchange.pay", id=id_)
    for k, paid in ((1, 67), (2, 134), (3, 200)):
        assert typed(show(lab, lab.ben, id_)) == ["done"] and typed(show(lab, lab.cleo, id_)) == []
        lab.ask(lab.ben, "exchange.done", id=id_)
        with pytest.raises(Refusal, match="first") if k < 3 else pytest.raises(Refusal, match="other side pays"):
            lab.ask(lab.ben, "exchange.done" if k < 3 else "exchange.pay", id=id_)
        lab.sim.run(MINUTE)
        assert "pay" in typed(show(lab, lab.cleo, id_))
        assert lab.ask(lab.cleo, "exchange.pay", id=id_)["duty"] == f"pay-{k}"
        lab.sim.run(MINUTE)
        assert balances(lab) == (paid, -paid)
    for node in (lab.ben, lab.cleo):
        shown = show(lab, node, id_)
        assert shown["status"] == "settled" and shown["settlement"]["state"] == "settled"
        assert {p["state"] for p in shown["payments"]} == {"settled"}
        assert shown["receipt"] == shown["payments"][-1]["receipt"]
        assert not lab.network(node).chain.audit().errors
    assert [p["receipt"] for p in show(lab, lab.ben, id_)["payments"]] == [
        p["receipt"] for p in show(lab, lab.cleo, id_)["payments"]
    ]
    assert lab.ask(lab.cleo, "exchange.pay", id=id_)["duty"] == "pay-3"  # typed once more: nothing is due
    assert balances(lab) == (200, -200)


def test_a_deposit_is_paid_before_and_comes_back_after():
    lab = Lab(12)
    id_ = agree(lab, "rent", "1/hour", deposit="5")
    assert show(lab, lab.ben, id_)["terms"]["deposit"] == {"amount": 500, "unit": "hour"}
    with pytest.raises(Refusal, match="first"):
        lab.ask(lab.ben, "exchange.handover", id=id_)
    with pytest.raises(Refusal, match="first: return A wall"):
        lab.ask(lab.ben, "exchange.pay", id=id_)
    assert lab.ask(lab.cleo, "exchange.pay", id=id_)["duty"] == "deposit"
    lab.sim.run(MINUTE)
    assert balances(lab) == (500, -500)
    lab.ask(lab.ben, "exchange.handover", id=id_)
    lab.sim.run(MINUTE)
    lab.ask(lab.cleo, "exchange.return", id=id_)
    lab.sim.run(MINUTE)
    assert set(typed(show(lab, lab.ben, id_))) == {"confirm", "pay"}
    assert lab.ask(lab.ben, "exchange.pay", id=id_)["duty"] == "refund"
    lab.sim.run(MINUTE)
    assert balances(lab) == (0, 0) and states(show(lab, lab.cleo, id_))["return"] == "confirmed"
    assert lab.ask(lab.cleo, "exchange.pay", id=id_, duty="pay")["duty"] == "pay"
    lab.sim.run(MINUTE)
    assert balances(lab) == (100, -100) and show(lab, lab.ben, id_)["status"] == "settled"


def test_the_next_step_says_which_payment_and_not_while_one_is_under_way():
    lab = Lab(12)
    id_ = agree(lab, "rent", "1/hour", deposit="5")

    def payments(shown: Any) -> list[str]:
        return [step["duty"] for step in shown["next"] if step["duty"] is not None]

    assert payments(show(lab, lab.cleo, id_)) == ["deposit"]
    lab.ben.alive = False
    assert payments(lab.ask(lab.cleo, "exchange.pay", id=id_)) == []
    lab.ben.alive = True
    lab.sim.run(MINUTE)
    assert payments(show(lab, lab.cleo, id_)) == ["pay"]


def test_both_call_it_off_and_the_deposit_goes_back_first():
    lab = Lab(13)
    id_ = agree(lab, "lend", "free", deposit="5")
    lab.ask(lab.cleo, "exchange.pay", id=id_)
    lab.sim.run(MINUTE)
    lab.ask(lab.cleo, "exchange.cancel", id=id_)
    lab.sim.run(MINUTE)
    assert "cancel" in typed(show(lab, lab.ben, id_))
    lab.ask(lab.ben, "exchange.cancel", id=id_)
    lab.sim.run(MINUTE)
    shown = show(lab, lab.ben, id_)
    assert shown["status"] == "active" and typed(shown) == ["pay"]
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "exchange.handover", id=id_)
    assert lab.ask(lab.ben, "exchange.pay", id=id_)["duty"] == "refund"
    lab.sim.run(MINUTE)
    assert balances(lab) == (0, 0)
    assert {show(lab, n, id_)["status"] for n in (lab.ben, lab.cleo)} == {"cancelled"}


def test_who_paid_after_asking_to_cancel_offers_no_way_back():
    lab = Lab(18)
    id_ = agree(lab, "sell", "1")
    lab.ask(lab.cleo, "exchange.cancel", id=id_)
    lab.sim.run(MINUTE)
    assert set(typed(show(lab, lab.ben, id_))) == {"handover", "cancel"} and typed(show(lab, lab.cleo, id_)) == []
    lab.ask(lab.cleo, "exchange.pay", id=id_)
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="under way or done"):
        lab.ask(lab.ben, "exchange.cancel", id=id_)
    assert typed(show(lab, lab.ben, id_)) == ["handover"]


def test_a_counter_keeps_the_steps_unless_it_names_others():
    lab = Lab(14)
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="help", title="A wall", price="6")
    lab.sim.run(MINUTE)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"], instalments=3)["exchange_id"]
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.counter", id=id_, price="9")
    lab.sim.run(MINUTE)
    assert [p["amount"]["amount"] for p in show(lab, lab.cleo, id_)["payments"]] == [300] * 3
    lab.ask(lab.cleo, "exchange.counter", id=id_, instalments=1)
    lab.sim.run(MINUTE)
    assert [p["duty"] for p in show(lab, lab.ben, id_)["payments"]] == ["pay"]
    with pytest.raises(Refusal, match="comes back"):
        lab.ask(lab.ben, "exchange.counter", id=id_, deposit="5")


def test_the_longest_proposal_in_steps_fits_into_the_agreement():
    lab = Lab(15)
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="help", title="雪" * 120, price="6")
    lab.sim.run(MINUTE)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"], instalments=MAX_INSTALMENTS)["exchange_id"]
    lab.sim.run(MINUTE)
    assert lab.ask(lab.ben, "exchange.accept", id=id_)["status"] == "agreed"


def propose_payment(lab: Lab, id_: str, duty: str, amount: int) -> bytes:
    """What a node of Cleo's that knows no rules would send: appended to her chain, and sent."""
    network = lab.network(lab.cleo)
    held = lab.cleo.core.exchanges.held[bytes.fromhex(id_)]
    view = lab.cleo.core.exchanges.view(held, lab.now)
    said = Settlement(
        lab.ben.core.state.me, amount, deal_of(held.id, duty), lab.now + 10 * MINUTE, terms_hash(view.terms)
    )
    full = encode_entry(network.chain.append("PAY_PROPOSE", said, None, lab.now))
    lab.sim.perform(lab.cleo, lab.cleo.core.begin(lab.now))
    return full


def test_the_payee_takes_a_payment_only_in_its_turn_and_only_as_agreed():
    lab = Lab(16)
    id_ = agree(lab, "help", "2", instalments=2)
    lab.meet(lab.ben)
    exchange, network = bytes.fromhex(id_), lab.network(lab.ben).id

    def becomes(duty: str, full: bytes) -> Payment:
        lab.say(lab.ben, messages.EntryMessage(network, full), lab.cleo.peer_id)
        return lab.ben.core.settlements.payment(network, deal_of(exchange, duty))

    early = propose_payment(lab, id_, "pay-1", 100)
    assert becomes("pay-1", early) is Payment.PENDING  # neither stored nor refused: it will be sent again
    assert becomes("pay-2", propose_payment(lab, id_, "pay-2", 99)) is Payment.RELEASED
    lab.ask(lab.ben, "exchange.done", id=id_)
    assert becomes("pay-1", early) is Payment.ACCEPTED
    assert becomes("pay-3", propose_payment(lab, id_, "pay-3", 100)) is Payment.PENDING
    assert not lab.network(lab.ben).chain.audit().errors


def test_the_ledger_speaks_of_the_exchange():
    lab = Lab(17)
    id_ = agree(lab, "help", "2", instalments=2)
    for _ in (1, 2):
        lab.ask(lab.ben, "exchange.done", id=id_)
        lab.sim.run(MINUTE)
        lab.ask(lab.cleo, "exchange.pay", id=id_)
        lab.sim.run(MINUTE)
    for node in (lab.ben, lab.cleo):
        for name in ("log", "export"):
            rows = look(node, f"ledger.{name}", lab.now)
            rows = rows["entries"] if name == "export" else rows
            mine = [(r["kind"], r["duty"]) for r in rows if r["exchange_id"] == id_]
            assert mine[0] == ("AGREE", None) and {d for _, d in mine[1:]} == {"pay-1", "pay-2"} and len(mine) == 5
            assert all(r["duty"] is None for r in rows if r["exchange_id"] != id_)


def test_one_payment_at_a_time():
    lab = Lab(18)
    id_ = agree(lab, "rent", "1/hour", deposit="5")
    lab.ben.alive = False
    for _ in range(2):  # typed twice, while the first is under way
        assert lab.ask(lab.cleo, "exchange.pay", id=id_)["duty"] == "deposit"
    with pytest.raises(Refusal, match="nothing is to be paid as pay-1"):
        lab.ask(lab.cleo, "exchange.pay", id=id_, duty="pay-1")
    assert lab.network(lab.cleo).chain.state.hold == 500
    assert not show(lab, lab.cleo, id_)["delivered"]
    assert lab.ask(lab.cleo, "exchange.pay", id=id_, duty="pay")["duty"] == "pay"
    assert lab.network(lab.cleo).chain.state.hold == 600


@pytest.mark.parametrize(
    ("deposit", "chosen"),
    [
        (Payment.PENDING, "deposit"),
        (Payment.PROPOSED, "deposit"),
        (Payment.ACCEPTED, "deposit"),
        (Payment.SETTLED, "pay"),
    ],
)
def test_the_next_payment_is_chosen_when_the_last_is_through(deposit, chosen):
    root = propose(kind="rent", deposit=(500, "hour"))
    view = seen([root, accept(root, BOB, root)], {"deposit": deposit})
    assert choose(view, ANN.author, None).id == chosen


def account(lab: Lab, node: Any, name: str) -> dict[str, int]:
    """What stands between a node and another, without vouches and what is nothing."""
    (row,) = look(node, "ledger.statement", lab.now, peer=name)["accounts"]
    return {k: v["amount"] for k, v in row.items() if isinstance(v, dict) and v["amount"] and "vouch" not in k}


def test_a_deposit_is_neither_given_nor_received():
    lab = Lab(19)
    id_ = agree(lab, "rent", "1/hour", deposit="5")
    lab.ask(lab.cleo, "exchange.pay", id=id_)
    lab.sim.run(MINUTE)
    assert account(lab, lab.cleo, "Ben") == {"deposit_with_them": 500}
    for node, whose in ((lab.cleo, "deposit_with_them"), (lab.ben, "deposit_with_us")):
        assert look(node, "ledger.balance", lab.now)[whose] == {"amount": 500, "unit": "hour"}
    assert account(lab, lab.ben, "Cleo") == {"deposit_with_us": 500}
    People(lab.sim, [lab.ben, lab.cleo], Random(1))
    lab.sim.run(20 * MINUTE)
    assert account(lab, lab.cleo, "Ben") == {"received": 100}
    assert account(lab, lab.ben, "Cleo") == {"given": 100}
    for node in (lab.ben, lab.cleo):
        total = look(node, "ledger.statement", lab.now)["total"]
        balance = look(node, "ledger.balance", lab.now)
        assert (total["given"], total["received"]) == (balance["given"], balance["received"])


def test_each_payment_can_be_proved_and_all_are_erased_together():
    lab = Lab(20)
    id_ = agree(lab, "help", "2", instalments=3)

    def prove(node: Any, **which: str) -> tuple[Any, Any]:
        made = lab.ask(node, "ledger.prove", exchange=id_, **which)
        return made, check_proof(b64decode(made["proof"]))

    assert prove(lab.ben)[0]["kind"] == "AGREE" and prove(lab.ben)[0]["duty"] is None
    with pytest.raises(Refusal, match="nothing of this yet"):
        prove(lab.ben, duty="pay-1")
    for k in (1, 2):
        lab.ask(lab.ben, "exchange.done", id=id_)
        lab.sim.run(MINUTE)
        lab.ask(lab.cleo, "exchange.pay", id=id_)
        lab.sim.run(MINUTE)
        for node in (lab.ben, lab.cleo):
            made, shown = prove(node)
            assert made["duty"] == f"pay-{k}" and made["exchange_id"] == id_ and shown["proves"] == "payment"
            assert shown["exchange_id"] == made["deal"] == deal_of(bytes.fromhex(id_), f"pay-{k}").hex()
    lab.ask(lab.ben, "exchange.done", id=id_)
    lab.sim.run(MINUTE)
    lab.ben.alive = False
    lab.ask(lab.cleo, "exchange.pay", id=id_)  # proposed, and no more
    assert prove(lab.cleo)[0]["duty"] == "pay-2" and prove(lab.cleo, duty="pay-1")[0]["duty"] == "pay-1"
    assert prove(lab.cleo, duty="pay-3")[1]["proves"] == "entry"
    with pytest.raises(Refusal, match="no payment deposit"):
        prove(lab.cleo, duty="deposit")
    assert lab.ask(lab.cleo, "ledger.erase", exchange=id_)["entries"] == 6


def test_an_export_names_each_payment_and_what_it_fulfils():
    lab = Lab(21)
    agree(lab, "help", "2", instalments=2)
    People(lab.sim, [lab.ben, lab.cleo], Random(1))
    lab.sim.run(20 * MINUTE)
    made = [
        json.loads("".join(as_valueflows([look(n, "ledger.export", lab.now, limit=500)])))["@graph"]
        for n in (lab.ben, lab.cleo)
    ]
    for graph in made:
        ids = {item["@id"]: item for item in graph}
        assert len(ids) == len(graph)
        events = [i for i in graph if i["@type"] == "vf:EconomicEvent"]
        assert [e["fulfills"].rpartition(":")[2] for e in events] == ["pay-1", "pay-2"]
        assert all(ids[e["fulfills"]]["reciprocalClauseOf"] == e["reciprocalRealizationOf"] for e in events)
    mine, theirs = ([i["@id"] for i in g if i["@type"] == "vf:EconomicEvent"] for g in made)
    assert mine == theirs


# With crashes, loss and duplication, and with somebody who stops


@pytest.mark.parametrize("seed", seeds(3, 1))
def test_in_bad_weather_it_ends_and_adds_up(seed):
    lab = Lab(100 + seed)
    rng = Random(seed)
    steps = agree(lab, "help", "2", instalments=3)
    behind = agree(lab, "rent", "1/hour", deposit="3")
    lab.sim.faults = storm(rng)
    people = People(lab.sim, [lab.ben, lab.cleo], rng)
    lab.sim.run(15 * MINUTE)
    lab.sim.faults = type(lab.sim.faults)()
    lab.sim.run(30 * MINUTE)
    for node in (lab.ben, lab.cleo):
        shown = [show(lab, node, i) for i in (steps, behind)]
        assert [s["status"] for s in shown] == ["closed", "closed"], people.refused
        assert not lab.network(node).chain.audit().errors
    assert balances(lab) == (300, -300)


@pytest.mark.parametrize("seed", range(5))
def test_when_one_stops_the_other_has_lost_one_step_at_most(seed):
    lab = Lab(200 + seed)
    rng = Random(seed)
    id_ = agree(lab, "help", "2", instalments=4)
    People(lab.sim, [lab.ben, lab.cleo], rng)
    lab.sim.run(rng.randrange(60) * SECOND)
    stops = rng.choice([lab.ben, lab.cleo])
    stops.alive = False
    lab.sim.run(5 * MINUTE)
    stays = lab.ben if stops is lab.cleo else lab.cleo
    shown = show(lab, stays, id_)
    worked = sum(50 for d, s in states(shown).items() if d.startswith("work") and s != "pending")
    paid = abs(lab.network(stays).chain.state.balance) + lab.network(stays).chain.state.hold
    assert abs(worked - paid) <= 50
    assert not lab.network(stays).chain.audit().errors
