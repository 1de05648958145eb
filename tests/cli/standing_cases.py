"""What is typed of contacts, standing rules and standing orders, and what reaches the node."""

from typing import Any

STANDING_CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("exchange contact cd", "exchange.contact", {"id": "cd"}),
    ("exchange contact cd --address Here --phone 1 --text x", "exchange.contact",
     {"id": "cd", "address": "Here", "phone": "1", "text": "x"}),
    ("exchange erase cd", "exchange.erase", {"id": "cd"}),
    ("contact", "contact.show", {}),
    ("contact set --address Here --share always", "contact.set", {"address": "Here", "share": "always"}),
    ("rule", "rule.list", {}),
    ("rule add --zone UTC", "rule.add", {"who": ("regulars",), "zone": "UTC", "regular": 2}),
    ("rule add --kind rent --listing ab --from Ben --from members --hours 08:00-20:00 --days mon-fri --zone UTC"
     " --most 3 --most-hours 4 --regular 3 --risk 5", "rule.add",
     {"kind": "rent", "listing": "ab", "who": ("Ben", "members"), "hours": "08:00-20:00", "days": "mon-fri",
      "zone": "UTC", "most": "3", "most_hours": 4, "regular": 3, "risk": "5"}),
    ("rule remove 2", "rule.remove", {"number": 2}),
    ("order", "order.list", {}),
    ("order add ab --start Sat@10:00 --zone UTC", "order.add",
     {"listing": "ab", "start": "Sat@10:00", "every": "week", "zone": "UTC"}),
    ("order add ab --every week --start Sat --quantity 2 --price 3 --zone Europe/Berlin", "order.add",
     {"listing": "ab", "start": "Sat", "every": "week", "zone": "Europe/Berlin", "quantity": 2, "price": "3"}),
    ("order add ab --start Sat@10:00 --bring --zone UTC", "order.add",
     {"listing": "ab", "start": "Sat@10:00", "every": "week", "zone": "UTC", "way": "bring"}),
    *[(f"order {verb} 2", f"order.{verb}", {"number": 2}) for verb in ("pause", "resume", "skip", "remove")],
    ("contact clear", "contact.clear", {}),
    ("project show ab", "project.show", {"listing": "ab"}),
    ("project free ab", "project.free", {"listing": "ab"}),
    ("project claim ab --count 2", "project.claim", {"listing": "ab", "count": 2}),
    ("project mine ab", "project.claimed", {"listing": "ab"}),
    ("project stop ab", "project.stop", {"listing": "ab"}),
    ("leave", "leave", {"anyway": False}),
    ("leave Elm --anyway", "leave", {"anyway": True, "network": "Elm"}),
]  # fmt: skip

PROJECT = {
    "project.foresee",
    "project.split",
    "project.results",
    "project.ready",
    "project.confirm",
    "project.pay",
}  # tests/cli/test_project.py

FORESEEN = {"exchange.foresee", "exchange.foresee_counter", "leave.foresee"}  # by --dry-run, and before it is asked
