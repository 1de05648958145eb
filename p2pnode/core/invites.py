"""The invites that our user made: which are still good, who came by each, and taking one back."""

from collections.abc import Iterator
from typing import Any, Self

import msgspec

from p2pnode.arguments import NoArgs
from p2pnode.bounds import MAX_STORED
from p2pnode.invite_arguments import OneInvite
from protocols.codec import decode, encode
from protocols.errors import DecodeError, Refusal
from protocols.invite import LINK_PREFIX, Invite, parse_invite, parse_link

from .journal import Journal
from .keys import INVITE
from .state import Network, State


class Issued(msgspec.Struct):
    """An invite as it is kept. used: each newcomer with the id of its vouch, or empty. revoked: taken back."""

    invite: Invite
    used: list[tuple[bytes, bytes]] = msgspec.field(default_factory=list)
    revoked: bool = False

    @classmethod
    def parse(cls, value: bytes) -> Self:
        wire, used, *revoked = decode(value, MAX_STORED)
        return cls(parse_invite(wire), [(author, vouch) for author, vouch in used], bool(revoked))

    def keep(self, journal: Journal) -> None:
        revoked = [True] if self.revoked else []
        value = encode([self.invite.wire, [list(one) for one in self.used], *revoked])
        journal.put(INVITE + self.invite.network + self.invite.id, value)


class Invites:
    def __init__(self, state: State) -> None:
        self._state = state

    def listed(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        """Of all networks unless one is named; what ends first comes first. The link itself is not kept."""
        rows = [
            {
                **self._told(network, issued),
                "expires_at": issued.invite.expires_at,
                "uses": issued.invite.uses,
                "left": issued.invite.uses - len(issued.used),
                "vouch": {"amount": issued.invite.vouch, "unit": network.genesis.unit},
            }
            for network, issued in self._all(args)
            if self._is_good(issued, now)
        ]
        return sorted(rows, key=lambda row: (row["expires_at"], row["invite_id"]))

    def revoke(self, args: OneInvite, now: int) -> dict[str, Any]:
        """Let nobody new in by it. Who came by it stays in, and is answered as before."""
        network, issued = self._find(args)
        if not issued.revoked:
            issued.revoked = True
            issued.keep(self._state.journal)
        return {**self._told(network, issued), "revoked": True}

    def _is_good(self, issued: Issued, now: int) -> bool:
        invite = issued.invite
        left, current = invite.uses > len(issued.used), invite.epoch == self._state.signer.epoch
        return left and current and invite.expires_at >= now and not issued.revoked

    def _all(self, args: NoArgs | OneInvite) -> Iterator[tuple[Network, Issued]]:
        named = [self._state.network(args.network)] if args.network else list(self._state.joined)
        for network in named:
            for _, value in self._state.journal.scan(INVITE + network.id):
                yield network, Issued.parse(value)

    def _find(self, args: OneInvite) -> tuple[Network, Issued]:
        text = args.id.strip()
        if text.startswith(LINK_PREFIX):
            try:
                prefix = parse_link(text).invite.id.hex()
            except DecodeError as e:
                raise Refusal("usage", e.message, "`p2pnode invite list` shows the ids: one will do.") from e
        else:
            prefix = text.lower()
        found = [one for one in self._all(args) if one[1].invite.id.hex().startswith(prefix)]
        if len(found) > 1:
            raise Refusal("conflict", f"{text} could be several invites", "Give more of the id.")
        if not found:
            raise Refusal(
                "not_found", f"you made no invite {text[:80]}", "`p2pnode invite list` shows those that are good."
            )
        return found[0]

    def _told(self, network: Network, issued: Issued) -> dict[str, Any]:
        return {
            "invite_id": issued.invite.id.hex(),
            "note": issued.invite.note,
            "used_by": [self._newcomer(author, bool(vouch)) for author, vouch in issued.used],
            "network": network.json,
        }

    def _newcomer(self, author: bytes, vouched: bool) -> dict[str, Any]:
        names = self._state.directory
        return {"peer_id": names.peer_id(author), "name": names.name(author), "vouched": vouched}
