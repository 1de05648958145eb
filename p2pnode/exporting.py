"""The ledger in forms that other programs read: JSON lines, CSV, ValueFlows 1.0 as JSON-LD."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from protocols.decimals import format_amount

PAGE = 200
COLUMNS = (
    "seq", "at", "kind", "amount", "balance", "hold", "limit", "unit", "counterparty_name", "counterparty",
    "exchange_id", "id", "claim_amount", "claim_unit", "claim_id",
)  # fmt: skip
VF = "https://w3id.org/valueflows/ont/vf#"
CONTEXT = {
    "vf": VF,
    "om2": "http://www.ontology-of-units-of-measure.org/resource/om-2/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "dcterms": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "name": "rdfs:label",
    "note": "rdfs:comment",
    "created": {"@id": "dcterms:created", "@type": "xsd:dateTime"},
    "action": {"@id": "vf:action", "@type": "@id"},
    **{
        name: {"@id": f"vf:{name}", "@type": "@id"}
        for name in (
            "provider", "receiver", "clauseOf", "reciprocalClauseOf", "realizationOf", "reciprocalRealizationOf",
            "fulfills", "settles",
        )
    },
    **{name: {"@id": f"vf:{name}", "@type": "xsd:dateTime"} for name in ("hasPointInTime", "due")},
    "resourceQuantity": "vf:resourceQuantity",
    "hasUnit": {"@id": "om2:hasUnit", "@type": "@id"},
    "hasNumericalValue": {"@id": "om2:hasNumericalValue", "@type": "xsd:decimal"},
}  # fmt: skip
ACTIONS = frozenset(
    {
        "accept", "cite", "combine", "consume", "copy", "deliverService", "dropoff", "lower", "modify", "move",
        "pickup", "produce", "raise", "separate", "transfer", "transferAllRights", "transferCustody", "use", "work",
    }
)  # fmt: skip

Pages = Iterable[dict[str, Any]]


def pages(fetch: Callable[[int], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every page of the ledger, one at a time."""
    first: int | None = 0
    while first is not None:
        page = fetch(first)
        yield page
        first = page["next"]


def as_jsonl(pages: Pages) -> Iterator[str]:
    """One entry a line, with the bytes that were signed in hex."""
    for page in pages:
        for row in page["entries"]:
            yield json.dumps(row, ensure_ascii=False) + "\n"


def as_csv(pages: Pages) -> Iterator[str]:
    """One entry a row, amounts as decimal numbers. Text that a spreadsheet would take for a formula is quoted by '."""
    yield _csv(COLUMNS)
    for page in pages:
        decimals, unit = page["network"]["decimals"], page["network"]["unit"]
        for row in page["entries"]:
            shown = {**row, "unit": _text(unit), "at": _iso(row["at"])}
            for name in ("amount", "balance", "hold", "limit"):
                shown[name] = "" if row[name] is None else format_amount(row[name]["amount"], decimals)
            claim = row.get("claim")
            if claim:
                shown["claim_amount"] = format_amount(claim["amount"]["amount"], claim["amount"]["decimals"])
                shown |= {"claim_unit": _text(claim["amount"]["unit"]), "claim_id": claim["id"]}
            name = row["counterparty_name"] or ""
            shown["counterparty_name"] = _text(name)
            yield _csv("" if shown.get(column) is None else shown[column] for column in COLUMNS)


def as_valueflows(pages: Pages) -> Iterator[str]:
    """One JSON-LD document: agents, agreements with their commitments, and payments as economic events."""
    yield '{"@context": ' + json.dumps(CONTEXT) + ', "@graph": ['
    comma = "\n"
    agents: set[str] = set()
    for page in pages:
        for row in page["entries"]:
            for item in _flows(page, row, agents):
                yield comma + json.dumps(item, ensure_ascii=False)
                comma = ",\n"
    yield "\n]}\n"


FORMATS: dict[str, Callable[[Pages], Iterator[str]]] = {
    "jsonl": as_jsonl,
    "csv": as_csv,
    "valueflows": as_valueflows,
}


