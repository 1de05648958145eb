"""Witnesses: what they sign, what they refuse, and the payment that their tokens end."""

import random
from typing import Any

import pytest

from ledger.audit import verify_chain
from ledger.cancelling import called_off, heard, request_cancel
from ledger.chain import extend
from ledger.entry import Entry, encode_entry, parse_entry
from ledger.outcome import outcome
from ledger.payloads import Settlement
from ledger.settlement import Append, Deal, decode_deal, encode_deal, propose, receive, written
from ledger.tokens import Token, parse_token, sign_token, verify_token
from ledger.witnessing import Ask, Verdict, decide, decode_verdict, encode_verdict, weigh
from protocols.codec import decode, encode
from protocols.errors import DecodeError, Ignore, Refusal, Reject
from protocols.identity import Signer, incept

from .people import ALICE, BOB, CAROL, DEAL, NET, Author, accept, shown

DAVE = incept(b"D" * 32)[0]


def proposal(payer: Author) -> tuple[Deal, Entry]:
    ask = propose(None, deal=DEAL, counterparty=BOB.author, amount=200, expiry=50, witnesses=(CAROL.author,), quorum=1)
    entry = payer.append(ask, 10)
    return written(None, entry)[0], shown(entry)


def verdict(entry: Entry) -> Verdict:
    ask = weigh(None, entry, CAROL.author)
    assert isinstance(ask, Ask)
    return decide(ask, sign_token(CAROL, ask.network, ask.deal, ask.proposal, ask.decision, 60))


def test_a_witness_cancels_and_the_hold_is_free() -> None:
    alice = Author(ALICE, endowment=1000)
    deal, _ = proposal(alice)
    asked = alice.append(request_cancel(deal, 51), 51)
    deal, sends = written(deal, asked)
    assert [s.counterparty for s in sends] == [CAROL.author]
    token = parse_token(verdict(shown(asked)).token)
    verify_token(token)
    deal, (action,) = heard(deal, token)
    assert isinstance(action, Append) and action.kind == "PAY_CANCEL"
    cancelled = alice.append(action, 61)
    assert written(deal, cancelled)[0].closed and alice.state.hold == 0
    assert outcome([shown(cancelled)]) == "cancelled"
    assert verify_chain(alice.chain(), network=NET, author=ALICE.author, endowment=1000).ok


def test_the_first_decision_stays() -> None:
    alice, bob = Author(ALICE, endowment=1000), Author(BOB)
    deal, proposed = proposal(alice)
    _, (action,) = receive(None, proposed, BOB.author, 20, accept)
    assert isinstance(action, Append)
    accepted = bob.append(action, 20)
    theirs, sends = written(None, accepted)
    assert [s.counterparty for s in sends] == [ALICE.author, CAROL.author]
    first = verdict(shown(accepted))
    asked = alice.append(request_cancel(deal, 51), 51)
    assert weigh(first, shown(asked), CAROL.author) == first == decode_verdict(encode_verdict(first))
    deal, _ = written(deal, asked)
    token = parse_token(first.token)
    theirs, todo = heard(theirs, token)
    assert theirs.settled and not theirs.closed and todo == ()
    deal, todo = heard(deal, token)
    assert todo == () and not deal.settled  # the acceptance itself is still to come
    _, (action,) = receive(deal, shown(accepted), ALICE.author, 60)
    assert isinstance(action, Append) and action.kind == "PAY_COMPLETE"
    assert alice.append(action, 60).balance == -200


def test_who_may_be_asked_for_what() -> None:
    alice = Author(ALICE, endowment=1000)
    deal, proposed = proposal(alice)
    with pytest.raises(Refusal, match="still has time"):
        request_cancel(deal, 50)
    with pytest.raises(Reject):
        weigh(None, proposed, CAROL.author)
    asked = shown(alice.append(request_cancel(deal, 51), 51))
    with pytest.raises(Ignore, match="no witness"):
        weigh(None, asked, DAVE.author)
    other = sign_token(DAVE, NET, DEAL, proposed.id, "cancel", 60)
    with pytest.raises(Ignore):
        heard(written(deal, asked)[0], other)
    plain = Author(ALICE, endowment=1000)
    ask = propose(None, deal=DEAL, counterparty=BOB.author, amount=200, expiry=50)
    with pytest.raises(Refusal, match="only the payee"):
        request_cancel(written(None, plain.append(ask, 10))[0], 51)


