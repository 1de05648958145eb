"""Sealed contacts between two real cores: who reads them, when they go, and that they do not come back."""

from base64 import b64decode

import pytest

from p2pnode.bounds import CONTACT_KEPT, CONTACT_UNSEEN, MAX_CONTACTS
from p2pnode.core import keys
from p2pnode.core.effects import Write
from p2pnode.core.events import Command, Woke
from protocols import exchange_messages as messages
from protocols.codec import encode, plain
from protocols.contact import Contact, open_contact, seal_contact
from protocols.double_booking import parse_agreement
from protocols.errors import Refusal, Reject
from protocols.fact import Fact, Step, seal_fact
from protocols.identity import KeyState
from protocols.limits import DAY, MINUTE
from protocols.steps import parse_step
from tests.p2pnode.deals import propose
from tests.p2pnode.lab import Lab, sent, struck, wrote
from tests.sim.street import look

HOME = {"address": "Elm Street 7, first floor", "phone": "030 901820"}
WORDS = [word.encode() for word in HOME.values()]


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.listing = made.ask(made.ben, "listing.publish", direction="offer", kind="give", title="Sofa")["listing_id"]
    made.sim.run(MINUTE)
    return made


def agreed(lab: Lab, **changes) -> str:
    id_ = propose(lab, lab.cleo, lab.listing, **changes)
    lab.ask(lab.ben, "exchange.accept", id=id_)
    return id_


def contact(lab: Lab, node, id_: str):
    return look(node, "exchange.show", lab.now, id=id_)["contact"]


def rows(node) -> dict[bytes, bytes]:
    return dict(node.disk.scan(b""))


def sealed_of(node, id_: str) -> list[Fact]:
    held = node.core.exchanges.held[bytes.fromhex(id_)]
    return [f for f in held.facts.values() if f.kind == "contact"]


def test_it_is_asked_for_by_default(lab):
    lab.ask(lab.ben, "contact.set", **HOME)
    id_ = agreed(lab)
    assert contact(lab, lab.cleo, id_)["theirs"] == {"state": "none"}
    lab.ask(lab.ben, "exchange.contact", id=id_)
    assert contact(lab, lab.ben, id_)["mine"] == "sent"
    theirs = contact(lab, lab.cleo, id_)["theirs"]
    assert theirs == {"state": "open", **HOME, "text": "", "at": theirs["at"]}


def test_it_goes_out_by_itself_where_our_user_always_wants_that_and_once(lab):
    lab.ask(lab.ben, "contact.set", **HOME, share="always")
    lab.ask(lab.cleo, "contact.set", phone="0171 1", share="always")
    id_ = agreed(lab)
    assert contact(lab, lab.cleo, id_)["theirs"]["address"] == HOME["address"]
    assert contact(lab, lab.ben, id_)["theirs"]["phone"] == "0171 1"
    lab.ask(lab.ben, "exchange.handover", id=id_)
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert len(sealed_of(lab.cleo, id_)) == 2


def test_a_former_version_gets_none(lab):
    lab.ask(lab.ben, "contact.set", **HOME, share="always")
    id_ = agreed(lab, form=1, mediator=b"")
    assert sealed_of(lab.ben, id_) == []
    with pytest.raises(Refusal, match="first form"):
        lab.ask(lab.ben, "exchange.contact", id=id_)


@pytest.mark.parametrize("words", [{}, {"address": "", "phone": ""}])
def test_nothing_to_send(lab, words):
    with pytest.raises(Refusal, match="no contact is set"):
        lab.ask(lab.ben, "exchange.contact", id=agreed(lab), **words)


def test_not_before_the_agreement_and_not_after_the_end(lab):
    id_ = propose(lab, lab.cleo, lab.listing)
    with pytest.raises(Refusal, match="nothing is agreed yet"):
        lab.ask(lab.cleo, "exchange.contact", id=id_, phone="1")
    lab.ask(lab.ben, "exchange.accept", id=id_)
    for node in (lab.ben, lab.cleo):
        lab.ask(node, "exchange.cancel", id=id_)
    with pytest.raises(Refusal, match="cancelled"):
        lab.ask(lab.cleo, "exchange.contact", id=id_, phone="1")


