"""Makes entries.json beside this file: `python -m tests.vectors.make_entries`. Deterministic.

Two authors settle one deal, refuse another and move a vouch. `valid` holds every entry in full form, in the order of
its chain; `invalid` what is refused without knowing the chain; `invalid_next` what is refused after the first `after`
entries of a chain; `proofs` what one entry proves alone; `forks` and `heads` the two other signed or stored forms.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ledger.entry import Entry, encode_entry, settlement_of, sign_entry
from ledger.fork import encode_fork, fork_of
from ledger.halves import proof_of_deal
from ledger.head import Head, encode_slot
from ledger.merkle import root
from ledger.outcome import outcome
from ledger.payloads import Settlement, encode_payload, salted
from ledger.tokens import parse_token, sign_token
from protocols.codec import decode, encode, plain
from protocols.identity import Signer, derive_seed, incept
from tests.ledger.people import ALICE, BOB, CAROL, NET, Author, settle
from tests.vectors.json_form import jsonable
from tests.vectors.make_parts import DEAL, VOUCH, answer, audits, claims, parts

FILE = Path(__file__).parent / "entries.json"
WITNESSED = b"4" * 32
REFUSED, TERMS = b"2" * 32, b"t" * 32


def make() -> dict[str, Any]:
    a, b = Author(ALICE, endowment=1000, seed=1), Author(BOB, seed=2)
    settle(a, b, 200, DEAL, now=100)
    refuse(a, b)
    vouch(a, b)
    a.write("EVENT", Settlement(BOB.author, 0, DEAL), b"cash, 5 EUR", now=300)
    witnessed = cancel(a)
    voucher, subject = parts()
    debtor, creditor = claims()
    return {
        "what": "entries of two personal chains",
        "network": NET.hex(),
        "people": [
            {"name": n, "entropy": e.hex(), "author": x.author.hex(), "inception": x.signer.inception.hex()}
            for n, e, x in (("payer", b"a" * 32, a), ("payee", b"b" * 32, b))
        ],
        "chains": {
            "payer": {"endowment": 1000},
            "payee": {"endowment": 0},
            "voucher": {"endowment": 1000},
            "subject": {"endowment": 0},
            "debtor": {"endowment": 0},
            "creditor": {"endowment": 0},
            "witness": {"endowment": 0},
        },
        "valid": [
            shown(chain, e)
            for chain, x in (
                ("payer", a),
                ("payee", b),
                ("voucher", voucher),
                ("subject", subject),
                ("debtor", debtor),
                ("creditor", creditor),
                ("witness", witness(witnessed)),
            )
            for e in x.entries
        ],
        "invalid": invalid(a),
        "invalid_next": invalid_next(),
        "proofs": proofs(a, b),
        "forks": forks(),
        "tokens": tokens(witnessed),
        "later_tokens": later_tokens(witnessed),
        "invalid_tokens": invalid_tokens(witnessed),
        "outcomes": outcomes(a, b, witnessed),
        "heads": [
            {"count": h.count, "last": h.last.hex(), "generation": g, "bytes": encode_slot(h, g).hex()}
            for h, g in ((Head(NET, 0), 0), (Head(NET, a.state.count, a.state.head), 7))
        ],
        "audits": audits(),
    }


def refuse(a: Author, b: Author) -> None:
    proposed = a.write("PAY_PROPOSE", Settlement(BOB.author, 30, REFUSED, 10_000, TERMS), now=200)
    released = b.write("PAY_RELEASE", answer(proposed, 30, REFUSED, TERMS), now=201)
    a.write("PAY_CANCEL", answer(released, 30, REFUSED, TERMS), now=202)


def vouch(a: Author, b: Author) -> None:
    given = a.write("VOUCH", Settlement(BOB.author, 70, VOUCH), now=250)
    b.write("VOUCH_ACCEPT", answer(given, 70, VOUCH), now=251)
    returned = b.write("VOUCH_RETURN", Settlement(ALICE.author, 70, VOUCH), now=252)
    a.write("UNVOUCH", answer(returned, 70, VOUCH), now=253)


def cancel(a: Author) -> Entry:
    """A payment that a witness cancels; returns the proposal."""
    said = Settlement(BOB.author, 20, WITNESSED, 320, TERMS, witnesses=(CAROL.author,), quorum=1)
    proposed = a.write("PAY_PROPOSE", said, now=310)
    asked = a.write("PAY_CANCELREQ", Settlement(BOB.author, 20, WITNESSED, 0, TERMS, encode_entry(proposed)), now=321)
    wire = sign_token(CAROL, NET, WITNESSED, proposed.id, "cancel", 322).wire
    said = Settlement(BOB.author, 20, WITNESSED, 0, TERMS, encode_entry(asked), tokens=(wire,))
    a.write("PAY_CANCEL", said, now=323)
    return proposed


def witness(proposed: Entry) -> Author:
    """Who called that payment off, with its decision in its own chain."""
    carol = Author(CAROL, seed=10)
    wire = sign_token(CAROL, NET, WITNESSED, proposed.id, "cancel", 322).wire
    carol.write("WITNESS", Settlement(ALICE.author, 0, WITNESSED, half=wire), now=322)
    return carol


def later_tokens(proposed: Entry) -> list[dict[str, Any]]:
    """What a witness signs after its first rotation, to be checked with `key`: that epoch's, and another."""
    entropy = b"c" * 32
    first, inception = incept(entropy)
    second = Signer(derive_seed(entropy, 1), inception, 1)
    token = sign_token(second, NET, WITNESSED, proposed.id, "cancel", 330)
    said = jsonable({k: v for k, v in plain(token).items() if k != "wire"})
    return [
        {"name": name, "bytes": token.wire.hex(), "token": said, "key": signer.public_key.hex(), "code": code}
        for name, signer, code in (
            ("with the key of epoch 1", second, ""),
            ("with the first key", first, "signature"),
        )
    ]


