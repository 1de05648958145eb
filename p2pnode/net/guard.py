"""How much one peer, or one address, may ask of this node. Pure: times are given, in milliseconds of one clock.

Rates delay and never drop: what an honest peer sends in a burst arrives later. What no honest peer sends is a strike;
strikes are forgiven with time, and too many of them ban the peer for a while. A fresh peer id costs nothing, so strikes
are counted by block of addresses too: one that sends bad peers again and again may open no connections for a while.
"""

import ipaddress
from collections import OrderedDict
from itertools import islice
from typing import NamedTuple

from p2pnode.bounds import (
    ACCEPT_BURST,
    ACCEPT_RATE,
    BAN_TIME,
    BLOCK_FORGOTTEN,
    BLOCK_REFUSED_MAX,
    BLOCK_REFUSED_MIN,
    BLOCK_STRIKE_DECAY,
    BLOCK_STRIKES,
    BYTE_BURST,
    BYTE_RATE,
    FRAME_BURST,
    FRAME_RATE,
    MAX_BANS,
    MAX_STRIKES,
    MAX_TRACKED,
    REFUSED_BURST,
    REFUSED_RATE,
    STRIKE_DECAY,
)


class TokenBucket:
    """`rate` tokens a second, at most `burst` saved up."""

    def __init__(self, rate: float, burst: float, now: int) -> None:
        self._rate = rate / 1000
        self._burst = burst
        self._tokens = burst
        self._at = now

    def _refill(self, now: int) -> None:
        if now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now

    def take(self, amount: float, now: int) -> bool:
        """Take `amount` if it is there."""
        self._refill(now)
        if self._tokens < amount:
            return False
        self._tokens -= amount
        return True

    def charge(self, amount: float, now: int) -> int:
        """Take `amount` at once, into debt if need be; ms to wait until the debt is paid."""
        self._refill(now)
        self._tokens -= amount
        return max(0, int(-self._tokens / self._rate) + 1) if self._tokens < 0 else 0

    def full(self, now: int) -> bool:
        self._refill(now)
        return self._tokens >= self._burst


class _Record:
    def __init__(self, now: int) -> None:
        self.frames = TokenBucket(FRAME_RATE, FRAME_BURST, now)
        self.bytes = TokenBucket(BYTE_RATE, BYTE_BURST, now)
        self.strikes = 0.0
        self.struck_at = now
        self.block = ""  # of the address that it came from last

    def current_strikes(self, now: int) -> float:
        return max(0.0, self.strikes - max(0, now - self.struck_at) / STRIKE_DECAY)

    def forgettable(self, now: int) -> bool:
        return self.current_strikes(now) == 0 and self.frames.full(now) and self.bytes.full(now)


class _Block:
    """Strikes of all peers of a block, and until when it is refused, for the how manyth time."""

    def __init__(self, now: int) -> None:
        self.strikes = 0.0
        self.struck_at = now
        self.refused_until = now
        self.times = 0
        self.admitted = TokenBucket(REFUSED_RATE, REFUSED_BURST, now)

    def strike(self, now: int) -> None:
        since = now - max(self.struck_at, self.refused_until)
        if since > BLOCK_FORGOTTEN:
            self.times = 0
        self.strikes = max(0.0, self.strikes - max(0, now - self.struck_at) / BLOCK_STRIKE_DECAY) + 1
        self.struck_at = now
        if self.strikes > BLOCK_STRIKES - 0.5:
            self.strikes = 0.0
            self.refused_until = now + min(BLOCK_REFUSED_MAX, BLOCK_REFUSED_MIN << min(self.times, 16))
            self.times += 1

    def forgive(self) -> None:
        """Let it in at once; the next refusal is longer all the same."""
        self.strikes = 0.0
        self.refused_until = min(self.refused_until, self.struck_at)


class Ban(NamedTuple):
    until: int
    reason: str


