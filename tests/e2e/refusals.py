"""What an error must be like for a person, whatever went wrong."""

import re

from tests.e2e.nodes import Failed, Node

NOBODY = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"  # a peer id that nobody here has
JARGON = re.compile(r"Traceback|Error\(|Expected `|expected `|regex|\bb'|None|A fault in p2pnode")
STATUS = {"failed": 1, "usage": 2, "not_found": 3, "no_daemon": 4, "refused": 5, "conflict": 6, "unreachable": 7}


def refused(node: Node, *args: str) -> tuple[str, str]:
    """Run a command that must fail; its code and message. Exit status, words and hint must be fit for a person."""
    try:
        data = node.cli(*args)
    except Failed as failed:
        error = failed.error
        assert failed.status == STATUS[error["code"]], (args, failed.status, error)
        assert error["message"] and error["hint"], (args, error)
        assert not JARGON.search(error["message"] + error["hint"]), (args, error)
        return error["code"], error["message"]
    raise AssertionError(f"{args} should have been refused, but gave {data}")


def port_of(node: Node) -> int:
    return int(node.address.split("/tcp/")[1].split("/")[0])


def warnings(node: Node) -> str:
    return " | ".join(node.cli("status")["warnings"])
