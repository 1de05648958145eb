"""The rows and the drafting of the version before kinds were files, frozen: what that version speaks."""

from typing import NamedTuple

from protocols.limits import MAX_TITLE
from protocols.payments import in_instalments, with_deposit
from protocols.terms import Duty, Terms, quorum_of


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

ROWS: dict[str, tuple[DutyTemplate, ...]] = {
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
UNKNOWN: tuple[DutyTemplate, ...] = (DutyTemplate("work", "work", "giver", "do: {title}"), PAY)


def old_draft(
    *,
    listing: bytes,
    name: bytes,
    proposer: bytes,
    responder: bytes,
    offered: bool,
    kind: str,
    title: str,
    quantity: int,
    start: int,
    end: int,
    amount: int,
    unit: str,
    price_text: str,
    note: str,
    previous: bytes,
    expires: int,
    witnesses: tuple[bytes, ...] = (),
    instalments: int = 1,
    deposit: tuple[int, str] = (0, ""),
) -> Terms:
    """As it was."""
    giver, taker = (responder, proposer) if offered else (proposer, responder)
    duties = []
    rows = ROWS.get(kind, UNKNOWN)
    if amount and PAY not in rows:  # something lent or given for which a price was named all the same
        rows = (*rows, PAY)
    for row in rows:
        pays = row.id == "pay"
        if pays and amount == 0:
            continue
        provider, receiver = (giver, taker) if row.by == "giver" else (taker, giver)
        until = end if row.id == "return" else 0
        what = row.what.format(title=title, price=price_text)
        duties.append(
            Duty(
                id=row.id,
                action=row.action,
                what=what[: 2 * MAX_TITLE],
                provider=provider,
                receiver=receiver,
                amount=amount if pays else 0,
                unit=unit if pays else "",
                until=until,
                after=row.after,
            )
        )
    if instalments != 1:
        duties = list(in_instalments(duties, instalments))
    if deposit[0]:
        duties = list(with_deposit(duties, *deposit))
    return Terms(
        listing=listing,
        name=name,
        proposer=proposer,
        responder=responder,
        kind=kind,
        title=title,
        duties=tuple(duties),
        expires=expires,
        quantity=quantity,
        start=start,
        end=end,
        amount=amount,
        unit=unit if amount else "",
        note=note,
        previous=previous,
        quorum=quorum_of(len(witnesses)),
        witnesses=witnesses,
        deposit=deposit[0],
    )
