import json
from itertools import permutations

import pytest

from protocols.codec import decode
from protocols.errors import Reject
from protocols.exchange import Status, evaluate
from protocols.exchange_messages import encode_message, parse_message
from protocols.fact import parse_fact, verify_fact
from protocols.identity import digest
from protocols.payments import Payment
from protocols.steps import check_fact
from tests.vectors.make_exchanges import EXCHANGES, FACTS, exchange_json, fact_json, make_exchanges, make_facts

VECTORS = json.loads(FACTS.read_text())
SETS = json.loads(EXCHANGES.read_text())


def test_the_script_makes_the_files():
    assert (FACTS.read_text(), EXCHANGES.read_text()) == (make_facts(), make_exchanges())


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["kind"])
def test_valid(vector):
    fact = parse_fact(bytes.fromhex(vector["wire"]))
    check_fact(fact)
    verify_fact(fact)
    assert fact_json(fact) == vector


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda v: v["reason"])
def test_invalid(vector):
    with pytest.raises(Reject):
        fact = parse_fact(bytes.fromhex(vector["wire"]))
        check_fact(fact)
        verify_fact(fact)


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda v: v["type"])
def test_messages(vector):
    frame = bytes.fromhex(vector["frame"])
    assert encode_message(parse_message(frame)) == frame
    assert decode(frame)[0] == vector["type"]


@pytest.mark.parametrize("vector", VECTORS["claims"], ids=lambda v: f"{v['duty']}, {v['attempt']}")
def test_claims(vector):
    made = (
        b"p2pnode/v1/claim\0" + bytes.fromhex(vector["exchange"]) + bytes([vector["attempt"]]) + vector["duty"].encode()
    )
    assert digest(made).hex() == vector["claim"]


@pytest.mark.parametrize("vector", SETS, ids=lambda v: v["name"])
def test_sets(vector):
    facts = [parse_fact(bytes.fromhex(f)) for f in vector["facts"]]
    payment = Payment(vector["payment"])
    if "payments" in vector:
        payment = {duty: Payment(state) for duty, state in vector["payments"].items()}
    for order in list(permutations(facts))[:24]:
        assert exchange_json(vector["name"], [*order], payment, vector["now"]) | {"facts": vector["facts"]} == vector
    assert evaluate(facts * 2, payment, vector["credit"], vector["now"]).status == vector["status"]


def test_every_status_has_a_vector():
    assert {v["status"] for v in SETS} == set(Status)
