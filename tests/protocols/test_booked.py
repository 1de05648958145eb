"""What two facts must be to be an agreement that is shown to others: of each thing that may be wrong, one example."""

from typing import Any

import pytest

from protocols.booked import Agreement, agreement, booking
from protocols.codec import encode, plain
from protocols.conditions import SECOND_FORM
from protocols.errors import Reject
from protocols.fact import Fact, Step
from protocols.limits import DAY
from protocols.terms import terms_hash
from tests.protocols.bookings import BOB, Deal, barn
from tests.strategies import NOW, signer

ANN, EVE = signer(10), signer(11)


def asked(mediator: bytes = b"") -> Deal:
    return Deal(barn(ANN, mediator=mediator), NOW)


def accepts(deal: Deal, fact: Fact, by: Any = BOB, at: int = NOW + 1, kind: str = "accept", **changes: Any) -> Fact:
    """An acceptance of these terms by `by`, but for what is changed in it."""
    named = {"party": fact.author, "terms": terms_hash(deal.terms_of(fact))} | changes
    payload = encode(plain(Step(**named))) if kind == "accept" else b""
    return deal._sign(by, deal.root.id, kind, fact.id, at, payload)


def test_terms_and_their_acceptance() -> None:
    deal = asked()
    acceptance = accepts(deal, deal.root)
    assert agreement(deal.root, acceptance) == Agreement(deal.root, barn(ANN), acceptance)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "decline"},
        {"party": BOB.author},
        {"terms": bytes(31) + b"\1"},
        {"at": NOW + 10 * DAY + 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_accepts_nothing(wrong: dict[str, Any]) -> None:
    deal = asked()
    with pytest.raises(Reject):
        agreement(deal.root, accepts(deal, deal.root, **wrong))


@pytest.mark.parametrize("by", [BOB, EVE])
def test_who_may_not_accept(by: Any) -> None:
    deal = asked(mediator=EVE.author)  # she may sign what replaces these terms, and not these
    counter = deal.counter(BOB, deal.root, NOW + 1)
    with pytest.raises(Reject, match="others than may"):
        agreement(counter, accepts(deal, counter, by, NOW + 2))


def test_the_acceptance_of_another_exchange_or_of_none() -> None:
    deal, other = asked(), Deal(barn(ANN), NOW + 1)  # of the same terms
    with pytest.raises(Reject):
        agreement(other.root, accepts(deal, deal.root))
    accepted = accepts(deal, deal.root)
    with pytest.raises(Reject, match="not terms"):
        agreement(accepted, accepted)


def test_what_the_responder_did_not_sign_does_not_bind_him() -> None:
    deal = asked(mediator=EVE.author)
    deal.accept(BOB, deal.root, NOW + 1)
    ruling = deal.amend(EVE, NOW + 2)
    with pytest.raises(Reject, match="responder signed neither"):
        agreement(ruling, accepts(deal, ruling, ANN, NOW + 3))
    assert agreement(ruling, accepts(deal, ruling, BOB, NOW + 3)).signed_at == NOW + 3


def test_terms_that_book_nothing_stay_in_the_form_they_are_in() -> None:
    plain_terms = barn(ANN, form=1, capacity=0)
    assert booking(barn(ANN, form=1, capacity=0, start=0, end=0), 1, 1).form == 1
    assert booking(plain_terms, 0, 1) == plain_terms
    assert (booking(plain_terms, 2, 1).form, booking(plain_terms, 2, 1).capacity) == (SECOND_FORM, 2)
