"""Writes misconduct.json: `python -m tests.vectors.make_misconduct`. Records of misconduct, what they show, and others.

Each valid record comes with what it shows, each invalid one with the rung that refuses it and why. `endowment` is that
of the accused. Bytes are in hex.
"""

import json
from pathlib import Path
from typing import Any

from ledger.entry import encode_entry
from ledger.misconduct import booking_of, check_misconduct, evidence_between, evidence_of
from ledger.payloads import Settlement, encode_payload, salted
from protocols.codec import decode, encode
from protocols.double_booking import encode_rebuttal
from protocols.envelope import Record, seal
from protocols.limits import DURABLE_LIFETIME, HOUR
from protocols.misconduct import Misconduct, fact_name, parse_misconduct, seal_misconduct
from tests.ledger.people import ALICE, BOB, CAROL, DEAL, NET, Author
from tests.ledger.test_misconduct import forged
from tests.protocols.test_double_booking import ANN, CLEO, booked, challenge
from tests.strategies import NOW, network, signer

PATH = Path(__file__).with_name("misconduct.json")
ENDOWMENT = 100
FINDER = signer(1)


def accusations() -> dict[str, Misconduct]:
    author = Author(endowment=ENDOWMENT)
    incept = author.entries[0]
    a = author.write("PAY_PROPOSE", Settlement(BOB.author, 100, DEAL))
    less = salted(encode_payload(Settlement(BOB.author, 6, DEAL)), author.rng)
    found = {
        "a fork": evidence_between(a, forged(incept, kind="EVENT")),
        "overdrawn": evidence_of(forged(incept, hold=101), ENDOWMENT),
        "endowed by nobody": evidence_of(Author(endowment=ENDOWMENT + 1).entries[0], ENDOWMENT),
        "earned from nowhere": evidence_between(incept, forged(incept, kind="EVENT", balance=5)),
        "holds less than it promised": evidence_between(incept, forged(incept, hold=5, settlement=less)),
        "another entry before it": evidence_between(a, forged(a, prev=bytes([1] * 32), kind="EVENT")),
    }
    made = {name: Misconduct(e.accused, e.what, e.proof) for name, e in found.items() if e is not None}
    one, other = booked(ANN), booked(CLEO, NOW + HOUR)
    ended = [one.say(who, "cancel", NOW + 2_000) for who in (ANN, signer(2))]
    file = challenge(one, other)
    made["a double booking"] = booking_of(file)
    made["its rebuttal"] = booking_of(file, [encode_rebuttal(ended)])
    made["of a kind to come"] = Misconduct(ALICE.author, "gossip", b"\xc1 whatever")
    return made


def net_of(name: str) -> bytes:
    return network() if "book" in name or "rebut" in name else NET


def shown_json(record: Record) -> dict[str, Any] | None:
    shown = check_misconduct(parse_misconduct(record), record.network, ENDOWMENT)
    return None if shown is None else {"accused": shown.accused.hex(), "seq": shown.seq}


def make() -> dict[str, Any]:
    valid, made = [], accusations()
    for name, found in made.items():
        record = seal_misconduct(FINDER, net_of(name), found, created=NOW)
        valid.append({"name": name, "what": found.what, "wire": record.wire.hex(), "shows": shown_json(record)})
    return {
        "what": "records of misconduct; `shows` is null where a checker of this version is convinced of nothing",
        "endowment": ENDOWMENT,
        "valid": valid,
        "invalid": _invalid(made),
    }


def _invalid(made: dict[str, Misconduct]) -> list[dict[str, Any]]:
    out = []

    def add(of: str, name: str, code: str, why: str, who: Any = FINDER, net: bytes = b"", **changes: Any) -> None:
        found = made[of]
        fields: dict[str, Any] = {"accused": found.accused, "what": found.what, "proof": found.proof} | changes
        if found.place and "place" not in changes:
            fields["place"] = found.place
        header = fields.pop("header", fact_name(fields["accused"], fields["what"], fields.get("place", b"")))
        record = seal(
            who, network=net or net_of(of), kind="misconduct", name=header, created=NOW, until=NOW + DURABLE_LIFETIME,
            payload=encode(fields),
        )  # fmt: skip
        out.append({"name": name, "wire": record.wire.hex(), "code": code, "why": why})

    h1, s1, h2, s2, inception = decode(made["a fork"].proof)
    first, second = decode(made["earned from nowhere"].proof)
    sound = Author(endowment=ENDOWMENT)
    paid = sound.write("PAY_PROPOSE", Settlement(BOB.author, 100, DEAL))
    add("a fork", "a name of nothing", "field", "the name is that of the fact", header=bytes(32))
    add("a fork", "of oneself", "field", "nobody accuses himself", who=ALICE)
    add("a fork", "a place where there is none", "context", "of a fork one is enough", place=b"1")
    add("a fork", "somebody else's", "context", "the accused is its author", accused=CAROL.author)
    add("a fork", "of another network", "context", "the network is the record's", net=network())
    add("a fork", "not signed", "signature", "both are signed", proof=encode([h1, s1, h2, bytes(64), inception]))
    add("a fork", "the higher id first", "field", "it has one form", proof=encode([h2, s2, h1, s1, inception]))
    add("a fork", "one entry twice", "field", "two different ones", proof=encode([h1, s1, h1, s1, inception]))
    add("overdrawn", "within the limit", "state", "it breaks no rule", proof=encode_entry(paid))
    add("overdrawn", "as another thing", "field", "each has its own form", what="fork")
    add("earned from nowhere", "the other way round", "context", "in a row", proof=encode([second, first]))
    add(
        "earned from nowhere",
        "a sound pair",
        "state",
        "it breaks no rule",
        proof=encode([encode_entry(e) for e in sound.entries]),
    )
    add("a double booking", "of another place", "context", "the hash of its exchanges", place=bytes(32))
    add("its rebuttal", "as a double booking", "field", "each has its own form", what="double_booking")
    return out


if __name__ == "__main__":
    PATH.write_text(json.dumps(make(), indent=1, ensure_ascii=False) + "\n")
