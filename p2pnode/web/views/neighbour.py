"""A neighbour, or oneself: what others say of them, why it counts, what stands between you, and what to do about it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from p2pnode.web.drawing import between, ways_to
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from p2pnode.web.written import written
from protocols.errors import Refusal

FAULT = {"late": N_("late"), "no-show": N_("did not come"), "default": N_("did not do it")}
VOUCH = {
    "given": N_("not taken yet"),
    "offered": N_("offered, and waits for you"),
    "held": N_("stands"),
    "taken": N_("stands"),
    "returned": N_("given back, on its way"),
    "ended": N_("over"),
}
SHOWN = 60  # messages, the newest
MOOD = 0.1  # as much lower or higher is worth a word


async def show(visit: Visit) -> dict[str, Any]:
    return await _whole(visit, visit.params["id"])


async def me(visit: Visit) -> dict[str, Any]:
    found = await _whole(visit, visit.status["peer_id"])
    naming = await visit.ask("blocklist.naming") if visit.status["networks"] else []
    return {**found, "naming": naming, "contact": await visit.ask("contact.show"), "who": await visit.ask("whoami")}


async def _whole(visit: Visit, id_: str) -> dict[str, Any]:
    peer = await _or_none(visit, "peers.show", peer=id_)
    told = await _or_none(visit, "reputation", peer=id_, why=True) if visit.status["networks"] else None
    mine = id_ in (visit.status["peer_id"], visit.status["author"])
    messages = [] if mine else await written(partial(_or_none, visit), SHOWN, peer=id_)
    if not (peer or told or messages or mine):  # of who is gone it stays what was written
        raise Refusal("not_found", N_("Nobody is known here by this name"))
    about = told or peer or (visit.status if mine else {})
    peer_id = about.get("peer_id") or id_
    vouches = [] if mine or told is None else await _or_none(visit, "vouch.list", peer=id_) or []
    exchanges = [row for row in await visit.ask("exchange.list", all=True) if row["counterparty"] == peer_id]
    return {
        "mine": mine,
        "peer": peer,
        "told": told,
        "name": about.get("name") or "",
        "id": peer_id,
        "title": about.get("name") or visit.reader.short(peer_id),
        "words": _words(told) if told else [],
        "ways": between(visit.status["peer_id"], told, ways_to(told)) if told and not mine else None,
        "voices": _voices(told["why"]) if told else [],
        "own_faults": faults_of(told["faults"]["own"]) if told else [],
        "said_faults": faults_of(told["faults"]["said"]) if told else [],
        "exchanges": [] if mine else sorted(exchanges, key=lambda row: -row["began_at"]),
        "vouches": vouches,
        "offered": any(v["state"] == "offered" for v in vouches),
        "gives": any(v["direction"] == "given" and v["left"]["amount"] for v in vouches),
        "takes": any(v["direction"] == "taken" and v["left"]["amount"] for v in vouches),
        "VOUCH": VOUCH,
        "written": messages,
        "claims": [] if mine else await _or_none(visit, "claim.list", peer=id_) or [],
        "FAULT": FAULT,
    }


async def _or_none(visit: Visit, command: str, **args: Any) -> Any:
    try:
        return await visit.ask(command, **args)
    except Refusal as e:
        if e.code not in ("not_found", "usage", "refused"):
            raise
        return None


def _words(told: Mapping[str, Any]) -> list[str]:
    """What else moves the score, as texts to be translated."""
    found = []
    if told["mood"] < 1.0 - MOOD:
        found.append(N_("More than one in ten of your own deals went badly, so you see all scores lower."))
    elif told["mood"] > 1.0 + MOOD:
        found.append(N_("Your own deals went better than nine in ten, so you see all scores a little higher."))
    return found


def _voices(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """again: the same rater weighs once for one person; quarrel: it speaks of somebody on the way."""
    seen: set[tuple[str, str]] = set()
    found = []
    for row in rows:
        pair = row["rater"], row["ratee"]
        quarrel = bool(row["path"]) and row["path"][-1] != row["rater"]
        found.append({**row, "again": pair in seen, "quarrel": quarrel})
        seen.add(pair)
    return found


def faults_of(rows: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What went wrong, and how often."""
    times = {name: row["times"] if isinstance(row, Mapping) else row for name, row in rows.items()}
    return [(name, times[name]) for name in FAULT if times.get(name)]


_LIVE = ("records", "messages", "exchanges", "vouches", "peers", "claims")
VIEWS = (
    View("neighbour", "/neighbour/{id}", N_("Neighbour"), show, live=_LIVE),
    View("me", "/me", N_("About you"), me, group="people", order=20, live=(*_LIVE, "contact", "blocklists")),
)
