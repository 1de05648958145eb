"""A slow, lossy, divisible network between the hosts of a laboratory: a relay of IP packets in user space.

    with Lab(3) as lab, Wire(lab, delay=50, loss=0.03) as wire:
        wire.address(0)            10.78.0.1, and so on: listen there, and the packets go through the relay
        wire.cut([0])              packets between host 0 and the others vanish
        wire.heal()

Each host gets a TUN device, whose other end is held by one process of ours, `python -m tests.net.wire`. What is lost
are packets, so TCP repeats them, and takes its time for it. Needs root and /dev/net/tun; see `unavailable`.
"""

import ctypes
import fcntl
import heapq
import os
import random
import selectors
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import Final, Self

from tests.net.lab import Lab
from tests.net.lab import unavailable as no_lab

NETWORK: Final = "10.78.0"
TUN: Final = "/dev/net/tun"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI, _CLONE_NEWNET = 0x400454CA, 1, 0x1000, 0x40000000


@cache
def unavailable() -> str | None:
    """Why there can be no such network here, or None."""
    if os.geteuid() != 0:
        return "no relay of packets: it needs root"
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as e:
        return f"no relay of packets: {TUN}: {e.strerror}"
    return no_lab()


class Wire:
    """delay: ms each way. loss: the share of packets that get lost, each way."""

    def __init__(self, lab: Lab, *, delay: int, loss: float, seed: int = 0) -> None:
        self._lab = lab
        command = [sys.executable, "-m", "tests.net.wire", str(delay), str(loss), str(seed)]
        self._process = subprocess.Popen(
            [*command, *(host.namespace for host in lab)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._read() == "ready", "the relay did not start"
        for number, host in enumerate(lab):
            host.run(["ip", "address", "add", f"{self.address(number)}/24", "dev", "wire"])
            host.run(["ip", "link", "set", "wire", "up"])

    @staticmethod
    def address(host: int) -> str:
        return f"{NETWORK}.{host + 1}"

    def cut(self, side: Sequence[int]) -> None:
        """Nothing passes between these hosts and the others."""
        self._say(f"cut {','.join(map(str, side))}")

    def heal(self) -> None:
        self._say("cut")

    def counts(self) -> tuple[int, int]:
        """Packets that were relayed until now, and that were lost."""
        passed, lost = self._say("count").split()
        return int(passed), int(lost)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _say(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def device(namespace: str) -> int:
    """A TUN device in a namespace: a descriptor that reads and writes its packets. This thread stays in there."""
    where = os.open(namespace, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(where, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(where)
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", b"wire", _IFF_TUN | _IFF_NO_PI))
    return descriptor


class Relay:
    def __init__(self, devices: Sequence[int], delay: float, loss: float, rng: random.Random) -> None:
        self._devices, self._delay, self._loss, self._rng = devices, delay, loss, rng
        self._waiting: list[tuple[float, int, int, bytes]] = []  # due, number, to, packet
        self._number = 0
        self._side: frozenset[int] = frozenset()
        self._passed = self._lost = 0

    def run(self) -> None:
        """Until the end of the input."""
        selector = selectors.DefaultSelector()
        for host, descriptor in enumerate(self._devices):
            selector.register(descriptor, selectors.EVENT_READ, host)
        selector.register(0, selectors.EVENT_READ, -1)
        print("ready", flush=True)
        while True:
            wait = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            for key, _ in selector.select(wait):
                if key.data >= 0:
                    self._take(key.data)
                elif not self._told(os.read(0, 4_096).decode()):
                    return
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, to, packet = heapq.heappop(self._waiting)
                try:
                    os.write(self._devices[to], packet)
                except OSError:  # the device is full, or down
                    self._lost += 1

    def _take(self, host: int) -> None:
        for _ in range(64):
            try:
                packet = os.read(self._devices[host], 65_536)
            except OSError:
                return
            to = packet[19] - 1
            known = packet[0] >> 4 == 4 and 0 <= to < len(self._devices) and to != host
            if not known or (host in self._side) != (to in self._side):
                continue
            if self._rng.random() < self._loss:
                self._lost += 1
                continue
            self._passed += 1
            self._number += 1
            heapq.heappush(self._waiting, (time.monotonic() + self._delay, self._number, to, packet))

    def _told(self, lines: str) -> bool:
        for line in lines.splitlines():
            word, _, rest = line.partition(" ")
            if word == "cut":
                self._side = frozenset(map(int, rest.split(","))) if rest else frozenset()
            print(f"{self._passed} {self._lost}", flush=True)
        return bool(lines)


if __name__ == "__main__":
    _, delay_, loss_, seed_, *namespaces = sys.argv
    Relay([device(one) for one in namespaces], float(delay_) / 1_000, float(loss_), random.Random(int(seed_))).run()
