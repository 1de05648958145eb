"""The host against other processes: one that is killed, and a plain py-libp2p host."""

import signal
import subprocess
import sys
from pathlib import Path

import trio

from p2pnode.net.delivery import PeerConnected, PeerDisconnected

from .hosts import GOSSIP, Node, nodes, until

NODE = """
import trio
from p2pnode.net.host import Host
async def main():
    async def ignore(event): pass
    host = Host(b"k" * 32, ["/ip4/127.0.0.1/tcp/0"], ignore, dht=False)
    async with trio.open_nursery() as nursery:
        print((await nursery.start(host.run))[0], flush=True)
trio.run(main)
"""


async def test_a_killed_peer_is_told_at_once() -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        process = await trio.lowlevel.open_process([sys.executable, "-c", NODE], stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            with trio.fail_after(10):
                address = (await process.stdout.receive_some()).decode().strip()
            peer = await a.host.dial(address)
            await until(lambda: a.of(PeerConnected))
            process.send_signal(signal.SIGKILL)
            await until(lambda: a.of(PeerDisconnected), 2)
            assert a.of(PeerDisconnected)[0].peer == peer
        finally:
            process.kill()
            await process.wait()


async def test_a_stopped_process_is_noticed() -> None:
    """SIGSTOP: the kernel keeps the connection, nobody answers; as when a machine disappears."""
    a = Node(1, dht=False, silence=0.6)
    async with nodes(a):
        process = await trio.lowlevel.open_process([sys.executable, "-c", NODE], stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            with trio.fail_after(10):
                address = (await process.stdout.receive_some()).decode().strip()
            await a.host.dial(address)
            await until(lambda: a.of(PeerConnected))
            process.send_signal(signal.SIGSTOP)
            await until(lambda: a.of(PeerDisconnected), 3)
        finally:
            process.kill()
            await process.wait()


async def test_a_plain_libp2p_host_understands_us() -> None:
    a = Node(1)
    script = str(Path(__file__).with_name("plain_libp2p.py"))
    async with nodes(a):
        process = await trio.lowlevel.open_process(
            [sys.executable, script, a.addresses[0]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = ""
            with trio.fail_after(20):
                while "at /" not in said:
                    said += (await process.stdout.receive_some()).decode()
            assert "ping True" in said
            assert "kad refused" in said
            await until(lambda: [one.data for one in a.events if hasattr(one, "data")] == [b"plain"])
            plain = a.of(PeerConnected)[0].peer
            assert a.host.send(plain, GOSSIP, b"abc")
            with trio.fail_after(5):
                while "frame abc" not in said:
                    said += (await process.stdout.receive_some()).decode()
            await a.host.disconnect(plain)
            address = said.partition("at ")[2].split()[0]
            with trio.fail_after(5):
                assert await a.host.dial(address) == plain
        finally:
            process.kill()
            await process.wait()
            await process.stdin.aclose()
