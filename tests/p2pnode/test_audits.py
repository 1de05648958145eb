"""Auditing a neighbour's ledger: what is shown to whom, and what a liar is caught at."""

from random import Random

import pytest

from ledger.entry import parse_entry, settlement_of
from ledger.fork import parse_fork, verify_fork
from p2pnode.bounds import SHOW_EVERY
from p2pnode.core import audits as module
from p2pnode.core.effects import Send
from p2pnode.core.events import Received
from p2pnode.core.keys import seq_key
from p2pnode.core.own_chain import OwnChain
from protocols import ledger_messages as messages
from protocols.codec import encode
from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.lab import EVES_PEER, Lab, struck, wrote
from tests.sim.street import People, look

LEDGER = messages.PROTOCOL


@pytest.fixture
def lab() -> Lab:
    """Cleo has paid Ben for his mower."""
    made = Lab(7)
    mower = made.ask(made.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    made.sim.run(MINUTE)
    made.id = made.ask(made.cleo, "exchange.propose", listing=mower["listing_id"], quantity=1)["exchange_id"]
    People(made.sim, [made.ben, made.cleo], Random(1))
    made.sim.run(10 * MINUTE)
    return made


def shown_to(lab, node, peer, first=0):
    lab.sim.run(SHOW_EVERY)
    frame = messages.encode_message(messages.Show(lab.network(node).id, first))
    effects = lab.tell(node, LEDGER, frame, peer)
    assert not wrote(effects)
    return [messages.parse_message(e.data) for e in effects if isinstance(e, Send) and e.protocol == LEDGER]


def test_a_sound_ledger(lab):
    seen = lab.ask(lab.cleo, "ledger.audit", peer="Ben")
    own = look(lab.ben, "ledger.balance", lab.now)
    assert seen["ok"] and not seen["problems"] and not seen["missing"] and seen["name"] == "Ben"
    assert seen["entries"] == seen["count"] == lab.network(lab.ben).chain.state.count
    assert seen["head"] == lab.network(lab.ben).chain.state.head.hex()
    assert {k: seen[k] for k in ("balance", "hold", "limit")} == {k: own[k] for k in ("balance", "hold", "limit")}
    assert [(s["name"], s["amount"]["amount"]) for s in seen["sources"]] == []  # Anna's vouch is hidden from Cleo
    assert seen["withheld"] == 1
    assert [s["name"] for s in lab.ask(lab.anna, "ledger.audit", peer="Ben")["sources"]] == ["Anna"]


def test_the_settlement_is_shown_to_its_parties_only(lab):
    for asker, sees in ((lab.cleo, True), (lab.dora, False), (lab.anna, False)):
        (page,) = shown_to(lab, lab.ben, asker.peer_id)
        entries = [parse_entry(full) for full in page.entries]
        assert len(entries) == page.total and all(e.private is None for e in entries)
        assert entries[0].settlement is not None
        receipts = [e for e in entries if e.kind == "PAY_RECEIPT"]
        assert len(receipts) == 1 and (receipts[0].settlement is not None) == sees
        for entry in entries[1:]:
            said = settlement_of(entry)
            assert said is None or said.counterparty == lab.signer(asker).author
    assert lab.ask(lab.dora, "ledger.audit", peer="Ben")["ok"]


def test_a_stranger_is_shown_nothing(lab):
    lab.meet(lab.ben)
    (answer,) = shown_to(lab, lab.ben, EVES_PEER)
    assert isinstance(answer, messages.Hidden)


def test_a_page_at_a_time_and_not_too_often(lab, monkeypatch):
    monkeypatch.setattr(module, "MAX_SHOWN", 2)
    assert len(shown_to(lab, lab.ben, lab.cleo.peer_id)[0].entries) == 2
    assert shown_to(lab, lab.ben, lab.cleo.peer_id, 10**6)[0].entries == ()
    frame = messages.encode_message(messages.Show(lab.network(lab.ben).id, 0))
    effects = lab.ben.core.handle(Received(lab.cleo.peer_id, LEDGER, frame), lab.now)
    assert not [e for e in effects if isinstance(e, Send)]  # later
    lab.sim.perform(lab.ben, effects)
    assert lab.ben.core.audits.next_wake() <= lab.now + SHOW_EVERY
    lab.sim.run(SHOW_EVERY)
    assert lab.ben.core.audits.next_wake() is None
    seen = lab.ask(lab.cleo, "ledger.audit", peer="Ben")
    assert seen["ok"] and seen["entries"] == lab.network(lab.ben).chain.state.count


def test_who_is_away_is_said_to_be(lab):
    lab.dora.alive = False
    got = []
    lab.sim.ask(lab.ben, "ledger.audit", got.append, peer="Dora")
    lab.sim.run(30_000)
    assert isinstance(got[0], Refusal) and got[0].code == "unreachable"
    assert lab.ben.core.audits.next_wake() is None


def test_ones_own_is_verified_instead(lab):
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "ledger.audit", peer=lab.signer(lab.ben).author.hex())


