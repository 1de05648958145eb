"""The invites of our user that are still good, and who came by each."""

from typing import Any

from p2pnode.arguments import NoArgs
from p2pnode.bounds import MAX_STORED
from protocols.codec import decode
from protocols.invite import parse_invite

from .keys import INVITE
from .state import Network, State


class Invites:
    def __init__(self, state: State) -> None:
        self._state = state

    def listed(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        """Of all networks unless one is named; what ends first comes first. The link itself is not kept."""
        where = [self._state.network(args.network)] if args.network else self._state.networks.values()
        rows = [row for network in where for row in self._of(network, now)]
        return sorted(rows, key=lambda row: (row["expires_at"], row["invite_id"]))

    def _of(self, network: Network, now: int) -> list[dict[str, Any]]:
        rows = []
        for _, value in self._state.journal.scan(INVITE + network.id):
            wire, used = decode(value, MAX_STORED)
            invite = parse_invite(wire)
            left = invite.uses - len(used)
            if left <= 0 or invite.expires_at < now or invite.epoch != self._state.signer.epoch:
                continue
            rows.append(
                {
                    "invite_id": invite.id.hex(),
                    "note": invite.note,
                    "expires_at": invite.expires_at,
                    "uses": invite.uses,
                    "left": left,
                    "used_by": [self._newcomer(author, bool(vouch)) for author, vouch in used],
                    "vouch": {"amount": invite.vouch, "unit": network.genesis.unit},
                    "network": network.json,
                }
            )
        return rows

    def _newcomer(self, author: bytes, vouched: bool) -> dict[str, Any]:
        names = self._state.directory
        return {"peer_id": names.peer_id(author), "name": names.name(author), "vouched": vouched}
