"""What is erased, shown and proved of one exchange."""

import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from random import Random

import pytest

from ledger.entry import parse_entry, settlement_of
from ledger.proof import check_proof
from p2pnode.core.effects import Write
from p2pnode.core.events import Command
from p2pnode.core.keys import NODE, seq_key
from p2pnode.store import Store
from protocols.codec import decode
from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.street import People, look


@pytest.fixture(scope="module")
def lab() -> Lab:
    """Cleo rents Ben's mower for an hour and pays; both have rated."""
    made = Lab(3)
    listing = made.ask(made.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    made.sim.run(MINUTE)
    proposed = made.ask(made.cleo, "exchange.propose", listing=listing["listing_id"], quantity=1, note="at the gate")
    made.id = proposed["exchange_id"]
    people = People(made.sim, [made.ben, made.cleo], Random(1))
    made.sim.run(10 * MINUTE)
    assert look(made.ben, "exchange.show", made.now, id=made.id)["status"] == "closed", people.refused
    return made


def private(lab, node):
    chain = lab.network(node).chain
    return [seq for seq, full in chain.entries() if parse_entry(full).private is not None]


def test_what_is_erased_is_gone_and_everything_still_verifies(lab):
    before = {name: look(lab.cleo, f"ledger.{name}", lab.now) for name in ("log", "balance", "verify")}
    assert private(lab, lab.cleo)
    done = lab.ask(lab.cleo, "ledger.erase", exchange=lab.id[:10])
    assert done["exchange_id"] == lab.id and len(done["erased"]) == 1 and done["entries"] > 3
    assert private(lab, lab.cleo) == []
    assert {name: look(lab.cleo, f"ledger.{name}", lab.now) for name in before} == before
    assert before["verify"]["ok"]
    assert lab.ask(lab.cleo, "ledger.erase", exchange=lab.id)["erased"] == []
    assert private(lab, lab.ben)  # the other side's copy is the other side's


def test_an_erasure_purges_even_when_it_is_repeated(lab):
    """A crash may come between the batch and the purge: the same command again finishes the work."""
    for ticket in (1, 2):
        args = type("Args", (), {"exchange": lab.id, "network": None})()
        effects = lab.ben.core.handle(Command(ticket, "ledger.erase", args, f"request-{ticket}"), lab.now)
        writes = [e for e in effects if isinstance(e, Write)]
        lab.sim.perform(lab.ben, effects)
        network = lab.network(lab.ben)
        seqs = [int(row["seq"]) for row in look(lab.ben, "ledger.log", lab.now) if row["exchange_id"] == lab.id]
        assert len(writes) == 1 and writes[0].durable
        assert writes[0].purge == {seq_key(network.id, seq) for seq in seqs}


def test_an_unknown_exchange(lab):
    with pytest.raises(Refusal) as e:
        lab.ask(lab.cleo, "ledger.erase", exchange="ffffffffff")
    assert e.value.code == "not_found"


def proof(lab, node):
    made = look(node, "ledger.prove", lab.now, exchange=lab.id)
    content = b64decode(made["proof"])
    assert made["bytes"] == len(content) and made["exchange_id"] == lab.id
    return made, content


@pytest.mark.parametrize(("name", "kind"), [("ben", "PAY_RECEIPT"), ("cleo", "PAY_COMPLETE")])
def test_either_side_can_prove_the_payment(lab, name, kind):
    made, content = proof(lab, getattr(lab, name))
    shown = check_proof(content)
    assert made["kind"] == shown["kind"] == kind and made["head_seq"] == shown["head_seq"] > shown["seq"]
    assert shown["proves"] == "payment" and shown["amount"] == 100 and shown["exchange_id"] == lab.id
    assert shown["payer"] == lab.signer(lab.cleo).author.hex() and shown["payee"] == lab.signer(lab.ben).author.hex()
    assert shown["network"]["name"] == "Elm Street" and shown["network"]["unit"] == "hour"
    assert len(content) < 4_000


def test_a_proof_is_checked_without_node_home_and_network(lab, tmp_path):
    """In a process of its own that may not even open a socket."""
    (tmp_path / "proof.p2p").write_bytes(proof(lab, lab.ben)[1])
    code = (
        "import sys, socket\n"
        "def no(*a, **k): raise AssertionError('a socket')\n"
        "socket.socket = no\n"
        "from cli.main import main\n"
        "sys.exit(main(['ledger', 'check', 'proof.p2p', *sys.argv[1:]]))\n"
    )
    env = {"PYTHONPATH": os.getcwd(), "HOME": str(tmp_path / "nowhere"), "P2PNODE_HOME": str(tmp_path / "nowhere")}

    def check(*args):
        return subprocess.run(
            [sys.executable, "-c", code, *args], cwd=tmp_path, env=env, capture_output=True, text=True
        )

    run = check("--json")
    assert run.returncode == 0, run
    assert json.loads(run.stdout)["data"]["ok"] is True
    assert "The proof holds" in check().stdout and not (tmp_path / "nowhere").exists()
    broken = bytearray((tmp_path / "proof.p2p").read_bytes())
    broken[-5] ^= 1
    (tmp_path / "proof.p2p").write_bytes(broken)
    run = check("--json")
    assert run.returncode == 1 and json.loads(run.stdout)["error"]["code"] == "failed"


def test_a_chain_without_stored_nodes_makes_them_once(lab):
    """As one from a version that did not store them has none."""
    expected = proof(lab, lab.ben)[1]
    nodes = [key for key, _ in lab.ben.disk.scan(NODE)]
    assert len(nodes) >= 3
    lab.ben.disk.commit({}, nodes)
    assert [key for key, _ in lab.ben.disk.scan(NODE)] == []
    assert proof(lab, lab.ben)[1] == expected


def test_of_an_agreement_and_of_nothing_yet():
    lab = Lab(4)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Wood", price="free")
    lab.sim.run(MINUTE)
    lab.id = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal) as e:
        lab.ask(lab.ben, "ledger.prove", exchange=lab.id)
    assert e.value.code == "conflict"
    lab.ask(lab.ben, "exchange.accept", id=lab.id)
    lab.sim.run(MINUTE)
    for node in (lab.ben, lab.cleo):
        shown = check_proof(proof(lab, node)[1])
        assert shown["proves"] == "agreement" and shown["payer"] is None and shown["seq"] == shown["head_seq"]


