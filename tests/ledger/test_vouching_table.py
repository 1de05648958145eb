"""Every state of a vouch and every message; and what was stored by older versions."""

import pytest

from ledger.entry import Entry
from ledger.settlement import Append
from ledger.vouching import Vouch, decode_vouch, give_back, receive, take_over, vouch
from protocols.codec import encode

from .people import DEAL, outcome, shown
from .test_vouching import A, B, Pair, given

STEPS = ("VOUCH", "VOUCH_ACCEPT", "VOUCH_RETURN", "UNVOUCH", "VOUCH_CONSUME", "VOUCH_CONSUMED", "VOUCH_RESTORE")


def reached() -> dict[str, Vouch | None]:
    """A vouch in each state, either side, with the entries that came before it."""
    given_ = Pair()
    given_.append(A, vouch(None, id=DEAL, subject=B, amount=60))
    held = given()
    back = given()
    back.append(B, give_back(back.known[B], 20))
    ended = given()
    ended.append(A, take_over(ended.known[A], 60))
    ended.step(B, A)
    return {
        "nothing": None,
        "given": given_.known[A],
        "held": held.known[A],
        "taken": held.known[B],
        "returned": back.known[B],
        "ended, voucher": ended.known[A],
        "ended, subject": ended.known[B],
    }


def sayings() -> dict[str, tuple[bytes, Entry]]:
    """One entry of each kind as the other side would write it: (to whom, entry)."""
    said: dict[str, tuple[bytes, Entry]] = {}
    pair = given()
    pair.append(B, give_back(pair.known[B], 20))
    pair.append(A, take_over(pair.known[A], 60))
    for to, origin in ((A, B), (B, A)):
        pair.step(to, origin)
    crossed = pair
    crossed.known[B], todo = receive(crossed.known[B], shown(crossed.sides[A].entries[2]), B)
    for action in todo:
        if isinstance(action, Append):
            crossed.append(B, action)
    for who, other in ((A, B), (B, A)):
        for entry in crossed.sides[who].entries[1:]:
            said[entry.kind] = (other, shown(entry))
    return said


EXPECTED = {
    ("nothing", "VOUCH"): "VOUCH_ACCEPT",
    ("given", "VOUCH_ACCEPT"): "changed",
    ("given", "VOUCH_RETURN"): "UNVOUCH",
    ("held", "VOUCH_RETURN"): "UNVOUCH",
    ("taken", "VOUCH"): "again",
    ("taken", "VOUCH_CONSUME"): "VOUCH_CONSUMED",
    ("returned", "VOUCH"): "again",
    ("returned", "VOUCH_CONSUME"): "VOUCH_CONSUMED",
    ("returned", "UNVOUCH"): "changed",
    ("ended, voucher", "VOUCH_RETURN"): "VOUCH_RESTORE, UNVOUCH",
    ("ended, voucher", "VOUCH_CONSUMED"): "changed",
    ("ended, subject", "VOUCH_CONSUME"): "again",
}


@pytest.mark.parametrize("state", list(reached()))
@pytest.mark.parametrize("kind", STEPS)
def test_every_state_and_every_message(state: str, kind: str) -> None:
    known = reached()[state]
    to, entry = sayings()[kind]
    came = outcome(known, lambda: receive(known, entry, known.me if known else to))
    assert came == EXPECTED.get((state, kind), "ignored")


def test_what_was_stored_before_vouches_came_in_parts() -> None:
    pair = given()
    pair.append(B, give_back(pair.known[B]))
    returned = pair.known[B]
    pair.step(A, B)
    ended = pair.known[A]
    assert returned and ended
    for v, mine in ((returned, returned.mine), (ended, ended.answer)):
        old = {n: getattr(v, n) for n in ("network", "id", "me", "counterparty", "voucher", "amount")}
        read = decode_vouch(encode({**old, "state": v.state.value, "mine": mine}))
        assert (read.returned, read.left, read.answer) == (60, 0, v.answer)
