"""How amounts, times, people and distances are shown to one reader: in his language, and in the node's time zone."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from protocols.decimals import OTHER_DECIMALS, format_amount, in_words, is_one

from .areas import size_of, way_to
from .languages import SOURCE, Catalog
from .words import MONTHS

# What moves the cursor, turns the text around, or shows nothing: nobody's words may look like others.
_UNSAFE = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DECIMAL = re.compile(r"(\d+)\.(\d+)(.*)", re.DOTALL)
_WEEKLY = re.compile(r"((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:, (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))*) each week")
FOR_EVER = 253_402_214_400_000  # the last day of the year 9999, ms


def clean(text: str) -> str:
    return _UNSAFE.sub("\ufffd", text)


class Reader:
    """now: ms. zone: None is that of this machine. networks: as `status` lists them."""

    def __init__(
        self, language: str, catalog: Catalog, now: int, zone: tzinfo | None, networks: Sequence[Mapping[str, Any]]
    ) -> None:
        self.language = language
        self.now = now
        self.zone = zone
        self._ = catalog.gettext
        self._n = catalog.ngettext
        self._networks = networks

    def say(self, text: str) -> str:
        """One of our own texts, in the reader's language."""
        return self._(text)

    # Amounts

    def money(self, amount: Any, network: Any = None) -> str:
        """`{"amount", "unit"}` as `2.5 hours`, `1 hour`, `3 eggs`; an empty string for nothing."""
        if not amount:
            return ""
        unit, many = str(amount.get("unit", "")), int(amount.get("amount", 0))
        decimals = self._decimals(unit, network)
        return f"{self.number(many, decimals)} {self._bent(unit, 1 if is_one(many, decimals) else 2)}".strip()

    def with_money(self, text: str, amount: Any, network: Any = None) -> str:
        """A sentence in which the node has written an amount, as `pay 2 hours`: as the reader would write it."""
        if not amount:
            return text
        unit = str(amount.get("unit", ""))
        written = in_words(int(amount.get("amount", 0)), self._decimals(unit, network), unit)
        return text.replace(written, self.money(amount, network))

    def units(self, unit: str) -> str:
        """A unit as it is named for many: `hours`."""
        return self._bent(unit, 2)

    def _bent(self, unit: str, n: int) -> str:
        """A unit of time for one or for several, also where a network counts in the reader's own word for it, as set-up
        proposes. Any other unit as it is: it may be anybody's word."""
        words = {
            "hour": self._n("hour", "hours", n),
            "day": self._n("day", "days", n),
            "week": self._n("week", "weeks", n),
            "month": self._n("month", "months", n),
        }
        return next((said for word, said in words.items() if unit in (word, self._(word))), unit)

    def price(self, price: Any, network: Any = None) -> str:
        """What a listing asks: `2 hours per day`, or `free`."""
        if not price:
            return self._("free")
        per = price.get("per", "item")
        said = self.money(price, network)
        return said if per == "item" else self._("%(amount)s per %(unit)s") % {"amount": said, "unit": self._(per)}

    def unsettled(self, price: Any, network: Any) -> str:
        """The unit of a price that is in another one than its network's credit; else an empty string."""
        units = [one.get("unit") for one in self._networks if one.get("id") == network]
        unit = str(price.get("unit", "")) if price else ""
        return unit if units and unit not in units else ""

    def number(self, amount: int, decimals: int) -> str:
        text = format_amount(amount, decimals)
        return text if self.language == SOURCE else text.replace(".", ",")

    def typed(self, text: Any) -> str:
        """An amount such as `2.5 hour` as the reader would type it, and a form understands it (`forms.decimal_of`)."""
        match = _DECIMAL.fullmatch(str(text or ""))
        if match is None:
            return str(text or "")
        whole, fraction, rest = match.groups()
        point = "." if self.language == SOURCE else ","
        return f"{whole}{point}{fraction}{'0' if len(fraction) == 3 else ''}{rest}"

    def _decimals(self, unit: str, network: Any) -> int:
        meant = [one for one in self._networks if one.get("id") == network] or self._networks
        return next((int(one["decimals"]) for one in meant if one.get("unit") == unit), OTHER_DECIMALS)

    # Times

    def local(self, ms: int) -> datetime:
        return datetime.fromtimestamp(min(max(ms, 0), FOR_EVER) / 1000, UTC).astimezone(self.zone)

    def iso(self, ms: int) -> str:
        """For the attribute of <time>."""
        return self.local(ms).isoformat(timespec="minutes")

    def field_time(self, ms: int | None) -> str:
        """What a field of datetime-local shows."""
        return self.local(ms).strftime("%Y-%m-%dT%H:%M") if ms else ""

    def absolute(self, ms: int) -> str:
        """`today 14:00`, `1 May 14:00`, `1 May 2027`."""
        if ms >= FOR_EVER:
            return self._("for ever")
        at, today = self.local(ms), self.local(self.now)
        days = (at.date() - today.date()).days
        if abs(days) <= 1:
            return f"{(self._('yesterday'), self._('today'), self._('tomorrow'))[days + 1]} {at:%H:%M}"
        dot = "." if self.language == "de" else ""
        day = f"{at.day}{dot} {self._(MONTHS[at.month - 1])}"
        return f"{day} {at:%H:%M}" if abs(days) < 300 else f"{day} {at.year}"

    def relative(self, ms: int) -> str:
        """`5 min ago`, `in 3 h`, `in 2 days`."""
        seconds = (ms - self.now) / 1000
        span = abs(seconds)
        if span < 45:
            return self._("just now") if seconds <= 0 else self._("in a moment")
        if span < 90 * 60:
            words = self._("%(n)s min") % {"n": max(1, round(span / 60))}
        elif span < 36 * 3600:
            words = self._("%(n)s h") % {"n": round(span / 3600)}
        else:
            days = round(span / 86_400)
            words = self._n("%(n)s day", "%(n)s days", days) % {"n": days}
        return (self._("%(span)s ago") if seconds <= 0 else self._("in %(span)s")) % {"span": words}

    def slot(self, start: int, end: int) -> str:
        """`1 May 14:00–16:00`, `1 May 14:00 – 3 May 10:00`."""
        first, last = self.absolute(start), self.absolute(end)
        same = self.local(start).date() == self.local(end).date()
        return f"{first}–{self.local(end):%H:%M}" if same else f"{first} – {last}"

    def day(self, day: date) -> str:
        """`23 Jan 2027`."""
        return f"{day.day}{'.' if self.language == 'de' else ''} {self._(MONTHS[day.month - 1])} {day.year}"

    def hours(self, start: int, end: int) -> str:
        """`09:00–24:00`, of one day."""
        last = f"{self.local(end):%H:%M}"
        return f"{self.local(start):%H:%M}–{'24:00' if last == '00:00' else last}"

    def span(self, ms: int) -> str:
        """`3 days`, `12 h`, `30 min`: a length of time."""
        if ms % 86_400_000 == 0:
            days = ms // 86_400_000
            return self._n("%(n)s day", "%(n)s days", days) % {"n": days}
        if ms % 3_600_000 == 0:
            return self._("%(n)s h") % {"n": ms // 3_600_000}
        return self._("%(n)s min") % {"n": max(1, ms // 60_000)}

    def days(self, words: str | None) -> str:
        """When a listing is to be had, as the node says it (`when.rule_in_words`): `Sat, Sun each week`, `every day`. A
        rule that it says in no words stays as it is written."""
        text = str(words or "")
        if text == "every day":
            return self._("every day")
        if (match := _WEEKLY.fullmatch(text)) is None:
            return text
        return self._("%(days)s each week") % {"days": ", ".join(self._(day) for day in match[1].split(", "))}

    # People and places

    def short(self, identity: Any) -> str:
        """The first characters of an id, which the node takes for the whole."""
        text = str(identity or "–")
        return text[:14] if text.startswith("12D3Koo") else text[:8]

    def initials(self, name: Any) -> str:
        words = str(name or "?").split()
        return clean("".join(word[0] for word in words[:2]).upper()) or "?"

    def far(self, km: float | None) -> str:
        """Between the centres of two cells: 0 only says that the cell is the same."""
        if km is None:
            return ""
        return self._("close by") if km < 0.05 else self._("%(km)s km") % {"km": self.number(round(km * 10), 1)}

    def where(self, cell: str, home: str) -> str:
        """Where a cell lies, seen from one's own: `4.9 km to the north`. The cell itself where nothing can be said."""
        if home and cell.startswith(home):
            return self._("in your own area")
        if cell and home.startswith(cell):
            return self._("around your own area")
        found = way_to(cell, home)
        return clean(cell) if found is None else self._(found[1]) % {"far": self.far(found[0])}

    def field(self, cell: str) -> str:
        """How large a cell is: `a field of 3 × 4.9 km`; an empty string for the whole world."""
        size = size_of(cell)
        if size is None:
            return ""
        wide, high = (self.number(round(km * 10), 1) for km in size)
        return self._("a field of %(wide)s × %(high)s km") % {"wide": wide, "high": high}
