"""A node as a witness, and what payer and payee make of what witnesses say."""

from typing import Any

import msgspec
import pytest

from ledger.chain import extend
from ledger.entry import Entry, encode_entry, parse_entry
from ledger.payloads import Settlement
from ledger.settlement import Deal, State
from ledger.tokens import Token, parse_token, sign_token
from p2pnode.core import witnesses as module
from p2pnode.core.effects import Effect
from p2pnode.core.events import Received
from p2pnode.core.keys import DOUBT
from p2pnode.core.witnesses import Witnesses
from protocols import exchange_messages as messages
from protocols.codec import decode, encode
from protocols.errors import Refusal
from protocols.identity import KeyState, Signer, derive_seed, digest, incept, parse_inception
from protocols.limits import MAX_SKEW, MINUTE
from tests.p2pnode.lab import EVE, EVES_PEER, sent, struck, wrote
from tests.sim.simulator import Node
from tests.sim.street import look
from tests.sim.test_restored import copy_of, put_back
from tests.sim.test_witnessed import CALLED_OFF_WITHIN, WITHIN, Street, cut, give, verdicts_of


def ask(run: Street, witness: Node, entry: Entry, peer: str = EVES_PEER) -> list[Effect]:
    """Somebody shows this entry to a witness."""
    return tell(run, witness, messages.EntryMessage(entry.network, encode_entry(entry)), peer)


def tell(run: Street, node: Node, message: messages.Message, peer: str = EVES_PEER) -> list[Effect]:
    frame = messages.encode_message(message)
    effects: list[Effect] = node.core.handle(Received(peer, messages.PROTOCOL, frame), run.sim.now)
    run.sim.perform(node, [e for e in effects if type(e).__name__ == "Write"])
    return effects


def tokens(effects: list[Effect]) -> list[Token]:
    return [parse_token(m.wire) for m in sent(effects) if isinstance(m, messages.TokenMessage)]


class Deals:
    """Requests by the real Cleo about payments that she never makes through her node."""

    def __init__(self, run: Street) -> None:
        self.run = run
        core = run.cleo.core
        self.signer, self.state = incept(run.cleo.entropy)[0], next(iter(core.state.networks.values())).chain.state
        self.payee = run.ben.core.state.me

    def cancel(self, deal: bytes, at: int, *witnesses: Node) -> Entry:
        """A PAY_CANCELREQ of a deal that was proposed at this time."""
        named = tuple(w.core.state.me for w in witnesses or self.run.witnesses)
        said = Settlement(self.payee, 1, deal, at + 1, witnesses=named, quorum=len(named))
        rng = self.run.sim.rng
        state, proposed = extend(self.state, self.signer, "PAY_PROPOSE", said, None, at, rng)
        request = Settlement(self.payee, 1, deal, half=encode_entry(proposed))
        return parse_entry(encode_entry(extend(state, self.signer, "PAY_CANCELREQ", request, None, at + 2, rng)[1]))


@pytest.fixture(scope="module")
def run() -> Street:
    return Street(5, 1)


def newest(run: Street, node: Node) -> Deal:
    deal = run.deal(node)
    assert deal is not None
    return deal


# Naming them


def test_who_cannot_be_named(run: Street) -> None:
    listing = run.sim.ask_now(run.ben, "listing.publish", direction="offer", kind="sell", title="A saw", price="5 EUR")[
        "listing_id"
    ]
    run.sim.run(MINUTE)

    def propose(*names: str, **fields: Any) -> Any:
        return run.sim.ask_now(run.cleo, "exchange.propose", listing=listing, witness=list(names), **fields)

    for names, price, message in (
        (("Anna", "Emil"), "1", "two witnesses are no better than one"),
        (("Anna", "Anna", "Emil"), "1", "a witness is named twice"),
        (("Ben",), "1", "a party cannot be witness"),
        (("Anna", run.cleo.peer_id, "Emil"), "1", "a party cannot be witness"),
        (("Anna",), "5 EUR", "witnesses are for payments in hour"),
        (("Anna",), "free", "witnesses are for payments in hour"),
        (("Nobody",), "1", "no peer"),
    ):
        with pytest.raises(Refusal, match=message):
            propose(*names, price=price)
    shown = propose("Emil", "Anna", "Finn", price="1")["terms"]
    assert [w["name"] for w in shown["witnesses"]] == ["Emil", "Anna", "Finn"] and shown["quorum"] == 2
    assert shown["witnesses"][1]["peer_id"] == run.nodes["Anna"].peer_id


