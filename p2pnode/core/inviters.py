"""Who let in whom, as the redemptions say that are kept here."""

from p2pnode.bounds import MAX_INVITERS
from protocols.envelope import parse_record
from protocols.errors import Reject
from protocols.invite import parse_invite
from protocols.redemption import parse_redemption

from .journal import Journal
from .keys import RECORD


class Inviters:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._found: dict[bytes, bytes] = {}  # id of a redemption → inviter

    def of(self, network: bytes, redemption: bytes) -> bytes:
        """Who let in the author of a redemption, by its id; empty for what is no redemption that is kept."""
        if redemption not in self._found:
            wire = self._journal.get(RECORD + network + redemption)
            if wire is None:
                return b""
            try:
                found = parse_invite(parse_redemption(parse_record(wire)).invite).inviter
            except Reject:
                found = b""
            if len(self._found) >= MAX_INVITERS:
                self._found.clear()
            self._found[redemption] = found
        return self._found[redemption]