class Guard:
    """Rates and strikes of all peers, and the bans that follow from them."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._sources: OrderedDict[str, TokenBucket] = OrderedDict()
        self._bans: OrderedDict[str, Ban] = OrderedDict()
        self._kept: dict[str, Ban] = {}
        self._blocks: OrderedDict[str, _Block] = OrderedDict()
        self._reached: OrderedDict[str, None] = OrderedDict()

    def admit_source(self, block: str, now: int) -> bool:
        """May this block of addresses (`address_block`) open one more connection now? A refused one seldom: `refused`
        says what to do once its peer id is known."""
        refused = self._blocks.get(block)
        if refused is not None and refused.refused_until > now:
            return refused.admitted.take(1, now)
        bucket = self._sources.get(block)
        if bucket is None:
            while len(self._sources) >= MAX_TRACKED:
                self._sources.popitem(last=False)
            bucket = self._sources[block] = TokenBucket(ACCEPT_RATE, ACCEPT_BURST, now)
        self._sources.move_to_end(block)
        return bucket.take(1, now)

    def charge(self, peer: str, *, frames: int = 0, size: int = 0, now: int) -> int:
        """So many frames or bytes came from the peer: ms to wait before they are looked at."""
        record = self._record(peer, now)
        wait = record.frames.charge(frames, now) if frames else 0
        return max(wait, record.bytes.charge(size, now)) if size else wait

    def refused(self, block: str, peer: str, now: int) -> bool:
        """Whether this peer may not connect to us from this block: too many bad ones did, and we know no good of it."""
        found = self._blocks.get(block)
        return found is not None and found.refused_until > now and peer not in self._reached

    def reached(self, peer: str) -> None:
        """We have dialled this peer by our own choice, and it answered; or our user wants it."""
        self._reached[peer] = None
        self._reached.move_to_end(peer)
        if len(self._reached) > MAX_TRACKED:
            self._reached.popitem(last=False)

    def connected(self, peer: str, block: str, now: int) -> None:
        """The peer is connected from this block. What it sends may be found bad when it is gone already."""
        self._record(peer, now).block = block

    def strike(self, peer: str, reason: str, now: int) -> bool:
        """Count something that no honest peer sends; True if the peer is banned for it now."""
        record = self._record(peer, now)
        if record.block:
            self._block(record.block, now).strike(now)
        record.strikes = record.current_strikes(now) + 1
        record.struck_at = now
        if record.strikes <= MAX_STRIKES - 0.5:  # a little of each was forgiven since
            return False
        self.ban(peer, reason, now + BAN_TIME)
        return True

    def strikes(self, peer: str, now: int) -> float:
        record = self._records.get(peer)
        return record.current_strikes(now) if record else 0.0

    def ban(self, peer: str, reason: str, until: int, kept: bool = False) -> None:
        """kept: our user wants it; no other pushes it out. When it is over, the peer begins with half its strikes."""
        if kept:
            self._bans.pop(peer, None)
            self._kept[peer] = Ban(until, reason)
        elif peer not in self._kept:
            self._bans[peer] = Ban(until, reason)
            self._bans.move_to_end(peer)
            if len(self._bans) > MAX_BANS:
                self._bans.popitem(last=False)
        record = self._record(peer, until)
        record.strikes, record.struck_at = MAX_STRIKES / 2, until

    def lift(self, peer: str) -> bool:
        """End a ban, and forget the strikes, those of its block too; False if there was none."""
        record = self._records.pop(peer, None)
        if record is not None and record.block in self._blocks:
            self._blocks[record.block].forgive()
        found = (self._bans.pop(peer, None), self._kept.pop(peer, None))
        if any(found):
            self.reached(peer)
        return any(found)

    def banned(self, peer: str, now: int) -> bool:
        bans = self._kept if peer in self._kept else self._bans
        if peer in bans and bans[peer].until <= now:
            del bans[peer]
        return peer in bans

    def bans(self, now: int) -> dict[str, tuple[int, str]]:
        """Banned peers: ms that remain, and the reason."""
        both = {**self._bans, **self._kept}
        return {peer: (ban.until - now, ban.reason) for peer, ban in both.items() if ban.until > now}

    def _block(self, block: str, now: int) -> _Block:
        found = self._blocks.get(block)
        if found is None:
            while len(self._blocks) >= MAX_TRACKED:
                self._blocks.popitem(last=False)
            found = self._blocks[block] = _Block(now)
        self._blocks.move_to_end(block)
        return found

    def _record(self, peer: str, now: int) -> _Record:
        record = self._records.get(peer)
        if record is None:
            if len(self._records) >= MAX_TRACKED:
                self._forget(now)
            record = self._records[peer] = _Record(now)
        self._records.move_to_end(peer)
        return record

    def _forget(self, now: int) -> None:
        """Make room: first a record that says nothing any more, else the one that was not used for longest."""
        for peer, record in islice(self._records.items(), 64):
            if record.forgettable(now):
                del self._records[peer]
                return
        self._records.popitem(last=False)


def address_block(ip: str) -> str:
    """The block that one holder of addresses can be assumed to have: an IPv4 address, an IPv6 /64."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def wide_block(block: str) -> str:
    """The larger block around an `address_block`, which one provider's customer may have: an IPv4 /24, an IPv6 /48."""
    network = ipaddress.ip_network(block)
    return str(network.supernet(new_prefix=24 if network.version == 4 else 48))


def is_private(block: str) -> bool:
    """Whether an `address_block` is of this machine or of a LAN."""
    return ipaddress.ip_network(block).is_private
