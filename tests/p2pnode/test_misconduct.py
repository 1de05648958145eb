"""Proven misconduct: found by whoever sees it, known to everybody within seconds, and what follows from it."""

from random import Random

import pytest
from msgspec.structs import replace

from ledger import chain as rules
from ledger.entry import Entry, encode_entry, parse_entry, sign_entry
from ledger.misconduct import evidence_between, evidence_of
from p2pnode.bounds import EXPIRE_EVERY
from p2pnode.core import misconduct as module
from p2pnode.core.misconduct import Convictions
from protocols import exchange_messages
from protocols.double_booking import encode_rebuttal
from protocols.envelope import seal
from protocols.errors import Ignore, Refusal, Reject
from protocols.identity import incept, initial_state, parse_inception
from protocols.limits import DURABLE_LIFETIME, HOUR, MINUTE
from protocols.misconduct import FORK, KIND, Misconduct, fact_name, seal_misconduct
from tests.p2pnode.lab import EVE, EVES_PEER, Lab
from tests.sim.street import People, look

SEEDS = range(4)
WITHIN = 5_000


def traded(seed: int = 7) -> Lab:
    """Cleo has paid Ben for his mower."""
    made = Lab(seed)
    mower = made.ask(made.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    made.mower = mower["listing_id"]
    made.sim.run(MINUTE)
    made.id = made.ask(made.cleo, "exchange.propose", listing=made.mower, quantity=1)["exchange_id"]
    People(made.sim, [made.ben, made.cleo], Random(1))
    made.sim.run(10 * MINUTE)
    return made


@pytest.fixture
def lab() -> Lab:
    return traded()


def fork(lab: Lab, at: int = 2) -> bytes:
    """Ben goes back to before his last entries, as from an old backup, and signs on. Returns his author."""
    chain = lab.network(lab.ben).chain
    state = rules.start(chain.network, chain.state.author)
    for _, full in list(chain.entries())[:at]:
        state = rules.follow(state, parse_entry(full))
    chain.state = state
    chain.append("NOTE", None, None, lab.now)
    lab.sim.perform(lab.ben, lab.ben.core._journal.take())
    return lab.signer(lab.ben).author


def convicted(lab: Lab, node, author: bytes) -> bool:
    return node.core.convictions.frozen(lab.network(node).id, author)


def forged(lab: Lab, signer=EVE, **changes) -> Entry:
    fields = {
        "network": lab.network(lab.anna).id, "seq": 1, "prev": bytes([7] * 32), "root": bytes(32), "kind": "NOTE",
        "at": lab.now, "balance": 0, "hold": 0, "limit": 0, "settlement": None, "private": None, **changes,
    }  # fmt: skip
    return sign_entry(signer, **fields)


def proof(lab: Lab, signer=EVE, **changes) -> Misconduct:
    """A true fork of Eve's."""
    found = evidence_between(forged(lab, signer), forged(lab, signer, balance=1, **changes))
    assert found is not None and found.what == FORK
    return Misconduct(found.accused, found.what, found.proof)


def record(lab: Lab, said: Misconduct, by=None, network=None):
    by = lab.signer(lab.dora) if by is None else by
    return seal_misconduct(by, network or lab.network(lab.anna).id, said, created=lab.now)


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_knows_of_a_fork_within_seconds(seed):
    lab = traded(seed)
    ben = fork(lab)
    lab.sim.run(WITHIN)
    for node in (lab.anna, lab.cleo, lab.dora):
        assert convicted(lab, node, ben), node.name
        assert look(node, "reputation", lab.now, peer="Ben")["score"] == 0
    rows = {r.author for r in lab.network(lab.dora).catalog.rows(kind=KIND)}
    assert lab.signer(lab.ben).author not in rows  # nobody accuses himself
    assert 1 <= len(rows) <= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_would_if_nobody_compared(seed, monkeypatch):
    """The negative control of the test above."""
    monkeypatch.setattr(Convictions, "arrived", lambda *a: None)
    lab = traded(seed)
    ben = fork(lab)
    lab.sim.run(WITHIN)
    assert not any(convicted(lab, node, ben) for node in (lab.anna, lab.cleo, lab.dora))


def test_nor_if_what_is_found_were_not_published(monkeypatch):
    """Dora keeps nothing of Ben's that Cleo has: she would learn of it from nobody."""
    lab = traded()
    monkeypatch.setattr(Convictions, "_publish", lambda *a: None)
    ben = fork(lab)
    lab.sim.run(WITHIN)
    assert not all(convicted(lab, node, ben) for node in (lab.anna, lab.cleo, lab.dora))


def test_an_audit_finds_what_nobody_had_seen(lab):
    lab.network(lab.ben).chain.written = lambda entry: None  # it is sent to nobody
    ben = fork(lab)
    lab.sim.run(WITHIN)
    assert not convicted(lab, lab.cleo, ben)
    lab.ask(lab.cleo, "ledger.audit", peer="Ben")
    lab.sim.run(WITHIN)
    assert all(convicted(lab, node, ben) for node in (lab.anna, lab.cleo, lab.dora))


def test_an_overdrawn_limit_convicts_by_one_entry(lab):
    lab.meet(lab.anna)
    entry = forged(lab, balance=-5)
    assert evidence_of(entry, 0) is not None
    lab.say(lab.anna, exchange_messages.EntryMessage(lab.network(lab.anna).id, encode_entry(entry)))
    assert convicted(lab, lab.anna, EVE.author)


def test_who_is_convicted_has_no_weight_and_nothing_new_is_begun_with_him(lab):
    before = look(lab.cleo, "reputation", lab.now, peer="Ben")
    assert before["score"] > 0.5 and not before["proofs"] and not before["misconduct"]
    ben = fork(lab)
    lab.sim.run(WITHIN)
    seen = look(lab.cleo, "reputation", lab.now, peer="Ben", why=True)
    assert seen["score"] == 0 and seen["misconduct"]
    (one,) = seen["proofs"]
    assert one["what"] == FORK and one["finder_name"] and "two entries 2" in one["text"] and one["at"] <= lab.now
    assert lab.cleo.core.reputations.view(lab.network(lab.cleo), lab.now).trust(ben) == 0
    told = [w for w in look(lab.cleo, "status", lab.now)["warnings"] if "misconduct" in w]
    assert len(told) == 1 and "Ben" in told[0] and "--why" in told[0]
    for name, fields in (
        ("exchange.propose", {"listing": lab.mower, "quantity": 2}),
        ("exchange.foresee", {"listing": lab.mower, "quantity": 2}),
        ("vouch", {"peer": "Ben", "amount": "1"}),
    ):
        with pytest.raises(Refusal, match="proven misconduct of Ben: two entries"):
            lab.ask(lab.anna if name == "vouch" else lab.cleo, name, **fields)
    made = lab.ask(lab.cleo, "exchange.propose", listing=lab.mower, quantity=2, anyway=True)
    assert made["status"] == "proposed"


@pytest.mark.parametrize(
    ("named", "role"), [({"mediator": "Ben"}, "the mediator"), ({"witness": ["Ben"]}, "a witness")]
)
def test_nor_is_he_named_as_mediator_or_witness_unseen(lab, named, role):
    fork(lab)
    lab.sim.run(WITHIN)
    saw = lab.ask(lab.dora, "listing.publish", direction="offer", kind="sell", title="Saw", price="1")["listing_id"]
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match=f"proven misconduct of Ben, {role}: two entries"):
        lab.ask(lab.cleo, "exchange.propose", listing=saw, form="full", **named)
    made = lab.ask(lab.cleo, "exchange.propose", listing=saw, form="full", anyway=True, **named)["exchange_id"]
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match=f"proven misconduct of Ben, {role}"):
        lab.ask(lab.dora, "exchange.accept", id=made)
    assert lab.ask(lab.dora, "exchange.accept", id=made, anyway=True)["status"] == "agreed"


