"""Showing our ledger to others, and checking theirs: `/p2pnode/ledger/1.0.0`. Nothing of it is stored."""

from itertools import chain, islice

import msgspec

from ledger.audit import Audit
from ledger.balance import RULES
from ledger.chain import start
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.fork import encode_fork, fork_of
from p2pnode import commands
from p2pnode.bounds import AUDIT_ASK_AGAIN, AUDIT_WITHIN, MAX_AUDITED, MAX_AUDITS, SHOW_EVERY
from protocols import ledger_messages as messages
from protocols.errors import DecodeError, Ignore, Refusal
from protocols.identity import Verify
from protocols.limits import GOSSIP_FRAME, MAX_SHOWN

from .effects import Reply, Send
from .settlements import Settlements
from .state import Network, State

MAX_NAMED = 1_000  # missing entries that are named one by one


class Asking(msgspec.Struct):
    """An audit under way. count: how many entries it was said to have when the first page came, −1 before; known: by
    seq, what this author signed for us before; by: when it is given up without another page, ms."""

    tickets: list[int]
    network: Network
    subject: bytes
    audit: Audit
    known: dict[int, Entry]
    by: int
    ask_at: int
    count: int = -1
    last: Entry | None = None  # that was shown
    forks: list[bytes] = msgspec.field(default_factory=list)
    problem: str = "it does not answer"


