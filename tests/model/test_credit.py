"""No set of fresh keys makes credit beyond what honest people moved to them.

One honest voucher, driven by ledger/vouching.py, lends part of its endowment; two fresh keys of one attacker write
whatever passes an audit, in any order, seeing everything; it takes over what it likes at any time. In each state what
the fresh keys could spend together is at most what the honest one holds for them or has taken over, the honest one has
lost no more than it lent and can write what its machine asks for, and all balances sum to 0 or less. Forked chains are
left out: a fork is a proof against its author, and an audit refuses it.
"""

from functools import partial
from itertools import product

import pytest

from ledger import audit, balance, lending, vouching
from ledger.audit import verify_chain
from ledger.balance import OverLimit
from ledger.chain import ChainState, extend, start
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.payloads import InceptPayload, Settlement
from protocols.errors import Ignore, Reject
from protocols.identity import Signer
from tests.ledger.people import ALICE, BOB, CAROL, NET

from .world import Salts, parsed

HONEST, FRESH = ALICE, (BOB, CAROL)
LENT, ENDOWMENT, ENTRIES = 2, 3, 4  # of the fresh keys: entries beside the INCEPT
GIFT, OTHER = b"g" * 32, b"o" * 32

VOUCHING = tuple(kind for kind in balance.RULES if "VOUCH" in kind)
ANSWERS = {
    "VOUCH": ("VOUCH_ACCEPT",),
    "VOUCH_RETURN": ("UNVOUCH", "VOUCH_RESTORE"),
    "VOUCH_CONSUME": ("VOUCH_CONSUMED",),
}

Chain = tuple[bytes, ...]
State = tuple[Chain, bytes, Chain, Chain]  # the honest chain, its stored vouch, the fresh chains

_states: dict[Chain, ChainState] = {}


_tried: dict[tuple[Chain, str, Settlement], Chain | None] = {}


def write(chain: Chain, signer: Signer, kind: str, said: Settlement) -> Chain | None:
    """The chain with one more entry, or None if nobody would take it."""
    key = (chain, kind, said)
    if key not in _tried:
        _tried[key] = _write(chain, signer, kind, said)
    return _tried[key]


def _write(chain: Chain, signer: Signer, kind: str, said: Settlement) -> Chain | None:
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
    """Everything that a fresh key may try, with and without a half: fresh keys vouch for each other as OTHER."""
    tries: list[tuple[str, Settlement]] = []
    for other in (HONEST, *FRESH):
        id = GIFT if HONEST in (me, other) else OTHER
        for amount, kind in product((1, LENT), VOUCHING):
            if other is not me:
                tries.append((kind, Settlement(other.author, amount, id)))
    for entry in seen:
        said = settlement_of(entry)
        if said is None or entry.author == me.author or said.counterparty != me.author:
            continue
        half = encode_entry(entry)
        for kind, amount in product(ANSWERS.get(entry.kind, ()), (1, LENT)):
            tries.append((kind, Settlement(entry.author, amount, said.deal, half=half)))
    return tries


def honest_moves(state: State, seen: list[Entry], mutant: bool) -> list[State]:
    chain, stored, *fresh = state
    known = vouching.decode_vouch(stored) if stored else None
    made: list[State] = []
    if known is None:
        asks: list[tuple[vouching.Vouch | None, tuple[object, ...]]] = [
            (None, (vouching.vouch(None, id=GIFT, subject=FRESH[0].author, amount=LENT),))
        ]
    else:
        over = [a for a in (1, LENT) if known.state == "held" and a <= known.left]
        asks = [(known, (vouching.take_over(known, amount),)) for amount in over]
    for entry in seen:
        if entry.author == HONEST.author or entry.kind not in VOUCHING:
            continue
        try:
            asks.append(vouching.receive(known, entry, HONEST.author))
        except (Ignore, Reject):
            continue
    for after, todo in asks:
        longer: Chain | None = chain
        for ask in todo:
            if isinstance(ask, vouching.Append) and longer is not None:
                longer = write(longer, HONEST, ask.kind, ask.settlement)
                if longer is not None:
                    after, _ = vouching.written(after, parse_entry(longer[-1]))
                elif not mutant:
                    raise Contradiction(f"the honest one cannot write the {ask.kind} that follows")
        if longer is not None and after is not None and (after != known or longer != chain):
            made.append((longer, vouching.encode_vouch(after), fresh[0], fresh[1]))
    return made


class Contradiction(Exception):
    """The machine asks for something that an audit would refuse."""