def test_what_we_vouch_for_him_with_is_shown_as_at_risk(lab):
    lab.ask(lab.anna, "vouch", peer="Ben", amount="2")
    lab.sim.run(MINUTE)
    fork(lab)
    lab.sim.run(WITHIN)
    (told,) = [w for w in look(lab.anna, "status", lab.now)["warnings"] if "misconduct" in w]
    assert "you vouch with" in told and "at risk" in told
    (told,) = [w for w in look(lab.dora, "status", lab.now)["warnings"] if "misconduct" in w]
    assert "at risk" not in told


def test_he_hears_it_of_himself_and_accuses_nobody(lab):
    fork(lab)
    lab.sim.run(WITHIN)
    (told,) = [w for w in look(lab.ben, "status", lab.now)["warnings"] if "proof" in w]
    assert "against you" in told
    assert not list(lab.network(lab.ben).catalog.rows(kind=KIND, author=lab.signer(lab.ben).author))


def test_a_proof_outlasts_a_restart(lab):
    ben = fork(lab)
    lab.sim.run(WITHIN)
    lab.sim.crash(lab.dora)
    lab.sim.run(MINUTE)
    assert lab.dora.alive and convicted(lab, lab.dora, ben)


def test_our_user_may_pardon_and_take_it_back(lab):
    ben = fork(lab)
    lab.sim.run(WITHIN)
    done = lab.ask(lab.cleo, "reputation.forgive", peer="Ben", reason="He restored a backup.")
    assert done["forgiven"]["reason"] == "He restored a backup." and len(done["proofs"]) == 1
    seen = look(lab.cleo, "reputation", lab.now, peer="Ben")
    assert seen["score"] > 0.5 and not seen["misconduct"] and seen["forgiven"]
    assert not [w for w in look(lab.cleo, "status", lab.now)["warnings"] if "misconduct" in w]
    assert convicted(lab, lab.dora, ben)  # it is for this node alone
    lab.sim.crash(lab.cleo)
    lab.sim.run(MINUTE)
    assert not convicted(lab, lab.cleo, ben)
    assert lab.ask(lab.cleo, "reputation.forgive", peer="Ben")["forgiven"] is None
    assert convicted(lab, lab.cleo, ben)
    with pytest.raises(Refusal, match="nothing is proven"):
        lab.ask(lab.cleo, "reputation.forgive", peer="Anna", reason="Why not?")


