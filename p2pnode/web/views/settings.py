"""The node's settings, whom it tells what happens, and which browsers are logged in."""

import re
from collections.abc import Mapping
from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit

# What a setting is called here, and what is said of it; in the groups of this page.
GROUPS: tuple[tuple[str, dict[str, tuple[str, str]]], ...] = (
    (
        N_("You"),
        {
            "name": (N_("Your name"), N_("As neighbours see it.")),
            "area": (
                N_("Where you live"),
                N_("Your town or village; or coordinates, a geohash or a plus code. Neighbours see a square of some"
                   " 5 km, never the place. Empty: nowhere."),
            ),
        },
    ),
    (
        N_("Your neighbours"),
        {
            "network": (N_("Main network"), N_("Which one is meant where none is named, if you are in several.")),
            "listen": (N_("Own addresses"), N_("Where other nodes reach this one. One a line.")),
            "bootstrap": (N_("Nodes to call at each start"), N_("Their addresses, one a line.")),
            "lan": (N_("Look for neighbours on the local network"), ""),
            "relay": (N_("Carry for others"), N_("Connects neighbours whose routers let nobody in.")),
            "witness": (
                N_("Be a witness"),
                N_("Neighbours may name this node to say, in doubt, whether a payment was answered."),
            ),
            "max_peers": (N_("Connections at the same time"), ""),
        },
    ),
    (
        N_("This computer"),
        {
            "cache_mb": (N_("Memory for the database, in MB"), ""),
            "photos_mb": (N_("Disk for photos of neighbours' listings, in MB"), N_("Your own do not count.")),
            "web": (
                N_("Where this page is"),
                N_("127.0.0.1:PORT or [::1]:PORT. Empty: it is opened when you ask for it, at any free port."),
            ),
            "web_lan": (
                N_("Show this page to paired devices of the local network"),
                N_("A phone, say. p2pnode web --lan, typed on this computer, pairs one."),
            ),
            "log_level": (N_("How much is written down"), ""),
            "log_to": (N_("Where it is written"), ""),
        },
    ),
)  # fmt: skip
PROFILES = {
    "home": N_("A computer that is on in the evenings, or always."),
    "pi": N_("A Raspberry Pi, or any machine with little memory."),
    "server": N_("A machine with a public address that others find the network by."),
    "test": N_("To try things: on this machine alone, at any free port."),
}
CHOICES = {
    "debug": N_("everything"),
    "info": N_("what happens"),
    "warning": N_("what may be wrong"),
    "error": N_("what is wrong"),
    "file": N_("the file node.log, in the node's folder"),
    "stderr": N_("where it was started"),
}
TOPICS = {
    "proposal": N_("somebody proposes or answers"),
    "due": N_("something of yours is due"),
    "payment": N_("you are paid"),
    "rating": N_("a rating is wanted"),
    "health": N_("the node has a problem"),
    "message": N_("somebody writes to you"),
    "match": N_("a listing may suit you"),
}
_BROWSERS = (("Firefox/", "Firefox"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")


async def show(visit: Visit) -> dict[str, Any]:
    answer = await visit.ask("settings.list")
    rows = {row["name"]: row for row in answer["settings"]}
    known = {name: words for _, group in GROUPS for name, words in group.items()}
    more = {name: (name, row["meaning"]) for name, row in rows.items() if name not in known and name != "profile"}
    groups = [*GROUPS, (N_("More"), more)] if more else GROUPS
    sessions = await visit.ask("web.sessions")
    elsewhere = visit.session.kind == "device"  # which may end its own session alone
    targets = (await visit.ask("notify.list"))["targets"]
    return {
        "groups": [(title, [(rows[name], *words) for name, words in group.items()]) for title, group in groups],
        "profile": rows["profile"],
        "profiles": answer["profiles"],
        "pending": [row["name"] for row in rows.values() if row["value"] != row["running"]],
        "titles": {name: title for name, (title, _) in {**known, **more}.items()},
        "sessions": [{**row, "named": row["name"] or browser_of(row["browser"])} for row in sessions],
        "others": [row["id"] for row in sessions if row["id"] != visit.session.id and not elsewhere],
        "elsewhere": elsewhere,
        "mine": visit.session.id,
        "targets": targets,
        "ABOUT": PROFILES,
        "CHOICE": CHOICES,
        "TOPIC": TOPICS,
        "typed": typed,
    }


def typed(row: Mapping[str, Any], value: Any) -> str:
    """A value as it is typed into the field of its setting."""
    if row["type"] == "bool":
        return "yes" if value else "no"
    return "\n".join(value) if row["type"] == "list" else str(value)


def browser_of(agent: str) -> str:
    """What a browser says of itself, in two words; empty if nothing is known of it."""
    name = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((system for system in _SYSTEMS if system in agent), "")
    return ", ".join(filter(None, (name, re.sub(" OS X$", "", system))))


VIEW = View("settings", "/settings", N_("Settings"), show, group="node", order=10)
