"""Checking a whole chain, our own after a start or another's as far as it is shown.

Beyond what `chain.apply` checks of one entry, the order within each deal is checked: one decision per deal id for ever,
no completion without a proposal, no receipt twice. Damage does not end the audit: what follows is
still checked as far as it can be, and what is missing is named by sequence number.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from protocols.errors import DecodeError, Reject
from protocols.identity import Verify, verify_in_turn

from .balance import RULES, Figures, check_step
from .chain import ChainState, check_meaning, check_place, follow, start
from .entry import Entry, parse_entry, settlement_of
from .halves import Keys, check_half, first_key, proposal_of, verify_claims
from .head import Head
from .lending import IN_PARTS, Lent, step
from .owing import CLAIMS, Owed
from .owing import step as claim_step
from .payloads import Settlement

MAX_PROBLEMS = 100
PAGE = 256  # entries whose signatures are verified together


class Problem(NamedTuple):
    """What is wrong with entry `seq` (or with what stands in its place)."""

    seq: int
    message: str


class VouchSource(NamedTuple):
    """Where a part of the limit comes from: what is left of a vouch. It is worth what the voucher's own chain is worth:
    audit that too."""

    voucher: bytes
    amount: int
    entry: bytes


class Report(NamedTuple):
    """The result of an audit. entries: how many were read; head: id of the last one; missing: sequence numbers that are
    not there; withheld: entries whose settlement payload was not shown; errors: the first 100 problems; sources:
    what is left of accepted vouches; state: where the chain stands, only if it is whole up to there.
    """

    entries: int
    head: bytes
    ok: bool
    missing: tuple[range, ...]
    withheld: int
    errors: tuple[Problem, ...]
    sources: tuple[VouchSource, ...]
    state: ChainState | None


def verify_chain(
    entries: Iterable[bytes],
    *,
    network: bytes,
    author: bytes,
    endowment: int = 0,
    head: Head | None = None,
    keys: Keys = first_key,
    verify: Verify = verify_in_turn,
) -> Report:
    """Check entries in full form, in ascending order. head: how far the chain should reach, if that is known."""
    audit = Audit(start(network, author), endowment, keys, head)
    waiting = iter(entries)
    while page := list(islice(waiting, PAGE)):
        audit.read(page, verify)
    return audit.report()


class Audit:
    """The same, entry by entry, for a chain that comes in pages."""

    def __init__(self, state: ChainState, endowment: int, keys: Keys, head: Head | None) -> None:
        self.state = state
        self.endowment = endowment
        self.keys = keys
        self.head = head
        self.entries = 0
        self.withheld = 0
        self.missing: list[range] = []
        self.errors: list[Problem] = []
        self.lent: dict[bytes, Lent] = {}
        self.owed: dict[bytes, Owed] = {}
        self.accepted: dict[bytes, VouchSource] = {}
        self.deals: dict[bytes, tuple[str, bytes, int]] = {}
        self.proposals: dict[bytes, bytes] = {}
        self.rooted = True  # whether every entry so far is known, so that roots can be checked
        self.after_gap = False  # whether the figures before the next entry are not known

    def problem(self, seq: int, message: str) -> None:
        if len(self.errors) < MAX_PROBLEMS:
            self.errors.append(Problem(seq, message))

    def read(self, page: Sequence[bytes], verify: Verify = verify_in_turn) -> None:
        """The next entries. Their signatures are verified together, so that `verify` can share them out."""
        entries = [self.parse(data) for data in page]
        parsed = [e for e in entries if isinstance(e, Entry)]
        verdicts = iter(verify_claims(parsed, self.keys, verify))
        for entry in entries:
            if isinstance(entry, Entry):
                self.take(entry, next(verdicts))
            else:
                self.entries += 1
                self.problem(self.state.count, str(entry))

    def parse(self, data: bytes) -> Entry | DecodeError:
        try:
            return parse_entry(data)
        except DecodeError as e:
            return e

    def take(self, entry: Entry, unsigned: Reject | None) -> None:
        """The next entry. unsigned: what is wrong with its signature."""
        self.entries += 1
        if entry.network != self.state.network or entry.author != self.state.author:
            self.problem(self.state.count, "an entry of another chain")
            return
        if entry.seq < self.state.count:
            self.problem(entry.seq, "out of order, or there twice")
            return
        if entry.seq > self.state.count:
            self.missing.append(range(self.state.count, entry.seq))
            self.jump(entry)
        try:
            if unsigned is not None:
                raise unsigned
            self.check(entry)
        except Reject as e:
            self.problem(entry.seq, str(e))
        self.advance(entry)

    def report(self) -> Report:
        """What was found in the entries that were read."""
        missing = list(self.missing)
        if self.head is not None and self.state.count < self.head.count:
            missing.append(range(self.state.count, self.head.count))
        ok = not missing and not self.errors
        return Report(
            self.entries,
            self.state.head,
            ok,
            tuple(missing),
            self.withheld,
            tuple(self.errors),
            tuple(
                source._replace(amount=self.lent[deal].left)
                for deal, source in self.accepted.items()
                if self.lent[deal].left > 0
            ),
            self.state if ok else None,
        )

    def check(self, entry: Entry) -> None:
        if entry.kind in RULES and entry.settlement is None:
            self.withheld += 1
        if self.rooted:
            check_place(self.state, entry)
            said = check_meaning(self.state, entry, self.keys, self.endowment)
        else:
            said = self.check_loose(entry)
        if said is not None:
            self.check_deal(entry, said)

    def check_loose(self, entry: Entry) -> Settlement | None:
        """What can still be checked behind a gap: everything but the root."""
        if entry.prev != self.state.head:
            raise Reject("context", f"entry {entry.seq} does not follow entry {entry.seq - 1}")
        if entry.epoch < self.state.epoch or entry.at < self.state.at:
            raise Reject("context", "epoch or time go back")
        said = settlement_of(entry) if entry.kind in RULES else None
        after = Figures(entry.balance, entry.hold, entry.limit)
        if not self.after_gap:
            check_step(self.state.figures, after, entry.kind, said)
        elif not entry.within_limit:
            raise Reject("state", "the limit is overdrawn")
        if said is not None:
            check_half(entry, said, self.keys)
        return said

    def check_deal(self, entry: Entry, said: Settlement) -> None:
        after = RULES[entry.kind].after
        if after is None:
            return
        before = self.deals.get(said.deal)
        self.deals[said.deal] = (entry.kind, said.counterparty, said.amount)
        if entry.kind == "PAY_PROPOSE":
            self.proposals[said.deal] = entry.id
        elif entry.kind in ("PAY_CANCELREQ", "PAY_CANCEL") and proposal_of(entry).id != self.proposals.get(
            said.deal, proposal_of(entry).id
        ):
            # a payer that nests another proposal than the one in its chain could name other witnesses
            raise Reject("state", f"{entry.kind} of another proposal than the one in the chain")
        if before is None:
            # with gaps or withheld payloads the earlier step may just not be known
            if "" not in after and self.rooted and not self.withheld:
                raise Reject("state", f"{entry.kind} without what must come before it")
        elif before[0] not in after:
            raise Reject("state", f"{entry.kind} after {before[0]} in the same deal")
        elif before[1] != said.counterparty or (before[2] != said.amount and entry.kind not in IN_PARTS | CLAIMS):
            raise Reject("state", f"{entry.kind} with another counterparty or amount than {before[0]}")
        if entry.kind in IN_PARTS:
            self.check_vouch(entry, said)
        elif entry.kind in CLAIMS:
            self.check_claim(entry, said)

    def check_vouch(self, entry: Entry, said: Settlement) -> None:
        """The sums of a vouch. With gaps or withheld payloads some of its entries may just not be known."""
        try:
            self.lent[said.deal] = step(self.lent.get(said.deal), entry, said)
        except Reject:
            if self.rooted and not self.withheld:
                raise
        if entry.kind == "VOUCH_ACCEPT" and said.deal in self.lent:
            self.accepted[said.deal] = VouchSource(said.counterparty, said.amount, entry.id)

    def check_claim(self, entry: Entry, said: Settlement) -> None:
        """The sums of a private claim, likewise."""
        try:
            self.owed[said.deal] = claim_step(self.owed.get(said.deal), entry, said)
        except Reject:
            if self.rooted and not self.withheld:
                raise

    def jump(self, entry: Entry) -> None:
        """Go on at an entry after a gap; what it says about the one before is believed."""
        self.rooted = False
        self.after_gap = True
        self.state = msgspec.structs.replace(self.state, count=entry.seq, head=entry.prev)

    def advance(self, entry: Entry) -> None:
        self.after_gap = False
        if self.head is not None and entry.seq == self.head.count - 1 and entry.id != self.head.last:
            self.problem(entry.seq, "not the entry that the head record names")
        if self.rooted:
            self.state = follow(self.state, entry)
            return
        self.state = msgspec.structs.replace(
            self.state,
            epoch=entry.epoch,
            count=entry.seq + 1,
            head=entry.id,
            balance=entry.balance,
            hold=entry.hold,
            limit=entry.limit,
            at=entry.at,
        )
