"""What the checker explores: two nodes that drive the real settlement machine, and everything ever sent between them.

A node is its disk and nothing else: every step begins by reading chain state and deals from their stored bytes, so a
crash between any two steps is always the case. A message that was sent once may arrive at any time, any number of
times, or never: that is loss, duplication and reordering. `now` is EARLY or LATE at every step of either side,
before or after the expiry of a proposal: that is any skew. Salts are constant: equal histories are equal states.
"""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple, TypeVar

from ledger import cancelling, outcome, settlement, witnessing
from ledger.audit import verify_chain
from ledger.balance import OverLimit
from ledger.chain import decode_state, encode_state, extend, next_at, start
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of, verify_entry
from ledger.payloads import InceptPayload, Settlement
from ledger.settlement import Deal, decode_deal, encode_deal
from ledger.tokens import Token, parse_token, verify_token
from protocols.errors import Ignore, Refusal, Reject
from protocols.identity import Signer
from tests.ledger.people import NET

EARLY, EXPIRY, LATE = 5, 10, 15
T = TypeVar("T")


class Salts:
    def randbytes(self, n: int, /) -> bytes:
        return bytes(n)


class Disk(NamedTuple):
    """All that survives. deals: (id, stored form), sorted."""

    state: bytes
    entries: tuple[bytes, ...]
    deals: tuple[tuple[bytes, bytes], ...]


class Plan(NamedTuple):
    """A deal that a payer may begin. choices: what the payee's policy may say."""

    id: bytes
    payer: bytes
    payee: bytes
    amount: int
    expiry: int = 0
    witnesses: tuple[bytes, ...] = ()
    quorum: int = 0


class Step(NamedTuple):
    """What one input does to a node: the disk after it, what it sends, and whether it calls the sender dishonest."""

    disk: Disk
    sends: tuple[bytes, ...] = ()
    rejected: str = ""


class Rules(NamedTuple):
    """Which rules of the driver hold; the mutants switch one off. `machine` is
    ledger.settlement and `evidence` ledger.outcome, or a mutant of it."""

    machine: ModuleType = settlement
    evidence: ModuleType = outcome
    cancelling: ModuleType = cancelling
    witnessing: ModuleType = witnessing
    batch_first: bool = True
    deal_in_batch: bool = True
    resends: bool = True
    cancels_alone: bool = False


class Bug(Exception):
    """The machine asked for something that it then refuses."""


def fresh(signer: Signer, endowment: int) -> Disk:
    state, entry = extend(
        start(NET, signer.author), signer, "INCEPT", InceptPayload(), None, 0, Salts(), endowment=endowment
    )
    return Disk(encode_state(state), (encode_entry(entry),), ())


