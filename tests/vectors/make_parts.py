"""The chains of entries.json in which amounts come in parts: vouches and private claims."""

from typing import Any

import msgspec

from ledger.entry import Entry, encode_entry
from ledger.lending import BORROWS
from ledger.payloads import Settlement
from tests.ledger.people import ALICE, BOB, CAROL, Author

DEAL, VOUCH = b"1" * 32, b"3" * 32


def answer(entry: Entry, amount: int, deal: bytes, terms: bytes = b"") -> Settlement:
    return Settlement(entry.author, amount, deal, 0, terms, encode_entry(entry))


def parts() -> tuple[Author, Author]:
    """A vouch of 70: 20 come back, then a return of 30 and a take-over of 40 cross. Alice vouches for Bob."""
    a, b = Author(ALICE, endowment=1000, seed=5), Author(BOB, seed=6)
    given = a.write("VOUCH", Settlement(BOB.author, 70, VOUCH), now=400)
    b.write("VOUCH_ACCEPT", answer(given, 70, VOUCH), now=401)
    part = b.write("VOUCH_RETURN", Settlement(ALICE.author, 20, VOUCH), now=402)
    a.write("UNVOUCH", answer(part, 20, VOUCH), now=403)
    over = a.write("VOUCH_CONSUME", Settlement(BOB.author, 40, VOUCH), now=404)
    back = b.write("VOUCH_RETURN", Settlement(ALICE.author, 30, VOUCH), now=404)
    b.write("VOUCH_CONSUMED", answer(over, 20, VOUCH), now=405)
    a.write("VOUCH_RESTORE", answer(back, 20, VOUCH), now=405)
    a.write("UNVOUCH", answer(back, 30, VOUCH), now=405)
    return a, b


def claims() -> tuple[Author, Author]:
    """Alice owes Bob 3.50 EUR and pays in two parts; Bob says that she owes him 6 eggs, and she agrees."""
    a, b = Author(ALICE, seed=7), Author(BOB, seed=8)

    def said(other: Author, amount: int, id: bytes, unit: str, half: Entry | None = None, note: str = "") -> Settlement:
        embedded = b"" if half is None else encode_entry(msgspec.structs.replace(half, private=None))
        return Settlement(other.author, amount, id, 0, b"", embedded, unit=unit, note=note)

    owed = a.write("CLAIM", said(b, 350, b"5" * 32, "EUR", note="bread"), now=600)
    b.write("CLAIM_ACCEPT", said(a, 350, b"5" * 32, "EUR", owed), now=601)
    for amount, at in ((150, 602), (200, 604)):
        paid = b.write("CLAIM_PAID", said(a, amount, b"5" * 32, "EUR"), now=at)
        a.write("CLAIM_CLOSED", said(b, amount, b"5" * 32, "EUR", paid), now=at + 1)
    asked = b.write("CLAIM_ASK", said(a, 600, b"6" * 32, "eggs"), now=606)
    a.write("CLAIM_ACCEPT", said(b, 600, b"6" * 32, "eggs", asked), now=607)
    return a, b


def audits() -> list[dict[str, Any]]:
    """Whole chains in which each entry is right by itself: what the sums of a vouch allow, and what not."""

    def one(name: str, kind: str, over: str, amount: int, ok: bool = False) -> dict[str, Any]:
        a, b = parts()
        author, other = (b, a) if kind in BORROWS else (a, b)
        halves = [e for e in other.entries if e.kind == over]
        c = Author(CAROL, endowment=1000, seed=7)  # figures that would carry it
        if author is b:
            b.write("VOUCH_ACCEPT", answer(c.write("VOUCH", Settlement(BOB.author, 70, DEAL)), 70, DEAL))
        else:
            a.write("VOUCH", Settlement(CAROL.author, 70, DEAL))
        said = answer(halves[-1], amount, VOUCH) if halves else Settlement(other.author, amount, VOUCH)
        if kind:
            author.write(kind, said, now=500)
        return {
            "name": name,
            "endowment": author.endowment,
            "ok": ok,
            "entries": [encode_entry(e).hex() for e in author.entries],
        }

    return [
        one("as it was", "", "", 0, ok=True),
        one("one VOUCH_RETURN frees the hold twice", "UNVOUCH", "VOUCH_RETURN", 30),
        one("one VOUCH_RETURN restores and was used", "VOUCH_RESTORE", "VOUCH_RETURN", 20),
        one("more is taken over than is left", "VOUCH_CONSUME", "", 10),
        one("more returns than was accepted", "VOUCH_RETURN", "", 10),
        one("one VOUCH_CONSUME is taken in twice", "VOUCH_CONSUMED", "VOUCH_CONSUME", 20),
    ]
