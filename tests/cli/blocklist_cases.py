"""What is typed of block lists, and what reaches the node."""

from typing import Any

_WHO: dict[str, Any] = {"peer": "Dora", "name": "mine"}
BLOCKLIST_CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("blocklist", "blocklist.list", {}),
    ("blocklist show", "blocklist.show", {}),
    ("blocklist show street --of Ann", "blocklist.show", {"name": "street", "peer": "Ann"}),
    ("blocklist create street --about Ours", "blocklist.create", {"name": "street", "about": "Ours"}),
    ("blocklist add Dora --why loud", "blocklist.add", {**_WHO, "reason": "other", "text": "loud"}),
    ("blocklist add --listing ab --reason spam --why loud --list street", "blocklist.add",
     {"listing": "ab", "reason": "spam", "text": "loud", "name": "street"}),
    ("blocklist remove Dora", "blocklist.remove", _WHO),
    ("blocklist remove --listing ab --list street", "blocklist.remove", {"listing": "ab", "name": "street"}),
    ("blocklist publish street", "blocklist.publish", {"name": "street"}),
    ("blocklist withdraw street", "blocklist.withdraw", {"name": "street"}),
    ("blocklist subscribe Ann", "blocklist.subscribe", {"peer": "Ann"}),
    ("blocklist subscribe Ann street", "blocklist.subscribe", {"peer": "Ann", "name": "street"}),
    ("blocklist unsubscribe Ann street", "blocklist.unsubscribe", {"peer": "Ann", "name": "street"}),
    ("blocklist allow Dora", "blocklist.allow", {"peer": "Dora", "undo": False}),
    ("blocklist allow --listing ab --undo", "blocklist.allow", {"listing": "ab", "undo": True}),
    ("blocklist hidden", "blocklist.hidden", {}),
    ("blocklist naming", "blocklist.naming", {}),
]  # fmt: skip
