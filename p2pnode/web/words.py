"""What the node's own words are called on the page: states, steps, kinds. Marked here, translated where shown."""

from collections.abc import Iterable, Mapping
from typing import Any

from .languages import N_

STATUS = {
    "proposed": N_("Proposed"),
    "countered": N_("Other terms proposed"),
    "agreed": N_("Agreed"),
    "active": N_("Under way"),
    "fulfilled": N_("Fulfilled"),
    "settled": N_("Settled"),
    "closed": N_("Closed"),
    "declined": N_("Declined"),
    "withdrawn": N_("Withdrawn"),
    "expired": N_("Expired"),
    "cancelled": N_("Cancelled"),
    "lapsed": N_("Came to nothing"),
    "defaulted": N_("Not kept"),
    "pending": N_("Open"),
    "done": N_("Done, not confirmed"),
    "confirmed": N_("Confirmed"),
    "waived": N_("Waived"),
    "contested": N_("Contested"),
}
GOOD = frozenset({"agreed", "active", "fulfilled", "settled", "closed", "confirmed"})
BAD = frozenset({"declined", "withdrawn", "expired", "cancelled", "lapsed", "defaulted", "contested"})

DIRECTION = {"offer": N_("Offer"), "request": N_("Wanted")}

KIND = {
    "barn": N_("Shared work"),
    "barter": N_("Barter"),
    "deliver": N_("Delivery"),
    "design": N_("Design"),
    "food": N_("Food"),
    "fund": N_("Collection"),
    "give": N_("Gift"),
    "help": N_("Help"),
    "lend": N_("Loan"),
    "pledge": N_("Pledge"),
    "project": N_("Project"),
    "rent": N_("Rental"),
    "sell": N_("Sale"),
    "service": N_("Service"),
    "task": N_("Task"),
    "want": N_("Wanted"),
}

# Where no price is named it does not say that it is free: what comes of it is for the two, or for each task, to say.
NO_PRICE = frozenset({"barn", "barter", "fund", "pledge", "project", "want"})

PER = (N_("hour"), N_("day"), N_("week"), N_("month"), N_("km"), N_("kg"))  # what a price may be for

STEP = {  # the buttons
    "accept": N_("Accept"),
    "counter": N_("Propose other terms"),
    "decline": N_("Decline"),
    "cancel": N_("Cancel"),
    "handover": N_("I handed it over"),
    "return": N_("I gave it back"),
    "done": N_("I did my part"),
    "confirm": N_("Confirm that it is done"),
    "pay": N_("Pay"),
    "attest": N_("Rate"),
    "default": N_("It was not done in time"),
    "waive": N_("Do without it"),
    "go": N_("The goal is reached"),
    "give": N_("Give the parcel"),
    "take": N_("Take the parcel"),
    "rule": N_("Decide"),
    "propose": N_("Propose"),
    "settle": N_("It was paid"),
}

NEXT = {  # what somebody has to do next, after `Waiting for Ben:`
    "accept": N_("accept"),
    "counter": N_("propose other terms"),
    "decline": N_("decline"),
    "cancel": N_("cancel"),
    "handover": N_("hand it over"),
    "return": N_("give it back"),
    "done": N_("do it"),
    "confirm": N_("confirm"),
    "pay": N_("pay"),
    "attest": N_("rate it"),
    "default": N_("say that it was not done in time"),
    "waive": N_("do without it"),
    "go": N_("say that the goal is reached"),
    "give": N_("give the parcel"),
    "take": N_("take the parcel"),
    "open": N_("bring the parcel to the door"),
    "rule": N_("decide"),
    "settle": N_("say that it was paid"),
}

# What cannot be undone, and what is asked before it. Whoever adds a command to the page sees whether it belongs here.
SURE = {
    "exchange.decline": N_("Decline this proposal? The other side has to propose anew."),
    "exchange.cancel": N_("Cancel this exchange?"),
    "exchange.default": N_(
        "Say that the other side did not do its part in time? It is signed, and counts in the rating."
    ),
    "exchange.waive": N_("Do without what the other side still owes you?"),
    "listing.withdraw": N_("Take this listing back everywhere?"),
    "ledger.erase": N_("Erase what only you can read in this exchange?"),
    "invite.revoke": N_("Take this link back? Nobody new gets in by it. Who has come by it stays in."),
    "contact.clear": N_("Erase your contact on this machine?"),
    "message.erase": N_("Erase this message on this machine?"),
    "exchange.erase": N_("Erase the contacts of this exchange on this machine?"),
    "exchange.rule": N_("Decide like this? Your decision is signed."),
    "misconduct.publish": N_("Publish this for all to see?"),
    "claim.propose": N_("Sign this claim? It counts as soon as the other side agrees."),
    "claim.accept": N_("Sign that this is owed?"),
    "claim.settle": N_("Sign that this was paid?"),
    "parcel.take": N_("Sign that you have this parcel? Take it only when it is in your hands."),
    "project.free": N_("Take back what is overdue? It is signed that it was not done in time."),
    "vouch.takeover": N_("Take this debt over?"),
    "notify.remove": N_("Tell this one nothing more? To add it again, its address has to be typed again."),
    "kinds.remove": N_("Do away with this kind?"),
}

