"""What a failed dial says of this machine's own network."""

import errno
import socket

import pytest

from p2pnode.net.addresses import parse_address
from p2pnode.net.dialing import none_answered

WHERE = parse_address("/ip4/198.51.100.7/tcp/4001")


@pytest.mark.parametrize(
    ("errors", "no_route"),
    [
        ([OSError(errno.ENETUNREACH, "")], True),
        ([OSError(errno.EHOSTUNREACH, ""), OSError(errno.ENETUNREACH, "")], True),
        ([socket.gaierror(socket.EAI_AGAIN, "")], True),
        ([socket.gaierror(socket.EAI_NONAME, "")], False),
        ([OSError(errno.ENETUNREACH, ""), ConnectionRefusedError(errno.ECONNREFUSED, "")], False),
        ([TimeoutError()], False),
    ],
)
def test_a_machine_without_a_network_is_told_from_a_peer_that_is_away(errors: list[OSError], no_route: bool) -> None:
    assert none_answered([(WHERE, error) for error in errors]).no_route is no_route
