"""What strangers and lying partners say to a node of this ledger, and what it must not make of it."""

from random import Random
from time import process_time
from typing import Any

import pytest

from ledger.entry import NO_PREV, Entry, encode_entry, parse_entry, sign_entry
from ledger.halves import nested
from ledger.payloads import Settlement, encode_payload, salted
from ledger.settlement import State
from p2pnode import commands
from p2pnode.bounds import MAX_KEPT_OF_ONE, MAX_VERDICTS_OF_ONE
from p2pnode.core import claims, vouches
from p2pnode.core.effects import Effect, Reply, Send
from p2pnode.core.events import Command, Connected, Disconnected, Received
from p2pnode.core.keys import KEPT
from p2pnode.core.misconduct import Convictions
from protocols import exchange_messages as messages
from protocols import ledger_messages, recovery_messages
from protocols.drafts import draft_terms
from protocols.errors import Refusal
from protocols.fact import NO_DEAL, Fact, seal_fact
from protocols.genesis import Genesis, found
from protocols.identity import Signer, incept
from protocols.limits import DAY, HOUR, MINUTE
from protocols.payments import deal_of
from protocols.terms import Terms, encode_terms
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, sent
from tests.p2pnode.test_paying import agree
from tests.sim.simulator import Node
from tests.sim.street import look
from tests.sim.test_witnessed import CALLED_OFF_WITHIN, WITHIN, Street, cut, give, verdicts_of

RNG = Random(1)


@pytest.fixture
def lab() -> Lab:
    return Lab(31)


def forged(
    lab: Lab, kind: str, said: Settlement | None, signer: Signer = EVE, seq: int = 1, at: int = 0, **figures: int
) -> Entry:
    """An entry signed by whoever wants to, with the figures and the place that it likes."""
    return sign_entry(
        signer,
        network=lab.network(lab.anna).id,
        seq=seq,
        prev=bytes([1]) * 32 if seq else NO_PREV,
        root=bytes(32),
        kind=kind,
        at=at or lab.now,
        balance=figures.get("balance", 0),
        hold=figures.get("hold", 0),
        limit=figures.get("limit", 0),
        settlement=None if said is None else salted(encode_payload(said), RNG),
        private=None,
    )


def tell(lab: Lab, node: Node, entry: Entry, peer: str = EVES_PEER) -> list[Effect]:
    return lab.say(node, messages.EntryMessage(entry.network, encode_entry(entry)), peer)


def entries(lab: Lab, node: Node) -> int:
    return lab.network(node).chain.state.count


def known(lab: Lab, node: Node, name: str = "Eve") -> None:
    """Eve has a profile there."""
    lab.meet(node)
    lab.take(node, lab.profile(EVE, name, EVES_PEER))


# Audits


def test_a_gap_of_a_chain_that_is_shown_costs_nothing(lab: Lab) -> None:
    known(lab, lab.ben)
    args = commands.parse_args("ledger.audit", {"peer": "Eve"})
    lab.ben.core.handle(Command(9, "ledger.audit", args), lab.now)
    far = encode_entry(forged(lab, "EVENT", None, seq=50_000_000))
    page = ledger_messages.Shown(lab.network(lab.ben).id, 0, 2, (far,))
    began = process_time()
    effects = lab.tell(lab.ben, ledger_messages.PROTOCOL, ledger_messages.encode_message(page))
    assert process_time() - began < 0.25
    (result,) = [e.result for e in effects if isinstance(e, Reply)]
    assert not result["ok"] and len(result["missing"]) <= 1_000


# One deal id, two things


def test_a_vouch_or_claim_cannot_take_the_id_of_a_payment(lab: Lab) -> None:
    """Two things under one deal id would make our own chain unsound, for ever."""
    id_ = agree(lab, "help", "2", instalments=2)
    lab.meet(lab.ben)
    me = lab.signer(lab.ben).author
    before = entries(lab, lab.ben)
    for deal in (bytes.fromhex(id_), deal_of(bytes.fromhex(id_), "pay-1")):
        vouch = forged(lab, "VOUCH", Settlement(me, 10, deal), hold=10, limit=100)
        assert not sent(tell(lab, lab.ben, vouch)) and entries(lab, lab.ben) == before
        claim = forged(lab, "CLAIM", Settlement(me, 10, deal, unit="EUR"))
        assert not sent(tell(lab, lab.ben, claim)) and look(lab.ben, "claim.list", lab.now) == []
    for _ in range(2):
        lab.ask(lab.ben, "exchange.done", id=id_)
        lab.sim.run(MINUTE)
        lab.ask(lab.cleo, "exchange.pay", id=id_)
        lab.sim.run(MINUTE)
    assert lab.network(lab.ben).chain.state.balance == 200
    assert look(lab.ben, "ledger.verify", lab.now)["ok"]