def test_our_own_is_changed_piece_by_piece_and_cleared(lab):
    lab.ask(lab.ben, "contact.set", **HOME)
    lab.ask(lab.ben, "contact.set", phone="", text="Ring twice.", share="always")
    shown = look(lab.ben, "contact.show", lab.now)
    assert shown == {"address": HOME["address"], "phone": "", "text": "Ring twice.", "set": True, "share": "always"}
    with pytest.raises(Refusal, match="says nothing"):
        lab.ask(lab.ben, "contact.set", address="", text="")
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert look(lab.ben, "contact.show", lab.now) == shown
    assert lab.ask(lab.ben, "contact.clear") == {"cleared": True}
    assert not look(lab.ben, "contact.show", lab.now)["set"]
    assert not any(word in value for word in WORDS for value in rows(lab.ben).values())


def test_the_words_stand_on_no_disk_but_their_owners(lab):
    """Neither in the answer that is kept for a repeated request, nor anywhere at a third node."""
    lab.ask(lab.ben, "contact.set", **HOME)
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_)
    assert contact(lab, lab.cleo, id_)["theirs"]["state"] == "open"
    lab.ask(lab.cleo, "exchange.confirm", id=id_)
    mine = {key for key, value in rows(lab.ben).items() if any(word in value for word in WORDS)}
    assert mine == {keys.SINGLE + b"contact"}
    for node in (lab.anna, lab.cleo, lab.dora):
        assert not any(word in value for word in WORDS for value in rows(node).values()), node.name
    fact = sealed_of(lab.ben, id_)[0]
    for node in (lab.anna, lab.dora):
        assert not any(fact.payload[20:] in value for value in rows(node).values())


def test_what_is_sent_again_replaces_what_was_sent(lab):
    id_ = agreed(lab)
    for number in range(MAX_CONTACTS):
        lab.ask(lab.ben, "exchange.contact", id=id_, phone=str(number))
        assert contact(lab, lab.cleo, id_)["theirs"]["phone"] == str(number)
    with pytest.raises(Refusal, match="16 times"):
        lab.ask(lab.ben, "exchange.contact", id=id_, phone="x")
    lab.sim.run(2 * MINUTE)
    assert len(sealed_of(lab.ben, id_)) == len(sealed_of(lab.cleo, id_)) == 1


def later(lab: Lab, span: int) -> None:
    """Time goes by at once, in steps that a clock may jump; then the nodes wake."""
    while span > 0:
        step = min(span, 20 * DAY)
        lab.sim.now += step
        lab.sim.run(0)
        span -= step
        for node in (lab.ben, lab.cleo):
            lab.sim.handle(node, Woke())


def finish(lab, id_) -> None:
    lab.ask(lab.ben, "exchange.handover", id=id_)
    lab.ask(lab.cleo, "exchange.confirm", id=id_)
    assert look(lab.ben, "exchange.show", lab.now, id=id_)["status"] == "settled"


@pytest.mark.parametrize("end", ["done", "cancelled", "forgotten"])
def test_it_is_erased_some_days_after_the_end(lab, end):
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_, **HOME)
    fact = sealed_of(lab.cleo, id_)[0]
    if end == "done":
        finish(lab, id_)
    elif end == "cancelled":
        for node in (lab.ben, lab.cleo):
            lab.ask(node, "exchange.cancel", id=id_)
    else:
        later(lab, CONTACT_UNSEEN)
    later(lab, 2 * MINUTE)
    later(lab, CONTACT_KEPT - 5 * MINUTE)
    assert contact(lab, lab.cleo, id_)["theirs"]["state"] == "open"
    assert contact(lab, lab.cleo, id_)["erased_at"] >= lab.now
    later(lab, 10 * MINUTE)
    for node in (lab.ben, lab.cleo):
        assert sealed_of(node, id_) == []
        assert not any(fact.payload[20:] in value for value in rows(node).values())
    assert contact(lab, lab.cleo, id_) == {"mine": "none", "theirs": {"state": "erased"}, "erased_at": None}
    assert contact(lab, lab.ben, id_)["mine"] == "erased"
    assert look(lab.cleo, "exchange.show", lab.now, id=id_)["status"] != "proposed"


def test_notes_do_not_put_it_off(lab):
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_, **HOME)
    finish(lab, id_)
    later(lab, 2 * MINUTE)
    later(lab, CONTACT_KEPT - DAY)
    held = lab.ben.core.exchanges.held[bytes.fromhex(id_)]
    note = seal_fact(
        lab.signer(lab.ben), network=held.network, deal=held.id, kind="note", prev=held.id, at=lab.now,
        payload=encode(plain(Step(text="Still there?"))),
    )  # fmt: skip
    assert sent(lab.say(lab.cleo, messages.FactMessage(note.wire))) == [messages.Ack(note.id)]
    later(lab, DAY + 4 * MINUTE)
    assert sealed_of(lab.cleo, id_) == []


