"""Deals between two nodes over a network that loses, doubles and reorders, while both crash at any moment.

A node here is what the driver has to be: entry, chain state and deal in one batch, sends after it. A crash takes back
everything that was not in a batch. The negative controls at the end break one rule each and must be caught.
"""

import random
from dataclasses import dataclass, field

import pytest

from ledger.audit import verify_chain
from ledger.chain import ChainState, extend, next_at, start
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of, verify_entry
from ledger.outcome import outcome
from ledger.payloads import InceptPayload, Settlement
from ledger.settlement import (
    Action,
    Deal,
    Decision,
    Policy,
    Send,
    State,
    decode_deal,
    encode_deal,
    outstanding,
    propose,
    receive,
    written,
)
from p2pnode.store import MemoryStore
from protocols.errors import Ignore, Reject
from protocols.identity import Signer

from .people import ALICE, BOB, NET

DEALS = [bytes([i]) * 32 for i in range(1, 3)]
AMOUNT = 100


@dataclass
class Network:
    """Bytes under way. Each may be lost, come twice, or come late."""

    rng: random.Random
    fair: bool = False
    under_way: list[tuple[bytes, bytes]] = field(default_factory=list)
    signed: dict[bytes, Entry] = field(default_factory=dict)  # everything that ever left a node

    def send(self, to: bytes, data: bytes) -> None:
        entry = parse_entry(data)
        self.signed[entry.id] = entry
        copies = 1 if self.fair else self.rng.choice((0, 1, 1, 1, 2, 3))
        self.under_way += [(to, data)] * copies


class Crash(Exception):
    pass


class Node:
    """The driver in small: a store, and nothing else that survives."""

    def __init__(self, signer: Signer, endowment: int, net: Network, policy: Policy, rng: random.Random) -> None:
        self.signer, self.net, self.policy, self.rng = signer, net, policy, rng
        self.store = MemoryStore()
        self.crashes = True
        self.batch_first = True  # the journal rule, for the negative control
        state, entry = extend(start(NET, signer.author), signer, "INCEPT", InceptPayload(), None, 0, rng, endowment)
        self.chain: ChainState = state
        self._commit(entry, None)

    def _maybe_crash(self) -> None:
        if self.crashes and self.rng.random() < 0.08:
            raise Crash

    def _commit(self, entry: Entry | None, deal: Deal | None) -> None:
        puts: dict[bytes, bytes] = {}
        if entry is not None:
            puts[b"e" + entry.seq.to_bytes(8, "big")] = encode_entry(entry, private=True)
        if deal is not None:
            puts[b"d" + deal.id] = encode_deal(deal)
        self.store.commit(puts, durable=True)

    def deal(self, id: bytes) -> Deal | None:
        data = self.store.get(b"d" + id)
        return None if data is None else decode_deal(data)

    def deals(self) -> list[Deal]:
        return [decode_deal(data) for _, data in self.store.scan(b"d")]

    def entries(self) -> list[bytes]:
        return [data for _, data in self.store.scan(b"e")]

    def restart(self) -> None:
        self.store.crash()
        report = verify_chain(self.entries(), network=NET, author=self.signer.author, endowment=self.chain_endowment())
        assert report.ok and report.state is not None, report.errors
        self.chain = report.state

    def chain_endowment(self) -> int:
        return parse_entry(self.entries()[0]).limit

    def act(self, known: Deal | None, action: Action, now: int) -> None:
        if isinstance(action, Send):
            self.net.send(action.counterparty, action.entry)
            return
        self._maybe_crash()
        self.chain, entry = extend(self.chain, self.signer, action.kind, action.settlement, None, now, self.rng)
        deal, sends = written(known, entry)
        if not self.batch_first:
            for send in sends:
                self.net.send(send.counterparty, send.entry)
        self._maybe_crash()
        self._commit(entry, deal)
        self._maybe_crash()
        if self.batch_first:
            for send in sends:
                self._maybe_crash()
                self.net.send(send.counterparty, send.entry)

    def arrived(self, data: bytes, now: int) -> None:
        entry = parse_entry(data)
        verify_entry(entry)
        said = settlement_of(entry)
        assert said is not None
        known = self.deal(said.deal)
        try:
            after, actions = receive(known, entry, self.signer.author, next_at(self.chain, now), self.policy)
        except (Ignore, Reject) as e:
            assert isinstance(e, Ignore), e  # between honest nodes nothing is ever rejected
            return
        if after != known:
            self._maybe_crash()
            self._commit(None, after)
        for action in actions:
            self.act(after, action, now)

    def resend(self) -> None:
        for deal in self.deals():
            for send in outstanding(deal):
                self.act(deal, send, 0)