def test_a_vouch_of_his_is_not_taken_and_a_payment_waits(lab):
    ben = fork(lab)
    lab.sim.run(WITHIN)
    core = lab.cleo.core
    deal = core.settlements.deals[lab.network(lab.cleo).id, bytes.fromhex(lab.id)]
    said = replace(rules.parse_settlement(parse_entry(deal.mine).settlement), deal=bytes([9]) * 32)
    theirs = forged(lab, lab.signer(lab.ben), seq=9, kind="PAY_PROPOSE", limit=100, hold=100)
    assert core.exchanges.may_be_paid(lab.network(lab.cleo).id, theirs, said, lab.now) == "wait"
    with pytest.raises(Ignore, match="nothing new"):
        core.vouches._may_take(lab.network(lab.cleo), theirs, said)
    assert theirs.author == ben


# What comes from elsewhere


def test_forged_proofs_cost_their_sender_and_harm_nobody(lab):
    anna, true = lab.signer(lab.anna).author, proof(lab)
    network = lab.network(lab.anna).id

    def raw(said: Misconduct, by=EVE, net=network):
        name = fact_name(said.accused, said.what, said.place)
        body = rules.encode_payload(said)
        return seal(
            by, network=net, kind=KIND, name=name, created=lab.now, until=lab.now + DURABLE_LIFETIME, payload=body
        )

    mallory = incept(b"mallory".ljust(32))[0]
    wrong = [
        raw(Misconduct(anna, true.what, true.proof)),  # against somebody else
        raw(Misconduct(anna, FORK, b"\xc1")),
        raw(Misconduct(anna, "double_booking", true.proof, bytes(32))),
        raw(Misconduct(anna, "rebuttal", true.proof, bytes(32))),
        raw(true, EVE),  # against oneself
        raw(Misconduct(true.accused, "limit", true.proof), mallory),
    ]
    for each in wrong:
        with pytest.raises(Reject):
            lab.take(lab.anna, each)
    with pytest.raises(Reject):  # longer than a record may hold
        raw(Misconduct(anna, FORK, bytes(16 * 1024)), mallory)
    assert not list(lab.network(lab.anna).catalog.rows(kind=KIND))
    assert not convicted(lab, lab.anna, anna) and not convicted(lab, lab.anna, EVE.author)


def test_a_proof_of_another_network_convicts_nobody_here(lab):
    moved = Misconduct(EVE.author, FORK, _elsewhere(lab))
    with pytest.raises(Reject, match="another network"):
        lab.take(lab.anna, record(lab, moved))
    assert not convicted(lab, lab.anna, EVE.author)


def _elsewhere(lab) -> bytes:
    a, b = (forged(lab, network=b"elm street 12345", balance=n) for n in (0, 1))
    found = evidence_between(a, b)
    assert found is not None
    return found.proof


def test_a_proof_that_comes_again_is_one(lab):
    once = record(lab, proof(lab))
    lab.take(lab.anna, once)
    for _ in range(3):
        with pytest.raises(Ignore):
            lab.take(lab.anna, once)
    assert len(lab.anna.core.convictions.proofs(lab.network(lab.anna).id, EVE.author)) == 1


def test_a_flood_of_true_proofs_of_ones_own_forks_is_bounded(lab, monkeypatch):
    monkeypatch.setattr(module, "MAX_CONVICTED", 12)
    convictions, network = lab.anna.core.convictions, lab.network(lab.anna)
    for n in range(12):
        lab.take(lab.anna, record(lab, proof(lab, incept(bytes([n, 9]) * 16)[0])))
    assert len(convictions.accused(network.id)) == 3  # a quarter for who is no member
    ben = fork(lab)
    lab.sim.run(WITHIN)
    assert convicted(lab, lab.anna, ben)


