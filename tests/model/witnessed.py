"""`checker.Model` with witnesses: each is a disk with its verdicts; a dishonest one signs both decisions.

A crash between batch and send is not a move of its own here: it is the same as a message that is lost, and what is on
the disks counts as evidence whether it was sent or not.

**Symmetry.** Honest witnesses are interchangeable, and the machine counts tokens, in whatever order they came. So
states that differ only in which of them decided what, and in the order of tokens on a disk, are followed once (`key`).
**What liars can sign** is added to each state at once (`closed`): more that was sent takes no move from anybody.
Whether somebody honest is mistaken is then asked for each selection of it that could make a difference (`views`).

That neither leaves anything out is tested: a search of every state meets the same disks. Of several payments side by
side every single state is followed (`symmetry=False`): what comes after a PAY_CANCEL in a chain depends on its tokens.
"""

from collections.abc import Hashable, Iterator

from ledger.entry import Entry, settlement_of
from ledger.halves import nested
from ledger.settlement import Deal
from ledger.tokens import Token, parse_token, sign_token
from ledger.witnessing import decode_verdict, encode_verdict
from protocols.errors import Ignore, Reject
from protocols.identity import Signer, incept

from .checker import Forger, Model, State, replaced
from .world import EARLY, LATE, Disk, Plan, Rules, Step, parsed, put, said_in

WITNESSES = tuple(incept(bytes([i]) * 32)[0] for i in range(40, 47))
NO_DISK = Disk(b"", (), ())