def test_what_was_erased_is_not_taken_again_after_a_restart_either(lab):
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_, **HOME)
    fact = sealed_of(lab.cleo, id_)[0]
    assert lab.ask(lab.cleo, "exchange.erase", id=id_)["erased"] == 1
    for _ in range(2):
        effects = lab.say(lab.cleo, messages.FactMessage(fact.wire))
        assert sent(effects) == [messages.Ack(fact.id)] and not wrote(effects)
        assert contact(lab, lab.cleo, id_)["theirs"] == {"state": "erased"}
        lab.sim.crash(lab.cleo)
        lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.contact", id=id_, phone="2")
    assert contact(lab, lab.cleo, id_)["theirs"]["phone"] == "2"


def test_an_erasure_purges_the_store_and_again_when_repeated_or_after_a_crash(lab):
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_, **HOME)
    fact = sealed_of(lab.cleo, id_)[0]
    gone = {keys.FACT + bytes.fromhex(id_) + fact.id, keys.OUTBOX + fact.id}
    for ticket in (90, 91):
        args = type("Args", (), {"id": id_, "network": None})()
        effects = lab.cleo.core.handle(Command(ticket, "exchange.erase", args, f"r{ticket}"), lab.now)
        writes = [e for e in effects if isinstance(e, Write)]
        assert len(writes) == 1 and writes[0].durable and writes[0].purge == gone <= writes[0].deletes
        lab.sim.perform(lab.cleo, effects)
    seen: list[frozenset[bytes]] = []
    commit = lab.sim.perform
    lab.sim.perform = lambda node, effects: (
        seen.extend(e.purge for e in effects if isinstance(e, Write)),
        commit(node, effects),
    )
    lab.sim.crash(lab.cleo)
    lab.sim.run(3 * MINUTE)
    assert gone in seen


def test_a_restored_folder_lets_go_of_it_too(lab):
    """The rows from before the erasure come back; the exchange is over, so the days are counted anew."""
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_, **HOME)
    finish(lab, id_)
    backup = rows(lab.cleo)
    later(lab, 2 * MINUTE)
    later(lab, CONTACT_KEPT + 4 * MINUTE)
    assert sealed_of(lab.cleo, id_) == []
    lab.cleo.disk.commit(backup, [k for k in rows(lab.cleo) if k not in backup], True)
    lab.sim.crash(lab.cleo)
    lab.sim.run(MINUTE)
    assert len(sealed_of(lab.cleo, id_)) == 1
    later(lab, 2 * MINUTE)
    later(lab, CONTACT_KEPT + 4 * MINUTE)
    assert sealed_of(lab.cleo, id_) == []


def test_the_key_it_was_sealed_to_was_replaced(lab):
    """Nobody can open it any more: the old secret is gone with the old key. What is sent anew is sealed to the new one,
    as soon as the rotation is known."""
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_, **HOME)
    held = lab.cleo.core.exchanges.held[bytes.fromhex(id_)]
    me = lab.cleo.core.state.signer.author
    new = lab.signer(lab.dora)  # any other key: only its public half is looked at
    boxed = seal_contact(
        Contact(phone="1"), exchange=held.id, author=lab.signer(lab.ben).author, party=me, key=new.public_key,
        secret=bytes(32),
    )  # fmt: skip
    wire = fact_of(lab, id_, boxed, lab.now)
    lab.say(lab.cleo, messages.FactMessage(wire.wire))
    theirs = contact(lab, lab.cleo, id_)["theirs"]
    assert theirs["state"] == "unreadable" and "not ours any more" in theirs["why"]
    lab.ben.core.state.key_states[me] = KeyState(1, new.public_key, bytes(32))
    lab.sim.run(1_000)
    lab.ask(lab.ben, "exchange.contact", id=id_, phone="2")
    newest = sealed_of(lab.ben, id_)[-1]
    sealed = newest.payload[-(256 + 48) :]
    with pytest.raises(Reject):
        open_contact(lab.signer(lab.cleo), sealed, exchange=held.id, author=newest.author)
    with pytest.raises(Reject) as e:  # it opens with the new key, and was made for the same author
        open_contact(new, sealed, exchange=held.id, author=newest.author)
    assert e.value.code == "context"


