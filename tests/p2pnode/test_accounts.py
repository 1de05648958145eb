"""Statements add up to the balance; exports hold the whole ledger, in forms that others read."""

import csv
import io
import json
from random import Random

import pytest

from ledger.entry import parse_entry
from p2pnode.exporting import CONTEXT, as_csv, as_jsonl, as_valueflows, pages
from protocols.codec import encode
from protocols.limits import MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.street import People, look


@pytest.fixture(scope="module")
def lab() -> Lab:
    """Cleo rented Ben's mower and paid 1.00; Anna's invites vouched 10.00 for each; Dora, whom Cleo has bought from,
    is away before she can take the payment."""
    made = Lab(5)
    mower = made.ask(made.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    jam = made.ask(made.dora, "listing.publish", direction="offer", kind="sell", title="Jam", price="2")
    made.sim.run(MINUTE)
    made.id = made.ask(made.cleo, "exchange.propose", listing=mower["listing_id"], quantity=1)["exchange_id"]
    second = made.ask(made.cleo, "exchange.propose", listing=jam["listing_id"], quantity=1)["exchange_id"]
    made.sim.run(MINUTE)
    made.ask(made.dora, "exchange.accept", id=second)
    made.sim.run(MINUTE)
    made.dora.alive = False
    People(made.sim, [made.ben, made.cleo], Random(1))
    made.ask(made.cleo, "exchange.pay", id=second)
    made.sim.run(10 * MINUTE)
    return made


def test_given_received_and_pending_stand_apart(lab):
    seen = look(lab.cleo, "ledger.statement", lab.now)
    by_name = {row["name"]: row for row in seen["accounts"]}
    assert set(by_name) == {"Anna", "Ben", "Dora"}

    def figures(name):
        return {k: v["amount"] for k, v in by_name[name].items() if isinstance(v, dict) and v["amount"]}

    assert figures("Ben") == {"received": 100} and by_name["Ben"]["payments"] == 1
    assert figures("Anna") == {"vouched_for_us": 1_000}
    assert figures("Dora") == {"pending_received": 200} and by_name["Dora"]["payments"] == 0
    balance = look(lab.cleo, "ledger.balance", lab.now)
    assert seen["total"]["given"] == balance["given"] and seen["total"]["received"] == balance["received"]
    assert seen["total"]["pending_received"] == balance["hold"]
    only = look(lab.ben, "ledger.statement", lab.now, peer="Cleo")
    assert [row["name"] for row in only["accounts"]] == ["Cleo"]
    assert only["accounts"][0]["given"]["amount"] == 100


def test_one_with_whom_there_is_nothing(lab):
    only = look(lab.ben, "ledger.statement", lab.now, peer="Dora")
    assert len(only["accounts"]) == 1 and only["total"]["payments"] == 0


def fetch(lab, node, limit=3):
    calls = []

    def page(first):
        calls.append(first)
        return look(node, "ledger.export", lab.now, first=first, limit=limit)

    return page, calls


def test_every_page_is_fetched_once(lab):
    page, calls = fetch(lab, lab.cleo)
    rows = [row for p in pages(page) for row in p["entries"]]
    assert [row["seq"] for row in rows] == list(range(len(rows))) and len(rows) == len(
        look(lab.cleo, "ledger.log", lab.now)
    )
    assert calls == list(range(0, len(rows), 3))


def test_json_lines_hold_what_was_signed(lab):
    page, _ = fetch(lab, lab.cleo)
    lines = [json.loads(line) for line in "".join(as_jsonl(pages(page))).splitlines()]
    inception = lab.signer(lab.cleo).inception
    for row in lines:
        settlement = bytes.fromhex(row["settlement"]) if row["settlement"] else None
        private = bytes.fromhex(row["private"]) if row["private"] else None
        full = [bytes.fromhex(row["header"]), bytes.fromhex(row["signature"]), inception, settlement, private]
        assert parse_entry(encode(full)).id.hex() == row["id"]


def test_csv(lab):
    page, _ = fetch(lab, lab.cleo)
    rows = list(csv.DictReader(io.StringIO("".join(as_csv(pages(page))))))
    payment = next(row for row in rows if row["kind"] == "PAY_COMPLETE")
    assert payment["amount"] == "1" and payment["balance"] == "-1" and payment["unit"] == "hour"
    assert payment["counterparty_name"] == "Ben" and payment["at"].endswith("Z")


def test_a_name_is_no_formula(lab):
    page = look(lab.cleo, "ledger.export", lab.now)
    for row in page["entries"]:
        row["counterparty_name"] = "=HYPERLINK(1)"
    rows = list(csv.DictReader(io.StringIO("".join(as_csv([page])))))
    assert {row["counterparty_name"] for row in rows} == {"'=HYPERLINK(1)"}


def test_nor_is_the_unit_of_a_network_that_somebody_founded(lab):
    page = look(lab.cleo, "ledger.export", lab.now)
    page["network"]["unit"] = "=cmd|x!A0"
    rows = list(csv.DictReader(io.StringIO("".join(as_csv([page])))))
    assert {row["unit"] for row in rows} == {"'=cmd|x!A0"}


def test_valueflows(lab):
    made = {}
    for name in ("cleo", "ben"):
        page, _ = fetch(lab, getattr(lab, name))
        made[name] = json.loads("".join(as_valueflows(pages(page))))
    graph = made["cleo"]["@graph"]
    ids = {item["@id"]: item for item in graph}
    assert len(ids) == len(graph)
    events = [i for i in graph if i["@type"] == "vf:EconomicEvent"]
    assert len(events) == 1 and events[0]["resourceQuantity"]["hasNumericalValue"] == "1"
    (event,) = events
    assert ids[event["reciprocalRealizationOf"]]["@type"] == "vf:Agreement"
    assert ids[event["fulfills"]]["@type"] == "vf:Commitment"
    assert ids[event["provider"]]["@type"] == "vf:Agent"
    rented = [
        i for i in graph if i["@type"] == "vf:Commitment" and i.get("clauseOf") == event["reciprocalRealizationOf"]
    ]
    assert {i["action"] for i in rented} == {"vf:transferCustody"}
    for item in graph:
        assert all(key in CONTEXT or key[0] == "@" for key in item)
    mirrored = next(i for i in made["ben"]["@graph"] if i["@type"] == "vf:EconomicEvent")
    assert {k: mirrored[k] for k in ("@id", "provider", "receiver")} == {
        k: event[k] for k in ("@id", "provider", "receiver")
    }


def test_erased_terms_are_not_exported():
    lab = Lab(6)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Wood", price="free")
    lab.sim.run(MINUTE)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.accept", id=id_)
    assert "Wood" in json.dumps(look(lab.ben, "ledger.export", lab.now))
    lab.ask(lab.ben, "ledger.erase", exchange=id_)
    page = look(lab.ben, "ledger.export", lab.now)
    assert "Wood" not in json.dumps(page) and "erased" in "".join(as_valueflows([page]))