class Audits:
    def __init__(self, state: State, settlements: Settlements, verify: Verify) -> None:
        self._state = state
        self._verify = verify
        self._settlements = settlements
        self._asking: list[Asking] = []
        self._waiting: dict[str, messages.Show] = {}  # connected peers that ask, each for one page, in their order
        self._show_at = 0  # when the next page may be made, for whomever

    # Checking theirs

    def begin(self, args: commands.Peer, ticket: int, now: int) -> None:
        """Ask for a chain from its start; answered when the last page was checked."""
        network = self._state.network(args.network)
        subject = self._state.directory.resolve(args.peer)
        if subject == self._state.me:
            raise Refusal("usage", "this is your own ledger", "`p2pnode ledger verify` checks it.")
        for asking in self._asking:
            if (asking.network.id, asking.subject) == (network.id, subject):
                asking.tickets.append(ticket)
                return
        if len(self._asking) >= MAX_AUDITS:
            raise Refusal("refused", f"{MAX_AUDITS} audits are under way", "Wait until one is done.")
        endowment = network.genesis.endowment(subject)
        audit = Audit(start(network.id, subject), endowment, self._state.entry_key, None)
        known = self._known(network, subject)
        asking = Asking([ticket], network, subject, audit, known, now + AUDIT_WITHIN, now)
        self._asking.append(asking)
        self._ask(asking, now)

    def _known(self, network: Network, subject: bytes) -> dict[int, Entry]:
        """What our own ledger embeds of this author's: nothing else may stand in these places."""
        known: dict[int, Entry] = {}
        for deal in self._settlements.deals.all():
            if deal.network != network.id or deal.counterparty != subject:
                continue
            for full in (deal.mine, deal.theirs):
                while full:
                    entry = parse_entry(full)
                    if entry.author == subject:
                        known[entry.seq] = entry
                    said = settlement_of(entry)
                    full = said.half if said is not None else b""
        return known

    def _ask(self, asking: Asking, now: int) -> None:
        asking.ask_at = now + AUDIT_ASK_AGAIN
        for peer in self._state.directory.peers_of(asking.subject):
            if peer in self._state.connected:
                self._send(peer, messages.Show(asking.network.id, asking.audit.state.count))
                return
        self._state.wanted.update(self._state.directory.peers_of(asking.subject))

    def _shown(self, peer: str, page: messages.Shown, now: int) -> None:
        asking = self._asked_of(peer, page.network)
        audit = asking.audit
        if page.first != audit.state.count or asking.count == 0:
            raise Ignore("state", "another page than the one that was asked for")
        if asking.count < 0:
            asking.count = min(page.total, MAX_AUDITED)
        entries = page.entries[: asking.count - page.first]
        audit.read(entries, self._verify)
        for full in entries:
            self._compare(asking, full)
        asking.by = now + AUDIT_WITHIN
        if page.first < audit.state.count < asking.count and not audit.errors:
            return self._ask(asking, now)
        self._finish(asking, page.total)

    def _compare(self, asking: Asking, full: bytes) -> None:
        try:
            entry = parse_entry(full)
        except DecodeError:
            return  # the audit has noted it
        self._state.convictions.arrived(entry, asking.known.get(entry.seq), asking.last)
        asking.last = entry
        other = asking.known.get(entry.seq)
        fork = fork_of(entry, other) if other is not None else None
        if fork is not None:
            asking.audit.problem(entry.seq, "it signed another entry for us in this place: a fork")
            asking.forks.append(encode_fork(fork))

    def _finish(self, asking: Asking, count: int) -> None:
        self._asking.remove(asking)
        audit, network, names = asking.audit, asking.network, self._state.directory
        for seq in sorted(asking.known):
            if seq >= max(audit.state.count, asking.count) and count <= MAX_AUDITED:
                audit.problem(seq, "it signed this entry for us, and does not show it")
        report = audit.report()
        gaps = (*report.missing, range(audit.state.count, asking.count))
        missing = list(islice(chain.from_iterable(gaps), MAX_NAMED))  # a gap is as long as the other side likes
        unit = network.genesis.unit
        state = audit.state
        result = {
            "peer_id": names.peer_id(asking.subject),
            "author": asking.subject.hex(),
            "name": names.name(asking.subject),
            "entries": report.entries,
            "count": count,
            "head": report.head.hex(),
            "ok": report.ok and not missing,
            "missing": missing,
            "withheld": report.withheld,
            "problems": [{"seq": p.seq, "message": p.message} for p in report.errors],
            "balance": {"amount": state.balance, "unit": unit},
            "hold": {"amount": state.hold, "unit": unit},
            "limit": {"amount": state.limit, "unit": unit},
            "endowment": {"amount": network.genesis.endowment(asking.subject), "unit": unit},
            "sources": [
                {
                    "peer_id": names.peer_id(s.voucher),
                    "name": names.name(s.voucher),
                    "amount": {"amount": s.amount, "unit": unit},
                }
                for s in report.sources
            ],
            "forks": [fork.hex() for fork in asking.forks],
        }
        for ticket in asking.tickets:
            self._state.journal.out(Reply(ticket, result))

    def _hidden(self, peer: str, message: messages.Hidden) -> None:
        asking = self._asked_of(peer, message.network)
        self._give_up(asking, Refusal("refused", f"the other node says: {message.text}", "Ask its owner."))

    def _asked_of(self, peer: str, network: bytes) -> Asking:
        for asking in self._asking:
            if asking.network.id == network and self._state.directory.speaks_for(peer, asking.subject):
                return asking
        raise Ignore("state", "not asked for")

    def _give_up(self, asking: Asking, refusal: Refusal) -> None:
        self._asking.remove(asking)
        for ticket in asking.tickets:
            self._state.journal.out(Reply(ticket, refusal))

    # Showing ours

    def _asked(self, peer: str, message: messages.Show, now: int) -> None:
        """Making a page costs some milliseconds, so they are spread out; the last question of a peer is answered."""
        if message.network not in self._state.networks:
            raise Ignore("network")
        if peer in self._state.connected:
            self._waiting[peer] = message
            self._show_next(now)

    def _show_next(self, now: int) -> None:
        if self._waiting and now >= self._show_at:
            peer = next(iter(self._waiting))
            self._show_at = now + SHOW_EVERY
            self._show(peer, self._waiting.pop(peer))

    def _show(self, peer: str, message: messages.Show) -> None:
        network = self._state.networks[message.network]
        asker = self._state.directory.author_of(peer)
        if asker is None or not (network.genesis.open or network.member(asker)):
            self._send(peer, messages.Hidden(network.id, "refused", "shown to members of this network only"))
            return
        page: list[bytes] = []
        size = 0
        for _, full in network.chain.entries(message.first):
            shown = encode_entry(self._withheld(parse_entry(full), asker))
            size += len(shown) + 3
            if size > GOSSIP_FRAME or len(page) == MAX_SHOWN:
                break
            page.append(shown)
        self._send(peer, messages.Shown(network.id, message.first, network.chain.state.count, tuple(page)))

    def _withheld(self, entry: Entry, asker: bytes) -> Entry:
        """What this asker may see: what it was a party to, and which witnesses an INCEPT names."""
        said = settlement_of(entry) if entry.kind in RULES else None
        if entry.kind == "INCEPT" or (said is not None and said.counterparty == asker):
            return entry
        return msgspec.structs.replace(entry, settlement=None)

    # Both

    def received(self, peer: str, data: bytes, now: int) -> None:
        message = messages.parse_message(data)
        if isinstance(message, messages.Show):
            self._asked(peer, message, now)
        elif isinstance(message, messages.Shown):
            self._shown(peer, message, now)
        else:
            self._hidden(peer, message)

    def connected(self, peer: str, now: int) -> None:
        for asking in self._asking:
            if self._state.directory.speaks_for(peer, asking.subject):
                self._ask(asking, now)

    def disconnected(self, peer: str) -> None:
        self._waiting.pop(peer, None)

    def unreachable(self, peer: str, reason: str) -> None:
        for asking in self._asking:
            if self._state.directory.speaks_for(peer, asking.subject):
                asking.problem = reason

    def woke(self, now: int) -> None:
        self._show_next(now)
        for asking in list(self._asking):
            if asking.by <= now:
                name = self._state.directory.name(asking.subject)
                refusal = Refusal(
                    "unreachable", f"{name} did not show its ledger: {asking.problem}", "Try again later."
                )
                self._give_up(asking, refusal)
            elif asking.ask_at <= now:
                self._ask(asking, now)

    def next_wake(self) -> int | None:
        times = [min(a.by, a.ask_at) for a in self._asking] + ([self._show_at] if self._waiting else [])
        return min(times, default=None)

    def _send(self, peer: str, message: messages.Message) -> None:
        self._state.journal.out(Send(peer, messages.PROTOCOL, messages.encode_message(message)))