def tokens(proposed: Entry) -> list[dict[str, Any]]:
    made = [sign_token(CAROL, NET, WITNESSED, proposed.id, d, 322) for d in ("accept", "cancel")]
    return [
        {"bytes": t.wire.hex(), "token": jsonable({k: v for k, v in plain(t).items() if k != "wire"})} for t in made
    ]


def invalid_tokens(proposed: Entry) -> list[dict[str, Any]]:
    wire = sign_token(CAROL, NET, WITNESSED, proposed.id, "cancel", 322).wire
    outer: list[Any] = decode(wire)
    body: list[Any] = decode(outer[0])
    maybe = encode([*body[:4], "maybe", *body[5:]])
    return [
        case("changed signature", encode([outer[0], bytes(64), outer[2]]), "signature", "the signature does not hold"),
        case("another's inception", encode([*outer[:2], BOB.inception]), "signature", "it is not the witness's"),
        case("signed as an entry", encode([outer[0], CAROL.sign("entry", outer[0]), outer[2]]), "signature", "domain"),
        case("unknown decision", encode([maybe, CAROL.sign("token", maybe), outer[2]]), "field", "accept or cancel"),
        case("two parts", encode(outer[:2]), "field", "a token has three parts"),
    ]


def outcomes(a: Author, b: Author, proposed: Entry) -> list[dict[str, Any]]:
    """What follows from a set of entries and tokens."""
    answer_ = Settlement(ALICE.author, 20, WITNESSED, 0, TERMS, encode_entry(proposed))
    accepted, late, released = (
        Author(BOB, seed=9).write(k, answer_, now=at)
        for k, at in (("PAY_ACCEPT", 315), ("PAY_ACCEPT", 321), ("PAY_RELEASE", 315))
    )
    yes, no = (sign_token(CAROL, NET, WITNESSED, proposed.id, d, 322).wire for d in ("accept", "cancel"))
    completed = Author(ALICE, endowment=1000, seed=9)
    completed.write("PAY_PROPOSE", Settlement(BOB.author, 20, WITNESSED, 0, TERMS), now=310)
    done = completed.write("PAY_COMPLETE", answer(accepted, 20, WITNESSED, TERMS), now=330)
    sets: list[tuple[list[Entry], list[bytes]]] = [
        ([proposed], []),
        ([accepted], []),
        ([late], []),
        ([accepted], [no]),
        ([accepted], [yes, no]),
        ([accepted, released], [yes]),
        ([released, done], [no]),
        ([b.entries[1]], []),
    ]
    return [
        {
            "entries": [encode_entry(e).hex() for e in entries],
            "tokens": [t.hex() for t in wires],
            "outcome": outcome(entries, [parse_token(t) for t in wires]),
        }
        for entries, wires in sets
    ]


def shown(chain: str, e: Entry) -> dict[str, Any]:
    said = None if e.kind == "INCEPT" else settlement_of(e)
    return {
        "name": f"{chain} {e.seq} {e.kind}",
        "chain": chain,
        "bytes": encode_entry(e, private=True).hex(),
        "id": e.id.hex(),
        "header": jsonable(decode(e.header)),
        "settlement": None if said is None else jsonable(plain(said)),
        "shown": encode_entry(e).hex(),
    }