def fact_of(lab, id_: str, sealed: bytes, at: int, prev: bytes = b"") -> Fact:
    held = lab.cleo.core.exchanges.held[bytes.fromhex(id_)]
    view = lab.cleo.core.exchanges.view(held, lab.now)
    payload = encode(plain(Step(sealed=sealed)))
    fields = {"network": held.network, "deal": held.id, "kind": "contact", "at": at, "payload": payload}
    return seal_fact(lab.signer(lab.ben), prev=prev or view.acceptance.id, **fields)


def test_a_copy_from_another_exchange_says_nothing(lab):
    first, second = agreed(lab), agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=first, **HOME)
    sealed = sealed_of(lab.cleo, first)[0].payload[-(256 + 48) :]
    lab.say(lab.cleo, messages.FactMessage(fact_of(lab, second, sealed, lab.now).wire))
    theirs = contact(lab, lab.cleo, second)["theirs"]
    assert theirs["state"] == "unreadable" and "not made for this exchange" in theirs["why"]


def test_a_flood_an_older_one_and_one_that_follows_no_agreement(lab):
    id_ = agreed(lab)
    lab.ask(lab.ben, "exchange.contact", id=id_, **HOME)
    older = fact_of(lab, id_, bytes(100), lab.now - DAY)
    assert not wrote(lab.say(lab.cleo, messages.FactMessage(older.wire)))
    stray = fact_of(lab, id_, bytes(100), lab.now + 1, prev=b"\1" * 32)
    lab.say(lab.cleo, messages.FactMessage(stray.wire))
    assert contact(lab, lab.cleo, id_)["theirs"] == {"state": "none"}
    for n in range(MAX_CONTACTS + 5):
        lab.say(lab.cleo, messages.FactMessage(fact_of(lab, id_, bytes(100), lab.now + 2 + n).wire))
    assert len(sealed_of(lab.cleo, id_)) == MAX_CONTACTS
    lab.sim.run(2 * MINUTE)
    assert len(sealed_of(lab.cleo, id_)) == 1


def test_one_in_terms_of_form_1_costs_its_sender(lab):
    id_ = agreed(lab, form=1, mediator=b"")
    assert struck(lab.say(lab.cleo, messages.FactMessage(fact_of(lab, id_, bytes(100), lab.now).wire)))


# Files, and a mediator


@pytest.mark.parametrize("party", ["ben", "cleo"])
def test_no_file_about_the_exchange_holds_one(lab, party):
    id_ = agreed(lab)
    for node in (lab.ben, lab.cleo):
        lab.ask(node, "exchange.contact", id=id_, phone="0171 1")
    who = getattr(lab, party)
    boxes = [parse_step(f).sealed for f in sealed_of(who, id_)]
    assert len(boxes) == 2
    parts: list[bytes] = []

    def files(call: str, key: str) -> None:
        parts.append(b64decode(look(who, call, lab.now, id=id_)[key]))

    files("exchange.agreement", "agreement")
    for node in (lab.ben, lab.cleo):
        lab.ask(node, "exchange.cancel", id=id_)
    files("exchange.agreement", "agreement")
    files("exchange.rebut", "rebuttal")
    assert not any(box in data for box in boxes for data in parts)
    assert parse_agreement(parts[0]).known is None and parse_agreement(parts[1]).known.kind == "cancel"


def test_a_mediator_gets_none_and_sends_none(lab):
    id_ = agreed(lab)
    for node in (lab.ben, lab.cleo):
        lab.ask(node, "exchange.contact", id=id_, phone="0171 1")
    boxes = [parse_step(f).sealed for f in sealed_of(lab.ben, id_)]
    lab.ask(lab.cleo, "exchange.dispute", id=id_)
    lab.sim.run(10 * MINUTE)
    held = lab.anna.core.exchanges.held[bytes.fromhex(id_)]
    assert len(held.facts) >= 3 and not any(f.kind == "contact" for f in held.facts.values())
    assert not any(box in value for box in boxes for node in (lab.anna, lab.dora) for value in rows(node).values())
    with pytest.raises(Refusal, match="not a party"):
        lab.ask(lab.anna, "exchange.contact", id=id_, phone="110")
