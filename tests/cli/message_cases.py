"""What is typed of messages, and what reaches the node."""

from typing import Any

MESSAGE_CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("message send Ann hello", "message.send", {"peer": "Ann", "text": "hello"}),
    ("message send Ann hello --exchange cd", "message.send", {"peer": "Ann", "text": "hello", "exchange": "cd"}),
    ("message", "message.list", {"new": False, "limit": 200}),
    (
        "message list --with Ann --exchange cd --new",
        "message.list",
        {"peer": "Ann", "exchange": "cd", "new": True, "limit": 200},
    ),
    ("message threads", "message.threads", {}),
    ("message show ab", "message.show", {"id": "ab"}),
    ("message seen", "message.seen", {}),
    ("message seen --with Ann --exchange cd", "message.seen", {"peer": "Ann", "exchange": "cd"}),
    ("message erase ab", "message.erase", {"id": "ab"}),
]  # fmt: skip
