"""Getting in: invites used up, expired, redeemed twice, closed networks, drafts, and welcomes that nobody asked for."""

import msgspec
import pytest

from p2pnode.core.effects import Send
from protocols import join_messages as messages
from protocols.errors import Refusal
from protocols.genesis import found
from protocols.identity import Signer, incept
from protocols.invite import InviteLink, parse_link
from protocols.redemption import prove
from tests.p2pnode.lab import EVE, Lab, struck, wrote
from tests.sim.simulator import START
from tests.sim.street import look


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.meet(made.anna)
    return made


def ask_in(lab: Lab, link: InviteLink, who: Signer, **changes: object) -> list[object]:
    proof = prove(link.seed, link.invite, who.author)
    join = messages.Join(link.invite.network, who.inception, link.invite.wire, proof)._replace(**changes)
    effects = lab.tell(lab.anna, messages.PROTOCOL, messages.encode_message(join))
    lab.struck, lab.wrote = struck(effects), wrote(effects)
    frames = [e.data for e in effects if isinstance(e, Send) and e.protocol == messages.PROTOCOL]
    return [messages.parse_message(f) for f in frames]


def newcomer(n: int) -> Signer:
    return incept(n.to_bytes(32, "big"))[0]


def test_an_invite_is_used_up_and_answers_its_users_again(lab):
    link = parse_link(lab.ask(lab.anna, "invite", uses=2, vouch="1")["link"])
    first = ask_in(lab, link, newcomer(1))
    assert isinstance(first[0], messages.Welcome) and first[0].vouch and lab.wrote
    assert ask_in(lab, link, newcomer(1)) == first and not lab.wrote  # twice by one: once
    assert isinstance(ask_in(lab, link, newcomer(2))[0], messages.Welcome)
    assert ask_in(lab, link, newcomer(3)) == [messages.Refused("refused", "this invite is used up")] and not lab.wrote
    lab.sim.crash(lab.anna)
    lab.sim.run(10_000)
    assert ask_in(lab, link, newcomer(3))[0].code == "refused" and ask_in(lab, link, newcomer(1)) == first


def test_an_invite_that_was_taken_back_answers_only_who_came_by_it(lab):
    made = lab.ask(lab.anna, "invite", uses=3, vouch="1")
    link = parse_link(made["link"])
    first = ask_in(lab, link, newcomer(1))
    lab.ask(lab.anna, "invite.revoke", id=made["invite_id"])
    gone = [messages.Refused("refused", "this invite was taken back")]
    assert ask_in(lab, link, newcomer(2)) == gone and not lab.wrote
    assert ask_in(lab, link, newcomer(1)) == first and not lab.wrote, "its answer may have been lost"
    lab.sim.crash(lab.anna)
    lab.sim.run(10_000)
    assert ask_in(lab, link, newcomer(2)) == gone and ask_in(lab, link, newcomer(1)) == first


def test_an_invite_for_very_many(lab):
    link = parse_link(lab.ask(lab.anna, "invite", uses=1_000)["link"])
    for n in range(300):
        assert isinstance(ask_in(lab, link, newcomer(n))[0], messages.Welcome)


def test_an_expired_invite(lab):
    link = parse_link(lab.ask(lab.anna, "invite", expires=lab.now + 30_000)["link"])
    lab.sim.now += 60_000
    assert ask_in(lab, link, newcomer(1)) == [messages.Refused("refused", "this invite has expired")]


def test_who_does_not_hold_the_link(lab):
    link = parse_link(lab.ask(lab.anna, "invite")["link"])
    for change in ({"proof": bytes(64)}, {"inception": EVE.inception}, {"inception": b"\x80"}, {"token": b"\x90"}):
        assert ask_in(lab, link, newcomer(1), **change) == [] and lab.struck and not lab.wrote
    stranger = lab.sim.spawn("Zoe")
    link_of_nobody = link.invite._replace(inviter=incept(stranger.entropy)[0].author)
    assert link_of_nobody.inviter != link.invite.inviter


def test_a_closed_network_and_a_wrong_one(lab):
    network = lab.network(lab.anna)
    join = messages.Join(b"\7" * 16, EVE.inception, b"", b"")
    effects = lab.tell(lab.anna, messages.PROTOCOL, messages.encode_message(join))
    assert [messages.parse_message(e.data).code for e in effects if isinstance(e, Send)] == ["not_found"]
    network.genesis = msgspec.structs.replace(network.genesis, open=False)
    for asked in (b"", network.id):
        join = messages.Join(asked, EVE.inception, b"", b"")
        effects = lab.tell(lab.anna, messages.PROTOCOL, messages.encode_message(join))
        assert [messages.parse_message(e.data).code for e in effects if isinstance(e, Send)] == ["refused"]


def test_a_welcome_that_nobody_asked_for(lab):
    genesis = found(EVE, msgspec.structs.replace(lab.network(lab.anna).genesis, name="Trap"), START)
    effects = lab.tell(
        lab.anna, messages.PROTOCOL, messages.encode_message(messages.Welcome(genesis.wire, b"", b"\x80"))
    )
    assert not wrote(effects) and len(lab.anna.core.state.networks) == 1


def test_a_vouch_that_does_not_hold_does_not_keep_one_out():
    lab = Lab()
    zoe = lab.sim.spawn("Zoe")
    link = lab.ask(lab.anna, "invite", vouch="1")["link"]
    answer = lab.anna.core.membership._let_in

    def spoiled(message, now):
        return answer(message, now)._replace(vouch=b"\x90")

    lab.anna.core.membership._let_in = spoiled
    assert lab.ask(zoe, "join", target=link)["state"] == "joined"
    assert look(zoe, "status", lab.now)["state"] == "joined"