class World:
    def __init__(self, seed: int, expiry: int = 0) -> None:
        self.rng = random.Random(seed)
        self.net = Network(self.rng)
        self.expiry = expiry
        self.waits = self.rng.random() < 0.3
        self.refuses = {d for d in DEALS if self.rng.random() < 0.3}
        self.payer = Node(ALICE, 1000, self.net, lambda e, s: Decision.RELEASE, self.rng)
        self.payee = Node(BOB, 0, self.net, self.policy, self.rng)
        self.skew = {ALICE.author: self.rng.randrange(-50, 50), BOB.author: self.rng.randrange(-50, 50)}
        self.now = 1000

    def policy(self, entry: Entry, said: Settlement) -> Decision:
        if self.waits and self.rng.random() < 0.5:
            return Decision.WAIT
        return Decision.RELEASE if said.deal in self.refuses else Decision.ACCEPT

    def node(self, author: bytes) -> Node:
        return self.payer if author == ALICE.author else self.payee

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.now += self.rng.randrange(20)
            what = self.rng.random()
            who = self.rng.choice((self.payer, self.payee))
            try:
                if what < 0.2:
                    self.begin(self.rng.choice(DEALS))
                elif what < 0.5:
                    who.resend()
                elif self.net.under_way:
                    at = self.rng.randrange(len(self.net.under_way))
                    to, data = self.net.under_way.pop(at)
                    who = self.node(to)
                    who.arrived(data, self.now + self.skew[to])
            except Crash:
                who.restart() if what >= 0.2 else self.payer.restart()
            self.check_safety()

    def begin(self, id: bytes) -> None:
        known = self.payer.deal(id)
        if known is None:
            expiry = self.expiry and self.now + self.expiry
            ask = propose(None, deal=id, counterparty=BOB.author, amount=AMOUNT, expiry=expiry)
            self.payer.act(None, ask, self.now + self.skew[ALICE.author])

    def check_safety(self) -> None:
        """Whatever a side holds to be final is what the evidence says, and no side has two entries for one step."""
        evidence = [*self.net.signed.values()]
        for node in (self.payer, self.payee):
            stored = [parse_entry(e) for e in node.entries()]
            evidence += stored
            ids = [(e.kind, said.deal) for e in stored if e.kind != "INCEPT" and (said := settlement_of(e)) is not None]
            assert len(ids) == len(set(ids)), "one step twice"
        by_place: dict[tuple[bytes, int], set[bytes]] = {}
        for e in evidence:
            by_place.setdefault((e.author, e.seq), set()).add(e.id)
        assert all(len(ids) == 1 for ids in by_place.values()), "a fork"
        for id in DEALS:
            of_deal = [e for e in evidence if e.kind != "INCEPT" and (s := settlement_of(e)) and s.deal == id]
            verdict = outcome(of_deal)
            for node in (self.payer, self.payee):
                deal = node.deal(id)
                if deal is not None and deal.settled:
                    assert verdict == "settled"
                if deal is not None and deal.state in (State.RELEASED, State.CANCELLED):
                    assert verdict == "cancelled"

    def calm(self) -> None:
        """From here on nothing is lost and nobody crashes: everything must come to its end."""
        self.net.fair, self.waits = True, False
        self.payer.crashes = self.payee.crashes = False
        for id in DEALS:
            self.begin(id)
        for _ in range(12):
            for node in (self.payer, self.payee):
                node.resend()
            waiting, self.net.under_way = self.net.under_way, []
            for to, data in waiting:
                self.node(to).arrived(data, self.now + self.skew[to])
            self.check_safety()

    def check_end(self) -> None:
        receipts = 0
        for id in DEALS:
            mine, theirs = self.payer.deal(id), self.payee.deal(id)
            assert mine is not None and theirs is not None and mine.closed and theirs.closed, "not finished"
            assert mine.receipt == theirs.receipt
            assert (mine.receipt is None) == (mine.state == State.CANCELLED)
            receipts += mine.receipt is not None
            if not self.expiry:
                assert (mine.receipt is None) == (id in self.refuses)
        for node in (self.payer, self.payee):
            node.restart()
            assert node.chain.hold == 0
        assert self.payer.chain.balance + self.payee.chain.balance == 0
        assert self.payee.chain.balance == receipts * AMOUNT


@pytest.mark.parametrize("expiry", [0, 60])
def test_both_sides_come_to_the_same_end(expiry: int) -> None:
    ends = set()
    for seed in range(60):
        world = World(seed, expiry)
        world.run(60)
        world.calm()
        world.check_end()
        ends |= {d.state for d in world.payer.deals()}
    assert ends == {State.SETTLED, State.CANCELLED}  # the seeds reach both


def test_sending_before_the_batch_is_caught() -> None:
    with pytest.raises(AssertionError, match="a fork"):
        for seed in range(60):
            world = World(seed)
            world.payer.batch_first = world.payee.batch_first = False
            world.run(60)
            world.calm()
            world.check_end()


def test_not_resending_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Node, "resend", lambda self: None)
    with pytest.raises(AssertionError, match="not finished"):
        for seed in range(20):
            world = World(seed)
            world.run(60)
            world.calm()
            world.check_end()


def test_a_deal_that_is_not_stored_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = Node._commit

    def forgetful(self: Node, entry: Entry | None, deal: Deal | None) -> None:
        commit(self, entry, deal if self.signer is ALICE else None)

    monkeypatch.setattr(Node, "_commit", forgetful)
    with pytest.raises(AssertionError, match=r"one step twice|not finished"):
        for seed in range(20):
            world = World(seed)
            world.run(60)
            world.calm()
            world.check_end()
