"""Writes chains.json: `python -m tests.vectors.make_chains`. Messages that show a chain and that give it back; always
the same bytes."""

import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ledger.entry import encode_entry
from ledger.payloads import Settlement
from protocols import ledger_messages, recovery_messages
from protocols.codec import encode
from protocols.limits import MAX_ENTRY, MAX_INT, MAX_SHOWN
from tests.ledger.people import ALICE, BOB, NET, Author
from tests.vectors.make_gossip import fields

PATH = Path(__file__).with_name("chains.json")


def chain() -> list[bytes]:
    """Three entries as a keeper gets them: only the settlement payload of the one that names it."""
    alice = Author(ALICE, endowment=1_000, seed=5)
    alice.write("EVENT", Settlement(BOB.author, 0, b"1" * 32), now=10)
    alice.write("EVENT", Settlement(b"c" * 32, 0, b"2" * 32), now=20)
    full = [encode_entry(e) for e in alice.entries]
    return [*full[:2], encode_entry(replace(alice.entries[2], settlement=None))]


def valid() -> list[dict[str, Any]]:
    entries = tuple(chain())
    shown = ledger_messages
    kept = recovery_messages
    samples = [
        (shown, shown.Show(NET, 0)),
        (shown, shown.Show(NET, MAX_INT)),
        (shown, shown.Shown(NET, 0, 3, entries)),
        (shown, shown.Shown(NET, 5, 3, ())),
        (shown, shown.Hidden(NET, "refused", "shown to members of this network only")),
        (kept, kept.HeadMessage(NET, 3)),
        (kept, kept.Ask(NET, ALICE.author, 2)),
        (kept, kept.Entries(NET, ALICE.author, entries[1:])),
        (kept, kept.Entries(NET, ALICE.author, ())),
    ]
    return [
        {
            "protocol": module.PROTOCOL,
            "type": type(message).__name__.removesuffix("Message").lower(),
            "frame": module.encode_message(message).hex(),  # type: ignore[arg-type]
            "fields": fields(message),
        }
        for module, message in samples
    ]


def invalid() -> list[dict[str, str]]:
    author = ALICE.author
    cases: list[tuple[str, str, Any]] = [
        ("ledger", "the network is 15 bytes", ["show", NET[:15], 0]),
        ("ledger", "a page before the first", ["show", NET, -1]),
        ("ledger", "a number that is a boolean", ["show", NET, True]),
        ("ledger", "one element too many", ["show", NET, 0, 0]),
        ("ledger", "129 entries", ["shown", NET, 0, 200, [b""] * (MAX_SHOWN + 1)]),
        ("ledger", "an entry that is a string", ["shown", NET, 0, 1, ["x"]]),
        ("ledger", "a code in capitals", ["hidden", NET, "Refused", "no"]),
        ("ledger", "a message of the other protocol", ["ask", NET, author, 0]),
        ("recovery", "the author is 31 bytes", ["ask", NET, author[:31], 0]),
        ("recovery", "a count below zero", ["head", NET, -1]),
        ("recovery", "257 entries", ["entries", NET, author, [b""] * 257]),
        ("recovery", "an entry that is too long", ["entries", NET, author, [bytes(MAX_ENTRY + 1)]]),
        ("recovery", "no author", ["entries", NET, [b""]]),
        ("recovery", "a message of the other protocol", ["show", NET, 0]),
        ("recovery", "nothing in it", []),
    ]
    found = [{"protocol": protocol, "reason": r, "frame": encode(value).hex()} for protocol, r, value in cases]
    whole = encode(["head", NET, 3])
    return [
        *found,
        {"protocol": "recovery", "reason": "truncated", "frame": whole[:-1].hex()},
        {"protocol": "recovery", "reason": "a byte after the end", "frame": (whole + b"\0").hex()},
        {"protocol": "ledger", "reason": "empty", "frame": ""},
    ]


def make() -> str:
    vectors = {
        "what": "messages of /p2pnode/ledger/1.0.0 and /p2pnode/recovery/1.0.0 (docs/protocol/ledger.md, 9 and 10)",
        "valid": valid(),
        "invalid": invalid(),
    }
    return json.dumps(vectors, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(make())
