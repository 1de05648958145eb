"""Which part of the node answers a command: the core, or what lies around it (the page, the folder, the figures)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from p2pnode.core.events import Command, Event
from p2pnode.core.kinds import kind_json
from p2pnode.doctor.answering import answer
from p2pnode.home.folder import Home
from p2pnode.home.kinds import OwnKinds
from p2pnode.photo_arguments import AddPhoto, GetPhoto, LookForPhotos
from p2pnode.photos.photos import Photos
from p2pnode.search.remote import Remote
from protocols.errors import Refusal

from . import commands
from .backing_up import back_up
from .keeping import Keeping
from .listeners import Listeners
from .sampling import Sampling
from .session_arguments import ListSessions, LogIn, OpenToLan, Pair, Revoke
from .settings_arguments import AddTarget, ListSettings, ListTargets, RemoveTarget, SetSetting, TryTarget
from .store import AnyStore
from .web.port import Web


@dataclass
class Dispatch:
    """ask_core: what comes of an event that is made for a ticket. nursery: where the page's port is opened in."""

    home: Home
    store: AnyStore
    kinds: OwnKinds
    web: Web
    sampling: Sampling
    remote: Remote
    keeping: Keeping
    listeners: Listeners
    photos: Photos
    ask_core: Callable[[Callable[[int], Event]], Awaitable[Any]]
    nursery: Callable[[], trio.Nursery]

    async def call(self, name: str, args: commands.Args, request_id: str | None) -> Any:
        """As `NodePort.call`."""
        match args:
            case commands.BeginSearch():
                return await self.remote.begin(args)
            case commands.MoreOfSearch():
                return await self.remote.more(args)
            case commands.Search():
                return await self.remote.search(args)
            case commands.History():
                return self.sampling.shown(args)
            case commands.Backup():
                return await back_up(args, self.home, self.store)
            case commands.Health() | commands.Doctor():
                return await answer(args, self.home, lambda a: self.ask_core(lambda t: Command(t, "health", a, None)))
            case LogIn():
                return await self.web.login(self.nursery())
            case ListSessions():
                return self.web.listed()
            case Revoke():
                return {"revoked": [id_ for id_ in dict.fromkeys(args.ids) if self.web.revoke(id_)]}
            case Pair():
                return await self.web.lan.pair(self.nursery())
            case OpenToLan():
                return await self.web.lan.turn(self.nursery(), args.open)
            case ListSettings() | SetSetting() | ListTargets() | AddTarget() | RemoveTarget() | TryTarget():
                return await self.keeping.answer(args)
            case commands.AddKind():
                return self._add_kind(args)
            case commands.RemoveKind():
                return await self._remove_kind(args.kind)
            case AddPhoto() | GetPhoto() | LookForPhotos():
                return await self.photos.call(args)
            case commands.Publish(photos=[_, *_]) | commands.Edit(photos=[_, *_]):
                args = await self.photos.keeping.signed_for(args)
        return await self.ask_core(lambda ticket: Command(ticket, name, args, request_id))

    def _add_kind(self, args: commands.AddKind) -> dict[str, Any]:
        try:
            added = kind_json(self.kinds.add(args.text, args.file), True)
        except Refusal as e:
            raise e.about("text") from e
        self.listeners.tell("changed", {"what": ["kinds"]})
        return added

    async def _remove_kind(self, kind: str) -> dict[str, Any]:
        """`Refusal` (conflict) while a listing of ours is of this kind: nobody could propose on it any more."""
        listed = await self.ask_core(lambda t: Command(t, "listing.list", commands.ListListings(), None))
        if any(row["kind"] == kind for row in listed):
            raise Refusal("conflict", f"A listing of yours is of the kind {kind}", "Withdraw it first.")
        gone = kind_json(self.kinds.remove(kind), True)
        self.listeners.tell("changed", {"what": ["kinds"]})
        return gone
