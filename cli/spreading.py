"""`--wait` of what is published: until somebody else holds it."""

from typing import Any

from .output import short
from .session import NotYet, Session


def spread(session: Session, data: Any) -> Any:
    """With --wait: until somebody else holds the listing."""
    if session.wait is None or data.get("state") == "spread":
        return data
    if data.get("state") == "draft" and not session.call("status").get("joining"):
        raise NotYet(
            "published",
            f"{short(data.get('listing_id'))} is kept as a draft, since this node is in no network",
            "It is published by itself when you join one: p2pnode join LINK",
            data,
        )
    listing = data["listing_id"]
    seen = session.until(lambda d: d.get("state") == "spread", "held by a neighbour", data, "listing.show", id=listing)
    return {**data, "state": seen["state"]}
