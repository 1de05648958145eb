"""The vectors of sealed contacts hold in both directions."""

import json
from typing import Any

import pytest

from protocols.contact import Contact, encode_contact, open_contact
from protocols.errors import Reject
from protocols.identity import derive_seed, incept, seal_to
from tests.vectors.make import HERE

FILE: dict[str, Any] = json.loads((HERE / "contacts.json").read_text())
BOB = incept(b"bob".ljust(32))[0]
DEAL, ANN = bytes.fromhex(FILE["exchange"]), bytes.fromhex(FILE["author"])


def test_the_party_is_who_the_file_says():
    assert derive_seed(b"bob".ljust(32), 0).hex() == FILE["seed"] and BOB.public_key.hex() == FILE["public_key"]
    assert BOB.author.hex() == FILE["party"]


@pytest.mark.parametrize("case", FILE["valid"], ids=lambda c: c["name"])
def test_a_contact(case):
    contact = Contact(**case["contact"])
    assert open_contact(BOB, bytes.fromhex(case["sealed"]), exchange=DEAL, author=ANN) == contact
    plaintext = encode_contact(contact, exchange=DEAL, author=ANN, party=BOB.author)
    assert plaintext.hex() == case["plaintext"]
    assert seal_to(BOB.public_key, plaintext, bytes.fromhex(FILE["secret"])).hex() == case["sealed"]


@pytest.mark.parametrize("case", FILE["invalid"], ids=lambda c: c["name"])
def test_no_contact(case):
    with pytest.raises(Reject) as e:
        open_contact(BOB, bytes.fromhex(case["sealed"]), exchange=DEAL, author=ANN)
    assert e.value.code == case["code"]


def test_one_step_and_two():
    one, two = (len(case["plaintext"]) // 2 for case in FILE["valid"][2:4])
    assert (one, two) == (256, 512)
