"""What is booked, held, due and overdue: a month as a table, the same as a list, and when a listing is free."""

import re
from datetime import date, datetime, timedelta
from typing import Any

from p2pnode.ical import as_ics
from p2pnode.web.languages import N_
from p2pnode.web.times import moment_in
from p2pnode.web.view import File, View, Visit

WHAT = {
    "booked": N_("booked"),
    "held": N_("held for somebody"),
    "asked": N_("asked for"),
    "due": N_("due"),
    "overdue": N_("overdue"),
    "pledged": N_("pledged"),
}
TONE = {"booked": "ok", "held": "warning", "asked": "open", "due": "warning", "overdue": "bad"}
DUTY = {  # by the first word of its id
    "fetch": N_("fetch it"), "pickup": N_("fetch it"), "dropoff": N_("bring it"), "handover": N_("hand it over"),
    "leg": N_("hand it over"), "return": N_("give it back"), "pay": N_("pay"), "work": N_("do it"),
}  # fmt: skip
DAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
MONTHS = (
    N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June"),
    N_("July"), N_("August"), N_("September"), N_("October"), N_("November"), N_("December"),
)  # fmt: skip
IN_A_CELL = 3  # rows of one day that the table shows; the list has all


async def show(visit: Visit) -> dict[str, Any] | File:
    reader, listing = visit.reader, visit.query.get("listing")
    today = reader.local(reader.now).date()
    first = _month(visit.query.get("month", ""), today)
    after = (first + timedelta(days=31)).replace(day=1)
    start, end = _moment(reader, first), _moment(reader, after)
    data = await visit.ask("calendar", start=start, end=end, listing=listing)
    rows = data["rows"]
    if visit.query.get("file") == "ics":
        return File(as_ics(rows, reader.now).encode(), "text/calendar; charset=utf-8", f"p2pnode-{first:%Y-%m}.ics")
    listings = await visit.ask("listing.list")
    return {
        "rows": rows,
        "free": data["free"],
        "weeks": _weeks(reader, first, after, rows, today),
        "most": IN_A_CELL,
        "month": f"{first:%Y-%m}",
        "name": (MONTHS[first.month - 1], first.year),
        "before": f"{first - timedelta(days=1):%Y-%m}",
        "after": f"{after:%Y-%m}",
        "now": f"{today:%Y-%m}",
        "days": DAYS,
        "what": WHAT,
        "tones": TONE,
        "DUTY": DUTY,
        "listing": listing,
        "listings": [(one["listing_id"], one["title"]) for one in listings],
    }


def _month(text: str, today: date) -> date:
    """The first day of the month `2026-05`; of this one for whatever is none."""
    if re.fullmatch(r"(19[7-9]\d|[2-8]\d{3})-(0[1-9]|1[0-2])", text):
        return date(int(text[:4]), int(text[5:]), 1)
    return today.replace(day=1)


def _moment(reader: Any, day: date) -> int:
    return moment_in(reader.zone)(f"{day}")


def _weeks(
    reader: Any, first: date, after: date, rows: list[dict[str, Any]], today: date
) -> list[list[dict[str, Any]]]:
    """Monday to Sunday; days of other months are there and empty. What is overdue stands on the day it was due."""
    day = first - timedelta(days=first.weekday())
    weeks: list[list[dict[str, Any]]] = []
    spans = [(_local(reader, row["from"]), _local(reader, max(row["until"] - 1, row["from"])), row) for row in rows]
    while day < after:
        week = []
        for _ in range(7):
            here = [row for start, end, row in spans if start.date() <= day <= end.date()]
            week.append({"day": day.day, "in": day.month == first.month, "today": day == today, "rows": here})
            day += timedelta(days=1)
        weeks.append(week)
    return weeks


def _local(reader: Any, ms: int) -> datetime:
    at: datetime = reader.local(ms)
    return at


VIEW = View("calendar", "/calendar", N_("Calendar"), show, group="yours", order=20, live=("exchanges", "listings"))