def test_a_payee_whose_payer_stops_proves_the_acceptance():
    lab = Lab(5)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="Ladder", price="1")
    lab.sim.run(MINUTE)
    lab.id = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.accept", id=lab.id)
    lab.sim.run(MINUTE)
    lab.sim.ask(lab.cleo, "exchange.pay", id=lab.id)
    while look(lab.ben, "ledger.log", lab.now)[-1]["kind"] != "PAY_ACCEPT":
        lab.sim.run(1)
    lab.cleo.alive = False
    lab.sim.run(10 * MINUTE)
    made, content = proof(lab, lab.ben)
    shown = check_proof(content)
    assert made["kind"] == shown["kind"] == "PAY_ACCEPT" and shown["proves"] == "entry"
    said = settlement_of(parse_entry(decode(content)[3]))
    assert said is not None and parse_entry(said.half).kind == "PAY_PROPOSE"
    assert parse_entry(said.half).author == lab.signer(lab.cleo).author


@pytest.mark.parametrize("others", [0, 3_000])
def test_a_purge_leaves_no_older_value_in_any_file(tmp_path: Path, others: int):
    secret = Random(others).randbytes(48)

    def files() -> list[str]:
        return [f.name for f in tmp_path.rglob("*") if f.is_file() and secret in f.read_bytes()]

    store = Store.open(tmp_path)
    for i in range(others):
        store.commit({b"e%06d" % i: Random(i).randbytes(400)})
    store.commit({b"e000007": secret + bytes(50)}, durable=True)
    for i in range(others):
        store.commit({b"f%06d" % i: Random(i).randbytes(400)})
    store.commit({b"e000007": b"erased"}, durable=True)
    assert files()  # or the test could not fail: overwriting alone leaves it on the disk
    store.purge({b"e000007": b"erased"})
    assert files() == []
    assert store.get(b"e000007") == b"erased" and sum(1 for _ in store.scan(b"f")) == others
    store.close()


@pytest.mark.parametrize("others", [0, 3_000])
def test_a_purge_of_what_was_deleted_leaves_no_value_in_any_file(tmp_path: Path, others: int):
    secret = Random(others + 1).randbytes(48)

    def files() -> list[str]:
        return [f.name for f in tmp_path.rglob("*") if f.is_file() and secret in f.read_bytes()]

    store = Store.open(tmp_path)
    for i in range(others):
        store.commit({b"e%06d" % i: Random(i).randbytes(400)})
    store.commit({b"e000007": secret + bytes(50)}, durable=True)
    for i in range(others):
        store.commit({b"f%06d" % i: Random(i).randbytes(400)})
    store.commit({}, [b"e000007"], durable=True)
    assert files()
    store.purge({b"e000007": None})
    assert files() == []
    assert store.get(b"e000007") is None and sum(1 for _ in store.scan(b"f")) == others
    store.close()