def test_what_was_not_asked_for_costs_nothing_and_nonsense_does(lab):
    network = lab.network(lab.ben).id
    page = messages.encode_message(messages.Shown(network, 0, 1, (b"x",)))
    assert lab.tell(lab.ben, LEDGER, page, lab.cleo.peer_id) == []
    assert struck(lab.tell(lab.ben, LEDGER, encode(["show", 1]), lab.cleo.peer_id))


def test_a_shortened_ledger_lacks_what_it_signed_for_us(lab):
    chain = lab.network(lab.ben).chain
    receipt = next(seq for seq, full in chain.entries() if parse_entry(full).kind == "PAY_RECEIPT")
    chain.state = _state_at(lab, chain, receipt)
    seen = lab.ask(lab.cleo, "ledger.audit", peer="Ben")
    assert not seen["ok"] and [p["seq"] for p in seen["problems"]] == [receipt]
    assert lab.ask(lab.dora, "ledger.audit", peer="Ben")["ok"]  # who holds nothing of it cannot tell


def test_a_second_history_is_a_fork_and_proved(lab):
    """Ben goes back to before the payment, as from an old backup, and signs on."""
    chain = lab.network(lab.ben).chain
    receipt = next(seq for seq, full in chain.entries() if parse_entry(full).kind == "PAY_RECEIPT")
    chain.state = _state_at(lab, chain, receipt)
    chain.append("NOTE", None, None, lab.now)
    lab.sim.perform(lab.ben, lab.ben.core._journal.take())
    seen = lab.ask(lab.cleo, "ledger.audit", peer="Ben")
    assert not seen["ok"] and "fork" in seen["problems"][0]["message"]
    (fork,) = [parse_fork(bytes.fromhex(f)) for f in seen["forks"]]
    verify_fork(fork)
    assert fork.author == lab.signer(lab.ben).author and fork.seq == receipt


@pytest.mark.parametrize("what", ["header", "order", "hole"])
def test_a_changed_ledger(lab, what):
    chain = lab.network(lab.ben).chain
    rows = {seq: full for seq, full in chain.entries()}
    if what == "header":
        entry = parse_entry(rows[3])
        rows[3] = encode([entry.header, bytes(64), entry.inception, entry.settlement, None])
    elif what == "order":
        rows[2], rows[3] = rows[3], rows[2]
    else:
        rows[2] = None
    for seq in (2, 3):
        key = seq_key(chain.network, seq)
        lab.ben.disk.commit({key: rows[seq]} if rows[seq] else {}, () if rows[seq] else (key,))
    seen = lab.ask(lab.anna, "ledger.audit", peer="Ben")
    assert not seen["ok"] and (seen["problems"] or seen["missing"] == [2])


def _state_at(lab, chain: OwnChain, count: int):
    from ledger import chain as rules

    state = rules.start(chain.network, chain.state.author)
    for _, full in list(chain.entries())[:count]:
        state = rules.follow(state, parse_entry(full))
    return state
