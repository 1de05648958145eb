"""The proof of an agreement: an AGREE entry of one party, and in it the fact that the other signed."""

from protocols.errors import Reject
from protocols.fact import Fact
from protocols.identity import digest
from protocols.steps import check_fact, parse_step
from protocols.terms import parse_terms

from .entry import Entry
from .payloads import Settlement


def check_agreement(entry: Entry, said: Settlement, fact: Fact) -> None:
    """`Reject` unless the fact in an AGREE is the other party's half of this very agreement.

    Every half that is shown in public can be copied by anybody into an entry of his own: so it must name both parties.
    """
    check_fact(fact)
    if fact.exchange_id != said.deal or fact.author != said.counterparty or fact.network != entry.network:
        raise Reject("context", "the half is of another exchange")
    if fact.kind == "accept":
        step = parse_step(fact)
        agreed = (step.party, step.terms) == (entry.author, said.terms)
    elif fact.kind in ("propose", "counter"):
        agreed = entry.author in parse_terms(fact.payload).parties and digest(fact.payload) == said.terms
    else:
        agreed = False
    if not agreed or fact.author == entry.author:
        raise Reject("context", "the half agrees to nothing with this author")
