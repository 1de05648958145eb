"""The arguments of commands about invites."""

from typing import Annotated

from msgspec import Meta

from .arguments import Amount, Args, NoArgs, Note, Time


class Invite(Args, frozen=True):
    """vouch: credit that each newcomer gets of us; None: the network's newcomer limit. expires: None: the default."""

    uses: Annotated[int, Meta(ge=1, le=1_000)] = 1
    expires: Time | None = None
    note: Note = ""
    vouch: Amount | None = None


class OneInvite(Args, frozen=True):
    """id: hex, or any prefix that is unique here; or the link."""

    id: Annotated[str, Meta(min_length=1, max_length=16_384)]


# Rows of the table of commands: name, arguments, whether it writes, summary.
INVITES: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("invite", Invite, True, "Make an invite link"),
    ("invite.list", NoArgs, False, "Your invites that are still good, and who came by each"),
    ("invite.revoke", OneInvite, True, "Take an invite back: nobody new gets in by it"),
)
