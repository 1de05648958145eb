"""Exchanges against a neighbour who lies, replays, floods or imitates."""

from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from ledger import chain
from ledger.agreement import check_agreement
from ledger.entry import encode_entry, settlement_of
from ledger.payloads import InceptPayload, Settlement
from p2pnode import bounds
from p2pnode.core import admission, exchanges
from p2pnode.core import held as module
from p2pnode.core.effects import Effect
from p2pnode.core.misconduct import Convictions
from protocols import exchange_messages as messages
from protocols.errors import DecodeError, Refusal, Reject
from protocols.exchange import Status
from protocols.fact import NO_DEAL, Fact, parse_fact, seal_fact
from protocols.identity import Inception, Signer
from protocols.limits import MAX_LIFETIME, MAX_PROOF, MAX_TERMS, MINUTE
from protocols.payments import Payment
from protocols.terms import encode_terms, parse_terms, terms_hash
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, sent, struck, wrote
from tests.sim.street import look


@pytest.fixture(scope="module")
def lab() -> Lab:
    made = Lab()
    made.listing = made.ask(made.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    made.sim.run(MINUTE)
    made.id = made.ask(made.cleo, "exchange.propose", listing=made.listing["listing_id"], quantity=1)["exchange_id"]
    made.meet(made.ben)
    return made


def held(lab: Lab, node: Any, id_: str | None = None) -> Any:
    return node.core.exchanges.held[bytes.fromhex(id_ or lab.id)]


def proposal(lab: Lab, signer: Signer, at: int = 0, **changes: Any) -> Fact:
    """As Cleo's, by somebody else."""
    terms = parse_terms(held(lab, lab.cleo).proposal.payload)
    cleo = terms.proposer
    duties = tuple(
        msgspec.structs.replace(
            d,
            provider=signer.author if d.provider == cleo else d.provider,
            receiver=signer.author if d.receiver == cleo else d.receiver,
        )
        for d in terms.duties
    )
    terms = msgspec.structs.replace(terms, **({"proposer": signer.author, "duties": duties} | changes))
    payload, network = encode_terms(terms), lab.network(lab.ben).id
    fields = {"deal": NO_DEAL, "kind": "propose", "prev": terms.listing, "at": at or lab.now, "payload": payload}
    return seal_fact(signer, network=network, **fields)


def tell(lab: Lab, fact: Fact) -> list[Effect]:
    return lab.say(lab.ben, messages.FactMessage(fact.wire))


def test_a_known_fact_is_acknowledged_again_and_changes_nothing(lab):
    fact = held(lab, lab.ben).proposal
    effects = tell(lab, fact)
    assert sent(effects) == [messages.Ack(fact.id)] and not wrote(effects)


def test_a_fact_of_a_stranger_in_somebody_elses_exchange(lab):
    root = held(lab, lab.ben).proposal
    for kind in ("accept", "cancel", "note"):
        forged = seal_fact(
            EVE, network=root.network, deal=root.id, kind=kind, prev=root.id, at=lab.now,
            payload=module.accept_payload(lab.ben.core.exchanges.view(held(lab, lab.ben), lab.now)) if kind == "accept"
            else b"",
        )  # fmt: skip
        effects = tell(lab, forged)
        assert struck(effects) and not wrote(effects)


@pytest.mark.parametrize(
    "change",
    [{"name": b"\1" * 16}, {"expires": 1}, {"expires": 2**53 - 1}],
    ids=["no such listing", "lapsed", "never lapses"],
)
def test_proposals_that_are_refused_in_words(lab, change):
    effects = tell(lab, proposal(lab, EVE, **change))
    assert [type(m) for m in sent(effects)] == [messages.Refuse] and not wrote(effects)


def test_a_proposal_that_names_another_record_than_the_listing(lab):
    other = next(lab.network(lab.ben).catalog.rows(kind="profile"))
    effects = tell(lab, proposal(lab, EVE, listing=other.id))
    assert struck(effects) and not wrote(effects)


def test_a_proposal_of_another_network_is_ignored(lab):
    fact = proposal(lab, EVE)
    foreign = seal_fact(
        EVE, network=b"\7" * 16, deal=NO_DEAL, kind="propose", prev=fact.prev, at=lab.now, payload=fact.payload
    )
    assert not [e for e in tell(lab, foreign) if type(e).__name__ != "Wake"]


def test_a_flood_of_proposals_is_bounded(lab, monkeypatch):
    before = len(lab.ben.core.exchanges.held)
    for i in range(bounds.MAX_OPEN_PER_STRANGER + 5):
        effects = tell(lab, proposal(lab, EVE, lab.now + i))
    assert [type(m) for m in sent(effects)] == [messages.Refuse]
    assert len(lab.ben.core.exchanges.held) == before + bounds.MAX_OPEN_PER_STRANGER
    monkeypatch.setattr(admission, "MAX_UNAGREED", 40)  # strangers: half of it
    for n in range(40):
        other = Signer(bytes([n]) * 32, *_identity(n))
        tell(lab, proposal(lab, other))
    assert len([h for h in lab.ben.core.exchanges.held.values() if h.agreed_seq < 0]) == 20
    member = lab.signer(lab.anna)
    assert [type(m) for m in sent(tell(lab, proposal(lab, member)))] == [messages.Ack]


def test_what_came_to_nothing_is_forgotten_and_does_not_come_back(lab):
    exchanges = lab.ben.core.exchanges
    tell(lab, proposal(lab, EVE, lab.now + 99))
    old = next(h for h in exchanges.held.values() if h.proposal.author == EVE.author)
    late = lab.now + MAX_LIFETIME + 2 * bounds.FORGET_AFTER
    kept = dict(exchanges.held)
    exchanges.forget(lab.now)
    assert exchanges.held == kept
    exchanges.forget(late)
    assert old.id not in exchanges.held
    lab.sim.perform(lab.ben, lab.ben.core.begin(lab.now))
    exchanges.received(EVES_PEER, old.proposal.wire, late)
    assert old.id not in exchanges.held
    lab.ben.core._journal.take()


def _identity(n: int) -> tuple[Any, int]:
    return Inception(SigningKey(bytes([n]) * 32).verify_key.encode(), bytes(32), bytes(16)), 0


# One whole exchange, attacked at each step


@pytest.fixture(scope="module")
def deal() -> Lab:
    lab = Lab(1)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    lab.sim.run(MINUTE)
    lab.id = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"], quantity=1)["exchange_id"]
    lab.ask(lab.ben, "exchange.accept", id=lab.id)
    lab.meet(lab.ben)
    lab.meet(lab.cleo)
    return lab


def payment(lab: Lab, signer: Signer, amount: int, limit: int = 1_000, terms: bytes = b"") -> bytes:
    network = lab.network(lab.ben)
    state = chain.start(network.id, signer.author)
    if signer.author == lab.signer(lab.cleo).author and limit == 1_000:
        state = lab.network(lab.cleo).chain.state  # what does not follow would convict her
    else:
        state, _ = chain.extend(state, signer, "INCEPT", InceptPayload(), None, lab.now, lab.sim.rng, limit)
    view = lab.ben.core.exchanges.view(held(lab, lab.ben), lab.now)
    said = Settlement(lab.ben.core.state.me, amount, bytes.fromhex(lab.id), 0, terms or terms_hash(view.terms))
    return encode_entry(chain.extend(state, signer, "PAY_PROPOSE", said, None, lab.now, lab.sim.rng)[1])


def test_a_stranger_cannot_use_up_the_deal(deal):
    full = payment(deal, EVE, 100)
    effects = deal.say(deal.ben, messages.EntryMessage(deal.network(deal.ben).id, full))
    assert not wrote(effects) and not sent(effects)
    assert deal.ben.core.settlements.payment(deal.network(deal.ben).id, bytes.fromhex(deal.id)) is Payment.PENDING


def test_credit_that_nobody_was_endowed_with_is_not_taken(deal, monkeypatch):
    monkeypatch.setattr(Convictions, "saw", lambda *a: None)  # it would convict her, too
    full = payment(deal, deal.signer(deal.cleo), 100, limit=10**9)
    assert not wrote(deal.say(deal.ben, messages.EntryMessage(deal.network(deal.ben).id, full)))


def test_the_half_of_an_agreement_proves_nothing_about_a_third(deal):
    network = deal.network(deal.cleo)
    agree = network.chain.entry(held(deal, deal.cleo).agreed_seq)
    said = settlement_of(agree)
    half = parse_fact(said.half)
    check_agreement(agree, said, half)
    state = chain.start(network.id, EVE.author)
    state, _ = chain.extend(state, EVE, "INCEPT", InceptPayload(), None, deal.now, deal.sim.rng, 0)
    stolen = chain.extend(state, EVE, "AGREE", said, None, deal.now, deal.sim.rng)[1]
    with pytest.raises(Reject, match="agrees to nothing"):
        check_agreement(stolen, said, half)


def test_lies_do_not_undo_the_agreement(deal):
    root = held(deal, deal.ben).proposal
    cleo = deal.signer(deal.cleo)
    for kind in ("withdraw", "decline", "cancel"):
        lie = seal_fact(cleo, network=root.network, deal=root.id, kind=kind, prev=root.id, at=1, payload=b"")
        deal.say(deal.ben, messages.FactMessage(lie.wire))
    assert look(deal.ben, "exchange.show", deal.now, id=deal.id)["status"] == Status.AGREED


def test_a_refusal_of_what_was_taken_changes_nothing(deal):
    effects = deal.say(deal.cleo, messages.Refuse(bytes.fromhex(deal.id), "refused", "no"), deal.ben.peer_id)
    assert not wrote(effects)


def test_facts_are_bounded(deal, monkeypatch):
    monkeypatch.setattr(exchanges, "MAX_FACTS", 8)
    root, cleo = held(deal, deal.ben).proposal, deal.signer(deal.cleo)
    for at in range(12):
        note = seal_fact(cleo, network=root.network, deal=root.id, kind="note", prev=root.id, at=at, payload=b"")
        effects = deal.say(deal.ben, messages.FactMessage(note.wire))
    assert [type(m) for m in sent(effects)] == [messages.Refuse]
    assert sum(f.author == cleo.author for f in held(deal, deal.ben).facts.values()) == 8


def test_counter_proposals_are_bounded(deal):
    root, cleo, ben = held(deal, deal.ben).proposal, deal.signer(deal.cleo), held(deal, deal.ben)
    terms = parse_terms(root.payload)
    for number in range(bounds.MAX_COUNTERS + 3):
        said = encode_terms(msgspec.structs.replace(terms, previous=terms_hash(terms), expires=terms.expires + number))
        fact = seal_fact(
            cleo, network=root.network, deal=root.id, kind="counter", prev=root.id, at=number, payload=said
        )
        effects = deal.say(deal.ben, messages.FactMessage(fact.wire))
        took = number < bounds.MAX_COUNTERS
        assert [type(m) for m in sent(effects)] == [messages.Ack if took else messages.Refuse]
        assert wrote(effects) is took
    assert sum(f.kind == "counter" for f in ben.facts.values()) == bounds.MAX_COUNTERS
    yes = seal_fact(cleo, network=root.network, deal=root.id, kind="note", prev=root.id, at=99, payload=b"")
    assert [type(m) for m in sent(deal.say(deal.ben, messages.FactMessage(yes.wire)))] == [messages.Ack]


def test_payment_that_does_not_match_the_terms_is_released(deal):
    full = payment(deal, deal.signer(deal.cleo), 99)
    effects = deal.say(deal.ben, messages.EntryMessage(deal.network(deal.ben).id, full), deal.cleo.peer_id)
    assert wrote(effects)
    assert deal.ben.core.settlements.payment(deal.network(deal.ben).id, bytes.fromhex(deal.id)) is Payment.RELEASED
    assert not deal.network(deal.ben).chain.audit().errors


def test_a_refused_proposal_is_withdrawn_even_without_a_reason():
    lab = Lab(2)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Chair")["listing_id"]
    lab.sim.run(MINUTE)
    lab.sim.faults.loss = 1.0
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=listing, quantity=1)["exchange_id"]
    refuse = messages.Refuse(bytes.fromhex(id_), "refused", "")
    assert not wrote(lab.say(lab.cleo, refuse))  # Eve does not speak for Ben
    assert wrote(lab.say(lab.cleo, refuse, lab.ben.peer_id))
    assert look(lab.cleo, "exchange.show", lab.now, id=id_)["status"] == Status.WITHDRAWN


