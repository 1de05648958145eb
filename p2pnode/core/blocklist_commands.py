"""What our user says of block lists: see `blocklists`."""

from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from dht.keys import slot_hash
from p2pnode.arguments import NoArgs
from p2pnode.blocklist_arguments import (
    MINE,
    AddToList,
    Allow,
    BlockSubject,
    CreateList,
    FollowList,
    OneOwnList,
    RemoveFromList,
    ShowList,
)
from p2pnode.bounds import MAX_ALLOWED, MAX_FOLLOWED, MAX_LISTS, MAX_LISTS_READ
from protocols.blocklist import KIND, BlockEntry, Subject, page_name, pages
from protocols.codec import encode
from protocols.errors import Refusal, Reject

from .blocklists import Blocklists, Own
from .keys import ALLOWED, BLOCKED, BLOCKLIST, FOLLOWED
from .listings import Listings
from .naming import page_in
from .state import Network, State


class BlocklistCommands:
    def __init__(self, state: State, listings: Listings, lists: Blocklists) -> None:
        self._state = state
        self._listings = listings
        self._lists = lists

    def create(self, args: CreateList, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        own = self._find(network, args.name) or self._new(network, args.name)
        own = own if args.about is None else own._replace(about=args.about)
        self._check_length(own)
        self._lists.keep(network, own)
        return self._own_json(network, own, now)

    def add(self, args: AddToList, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        subject = self._subject(network, args, now)
        if subject.author == self._state.me:
            raise Refusal("usage", "that is yours", "`p2pnode offer withdraw` or `pause` takes it away for everybody.")
        if not args.text.strip():
            raise Refusal("usage", "say why", "Whoever is named can read it: --why 'the same thing forty times'.")
        own = self._find(network, args.name) or self._new(network, args.name)
        entry = BlockEntry(subject.author, args.reason, args.text.strip(), now, subject.listing)
        grown = own._replace(entries={**own.entries, subject: entry})
        self._check_length(grown)
        self._lists.keep(network, grown)
        key = BLOCKED + network.id + page_name(own.name, 0) + subject.author + subject.listing
        self._state.journal.put(key, encode([entry.reason, entry.text, entry.since]))
        if self._lists.allowed.pop((network.id, subject), None) is not None:
            self._state.journal.delete(ALLOWED + network.id + subject.author + subject.listing, durable=True)
        return {**self._entry_json(network, entry, now), "list": self._own_json(network, grown, now)}

    def remove(self, args: RemoveFromList, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        own = self._needed(network, args.name)
        subject = self._subject(network, args, now, own.entries)
        entry = own.entries.get(subject)
        if entry is None:
            raise Refusal("not_found", f"the list {own.name!r} does not name that", "`p2pnode blocklist show`.")
        rest = own._replace(entries={s: e for s, e in own.entries.items() if s != subject})
        key = page_name(own.name, 0)
        self._state.journal.delete(BLOCKED + network.id + key + subject.author + subject.listing, durable=True)
        if rest.entries or rest.published or rest.about:
            self._lists.keep(network, rest)
        else:
            del self._lists.own[network.id, key]
            self._state.journal.delete(BLOCKLIST + network.id + key, durable=True)
            self._lists.changed(network)
        return {**self._entry_json(network, entry, now), "list": self._own_json(network, rest, now)}

    def publish(self, args: OneOwnList, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        own = self._needed(network, args.name)
        if not own.entries and not own.published:
            raise Refusal("refused", f"the list {own.name!r} names nobody", "`p2pnode blocklist add` first.")
        made = pages(own.name, own.about, (replace(e, since=min(e.since, now)) for e in own.entries.values()))
        standing = {
            page.page: (record, page) for record, page in self._lists.standing(network, self._state.me, own.name)
        }
        records = [
            self._lists.sealed(network, page, standing[page.page][0] if page.page in standing else None, now)
            for page in made
            if page.page not in standing or standing[page.page][1] != page
        ]
        records += [self._lists.gone(network, r, now) for n, (r, _) in standing.items() if n >= len(made)]
        for record in records:
            self._state.publish(network, record, now)
        self._lists.keep(network, own._replace(published=True))
        return self._own_json(network, own._replace(published=True), now)

    def withdraw(self, args: OneOwnList, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        own = self._needed(network, args.name)
        if not own.published:
            raise Refusal("refused", f"the list {own.name!r} is not published", "Nobody but you has seen it.")
        for record, _ in self._lists.standing(network, self._state.me, own.name):
            self._state.publish(network, self._lists.gone(network, record, now), now)
        self._lists.keep(network, own._replace(published=False))
        return self._own_json(network, own._replace(published=False), now)

    def subscribe(self, args: FollowList, now: int) -> dict[str, Any]:
        network, author = self._state.network(args.network), self._state.directory.resolve(args.peer)
        if author == self._state.me:
            raise Refusal("usage", "that is you", "What your own lists name is hidden from you anyway.")
        name = self._of_peer(network, author, args.name)
        key = (network.id, author, name)
        if key not in self._lists.followed and len(self._lists.followed) >= MAX_FOLLOWED:
            raise Refusal("refused", f"{MAX_FOLLOWED} lists are followed", "`p2pnode blocklist unsubscribe` one.")
        self._lists.followed.setdefault(key, now)
        row = encode([name, self._lists.followed[key]])
        self._state.journal.put(FOLLOWED + network.id + author + page_name(name, 0), row)
        self._lists.changed(network)
        return self._list_json(network, author, name, now)

    def unsubscribe(self, args: FollowList, now: int) -> list[dict[str, Any]]:
        network = self._state.network(args.network)
        followed = [(author, name) for of, author, name in self._lists.followed if of == network.id]
        author = self._author(args.peer, [author for author, _ in followed])
        found = [(a, name) for a, name in followed if a == author and args.name in (None, name)]
        if not found:
            raise Refusal("not_found", f"no list of {args.peer} is followed", "`p2pnode blocklist` shows them.")
        for a, name in found:
            del self._lists.followed[network.id, a, name]
            self._state.journal.delete(FOLLOWED + network.id + a + page_name(name, 0), durable=True)
        self._lists.changed(network)
        return [self._list_json(network, a, name, now) for a, name in found]

    def allow(self, args: Allow, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        known = (
            [s for of, s in self._lists.allowed if of == network.id]
            if args.undo
            else self._lists.chosen(network, now).followed
        )
        subject = self._subject(network, args, now, known)
        key = ALLOWED + network.id + subject.author + subject.listing
        if args.undo:
            if self._lists.allowed.pop((network.id, subject), None) is None:
                raise Refusal(
                    "not_found", "you have not allowed that", "`p2pnode blocklist hidden` shows what you did."
                )
            self._state.journal.delete(key, durable=True)
        else:
            own = self._lists.chosen(network, now).own.get(subject)
            if own:
                hint = f"`p2pnode blocklist remove` it there; --list {own[0].named!r}."
                raise Refusal("conflict", f"your own list {own[0].named!r} names it", hint)
            if len(self._lists.allowed) >= MAX_ALLOWED:
                raise Refusal("refused", f"{MAX_ALLOWED} are allowed", "`p2pnode blocklist allow --undo` some.")
            self._lists.allowed[network.id, subject] = now
            self._state.journal.put(key, encode(now))
        self._lists.changed(network)
        return {**self._subject_json(network, subject, now), "allowed": not args.undo,
                "hidden": self._lists.hidden(network, *subject, now)}  # fmt: skip

    def listed(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        """Ours, then those that we follow."""
        rows = []
        for network in [self._state.network(args.network)] if args.network else self._state.joined:
            rows += [self._own_json(network, own, now) for (of, _), own in self._lists.own.items() if of == network.id]
            followed = sorted((author, name) for of, author, name in self._lists.followed if of == network.id)
            rows += [self._list_json(network, author, name, now) for author, name in followed]
        return rows

    def show(self, args: ShowList, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        author = self._state.me if args.peer is None else self._state.directory.resolve(args.peer)
        if author == self._state.me:
            own = self._needed(network, args.name or MINE)
            row, entries = self._own_json(network, own, now), list(own.entries.values())
        else:
            name = self._of_peer(network, author, args.name)
            row = self._list_json(network, author, name, now)
            entries = [e for _, page in self._lists.standing(network, author, name) for e in page.entries]
        ordered = sorted(entries, key=lambda e: (e.since, e.subject))
        return {**row, "named": [self._entry_json(network, entry, now) for entry in ordered]}

    def all_hidden(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        """By author, and what was allowed."""
        rows = []
        for network in [self._state.network(args.network)] if args.network else self._state.joined:
            choices = self._lists.chosen(network, now)
            for subject in sorted({*choices.own, *choices.followed, *choices.allowed}):
                found = choices.own.get(subject) or choices.followed.get(subject, [])
                row = self._subject_json(network, subject, now)
                rows.append(
                    {**row, "allowed": subject in choices.allowed, "hidden": [self._lists.said(w) for w in found]}
                )
        return rows

    def naming(self, args: NoArgs, now: int) -> list[dict[str, Any]]:
        me = self._state.me
        return [
            {**self._subject_json(network, Subject(me, why.entry.listing), now), **self._lists.said(why)}
            for network in self._state.joined
            for why in self._lists.naming.named(network, now)
        ]

    # Parts

    def _of_peer(self, network: Network, author: bytes, name: str | None) -> str:
        """Which list of somebody else's is meant. `Refusal` if it does not stand here."""
        rows = [row for row in network.catalog.rows(kind=KIND, author=author) if not row.withdrawn]
        read = (page_in(self._state, network, row.slot) for row in rows[:MAX_LISTS_READ])
        names = {found[1].name for found in read if found is not None}
        who = self._state.directory.name(author)
        if name is None and len(names) == 1:
            return names.pop()
        if name is None and names:
            raise Refusal("usage", f"{who} has several lists: {', '.join(sorted(names))}", "Say which.")
        if name is None or name not in names:
            raise Refusal("not_found", f"no list {name or ''} of {who} is held here".replace("  ", " "), "Ask for it.")
        return name

    def _find(self, network: Network, name: str) -> Own | None:
        return self._lists.own.get((network.id, page_name(name, 0)))

    def _needed(self, network: Network, name: str) -> Own:
        own = self._find(network, name)
        if own is None:
            raise Refusal("not_found", f"you have no list {name!r}", "`p2pnode blocklist add` begins one.")
        return own

    def _new(self, network: Network, name: str) -> Own:
        if not name.strip():
            raise Refusal("usage", "a list has a name", "Give one.")
        if len(self._lists.own) >= MAX_LISTS:
            raise Refusal("refused", f"you have {MAX_LISTS} lists", "Take the entries off one: it goes with the last.")
        return Own(name, "", False, {})

    def _check_length(self, own: Own) -> None:
        """`Refusal` if it could not be published."""
        try:
            pages(own.name, own.about, own.entries.values())
        except Reject as e:
            raise Refusal("refused", e.message, "Begin another list.") from e

    def _author(self, text: str, known: Collection[bytes]) -> bytes:
        """Who is meant; of those in a list also by the id alone, since a profile may be gone."""
        wanted = text.lower()
        found = {author for author in known if len(wanted) >= 4 and author.hex().startswith(wanted)}
        return found.pop() if len(found) == 1 else self._state.directory.resolve(text)

    def _subject(self, network: Network, args: BlockSubject, now: int, known: Collection[Subject] = ()) -> Subject:
        if (args.peer is None) == (args.listing is None):
            raise Refusal("usage", "who, or which listing?", "Name a peer, or say --listing ID.")
        if args.peer is not None:
            return Subject(self._author(args.peer, [s.author for s in known]), b"")
        wanted = (args.listing or "").lower()
        found = {s for s in known if s.listing and _listing_id(s).startswith(wanted)}
        if len(found) == 1:
            return found.pop()
        _, record, _ = self._listings.find(wanted, network.id.hex())
        return Subject(record.author, record.name)

    # JSON

    def _subject_json(self, network: Network, subject: Subject, now: int) -> dict[str, Any]:
        current = self._listings.current(network, *subject) if subject.listing else None
        mine = subject.author == self._state.me
        return {
            "network": network.id.hex(),
            "author": subject.author.hex(),
            "author_name": self._state.settings.name if mine else self._state.directory.name(subject.author),
            "listing_id": _listing_id(subject) if subject.listing else None,
            "title": current[1].title if current is not None and current[0].until > now else None,
        }

    def _entry_json(self, network: Network, entry: BlockEntry, now: int) -> dict[str, Any]:
        said = {"reason": entry.reason, "text": entry.text, "since": entry.since}
        return {**self._subject_json(network, entry.subject, now), **said}

    def _own_json(self, network: Network, own: Own, now: int) -> dict[str, Any]:
        """changed: whether the published list says something else than this one."""
        standing = (
            [page for _, page in self._lists.standing(network, self._state.me, own.name)] if own.published else []
        )
        said = {entry for page in standing for entry in page.entries}
        return {
            **self._row(network, self._state.me, own.name),
            "about": own.about,
            "entries": len(own.entries),
            "published": own.published,
            "changed": own.published
            and (said != {*own.entries.values()} or {p.about for p in standing} != {own.about}),
            "followed": False,
            "until": None,
        }

    def _list_json(self, network: Network, author: bytes, name: str, now: int) -> dict[str, Any]:
        """until: when it ends, unless its author signs it again; None where nothing of it is held."""
        standing = [(r, page) for r, page in self._lists.standing(network, author, name) if r.until > now]
        return {
            **self._row(network, author, name),
            "about": standing[0][1].about if standing else "",
            "entries": sum(len(page.entries) for _, page in standing),
            "published": True,
            "changed": False,
            "followed": (network.id, author, name) in self._lists.followed,
            "until": min((record.until for record, _ in standing), default=None),
        }

    def _row(self, network: Network, author: bytes, name: str) -> dict[str, Any]:
        mine = author == self._state.me
        return {
            "network": network.id.hex(),
            "author": author.hex(),
            "author_name": self._state.settings.name if mine else self._state.directory.name(author),
            "mine": mine,
            "name": name,
        }


def _listing_id(subject: Subject) -> str:
    return slot_hash((subject.author, "listing", subject.listing)).hex()
