"""entries.json is what the script makes, and says what the code does."""

import json
from typing import Any

import pytest

from ledger.audit import verify_chain
from ledger.chain import ChainState, apply, check_place, start
from ledger.entry import encode_entry, parse_entry, settlement_of, verify_entry
from ledger.fork import parse_fork, verify_fork
from ledger.halves import proof_of_deal
from ledger.head import Head, decode_slot
from ledger.outcome import outcome
from ledger.tokens import parse_token, verify_token
from protocols.codec import decode, plain
from protocols.errors import Reject
from tests.vectors.json_form import from_json
from tests.vectors.make_entries import FILE, text

VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def walk(chain: str, count: int | None = None) -> ChainState:
    data = [bytes.fromhex(v["bytes"]) for v in VECTORS["valid"] if v["chain"] == chain]
    entries = [parse_entry(d) for d in data[:count]]
    state = start(bytes.fromhex(VECTORS["network"]), entries[0].author)
    for entry in entries:
        state = apply(state, entry, endowment=VECTORS["chains"][chain]["endowment"])
    return state


def test_the_script_makes_this_file() -> None:
    assert FILE.read_text(encoding="utf-8") == text()


@pytest.mark.parametrize("v", VECTORS["valid"], ids=lambda v: v["name"])
def test_valid(v: dict[str, Any]) -> None:
    entry = parse_entry(bytes.fromhex(v["bytes"]))
    verify_entry(entry)
    assert entry.id.hex() == v["id"]
    assert decode(entry.header) == from_json(v["header"])
    assert encode_entry(entry).hex() == v["shown"]
    said = None if entry.kind == "INCEPT" else settlement_of(entry)
    assert (said and plain(said)) == from_json(v["settlement"])


def test_the_chains_follow() -> None:
    assert walk("payer").figures == (-200, 0, 1000)
    assert walk("payee").figures == (200, 0, 0)
    assert walk("voucher").figures == (-20, 0, 1000)
    assert walk("subject").figures == (20, 0, 0)
    assert walk("witness").figures == (0, 0, 0)
    assert walk("debtor").figures == walk("creditor").figures == (0, 0, 0)


def test_the_entry_of_a_witness_embeds_its_token() -> None:
    entry = parse_entry(
        bytes.fromhex(next(v["bytes"] for v in VECTORS["valid"] if v["chain"] == "witness" and v["settlement"]))
    )
    said = settlement_of(entry)
    assert entry.kind == "WITNESS" and said is not None and said.amount == 0
    token = parse_token(said.half)
    verify_token(token)
    proposal = next(parse_entry(bytes.fromhex(v["bytes"])) for v in VECTORS["valid"] if v["id"] == token.proposal.hex())
    assert (token.witness, token.deal, said.counterparty) == (entry.author, said.deal, proposal.author)


@pytest.mark.parametrize("v", VECTORS["invalid"], ids=lambda v: v["name"])
def test_invalid(v: dict[str, Any]) -> None:
    with pytest.raises(Reject) as e:
        verify_entry(parse_entry(bytes.fromhex(v["bytes"])))
    assert e.value.code == v["code"]


@pytest.mark.parametrize("v", VECTORS["invalid_next"], ids=lambda v: v["name"])
def test_invalid_next(v: dict[str, Any]) -> None:
    entry = parse_entry(bytes.fromhex(v["bytes"]))
    verify_entry(entry)  # signed well, and still refused
    state = walk(v["chain"], v["after"])
    with pytest.raises(Reject) as e:
        apply(state, entry)
    assert e.value.code == v["code"]
    if v["code"] not in ("context", "age") or "completion" in v["why"]:
        check_place(state, entry)  # refused for the reason given, not for its place


@pytest.mark.parametrize("v", VECTORS["proofs"])
def test_proofs(v: dict[str, Any]) -> None:
    proof = proof_of_deal(parse_entry(bytes.fromhex(v["bytes"])))
    assert proof._asdict() == from_json(v["proves"])


@pytest.mark.parametrize("v", VECTORS["forks"])
def test_forks(v: dict[str, Any]) -> None:
    fork = parse_fork(bytes.fromhex(v["bytes"]))
    verify_fork(fork)
    assert (fork.author.hex(), fork.seq) == (v["author"], v["seq"])


@pytest.mark.parametrize("v", VECTORS["tokens"])
def test_tokens(v: dict[str, Any]) -> None:
    token = parse_token(bytes.fromhex(v["bytes"]))
    verify_token(token)
    assert {k: w for k, w in plain(token).items() if k != "wire"} == from_json(v["token"])


@pytest.mark.parametrize("v", VECTORS["later_tokens"], ids=lambda v: v["name"])
def test_tokens_of_a_later_key(v: dict[str, Any]) -> None:
    token = parse_token(bytes.fromhex(v["bytes"]))
    assert token.epoch == 1 and {k: w for k, w in plain(token).items() if k != "wire"} == from_json(v["token"])
    with pytest.raises(Reject) as e:
        verify_token(token)
    assert e.value.code == "context"  # nothing in it says which key it is
    if v["code"]:
        with pytest.raises(Reject) as e:
            verify_token(token, bytes.fromhex(v["key"]))
        assert e.value.code == v["code"]
    else:
        verify_token(token, bytes.fromhex(v["key"]))


@pytest.mark.parametrize("v", VECTORS["invalid_tokens"], ids=lambda v: v["name"])
def test_invalid_tokens(v: dict[str, Any]) -> None:
    with pytest.raises(Reject) as e:
        verify_token(parse_token(bytes.fromhex(v["bytes"])))
    assert e.value.code == v["code"]


def test_outcomes() -> None:
    said = [
        outcome(
            [parse_entry(bytes.fromhex(e)) for e in v["entries"]], [parse_token(bytes.fromhex(t)) for t in v["tokens"]]
        )
        for v in VECTORS["outcomes"]
    ]
    assert said == [v["outcome"] for v in VECTORS["outcomes"]]
    assert said == ["open", "provisional", "cancelled", "cancelled", "settled", "cancelled", "settled", "settled"]


@pytest.mark.parametrize("v", VECTORS["heads"])
def test_heads(v: dict[str, Any]) -> None:
    head = Head(bytes.fromhex(VECTORS["network"]), v["count"], bytes.fromhex(v["last"]))
    assert decode_slot(bytes.fromhex(v["bytes"])) == (head, v["generation"])


@pytest.mark.parametrize("v", VECTORS["audits"], ids=lambda v: v["name"])
def test_audits(v: dict[str, Any]) -> None:
    data = [bytes.fromhex(e) for e in v["entries"]]
    network, author = bytes.fromhex(VECTORS["network"]), parse_entry(data[0]).author
    report = verify_chain(data, network=network, author=author, endowment=v["endowment"])
    assert report.ok == v["ok"]
    assert [p.seq for p in report.errors] == ([] if v["ok"] else [len(data) - 1])
