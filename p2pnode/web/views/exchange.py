"""One exchange as a thread: what was said and done in order, who owes what, and what you can do next."""

from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Any

from p2pnode.turns import where_to_say
from p2pnode.web.kind_words import HANDOVER, ways_of
from p2pnode.web.languages import N_
from p2pnode.web.reading import Reader
from p2pnode.web.templating import say
from p2pnode.web.view import File, View, Visit
from p2pnode.web.words import parents_of, step_of
from p2pnode.web.written import written
from protocols.conditions import SECOND_FORM
from protocols.errors import Refusal


async def show(visit: Visit) -> dict[str, Any] | File:
    wanted = visit.query.get("file", "")
    if wanted in FILES:
        return await _file(visit, wanted)
    exchange = await visit.ask("exchange.show", id=visit.params["id"])
    visit.session.has_read(exchange["exchange_id"], how(exchange))
    yours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for step in exchange["next"]:
        meant = step_of(step["command"])
        if meant is None:
            continue
        command, id_ = meant
        row = {**step, "api": command, "id": exchange["exchange_id"] if command != "exchange.go" else id_}
        row["word"] = command.rpartition(".")[2]
        row["about"] = _about(exchange, row["word"], visit)
        if not command.startswith("exchange.") and command != "attest":
            row["id"] = id_
        (yours if step["who"] == "you" else theirs).append(row)
    kind = next((k for k in await visit.ask("kinds.list") if k["kind"] == exchange["terms"]["kind"]), None)
    counters = any(step["api"] == "exchange.counter" for step in yours)
    messages = await written(visit.ask, SHOWN, exchange=exchange["exchange_id"])
    return {
        "exchange": exchange,
        "lines": sorted([*exchange["happened"], *messages], key=lambda line: line["at"]),
        "written": messages,
        "foreseen": None if visit.looked is None else await visit.ask("exchange.foresee_counter", **visit.looked),
        "kind": kind,
        "ways": ways_of(kind, visit.reader),
        "WAY": {way: visit.reader.say(text) for way, text in HANDOVER.items()},
        "parents": parents_of(await visit.ask("exchange.list", open=True)) if counters else [],
        "amounts": {duty["what"]: duty["amount"] for duty in exchange["duties"]},
        "parties": _parties(exchange, visit.reader),
        "ended": exchange["amended"] or exchange["status"] in ENDED,
        "yours": [step for step in yours if step["api"] in BUTTONS],
        "elsewhere": [step for step in yours if step["api"] not in BUTTONS],
        "theirs": theirs,
        "where": where_to_say(exchange),
        "stock": await _stock(visit, exchange),
        "more": _more(exchange, {step["word"] for step in yours}, visit.status["peer_id"]),
        "alone": _alone(exchange, visit.reader.now),
        "agreed": exchange["status"] not in NEVER_AGREED,
        "FAULT": FAULT,
        "SAID": SAID,
        "title": exchange["terms"]["title"],
    }


