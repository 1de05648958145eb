"""The relay between the hosts of a laboratory delays, loses and cuts, as it is told."""

import re

import pytest

from tests.net.lab import Lab
from tests.net.wire import Wire, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")

ASK = """
import socket, sys, time
mine, other, times = sys.argv[1:]
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind((mine, 7078))
here.settimeout(0.4)
answered, shortest = 0, 9.0
for number in range(int(times)):
    at = time.monotonic()
    here.sendto(b"%d" % number, (other, 7078))
    try:
        if here.recv(9) == b"%d" % number:
            answered += 1
            shortest = min(shortest, time.monotonic() - at)
    except TimeoutError:
        pass
print(answered, round(shortest * 1000))
"""
ECHO = """
import socket, sys
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind((sys.argv[1], 7078))
while True:
    data, who = here.recvfrom(99)
    here.sendto(data, who)
"""


def asked(lab: Lab, asker: int, times: int) -> tuple[int, int]:
    """How many of so many questions were answered, and the shortest time that took, ms."""
    done = lab[asker].run(["python3", "-c", ASK, Wire.address(asker), Wire.address(0), str(times)])
    answered, shortest = re.findall(r"\d+", done.stdout)
    return int(answered), int(shortest)


def test_packets_take_their_time_get_lost_and_are_cut_off() -> None:
    with Lab(3) as lab:
        with Wire(lab, delay=20, loss=0.2, seed=3) as wire:
            lab[0].popen(["python3", "-c", ECHO, Wire.address(0)])
            answered, shortest = asked(lab, 1, 60)
            assert 20 <= answered <= 55 and 40 <= shortest < 400
            assert wire.counts()[1] >= 5
        with Wire(lab, delay=0, loss=0) as wire:
            assert asked(lab, 2, 20)[0] == 20
            wire.cut([0, 1])
            assert asked(lab, 2, 5)[0] == 0
            assert asked(lab, 1, 20)[0] == 20
            wire.heal()
            assert asked(lab, 2, 20)[0] == 20