class Node:
    """One honest side: a function from (disk, input) to a step. Inputs recur, so results are remembered."""

    def __init__(self, signer: Signer, rules: Rules) -> None:
        self.signer, self.rules = signer, rules
        self._known: dict[tuple[object, ...], Step] = {}
        self._outstanding: dict[tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]] = {}
        self._deals: dict[bytes, Deal] = {}

    def _once(self, key: tuple[object, ...], make: Callable[[], Step]) -> Step:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def begin(self, disk: Disk, plan: Plan, now: int) -> Step:
        return self._once((disk, plan, now), lambda: self._begin(disk, plan, now))

    def arrived(self, disk: Disk, data: bytes, now: int, choice: str) -> Step:
        return self._once((disk, data, now, choice), lambda: self._arrived(disk, data, now, choice))

    def cancel(self, disk: Disk, id: bytes) -> Step:
        """Only in a mutant: the payer frees its hold on a time-out."""
        m = self.rules.machine
        deal = m.decode_deal(dict(disk.deals)[id])
        said = settlement_of(parse_entry(deal.mine))
        return self._write(disk, deal, "PAY_CANCEL", said, LATE)

    def request(self, disk: Disk, id: bytes, now: int) -> Step:
        """Ask the witnesses to cancel."""
        return self._once((disk, id, now), lambda: self._request(disk, id, now))

    def told(self, disk: Disk, wire: bytes, now: int) -> Step:
        """A token arrives."""
        return self._once((disk, wire, now), lambda: self._told(disk, wire, now))

    def _request(self, disk: Disk, id: bytes, now: int) -> Step:
        deal = decode_deal(dict(disk.deals)[id])
        try:
            ask = self.rules.cancelling.request_cancel(deal, next_at(decode_state(disk.state), now))
        except Refusal:
            return Step(disk)
        return self._write(disk, deal, ask.kind, ask.settlement, now)

    def _told(self, disk: Disk, wire: bytes, now: int) -> Step:
        token = heard_token(wire)
        stored = dict(disk.deals).get(token.deal)
        if stored is None:
            return Step(disk)
        try:
            deal, todo = self.rules.cancelling.heard(decode_deal(stored), token)
        except Ignore:
            return Step(disk)
        disk = put(disk, deal.id, encode_deal(deal))
        for action in todo:
            return self._write(disk, deal, action.kind, action.settlement, now)
        return Step(disk)

    def outstanding(self, disk: Disk) -> tuple[bytes, ...]:
        if not self.rules.resends:
            return ()
        if disk.deals not in self._outstanding:
            m, deals = self.rules.machine, [self.deal(data) for _, data in disk.deals]
            self._outstanding[disk.deals] = tuple(send.entry for deal in deals for send in m.outstanding(deal))
        return self._outstanding[disk.deals]

    def deal(self, data: bytes) -> Deal:
        """A deal as it is stored."""
        if data not in self._deals:
            self._deals[data] = self.rules.machine.decode_deal(data)
        return self._deals[data]

    def _begin(self, disk: Disk, plan: Plan, now: int) -> Step:
        ask = self.rules.machine.propose(
            None,
            deal=plan.id,
            counterparty=plan.payee,
            amount=plan.amount,
            expiry=plan.expiry,
            terms=b"t" * 32,
            witnesses=plan.witnesses,
            quorum=plan.quorum,
        )
        try:
            return self._write(disk, None, ask.kind, ask.settlement, now)
        except OverLimit:
            return Step(disk)

    def _arrived(self, disk: Disk, data: bytes, now: int, choice: str) -> Step:
        m = self.rules.machine
        try:
            entry = verified(data)
            said = said_in(data)
            stored = dict(disk.deals).get(said.deal if said else b"")
            known = None if stored is None else m.decode_deal(stored)
            at = next_at(decode_state(disk.state), now)
            after, todo = m.receive(known, entry, self.signer.author, at, lambda e, s: m.Decision(choice))
        except Ignore:
            return Step(disk)
        except Reject as e:
            return Step(disk, rejected=str(e))
        if after is not None and after != known:
            disk = put(disk, after.id, m.encode_deal(after))
        sends: tuple[bytes, ...] = ()
        for action in todo:
            if isinstance(action, m.Append):
                disk, more, _ = self._write(disk, after, action.kind, action.settlement, now)
                sends += more
            else:
                sends += (action.entry,)
        return Step(disk, sends)

    def _write(self, disk: Disk, known: object, kind: str, said: Settlement | None, now: int) -> Step:
        m = self.rules.machine
        try:
            state, entry = extend(decode_state(disk.state), self.signer, kind, said, None, now, Salts())
            deal, sends = m.written(known, entry)
        except ValueError as e:
            raise Bug(str(e)) from e
        disk = Disk(encode_state(state), (*disk.entries, encode_entry(entry)), disk.deals)
        return Step(put(disk, deal.id, m.encode_deal(deal)), tuple(s.entry for s in sends))


def put(disk: Disk, id: bytes, deal: bytes) -> Disk:
    return disk._replace(deals=tuple(sorted({**dict(disk.deals), id: deal}.items())))


_sound: dict[tuple[Disk, bytes], tuple[str, ...]] = {}
_parsed: dict[bytes, Entry] = {}
_said: dict[bytes, Settlement | None] = {}
_verified: set[bytes] = set()  # entries and tokens whose signature is right


def parsed(data: bytes) -> Entry:
    if data not in _parsed:
        _parsed[data] = parse_entry(data)
    return _parsed[data]


def said_in(data: bytes) -> Settlement | None:
    if data not in _said:
        _said[data] = settlement_of(parsed(data))
    return _said[data]


def verified(data: bytes) -> Entry:
    """`Reject` unless its author signed."""
    return _once(data, parsed(data), verify_entry)


def heard_token(wire: bytes) -> Token:
    """`Reject` unless the witness signed."""
    return _once(wire, parse_token(wire), verify_token)


def _once(wire: bytes, made: T, verify: Callable[[T], object]) -> T:
    if wire not in _verified:
        verify(made)
        _verified.add(wire)
    return made


def unsound(disk: Disk, author: bytes) -> tuple[str, ...]:
    """What anybody who audits this chain would hold against it."""
    if (disk, author) not in _sound:
        endowment = parsed(disk.entries[0]).limit
        report = verify_chain(disk.entries, network=NET, author=author, endowment=endowment)
        _sound[disk, author] = tuple(f"entry {p.seq}: {p.message}" for p in report.errors)
    return _sound[disk, author]
