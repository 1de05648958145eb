"""Whoever we vouch for, owes, and is gone: what our user is told, and can take over."""

from p2pnode.bounds import DEFAULT_AFTER

from .state import Network, State
from .vouches import Vouches


class Defaults:
    def __init__(self, state: State, vouches: Vouches) -> None:
        self._state = state
        self._vouches = vouches

    def warnings(self, now: int) -> list[str]:
        """A line for each who owes and has not been seen for long, for our user to decide."""
        found = []
        pairs = dict.fromkeys((v.network, v.counterparty) for v in self._vouches.all.values() if v.voucher)
        for network_id, subject in pairs:
            network = self._state.networks.get(network_id)
            held = self._vouches.held(network, subject) if network is not None else []
            if network is None or not held or self._seen(network, subject, now) > now - DEFAULT_AFTER:
                continue
            owed, left = self._state.owed(network, subject), sum(v.left for v in held)
            if owed:
                name = self._state.directory.name(subject)
                found.append(
                    f"{name} owes {network.money(owed)} and has not been seen for 90 days; you vouch with "
                    f"{network.money(left)}. `p2pnode unvouch {name} --take-over` makes that debt your own"
                )
        return found

    def _seen(self, network: Network, author: bytes, now: int) -> int:
        """When this author last gave a sign of life, ms, as far as is known here; 0 for never."""
        lease = network.catalog.get((author, "lease", b""))
        newest = self._state.newest_of(network, author)
        signed = newest.at if newest is not None else 0
        return max(self._state.seen(author, now), lease.created if lease else 0, signed)
