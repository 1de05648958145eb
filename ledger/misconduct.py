"""What convicts an author of breaking a rule of the ledger, each proof checked with nothing else at hand.

    fork      the fork proof of `ledger.fork`
    limit     full form of one entry: it overdraws its limit, or is an INCEPT whose figures are not those of the genesis
    balance   canonical array [full form, full form]: two entries in a row, the second of which does not follow: it
              names another entry before it, or its balance, hold and limit are not what its kind makes of those before

    double_booking   a challenge (`protocols.double_booking`), with the keys of its signers around it where they need it
    rebuttal         canonical array [challenge, [rebuttal, …]]: the challenge holds, and is rebutted

Nothing else of a ledger is held against anybody: not a half that is wrong, nor a time or an epoch that goes back, nor a
payload that cannot be read here. All of this an audit says, and it may lie in what the checker does not know. Private
payloads are never shown, settlement payloads only where the figures convict by them alone. These are rules of
`ledger.chain` that no program of any version breaks by itself; who is restored from a backup, or runs twice, may.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from protocols.codec import decode, encode
from protocols.double_booking import DoubleBooking, check_challenge, check_rebuttal
from protocols.errors import DecodeError, Reject
from protocols.identity import digest
from protocols.limits import MAX_AGREEMENTS, MAX_MISCONDUCT_PROOF
from protocols.misconduct import BALANCE, DOUBLE_BOOKING, FORK, LIMIT, REBUTTAL, Misconduct

from .balance import RULES, Figures, check_step
from .entry import Entry, encode_entry, parse_entry, settlement_of
from .fork import encode_fork, fork_of, parse_fork, verify_fork
from .halves import Keys, first_key, verify_with

OF_LEDGER = frozenset({FORK, BALANCE, LIMIT})


class Evidence(NamedTuple):
    """what: fork, balance or limit; proof: the bytes that show it."""

    accused: bytes
    what: str
    proof: bytes


class Shown(NamedTuple):
    """What a proof shows. seq: at which entry, −1 where it is of no entry; text: for people."""

    network: bytes
    accused: bytes
    seq: int
    text: str


def evidence_of(entry: Entry, endowment: int) -> Evidence | None:
    """What one entry shows by itself. endowment: of its author, from the genesis, minor units."""
    if _alone(entry, endowment) is None:
        return None
    return Evidence(entry.author, LIMIT, encode_entry(_bare(entry)))


def evidence_between(a: Entry, b: Entry) -> Evidence | None:
    """What two entries show together, whichever of them stands first: a fork, or one that does not follow."""
    fork = fork_of(a, b)
    if fork is not None:
        return Evidence(a.author, FORK, encode_fork(fork))
    first, second = sorted((a, b), key=lambda e: e.seq)
    if (first.network, first.author, first.seq + 1) != (second.network, second.author, second.seq):
        return None
    for shown in (_bare(second), replace(second, private=None)):
        if _pair(first, shown) is not None:
            proof = encode([encode_entry(_bare(first)), encode_entry(shown)])
            return Evidence(first.author, BALANCE, proof) if len(proof) <= MAX_MISCONDUCT_PROOF else None
    return None


def check_misconduct(found: Misconduct, network: bytes, endowment: int, keys: Keys = first_key) -> Shown | None:
    """What a record of misconduct shows; None for a kind of a version to come. `Reject` unless its proof holds, and is
    of this network, of the accused, and of its place. endowment: of the accused, from the genesis."""
    if found.what in OF_LEDGER:
        shown, place = check_evidence(found.what, found.proof, endowment, keys), b""
    elif found.what == DOUBLE_BOOKING:
        shown, place = _booked(check_challenge(found.proof), "booked {} of {} of {!r} at one time")
    elif found.what == REBUTTAL:
        challenge, rebuttals = parse_rebutted(found.proof)
        check_rebuttal(challenge, rebuttals)
        shown, place = _booked(check_challenge(challenge), "{} of {} of {!r} were not booked at one time after all")
    else:
        return None
    if (shown.network, shown.accused, place) != (network, found.accused, found.place):
        raise Reject("context", "a proof of another network, of somebody else or of another place")
    return shown


def booking_of(proof: bytes, rebuttals: Sequence[bytes] = ()) -> Misconduct:
    """What shows a challenge to everybody, or with rebuttals that it is none. `Reject` if it does not, or is too long
    for a record."""
    shown = check_challenge(proof)
    if rebuttals:
        check_rebuttal(proof, rebuttals)
        proof = encode([proof, list(rebuttals)])
    if len(proof) > MAX_MISCONDUCT_PROOF:
        raise Reject("size", f"{len(proof)} bytes; a record holds {MAX_MISCONDUCT_PROOF}")
    return Misconduct(shown.provider, REBUTTAL if rebuttals else DOUBLE_BOOKING, proof, _place(shown))


def parse_rebutted(proof: bytes) -> tuple[bytes, list[bytes]]:
    """The challenge and the rebuttals in a proof of that kind. `DecodeError`."""
    row = decode(proof, MAX_MISCONDUCT_PROOF)
    if type(row) is not list or len(row) != 2 or type(row[0]) is not bytes or type(row[1]) is not list:
        raise DecodeError("not a challenge and what rebuts it", "field")
    if not 1 <= len(row[1]) <= MAX_AGREEMENTS or any(type(each) is not bytes for each in row[1]):
        raise DecodeError(f"not 1 to {MAX_AGREEMENTS} rebuttals", "field")
    return row[0], row[1]


def check_evidence(what: str, proof: bytes, endowment: int, keys: Keys = first_key) -> Shown:
    """What a proof shows. `Reject` unless it does, and every signature in it holds."""
    if what == FORK:
        fork = parse_fork(proof)
        verify_fork(fork, keys)
        return Shown(fork.network, fork.author, fork.seq, f"two entries {fork.seq} of its ledger are signed")
    if what == LIMIT:
        entry = _entry(proof)
        verify_with(entry, keys)
        return _shown(entry, _alone(entry, endowment))
    if what != BALANCE:
        raise Reject("field", f"{what} is not shown by entries")
    rows = decode(proof, MAX_MISCONDUCT_PROOF)
    if type(rows) is not list or len(rows) != 2:
        raise DecodeError("not two entries", "field")
    first, second = map(_entry, rows)
    verify_with(first, keys)
    verify_with(second, keys)
    if (first.network, first.author, first.seq + 1) != (second.network, second.author, second.seq):
        raise Reject("context", "not two entries in a row")
    return _shown(second, _pair(first, second))


def _booked(shown: DoubleBooking, words: str) -> tuple[Shown, bytes]:
    text = words.format(shown.booked, shown.capacity, shown.title)
    return Shown(shown.network, shown.provider, -1, text), _place(shown)


def _place(shown: DoubleBooking) -> bytes:
    return digest(encode(sorted(shown.exchanges)))


def _shown(entry: Entry, text: str | None) -> Shown:
    if text is None:
        raise Reject("state", "these entries break no rule")
    return Shown(entry.network, entry.author, entry.seq, text)


def _alone(entry: Entry, endowment: int) -> str | None:
    """What is wrong with an entry by itself."""
    if not entry.within_limit:
        return f"entry {entry.seq} of its ledger overdraws its limit"
    if entry.kind == "INCEPT" and Figures(entry.balance, entry.hold, entry.limit) != Figures(0, 0, endowment):
        return "its ledger begins with credit that nobody gave it"
    return None


def _pair(first: Entry, second: Entry) -> str | None:
    """What is wrong with the second of two entries in a row."""
    if second.prev != first.id:
        return f"entry {second.seq} of its ledger names another entry before it than entry {first.seq}"
    said = None
    if second.kind in RULES:
        try:
            said = settlement_of(second)
        except DecodeError:
            said = None  # of a version to come, perhaps
    before, after = (Figures(e.balance, e.hold, e.limit) for e in (first, second))
    if after.spendable < 0:
        return None  # it convicts by itself
    try:
        check_step(before, after, second.kind, said)
    except Reject:
        return f"the figures of entry {second.seq} of its ledger do not follow from those of entry {first.seq}"
    return None


def _entry(data: Any) -> Entry:
    """An entry that stands in a proof, in the one form in which it may: without a private payload."""
    if type(data) is not bytes:
        raise DecodeError("an entry is bytes", "field")
    entry = parse_entry(data)
    if entry.private is not None:
        raise DecodeError("a private payload in a proof", "field")
    return entry


def _bare(entry: Entry) -> Entry:
    return replace(entry, settlement=None, private=None)
