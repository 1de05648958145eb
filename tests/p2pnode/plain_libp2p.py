"""A plain py-libp2p host, in a process of its own: `python plain_libp2p.py ADDRESS`.

It dials the address, pings, sends one frame on the gossip protocol, asks for a protocol that must not be there, prints
what came of each, then its own address and the frame that comes back, and stays until its input ends.
"""

import sys

import multiaddr
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as noise_pair
from libp2p.host.ping import PingService
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport

GOSSIP = "/p2pnode/gossip/1.0.0"


async def main(address: str) -> None:
    pair = create_new_key_pair(b"p" * 32)
    noise = Transport(libp2p_keypair=pair, noise_privkey=noise_pair().private_key)
    host = new_host(key_pair=pair, sec_opt={NOISE: noise})
    async with host.run(listen_addrs=[multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        info = info_from_p2p_addr(multiaddr.Multiaddr(address))
        await host.connect(info)
        rtts = await PingService(host).ping(info.peer_id, ping_amt=1)
        print("ping", bool(rtts), flush=True)
        stream = await host.new_stream(info.peer_id, [GOSSIP])
        await stream.write(b"\x05plain")
        try:
            await host.new_stream(info.peer_id, ["/ipfs/kad/1.0.0"])
            print("kad spoken", flush=True)
        except Exception:
            print("kad refused", flush=True)
        print("at", host.get_addrs()[0], flush=True)
        with trio.move_on_after(10):
            print("frame", (await stream.read(4))[1:].decode(), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
