"""No set of fresh keys makes credit beyond what honest people moved to them.

One honest voucher, driven by ledger/vouching.py, lends part of its endowment; two fresh keys of one attacker write
whatever passes an audit, in any order, seeing everything. In each state what the fresh keys could spend together is at
most what the honest one holds for them. Forked chains are left out: a fork is a proof against its author, and an audit
refuses it.
"""

from itertools import product

import pytest

from ledger import balance, vouching
from ledger.audit import verify_chain
from ledger.balance import OverLimit
from ledger.chain import ChainState, extend, start
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.payloads import InceptPayload, Settlement
from protocols.errors import Ignore, Reject
from protocols.identity import Signer
from tests.ledger.people import ALICE, BOB, CAROL, NET

from .world import Salts

HONEST, FRESH = ALICE, (BOB, CAROL)
LENT, ENDOWMENT, ENTRIES = 2, 3, 6  # of the fresh keys: entries beside the INCEPT
GIFT, OTHER = b"g" * 32, b"o" * 32

Chain = tuple[bytes, ...]
State = tuple[Chain, bytes, Chain, Chain]  # the honest chain, its stored vouch, the fresh chains

_states: dict[Chain, ChainState] = {}


def write(chain: Chain, signer: Signer, kind: str, said: Settlement) -> Chain | None:
    """The chain with one more entry, or None if nobody would take it."""
    try:
        state, entry = extend(_states[chain], signer, kind, said, None, 0, Salts())
    except (ValueError, OverLimit, Reject):
        return None
    longer = (*chain, encode_entry(entry))
    if longer not in _states:
        endowment = ENDOWMENT if signer is HONEST else 0
        if not verify_chain(longer, network=NET, author=signer.author, endowment=endowment).ok:
            return None
        _states[longer] = state
    return longer


def incept(signer: Signer, endowment: int) -> Chain:
    begin = start(NET, signer.author)
    state, entry = extend(begin, signer, "INCEPT", InceptPayload(), None, 0, Salts(), endowment=endowment)
    _states[(encode_entry(entry),)] = state
    return (encode_entry(entry),)


def spendable(chain: Chain) -> int:
    return _states[chain].figures.spendable


def lies(me: Signer, seen: list[Entry]) -> list[tuple[str, Settlement]]:
    """Everything that a fresh key may try, with and without a half."""
    tries: list[tuple[str, Settlement]] = []
    for other in (HONEST, *FRESH):
        if other is not me:
            for amount, id in product((1, LENT), (GIFT, OTHER)):
                plain = Settlement(other.author, amount, id)
                tries += [(kind, plain) for kind in ("VOUCH", "VOUCH_ACCEPT", "VOUCH_RETURN", "UNVOUCH")]
    for entry in seen:
        said = settlement_of(entry)
        if said is None or entry.author == me.author or entry.kind not in ("VOUCH", "VOUCH_RETURN"):
            continue
        kind = "VOUCH_ACCEPT" if entry.kind == "VOUCH" else "UNVOUCH"
        tries.append((kind, Settlement(entry.author, said.amount, said.deal, half=encode_entry(entry))))
    return tries


def honest_moves(state: State, seen: list[Entry]) -> list[State]:
    chain, stored, *fresh = state
    known = vouching.decode_vouch(stored) if stored else None
    asks = [] if known else [vouching.vouch(None, id=GIFT, subject=FRESH[0].author, amount=LENT)]
    made: list[State] = []
    for entry in seen:
        if entry.author == HONEST.author or entry.kind not in ("VOUCH_ACCEPT", "VOUCH_RETURN"):
            continue
        try:
            after, todo = vouching.receive(known, entry, HONEST.author)
        except (Ignore, Reject):
            continue
        asks += [a for a in todo if isinstance(a, vouching.Append)]
        if after is not None and after != known:
            made.append((chain, vouching.encode_vouch(after), fresh[0], fresh[1]))
    for ask in asks:
        longer = write(chain, HONEST, ask.kind, ask.settlement)
        if longer is not None:
            vouch, _ = vouching.written(known, parse_entry(longer[-1]))
            made.append((longer, vouching.encode_vouch(vouch), fresh[0], fresh[1]))
    return made


def minted() -> tuple[int, str]:
    """How many states there are, and the shortest way to credit from nowhere, or nothing."""
    _states.clear()
    begin: State = (incept(HONEST, ENDOWMENT), b"", incept(FRESH[0], 0), incept(FRESH[1], 0))
    queue, known = [begin], {begin}
    for state in queue:
        lent = _states[state[0]].hold
        if spendable(state[2]) + spendable(state[3]) > lent:
            kinds = [[parse_entry(e).kind for e in chain[1:]] for chain in (state[0], *state[2:])]
            return len(known), f"lent {lent}, the fresh keys can spend more: {kinds}"
        seen = [parse_entry(e) for chain in (state[0], *state[2:]) for e in chain[1:]]
        after = honest_moves(state, seen)
        for i, me in enumerate(FRESH):
            chain = state[2 + i]
            if len(chain) > ENTRIES:
                continue
            for kind, said in lies(me, seen):
                longer = write(chain, me, kind, said)
                if longer is not None:
                    after.append((*state[:2], longer, state[3]) if i == 0 else (*state[:3], longer))
        for each in after:
            if each not in known:
                known.add(each)
                queue.append(each)
    return len(known), ""


def test_fresh_keys_make_no_credit() -> None:
    states, violation = minted()
    print(f"{states} states: {violation or 'ok'}")
    assert not violation
    assert states > 40


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("VOUCH", {"hold": 0}),
        ("VOUCH_ACCEPT", {"embeds": ()}),
        ("VOUCH_ACCEPT", {"after": ("", "VOUCH_ACCEPT", "VOUCH_RETURN")}),
        ("VOUCH_RETURN", {"limit": 0}),
        ("UNVOUCH", {"embeds": ()}),
    ],
)
def test_every_rule_of_vouching_is_needed(
    kind: str, change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(balance.RULES, kind, balance.RULES[kind]._replace(**change))
    states, violation = minted()
    print(f"{kind} with {change}: {states} states: {violation or 'ok'}")
    assert violation