@pytest.mark.parametrize("what", ["nobody", "a stranger", "accept", "another proposal"])
def test_a_cancellation_without_the_right_tokens_is_refused(what: str) -> None:
    alice = Author(ALICE, endowment=1000)
    deal, proposed = proposal(alice)
    asked = alice.append(request_cancel(deal, 51), 51)
    bad: dict[str, Token | None] = {
        "nobody": None,
        "a stranger": sign_token(DAVE, NET, DEAL, proposed.id, "cancel", 60),
        "accept": sign_token(CAROL, NET, DEAL, proposed.id, "accept", 60),
        "another proposal": sign_token(CAROL, NET, DEAL, b"p" * 32, "cancel", 60),
    }
    token = bad[what]
    tokens = () if token is None else (token.wire,)
    said = Settlement(BOB.author, 200, DEAL, half=encode_entry(asked), tokens=tokens)
    state, entry = extend(alice.state, ALICE, "PAY_CANCEL", said, None, 61, random.Random(1))
    report = verify_chain([*alice.chain(), encode_entry(entry)], network=NET, author=ALICE.author, endowment=1000)
    assert not report.ok and state.hold == 0


def called(payer: Author) -> tuple[Entry, Entry]:
    """A proposal, and the PAY_CANCEL that the witness's token allows."""
    deal, proposed = proposal(payer)
    asked = payer.append(request_cancel(deal, 51), 51)
    _, (action,) = heard(written(deal, asked)[0], parse_token(verdict(shown(asked)).token))
    assert isinstance(action, Append)
    return proposed, shown(payer.append(action, 61))


def test_a_payee_that_knew_nothing_hears_that_it_was_called_off() -> None:
    proposed, cancelled = called(Author(ALICE, endowment=1000))
    deal = called_off(None, cancelled, BOB.author)
    assert deal.state == "cancelled" and deal.closed and not deal.settled and not deal.payer and not deal.mine
    assert decode_deal(encode_deal(deal)) == deal == called_off(deal, cancelled, BOB.author)
    with pytest.raises(Ignore):
        receive(deal, proposed, BOB.author, 20, accept)
    with pytest.raises(Ignore):
        called_off(None, cancelled, CAROL.author)


def test_a_payee_that_has_accepted_hears_that_it_was_called_off_but_not_against_a_quorum() -> None:
    proposed, cancelled = called(Author(ALICE, endowment=1000))
    bob = Author(BOB)
    _, (action,) = receive(None, proposed, BOB.author, 20, accept)
    assert isinstance(action, Append)
    accepted, _ = written(None, bob.append(action, 20))
    assert called_off(accepted, cancelled, BOB.author).state == "cancelled"
    settled, _ = heard(accepted, sign_token(CAROL, NET, DEAL, proposed.id, "accept", 60))
    assert settled.settled and called_off(settled, cancelled, BOB.author).settled


def test_a_machine_that_knows_no_such_message_ignores_it() -> None:
    """So do nodes from before it was sent."""
    _, cancelled = called(Author(ALICE, endowment=1000))
    for known in (None, called_off(None, cancelled, BOB.author)):
        with pytest.raises(Ignore):
            receive(known, cancelled, BOB.author, 60)


@pytest.mark.parametrize("witness", [CAROL, DAVE])
def test_nobody_is_told_so_without_the_signatures(witness: Signer) -> None:
    alice = Author(ALICE, endowment=1000)
    deal, proposed = proposal(alice)
    asked = alice.append(request_cancel(deal, 51), 51)
    outer: list[Any] = decode(sign_token(witness, NET, DEAL, proposed.id, "cancel", 60).wire)
    wire = encode([outer[0], bytes(64), outer[2]]) if witness is CAROL else encode(outer)
    said = Settlement(BOB.author, 200, DEAL, half=encode_entry(asked), tokens=(wire,))
    _, entry = extend(alice.state, ALICE, "PAY_CANCEL", said, None, 61, random.Random(1))
    with pytest.raises(Reject):
        called_off(None, shown(entry), BOB.author)


def test_quorums_that_could_disagree_do_not_parse() -> None:
    alice = Author(ALICE, endowment=1000)
    for witnesses, quorum in (
        ((CAROL.author,), 0),
        ((CAROL.author, DAVE.author), 1),
        ((CAROL.author,) * 2, 2),
        ((), 1),
    ):
        said = Settlement(BOB.author, 200, DEAL, witnesses=witnesses, quorum=quorum)
        entry = alice.write("PAY_PROPOSE", said)
        with pytest.raises(DecodeError, match="quorum"):
            receive(None, parse_entry(encode_entry(entry)), BOB.author, 20, accept)