def test_a_counter_proposal_keeps_them_or_names_others() -> None:
    run = Street(6, 1)
    listing = run.sim.ask_now(run.ben, "listing.publish", direction="offer", kind="sell", title="A saw", price="1")
    run.sim.run(MINUTE)
    id_ = run.sim.ask_now(run.cleo, "exchange.propose", listing=listing["listing_id"], witness=["Anna"])["exchange_id"]

    def counter(node: Node, **fields: Any) -> list[str]:
        shown = run.sim.ask_now(node, "exchange.counter", id=id_, **fields)
        return [w["name"] for w in shown["terms"]["witnesses"]]

    assert counter(run.ben, price="2") == ["Anna"]
    assert counter(run.cleo, witness=["Dora"]) == ["Dora"]
    assert counter(run.ben, price="2 EUR") == []
    assert counter(run.cleo, price="2", witness=["Anna", "Emil", "Finn", "Dora"]) == ["Anna", "Emil", "Finn", "Dora"]
    assert counter(run.ben, witness=[]) == []


@pytest.mark.parametrize("named", [(), ("Dora",)])
def test_a_payee_releases_a_payment_with_other_witnesses_than_were_agreed(named: tuple[str, ...]) -> None:
    run = Street(7, 1)
    core = run.cleo.core
    pay = core.settlements.pay
    witnesses = tuple(run.nodes[name].core.state.me for name in named)
    core.settlements.pay = lambda *args: pay(*args[:6], witnesses, len(witnesses))
    run.pay()
    run.sim.run(MINUTE)
    assert newest(run, run.ben).state == State.RELEASED
    assert run.show(run.cleo)["settlement"]["state"] == "released"


def test_a_deal_with_witnesses_is_settled_as_any_other() -> None:
    run = Street(8, 3)
    run.pay()
    run.sim.run(MINUTE)
    for node in (run.ben, run.cleo):
        shown = run.show(node)
        assert shown["settlement"]["state"] == "settled" and shown["receipt"] and shown["delivered"]
    assert {v.token for v in verdicts_of(run.witnesses)}  # they were told
    rows = look(run.witnesses[0], "ledger.log", run.sim.now)
    assert [(r["kind"], r["counterparty_name"]) for r in rows][-1] == ("WITNESS", "Cleo")
    assert look(run.witnesses[0], "ledger.verify", run.sim.now)["ok"]


# Deciding


def test_the_first_decision_is_kept_and_told_again_in_the_same_bytes(run: Street) -> None:
    anna, now = run.witnesses[0], run.sim.now
    entry = Deals(run).cancel(b"1" * 32, now)
    before = anna.core.state.networks[entry.network].chain.state.count
    first = ask(run, anna, entry)
    assert [t.decision for t in tokens(first)] == ["cancel"] * 3  # to who asked, to payer and payee
    assert type(first[0]).__name__ == "Write" and first[0].durable
    again = ask(run, anna, entry)
    assert not wrote(again) and {t.wire for t in tokens(again)} == {t.wire for t in tokens(first)}
    assert anna.core.state.networks[entry.network].chain.state.count == before + 1
    run.sim.crash(anna)
    run.sim.run(MINUTE)
    assert {t.wire for t in tokens(ask(run, anna, entry))} == {t.wire for t in tokens(first)}


def test_who_is_no_witness_says_nothing(run: Street) -> None:
    entry = Deals(run).cancel(b"2" * 32, run.sim.now)
    effects = ask(run, run.nodes["Dora"], entry)
    assert not tokens(effects) and not wrote(effects) and not struck(effects)


def test_a_node_that_does_not_want_to_be_a_witness() -> None:
    run = Street(9, 1)
    anna = run.witnesses[0]
    anna.core.state.settings = msgspec.structs.replace(anna.core.state.settings, witness=False)
    assert not tokens(ask(run, anna, Deals(run).cancel(b"2" * 32, run.sim.now)))