def case(name: str, data: bytes, code: str, why: str) -> dict[str, Any]:
    return {"name": name, "bytes": data.hex(), "code": code, "why": why}


def invalid(a: Author) -> list[dict[str, Any]]:
    entry = a.entries[1]
    outer: list[Any] = decode(encode_entry(entry, private=True))
    header: list[Any] = decode(entry.header)

    def with_header(index: int, value: Any) -> bytes:
        h = encode([*header[:index], value, *header[index + 1 :]])
        return encode([h, a.signer.sign("entry", h), *outer[2:]])

    def with_part(index: int, value: Any) -> bytes:
        return encode([*outer[:index], value, *outer[index + 1 :]])

    fields = [
        (0, 2, "an unknown version"),
        (1, bytes(16), "no network: 16 zero bytes are for the genesis record"),
        (1, b"n" * 15, "the network has 15 bytes"),
        (2, b"a" * 31, "the author has 31 bytes"),
        (3, -1, "a negative epoch"),
        (4, -1, "a negative seq"),
        (4, 0, "seq 0 with a predecessor"),
        (5, bytes(32), "seq 1 without a predecessor"),
        (6, b"", "no root"),
        (7, "pay_propose", "a kind is written in capitals"),
        (7, "INCEPT", "an INCEPT that is not the first entry"),
        (7, "P" * 33, "a kind of 33 characters"),
        (8, -1, "a time before 1970"),
        (9, True, "a boolean is no integer"),
        (10, -1, "a negative hold"),
        (11, -1, "a negative limit"),
        (12, b"", "no settlement hash"),
    ]
    cases = [case(f"header field {i}: {why}", with_header(i, v), "field", why) for i, v, why in fields]
    long = outer[3] + b"\0"
    return [
        *cases,
        case("header too short", encode([encode(header[:13]), *outer[1:]]), "field", "13 fields"),
        case("signature of 63 bytes", with_part(1, outer[1][:63]), "field", "the signature has 63 bytes"),
        case("changed signature", with_part(1, bytes(64)), "signature", "the signature does not hold"),
        case("signed as a record", with_part(1, a.signer.sign("profile", entry.header)), "signature", "other domain"),
        case("another's inception", with_part(2, BOB.inception), "signature", "it does not hash to the author"),
        case("changed settlement", with_part(3, long), "context", "it does not hash to settlement_hash"),
        case("changed private", with_part(4, outer[4] + b"\0"), "context", "it does not hash to private_hash"),
        case("short payload", with_part(3, outer[3][:15]), "field", "shorter than its salt"),
        case("payload as text", with_part(3, "text"), "field", "a payload is binary"),
        case("four parts", encode(outer[:4]), "field", "the full form has five parts"),
        case("trailing byte", encode_entry(entry) + b"\0", "decode", "bytes after the value"),
        case("not canonical", b"\xdc\x00\x05" + encode_entry(entry)[1:], "decode", "array16 for five items"),
    ]


