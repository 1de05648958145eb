"""`checker.Model` with witnesses: each is a disk with at most one verdict; a dishonest one signs both decisions.

A crash between batch and send is not a move of its own here: it is the same as a message that is lost, and what is on
the disks counts as evidence whether it was sent or not.
"""

from collections.abc import Iterator

from ledger.entry import Entry, settlement_of
from ledger.halves import nested
from ledger.settlement import Deal
from ledger.tokens import Token, parse_token, sign_token
from ledger.witnessing import Ask, decide, decode_verdict, encode_verdict, weigh
from protocols.errors import Ignore, Reject
from protocols.identity import Signer, incept

from .checker import Forger, Model, State, replaced
from .world import EARLY, LATE, Disk, Plan, Rules, Step, parsed

WITNESSES = tuple(incept(bytes([i]) * 32)[0] for i in range(40, 47))
NO_DISK = Disk(b"", (), ())


class Witnessed(Model):
    def __init__(
        self,
        people: tuple[tuple[Signer, int, str], ...],
        plan: Plan,
        count: int,
        *,
        liars: int = 0,
        rules: Rules | None = None,
        bad: bytes = b"",
        forger: Forger | None = None,
    ) -> None:
        super().__init__(people, (plan,), rules=rules, bad=bad, forger=forger, clocks=(EARLY,))
        self.witnesses = WITNESSES[:count]
        self.lying = {w.author for w in self.witnesses[count - liars :]} if liars else set()
        self.begin = State((*self.begin.disks, *(NO_DISK for _ in self.witnesses)), 0)
        self._tokens: dict[bytes, Token] = {}
        self._kept: dict[Disk, Token] = {}
        self._weighed: dict[tuple[Disk, int, bytes], Step] = {}

    def parties(self, disks: tuple[Disk, ...]) -> tuple[Disk, ...]:
        return disks[:2]

    def entries(self, state: State) -> list[bytes]:
        return [m for m in self.sent(state) if m not in self._tokens]

    def tokens(self, state: State) -> list[Token]:
        kept = [self._kept[d] for d in state.disks[2:] if d.state]
        return kept + [self._tokens[m] for m in self.sent(state) if m in self._tokens]

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
                yield from self.taken(state, place, node.told(disk, wire, EARLY), f"gets {self.told(wire)}")
            for plan in self.plans:
                if plan.payer == node.signer.author and plan.id in dict(disk.deals):
                    step = node.request(disk, plan.id, LATE)
                    yield from self.taken(state, place, step, "asks the witnesses to cancel")
        for i, witness in enumerate(self.witnesses):
            for data in self.entries(state):
                if witness.author in self.lying:
                    for wire in self.lies(witness, parsed(data)):
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
        known = decode_verdict(disk.state) if disk.state else None
        try:
            answer = weigh(known, entry, witness.author)
        except (Ignore, Reject):
            return Step(disk)
        if isinstance(answer, Ask):
            token = sign_token(witness, answer.network, answer.deal, answer.proposal, answer.decision, EARLY)
            answer = decide(answer, token)
        self._tokens.setdefault(answer.token, parse_token(answer.token))
        disk = Disk(encode_verdict(answer), (), ())
        self._kept[disk] = self._tokens[answer.token]
        return Step(disk, (answer.token,))

    def lies(self, witness: Signer, entry: Entry) -> list[bytes]:
        proposal = list(nested(entry))[-1]
        said = settlement_of(proposal)
        assert said is not None
        tokens = [sign_token(witness, proposal.network, said.deal, proposal.id, d, LATE) for d in ("accept", "cancel")]
        for token in tokens:
            self._tokens.setdefault(token.wire, token)
        return [t.wire for t in tokens]

    def is_stuck(self, disks: tuple[Disk, ...]) -> str:
        """With a silent payee, the witnesses let the payer free its hold, or tell it that the payee has accepted."""
        plan = self.plans[0]
        if plan.id not in dict(disks[0].deals):
            return ""
        payer, node = disks[0], self.nodes[0]
        payer = node.request(payer, plan.id, LATE).disk
        witnesses = list(disks[2:])
        accepted = 0
        for data in node.outstanding(payer):
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
        deal = self.rules.machine.decode_deal(dict(payer.deals)[plan.id])
        if deal.closed or deal.settled or deal.decided("accept") or accepted >= plan.quorum:
            return self.stuck_with_both(disks)
        return "the payer waits for ever for a payee that has fallen silent"

    def stuck_with_both(self, disks: tuple[Disk, ...]) -> str:
        """With everybody there it ends for both: sending what is outstanding changes some disk, until all is closed."""
        m = self.rules.machine
        plan = self.plans[0]
        deals = [dict(disk.deals).get(plan.id) for disk in disks[:2]]
        known = [None if d is None else m.decode_deal(d) for d in deals]
        ended = [d is not None and (d.closed or d.settled) for d in known]
        if all(ended) or (ended[0] and known[1] is None):
            return ""
        for place in (0, 1):
            for data in self.nodes[place].outstanding(disks[place]):
                other = 1 - place
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