@pytest.mark.parametrize("claim", [False, True])
def test_an_exchange_whose_id_is_a_vouch_or_a_claim_is_not_paid(lab: Lab, claim: bool) -> None:
    """Who proposes knows the id before it says it."""
    listing = lab.ask(lab.ben, "listing.publish", direction="request", kind="help", title="A wall", price="1")
    lab.sim.run(MINUTE)
    lab.sim.ask(lab.cleo, "exchange.propose", lambda made: None, listing=listing["listing_id"])
    cleo, ben = lab.cleo.core, lab.ben.core
    lab.sim.faults.loss = 1.0
    lab.sim.run(1_000)
    (held,) = cleo.exchanges.held.values()
    kind, said = (
        ("CLAIM", Settlement(ben.state.me, 10, held.id, unit="EUR"))
        if claim
        else ("VOUCH", Settlement(ben.state.me, 10, held.id))
    )
    entry = forged(lab, kind, said, lab.signer(lab.cleo), seq=50, hold=0 if claim else 10, limit=100)
    tell(lab, lab.ben, entry, lab.cleo.peer_id)
    if claim:
        lab.ask(lab.ben, "claim.accept", id=held.id.hex())
    lab.sim.faults.loss = 0.0
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.accept", id=held.id.hex())
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="same number"):
        lab.ask(lab.ben, "exchange.pay", id=held.id.hex())
    assert look(lab.ben, "ledger.verify", lab.now)["ok"]


# Witnesses


class Asked:
    """A payer and its payee, both Eve's, who ask a witness about payments that nobody makes."""

    def __init__(self, lab: Lab, node: Node) -> None:
        self.lab, self.node = lab, node
        self.payee, _ = incept(b"eves friend".ljust(32))

    def cancel(self, n: int, at: int) -> list[Effect]:
        """The n-th payment, proposed at this time, is to be called off."""
        witness, deal = self.lab.signer(self.node).author, n.to_bytes(32, "big")
        said = Settlement(self.payee.author, 1, deal, at + 1, witnesses=(witness,), quorum=1)
        half = encode_entry(forged(self.lab, "PAY_PROPOSE", said, seq=1, at=at, hold=1, limit=1))
        request = Settlement(self.payee.author, 1, deal, half=half)
        return tell(self.lab, self.node, forged(self.lab, "PAY_CANCELREQ", request, seq=2, hold=1, limit=1))


def test_old_dates_do_not_let_a_payer_be_served_without_end(lab: Lab) -> None:
    """Decisions are counted until long after they were made, whatever date the payer writes."""
    known(lab, lab.ben)
    asked, before = Asked(lab, lab.ben), entries(lab, lab.ben)
    for n in range(MAX_VERDICTS_OF_ONE):
        asked.cancel(n, 1_000 + n)
    assert entries(lab, lab.ben) == before + MAX_VERDICTS_OF_ONE
    lab.sim.run(3 * HOUR)
    known(lab, lab.ben)
    for n in range(10):
        asked.cancel(10_000 + n, 100_000 + n)
    assert entries(lab, lab.ben) == before + MAX_VERDICTS_OF_ONE


# Payments


def offer(lab: Lab, node: Node) -> bytes:
    """The id of a record of a listing of this node's; its slot's name stands in it."""
    lab.ask(node, "listing.publish", direction="request", kind="help", title="A wall", price="1")
    lab.sim.run(MINUTE)
    (row,) = [r for r in lab.network(node).catalog.rows(kind="listing") if r.author == lab.signer(node).author]
    return bytes(row.id)


def said(lab: Lab, signer: Signer, kind: str, deal: bytes, prev: bytes, payload: bytes = b"", at: int = 0) -> Fact:
    network = lab.network(lab.anna).id
    return seal_fact(signer, network=network, deal=deal, kind=kind, prev=prev, at=at or lab.now, payload=payload)


