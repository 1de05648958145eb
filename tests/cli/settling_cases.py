"""What is typed of agreements that are carried out, or do not go as agreed, and what reaches the node."""

from typing import Any

SETTLING_CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("reputation Ann --forgive backup", "reputation.forgive", {"peer": "Ann", "reason": "backup"}),
    ("reputation Ann --unforgive", "reputation.forgive", {"peer": "Ann"}),
    ("exchange accept cd --anyway", "exchange.accept", {"id": "cd", "note": "", "anyway": True}),
    ("exchange pay cd --note ref7", "exchange.pay", {"id": "cd", "note": "ref7"}),
    (
        "exchange done cd --duty work --code K7QM-2XPD-9V3T",
        "exchange.done",
        {"id": "cd", "duty": "work", "code": "K7QM-2XPD-9V3T", "note": ""},
    ),
    ("exchange amend cd --price 4.20", "exchange.amend", {"id": "cd", "price": "4.20", "note": ""}),
    ("exchange dispute cd --note why", "exchange.dispute", {"id": "cd", "note": "why"}),
    (
        "exchange rule cd --award 3 --to anna",
        "exchange.rule",
        {"id": "cd", "award": "3", "to": "anna", "keep_deposit": False, "note": ""},
    ),
    ("calendar --listing cd", "calendar", {"listing": "cd"}),
    ("exchange default cd --duty return", "exchange.default", {"id": "cd", "duty": "return", "note": ""}),
    ("exchange waive cd", "exchange.waive", {"id": "cd", "note": ""}),
    ("exchange go ab", "exchange.go", {"listing": "ab", "note": ""}),
]
