"""Tasks of somebody's project that our user claims: the next that are free, without choosing by id.

Who gets a task the organiser's node decides, by which proposal comes first; another is declined, and our node goes on
to the next that is free. What was asked is remembered in the batch that holds the proposals, so a restart neither
forgets nor asks twice.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from dht.keys import slot_hash
from p2pnode import commands
from p2pnode.bounds import CLAIMS_AT_ONCE, MAX_CLAIMED, MAX_TASKS
from p2pnode.project_arguments import ClaimTasks, OneProject
from p2pnode.tasks import task_name
from protocols.codec import decode, encode
from protocols.envelope import Record
from protocols.errors import Refusal, Reject
from protocols.exchange import NEGOTIATING, Exchange, Status
from protocols.labels import PART_SIZE, parse_labels
from protocols.listing import Listing

from .exchanges import Exchanges
from .held import Held
from .keys import CLAIMING
from .listings import Listings
from .projects import missed_work
from .state import Network, State


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """network, author, project: the id of its listing, 16 bytes. wanted: tasks that are still to be got, those that are
    asked for among them; asked: exchanges; tried: beginnings of the records of listings that were declined or could not
    be proposed; problem: why it ended before its time."""

    network: bytes
    author: bytes
    project: bytes
    title: str
    wanted: int = 0
    asked: tuple[bytes, ...] = ()
    tried: tuple[bytes, ...] = ()
    problem: str = ""


class Claiming:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self.propose: Callable[[commands.Propose, int], Any]  # set by the table of handlers
        rows = (msgspec.convert(decode(value), Claim) for _, value in state.journal.scan(CLAIMING))
        self._claims = {(claim.network, claim.project): claim for claim in rows}
        self._later = {key for key, claim in self._claims.items() if len(claim.asked) < claim.wanted}

    # Commands

    def claim(self, args: ClaimTasks, now: int) -> dict[str, Any]:
        network, claim = self._named(args.listing, args.network)
        standing = [c for c in self._claims.values() if c.wanted or c.asked]
        if claim not in standing and len(standing) >= MAX_CLAIMED:
            raise Refusal("refused", f"you claim tasks of {MAX_CLAIMED} projects", "`p2pnode project stop` ends one.")
        free = self._free(network, claim, now)
        if not free and not self._waiting(claim, now):
            raise Refusal("conflict", "no task of it is free, as far as is known here", "Ask again later.")
        self._exchanges.check_room()
        self._let_go()
        claim = self._ask(network, replace(claim, wanted=claim.wanted + args.count, problem=""), now)
        return self._json(network, claim, now)

    def claimed(self, args: OneProject, now: int) -> dict[str, Any]:
        network, claim = self._named(args.listing, args.network)
        return self._json(network, claim, now)

    def stop(self, args: OneProject, now: int) -> dict[str, Any]:
        """Nothing more is asked for; what is waiting for the organiser may still become ours."""
        network, claim = self._named(args.listing, args.network)
        claim = self._store(replace(claim, wanted=0))
        return self._json(network, claim, now)

    # What happens by itself

    def changed(self, held: Held, now: int) -> None:
        """An exchange has changed: a claim was granted, or declined. Never raises."""
        claim = next((c for c in self._claims.values() if held.id in c.asked and c.network == held.network), None)
        if claim is None:
            return
        view = self._exchanges.view(held, now)
        if view.status in NEGOTIATING:
            return
        claim = replace(claim, asked=tuple(e for e in claim.asked if e != held.id))
        if view.agreed:
            claim = replace(claim, wanted=max(0, claim.wanted - 1))
        elif view.status is Status.DECLINED:
            claim = replace(claim, tried=(*claim.tried, held.first.listing[:PART_SIZE])[-MAX_TASKS:])
        else:
            claim = replace(claim, wanted=0, problem=view.reason or f"a claim was {view.status}")
        self._ask(self._state.networks[held.network], claim, now)

    def woke(self, now: int) -> None:
        """Called now and then: what could not be proposed for want of room is tried again."""
        for key in sorted(self._later):
            network, claim = self._state.networks.get(key[0]), self._claims.get(key)
            self._later.discard(key)
            if network is not None and claim is not None and len(claim.asked) < claim.wanted:
                self._ask(network, claim, now)

    # Parts

    def _named(self, text: str, name: str | None) -> tuple[Network, Claim]:
        network, record, listing = self._listings.find(text, name)
        if record.author == self._state.me:
            raise Refusal("refused", "this project is your own", "Others claim its tasks: `p2pnode project show`.")
        project = slot_hash(record.slot)
        found = self._claims.get((network.id, project))
        return network, found or Claim(network.id, record.author, project, listing.title)

    def _ask(self, network: Network, claim: Claim, now: int) -> Claim:
        """Propose to do as many more as are wanted, a few at a time. What cannot be proposed is left out."""
        for record in self._free(network, claim, now) if len(claim.asked) < claim.wanted else ():
            if len(claim.asked) >= min(claim.wanted, CLAIMS_AT_ONCE):
                break
            try:
                self._exchanges.check_room()
            except Refusal as e:  # of ours, not of this task: it is tried again
                self._later.add((claim.network, claim.project))
                return self._store(replace(claim, problem=e.message))
            try:
                listing = slot_hash(record.slot).hex()
                asked = self.propose(commands.Propose(listing=listing, network=network.id.hex()), now)
                claim = replace(claim, asked=(*claim.asked, bytes.fromhex(asked["exchange_id"])), problem="")
            except (Refusal, Reject) as e:
                tried = (*claim.tried, record.id[:PART_SIZE])[-MAX_TASKS:]
                claim = replace(claim, tried=tried, problem=e.message)
        if not claim.asked and claim.wanted:
            claim = replace(claim, wanted=0, problem=claim.problem or "nothing more of it is free")
        return self._store(claim)

    def _free(self, network: Network, claim: Claim, now: int) -> list[Record]:
        """The tasks that can still be claimed, in their order, as far as is known here."""
        mine = {h.first.name for h in self._exchanges.held.values() if self._is_ours(h, claim, now)}
        number = self._numbers(claim)
        found = []
        for record, listing in self._tasks(network, claim):
            tried = record.id[:PART_SIZE] in claim.tried
            if not (listing.paused or record.until <= now or record.name in mine or tried):
                found.append(record)
        return sorted(found, key=lambda r: (number.get(r.name, MAX_TASKS + 1), r.created, r.name))

    def _tasks(self, network: Network, claim: Claim) -> list[tuple[Record, Listing]]:
        """The project's tasks that stand: only its own author can make one."""
        rows = network.catalog.rows(kind="listing", author=claim.author)
        current = (self._listings.current(network, claim.author, row.name) for row in rows)
        part = claim.project[:PART_SIZE]
        return [pair for pair in current if pair is not None and parse_labels(pair[1].tags).part == part]

    def _is_ours(self, held: Held, claim: Claim, now: int) -> bool:
        """Whether this exchange is one of ours with the organiser that stands, is waited for, or is over and done."""
        if held.network != claim.network or held.first.proposer != self._state.me:
            return False
        if held.first.responder != claim.author:
            return False
        view = self._exchanges.view(held, now)
        return view.status in NEGOTIATING or (view.agreed and not view.came_to_nothing)

    def _waiting(self, claim: Claim, now: int) -> list[Exchange]:
        held = [self._exchanges.held[e] for e in claim.asked if e in self._exchanges.held]
        views = [self._exchanges.view(h, now) for h in held]
        return [view for view in views if view.status in NEGOTIATING]

    def _numbers(self, claim: Claim) -> dict[bytes, int]:
        return {task_name(claim.project, number): number for number in range(1, MAX_TASKS + 1)}

    def _let_go(self) -> None:
        """Of claims that came to their end, where there are many: all that is lost is what was tried."""
        over = [key for key, claim in self._claims.items() if not claim.wanted and not claim.asked]
        for key in over if len(self._claims) >= 2 * MAX_CLAIMED else ():
            del self._claims[key]
            self._state.journal.delete(CLAIMING + key[0] + key[1])

    def _store(self, claim: Claim) -> Claim:
        key = (claim.network, claim.project)
        self._claims[key] = claim
        value = encode(msgspec.to_builtins(claim, builtin_types=(bytes,)))
        self._state.journal.put(CLAIMING + claim.network + claim.project, value)
        return claim

    def _json(self, network: Network, claim: Claim, now: int) -> dict[str, Any]:
        number, rows = self._numbers(claim), []
        lost: dict[int, dict[str, Any]] = {}
        for held in self._exchanges.held.values():
            if held.first.name not in number:
                continue
            if self._is_ours(held, claim, now):
                view = self._exchanges.view(held, now)
                rows.append(
                    {
                        "number": number[held.first.name],
                        "title": view.terms.title,
                        "exchange_id": held.id.hex(),
                        "status": str(view.status),
                        "waits": view.status in NEGOTIATING,
                        "until": min(view.deadlines.values(), default=None),
                    }
                )
            elif held.first.proposer == self._state.me and held.network == claim.network:
                view = self._exchanges.view(held, now)
                if (missed := missed_work(view, claim.author)) is not None:
                    n = number[held.first.name]
                    row = {"number": n, "title": view.terms.title, "exchange_id": held.id.hex()}
                    lost[n] = {**row, "until": missed.until}
        ours = {row["number"] for row in rows}
        return {
            "listing_id": claim.project.hex(),
            "network": claim.network.hex(),
            "title": claim.title,
            "organiser": self._state.directory.name(claim.author),
            "tasks": sorted(rows, key=lambda row: row["number"]),
            "lost": [lost[n] for n in sorted(lost) if n not in ours],
            "waiting": len(self._waiting(claim, now)),
            "wanted": claim.wanted,
            "free": len(self._free(network, claim, now)),
            "problem": claim.problem or None,
        }
