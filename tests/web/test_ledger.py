"""The ledger's pages: what can be spent, who signed what, files, proofs, and a neighbour's ledger."""

import csv
import io
import json
import re
from collections.abc import Iterator

import pytest

from ledger.proof import check_proof
from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street

NAME = HOSTILE[3]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Ben has paid Anna two hours for eggs, and offers to pay as much again, which she has not heard of. Each calls the
    other something hostile."""
    with open_street(tmp_path_factory.mktemp("street"), "anna", "ben") as made:
        lab = made.lab
        listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title=HOSTILE[0], price="2 hour")
        lab.ask(lab.anna, "peers.name", peer="Ben", name=NAME)
        lab.ask(lab.ben, "peers.name", peer="Anna", name=NAME)
        for last in (False, True):
            lab.sim.run(20_000)
            exchange = lab.ask(lab.ben, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
            for who, word in ((lab.anna, "accept"), (lab.anna, "handover"), (lab.ben, "confirm")):
                lab.sim.run(20_000)
                lab.ask(who, f"exchange.{word}", id=exchange)
            lab.sim.run(20_000)
            if last:
                lab.sim.crash(lab.anna, 10_000_000)
            lab.ask(lab.ben, "exchange.pay", id=exchange)
            lab.sim.run(20_000)
        yield made


def test_figures_and_who_signed(street: Street) -> None:
    page = street.browsers["ben"].get("/ledger")
    words = " ".join(page.words.split())
    assert page.status == 200
    assert "You can spend 6 hour" in words, "2 of 10 are paid, 2 are held"
    assert "Balance-2 hour" in words and "Given to others so far0 hour" in words
    assert "Not settled yet Payment offered 2 hour" in words and "waiting for the other side" in words
    entries = page.source[page.source.index('id="entries"') :]
    assert entries.count("You paid<") == entries.count("Payment offered<") == 1, "what is pending stands apart"
    assert entries.count("signed by both") >= 2 and NAME in words


def test_entries_with_one_neighbour(street: Street) -> None:
    ben = street.browsers["ben"]
    page = ben.get("/ledger")
    link = next(link for link, text in page.links if text == NAME)
    page = ben.get(link.partition("#")[0])
    assert f"Entries with {NAME}" in " ".join(page.words.split()) and "Your ledger begins" not in page.words
    assert "Your ledger begins" in ben.get("/ledger").words


def test_it_is_checked_in_words(street: Street) -> None:
    page = street.browsers["ben"].get("/ledger?check=yes")
    assert "All is well." in page.words and "entries were checked" in page.words


def test_files_come_as_files(street: Street) -> None:
    ben = street.browsers["ben"]
    page = ben.get("/ledger?file=csv")
    assert page.fields["content-disposition"] == 'attachment; filename="ledger.csv"'
    assert page.fields["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(page.source)))
    assert [row["kind"] for row in rows][:1] == ["INCEPT"] and rows[-1]["hold"] == "2"
    assert len(ben.get("/ledger?file=jsonl").source.splitlines()) == len(rows)
    assert json.loads(ben.get("/ledger?file=valueflows").source)["@graph"]


def test_a_proof_holds(street: Street) -> None:
    ben = street.browsers["ben"]
    page = ben.get("/ledger")
    link = next(link for link, text in page.links if text == "Proof" and "duty=pay" in link)
    page = ben.get(link)
    assert re.fullmatch(r'attachment; filename="proof-[0-9a-f]{8}\.p2p"', page.fields["content-disposition"])
    shown = check_proof(page.data)
    assert shown["proves"] == "payment" and shown["amount"] == 200
    assert ben.get("/ledger?prove=ffffffff").status == 404


def test_a_neighbours_ledger_is_audited_with_progress(street: Street) -> None:
    anna = street.lab.anna
    street.lab.sim.run(10_000_000)
    assert anna.alive
    ben = street.browsers["ben"]
    page = ben.get(f"/audit?peer={anna.peer_id}")
    assert "is fetched and checked" in page.words
    assert "ledger.audit" not in [name for name, _, _ in street.ports["ben"].calls], "the page comes first"
    page = ben.get(next(link for link, text in page.links if text == "Show the result"))
    assert "Sound as far as it is shown." in page.words and NAME in page.words
    page = ben.get("/audit?peer=nobody&go=yes")
    assert page.status == 200 and "did not come to an end" in page.words


def test_what_only_i_can_read_is_erased_after_a_question(street: Street) -> None:
    ben = street.browsers["ben"]
    ben.get("/ledger")
    page = ben.submit("/do/ledger.erase")
    assert "This cannot be undone." in page.words
    page = ben.submit("/do/ledger.erase")
    assert page.url == "/ledger" and "Done." in page.words


def test_in_no_network_it_says_what_to_do(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    port = street.ports["anna"]
    call = port.call

    async def nowhere(name: str, args: object, request_id: str | None) -> object:
        answer = await call(name, args, request_id)  # type: ignore[arg-type]
        return {**answer, "network": None, "networks": []} if name == "status" else answer

    monkeypatch.setattr(port, "call", nowhere)
    assert "No ledger yet" in street.browsers["anna"].get("/ledger").words
    assert street.browsers["anna"].get("/audit").status == 200
