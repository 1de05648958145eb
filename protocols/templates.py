"""The kinds of exchange as data: which duties each consists of. Adding a kind is adding rows here.

Roles: the *giver* gives the thing, the time or the work; the *taker* receives it and, if there is a price, pays. With
an offer the owner of the listing is the giver, with a request the proposer is. Actions are ValueFlows 1.0's.
"""

from typing import NamedTuple


class DutyTemplate(NamedTuple):
    """One duty. by: `giver` or `taker`; after: the duty that must be done first, or empty."""

    id: str
    action: str
    by: str
    what: str
    after: str = ""


PAY = DutyTemplate("pay", "transfer", "taker", "pay {price}")
_HANDOVER = DutyTemplate("handover", "transferCustody", "giver", "hand over {title}")
_RETURN = DutyTemplate("return", "transferCustody", "taker", "return {title}", "handover")
_GIVE = DutyTemplate("handover", "transfer", "giver", "hand over {title}")
_WORK = DutyTemplate("work", "deliverService", "giver", "do: {title}")

TEMPLATES: dict[str, tuple[DutyTemplate, ...]] = {
    "sell": (_GIVE, PAY),
    "rent": (_HANDOVER, _RETURN, PAY),
    "lend": (_HANDOVER, _RETURN),
    "give": (_GIVE,),
    "food": (_GIVE, PAY),
    "service": (_WORK, PAY),
    "help": (DutyTemplate("work", "work", "giver", "help: {title}"), PAY),
    "deliver": (
        DutyTemplate("pickup", "pickup", "giver", "pick up {title}"),
        DutyTemplate("dropoff", "dropoff", "giver", "deliver {title}", "pickup"),
        PAY,
    ),
    "design": (DutyTemplate("work", "cite", "giver", "hand over the design: {title}"), PAY),
    "pledge": (DutyTemplate("work", "work", "giver", "keep the pledge: {title}"), PAY),
}
# A kind that this version does not know is still an exchange: somebody does something, somebody may pay.
UNKNOWN: tuple[DutyTemplate, ...] = (DutyTemplate("work", "work", "giver", "do: {title}"), PAY)


def template(kind: str) -> tuple[DutyTemplate, ...]:
    return TEMPLATES.get(kind, UNKNOWN)