def test_drafts_are_published_on_joining():
    lab = Lab()
    zoe = lab.sim.spawn("Zoe")
    draft = lab.ask(zoe, "listing.publish", direction="request", kind="help", title="Paint the fence")
    assert draft["state"] == "draft"
    lab.sim.crash(zoe)
    lab.sim.run(10_000)
    lab.ask(zoe, "join", target=lab.anna.address)
    lab.sim.run(60_000)
    shown = look(lab.cleo, "listing.show", lab.now, id=draft["listing_id"])
    assert shown["title"] == "Paint the fence" and shown["author_name"] == "Zoe"
    assert look(zoe, "listing.list", lab.now)[0]["state"] == "spread"


def test_a_draft_that_cannot_be_published_holds_up_nothing():
    lab = Lab(1)
    zoe = lab.sim.spawn("Zoe")
    fine = lab.ask(zoe, "listing.publish", direction="offer", kind="help", title="Paint the fence")
    bad = lab.ask(zoe, "listing.publish", direction="offer", kind="help", title="Mow the lawn", price="2.555")
    for number in range(8):  # in the store they stand by chance: some behind the bad one
        lab.ask(zoe, "listing.publish", direction="offer", kind="help", title=f"Other {number}")
    link = lab.ask(lab.anna, "invite")["link"]
    assert lab.ask(zoe, "join", target=link)["state"] == "joined"
    lab.sim.run(60_000)
    assert look(lab.cleo, "listing.show", lab.now, id=fine["listing_id"])["title"] == "Paint the fence"
    assert [r["title"] for r in look(zoe, "listing.list", lab.now) if r["state"] == "draft"] == ["Mow the lawn"]
    (warning,) = look(zoe, "status", lab.now)["warnings"]
    assert "'Mow the lawn'" in warning and f"withdraw {bad['listing_id'][:8]}" in warning
    assert lab.network(zoe).catalog.get((lab.signer(zoe).author, "redemption", b"")) is not None
    shown = lab.ask(zoe, "listing.show", id=bad["listing_id"])
    assert shown["state"] == "draft" and shown["asks"] == "2.555"
    assert lab.ask(zoe, "listing.withdraw", id=bad["listing_id"][:8])["state"] == "withdrawn"
    assert not look(zoe, "status", lab.now)["warnings"] and len(look(zoe, "listing.list", lab.now)) == 9


def test_the_outbox_refuses_before_anything_is_signed(monkeypatch):
    lab = Lab()
    monkeypatch.setattr("p2pnode.core.outbox.MAX_OUTBOX", 0)
    count = lab.network(lab.anna).chain.state.count
    with pytest.raises(Refusal, match="wait to be delivered"):
        lab.ask(lab.anna, "vouch", peer="Dora", amount="1")
    assert lab.network(lab.anna).chain.state.count == count


def test_only_who_speaks_for_the_recipient_acknowledges():
    lab = Lab()
    lab.sim.faults.loss = 1.0
    lab.ask(lab.anna, "vouch", peer="Dora", amount="1")
    outbox = lab.anna.core.outbox
    (item,) = outbox.items
    for peer in (lab.ben.peer_id, "12D3KooW" + "E" * 44):
        assert not outbox.acknowledged(item, peer) and item in outbox.items
    lab.sim.crash(lab.anna)
    lab.sim.faults.loss = 0.0
    lab.sim.run(120_000)
    assert not lab.anna.core.outbox.items and look(lab.dora, "ledger.balance", lab.now)["limit"]["amount"] == 100


def test_vouches_of_strangers_are_bounded(monkeypatch):
    from ledger import chain
    from ledger.entry import encode_entry
    from ledger.payloads import InceptPayload, Settlement
    from p2pnode.core import offered, vouches
    from p2pnode.core.misconduct import Convictions
    from protocols import exchange_messages

    lab = Lab()
    monkeypatch.setattr(Convictions, "saw", lambda *a: None)  # Anna's second history would convict her
    network = lab.network(lab.dora)
    before = network.chain.state

    def vouch(signer: Signer, amount: int, limit: int, n: int) -> None:
        state = chain.start(network.id, signer.author)
        state, _ = chain.extend(state, signer, "INCEPT", InceptPayload(), None, lab.now, lab.sim.rng, limit)
        said = Settlement(lab.dora.core.state.me, amount, n.to_bytes(32, "big"))
        entry = chain.extend(state, signer, "VOUCH", said, None, lab.now, lab.sim.rng)[1]
        lab.say(lab.dora, exchange_messages.EntryMessage(network.id, encode_entry(entry)))

    vouch(EVE, 10**9, 10**9, 1)  # more than there is in the whole network
    for n in range(offered.MAX_VOUCH_OFFERS_OF_ONE + 5):
        vouch(EVE, 1, 100, n)
    assert len(lab.dora.core.vouches.offered.all) == offered.MAX_VOUCH_OFFERS_OF_ONE
    for n in range(offered.MAX_VOUCH_OFFERS):
        vouch(newcomer(n), 1, 100, 1_000 + n)
    assert len(lab.dora.core.vouches.offered.all) == offered.MAX_VOUCH_OFFERS // 2
    assert network.chain.state == before  # nothing of it was signed
    monkeypatch.setattr(vouches, "MAX_VOUCHES_OF_ONE", 2)
    for n in range(5):
        vouch(lab.signer(lab.anna), 1, 100, 2_000 + n)
    assert network.chain.state.count == before.count + 2
    assert not network.chain.audit().errors
