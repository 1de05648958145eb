"""How far this node can trust somebody, and why: read from the attestations, redemptions and vouches that it holds."""

from collections import Counter
from functools import partial
from typing import Any, Final

from ledger.opinions import Attestation as Rated
from ledger.opinions import Book
from ledger.reputation import Score, Settings, Standpoint, View
from p2pnode import commands
from protocols.attestation import KIND, parse_attestation
from protocols.faults import RESERVED, faults
from protocols.invite import parse_invite
from protocols.limits import HOUR
from protocols.redemption import parse_redemption
from protocols.vouch import parse_vouch

from .exchanges import Exchanges
from .exposures import Exposures
from .listings import Listings
from .rated import Change, Ratings
from .seals import Seals
from .state import Network, State
from .trust_graph import TrustGraph
from .vouches import Vouches

RULE: Final = Settings()


class Reputations:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings, vouches: Vouches, seals: Seals) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self._vouches = vouches
        self._seals = seals
        self._views: dict[bytes, _Standing] = {}  # by network
        self.exposures = Exposures(state, exchanges, listings, self.read)
        self.graph = TrustGraph(state, vouches, self.exposures, self.view)
        self._read: dict[bytes, Ratings] = {}  # by network
        self._known: dict[bytes, tuple[object, list[tuple[bytes, bytes]]]] = {}  # by network, for which version

    def reputation(self, args: commands.Reputation, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        directory = self._state.directory
        mine = args.peer in (self._state.settings.name, self._state.settings.peer_id, "me", self._state.me.hex())
        subject = self._state.me if mine else directory.resolve(args.peer)
        view = self.view(network, now)
        score = view.score(subject)
        result: dict[str, Any] = {
            "peer_id": directory.peer_id(subject),
            "author": subject.hex(),
            "name": self._state.settings.name if mine else directory.name(subject),
            "score": round(score.score, 4),
            "confidence": round(score.confidence, 4),
            "limit": self._limit(network, subject),
            "trust": round(view.trust(subject), 4),
            "path": [directory.peer_id(a) for a in view.path(subject)],
            "path_names": [self._name(a) for a in view.path(subject)],
            "misconduct": score.misconduct,
            "exposure": self.exposures.json(network, subject, now),
            **self._state.convictions.json(network, subject),
            "why": [],
        }
        if args.why:
            result["unheard"] = view.unheard(subject)
            result["mood"] = round(view.mood, 4)
            result["dimensions"] = self._dimensions(network, score, subject, now)
            result["faults"] = self._faults(network, score, subject, now)
            result["why"] = [
                {
                    "exchange_id": r.deal.hex(),
                    "rater": directory.peer_id(r.rater),
                    "rater_name": self._name(r.rater),
                    "ratee": directory.peer_id(r.ratee),
                    "ratee_name": self._name(r.ratee),
                    "outcome": r.outcome,
                    "trust": round(r.trust, 4),
                    "path": [directory.peer_id(a) for a in r.path],
                    "path_names": [self._name(a) for a in r.path],
                    **self._besides(network, r.rater, r.deal),
                }
                for r in score.why
            ]
        return result

    def score(self, network: Network, author: bytes, now: int) -> float:
        return self.view(network, now).score(author).score

    def view(self, network: Network, now: int) -> View:
        """The trust graph from here. Of what comes and goes only the pairs that it is about are made anew; the whole
        once an hour, when the words fade, and when who knows or accused whom has changed."""
        hour = now // HOUR * HOUR
        accused, edges, read = self._state.convictions.accused(network.id), self._edges(network), self.read(network)
        version, changes, me = (hour, accused, edges), read.take(), self._state.me
        standing = self._views.get(network.id)
        if standing is None or standing.version != version or changes is None:
            # Our own misconduct does not blind us: we go on seeing what we saw.
            book = Book(edges, read.counted.values(), accused - {me}, hour, RULE.half_life)
            self._views[network.id] = standing = _Standing(version, book, me, me in accused)
        else:
            standing.follow(changes)
        return standing.view

    def _edges(self, network: Network) -> list[tuple[bytes, bytes]]:
        """Redeemed invites, countersigned by their inviters, and the vouches that we gave or took ourselves."""
        vouched = self._vouches.held_with(network.id)
        version = (network.catalog.changes("redemption"), frozenset(vouched))
        known = self._known.get(network.id)
        if known is not None and known[0] == version:
            return known[1]
        edges = [(other, self._state.me) for other in vouched]
        for row in network.catalog.rows(kind="redemption"):
            record = self._listings.record_of(network, row.id)
            if record is not None and not record.withdrawn:
                edges.append((parse_invite(parse_redemption(record).invite).inviter, record.author))
        self._known[network.id] = (version, edges)
        return edges

    def read(self, network: Network) -> Ratings:
        """What is held that all have said of each other, as it counts here."""
        read = self._read.get(network.id)
        if read is None:
            read = Ratings(network, partial(self._listings.record_of, network), self._seals)
            self._read[network.id] = read
        read.renew()
        return read

    def ratings(self, network: Network) -> list[Rated]:
        """What counts of it: all but what broke its seal."""
        return list(self.read(network).counted.values())

    def _limit(self, network: Network, subject: bytes) -> dict[str, Any] | None:
        """The network's limit of a subject as far as it shows from here: exactly for ourselves, else the endowment
        and what is publicly vouched for it."""
        unit = network.genesis.unit
        if subject == self._state.me:
            return {"amount": network.chain.state.limit, "unit": unit}
        total = network.genesis.endowment(subject)
        for row in network.catalog.rows(kind="vouch"):
            if row.name == subject and not row.withdrawn:
                record = self._listings.record_of(network, row.id)
                total += parse_vouch(record).amount if record else 0
        return {"amount": total, "unit": unit}

    def _dimensions(self, network: Network, score: Score, subject: bytes, now: int) -> dict[str, Any]:
        """What has been said of the subject along the network's dimensions: of each rater one average, which fades as
        his outcomes do, and of these one by the weight of his word. What the genesis does not name is passed over."""
        half_life = RULE.half_life
        told: dict[str, dict[bytes, list[tuple[float, int]]]] = {}
        trust = {reason.rater: reason.trust for reason in score.why}
        for reason in score.why:
            row = network.catalog.get((reason.rater, KIND, reason.deal))
            record = self._listings.record_of(network, row.id) if row else None
            if record is None or record.withdrawn or reason.ratee != subject or not trust[reason.rater]:
                continue
            fade = 2.0 ** (min(0, record.created - now) / half_life)
            for name, said in parse_attestation(record).dimensions.items():
                if name in network.dimensions:
                    told.setdefault(name, {}).setdefault(reason.rater, []).append((fade, said))
        found = {}
        for name in network.dimensions:
            means = {r: sum(f * s for f, s in said) / sum(f for f, _ in said) for r, said in told.get(name, {}).items()}
            weight = sum(trust[rater] for rater in means)
            if means:
                average = sum(trust[rater] * mean for rater, mean in means.items()) / weight
                found[name] = {"average": round(average, 2), "voices": round(weight, 2), "raters": len(means)}
        return found

    def _faults(self, network: Network, score: Score, subject: bytes, now: int) -> dict[str, Any]:
        """How often the subject was late, or worse: `own` in exchanges with us, as these show it themselves; `said` by
        those who dealt with it, which is their word, and told only of those whose word counts here."""
        me, own, said = self._state.me, Counter[str](), dict[str, list[bytes]]()
        rated = (self._exchanges.get(reason.deal) for reason in score.why if me in (reason.rater, reason.ratee))
        deals = {held.id: held for held in (*self._exchanges.held.values(), *rated) if held is not None}
        for held in deals.values():
            view = self._exchanges.view(held, now)
            if held.network == network.id and me in view.terms.parties and subject in view.terms.parties:
                own.update(str(f.kind) for f in faults(view) if f.by == subject and f.kind in RESERVED)
        for reason in score.why:
            row = network.catalog.get((reason.rater, KIND, reason.deal))
            record = self._listings.record_of(network, row.id) if row else None
            if record is None or record.withdrawn or reason.ratee != subject or not reason.trust:
                continue
            if me in (reason.rater, subject):  # our own exchanges say it themselves
                continue
            for name, value in parse_attestation(record).dimensions.items():
                if name in RESERVED and value < 0:
                    said.setdefault(name, []).append(reason.rater)
        told = {name: {"times": len(r), "raters": len(set(r))} for name, r in sorted(said.items())}
        return {"own": dict(sorted(own.items())), "said": told}

    def _besides(self, network: Network, rater: bytes, deal: bytes) -> dict[str, Any]:
        """What a rating says beside its outcome: in words, and along the network's dimensions."""
        row = network.catalog.get((rater, KIND, deal))
        record = self._listings.record_of(network, row.id) if row else None
        if record is None or record.withdrawn:
            return {"text": "", "dimensions": {}}
        said = parse_attestation(record)
        named = {name: said.dimensions[name] for name in network.dimensions if name in said.dimensions}
        return {"text": said.text, "dimensions": named}

    def _name(self, author: bytes) -> str:
        return "you" if author == self._state.me else self._state.directory.name(author)


class _Standing:
    """A book, and the view of it from here."""

    def __init__(self, version: object, book: Book, me: bytes, guilty: bool) -> None:
        self.version = version
        self._book = book
        self._me = me
        self._guilty = guilty
        self._look()

    def follow(self, changes: list[Change]) -> None:
        for gone, come in changes:
            if gone is not None:
                self._book.remove(gone)
            if come is not None:
                self._book.add(come)
        if self._book.turns != self._turns:
            self._look()
        elif changes:
            self.view = View.of(self._book, self._from, RULE, self._guilty)

    def _look(self) -> None:
        self._turns = self._book.turns
        self._from = Standpoint(self._book.graph, self._me, RULE.restart)
        self.view = View.of(self._book, self._from, RULE, self._guilty)