def test_what_is_too_long_is_refused_before_anything_is_kept():
    lab = Lab(3)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Chair")["listing_id"]
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal):
        lab.ask(lab.cleo, "exchange.propose", listing=listing, quantity=1, note="\x1b[2J")
    assert not lab.cleo.core.exchanges.held


def test_the_longest_terms_fit_into_the_agreement_and_its_proof():
    lab = Lab(4)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="雪" * 120)
    lab.sim.run(MINUTE)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"], quantity=1)["exchange_id"]
    held_by_cleo = lab.cleo.core.exchanges.held[bytes.fromhex(id_)]
    short = parse_terms(held_by_cleo.proposal.payload)
    duty, room = short.duties[0], MAX_TERMS - len(held_by_cleo.proposal.payload)
    extra, n = [], 0
    while True:
        more = msgspec.structs.replace(duty, id=f"d{n}", what="x" * 240)
        longer = msgspec.structs.replace(short, duties=(duty, *extra, more))
        try:
            encode_terms(longer)
        except DecodeError:
            break
        extra, n = [*extra, more], n + 1
    terms = msgspec.structs.replace(short, duties=(duty, *extra))
    terms = msgspec.structs.replace(terms, note="x" * (MAX_TERMS - len(encode_terms(terms)) - 8))
    assert room > 0 and MAX_TERMS - 16 < len(encode_terms(terms)) <= MAX_TERMS
    core, network = lab.cleo.core, lab.network(lab.cleo)
    record = core.listings.record_of(network, terms.listing)
    long = core.exchanges.begin(network, terms, encode_terms(terms), record, lab.now)
    lab.sim.perform(lab.cleo, core.begin(lab.now))
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.accept", id=long.id.hex())
    lab.sim.run(MINUTE)
    for node in (lab.ben, lab.cleo):
        agree = lab.network(node).chain.entry(node.core.exchanges.held[long.id].agreed_seq)
        assert agree.kind == "AGREE" and len(encode_entry(agree)) <= MAX_PROOF
        assert not lab.network(node).chain.audit().errors


def test_a_step_that_is_not_taken_is_sent_no_more_and_its_user_told_why():
    lab = Lab(4)
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Chair")["listing_id"]
    lab.sim.run(MINUTE)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=listing, quantity=1)["exchange_id"]
    lab.ask(lab.ben, "exchange.accept", id=id_)
    lab.sim.run(MINUTE)
    exchanges.MAX_FACTS, most = 1, exchanges.MAX_FACTS
    try:  # Ben's node takes no more from her; hers did not ask
        ours = lab.cleo.core.exchanges
        ours.check_room = lambda *args, **more: None
        lab.ask(lab.cleo, "exchange.cancel", id=id_)
        lab.sim.run(MINUTE)
        assert not lab.cleo.core.outbox.items
        for again in range(2):
            shown = look(lab.cleo, "exchange.show", lab.now, id=id_)
            assert shown["refused"] == {"step": "cancel", "why": "too many steps in one exchange"}
            assert shown["delivered"] and shown["status"] == "agreed"
            if not again:
                lab.sim.crash(lab.cleo)
                lab.sim.run(MINUTE)
    finally:
        exchanges.MAX_FACTS = most
    assert look(lab.ben, "exchange.show", lab.now, id=id_)["refused"] is None
