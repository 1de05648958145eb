"""Block lists: those of our user, those that he follows, and what is hidden from him by them.

What is hidden is kept and passed on all the same, and exchanges under way go on. A list is private until it is
published, and binds nobody who does not follow it.
"""

from contextlib import suppress
from typing import Any, NamedTuple

from p2pnode.bounds import LIST_RENEWED
from protocols.blocklist import KIND, BlockEntry, BlockPage, Subject, page_name, seal_blocklist
from protocols.codec import decode, encode
from protocols.envelope import Record, seal
from protocols.errors import Refusal
from protocols.limits import DAY, FOREVER, MAX_BLOCKLIST_PAGES, MAX_LIFETIME

from .effects import Emit
from .hiding import Choices, Hidden, Why
from .keys import ALLOWED, BLOCKED, BLOCKLIST, FOLLOWED
from .listings import Listings
from .naming import Naming, page_in
from .revising import next_revision
from .state import Network, State


class Own(NamedTuple):
    """A list of our user's."""

    name: str
    about: str
    published: bool
    entries: dict[Subject, BlockEntry]


class Blocklists:
    def __init__(self, state: State, listings: Listings) -> None:
        self._state = state
        self.own: dict[tuple[bytes, bytes], Own] = {}  # network, name of its first page
        self.followed: dict[tuple[bytes, bytes, str], int] = {}  # network, author, name of the list → since, ms
        self.allowed: dict[tuple[bytes, Subject], int] = {}
        self._choices: dict[bytes, tuple[int, Choices]] = {}  # network → until when it holds, ms, and what
        self.naming = Naming(state, listings)
        for key, value in state.journal.scan(BLOCKLIST):
            name, about, published = decode(value)
            self.own[key[1:17], key[17:33]] = Own(name, about, published, {})
        for key, value in state.journal.scan(BLOCKED):
            reason, text, since = decode(value)
            entry = BlockEntry(key[33:65], reason, text, since, key[65:])
            self.own[key[1:17], key[17:33]].entries[entry.subject] = entry
        for key, value in state.journal.scan(FOLLOWED):
            name, since = decode(value)
            self.followed[key[1:17], key[17:49], name] = since
        for key, value in state.journal.scan(ALLOWED):
            self.allowed[key[1:17], Subject(key[17:49], key[49:])] = decode(value)
        state.hidden = self.hidden

    # What is hidden

    def why(self, network: Network, author: bytes, listing: bytes, now: int) -> list[Why]:
        """Why a listing of somebody else's (16 bytes; empty: all of his) is hidden from our user; else empty."""
        return self.chosen(network, now).why(Subject(author, listing)) if author != self._state.me else []

    def hides(self, network: Network, now: int) -> Hidden | None:
        """What a search leaves out; None for nothing."""
        found = self.chosen(network, now).hidden
        return found if found.authors or found.slots else None

    def hiding(self, now: int) -> bool:
        """Whether anything is hidden from our user, in any network."""
        return any(self.hides(network, now) is not None for network in self._state.joined)

    def hidden(self, network: Network, author: bytes, listing: bytes, now: int) -> list[dict[str, Any]]:
        """As JSON: why a listing is hidden here; of ours, which lists hide it for those who follow them."""
        if author == self._state.me:
            return [self.said(w) for w in self.naming.named(network, now) if w.entry.listing in (b"", listing)]
        return [self.said(why) for why in self.why(network, author, listing, now)]

    def took(self, network: Network, record: Record, now: int) -> None:
        """A page of somebody's list has come in, or of ours."""
        if record.kind == KIND:
            self.naming.took(network, record)
            if any(of == network.id and author == record.author for of, author, _ in self.followed):
                self.changed(network)

    def woke(self, now: int) -> None:
        """Called now and then: what we published is signed again before it ends."""
        self._choices.clear()
        for (of, _), own in list(self.own.items()):
            network = self._state.networks.get(of)
            if network is None or not own.published:
                continue
            for record, page in self.standing(network, self._state.me, own.name):
                if record.until < now + LIST_RENEWED:
                    with suppress(Refusal):  # tried again the next time
                        self._state.publish(network, self.sealed(network, page, record, now), now)

    # What is held

    def chosen(self, network: Network, now: int) -> Choices:
        until, choices = self._choices.get(network.id, (0, None))
        if choices is not None and now < until:
            return choices
        until, choices = FOREVER, Choices()
        for (of, _), own in self.own.items():
            for subject, entry in own.entries.items() if of == network.id else ():
                choices.own.setdefault(subject, []).append(Why(self._state.me, own.name, entry))
        for _, author, name in sorted(key for key in self.followed if key[0] == network.id):
            for record, page in self.standing(network, author, name):
                if record.until <= now:
                    continue
                until = min(until, record.until)
                for entry in page.entries:
                    choices.followed.setdefault(entry.subject, []).append(Why(author, name, entry))
        choices.allowed = {subject for of, subject in self.allowed if of == network.id}
        self._choices[network.id] = until, choices
        return choices

    def changed(self, network: Network) -> None:
        self._choices.pop(network.id, None)
        self._state.journal.out(Emit("listings", {}))

    def standing(self, network: Network, author: bytes, name: str) -> list[tuple[Record, BlockPage]]:
        """The pages of a list that stand here."""
        slots = ((author, KIND, page_name(name, number)) for number in range(MAX_BLOCKLIST_PAGES))
        return [found for slot in slots if (found := page_in(self._state, network, slot)) is not None]

    def keep(self, network: Network, own: Own) -> None:
        key = page_name(own.name, 0)
        self.own[network.id, key] = own
        self._state.journal.put(BLOCKLIST + network.id + key, encode([own.name, own.about, own.published]))
        self.changed(network)

    def sealed(self, network: Network, page: BlockPage, old: Record | None, now: int) -> Record:
        row = network.catalog.get((self._state.me, KIND, page_name(page.name, page.page)))
        said = next_revision(old or row, now, now + MAX_LIFETIME)
        return seal_blocklist(self._state.signer, network.id, page, **said._asdict())

    def gone(self, network: Network, record: Record, now: int) -> Record:
        said = next_revision(record, now, now + DAY)
        return seal(self._state.signer, network=network.id, kind=KIND, name=record.name, payload=b"", **said._asdict())

    def said(self, why: Why) -> dict[str, Any]:
        mine = why.by == self._state.me
        return {
            "by": why.by.hex(),
            "by_name": self._state.settings.name if mine else self._state.directory.name(why.by),
            "mine": mine,
            "list": why.named,
            "reason": why.entry.reason,
            "text": why.entry.text,
            "since": why.entry.since,
        }