def begun(lent: tuple[int, ...]) -> State:
    """Before anything; or where the honest one has lent to the first fresh key, and that one so much to the other."""
    _states.clear()
    _tried.clear()
    honest, stored, one, other = incept(HONEST, ENDOWMENT), b"", incept(FRESH[0], 0), incept(FRESH[1], 0)
    if lent:
        ask = vouching.vouch(None, id=GIFT, subject=FRESH[0].author, amount=LENT)
        honest = sure(write(honest, HONEST, ask.kind, ask.settlement))
        stored = vouching.encode_vouch(vouching.written(None, parse_entry(honest[-1]))[0])
        one = sure(write(one, FRESH[0], "VOUCH_ACCEPT", Settlement(HONEST.author, LENT, GIFT, half=honest[-1])))
    for amount, id in zip(lent, (OTHER, b"p" * 32), strict=False):
        one = sure(write(one, FRESH[0], "VOUCH", Settlement(FRESH[1].author, amount, id)))
        said = Settlement(FRESH[0].author, amount, id, half=one[-1])
        other = sure(write(other, FRESH[1], "VOUCH_ACCEPT", said))
    return honest, stored, one, other


def sure(chain: Chain | None) -> Chain:
    assert chain is not None
    return chain


def minted(entries: int = ENTRIES, lent: tuple[int, ...] = (), mutant: bool = False) -> tuple[int, str]:
    """How many states there are, and the shortest way to credit or money from nowhere, or nothing. In a mutant it
    does not count if the honest one cannot write what its machine asks for."""
    begin = begun(lent)
    queue, known = [begin], {begin}
    for state in queue:
        chains = (state[0], *state[2:])
        honest = _states[state[0]]
        moved, sum_ = honest.hold - honest.balance, sum(_states[chain].balance for chain in chains)
        kinds = [[parsed(e).kind for e in chain[1:]] for chain in chains]
        if spendable(state[2]) + spendable(state[3]) > moved:
            return len(known), f"{moved} was moved, the fresh keys can spend more: {kinds}"
        if moved > LENT:
            return len(known), f"the honest one lent {LENT} and loses {moved}: {kinds}"
        if sum_ > 0:
            return len(known), f"the balances sum to {sum_}: {kinds}"
        seen = [parsed(e) for chain in chains for e in chain[1:]]
        try:
            after = honest_moves(state, seen, mutant)
        except Contradiction as e:
            return len(known), f"{e}: {kinds}"
        for i, me in enumerate(FRESH):
            chain = state[2 + i]
            if len(chain) > entries:
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
        ("VOUCH_CONSUME", {"balance": 0}),
        ("VOUCH_CONSUME", {"hold": 0}),
        ("VOUCH_CONSUMED", {"limit": 0}),
        ("VOUCH_CONSUMED", {"embeds": ()}),
    ],
)
def test_every_rule_of_vouching_is_needed(
    kind: str, change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(balance.RULES, kind, balance.RULES[kind]._replace(**change))
    states, violation = minted(mutant=True)
    print(f"{kind} with {change}: {states} states: {violation or 'ok'}")
    assert violation


def without(rule: str, lent: lending.Lent | None, entry: Entry, said: Settlement) -> lending.Lent:
    """`lending.step` with one of its rules left out."""
    if lent is None or entry.kind in ("VOUCH", "VOUCH_ACCEPT"):
        return lending.step(lent, entry, said)
    if rule == f"{entry.kind} takes each entry of the other side once":
        lent = lent._replace(used=-1)
    if rule == f"{entry.kind} over a VOUCH_RETURN":
        return lent._replace(consumed=lent.consumed - said.amount)
    if rule == f"{entry.kind} of no more than is left":
        more = lending.step(lent._replace(amount=lent.amount + said.amount), entry, said)
        return more._replace(amount=lent.amount)
    return lending.step(lent, entry, said)


@pytest.mark.parametrize(
    ("rule", "lent", "changes"),
    [
        ("UNVOUCH takes each entry of the other side once", (2,), {}),
        ("VOUCH_CONSUMED takes each entry of the other side once", (), {}),
        ("VOUCH_RESTORE takes each entry of the other side once", (2,), {}),
        ("VOUCH_CONSUMED of no more than is left", (1, 1), {}),
        ("VOUCH_RESTORE over a VOUCH_RETURN", (2,), {"embeds": ()}),
        ("VOUCH_RESTORE puts the hold back", (1, 1), {"hold": 0}),
    ],
)
def test_every_rule_of_the_sums_is_needed(
    rule: str, lent: tuple[int, ...], changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "step", partial(without, rule))
    monkeypatch.setitem(balance.RULES, "VOUCH_RESTORE", balance.RULES["VOUCH_RESTORE"]._replace(**changes))
    states, violation = minted(6 if "hold" in changes else 5, lent, mutant=True)
    print(f"without {rule!r}: {states} states: {violation or 'ok'}")
    assert violation