class Witnessed(Model):
    def __init__(
        self,
        people: tuple[tuple[Signer, int, str], ...],
        plans: Plan | tuple[Plan, ...],
        count: int,
        *,
        liars: int = 0,
        rules: Rules | None = None,
        bad: bytes = b"",
        forger: Forger | None = None,
        symmetry: bool = True,
        clocks: tuple[int, ...] = (EARLY,),
    ) -> None:
        plans = (plans,) if isinstance(plans, Plan) else plans
        assert len(plans) == 1 or not symmetry
        super().__init__(people, plans, rules=rules, bad=bad, forger=forger, clocks=clocks)
        self.witnesses = WITNESSES[:count]
        self.lying = {w.author for w in self.witnesses[count - liars :]} if liars else set()
        self.begin = State((*self.begin.disks, *(NO_DISK for _ in self.witnesses)), 0)
        self._tokens: dict[bytes, Token] = {}
        self._weighed: dict[tuple[Disk, int, bytes], Step] = {}
        self.symmetry = symmetry
        self.eager = symmetry and bool(liars or bad)
        self._closed: dict[int, int] = {}
        self._lies: dict[tuple[int, bytes], list[bytes]] = {}
        self._numbers: dict[Hashable, int] = {}
        self._sides: dict[Disk, tuple[int, tuple[int, ...]]] = {}
        self._split: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._said: dict[tuple[bytes, str], int] = {}
        self._token_bits: dict[bytes, tuple[int, int]] = {}
        self._order = {w.author: i for i, w in enumerate(self.witnesses)}

    def closed(self, state: State) -> State:
        if not self.eager:
            return state
        sent = state.sent
        if sent not in self._closed:
            before, after = -1, sent
            while after != before:
                before = after
                now = State(state.disks, before)
                after |= self.forgeries(now) if self.forger is not None else 0
                for i, witness in enumerate(self.witnesses):
                    if witness.author in self.lying:
                        for data in self.entries(now):
                            after |= self.mask(tuple(self.lies(i, parsed(data))))
            self._closed[sent] = after
        return State(state.disks, self._closed[sent])

    def views(self, state: State) -> Iterator[tuple[set[bytes], list[Token]]]:
        """All that honest people signed, with: nothing else; one thing of the liars'; all their tokens of one decision;
        everything. The rule of precedence takes the first kind of evidence that is there, and each kind but the tokens
        is a single entry: so no other selection says anything else.
        """
        if not self.eager:
            yield from super().views(state)
            return
        honest = {d for disk in self.parties(state.disks) for d in disk.entries}
        forged: list[bytes] = []
        for data in self.entries(state):
            if parsed(data).author == self.bad:
                forged.append(data)
            else:
                honest.add(data)
        tokens = self.tokens(state)
        used = {w for disk in state.disks[:2] for _, deal in disk.deals for w in self.deal(deal).tokens}
        asked = {t.proposal for t in tokens if t.witness not in self.lying and t.decision == "cancel"}
        honest |= {d for d in forged if parsed(d).kind == "PAY_CANCELREQ" and list(nested(parsed(d)))[-1].id in asked}
        firm = [t for t in tokens if t.witness not in self.lying or t.wire in used]
        loose = [t for t in tokens if t not in firm]
        yield honest, firm
        for data in forged:
            yield honest | {data}, firm
        proposals = honest | {d for d in forged if parsed(d).kind in ("PAY_PROPOSE", "PAY_CANCELREQ")}
        for decision in ("accept", "cancel"):
            yield proposals, firm + [t for t in loose if t.decision == decision]
        yield honest | set(forged), tokens

    def disks_in(self, key: bytes) -> bytes:
        """The part of a key that is on disks."""
        numbers = [int.from_bytes(key[i : i + 8], "big") for i in range(0, len(key), 8)]
        each = [n & ~(0xFFFF << 16) for n in numbers[3:]]
        honest = len(each) - len(self.lying)
        return b"".join(n.to_bytes(8, "big") for n in (*numbers[:2], *sorted(each[:honest]), *each[honest:]))

    def key(self, state: State) -> Hashable:
        return self.orbit(state) if self.symmetry else state

    def orbit(self, state: State) -> bytes:
        """The same for all states that become one another by renaming honest witnesses and reordering tokens."""
        payer, told = self._side(state.disks[0])
        payee, heard = self._side(state.disks[1])
        entries, sent = self._parts(state.sent)
        kept = [sum(self._bit(t.wire)[1] for t in self.kept(d)) for d in state.disks[2:]]
        each = [a << 48 | b << 32 | c << 16 | d for a, b, c, d in zip(told, heard, sent, kept, strict=True)]
        honest = len(each) - len(self.lying)
        whole = (payer, payee, entries, *sorted(each[:honest]), *each[honest:])
        return b"".join(n.to_bytes(8, "big") for n in whole)

    def _side(self, disk: Disk) -> tuple[int, tuple[int, ...]]:
        """A party's disk without its tokens, as a number; and for each witness which of its tokens are on it."""
        if disk not in self._sides:
            tokens: list[bytes] = []
            entries: list[Hashable] = []
            for data in disk.entries:
                entry = parsed(data)
                if entry.kind == "PAY_CANCEL":
                    said = settlement_of(entry)
                    assert said is not None
                    entries.append((entry.kind, entry.at, said.half, len(said.tokens)))
                else:
                    entries.append(entry.id)
            deals: list[Hashable] = []
            for _, stored in disk.deals:
                deal = self.deal(stored)
                tokens += deal.tokens
                deals.append((deal.state, deal.theirs))
            bits = [0] * len(self.witnesses)
            for wire in tokens:
                place, bit = self._bit(wire)
                bits[place] |= bit
            self._sides[disk] = self._number((tuple(entries), tuple(deals))), tuple(bits)
        return self._sides[disk]

    def _parts(self, sent: int) -> tuple[int, tuple[int, ...]]:
        """What was sent: the entries, and for each witness its tokens."""
        if sent not in self._split:
            entries, bits = 0, [0] * len(self.witnesses)
            for i in range(sent.bit_length()):
                if sent >> i & 1:
                    if self._messages[i] in self._tokens:
                        place, bit = self._bit(self._messages[i])
                        bits[place] |= bit
                    else:
                        entries |= 1 << i
            self._split[sent] = self._number(entries), tuple(bits)
        return self._split[sent]

    def _bit(self, wire: bytes) -> tuple[int, int]:
        """Whose token, and a bit for what it says."""
        if wire not in self._token_bits:
            token = self._tokens[wire]
            said = (token.proposal, token.decision)
            bit = 1 << self._said.setdefault(said, len(self._said))
            assert bit < 1 << 16
            self._token_bits[wire] = self._order[token.witness], bit
        return self._token_bits[wire]

    def _number(self, thing: Hashable) -> int:
        return self._numbers.setdefault(thing, len(self._numbers))

    def parties(self, disks: tuple[Disk, ...]) -> tuple[Disk, ...]:
        return disks[:2]

    def entries(self, state: State) -> list[bytes]:
        return [m for m in self.sent(state) if m not in self._tokens]

    def tokens(self, state: State) -> list[Token]:
        kept = [token for disk in state.disks[2:] for token in self.kept(disk)]
        return kept + [self._tokens[m] for m in self.sent(state) if m in self._tokens]

    def kept(self, disk: Disk) -> list[Token]:
        """What a witness has signed, by its disk."""
        return [self._tokens[decode_verdict(verdict).token] for _, verdict in disk.deals]

    def is_bad(self, data: bytes) -> bool:
        if data in self._tokens:
            return self._tokens[data].witness in self.lying
        return super().is_bad(data)

    def may_err(self, deal: Deal) -> bool:
        """A payee that was told "cancelled" by the witnesses may still be paid by a payer that breaks the rules."""
        return bool(self.bad) and not deal.payer and deal.state == "cancelled"

    def told(self, data: bytes) -> str:
        if data in self._tokens:
            return f"token({self._tokens[data].decision})"
        return super().told(data)

    def taken(self, state: State, place: int, step: Step, label: str) -> Iterator[tuple[str, State]]:
        for text, after in super().taken(state, place, step, label):
            if "crash before sending" not in text:
                yield text, after

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        yield from super().moves(state)
        wires = [m for m in self.sent(state) if m in self._tokens]
        for place, node in enumerate(self.nodes):
            if node.signer.author == self.bad:
                continue
            disk = state.disks[place]
            for wire in wires:
                for now in self.clocks:
                    yield from self.taken(state, place, node.told(disk, wire, now), f"gets {self.told(wire)}")
            for plan in self.plans:
                if plan.payer == node.signer.author and plan.id in dict(disk.deals):
                    step = node.request(disk, plan.id, LATE)
                    yield from self.taken(state, place, step, "asks the witnesses to cancel")
        for i, witness in enumerate(self.witnesses):
            for data in self.entries(state):
                if witness.author in self.lying:
                    for wire in () if self.eager else self.lies(i, parsed(data)):
                        label = f"lying witness {i} signs {self.told(wire)}"
                        yield label, State(state.disks, state.sent | self.mask((wire,)))
                elif parsed(data).kind in ("PAY_ACCEPT", "PAY_CANCELREQ"):
                    step = self.weighed(state.disks[2 + i], i, data)
                    disks = replaced(state.disks, 2 + i, step.disk)
                    yield f"witness {i} gets {self.told(data)}", State(disks, state.sent | self.mask(step.sends))

    def weighed(self, disk: Disk, i: int, data: bytes) -> Step:
        key = (disk, i, data)
        if key not in self._weighed:
            self._weighed[key] = self._weigh(disk, self.witnesses[i], parsed(data))
        return self._weighed[key]

    def _weigh(self, disk: Disk, witness: Signer, entry: Entry) -> Step:
        w = self.rules.witnessing
        where = self.kept_at(entry)
        stored = dict(disk.deals).get(where)
        try:
            answer = w.weigh(None if stored is None else decode_verdict(stored), entry, witness.author)
        except (Ignore, Reject):
            return Step(disk)
        if isinstance(answer, w.Ask):
            token = sign_token(witness, answer.network, answer.deal, answer.proposal, answer.decision, EARLY)
            answer = w.decide(answer, token)
        self._tokens.setdefault(answer.token, parse_token(answer.token))
        return Step(put(disk, where, encode_verdict(answer)), (answer.token,))

    def kept_at(self, entry: Entry) -> bytes:
        """Under what a witness stores its decision on this request."""
        return b"".join(self.rules.witnessing.place(entry))

    def lies(self, i: int, entry: Entry) -> list[bytes]:
        proposal = list(nested(entry))[-1]
        if (i, proposal.id) not in self._lies:
            said = settlement_of(proposal)
            assert said is not None
            tokens = [
                sign_token(self.witnesses[i], proposal.network, said.deal, proposal.id, d, LATE)
                for d in ("accept", "cancel")
            ]
            for token in tokens:
                self._tokens.setdefault(token.wire, token)
            self._lies[i, proposal.id] = [t.wire for t in tokens]
        return self._lies[i, proposal.id]

    def is_stuck(self, disks: tuple[Disk, ...]) -> str:
        return next(filter(None, (self.waits(disks, plan) for plan in self.plans)), "")

    def waits(self, disks: tuple[Disk, ...], plan: Plan) -> str:
        """With a silent payee, the witnesses let the payer free its hold, or tell it that the payee has accepted."""
        place = self.place[plan.payer]
        if plan.id not in dict(disks[place].deals):
            return ""
        node = self.nodes[place]
        payer = node.request(disks[place], plan.id, LATE).disk
        witnesses = list(disks[2:])
        accepted = 0
        for data in self.of(plan, node.outstanding(payer)):
            if parsed(data).kind != "PAY_CANCELREQ":
                continue
            for i, witness in enumerate(self.witnesses):
                if witness.author in self.lying:
                    continue  # the worst that it can do now is to say nothing
                step = self.weighed(witnesses[i], i, data)
                witnesses[i] = step.disk
                for wire in step.sends:
                    accepted += self._tokens[wire].decision == "accept"
                    payer = node.told(payer, wire, LATE).disk
        deal = self.deal(dict(payer.deals)[plan.id])
        if deal.closed or deal.settled or deal.decided("accept") or accepted >= plan.quorum:
            return self.stuck_with_both(disks, plan)
        return "the payer waits for ever for a payee that has fallen silent"

    def of(self, plan: Plan, entries: tuple[bytes, ...]) -> list[bytes]:
        """Those of this payment."""
        return [e for e in entries if (said := said_in(e)) is not None and said.deal == plan.id]

    def stuck_with_both(self, disks: tuple[Disk, ...], plan: Plan) -> str:
        """With everybody there it ends for both: sending what is outstanding changes some disk, until all is closed."""
        sides = (self.place[plan.payer], self.place[plan.payee])
        deals = [dict(disks[place].deals).get(plan.id) for place in sides]
        known = [None if d is None else self.deal(d) for d in deals]
        ended = [d is not None and (d.closed or d.settled) for d in known]
        if all(ended) or (ended[0] and known[1] is None):
            return ""
        for place, other in (sides, sides[::-1]):
            for data in self.of(plan, self.nodes[place].outstanding(disks[place])):
                if self.nodes[other].arrived(disks[other], data, EARLY, "accept").disk != disks[other]:
                    return ""
                for i, witness in enumerate(self.witnesses):
                    if witness.author in self.lying or parsed(data).kind not in ("PAY_ACCEPT", "PAY_CANCELREQ"):
                        continue
                    step = self.weighed(disks[2 + i], i, data)
                    if step.disk != disks[2 + i]:
                        return ""
                    for wire in step.sends:
                        if self.nodes[place].told(disks[place], wire, EARLY).disk != disks[place]:
                            return ""
        return (
            "" if known[0] is not None and known[0].state == "proposed" else "stuck for ever although all is delivered"
        )
