"""What a face of the node has to look at again, told by the keys that a commit wrote. Pure.

Every key of the database stands here, so that nothing changes without an event: a row of `keys.py` that is not in this
table is noticed by a test.
"""

from collections.abc import Iterable
from typing import Final

from . import keys
from .effects import Write

# By the first byte of a key: what to read again. Empty: nothing that any command shows.
TOPICS: Final[dict[bytes, str]] = {
    keys.GENESIS: "networks",
    keys.MEMBERSHIP: "networks",
    keys.LEFT: "networks",
    keys.INVITE: "networks",
    keys.JOIN: "networks",
    keys.RECORD: "records",  # listings, profiles, ratings, vouches and lists of others, and what came of our own
    keys.HOLDER: "records",
    keys.OWN: "listings",
    keys.DRAFT: "listings",
    keys.EXCHANGE: "exchanges",
    keys.FACT: "exchanges",
    keys.RATING: "exchanges",
    keys.SEAL: "exchanges",
    keys.REFUSED: "exchanges",
    keys.SHOWN: "exchanges",
    keys.PUT_AWAY: "exchanges",
    keys.ERASED: "exchanges",
    keys.OVER: "exchanges",
    keys.RULED: "exchanges",
    keys.ENTRY: "ledger",
    keys.CHAIN: "ledger",
    keys.DEAL: "ledger",
    keys.DOUBT: "ledger",
    keys.CLAIM: "claims",
    keys.VOUCH: "vouches",
    keys.OFFERED: "vouches",
    keys.RECEIPT: "parcels",
    keys.HALF: "parcels",
    keys.UNSURE: "parcels",
    keys.DOOR: "parcels",
    keys.PEER: "peers",
    keys.BAN: "peers",
    keys.KEY_STATE: "peers",
    keys.CONVICTED: "misconduct",
    keys.PARDON: "misconduct",
    keys.MESSAGE: "messages",
    keys.SAVED: "searches",
    keys.NOTICE: "notices",
    keys.RULE: "rules",
    keys.ORDER: "orders",
    keys.TASK: "projects",
    keys.CLAIMING: "projects",
    keys.BLOCKLIST: "blocklists",
    keys.BLOCKED: "blocklists",
    keys.FOLLOWED: "blocklists",
    keys.ALLOWED: "blocklists",
    keys.FLOOR: "",  # of versions before ADR 9
    keys.NODE: "",  # follows from the entries
    keys.OUTBOX: "",  # what it carries has a row of its own
    keys.REQUEST: "",
    keys.KEPT: "",  # of somebody else, for him
    keys.VERDICT: "",  # likewise
    keys.WEIGHED: "",
    keys.PUT_DEAL: "",  # stands beside PUT_AWAY
    keys.PUT_DUTY: "",
    keys.DONE_WITH: "",
    keys.SINGLE: "",  # but for those below
}
# Single values that a command shows, by the whole key.
SINGLES: Final[dict[bytes, str]] = {
    keys.CLOCK: "clock",
    keys.SINGLE + b"contact": "contact",
    keys.SINGLE + b"narrow": "disk",
}


def topics(writes: Iterable[Write]) -> list[str]:
    """What these writes changed, in order of the alphabet. Some of it may be as it was before."""
    found = set()
    for write in writes:
        for key in (*write.puts, *write.deletes):
            found.add(SINGLES.get(key, TOPICS.get(key[:1], "")))
    return sorted(found - {""})
