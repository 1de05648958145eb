"""A shop window: shows what is offered near, as it comes, and asks for what its owner wants.

python docs/examples/window.py ladder "apple juice"      with P2PNODE_HOME, or the default home
"""

import hashlib
import sys
from collections.abc import Iterator

from p2pnode.client import Client
from protocols.errors import Refusal


def window(node: Client, wanted: list[str], within_km: float = 5) -> Iterator[str]:
    """A line for each new offer, and for each proposal that is made. Goes on until nobody reads."""
    me = node.whoami()["author"]
    seen: set[str] = set()
    for event in node.watch():  # the first is `resync`: look at all there is
        if event["type"] not in ("resync", "listings"):
            continue
        for row in node.search(direction="offer", within_km=within_km, sort="new"):
            if row["listing_id"] in seen or row["author"] == me:
                continue
            seen.add(row["listing_id"])
            yield f"{row['title']} ({row['kind']}), by {row['author_name']}"
            if any(word.lower() in row["title"].lower() for word in wanted):
                # The same id for the same wish: started again, this program asks nobody twice in a day.
                once = hashlib.sha256(f"window {row['listing_id']}".encode()).hexdigest()[:32]
                try:
                    made = node.call("exchange.propose", {"listing": row["listing_id"]}, request_id=once)
                    yield f"  asked for: exchange {made['exchange_id'][:8]} is {made['status']}"
                except Refusal as refusal:
                    yield f"  not asked for: {refusal.message} {refusal.hint}"


if __name__ == "__main__":
    for line in window(Client(), sys.argv[1:]):
        print(line, flush=True)