def _flows(page: dict[str, Any], row: dict[str, Any], agents: set[str]) -> Iterator[dict[str, Any]]:
    kind, agreement = row["kind"], f"urn:p2pnode:exchange:{row['exchange_id']}"
    claim = row.get("claim")
    wanted = claim is not None and claim["state"] in ("open", "closed") and claim["debtor"] is not None
    if (kind not in ("AGREE", "PAY_COMPLETE", "PAY_RECEIPT") and not wanted) or row["counterparty"] is None:
        return
    me, other = page["author"], row["counterparty"]
    for author, name in ((me, page["name"]), (other, row["counterparty_name"])):
        if author not in agents:
            agents.add(author)
            yield {"@id": _agent(author), "@type": "vf:Agent", "name": name}
    if claim is not None:
        yield _claim(page, row, claim)
        return
    if kind == "AGREE":
        terms = row["terms"] or {}
        yield {
            "@id": agreement, "@type": "vf:Agreement", "created": _iso(row["at"]),
            **({"name": terms["title"]} if terms else {"note": "the terms were erased"}),
        }  # fmt: skip
        for duty in terms.get("duties", ()):
            yield _commitment(page, agreement, duty)
        return
    payer, payee = (me, other) if kind == "PAY_COMPLETE" else (other, me)
    duty = row.get("duty") or "pay"
    of_one = f"{row['exchange_id']}" if duty == "pay" else f"{row['exchange_id']}:{duty}"
    yield {
        "@id": f"urn:p2pnode:payment:{page['network']['id']}:{of_one}", "@type": "vf:EconomicEvent",
        "action": "vf:transfer", "provider": _agent(payer), "receiver": _agent(payee),
        "hasPointInTime": _iso(row["at"]), "resourceQuantity": _measure(page, row["amount"]["amount"]),
        "reciprocalRealizationOf": agreement, "fulfills": f"{agreement}:duty:{duty}",
    }  # fmt: skip


def _claim(page: dict[str, Any], row: dict[str, Any], claim: dict[str, Any]) -> dict[str, Any]:
    """A private claim that both agreed to, with one id in both exports; or a payment of it, as one side wrote it."""
    creditor = row["counterparty"] if claim["debtor"] == page["author"] else page["author"]
    value = format_amount(claim["amount"]["amount"], claim["amount"]["decimals"])
    unit = f"urn:p2pnode:unit:{claim['amount']['unit']}"
    urn = f"urn:p2pnode:claim:{page['network']['id']}:{claim['id']}"
    paid = row["kind"] in ("CLAIM_PAID", "CLAIM_CLOSED")
    item = {
        "@id": f"{urn}:entry:{row['id']}" if paid else urn, "@type": "vf:EconomicEvent" if paid else "vf:Claim",
        "action": "vf:transfer", "provider": _agent(claim["debtor"]), "receiver": _agent(creditor),
        "hasPointInTime" if paid else "created": _iso(row["at"]),
        "resourceQuantity": {"@type": "om2:Measure", "hasNumericalValue": value, "hasUnit": unit},
    }  # fmt: skip
    if paid:
        item["settles"] = urn
    elif claim["note"]:
        item["note"] = claim["note"]
    return item


def _commitment(page: dict[str, Any], agreement: str, duty: dict[str, Any]) -> dict[str, Any]:
    pays = duty.get("pays", duty["id"] == "pay")
    item = {
        "@id": f"{agreement}:duty:{duty['id']}", "@type": "vf:Commitment",
        "action": f"vf:{duty['action']}" if duty["action"] in ACTIONS else f"urn:p2pnode:action:{duty['action']}",
        "provider": _agent(duty["provider"]), "receiver": _agent(duty["receiver"]), "note": duty["what"],
        "reciprocalClauseOf" if pays else "clauseOf": agreement,
    }  # fmt: skip
    if duty["until"]:
        item["due"] = _iso(duty["until"])
    if duty["amount"] and duty["unit"] == page["network"]["unit"]:
        item["resourceQuantity"] = _measure(page, duty["amount"])
    return item


def _measure(page: dict[str, Any], amount: int) -> dict[str, Any]:
    network = page["network"]
    value, unit = format_amount(amount, network["decimals"]), f"urn:p2pnode:unit:{network['id']}:{network['unit']}"
    return {"@type": "om2:Measure", "hasNumericalValue": value, "hasUnit": unit}


def _agent(author: str) -> str:
    return f"urn:p2pnode:author:{author}"


def _iso(at: int) -> str:
    try:
        return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return ""


def _text(text: str) -> str:
    """Quoted by ' where a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def _csv(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
