"""What is typed of private claims, and what reaches the node."""

from typing import Any

CLAIM_CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("claim Ann 3.50 EUR", "claim.propose",
     {"peer": "Ann", "amount": "3.50", "unit": "EUR", "note": "", "owed_by": False}),
    ("claim new Ann 6 eggs --note hi --exchange cd --owed-by", "claim.propose",
     {"peer": "Ann", "amount": "6", "unit": "eggs", "note": "hi", "exchange": "cd", "owed_by": True}),
    ("claim accept ab", "claim.accept", {"id": "ab"}),
    ("claim decline ab", "claim.decline", {"id": "ab"}),
    ("claim settle ab", "claim.settle", {"id": "ab"}),
    ("claim settle ab 1.5", "claim.settle", {"id": "ab", "amount": "1.5"}),
    ("claim", "claim.list", {"open": False}),
    ("claim list --open --with Ann", "claim.list", {"open": True, "peer": "Ann"}),
    ("claim show ab", "claim.show", {"id": "ab"}),
]  # fmt: skip
