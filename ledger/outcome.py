"""What everybody holds to be true who sees some evidence of a deal, by one rule of precedence.

    COMPLETE > RELEASE > accept tokens of a quorum > cancel tokens of a quorum > bare ACCEPT

Higher evidence never loses to lower, so that showing more can only move a verdict up this ladder.
"""

from collections.abc import Iterable

from .entry import Entry, settlement_of
from .halves import nested, void_acceptance
from .payloads import Settlement
from .tokens import Token, decided, parse_token


def outcome(entries: Iterable[Entry], tokens: Iterable[Token] = ()) -> str:
    """`open`, `provisional`, `settled` or `cancelled`, from verified entries and tokens of one deal.

    A void acceptance counts as a release. `provisional`: accepted, and the proposal names witnesses of whom no quorum
    has spoken. Without witnesses a bare acceptance settles.
    """
    seen: set[str] = set()
    proposals: dict[bytes, tuple[Entry, Settlement]] = {}
    heard = list(tokens)
    for entry in entries:
        for each in nested(entry):
            said = settlement_of(each)
            if said is None:
                continue
            heard += [parse_token(t) for t in said.tokens]
            if each.kind == "PAY_PROPOSE":
                proposals[each.id] = (each, said)
            seen.add("PAY_RELEASE" if void_acceptance(each) else each.kind)
    if "PAY_COMPLETE" in seen:
        return "settled"
    if "PAY_RELEASE" in seen:
        return "cancelled"
    for decision, verdict in (("accept", "settled"), ("cancel", "cancelled")):
        if any(decided(heard, proposal, said, decision) for proposal, said in proposals.values()):
            return verdict
    if "PAY_ACCEPT" not in seen:
        return "open"
    return "provisional" if any(said.witnesses for _, said in proposals.values()) else "settled"
