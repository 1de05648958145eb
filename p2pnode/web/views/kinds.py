"""The kinds of exchange: what each means, and kinds of one's own."""

from typing import Any

from p2pnode.web.kind_words import ABOUT
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit

# What the form begins with: docs/examples/kinds/tool-library.toml.
EXAMPLE = """\
kind = "tool-library"
title = "Tool library"
about = "For a yearly fee a member borrows what is on the shelf, and brings all of it back before the year is over."
giver = "library"
taker = "member"
full = "always"
time = true
price = true
cancel = [{ by = "taker", before = "7d", fee = "1/4" }]

[[duties]]
id = "pay"
action = "transfer"
by = "taker"
what = "pay the yearly fee of {price}"
price = "1"
full = { within = "14d" }

[[duties]]
id = "open"
action = "deliverService"
by = "giver"
what = "lend what is on the shelf: {title}"
after = "pay"
from = "start"
until = "end"
full = { confirm = "14d" }

[[duties]]
id = "clear"
action = "transferCustody"
by = "taker"
what = "bring back all that was borrowed"
after = "pay"
until = "end+7d"
full = { confirm = "14d" }
"""
PARTS = {"{title}": "the thing", "{price}": "the price", "{leg}": "what was promised"}  # kinds are written in English


async def show(visit: Visit) -> dict[str, Any]:
    rows = await visit.ask("kinds.list")
    listed = await visit.ask("listing.list") if visit.status["networks"] else []
    used = {row["kind"] for row in listed}
    return {
        "own": [row for row in rows if row["own"]],
        "given": [row for row in rows if not row["own"]],
        "used": used,
        "example": EXAMPLE,
        "about": ABOUT,
        "said": said,
    }


def said(what: str) -> str:
    """A duty in words, with what stands for its thing and its price."""
    for part, words in PARTS.items():
        what = what.replace(part, words)
    return what


VIEW = View("kinds", "/kinds", N_("Kinds of exchange"), show, group="market", order=90, live=("kinds",))