def drafted(lab: Lab, node: Node, listing: bytes, proposer: bytes, **changes: Any) -> Terms:
    record = lab.network(node).catalog.get(
        next((r.author, r.kind, r.name) for r in lab.network(node).catalog.rows(kind="listing") if r.id == listing)
    )
    fields: dict[str, Any] = {
        "listing": listing, "name": record.name, "proposer": proposer, "responder": lab.signer(node).author,
        "offered": True, "kind": "help", "title": "A wall", "quantity": 1, "start": 0, "end": 0, "amount": 120,
        "unit": "hour", "price_text": "1.20 hour", "note": "", "previous": b"", "expires": lab.now + DAY,
    }  # fmt: skip
    return draft_terms(**(fields | changes))


def test_what_was_never_agreed_costs_no_entry(lab: Lab) -> None:
    """Eve proposes, takes it back, and then wants to pay each of its instalments."""
    lab.meet(lab.ben)
    terms = drafted(lab, lab.ben, offer(lab, lab.ben), EVE.author, instalments=12)
    before = entries(lab, lab.ben)
    proposal = said(lab, EVE, "propose", NO_DEAL, terms.listing, encode_terms(terms))
    withdrawal = said(lab, EVE, "withdraw", proposal.id, proposal.id)
    for fact in (proposal, withdrawal):
        assert sent(lab.say(lab.ben, messages.FactMessage(fact.wire))) == [messages.Ack(fact.id)]
    for duty in ("pay", *(d.id for d in terms.payments)):
        pay = Settlement(lab.signer(lab.ben).author, 10, deal_of(proposal.id, duty))
        assert not sent(tell(lab, lab.ben, forged(lab, "PAY_PROPOSE", pay, hold=10, limit=100)))
    assert entries(lab, lab.ben) == before


# Vouches