DONE = {  # said when a command has been carried out
    "exchange.propose": N_("Proposed. You are told here when there is an answer."),
    "exchange.counter": N_("Your terms are on their way."),
    "exchange.accept": N_("Accepted. It is agreed now."),
    "exchange.decline": N_("Declined."),
    "exchange.cancel": N_("The other side is told that you cancel."),
    "exchange.pay": N_("The payment is on its way."),
    "exchange.amend": N_("Your terms are on their way."),
    "exchange.handover": N_("You have signed that you handed it over."),
    "exchange.return": N_("You have signed that you gave it back."),
    "exchange.done": N_("You have signed that you did your part."),
    "exchange.confirm": N_("You have confirmed it."),
    "exchange.default": N_("You have signed that it was not done in time."),
    "exchange.waive": N_("You do without it now."),
    "exchange.dispute": N_("You have contested it."),
    "exchange.rule": N_("Your decision is signed."),
    "project.free": N_("Taken back. Others can claim it now."),
    "exchange.contact": N_("Sealed, and on its way."),
    "message.send": N_("It is on its way. Below it stands whether it is delivered."),
    "message.seen": N_("Marked as read."),
    "message.erase": N_("Erased on this machine."),
    "attest": N_("Your rating is kept. It is shown when both have rated."),
    "listing.publish": N_("Published."),
    "listing.withdraw": N_("Taken back."),
    "invite.revoke": N_("Taken back: nobody new gets in by this link."),
    "leave": N_("You have left. What you signed there is still here."),
    "settings.set": N_("Kept. It counts from the next start of the node."),
    "notify.add": N_("Added. Try whether a message arrives."),
    "notify.test": N_("Sent. Did it arrive?"),
    "web.revoke": N_("Logged out."),
    "kinds.add": N_("Kept. You can publish by it now."),
    "rule.add": N_("Proposals that fit are accepted from now on."),
    "rule.remove": N_("The rule is gone. What it has accepted stays agreed."),
    "order.add": N_("Kept. Your node proposes each one some days before."),
    "order.remove": N_("It has ended. What was agreed stays agreed."),
}
SAID = N_("Done.")

FOLLOWED = frozenset(  # these answer the exchange: it is said who is next, too
    f"exchange.{step}"
    for step in ("accept", "handover", "return", "done", "confirm", "pay", "default", "waive", "dispute", "cancel")
)

OUTCOME = {2: N_("very good"), 1: N_("good"), 0: N_("so-so"), -1: N_("bad"), -2: N_("very bad")}

TONE = {  # what those say of somebody whose word reaches us (p2pnode.web.drawing)
    "ok": N_("well spoken of"),
    "warm": N_("opinions differ"),
    "bad": N_("spoken ill of"),
    "open": N_("not rated yet"),
}

# What networks rate besides, where it is one of these; else it is the founder's own word.
DIMENSION = {
    "punctual": N_("punctual"),
    "friendly": N_("friendly"),
    "clean": N_("clean"),
    "careful": N_("careful"),
    "reliable": N_("reliable"),
    "quality": N_("quality"),
}

KEPT = frozenset({"invite"})  # what these answer is shown on the next page, and kept as long as the session is

MONTHS = (
    N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun"),
    N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec"),
)  # fmt: skip

_GROUPS = ("exchange", "parcel", "claim")


def step_of(typed: str) -> tuple[str, str] | None:
    """The command of the API, and the id, that a typed line stands for: `p2pnode exchange accept 77c1` is
    (`exchange.accept`, `77c1`), `p2pnode attest 77c1 --outcome 2` is (`attest`, `77c1`). None for what is neither."""
    words = typed.split()[1:]
    if len(words) > 2 and words[0] in _GROUPS:
        return f"{words[0]}.{words[1]}", words[2]
    return (words[0], words[1]) if len(words) > 1 and words[0] == "attest" else None


def parents_of(exchanges: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Exchanges that another one can be a part of, the newest first: (id, text). exchanges: as `exchange.list`."""
    open_ = [row for row in exchanges if row["status"] in ("agreed", "active") and row["role"] != "mediator"]
    return [(row["exchange_id"], f"{row['terms']['title']} – {row['counterparty_name']}") for row in open_]


def tone(state: str) -> str:
    """How a state is coloured: ok, bad, or open."""
    return "ok" if state in GOOD else "bad" if state in BAD else "open"
