"""Listings that wait for a network to be published in: what their user typed, under the name that they will have."""

from contextlib import suppress
from typing import Any

from dht.keys import slot_hash
from p2pnode import commands
from protocols.codec import decode, encode
from protocols.errors import Refusal
from protocols.limits import DAY

from .effects import Emit
from .keys import DRAFT
from .listings import Listings
from .picturing import is_hash
from .state import Network, State


class Drafts:
    def __init__(self, state: State, listings: Listings) -> None:
        self._state = state
        self._listings = listings
        # In memory too: `warnings` is asked while the disk is full, and the store can be neither written nor read.
        self._held = {key[len(DRAFT) :]: value for key, value in state.journal.scan(DRAFT)}

    def keep(self, name: bytes, args: commands.Publish, until: int) -> dict[str, Any]:
        """name: 16 bytes. until: ms."""
        given = {f: getattr(args, f) for f in args.__struct_fields__}
        fields = {k: list(v) if isinstance(v, tuple) else v for k, v in given.items() if v is not None}
        self._held[name] = encode([until, fields])
        self._state.journal.put(DRAFT + name, self._held[name])
        row = self.json(name)
        self._state.journal.out(Emit("listing", {"listing_id": row["listing_id"], "state": "draft"}))
        return row

    def publish(self, network: Network, now: int) -> None:
        """Publish those that can be in this network; the others stay, and `warnings` says why."""
        for name in self._names():
            with suppress(Refusal):
                self._publish(network, name, now)

    def woke(self, now: int) -> None:
        """Called now and then."""
        for network in self._state.joined[:1]:
            self.publish(network, now)

    def warnings(self, now: int) -> list[str]:
        return [
            f"the draft {row['title']!r} could not be published: publish it anew as it should be, and "
            f"`p2pnode {row['direction']} withdraw {row['listing_id'][:8]}`"
            for row in (self.rows() if self._state.joined else ())
        ]

    def find(self, text: str) -> list[bytes]:
        """The names of the drafts whose ids start with this."""
        return [name for name in self._names() if self._id(name).startswith(text.lower())]

    def drop(self, name: bytes) -> dict[str, Any]:
        row = self.json(name)
        self._delete(name)
        return {**row, "state": "withdrawn"}

    def rows(self) -> list[dict[str, Any]]:
        return [self.json(name) for name in self._names()]

    def json(self, name: bytes) -> dict[str, Any]:
        until, fields = self._stored(name)
        return {
            "listing_id": self._id(name),
            "revision": 0,
            "valid_until": until,
            "state": "draft",
            "author": self._state.me.hex(),
            "author_name": self._state.settings.name,
            "mine": True,
            "direction": fields["direction"],
            "kind": fields["kind"],
            "title": fields["title"],
            "text": fields.get("text", ""),
            "price": None,
            "asks": fields.get("price"),  # as typed: which unit is meant, a network says
            "area": fields.get("area", self._state.settings.area),
            "photos": [photo for photo in fields.get("photos", ()) if is_hash(photo)],
            "replicas": 0,
            "last_seen": None,
            "distance_km": None,
            "score": None,
        }

    def _publish(self, network: Network, name: bytes, now: int) -> None:
        until, fields = self._stored(name)
        args = commands.parse_args("listing.publish", fields)
        assert isinstance(args, commands.Publish)
        self._listings.first(network, name, args, max(until, now + DAY), now)
        self._delete(name)

    def _delete(self, name: bytes) -> None:
        del self._held[name]
        self._state.journal.delete(DRAFT + name, durable=True)

    def _names(self) -> list[bytes]:
        return sorted(self._held)

    def _stored(self, name: bytes) -> Any:
        """until, ms, and the fields of the command as typed."""
        return decode(self._held[name])

    def _id(self, name: bytes) -> str:
        return slot_hash((self._state.me, "listing", name)).hex()
