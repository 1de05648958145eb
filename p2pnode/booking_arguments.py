"""Arguments of the commands around what is booked."""

from .arguments import Args, Id, Time


class Calendar(Args, frozen=True):
    """start, end: of the time that is looked at, ms; None: from now on, for thirty days. listing: that one alone."""

    start: Time | None = None
    end: Time | None = None
    listing: Id | None = None
