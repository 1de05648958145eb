"""What a connection costs: our host beside a plain py-libp2p host, in one run, each in a process of its own.

Both speak TCP, Noise and yamux on loopback, with themselves: the processor time is of both sides together. The
speed-ups that `p2pnode.net` makes (reading the socket in large pieces, all ready frames in one message, credit for
half a window at once) prove themselves here or not at all: the ratios are what to look at, since milliseconds are
those of a machine.
"""

import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from bench.report import Figure, arguments, show

ECHO: Final = "/bench/echo/1.0.0"
SINK: Final = "/bench/sink/1.0.0"
LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"
SMALL, LARGE = 600, 64 * 1024
WHAT: Final = {
    "connect": ("dial, handshake, and close", 3.0),
    "open": ("open a stream, agree on a protocol, close it", 1.5),
    "round_trip": ("32 bytes there and back on an open stream", 1.5),
    "small": (f"a frame of {SMALL} bytes, one of many", 2.0),
    "large": ("a frame of 64 KiB, one of many", 1.0),
}  # and how many times as much the plain host must take at least


async def echo(stream: Any) -> None:
    while data := await stream.read(1_024):
        await stream.write(data)


async def drain(stream: Any) -> None:
    """Read until all of what was announced has come, and say so."""
    left = int.from_bytes(await exactly(stream, 8), "big")
    while left:
        left -= len(await stream.read(min(left, LARGE)))
    await stream.write(b"!")


async def exactly(stream: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = await stream.read(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


async def per_operation(count: int, operation: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds of processor time for each; the first is not counted."""
    await operation()
    began = time.process_time()
    for _ in range(count):
        await operation()
    return (time.process_time() - began) / count * 1_000


async def measure(
    connect: Callable[[], Awaitable[None]],
    disconnect: Callable[[], Awaitable[None]],
    ask: Callable[[str], Awaitable[Any]],
    scale: int,
) -> dict[str, float]:
    async def connected() -> None:
        await connect()
        await disconnect()

    async def opened() -> None:
        await (await ask(ECHO)).close()

    found = {"connect": await per_operation(3 * scale, connected)}
    await connect()
    found["open"] = await per_operation(8 * scale, opened)
    stream = await ask(ECHO)

    async def there_and_back() -> None:
        await stream.write(b"?" * 32)
        await exactly(stream, 32)

    found["round_trip"] = await per_operation(30 * scale, there_and_back)
    for name, size, count in (("small", SMALL, 200 * scale), ("large", LARGE, 12 * scale)):

        async def poured(size: int = size, count: int = count) -> None:
            sink = await ask(SINK)
            await sink.write((size * count).to_bytes(8, "big"))
            for _ in range(count):
                await sink.write(b"x" * size)
            await exactly(sink, 1)
            await sink.close()

        found[name] = await per_operation(1, poured) / count
    return found


async def ours(scale: int) -> dict[str, float]:
    from p2pnode.net.host import Host

    async def ignore(event: object) -> None: ...

    here, there = (Host(bytes([n]) * 32, [LOOPBACK], ignore, dht=False) for n in (1, 2))
    there.handle(ECHO, lambda peer, stream: echo(stream))
    there.handle(SINK, lambda peer, stream: drain(stream))
    async with trio.open_nursery() as nursery:
        await nursery.start(here.run)
        addresses = await nursery.start(there.run)

        async def connect() -> None:
            await here.dial(addresses)

        async def disconnect() -> None:
            await here.disconnect(there.peer_id)

        found = await measure(connect, disconnect, lambda protocol: here.ask(there.peer_id, protocol), scale)
        nursery.cancel_scope.cancel()
    return found


async def plain(scale: int) -> dict[str, float]:
    import multiaddr
    from libp2p import new_host
    from libp2p.crypto.ed25519 import create_new_key_pair
    from libp2p.crypto.x25519 import create_new_key_pair as noise_pair
    from libp2p.custom_types import TProtocol
    from libp2p.peer.peerinfo import PeerInfo
    from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
    from libp2p.security.noise.transport import Transport

    def host(seed: bytes) -> Any:
        pair = create_new_key_pair(seed)
        noise: Any = Transport(libp2p_keypair=pair, noise_privkey=noise_pair().private_key)
        return new_host(key_pair=pair, sec_opt={NOISE: noise})

    here, there = host(b"1" * 32), host(b"2" * 32)
    listen = [multiaddr.Multiaddr(LOOPBACK)]
    async with here.run(listen_addrs=listen), there.run(listen_addrs=listen):
        there.set_stream_handler(TProtocol(ECHO), quietly(echo))
        there.set_stream_handler(TProtocol(SINK), quietly(drain))
        info = PeerInfo(there.get_id(), there.get_addrs())
        return await measure(
            lambda: here.connect(info),
            lambda: here.disconnect(there.get_id()),
            lambda protocol: here.new_stream(there.get_id(), [TProtocol(protocol)]),
            scale,
        )


def quietly(handler: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """A plain host ends with its handlers."""

    async def served(stream: Any) -> None:
        try:
            await handler(stream)
        except Exception:
            return

    return served


def run(which: str, scale: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.connection", "--one", which, "--scale", str(scale)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{which}: {done.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--scale", type=int, default=10, help="how many of each: 10 is some seconds")
    parser.add_argument("--one", choices=("ours", "plain"), help="only this host, as a JSON object of milliseconds")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(trio.run(ours if options.one == "ours" else plain, options.scale)))
        return 0
    here, there = run("ours", options.scale), run("plain", options.scale)
    figures = []
    for name, (what, least) in WHAT.items():
        figures += [
            Figure(f"connection_{name}_ms", here[name], "ms CPU", f"{what}: ours, both sides"),
            Figure(f"connection_{name}_plain_ms", there[name], "ms CPU", "the plain host"),
            Figure(f"connection_{name}_ratio", there[name] / here[name], "", "plain / ours", at_least=least),
        ]
    return show("A connection, beside plain py-libp2p", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
