"""Checking our own ledger from its first entry, a page at a time, so that a long one holds nothing else up."""

from itertools import islice

import msgspec

from ledger.audit import PAGE, Audit
from ledger.chain import start
from ledger.head import Head
from p2pnode import commands
from p2pnode.bounds import MAX_AUDITS
from protocols.errors import Refusal
from protocols.identity import Verify

from .effects import Reply
from .recovery import Recovery
from .state import Network, State

MAX_NAMED = 1_000  # missing entries that are named one by one


class Verifying(msgspec.Struct):
    """A check under way, of the chain as it was at its beginning. following: the next seq to look at."""

    ticket: int
    network: Network
    audit: Audit
    head: Head
    following: int = 0


class Verification:
    def __init__(self, state: State, recovery: Recovery, verify: Verify) -> None:
        self._state = state
        self._recovery = recovery
        self._verify = verify
        self._under_way: list[Verifying] = []

    def begin(self, args: commands.NoArgs, ticket: int, now: int) -> None:
        """Answered when the last entry was checked; a short ledger's at once."""
        network = self._state.network(args.network, reading=True)
        if len(self._under_way) >= MAX_AUDITS:
            raise Refusal("refused", f"{MAX_AUDITS} checks are under way", "Wait until one is done.")
        chain = network.chain.state
        head = Head(network.id, chain.count, chain.head)
        audit = Audit(start(network.id, chain.author), network.chain.endowment, self._state.entry_key, head)
        self._under_way.append(Verifying(ticket, network, audit, head))
        self._go_on(self._under_way[-1])

    def woke(self, now: int) -> None:
        """One page of the check that has waited longest."""
        if self._under_way:
            self._under_way.append(self._under_way.pop(0))
            self._go_on(self._under_way[-1])

    def next_wake(self) -> int | None:
        return 0 if self._under_way else None

    def _go_on(self, one: Verifying) -> None:
        page = list(islice(one.network.chain.entries(one.following, one.head.count), PAGE))
        one.audit.read([full for _, full in page], self._verify)
        if len(page) == PAGE:
            one.following = page[-1][0] + 1
            return
        self._under_way.remove(one)
        report = one.audit.report()
        lost = self._recovery.missing(one.network)
        result = {
            "entries": report.entries,
            "head": one.head.last.hex(),
            "ok": report.ok and not lost,
            "missing": [seq for span in (*report.missing, lost) for seq in span][:MAX_NAMED],
            "problems": [{"seq": p.seq, "message": p.message} for p in report.errors],
        }
        self._state.journal.out(Reply(one.ticket, result))
