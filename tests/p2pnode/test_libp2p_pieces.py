"""That the installed libp2p is the one these pieces were written for, and that a negotiation is bounded."""

import importlib.metadata
import subprocess
import sys

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from dht.kad_host import FINGERPRINTS as KAD_FINGERPRINTS
from p2pnode.bounds import MAX_NEGOTIATION_MESSAGE
from p2pnode.net import libp2p_pieces as pieces


def test_the_version_is_the_one_written_for() -> None:
    assert importlib.metadata.version("libp2p") == pieces.WRITTEN_FOR


@pytest.mark.parametrize("piece", [*pieces.FINGERPRINTS, *KAD_FINGERPRINTS])
def test_upstream_has_not_changed(piece: str) -> None:
    """When this fails, read what changed in libp2p, check what stands on it here, then note the new fingerprint."""
    assert pieces.fingerprint(piece) == {**pieces.FINGERPRINTS, **KAD_FINGERPRINTS}[piece]


def test_the_import_is_light_and_quiet() -> None:
    program = (
        "import sys, p2pnode.net.host; "
        "heavy = [n for n in ('requests', 'httpx', 'zeroconf', 'grpc', 'libp2p.transport.tcp') "
        "if n in sys.modules]; "
        "from libp2p.peer.id import ID; print(heavy)"
    )
    done = subprocess.run([sys.executable, "-W", "default", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert "libp2p" not in done.stderr


def test_the_whole_of_libp2p_can_still_be_had() -> None:
    program = "import p2pnode.net.host, libp2p; print(libp2p.new_host.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "new_host\n"


class Script:
    """A channel that says what was written down beforehand, byte by byte, and keeps what is said to it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.said = b""
        self.asked = 0

    async def read(self, n: int | None = None) -> bytes:
        self.asked = max(self.asked, n or 0)
        piece, self._data = self._data[:n], self._data[n or len(self._data) :]
        return piece

    async def write(self, data: bytes) -> None:
        self.said += data


class Endless:
    """A socket on which empty messages of Noise never end, and the cipher that finds nothing in them."""

    def __init__(self) -> None:
        self.read = 0

    async def read_exactly(self, n: int) -> bytes:
        self.read += 1
        assert self.read < 1_000
        return b"\0" * n

    def decrypt(self, data: bytes) -> bytes:
        return b""


async def test_messages_without_content_end_the_connection() -> None:
    endless = Endless()
    channel = pieces.SecureChannel(endless, None, endless)  # type: ignore[arg-type]
    with pytest.raises(pieces.ConnectionEnded):
        await channel.read_some()


HELLO = b"\x13/multistream/1.0.0\n"


async def test_agreeing_on_a_protocol() -> None:
    script = Script(HELLO + b"\x04/no\n" + b"\x05/yes\n")
    assert await pieces.agree(script, ["/yes"]) == "/yes"
    assert script.said == HELLO + b"\x03na\n" + b"\x05/yes\n"


async def test_proposing_a_protocol() -> None:
    script = Script(HELLO + b"\x05/yes\n")
    await pieces.propose(script, "/yes")
    assert script.said == HELLO + b"\x05/yes\n"
    with pytest.raises(pieces.NegotiationFailed, match="does not speak"):
        await pieces.propose(Script(HELLO + b"\x03na\n"), "/yes")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xff\x7f",
        b"\xff\x7f",
        b"GET / HTTP/1.1\r\n",
        HELLO + b"\x04/no\n" * 50,
        HELLO + b"\xff\xff\x01",
        HELLO[:7],
        b"\x02\xff\n",
        b"\x00",
    ],
)
async def test_a_negotiation_out_of_bounds_fails(data: bytes) -> None:
    script = Script(data)
    with pytest.raises(pieces.NegotiationFailed):
        await pieces.agree(script, ["/yes"])
    assert script.asked <= MAX_NEGOTIATION_MESSAGE


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 20))
def test_any_bytes_are_a_failed_negotiation(data: bytes, kept: int) -> None:
    async def attempt() -> None:
        with pytest.raises(pieces.NegotiationFailed):
            await pieces.agree(Script(HELLO[:kept] + data), ["/no such protocol"])
        with pytest.raises(pieces.NegotiationFailed):
            await pieces.propose(Script(HELLO[:kept] + data), "/no such protocol")

    trio.run(attempt)


@pytest.mark.parametrize("what", ["read", "write"])
async def test_a_channel_that_was_closed_here_has_ended(what: str) -> None:
    here, there = (trio.SocketStream(end) for end in trio.socket.socketpair())
    channel = pieces.RawChannel(here, True)
    channel.abort()
    for _ in range(2):
        with pytest.raises(pieces.ConnectionEnded):
            await (channel.read(1) if what == "read" else channel.write(b"x"))
    await there.aclose()