def test_so_many_decisions_are_kept_and_no_more(run: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, deals = run.witnesses[0], Deals(run)
    mine = [v for v in verdicts_of([anna]) if v.payer == run.cleo.core.state.me]
    monkeypatch.setattr(module, "MAX_VERDICTS_OF_ONE", len(mine) + 1)
    assert tokens(ask(run, anna, deals.cancel(b"3" * 32, run.sim.now)))
    effects = ask(run, anna, deals.cancel(b"4" * 32, run.sim.now))
    assert not tokens(effects) and not struck(effects)
    monkeypatch.setattr(module, "MAX_VERDICTS_OF_ONE", 100)
    monkeypatch.setattr(module, "MAX_VERDICTS", anna.core.witnesses._kept)
    assert not tokens(ask(run, anna, deals.cancel(b"5" * 32, run.sim.now)))


def test_a_stranger_is_not_served(run: Street) -> None:
    anna, now = run.witnesses[0], run.sim.now
    deals = Deals(run)
    deals.signer, deals.state = EVE, msgspec.structs.replace(deals.state, author=EVE.author)
    assert not tokens(ask(run, anna, deals.cancel(b"6" * 32, now)))


# A store that was lost


def test_in_doubt_nothing_is_decided_and_afterwards_nothing_of_before(run: Street) -> None:
    anna, deals = run.witnesses[0], Deals(run)
    network = next(iter(anna.core.state.networks.values()))
    old, new = deals.cancel(b"7" * 32, run.sim.now), deals.cancel(b"8" * 32, run.sim.now + MAX_SKEW + 2)
    network.chain.whole = False
    assert not tokens(ask(run, anna, old))
    network.chain.whole = True
    anna.core.witnesses.whole(network, run.sim.now)
    run.sim.perform(anna, anna.core._journal.take())
    assert not tokens(ask(run, anna, old))
    run.sim.crash(anna)
    run.sim.run(MINUTE)
    assert not tokens(ask(run, anna, old)), "the floor is stored"
    assert tokens(ask(run, anna, new))


def test_a_proposal_of_the_future_is_left_until_then() -> None:
    """Else a payer could have it decided above any floor."""
    run = Street(10, 1)
    anna = run.witnesses[0]
    entry = Deals(run).cancel(b"9" * 32, run.sim.now + MAX_SKEW + 1)
    assert not tokens(ask(run, anna, entry))
    run.sim.run(MINUTE)
    assert tokens(ask(run, anna, entry))


@pytest.mark.parametrize("marked", [True, False], ids=["restored", "put back unnoticed"])
def test_a_witness_that_lost_a_decision_does_not_decide_anew(marked: bool) -> None:
    """The acceptance was seen; the store goes back to before; then the payer asks to cancel the same proposal."""
    assert asked_after_a_loss(marked) == set()


@pytest.mark.parametrize("marked", [True, False], ids=["restored", "put back unnoticed"])
def test_without_the_floor_it_would(marked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Witnesses, "whole", lambda *_: None)
    assert asked_after_a_loss(marked) == {"cancel"}


def asked_after_a_loss(marked: bool) -> set[str]:
    run = Street(11, 1)
    anna = run.witnesses[0]
    older = copy_of(anna.disk)
    cut_off_payer(run)
    request = requested(run)
    network = next(iter(anna.core.state.networks))
    if marked:
        older.commit({DOUBT + network: encode([0, b""])}, (), True)
    put_back(run.sim, anna, older)
    run.sim.run(3 * MINUTE)
    chain = anna.core.state.networks[network].chain
    assert chain.ready and chain.audit().ok and chain.entry(chain.state.count - 1).kind == "WITNESS"
    return {t.decision for t in tokens(ask(run, anna, request))}


def test_what_a_payer_kept_of_a_decision_comes_back() -> None:
    run = Street(18, 1)
    anna = run.witnesses[0]
    older = copy_of(anna.disk)
    run.pay()
    run.sim.run(MINUTE)
    before = verdicts_of([anna])
    assert before
    put_back(run.sim, anna, older)
    run.sim.run(3 * MINUTE)
    assert [v.token for v in verdicts_of([anna])] == [v.token for v in before]


def cut_off_payer(run: Street) -> None:
    """Ben accepts, Anna sees it, and nothing of that reaches Cleo."""
    cut(run, run.ben, run.cleo)
    cut(run, run.witnesses[0], run.cleo)
    run.pay()
    run.sim.run(1_000)
    give(run, run.cleo, run.ben, "PAY_PROPOSE")
    run.sim.run(5_000)
    assert [parse_token(v.token).decision for v in verdicts_of(run.witnesses)] == ["accept"]


def requested(run: Street) -> Entry:
    """Cleo's PAY_CANCELREQ, as her node would sign it by now."""
    deal = newest(run, run.cleo)
    said = Settlement(deal.counterparty, deal.amount, deal.id, 0, deal.terms, deal.mine)
    network = run.cleo.core.state.networks[deal.network]
    signer = incept(run.cleo.entropy)[0]
    at = deal.expiry + 1
    return parse_entry(
        encode_entry(extend(network.chain.state, signer, "PAY_CANCELREQ", said, None, at, run.sim.rng)[1])
    )


def test_what_is_forgotten_is_below_the_floor() -> None:
    run = Street(12, 1)
    anna, deals = run.witnesses[0], Deals(run)
    old, later = deals.cancel(b"1" * 32, run.sim.now), deals.cancel(b"2" * 32, run.sim.now + MINUTE)
    assert tokens(ask(run, anna, old))
    run.sim.run(MINUTE)
    assert tokens(ask(run, anna, later))
    anna.core.witnesses.forget(run.sim.now - MINUTE + module.VERDICT_KEPT + 1)
    run.sim.perform(anna, anna.core._journal.take())
    assert len(verdicts_of([anna])) == 1
    assert not tokens(ask(run, anna, old))
    assert tokens(ask(run, anna, later))
    assert tokens(ask(run, anna, deals.cancel(b"3" * 32, run.sim.now + MINUTE)))


# Hearing


def test_what_others_sign_is_no_token(run: Street) -> None:
    run = Street(13, 1)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(MINUTE)
    deal = newest(run, run.cleo)
    proposal = parse_entry(deal.mine)
    anna, dora = (incept(run.nodes[name].entropy)[0] for name in ("Anna", "Dora"))

    def say(signer: Signer, proposed: bytes = proposal.id, wire: bytes = b"") -> list[Effect]:
        token = sign_token(signer, deal.network, deal.id, proposed, "cancel", run.sim.now)
        return tell(run, run.cleo, messages.TokenMessage(deal.network, wire or token.wire))

    for effects in (say(dora), say(EVE), say(anna, b"x" * 32)):
        assert not wrote(effects) and not struck(effects)
    good = sign_token(anna, deal.network, deal.id, proposal.id, "cancel", run.sim.now).wire
    forged = sign_token(dora, deal.network, deal.id, proposal.id, "cancel", run.sim.now).wire
    for wire in (good[:-1], b"", encode([*decode(good)[:1], decode(forged)[1], decode(good)[2]])):
        effects = tell(run, run.cleo, messages.TokenMessage(deal.network, wire))
        assert struck(effects) and not wrote(effects)
    assert not newest(run, run.cleo).tokens
    assert wrote(say(anna)) and len(newest(run, run.cleo).tokens) == 1
    assert not wrote(say(anna))


def test_an_expiry_that_nobody_can_meet_is_refused(run: Street) -> None:
    with pytest.raises(Refusal, match="needs at least 10 s"):
        run.sim.ask_now(run.cleo, "exchange.pay", id=run.id, within=9_000)


# Keys that were replaced


def test_a_witness_with_a_newer_key_is_heard_and_one_with_an_older_is_not() -> None:
    run = Street(17, 1)
    run.vanish(run.ben)
    run.pay()
    anna = run.witnesses[0]
    old = incept(anna.entropy)[0]
    new, state = rotate_once(anna.entropy)
    run.cleo.core.state.key_states[old.author] = state
    run.cleo.core.state.rotated_at[old.author] = 100
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    assert newest(run, run.cleo).state == State.REQUESTED, "what was signed with the old key does not count any more"
    anna.core.state.signer = new
    run.sim.run(CALLED_OFF_WITHIN + 5 * MINUTE)
    assert newest(run, run.cleo).state == State.CANCELLED, "asked again, it signs the same with the new one"
    assert len(verdicts_of([anna])) == 1
    assert look(run.cleo, "ledger.verify", run.sim.now)["ok"]


def rotate_once(entropy: bytes) -> tuple[Signer, KeyState]:
    inception = parse_inception(incept(entropy)[0].inception)
    new, after = (Signer(derive_seed(entropy, epoch), inception, epoch) for epoch in (1, 2))
    return new, KeyState(1, new.public_key, digest(after.public_key))
