"""Your ledger: what you can spend, what stands between you and each neighbour, every entry, its files; and an audit."""

from base64 import b64decode
from typing import Any

from ledger.balance import RULES
from p2pnode.exporting import FORMATS, PAGE
from p2pnode.web.languages import N_
from p2pnode.web.view import File, View, Visit
from protocols.errors import Refusal

SHOWN = 50  # entries, unless all are asked for
FILES = {  # format → what a browser takes it for, and what it is saved as
    "csv": ("text/csv; charset=utf-8", "ledger.csv"),
    "jsonl": ("application/jsonl", "ledger.jsonl"),
    "valueflows": ("application/ld+json", "ledger.jsonld"),
}
PROOFS = frozenset({"AGREE", "PAY_COMPLETE", "PAY_RECEIPT"})
FIGURES = ("given", "received", "pending_given", "pending_received", "vouched_for_them", "vouched_for_us")
OPEN = frozenset({"PAY_PROPOSE", "PAY_CANCELREQ", "PAY_ACCEPT"})  # while nothing of that payment follows

ENTRY = {
    "INCEPT": N_("Your ledger begins"),
    "AGREE": N_("Agreed"),
    "EVENT": N_("A step of an exchange"),
    "ATTEST": N_("Rating"),
    "PAY_PROPOSE": N_("Payment offered"),
    "PAY_CANCELREQ": N_("Payment asked back"),
    "PAY_COMPLETE": N_("You paid"),
    "PAY_CANCEL": N_("Payment called off"),
    "PAY_ACCEPT": N_("Payment accepted"),
    "PAY_RELEASE": N_("Payment declined"),
    "PAY_RECEIPT": N_("You were paid"),
    "VOUCH": N_("You vouch"),
    "UNVOUCH": N_("A vouch came back"),
    "VOUCH_CONSUME": N_("You took a debt over"),
    "VOUCH_RESTORE": N_("A debt you took over was paid"),
    "VOUCH_ACCEPT": N_("You took a vouch"),
    "VOUCH_RETURN": N_("You gave a vouch back"),
    "VOUCH_CONSUMED": N_("Your debt was taken over"),
    "CLAIM": N_("You owe"),
    "CLAIM_ASK": N_("You are owed"),
    "CLAIM_ACCEPT": N_("You agreed to a claim"),
    "CLAIM_PAID": N_("A claim was paid to you"),
    "CLAIM_CLOSED": N_("You paid a claim"),
    "WITNESS": N_("You witnessed a payment"),
}


async def show(visit: Visit) -> dict[str, Any] | File:
    network = network_of(visit)
    if visit.query.get("file") in FILES:
        return await _export(visit, visit.query["file"], network)
    if "prove" in visit.query:
        return await _proof(visit, network)
    if network is None:
        return {"network": None}
    statement = await visit.ask("ledger.statement", network=network)
    log = await visit.ask("ledger.log", network=network)
    who = visit.query.get("with")
    newest = {_deal(row): row["seq"] for row in log if row["kind"].startswith("PAY_")}
    rows = [{**row, "proof": _is_proof(row), "signed": _signed(row, newest)} for row in log[::-1]]
    found = [row for row in rows if row["signed"] != "open" and who in (None, row["counterparty"])]
    return {
        "network": network,
        "balance": await visit.ask("ledger.balance", network=network),
        "statement": statement,
        "figures": FIGURES,
        "pending": [row for row in rows if row["signed"] == "open"],
        "rows": found if "all" in visit.query else found[:SHOWN],
        "count": len(found),
        "who": next((one for one in statement["accounts"] if one["peer_id"] == who), None),
        "words": ENTRY,
        "agreed": [(row["exchange_id"], _described(visit, row)) for row in rows if row["kind"] == "AGREE"],
        "checked": await visit.ask("ledger.verify", network=network) if "check" in visit.query else None,
        "people": await people(visit),
    }


def network_of(visit: Visit) -> str | None:
    """The network whose ledger is meant: of each there is one. None where the node is in no network, and
    never was."""
    networks = [*(visit.status.get("networks") or ()), *(visit.status.get("left") or ())]
    meant = visit.query.get("network")
    return next((one["id"] for one in networks if one["id"] == meant), networks[0]["id"] if networks else None)


async def people(visit: Visit) -> list[tuple[str, str]]:
    """Whom a form can name: peer id, and name with the beginning of the id where the name is not enough."""
    peers = [peer for peer in await visit.ask("peers.list") if peer["name"]]
    names = [peer["name"] for peer in peers]
    return sorted(
        (
            (
                peer["peer_id"],
                peer["name"] if names.count(peer["name"]) == 1 else f"{peer['name']} ({peer['peer_id'][-6:]})",
            )
            for peer in peers
        ),
        key=lambda pair: pair[1].casefold(),
    )


def _described(visit: Visit, row: dict[str, Any]) -> str:
    words = (row["counterparty_name"], visit.reader.absolute(row["at"]), visit.reader.short(row["exchange_id"]))
    return ", ".join(word for word in words if word)


def _is_proof(row: dict[str, Any]) -> bool:
    return row["kind"] in PROOFS and row["exchange_id"] is not None


def _deal(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["counterparty"], row["exchange_id"], row["duty"]


def _signed(row: dict[str, Any], newest: dict[tuple[Any, ...], int]) -> str:
    """Who signed it: `both`, `you`; or `open` for a payment of which nothing follows yet. newest: seq of the last entry
    of each payment."""
    if row["kind"] in OPEN and newest[_deal(row)] == row["seq"]:
        return "open"
    rule = RULES.get(row["kind"])
    return "both" if row["kind"] == "AGREE" or (rule is not None and rule.embeds) else "you"


async def _export(visit: Visit, form: str, network: str | None) -> File:
    pages: list[dict[str, Any]] = []
    first: int | None = 0
    while first is not None:
        pages.append(await visit.ask("ledger.export", network=network, first=first, limit=PAGE))
        first = pages[-1]["next"]
    media, name = FILES[form]
    return File("".join(FORMATS[form](pages)).encode(), media, name)


async def _proof(visit: Visit, network: str | None) -> File:
    exchange, duty = visit.query["prove"], visit.query.get("duty")
    made = await visit.ask("ledger.prove", network=network, exchange=exchange, duty=duty)
    return File(b64decode(made["proof"]), "application/octet-stream", f"proof-{made['exchange_id'][:8]}.p2p")


async def audit(visit: Visit) -> dict[str, Any]:
    """A neighbour's ledger, fetched and checked: it can take a while, so first a page that says so, then the result."""
    network, peer = network_of(visit), visit.query.get("peer")
    names = await people(visit)
    found, problem = None, ""
    if peer and "go" in visit.query:
        try:
            found = await visit.ask("ledger.audit", network=network, peer=peer)
        except Refusal as e:
            problem = e.message
    return {
        "network": network,
        "peer": peer,
        "name": dict(names).get(peer or "", peer),
        "people": names,
        "found": found,
        "problem": problem,
        "waits": bool(peer) and "go" not in visit.query,
    }


VIEWS = (
    View("ledger", "/ledger", N_("Ledger"), show, group="yours", order=30, live=("ledger", "claims", "vouches")),
    View("audit", "/audit", N_("Audit"), audit),
)