def test_a_crowd_of_finders_is_a_few_records(lab):
    said = proof(lab)
    for n in range(20):
        try:
            lab.take(lab.anna, record(lab, said, incept(bytes([n, 7]) * 16)[0]))
        except Ignore:
            continue
    network = lab.network(lab.anna)
    assert len(list(network.catalog.rows(kind=KIND))) == 8
    assert len(lab.anna.core.convictions.proofs(network.id, EVE.author)) == 1


def test_what_was_withdrawn_is_published_anew_by_who_holds_it(lab):
    said, network = proof(lab), lab.network(lab.anna)
    first = record(lab, said)
    lab.take(lab.anna, first)
    gone = seal(
        lab.signer(lab.dora), network=network.id, kind=KIND, name=first.name, revision=first.revision + 1,
        created=lab.now, until=first.until, payload=b"",
    )  # fmt: skip
    lab.take(lab.anna, gone)
    assert convicted(lab, lab.anna, EVE.author)
    lab.sim.run(EXPIRE_EVERY + MINUTE)
    assert any(not r.withdrawn for r in network.catalog.rows(kind=KIND))
    assert convicted(lab, lab.cleo, EVE.author)


def test_a_stolen_key_convicts_nobody_once_it_was_replaced(lab):
    """A proof that held is looked at again when the key of the accused has changed."""
    lab.take(lab.anna, record(lab, proof(lab)))
    state = lab.anna.core.state
    assert convicted(lab, lab.anna, EVE.author)
    state.key_states[EVE.author] = initial_state(parse_inception(EVE.inception))._replace(epoch=1)
    state.rotated_at[EVE.author] = 0  # the fork is at 1
    assert not convicted(lab, lab.anna, EVE.author)
    assert not lab.anna.core.convictions.accused(lab.network(lab.anna).id)


def test_a_double_booking_counts_until_it_is_rebutted(lab, monkeypatch):
    from tests.protocols.test_double_booking import ANN, BOB, CLEO, NOW, booked, challenge
    from tests.strategies import network as net

    one, other = booked(ANN), booked(CLEO, NOW + HOUR)
    ended = encode_rebuttal([one.say(who, "cancel", NOW + 2_000) for who in (ANN, BOB)])
    file = challenge(one, other)
    there = lab.network(lab.anna)
    monkeypatch.setattr("tests.strategies.network", lambda *a: there.id)
    with pytest.raises(Refusal, match="cannot be published"):  # of another network
        lab.ask(lab.anna, "misconduct.publish", challenge=_text(file))
    assert net() != there.id
    monkeypatch.setattr("tests.protocols.bookings.network", lambda *a: there.id)
    one, other = booked(ANN), booked(CLEO, NOW + HOUR)
    ended = encode_rebuttal([one.say(who, "cancel", NOW + 2_000) for who in (ANN, BOB)])
    file = challenge(one, other)
    assert lab.ask(lab.anna, "misconduct.publish", challenge=_text(file))["what"] == "double_booking"
    lab.sim.run(WITHIN)
    assert convicted(lab, lab.anna, BOB.author) and convicted(lab, lab.dora, BOB.author)
    lab.ask(lab.cleo, "misconduct.publish", challenge=_text(file), rebuttals=[_text(ended)])
    lab.sim.run(WITHIN)
    assert not any(convicted(lab, n, BOB.author) for n in (lab.anna, lab.ben, lab.cleo, lab.dora))
    lab.sim.crash(lab.dora)
    lab.sim.run(MINUTE)
    assert not convicted(lab, lab.dora, BOB.author)
    with pytest.raises(Refusal, match="cannot be published"):
        lab.ask(lab.cleo, "misconduct.publish", challenge=_text(file), rebuttals=[_text(file)])


def _text(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


def test_a_stranger_who_sends_a_sound_entry_is_convicted_of_nothing(lab):
    lab.meet(lab.anna)
    for _ in range(2):
        lab.say(
            lab.anna, exchange_messages.EntryMessage(lab.network(lab.anna).id, encode_entry(forged(lab))), EVES_PEER
        )
    assert not convicted(lab, lab.anna, EVE.author)


def test_nothing_may_be_risked_with_who_cheated(lab: Lab) -> None:
    """Nor by him who is forgiven nowhere is more said of himself."""

    def most(node, peer: str) -> int:
        return look(node, "reputation", lab.now, peer=peer)["exposure"]["most"]["amount"]

    assert most(lab.anna, "Ben") > 0 and most(lab.ben, "me") > 0
    ben = fork(lab)
    lab.sim.run(MINUTE)
    assert convicted(lab, lab.anna, ben) and convicted(lab, lab.ben, ben)
    assert most(lab.anna, "Ben") == most(lab.ben, "me") == 0
    lab.ask(lab.anna, "reputation.forgive", peer="Ben", reason="an old backup")
    assert most(lab.anna, "Ben") > 0