def invalid_next() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []

    def chains() -> tuple[Author, Author]:
        a, b = Author(ALICE, endowment=1000, seed=1), Author(BOB, seed=2)
        settle(a, b, 200, DEAL, now=100)
        return a, b

    def add(chain: str, after: int, code: str, why: str, build: Callable[[Author, int], bytes]) -> None:
        a, b = chains()
        author = a if chain == "payer" else b
        cases.append({"chain": chain, "after": after, **case(why, build(author, after), code, why)})

    def forged(kind: str, figures: tuple[int, int, int], said: Settlement | None, **other: Any) -> Any:
        def build(author: Author, after: int) -> bytes:
            ids = [e.id for e in author.entries[:after]]
            fields = {
                "network": NET,
                "seq": after,
                "prev": ids[-1],
                "root": root(ids),
                "kind": kind,
                "at": 900,
                "settlement": None if said is None else salted(encode_payload(said), author.rng),
                **other,
            }
            balance, hold, limit = figures
            return encode_entry(
                sign_entry(author.signer, balance=balance, hold=hold, limit=limit, private=None, **fields)
            )

        return build

    a, b = chains()
    proposed, completed = a.entries[1], a.entries[2]
    accepted = b.entries[1]
    pay = Settlement(BOB.author, 10, REFUSED)
    got = (200, 0, 0)
    add("payer", 3, "context", "prev is another entry", forged("PAY_PROPOSE", (-200, 10, 1000), pay, prev=b"x" * 32))
    add("payer", 3, "context", "the root is another", forged("PAY_PROPOSE", (-200, 10, 1000), pay, root=b"x" * 32))
    add("payer", 3, "context", "a seq was left out", forged("PAY_PROPOSE", (-200, 10, 1000), pay, seq=4))
    add("payer", 3, "age", "the time goes back", forged("PAY_PROPOSE", (-200, 10, 1000), pay, at=1))
    add("payer", 3, "state", "hold moves by another amount", forged("PAY_PROPOSE", (-200, 11, 1000), pay))
    add("payer", 3, "state", "the limit was raised by nobody", forged("PAY_PROPOSE", (-200, 10, 1001), pay))
    over = Settlement(BOB.author, 801, REFUSED)
    add("payer", 3, "state", "balance − hold is below −limit", forged("PAY_PROPOSE", (-200, 801, 1000), over))
    zero = Settlement(BOB.author, 0, REFUSED)
    add("payer", 3, "field", "a payment of nothing", forged("PAY_PROPOSE", (-200, 0, 1000), zero))
    self_ = Settlement(ALICE.author, 10, REFUSED)
    add("payer", 3, "state", "a payment to oneself", forged("PAY_PROPOSE", (-200, 10, 1000), self_))
    add("payer", 3, "field", "no settlement payload", forged("PAY_PROPOSE", (-200, 10, 1000), None))
    add("payer", 3, "state", "an unknown kind moves nothing", forged("GRANT", (0, 0, 1000), None))
    half = msgspec.structs.replace(pay, half=encode_entry(accepted))
    add("payer", 3, "field", "a proposal embeds nothing", forged("PAY_PROPOSE", (-200, 10, 1000), half))
    again = answer(completed, 200, DEAL, TERMS)
    broken = msgspec.structs.replace(completed, signature=bytes(64))
    for code, why, said in (
        ("decode", "a receipt without the payer's half", msgspec.structs.replace(again, half=b"")),
        ("state", "a receipt over a mere proposal", answer(proposed, 200, DEAL, TERMS)),
        ("signature", "the payer did not sign the completion", answer(broken, 200, DEAL, TERMS)),
        ("context", "the completion is of another deal", answer(completed, 200, REFUSED, TERMS)),
        ("context", "the completion is of another amount", answer(completed, 201, DEAL, TERMS)),
    ):
        figures = (said.amount, 0, 0)
        add("payee", 2, code, why, forged("PAY_RECEIPT", figures, said))
    short = Settlement(BOB.author, 10, REFUSED, 500)
    proposal = Author(ALICE, endowment=1000, seed=3).write("PAY_PROPOSE", short, now=5)
    late = Author(BOB, seed=4).write("PAY_ACCEPT", answer(proposal, 10, REFUSED), now=501)
    add("payer", 1, "state", "a completion over a void acceptance", over_late(late))
    unknown = Settlement(ALICE.author, 5, VOUCH, half=encode_entry(proposed))
    add("payee", 3, "state", "limit from something that is no vouch", forged("VOUCH_ACCEPT", (*got[:2], 5), unknown))
    return cases


def over_late(late: Entry) -> Callable[[Author, int], bytes]:
    """The payer proposes and then completes over an acceptance that came after the expiry."""

    def build(author: Author, after: int) -> bytes:
        ids = [e.id for e in author.entries[:after]]
        said = answer(late, 10, REFUSED)
        entry = sign_entry(
            author.signer,
            network=NET,
            seq=after,
            prev=ids[-1],
            root=root(ids),
            kind="PAY_COMPLETE",
            at=900,
            balance=-10,
            hold=0,
            limit=1000,
            settlement=salted(encode_payload(said), author.rng),
            private=None,
        )
        return encode_entry(entry)

    return build


def proofs(a: Author, b: Author) -> list[dict[str, Any]]:
    entries = [next(e for e in x.entries if e.kind == k) for x, k in ((a, "PAY_COMPLETE"), (b, "PAY_RECEIPT"))]
    return [{"bytes": encode_entry(e).hex(), "proves": jsonable(proof_of_deal(e)._asdict())} for e in entries]


def forks() -> list[dict[str, Any]]:
    twins = [Author(ALICE, endowment=1000, seed=s) for s in (1, 1)]
    first, second = (
        t.write("PAY_PROPOSE", Settlement(BOB.author, 10, d), now=5)
        for t, d in zip(twins, (DEAL, REFUSED), strict=True)
    )
    fork = fork_of(first, second)
    assert fork is not None
    return [{"bytes": encode_fork(fork).hex(), "author": fork.author.hex(), "seq": fork.seq}]


def text() -> str:
    return json.dumps(make(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
