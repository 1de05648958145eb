"""The vectors of /p2pnode/search/1.0.0."""

from typing import Any

from protocols import search_messages
from protocols.codec import encode
from protocols.limits import DAY, MAX_ANSWERED, MAX_RECORD, MAX_SEARCH_TEXT
from protocols.listing import Listing, seal_listing
from protocols.search_messages import Answer, Busy, Query
from tests.strategies import NOW, network, signer


def search_vectors() -> dict[str, Any]:
    """Messages, without the length before them; what stands in an answer is not looked at here."""
    net = network()
    ladder = Listing(direction="offer", kind="lend", title="Ladder", area="u33db")
    record = seal_listing(signer(2), net, ladder, name=bytes(16), created=NOW, until=NOW + DAY)
    everything = Query(net, "u33db", "a ladder", "lend", "offer", 250, "hour", "day", NOW, 20)
    messages: dict[str, Any] = {
        "a query with every field": everything,
        "a query for all": Query(net),
        "a query for what costs nothing": Query(net, most=0, unit="hour"),
        "an answer": Answer(True, (record.wire,)),
        "nothing found": Answer(False, ()),
        "not answered": Busy(),
    }

    def query(**changed: Any) -> list[Any]:
        return ["query", *(changed.get(name, value) for name, value in everything._asdict().items())]

    invalid = {
        "a network of 15 bytes": query(network=bytes(15)),
        "a cell of 7 characters": query(cell="u33dbcd"),
        "a cell that is none": query(cell="a"),
        "a text too long": query(text="a" * (MAX_SEARCH_TEXT + 1)),
        "a text that is no text": query(text=b"ladder"),
        "a direction that is none": query(direction="both"),
        "a price below nothing": query(most=-1),
        "a unit without a price": query(most=None, per=""),
        "a measure without a price": query(most=None, unit=""),
        "a time below nothing": query(available=-1),
        "a limit of 0": query(limit=0),
        "a limit too high": query(limit=MAX_ANSWERED + 1),
        "a limit that is a boolean": query(limit=True),
        "a field too many": [*query(), 1],
        "a field too few": query()[:-1],
        "an answer that does not say whether there is more": ["answer", [record.wire]],
        "an answer with a text": ["answer", False, ["ladder"]],
        "a record too long": ["answer", False, [bytes(MAX_RECORD + 1)]],
        "too many records": ["answer", False, [b""] * (MAX_ANSWERED + 1)],
        "busy, and more": ["busy", 1],
        "another name": ["find", net],
        "no array": "query",
    }
    return {
        "what": "/p2pnode/search/1.0.0: a message, without the length before it",
        "valid": [{"name": n, "bytes": search_messages.encode_message(m).hex()} for n, m in messages.items()],
        "invalid": [{"name": n, "bytes": encode(v).hex(), "code": "field", "why": n} for n, v in invalid.items()],
    }
