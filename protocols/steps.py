"""What a fact's payload must be, by its kind."""

from collections.abc import Set
from typing import Final

from protocols.codec import decode_as
from protocols.errors import DecodeError
from protocols.fact import WITH_TERMS, Fact, Step
from protocols.limits import MAX_TERMS
from protocols.terms import parse_terms

OF_DUTIES: Final = frozenset({"done", "confirm", "contest", "waive", "default"})
# Which kinds may, or must, have which keys beside `text`.
_MUST: Final[dict[str, Set[str]]] = {
    "commitment": {"rated"},
    "party": {"accept"},
    "terms": {"accept"},
    "sealed": {"contact"},
}
_MAY: Final[dict[str, Set[str]]] = {
    "duty": OF_DUTIES | {"dispute"},
    "result": {"done"},
    "photos": {"done", "confirm", "contest"},
    "code": {"done"},
    "counted": {"go"},
    "total": {"go"},
}
_HASHES: Final = ("commitment", "party", "terms", "result")


def parse_step(fact: Fact) -> Step:
    return decode_as(fact.payload, Step, MAX_TERMS) if fact.payload else Step()


def check_fact(fact: Fact) -> None:
    """`DecodeError` unless the payload is what the fact's kind calls for."""
    if fact.kind in WITH_TERMS:
        return _check_terms(fact)
    step = parse_step(fact)
    if (fact.kind in OF_DUTIES) > bool(step.duty):
        raise DecodeError(f"{fact.kind}: duty", "field")
    for key, kinds in _MUST.items():
        if (fact.kind in kinds) != bool(getattr(step, key)):
            raise DecodeError(f"{fact.kind}: {key}", "field")
    for key, kinds in _MAY.items():
        if getattr(step, key) and fact.kind not in kinds:
            raise DecodeError(f"{fact.kind}: {key}", "field")
    for key in _HASHES:
        if len(getattr(step, key)) not in (0, 32):
            raise DecodeError(f"{fact.kind}: {key}", "field")


def _check_terms(fact: Fact) -> None:
    terms = parse_terms(fact.payload)
    may = {*terms.parties, terms.mediator} if fact.kind == "amend" else {*terms.parties}
    if fact.author not in may:
        raise DecodeError("terms of other people", "field")
    if fact.kind == "propose" and (fact.author != terms.proposer or terms.previous):
        raise DecodeError("a proposal comes from its proposer and follows nothing", "field")
    if fact.kind == "propose" and fact.prev != terms.listing:
        raise DecodeError("a proposal follows the listing that it names", "field")
    if fact.kind != "propose" and len(terms.previous) != 32:
        raise DecodeError(f"{fact.kind}: names the terms that it follows", "field")
    if fact.kind != "amend" and not terms.duties:
        raise DecodeError("terms without a duty", "field")
    if fact.kind == "amend" and terms.form != 2:
        raise DecodeError("only terms of form 2 are amended", "field")
