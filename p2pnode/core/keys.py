"""Every key of the database, each on its own line. Integers are big-endian, so that keys sort as they count."""

from typing import Final

GENESIS: Final = b"g"  # network16                 → genesis record wire: the networks this node is in
MEMBERSHIP: Final = b"m"  # network16              → [joined_at, inviter author or empty, my redemption wire or empty]
LEFT: Final = b"X"  # network16                    → [ms when our user left it, whether our listings' end was told]
RECORD: Final = b"r"  # network16 record32         → record wire, own and foreign
FLOOR: Final = (
    b"f"  # network16 slot16            → what versions before ADR 9 remembered of slots; deleted at the start
)
ENTRY: Final = b"e"  # network16 seq8              → own ledger entry in full, with its private payload
CHAIN: Final = b"c"  # network16                   → state of the own chain after its newest entry
NODE: Final = b"n"  # network16 level1 index8      → Merkle node over the own entries, once complete: can be made again
DEAL: Final = b"d"  # network16 deal32             → state of a settlement
EXCHANGE: Final = (
    b"x"  # deal32                   → [network16, began_at, seen_at, listing record wire, agree seq or -1]
)
FACT: Final = b"y"  # deal32 fact32                → fact wire, own and the counterparty's
OUTBOX: Final = (
    b"o"  # item32                     → [network16, recipient author, message, since]: sent until acknowledged
)
RATING: Final = b"a"  # network16 deal32           → own attestation, sealed until both have rated
VOUCH: Final = b"v"  # network16 vouch32           → state of a vouch, given or taken
OFFERED: Final = (
    b"V"  # network16 vouch32          → VOUCH entry of somebody else in full form, until our user takes or declines it
)
CLAIM: Final = b"b"  # network16 claim32           → state of a private claim, mine or another's
RECEIPT: Final = b"C"  # parcel32 receipt32       → custody receipt wire
HALF: Final = b"H"  # receipt32                    → [since, half wire]: a hand-over that only its giver has signed
UNSURE: Final = (
    b"U"  # network16                 → [since, authors]: custody receipts may be lost here, and who else knows
)
DOOR: Final = b"D"  # parcel32                     → code for the door of a parcel that we send
INVITE: Final = b"i"  # network16 invite32         → [invite wire, [[newcomer, vouch or empty], …], true: taken back]
REQUEST: Final = b"q"  # request id                → [at, reply as JSON]: a repeated command is answered, not done again
PEER: Final = b"p"  # peer id                      → a peer in the book, see p2pnode/core/book.py
JOIN: Final = b"j"  # join target                  → [since]: joins not yet answered
OWN: Final = b"O"  # network16 name16              → own listing, see `tending.Care`
HOLDER: Final = b"R"  # network16 author32         → [ids of our listings that this author holds, since, until]
DRAFT: Final = b"t"  # name16                      → listing waiting for a network to be published in
KEY_STATE: Final = (
    b"k"  # author32                → newest known key of an author that has rotated: [epoch, key, next hash, seq]
)
DOUBT: Final = (
    b"u"  # network16 or nothing      → [entries that there must be, id of the last or empty]: nothing is signed in this
    # network, until neighbours have said what they know of our chain (nothing: in none that is joined from now on)
)
BAN: Final = b"l"  # peer id                       → [since, until, reason, whether by our user]: who is shut out
KEPT: Final = b"h"  # network16 author32 seq8      → entry of somebody else's chain in full form, kept for him
VERDICT: Final = b"w"  # network16 payer32 deal32   → what this node decided as a witness of that payment
WEIGHED: Final = b"z"  # network16                 → ms: as a witness, nothing is decided on proposals dated up to then
SAVED: Final = b"S"  # name of a saved search  → [since, arguments of the search]
NOTICE: Final = b"N"  # notice16               → what our user is told of a listing, see p2pnode/core/notices.py
ERASED: Final = (
    b"1"  # deal32 fact32           → [author, at] of a sealed contact that was erased: it is not taken again
)
OVER: Final = b"2"  # deal32                   → ms: since when an exchange with a sealed contact is over
RULE: Final = b"3"  # number8                  → a standing rule of our user
RULED: Final = b"4"  # deal32                  → [number of the rule that accepted it or 0, why none did]
ORDER: Final = b"5"  # number8                 → a standing order of our user
SHOWN: Final = (
    b"6"  # deal32 duty                → proof of a payment that we are shown as a mediator: an entry, full form
)
BLOCKLIST: Final = b"L"  # network16 list16     → [name, about, whether it is published]: a block list of our user
BLOCKED: Final = b"B"  # network16 list16 author32 name16, or without it → [reason, text, since]: an entry of it
FOLLOWED: Final = b"F"  # network16 author32 list16 → [name, since]: a block list that our user follows
ALLOWED: Final = b"A"  # network16 author32 name16, or without it → ms: our user shows it whatever others' lists say
CONVICTED: Final = (
    b"J"  # network16 name32           → [accused, what, place, proof, finder, at, rebuttals]: misconduct that is proven
)
PARDON: Final = b"Y"  # network16 author32         → [at, reason]: of our user, for somebody whose misconduct is proven
SEAL: Final = (
    b"Z"  # network16 deal32            → [commitment of the other party or empty, its outcome once it is open]
)
REFUSED: Final = b"E"  # deal32                → [kind, text]: what of ours the other side did not take last, and why
PUT_AWAY: Final = b"7"  # deal32                → an exchange that has ended, whole: see p2pnode/core/put_away.py
PUT_DEAL: Final = b"8"  # network16 deal32         → state of a settlement of such a one
PUT_DUTY: Final = b"9"  # deal32                   → [deal32 of such a one, duty]: whose payment it is, if not its `pay`
DONE_WITH: Final = b"0"  # network16 author32      → how many such ones were done to the end with this author
TASK: Final = (
    b"T"  # network16 name16             → [id of our project's listing, number, title, price, digest of its line]
)
MESSAGE: Final = b"M"  # message32              → [author of the other side, body or empty, came at, state, why]
CLAIMING: Final = b"W"  # network16 slot16          → tasks that we claim of somebody's project, see core/claiming.py
SINGLE: Final = b"s"  # name                       → single values: b"epoch" of this store, b"book" and b"anchors"
CLOCK: Final = SINGLE + b"clock"  #            → [ms, whether the clock was ever believed, whether our user insists]


def seq_key(network: bytes, seq: int) -> bytes:
    return ENTRY + network + seq.to_bytes(8, "big")


def node_key(network: bytes, level: int, index: int) -> bytes:
    return NODE + network + bytes([level]) + index.to_bytes(8, "big")
