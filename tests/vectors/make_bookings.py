"""Writes bookings.json: `python -m tests.vectors.make_bookings`. Challenges of double bookings, and rebuttals.

Each challenge comes with what it shows, or the rung that refuses it and why; each rebuttal with the challenge that it
is of, and with what it shows or why the challenge stands all the same. Bytes are in hex.
"""

import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from protocols.codec import decode, encode
from protocols.double_booking import (
    DoubleBooking,
    check_challenge,
    check_rebuttal,
    encode_agreement,
    encode_challenge,
    encode_rebuttal,
)
from protocols.errors import Reject
from protocols.fact import Fact
from protocols.identity import Signer
from protocols.limits import DAY, HOUR, MAX_CHALLENGE
from protocols.shown_keys import encode_with_keys
from protocols.terms import Duty
from tests.protocols.bookings import BOB, START, Deal, barn, later, rotation
from tests.strategies import NOW, signer

PATH = Path(__file__).with_name("bookings.json")
ANN, CLEO, DORA = signer(10), signer(11), signer(12)


def booked(by: Signer, at: int, **changes: Any) -> Deal:
    deal = Deal(barn(by, **changes), at)
    deal.accept(BOB, deal.root, at + 1)
    return deal


def offered(by: Signer, at: int, until: int) -> Deal:
    deal = Deal(barn(by), at)
    deal.accept(by, deal.counter(BOB, deal.root, at + 1, expires=until), at + 2)
    return deal


def of_later_key() -> bytes:
    one, other = Deal(barn(ANN), NOW), Deal(barn(CLEO), NOW)
    one.accept(BOB, one.root, NOW + 1)
    other.accept(later(2, 2), other.root, NOW + 2)
    return challenge(one, other)


def challenge(*deals: Deal) -> bytes:
    return encode_challenge([deal.agreement for deal in deals])


def shown_json(shown: DoubleBooking) -> dict[str, Any]:
    return {
        "provider": shown.provider.hex(),
        "network": shown.network.hex(),
        "name": shown.name.hex(),
        "title": shown.title,
        "exchanges": [e.hex() for e in shown.exchanges],
        "from": shown.overlap.start,
        "until": shown.overlap.end,
        "booked": shown.booked,
        "capacity": shown.capacity,
        "at": shown.at,
    }


def make() -> str:
    ann, cleo = booked(ANN, NOW), booked(CLEO, NOW + 100, start=START + HOUR, end=START + 3 * HOUR)
    dora = booked(DORA, NOW + 200)
    two = [booked(p, NOW, capacity=2) for p in (ANN, CLEO, DORA)]
    lapsed, late = offered(ANN, NOW, NOW + 10), booked(CLEO, NOW + 100)
    known = offered(ANN, NOW, NOW + 10)
    known.know(NOW + 50)
    pair = challenge(ann, cleo)
    valid = {
        "two at once": pair,
        "three of two": challenge(*two),
        "an offer that stood": challenge(offered(ANN, NOW, NOW + DAY), cleo),
        "an offer that had lapsed, and that he knew to be accepted": challenge(known, late),
        "with a later key of his": encode_with_keys(of_later_key(), [rotation(2, 1), rotation(2, 2)]),
    }
    magic, version, rows = decode(pair, MAX_CHALLENGE)
    header, _, inception = decode(rows[0][0])
    forged = encode([header, bytes(64), inception])
    invalid = [
        ("another magic", encode(["p2pnode-double-bookinG", version, rows])),
        ("an unknown version", encode([magic, 2, rows])),
        ("one agreement", encode([magic, version, rows[:1]])),
        ("one exchange twice", encode([magic, version, [rows[0], rows[0]]])),
        ("a signature of zeros", encode([magic, version, [[forged, rows[0][1]], rows[1]]])),
        ("the acceptance of other terms", encode([magic, version, [[rows[0][0], rows[1][1]], rows[1]]])),
        ("within the capacity", challenge(*two[:2])),
        ("one ends when the other begins", challenge(ann, booked(CLEO, NOW, start=START + 2 * HOUR, end=START + DAY))),
        ("an offer that had lapsed", challenge(lapsed, late)),
        ("with a later key that nothing shows", of_later_key()),
        ("with a later key, and not all that leads to it", encode_with_keys(of_later_key(), [rotation(2, 2)])),
        ("with the later key of somebody else", encode_with_keys(of_later_key(), [rotation(3, 1), rotation(3, 2)])),
    ]
    return json.dumps(
        {
            "agreement": encode_agreement(ann.agreement).hex(),
            "valid": [{"name": k, "bytes": v.hex(), "shows": shown_json(check_challenge(v))} for k, v in valid.items()],
            "invalid": [{"why": why, "code": refused(data), "bytes": data.hex()} for why, data in invalid],
            "rebuttals": [rebuttal(*row) for row in rebuttals(ann, cleo, dora, known, late)],
        },
        indent=1,
    ) + "\n"  # fmt: skip


def rebuttals(ann: Deal, cleo: Deal, dora: Deal, known: Deal, late: Deal) -> list[tuple[str, bytes, list[Fact]]]:
    pair = challenge(ann, cleo)
    cancels = [ann.say(by, "cancel", NOW + 50) for by in (ANN, BOB)]
    too_late = [ann.say(by, "cancel", NOW + 102) for by in (ANN, BOB)]
    moved = ann.amend(BOB, NOW + 50, start=START + DAY, end=START + 2 * DAY)
    agreed = ann.accept(ANN, moved, NOW + 60, keep=False)
    offer = offered(ANN, NOW, NOW + DAY)
    declined = offer.say(ANN, "decline", NOW + 2, offer.agreement.fact)
    knew = known.say(ANN, "decline", NOW + 2, known.agreement.fact)
    lent = booked(ANN, NOW, duties=both_ways())
    back = [lent.say(by, kind, START + HOUR, duty="return") for by, kind in ((ANN, "done"), (BOB, "confirm"))]
    rest = booked(CLEO, START + HOUR, start=START + HOUR, end=START + 2 * HOUR, expires=START + DAY)
    return [
        ("cancelled by both before", pair, cancels),
        ("moved before", pair, [moved, agreed]),
        ("his offer was declined", challenge(offer, cleo), [declined]),
        ("cancelled by one, who may not do so alone", pair, cancels[1:]),
        ("cancelled by him too late", pair, too_late),
        ("an amendment that nobody accepted", pair, [moved]),
        ("his offer was declined, and he knew that it was accepted after all", challenge(known, late), [knew]),
        ("of another exchange", challenge(cleo, dora), cancels),
        ("returned before, as both have signed", challenge(lent, rest), back),
        ("returned before, as one says", challenge(lent, rest), back[1:]),
    ]


def both_ways() -> tuple[Duty, ...]:
    out = barn(ANN).duties[0]
    return out, replace(out, id="return", what="leave the barn", provider=ANN.author, receiver=BOB.author)


def rebuttal(name: str, data: bytes, said: list[Fact]) -> dict[str, Any]:
    shown = encode_rebuttal(said)
    row = {"name": name, "challenge": data.hex(), "bytes": shown.hex()}
    try:
        found = check_rebuttal(data, [shown])
    except Reject as e:
        return {**row, "code": e.code}
    return {**row, "exchange": found.exchange.hex(), "reason": found.reason}


def refused(data: bytes) -> str:
    try:
        check_challenge(data)
    except Reject as e:
        return e.code
    raise AssertionError("it holds")


if __name__ == "__main__":
    PATH.write_text(make())
