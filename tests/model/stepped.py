"""`checker.Model` with the exchange around the settlements: work or goods that change hands between several payments.

Which step is due, and whether a payment may be taken, is asked of `protocols.exchange` itself, for each side from the
facts and the deals that it knows. What is done with one's hands is seen by both at once, and people pay for what they
have received; a `cancel` reaches the other side at any later time, or never. A dishonest party does what is physically
possible, in any order, and signs whatever it likes.

Checked besides what `Model` checks: how much each honest side is out of pocket, in each state, and that two honest
sides come to the end: all done and paid, or called off with nothing of the one's left with the other.
"""

from collections.abc import Iterator
from types import ModuleType

from ledger.entry import settlement_of
from p2pnode.core.settlements import _PAYMENT
from protocols import exchange
from protocols.fact import Fact
from protocols.identity import Signer
from protocols.payments import DEPOSIT, PAY, REFUND, deal_of, part_of
from protocols.terms import Duty, parse_terms
from tests.protocols.deals import NOW, accept, propose, say

from .checker import Forger, Model, State, replaced
from .world import EARLY, Disk, Plan, Step, parsed

Acts = frozenset[str]  # duties done; "cancel 0" of the payer, "cancel 1" of the payee, "told 0" once the other knows


class Stepped(Model):
    """taker, giver: with their endowments; `asked` as for `terms_of`. careless: the honest taker pays when it likes."""

    def __init__(
        self,
        taker: Signer,
        giver: Signer,
        asked: dict[str, object],
        *,
        bad: bytes = b"",
        forger: Forger | None = None,
        rules_of: ModuleType = exchange,
        cancels: bool = False,
        careless: bool = False,
    ) -> None:
        self.root = propose(by=taker, proposer=taker.author, responder=giver.author, **asked)
        self.yes = accept(self.root, giver, self.root)
        self.terms = parse_terms(self.root.payload)
        self.signers = (taker, giver)
        self.x, self.cancels, self.careless = rules_of, cancels, careless
        plans = plans_of(self.root)
        people = ((taker, 100, "taker"), (giver, 100, "giver"))
        super().__init__(people, plans, bad=bad, forger=forger, clocks=(EARLY,))
        self.begin = State((*self.begin.disks, Disk(b"", (), ())), 0)
        self._deal_in: dict[bytes, bytes] = {}
        self._views: dict[tuple[int, Acts, tuple[tuple[bytes, bytes], ...]], exchange.Exchange] = {}

    def parties(self, disks: tuple[Disk, ...]) -> tuple[Disk, ...]:
        return disks[:2]

    def honest(self, place: int) -> bool:
        return self.signers[place].author != self.bad

    def view(self, place: int, disks: tuple[Disk, ...]) -> exchange.Exchange:
        """The exchange as one side sees it."""
        acts, deals = acts_of(disks), disks[place].deals
        if (place, acts, deals) not in self._views:
            facts: list[Fact] = [self.root, self.yes]
            for side, signer in enumerate(self.signers):
                if f"cancel {side}" in acts and (side == place or f"told {side}" in acts):
                    facts.append(say(self.root, signer, "cancel", self.yes, NOW))
            for duty in self.terms.duties:
                if duty.id in acts:
                    signer = self.signers[self.place[duty.provider]]
                    facts.append(say(self.root, signer, "done", self.yes, NOW, duty=duty.id))
            states = self.states(disks[place])
            moved = {
                d.id: self.x.Payment(states.get(deal_of(self.root.id, d.id), "pending")) for d in self.terms.payments
            }
            self._views[place, acts, deals] = self.x.evaluate(facts, moved, "hour", NOW)
        return self._views[place, acts, deals]

    def states(self, disk: Disk) -> dict[bytes, str]:
        return {id: _PAYMENT[self.deal(stored).state].value for id, stored in disk.deals}

    def goes_on(self, place: int, disks: tuple[Disk, ...], duty: Duty) -> bool:
        """Whether an honest side does what it owes now."""
        seen = self.view(place, disks)
        pending = seen.duties[duty.id] is self.x.DutyState.PENDING
        return pending and seen.status is not self.x.Status.CANCELLED and seen.due(duty)

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        disks, acts = state.disks, acts_of(state.disks)
        for duty in self.terms.duties:
            place = self.place[duty.provider]
            who = self.names[duty.provider]
            if duty in self.terms.payments:
                plan = next(p for p in self.plans if p.id == deal_of(self.root.id, duty.id))
                wants = (self.careless and place == 0) or self.goes_on(place, disks, duty)
                if self.honest(place) and wants and plan.id not in dict(disks[place].deals):
                    step = self.nodes[place].begin(disks[place], plan, EARLY)
                    yield from self.taken(state, place, step, f"pays {duty.id}")
            elif (
                duty.id not in acts
                and self.possible(duty, acts)
                and (not self.honest(place) or self.goes_on(place, disks, duty))
            ):
                yield f"{who}: {duty.id}", State(with_act(disks, duty.id), state.sent)
        for side in (0, 1) if self.cancels else ():
            if f"cancel {side}" not in acts:
                seen = self.view(side, disks)
                if not self.honest(side) or (seen.can_be_called_off and seen.status in self.x.OPEN):
                    yield (
                        f"{self.names[self.signers[side].author]} asks to cancel",
                        State(with_act(disks, f"cancel {side}"), state.sent),
                    )
            elif f"told {side}" not in acts:
                yield "the other learns of it", State(with_act(disks, f"told {side}"), state.sent)
        for place, node in enumerate(self.nodes):
            if self.honest(place):
                yield "resends", State(disks, state.sent | self.mask(node.outstanding(disks[place])))
                for data in self.under_way(state, node.signer.author):
                    step = node.arrived(disks[place], data, EARLY, self.choice(place, disks, data))
                    yield from self.taken(state, place, step, f"gets {self.told(data)}")
        if self.forger is not None:
            can = self.forgeries(state) & ~state.sent & self.matters(disks)
            for i in range(can.bit_length()):
                if can >> i & 1:
                    label = f"{self.names[self.bad]} signs {self.told(self._messages[i])}"
                    yield label, State(disks, state.sent | 1 << i)

    def taken(self, state: State, place: int, step: Step, label: str) -> Iterator[tuple[str, State]]:
        for text, after in super().taken(state, place, step, label):
            if not self.bad:
                yield text, after
            elif "crash before sending" not in text:  # as good as a message that is lost
                lies = sum(1 << i for i, m in enumerate(self._messages) if self.is_bad(m))
                yield text, State(after.disks, after.sent & ~(lies & ~self.matters(after.disks)))

    def matters(self, disks: tuple[Disk, ...]) -> int:
        """The messages of the payment whose turn it is for the honest side. What a liar signs in another has no effect:
        before, the policy makes it wait; afterwards, `test_settlement` says what a closed deal does with it."""
        place = next(i for i in (0, 1) if self.honest(i))
        closed = [id for id, d in disks[place].deals if self.deal(d).closed]
        turn = next((p.id for p in self.plans if p.id not in closed), b"")
        return sum(1 << i for i, m in enumerate(self._messages) if self.deal_in(m) == turn)

    def deal_in(self, message: bytes) -> bytes:
        if message not in self._deal_in:
            said = settlement_of(parsed(message))
            self._deal_in[message] = said.deal if said else b""
        return self._deal_in[message]

    def possible(self, duty: Duty, acts: Acts) -> bool:
        """Whether hands can do it: the steps of one piece of work in their order, and nothing is returned that was not
        handed over."""
        kind, part = part_of(duty.id)
        if duty.id == "return":
            return "handover" in acts
        return part < 2 or f"{kind}-{part - 1}" in acts

    def choice(self, place: int, disks: tuple[Disk, ...], data: bytes) -> str:
        """The payee's policy, as the node's."""
        said = settlement_of(parsed(data))
        duty = next((d for d in self.terms.payments if said and deal_of(self.root.id, d.id) == said.deal), None)
        if duty is None or duty.receiver != self.signers[place].author:
            return "wait"
        take = self.view(place, disks).may_take(duty)
        return "wait" if take is None else "accept" if take else "release"

    def unsafe(self, state: State) -> str:
        return super().unsafe(state) or self.out_of_pocket(state.disks)

    def out_of_pocket(self, disks: tuple[Disk, ...]) -> str:
        acts = acts_of(disks)
        price, deposit = [d for d in self.terms.payments if part_of(d.id)[0] == PAY], self.terms.deposit
        worked = sum(d.amount for d in price if d.id.replace(PAY, "work") in acts)
        out = deposit * ("handover" in acts and "return" not in acts)
        for place, name in enumerate(("taker", "giver")):
            if not self.honest(place):
                continue
            states = self.states(disks[place])
            paid = {d.id: d.amount for d in self.terms.payments if states.get(deal_of(self.root.id, d.id)) == "settled"}
            credit = sum(paid.get(d.id, 0) for d in price) + paid.get(DEPOSIT, 0) - paid.get(REFUND, 0)
            owed = credit - worked - out if place == 0 else worked + out - credit
            # Somebody goes first: who works, by one step; who borrows, by the deposit.
            most = deposit if place == 0 else max((d.amount for d in price), default=0)
            if owed > most:
                return f"{name} is out of pocket by {owed}"
        return ""

    def is_stuck(self, disks: tuple[Disk, ...]) -> str:
        views = [self.view(place, disks) for place in (0, 1)]
        if all(v.status in (self.x.Status.SETTLED, self.x.Status.CANCELLED) for v in views):
            balances = [parsed(disk.entries[-1]).balance for disk in disks[:2]]
            called_off = views[0].status is self.x.Status.CANCELLED
            paid = sum(d.amount for d in self.terms.payments if part_of(d.id)[0] == PAY)
            if not called_off and balances != [-paid, paid]:
                return f"settled with balances of {balances}"
            if called_off and self.terms.deposit and any(balances):
                return f"called off with balances of {balances}"
            closed = all(self.deal(stored).closed for d in disks[:2] for _, stored in d.deals)
            return "" if closed or self.arrives(disks) else "stuck for ever although every message arrives"
        acts = acts_of(disks)
        for side in (0, 1):
            if f"cancel {side}" in acts and f"told {side}" not in acts:
                return ""
        for duty in self.terms.duties:
            place = self.place[duty.provider]
            begun = deal_of(self.root.id, duty.id) in dict(disks[place].deals)
            if not begun and duty.id not in acts and self.goes_on(place, disks, duty):
                return ""
        return "" if self.arrives(disks) else "stuck for ever although every message arrives"

    def arrives(self, disks: tuple[Disk, ...]) -> bool:
        """Whether what is outstanding, and the answers to it, change anything."""
        under_way = [m for node, disk in zip(self.nodes, disks[:2], strict=True) for m in node.outstanding(disk)]
        for _ in range(4):
            answers: list[bytes] = []
            for data in under_way:
                said = settlement_of(parsed(data))
                assert said is not None
                place = self.place[said.counterparty]
                step = self.nodes[place].arrived(disks[place], data, EARLY, self.choice(place, disks, data))
                if step.disk != disks[place]:
                    return True
                answers += step.sends
            under_way = answers
        return False


def plans_of(root: Fact) -> tuple[Plan, ...]:
    terms = parse_terms(root.payload)
    return tuple(Plan(deal_of(root.id, d.id), d.provider, d.receiver, d.amount) for d in terms.payments)


def acts_of(disks: tuple[Disk, ...]) -> Acts:
    return frozenset(disks[2].state.decode().split(",")) - {""}


def with_act(disks: tuple[Disk, ...], act: str) -> tuple[Disk, ...]:
    acts = ",".join(sorted(acts_of(disks) | {act}))
    return replaced(disks, 2, Disk(acts.encode(), (), ()))