async def _stock(visit: Visit, exchange: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of something of one's own that is gone once it is taken: how many are left, None if nobody counts them; and the
    other exchanges in which it is promised. None where the listing stands no more."""
    if exchange["terms"]["kind"] not in GOODS or exchange["status"] not in (*NEGOTIATING, *OPEN, *PAID):
        return None
    try:
        listing = await visit.ask("listing.show", id=exchange["listing_id"])
    except Refusal:
        return None
    if not listing["mine"] or listing.get("when") or listing["state"] not in ("spread", "stored"):
        return None
    also = [
        one
        for one in await visit.ask("exchange.list")
        if one["listing_id"] == exchange["listing_id"]
        and one["exchange_id"] != exchange["exchange_id"]
        and one["status"] in (*OPEN, *PAID)
    ]
    return {"left": listing["left"], "also": also, "asked": exchange["status"] in NEGOTIATING}


# The steps that a form of templates/exchange.html can take; others are named with what to type.
BUTTONS = frozenset(
    {
        "exchange.accept", "exchange.counter", "exchange.decline", "exchange.cancel", "exchange.handover",
        "exchange.return", "exchange.done", "exchange.confirm", "exchange.pay", "exchange.default", "exchange.waive",
        "exchange.go", "exchange.rule", "claim.accept", "claim.decline", "attest",
    }
)  # fmt: skip
FILES = {  # by what the page names them: the command, and the field of its answer
    "agreement": ("exchange.agreement", "id", "agreement"),
    "rebuttal": ("exchange.rebut", "id", "rebuttal"),
    "history": ("exchange.history", "id", "history"),
    "proof": ("ledger.prove", "exchange", "proof"),
}
SHOWN = 256  # messages, the newest
NEGOTIATING = ("proposed", "countered")
NEVER_AGREED = (*NEGOTIATING, "declined", "withdrawn", "expired")
OPEN = ("agreed", "active", "fulfilled")
PAID = ("settled", "closed")
GOODS = ("sell", "give")  # as a whole: of food there is more the next day
ENDED = ("cancelled", "declined", "withdrawn")
SAID = {  # what each thing that happened is called; of the rest, notes, the words alone
    "propose": N_("proposed this exchange"),
    "counter": N_("proposed other terms"),
    "amend": N_("proposed to change what was agreed"),
    "accept": N_("accepted"),
    "decline": N_("declined"),
    "withdraw": N_("took the proposal back"),
    "cancel": N_("cancelled"),
    "done": N_("did their part"),
    "confirm": N_("confirmed"),
    "contest": N_("contested"),
    "waive": N_("does without"),
    "default": N_("said that it was not done in time"),
    "go": N_("said that enough has come together"),
    "dispute": N_("called the mediator"),
    "paid": N_("paid"),
    "rated": N_("rated"),
}
FAULT = {
    "late": N_("was late"),
    "no-show": N_("did not come"),
    "default": N_("did not do it"),
    "cancelled": N_("cancelled alone"),
}


async def _file(visit: Visit, wanted: str) -> File:
    command, field, answer = FILES[wanted]
    data = await visit.ask(command, **{field: visit.params["id"]})
    return File(b64decode(data[answer]), "application/octet-stream", f"{data['exchange_id'][:8]}.{wanted}")


def how(exchange: Mapping[str, Any]) -> str:
    """How an exchange stands, to see whether something is new in it."""
    duties = ",".join(duty["state"] for duty in exchange["duties"])
    steps = ",".join(f"{step['who']} {step['command']}" for step in exchange["next"])
    amended = (exchange["amendment"] or {}).get("hash", "")
    return f"{exchange['status']} {len(exchange['notes'])} {duties} {steps} {exchange['dispute']} {amended}"


def _about(exchange: Mapping[str, Any], word: str, visit: Visit) -> list[tuple[str, str]]:
    """What a step can be about, where it is said of a duty: (id, text)."""
    side, states = {
        "done": ("provider", ("pending", "contested")),
        "confirm": ("receiver", ("done", "contested")),
        "waive": ("receiver", ("pending",)),
        "default": ("receiver", ("pending",)),
    }.get(word, ("", ()))
    me, paid = visit.status["peer_id"], {payment["duty"] for payment in exchange["payments"]}
    return [
        (
            duty["id"],
            visit.reader.with_money(say(visit.reader.language, duty["what"]), duty["amount"], exchange["network"]),
        )
        for duty in exchange["duties"]
        if side
        and duty[side] == me
        and duty["state"] in states
        and not duty["on"]
        and (word in ("waive", "default") or duty["id"] not in paid)
        and (word != "default" or duty["overdue"])
        and (word != "done" or duty["id"].partition("-")[0] not in ("handover", "pickup", "return"))
    ]


def _parties(exchange: Mapping[str, Any], reader: Reader) -> list[tuple[str, str]]:
    """Who has to do with it: (id, name)."""
    found = {duty["provider"]: duty["provider_name"] for duty in exchange["duties"]}
    return [(id_, reader.say("you") if name == "you" else name) for id_, name in found.items()]


def _more(exchange: Mapping[str, Any], words: Collection[str], me: str) -> dict[str, Any]:
    """What can be done besides the next steps: by command, the duties that it can be about, or whether it can be."""
    if exchange["role"] == "mediator":
        return {}
    under_way = exchange["status"] in OPEN
    own_proposal = exchange["status"] in NEGOTIATING and "decline" not in words  # the other side's is declined
    full = under_way and exchange["terms"]["form"] == SECOND_FORM
    mine = [duty for duty in exchange["duties"] if duty["receiver"] == me and not duty["on"]]
    found = {
        "amend": full and not exchange["amendment"],
        "dispute": [duty for duty in mine if duty["state"] == "done"] if under_way else [],
        "waive": [duty for duty in mine if duty["state"] == "pending"] if full and "waive" not in words else [],
        "cancel": "cancel" not in words and (under_way or own_proposal),
        "again": exchange["attestations"]["mine"],
        "contact": full,
        "erase": exchange["contact"]["theirs"]["state"] == "open" or exchange["contact"]["mine"] in ("sent", "waits"),
    }
    return found if any(found.values()) else {}


def _alone(exchange: Mapping[str, Any], now: int) -> dict[str, Any] | None:
    """Until when the reader may cancel alone, and for how much."""
    last = next((rule["until"] for rule in exchange["terms"]["may_cancel"] if rule["name"] == "you"), 0)
    fees = [duty["amount"] for duty in exchange["duties"] if duty["on"] and duty["provider_name"] == "you"]
    return {"until": last, "fee": fees[0] if fees else None} if last > now else None


VIEW = View("exchange", "/exchange/{id}", N_("Exchange"), show, live=("exchanges", "messages"))
