"""Who is shut out: peers that our user blocked, and those that the host banned for what they sent. Both last over a
restart. What a blocked member signed is kept and passed on all the same: others may want it.
"""

import re
from typing import Any, Literal

from p2pnode import commands
from p2pnode.bounds import MAX_BAN_REASON, MAX_BANS, MAX_BLOCKED
from protocols.codec import decode, encode
from protocols.errors import DecodeError, Refusal
from protocols.limits import FOREVER, MAX_SKEW

from .effects import Ban, Emit, Unban
from .events import Banned
from .keys import BAN
from .peers import Peers
from .state import BanRow, State

_PEER_ID = re.compile(r"(12D3KooW|16Uiu2|Qm)[1-9A-HJ-NP-Za-km-z]{40,60}")


class Bans:
    def __init__(self, state: State, peers: Peers) -> None:
        self._state = state
        self._peers = peers
        for key, value in state.journal.scan(BAN):
            try:
                since, until, reason, by_user = decode(value)
            except (DecodeError, ValueError):
                continue
            state.banned[key[len(BAN) :].decode()] = BanRow(since, until, reason, by_user)

    def begin(self, now: int) -> None:
        """The node starts, or its clock was set: the host is told of all bans. One from the future, made while the
        clock was ahead, lasts as long from now."""
        for peer, row in list(self._state.banned.items()):
            if row.since > now + MAX_SKEW and row.until != FOREVER:
                self._store(peer, BanRow(now, now + max(0, row.until - row.since), row.reason, row.by_user))
        self.forget(now)
        for peer, row in self._state.banned.items():
            self._state.journal.out(Ban(peer, row.until, row.reason, row.by_user))

    def happened(self, event: Banned, now: int) -> None:
        """The host has banned a peer."""
        known = self._state.banned.get(event.peer)
        if known is not None and known.by_user:
            return
        mine = [(row.since, peer) for peer, row in self._state.banned.items() if not row.by_user]
        if known is None and len(mine) >= MAX_BANS:
            self._drop(min(mine)[1])
        self._store(event.peer, BanRow(now, event.until, event.reason[:MAX_BAN_REASON], False))
        self._say(event.peer, True)

    def forget(self, now: int) -> None:
        """Drop those whose time is over."""
        for peer in [p for p, row in self._state.banned.items() if row.until <= now]:
            self._drop(peer)

    # Commands

    def block(self, args: commands.Block, now: int) -> list[dict[str, Any]]:
        peers = self._meant(args.peer)
        until = args.until if args.until is not None else FOREVER
        if until <= now:
            raise Refusal("usage", "that time is over", "Say how long: --for 2h, --for 7d, or leave it out.")
        by_user = {p for p, row in self._state.banned.items() if row.by_user}
        if len(by_user | {*peers}) > MAX_BLOCKED:
            raise Refusal("refused", f"{MAX_BLOCKED} peers are blocked", "`p2pnode peers unblock PEER` makes room.")
        for peer in peers:
            row = BanRow(now, until, args.reason[:MAX_BAN_REASON], True)
            self._store(peer, row, durable=True)
            self._state.journal.out(Ban(peer, until, row.reason, True))
            self._say(peer, True)
        return [self._json(peer) for peer in peers]

    def unblock(self, args: commands.Peer, now: int) -> list[dict[str, Any]]:
        peers = [p for p in self._meant(args.peer) if p in self._state.banned]
        if not peers:
            raise Refusal("not_found", f"{args.peer} is not blocked", "`p2pnode peers list --banned` lists who is.")
        for peer in peers:
            self._drop(peer, durable=True)
            self._state.journal.out(Unban(peer))
            self._say(peer, False)
        return [self._who(peer) for peer in peers]

    def listed(self, now: int) -> list[dict[str, Any]]:
        """Those of our user first, then the newest."""
        rows = [(not row.by_user, -row.since, p) for p, row in self._state.banned.items() if row.until > now]
        return [self._json(peer) for _, _, peer in sorted(rows)]

    def told(self, row: dict[str, Any]) -> dict[str, Any]:
        """What is known of a peer, with why it is shut out, or None."""
        ban = self._state.banned.get(row["peer_id"])
        return {**row, "banned": None if ban is None else _said(ban)}

    def _meant(self, text: str) -> list[str]:
        """The peers that this names: one by its id, those of an author by its name."""
        found = [p for p in self._state.banned if p == text or (len(text) >= 6 and p.startswith(text))]
        if text in found or len(found) == 1:
            return [text] if text in found else found
        if _PEER_ID.fullmatch(text) and text != self._state.settings.peer_id:
            return [text]
        peer = self._peers.resolve(text)
        directory = self._state.directory
        author = directory.author_of(peer)
        if peer == self._state.settings.peer_id or author == self._state.me:
            raise Refusal("usage", "that is this node itself", "")
        if not _PEER_ID.fullmatch(peer):
            raise Refusal("not_found", f"no peer of {text} is known", "`p2pnode peers` lists those known here.")
        if author is None or peer.startswith(text):
            return [peer]
        return [p for p in directory.peers_of(author) if p == peer or directory.author_of(p) == author]

    def _store(self, peer: str, row: BanRow, durable: bool = False) -> None:
        self._state.banned[peer] = row
        self._state.journal.put(BAN + peer.encode(), encode(list(row)), durable=durable)

    def _drop(self, peer: str, durable: bool = False) -> None:
        del self._state.banned[peer]
        self._state.journal.delete(BAN + peer.encode(), durable=durable)

    def _say(self, peer: str, banned: bool) -> None:
        self._state.journal.out(Emit("peer", {"peer_id": peer, "banned": banned}))

    def _who(self, peer: str) -> dict[str, Any]:
        author = self._state.directory.author_of(peer)
        name = self._state.directory.pet_names.get(peer) or (self._state.directory.name(author) if author else None)
        return {"peer_id": peer, "name": name}

    def _json(self, peer: str) -> dict[str, Any]:
        return {**self._who(peer), **_said(self._state.banned[peer])}


def _said(row: BanRow) -> dict[str, Any]:
    by: Literal["you", "node"] = "you" if row.by_user else "node"
    until = None if row.until >= FOREVER else row.until
    return {"reason": row.reason, "since": row.since, "until": until, "by": by}