def test_strangers_cannot_take_over_in_parts_without_end(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vouches of nothing that our user took, each taken over penny by penny: every part would be an entry of ours."""
    known(lab, lab.ben)
    me, before = lab.signer(lab.ben).author, entries(lab, lab.ben)
    seq = 1
    monkeypatch.setattr(Convictions, "saw", lambda *a: None)  # her figures would convict her at once
    monkeypatch.setattr(vouches, "MAX_PARTS_TAKEN", 40)
    for n in range(4):
        tell(lab, lab.ben, forged(lab, "VOUCH", Settlement(me, 200, bytes([n]) * 32), seq=seq, hold=200, limit=1_000))
        lab.ask(lab.ben, "vouch.take", peer="Eve")
        for _ in range(20):
            seq += 1
            tell(lab, lab.ben, forged(lab, "VOUCH_CONSUME", Settlement(me, 1, bytes([n]) * 32), seq=seq, limit=1_000))
    assert entries(lab, lab.ben) == before + 4 + 10  # a quarter of the parts, for strangers
    for n in range(4):  # all that is left is always answered
        seq += 1
        tell(lab, lab.ben, forged(lab, "VOUCH_CONSUME", Settlement(me, 200, bytes([n]) * 32), seq=seq, limit=1_000))
    assert entries(lab, lab.ben) == before + 4 + 10 + 4
    assert look(lab.ben, "ledger.verify", lab.now)["ok"]


# Keeping


def test_a_keeper_sees_nothing_of_a_network_that_it_is_not_in(lab: Lab) -> None:
    """Anna is in a second network, with invited members only; Ben, her neighbour in the first, is not."""
    signer = lab.signer(lab.anna)
    genesis = Genesis(
        name="Choir", unit="song", decimals=0, endowments=((signer.author, 10),), stewards=(signer.author,), quorum=1,
        newcomer_limit=1, open=False, area="u33dc", salt=bytes(16),
    )  # fmt: skip
    lab.sim.perform(lab.anna, lab.anna.core.begin(lab.now, (found(signer, genesis, lab.now).wire,)))
    first, second = lab.anna.core.state.networks.values()
    lab.sim.run(MINUTE)
    effects = lab.anna.core.handle(Disconnected(lab.ben.peer_id), lab.now)
    effects += lab.anna.core.handle(Connected(lab.ben.peer_id, lab.ben.address, True), lab.now)
    for network in (first, second):
        network.chain.append("EVENT", Settlement(signer.author, 0, bytes(32)), None, lab.now)
        ask = recovery_messages.Ask(network.id, signer.author, 0)
        frame = recovery_messages.encode_message(ask)
        effects += lab.anna.core.handle(Received(lab.ben.peer_id, recovery_messages.PROTOCOL, frame), lab.now)
    told = [
        recovery_messages.parse_message(e.data)
        for e in effects
        if isinstance(e, Send) and e.peer == lab.ben.peer_id and e.protocol == recovery_messages.PROTOCOL
    ]
    shown = {m.network for m in told if not isinstance(m, recovery_messages.Ask)}
    assert shown == {first.id}


def test_many_entries_to_keep_at_once_are_not_read_again_for_each(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk a frame of 150 entries took 2.4 s: each read all that was kept of that chain."""
    known(lab, lab.ben)
    network = lab.network(lab.ben).id
    scanned: list[bytes] = []
    journal = lab.ben.core._journal
    scan = journal.scan
    monkeypatch.setattr(journal, "scan", lambda prefix: scanned.append(prefix) or scan(prefix))
    for start in range(1, 1_300, 100):
        full = tuple(encode_entry(forged(lab, "EVENT", None, seq=start + n)) for n in range(100))
        frame = recovery_messages.encode_message(recovery_messages.Entries(network, EVE.author, full))
        lab.tell(lab.ben, recovery_messages.PROTOCOL, frame)
    assert not [prefix for prefix in scanned if prefix.startswith(KEPT)]
    held = list(lab.ben.disk.scan(KEPT + network + EVE.author))
    assert len(held) == MAX_KEPT_OF_ONE and int.from_bytes(held[-1][0][-8:], "big") == 1_300


# Answers


def test_who_replays_an_entry_of_others_gets_no_newer_one(lab: Lab) -> None:
    """A witness holds what both signed until the acceptance, and a vouch is public: repeated, they show no more."""
    id_ = agree(lab, "help", "1")
    lab.ask(lab.ben, "exchange.done", id=id_)
    lab.ask(lab.cleo, "exchange.pay", id=id_)
    lab.sim.run(MINUTE)
    lab.ask(lab.anna, "vouch", peer="Dora", amount="1")
    lab.sim.run(MINUTE)
    (deal,) = lab.ben.core.settlements.deals.values()
    receipt, complete, accept, propose = nested(parse_entry(deal.mine))
    assert (receipt.kind, complete.kind) == ("PAY_RECEIPT", "PAY_COMPLETE")
    (vouch,) = [v for v in lab.anna.core.vouches.all.values() if v.counterparty == lab.signer(lab.dora).author]
    for node, entry in (
        (lab.ben, complete),
        (lab.ben, propose),
        (lab.cleo, accept),
        (lab.dora, parse_entry(vouch.mine)),
    ):
        lab.meet(node)
        assert not sent(tell(lab, node, entry))
    assert sent(tell(lab, lab.ben, complete, lab.cleo.peer_id))
    assert sent(tell(lab, lab.dora, parse_entry(vouch.mine), lab.anna.peer_id))


def test_a_refusal_of_nothing_reads_no_claim(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.ask(lab.ben, "claim.propose", peer="Cleo", amount="1", unit="EUR")
    lab.sim.run(MINUTE)
    lab.meet(lab.ben)
    read: list[bytes] = []
    monkeypatch.setattr(claims, "parse_entry", lambda full: read.append(full) or parse_entry(full))
    lab.say(lab.ben, messages.Refuse(bytes(32), "refused", "no"))
    assert not read


@pytest.mark.parametrize("late", [False, True], ids=["told before it asks", "told after it has asked"])
def test_a_payer_asks_until_it_has_the_acceptance_that_its_witness_saw(late: bool) -> None:
    """The witness's token came, the acceptance with it did not, and the payee is gone: the hold must not stay bound."""
    run = Street(21, 1)
    (anna,) = run.witnesses
    cut(run, run.ben, run.cleo)
    cut(run, anna, run.cleo, run.sim.now + (WITHIN + 3 * MINUTE if late else 8_000))
    run.pay()
    run.sim.run(1_000)
    give(run, run.cleo, run.ben, "PAY_PROPOSE")
    run.sim.run(5_000)
    run.vanish(run.ben)
    (verdict,) = verdicts_of([anna])
    if late:
        run.sim.run(WITHIN + 2 * MINUTE)
    frame = messages.encode_message(messages.TokenMessage(verdict.network, verdict.token))
    run.sim.handle(run.cleo, Received(anna.peer_id, messages.PROTOCOL, frame))
    run.sim.run(WITHIN + CALLED_OFF_WITHIN + 5 * MINUTE)
    deal = run.deal(run.cleo)
    assert deal is not None and deal.state == State.COMPLETED
