"""Who is proven to have broken a rule, what follows from it here, and that everybody hears of it.

A proof comes in a record of somebody's, or is made here of what this node sees: two entries of one author in one place,
figures that do not follow. It is checked in either case, kept apart from the record that brought it (which a crowd of
other finders could push out), and what our node finds first it publishes. Nobody's word counts: each proof stands by
itself. Our own node publishes nothing against itself; `recovery` deals with that.

What follows is decided where it happens: `frozen` says of whom. Our user may pardon, for this node alone.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from ledger.entry import Entry, parse_entry
from ledger.halves import nested
from ledger.misconduct import (
    OF_LEDGER,
    Evidence,
    booking_of,
    check_misconduct,
    evidence_between,
    evidence_of,
    parse_rebutted,
)
from ledger.tokens import Token
from p2pnode import commands
from p2pnode.bounds import MAX_CONVICTED, MAX_REBUTTALS
from protocols.attestation import parse_attestation
from protocols.codec import decode, encode
from protocols.double_booking import check_rebuttal
from protocols.envelope import Record
from protocols.errors import Ignore, Refusal, Reject
from protocols.limits import DURABLE_LIFETIME
from protocols.misconduct import (
    DOUBLE_BOOKING,
    FORK,
    KIND,
    REBUTTAL,
    Misconduct,
    fact_name,
    parse_misconduct,
    seal_misconduct,
)

from .effects import Emit
from .keys import CONVICTED, KEPT, PARDON
from .revising import next_revision
from .state import Network, State

MAX_NAMED: Final = 3  # in `status`


class Fact(msgspec.Struct):
    """A proof that held. finder, at: whose record was the first here, and when it came, ms; text: what it shows;
    epoch: of the accused's key when it was checked last, ended: and by then a rotation had ended the key in it;
    rebuttals: what was shown against a double booking."""

    said: Misconduct
    finder: bytes
    at: int
    text: str
    epoch: int
    rebuttals: list[bytes] = msgspec.field(default_factory=list)
    over: bool = False
    ended: bool = False


class Pardon(msgspec.Struct, frozen=True):
    """at: ms; reason: our user's words."""

    at: int
    reason: str


class Convictions:
    def __init__(self, state: State) -> None:
        self._state = state
        state.convictions = self
        self._facts: dict[bytes, dict[bytes, Fact]] = {}  # network → name of the fact → proof
        self._pardons: dict[tuple[bytes, bytes], Pardon] = {}  # (network, accused)
        self._found: list[tuple[bytes, Evidence]] = []  # of this step, by network: not yet published
        self.at_stake: Callable[[Network, bytes], int] = lambda network, author: 0  # what we vouch for somebody with
        cut = len(CONVICTED)
        for key, value in state.journal.scan(CONVICTED):
            accused, what, place, proof, finder, at, rebuttals = decode(value)
            network = state.networks.get(key[cut : cut + 16])
            if network is not None:
                said = Misconduct(accused, what, proof, place)
                self._hold(network, key[cut + 16 :], said, finder, at, rebuttals, stored=True)
        for key, value in state.journal.scan(PARDON):
            at, reason = decode(value)
            self._pardons[key[len(PARDON) :][:16], key[len(PARDON) + 16 :]] = Pardon(at, reason)

    # What is proven

    def judge(self, network: Network, said: Misconduct) -> None:
        """`Reject` unless the proof holds; `Ignore` where a key in it is not known, or was replaced before."""
        self._check(network, said)

    def learned(self, network: Network, record: Record, now: int) -> None:
        """A record is new here, and not withdrawn: a proof that holds, or one of something else that may show more."""
        if record.kind == "attestation":
            self.shown(parse_entry(parse_attestation(record).proof))
        if record.kind != KIND:
            return
        said = parse_misconduct(record)
        if said.what == REBUTTAL:
            self._rebutted(network, said, now)
        elif self._check(network, said) and self._hold(network, record.name, said, record.author, now, []):
            self._store(network, record.name)
            self._tell(network, said.accused)

    def accused(self, network: bytes) -> frozenset[bytes]:
        """Authors whose misconduct is proven, but for those whom our user has pardoned."""
        return frozenset(
            f.said.accused
            for f in list(self._facts.get(network, {}).values())
            if self._stands(network, f) and (network, f.said.accused) not in self._pardons
        )

    def proofs(self, network: bytes, author: bytes) -> list[Fact]:
        """What is proven of an author, pardoned or not, the oldest first."""
        facts = self._facts.get(network, {}).values()
        return sorted((f for f in facts if f.said.accused == author and self._stands(network, f)), key=lambda f: f.at)

    def pardon(self, network: bytes, author: bytes) -> Pardon | None:
        return self._pardons.get((network, author))

    # What follows

    def frozen(self, network: bytes, author: bytes) -> bool:
        """Whether nothing new is begun with this author by itself."""
        return (network, author) not in self._pardons and bool(self.proofs(network, author))

    def check(self, network: Network, authors: Iterable[bytes], hint: str, role: str = "") -> None:
        """`Refusal` if something new is to begin with one of these. role: what they are to be in it, for people."""
        for author in sorted(set(authors) - {self._state.me}):
            if self.frozen(network.id, author):
                name = self._state.directory.name(author)
                why = self.proofs(network.id, author)[0].text
                whose = f"{name}, {role}" if role else name
                raise Refusal("refused", f"proven misconduct of {whose}: {why}", hint)

    # What this node finds

    def saw(self, entry: Entry, others: Iterable[Entry] = ()) -> None:
        """Somebody's entry, and others of the same chain. Signatures are checked before anything comes of it."""
        network = self._state.networks.get(entry.network)
        if network is None or entry.author == self._state.me:
            return
        by_itself = evidence_of(entry, network.genesis.endowment(entry.author))
        found = [by_itself] if by_itself is not None else []
        for other in others:
            between = evidence_between(entry, other)
            if between is not None:
                found.append(between)
        self._found += [(entry.network, each) for each in found]

    def arrived(self, entry: Entry, *others: Entry | None) -> None:
        """Somebody's entry, beside those that are kept of its chain, and others of it."""
        beside = (self._kept(entry, seq) for seq in range(max(0, entry.seq - 1), entry.seq + 2))
        self.saw(entry, [e for e in (*others, *beside) if e is not None])

    def shown(self, entry: Entry) -> None:
        """An entry that somebody sends or shows as a proof of something, and those in it."""
        try:
            for each in nested(entry):
                self.arrived(each)
        except Reject:
            return  # an AGREE holds a fact, not an entry

    def publish_due(self, now: int) -> None:
        """Publish what this step has found: of one author one fact, a fork rather than what comes of it. Called after
        each step."""
        waiting, self._found = self._found, []
        for network_id, evidence in sorted(waiting, key=lambda found: found[1].what != FORK):
            network = self._state.networks[network_id]
            said = Misconduct(evidence.accused, evidence.what, evidence.proof)
            if not any(f.said.what in OF_LEDGER for f in self.proofs(network_id, said.accused)):
                try:
                    if self._check(network, said):
                        self._publish(network, said, now)
                except (Reject, Ignore):
                    continue  # signed by a key that counted no more, or by nobody

    def woke(self, now: int) -> None:
        """What convicts somebody and has been pushed out, or was withdrawn, is published anew, by whoever holds it."""
        for network in self._state.joined:
            for name, fact in list(self._facts.get(network.id, {}).items()):
                if fact.at + DURABLE_LIFETIME <= now:
                    del self._facts[network.id][name]
                    self._state.journal.delete(CONVICTED + network.id + name)
                    continue
                there = any(r.name == name and not r.withdrawn for r in network.catalog.rows(kind=KIND))
                if not there and self._stands(network.id, fact) and fact.said.accused != self._state.me:
                    self._publish(network, fact.said, now)

    def accuse(self, args: commands.Accuse, now: int) -> dict[str, Any]:
        """Our user has a challenge of a double booking, or what rebuts one: for everybody to see."""
        network = self._state.network(args.network)
        try:
            said = booking_of(args.challenge, args.rebuttals)
            self._check(network, said)
        except (Reject, Ignore) as e:
            why = e.message or e.code
            raise Refusal("failed", f"this cannot be published: {why}", "`p2pnode challenge check` says more.") from e
        if said.accused == self._state.me and said.what == DOUBLE_BOOKING:
            raise Refusal("refused", "nobody accuses himself", "Talk to those whom you have promised too much.")
        self._publish(network, said, now)
        directory = self._state.directory
        return {"peer_id": directory.peer_id(said.accused), "name": directory.name(said.accused), "what": said.what}

    # Our user

    def forgive(self, args: commands.Forgive, now: int) -> dict[str, Any]:
        """Go on with somebody all the same, on this node alone; or take that back."""
        network = self._state.network(args.network)
        author = self._state.directory.resolve(args.peer)
        key = PARDON + network.id + author
        if args.reason is None:
            if self._pardons.pop((network.id, author), None) is not None:
                self._state.journal.delete(key, durable=True)
        elif not self.proofs(network.id, author):
            raise Refusal("not_found", "nothing is proven against this peer here", "There is nothing to forgive.")
        else:
            self._pardons[network.id, author] = Pardon(now, args.reason)
            self._state.journal.put(key, encode([now, args.reason]))
        return {"peer_id": self._state.directory.peer_id(author), **self.json(network, author)}

    def json(self, network: Network, author: bytes) -> dict[str, Any]:
        """What `reputation` says of it: each proof, who found it and when, and whether our user has pardoned."""
        directory, pardon = self._state.directory, self.pardon(network.id, author)
        return {
            "proofs": [
                {
                    "what": f.said.what,
                    "text": f.text,
                    "finder": directory.peer_id(f.finder),
                    "finder_name": "you" if f.finder == self._state.me else directory.name(f.finder),
                    "at": f.at,
                }
                for f in self.proofs(network.id, author)
            ],
            "forgiven": None if pardon is None else {"at": pardon.at, "reason": pardon.reason},
        }

    def warnings(self, now: int) -> list[str]:
        """A line for each of the newest; and for each of those for whom we vouch."""
        found, rest = list[str](), 0
        for network in self._state.joined:
            facts = [f for f in self._facts.get(network.id, {}).values() if self._stands(network.id, f)]
            newest = {f.said.accused: f for f in sorted(facts, key=lambda f: f.at)}
            for author, fact in reversed(newest.items()):
                stake = self.at_stake(network, author)
                if (network.id, author) in self._pardons:
                    continue
                if len(found) >= MAX_NAMED and not stake:
                    rest += 1
                    continue
                name = self._state.directory.name(author)
                risk = f"; you vouch with {network.money(stake)}, which is at risk" if stake else ""
                if author == self._state.me:
                    found.append(f"others hold proof against you: {fact.text}. p2pnode reputation me --why")
                    continue
                found.append(
                    f"proven misconduct of {name}: {fact.text}{risk}. Nothing new is begun with them: "
                    f"p2pnode reputation {name} --why"
                )
        return [*found, f"proven misconduct of {rest} more"] if rest else found

    def _check(self, network: Network, said: Misconduct) -> str:
        """What it shows, in words; empty for a kind of a version to come."""

        def keys(signed: Entry | Token) -> bytes | None:
            key = self._state.entry_key(signed)
            if key is None:
                raise Ignore("epoch", "a key in the proof is not known here, or was replaced before")
            return key

        shown = check_misconduct(said, network.id, network.genesis.endowment(said.accused), keys)
        return shown.text if shown is not None else ""

    def _epoch(self, author: bytes) -> int:
        known = self._state.key_states.get(author)
        return 0 if known is None else known.epoch

    def _stands(self, network_id: bytes, fact: Fact) -> bool:
        """A rotation that came since may have ended the key in it before that entry: what a thief signed with it
        convicts nobody."""
        epoch = self._epoch(fact.said.accused)
        if fact.epoch != epoch:
            try:
                self._check(self._state.networks[network_id], fact.said)
                fact.ended = False
            except (Reject, Ignore):
                fact.ended = True
            fact.epoch = epoch
        return not fact.over and not fact.ended

    def _hold(
        self,
        network: Network,
        name: bytes,
        said: Misconduct,
        finder: bytes,
        at: int,
        rebuttals: list[bytes],
        stored: bool = False,
    ) -> bool:
        """Whether it is new here, and there is room for it. stored: it had room before."""
        facts = self._facts.setdefault(network.id, {})
        before = facts.get(name)
        if before is not None and self._stands(network.id, before):
            return False
        if before is None and not stored and not self._room(network, said.accused):
            return False
        try:
            text = self._check(network, said)
        except (Reject, Ignore):
            return False
        fact = Fact(
            said, finder, at, text, self._epoch(said.accused), rebuttals or (before.rebuttals if before else [])
        )
        facts[name] = fact
        self._weigh(fact)
        return not fact.over

    def _room(self, network: Network, accused: bytes) -> bool:
        """Strangers' forks of their own identities cannot use up the room for those of members. Where it is full, who
        is accused most often gives way, since one proof convicts him as well as a thousand."""
        if sum(map(len, self._facts.values())) < (MAX_CONVICTED if network.member(accused) else MAX_CONVICTED // 4):
            return True
        of_each: dict[tuple[bytes, bytes], list[bytes]] = {(network.id, accused): []}
        for id_, facts in self._facts.items():
            for name, fact in facts.items():
                of_each.setdefault((id_, fact.said.accused), []).append(name)
        id_, most = max(of_each, key=lambda each: (len(of_each[each]), each))
        facts, names = self._facts[id_], of_each[id_, most]
        if len(names) <= len(of_each[network.id, accused]) + 1:
            return False
        standing = [name for name in names if self._stands(id_, facts[name])]
        surplus = standing if len(standing) > 1 else [name for name in names if name not in standing]
        gone = max(surplus, key=lambda name: (facts[name].at, name))
        del facts[gone]
        self._state.journal.delete(CONVICTED + id_ + gone)
        return True

    def _weigh(self, fact: Fact) -> None:
        if fact.said.what != DOUBLE_BOOKING or not fact.rebuttals:
            return
        try:
            check_rebuttal(fact.said.proof, fact.rebuttals)
            fact.over = True
        except Reject:
            fact.over = False

    def _rebutted(self, network: Network, said: Misconduct, now: int) -> None:
        """What rebuts a double booking is here: held beside it, should the proof come later too."""
        name = fact_name(said.accused, DOUBLE_BOOKING, said.place)
        challenge, shown = parse_rebutted(said.proof)
        facts = self._facts.setdefault(network.id, {})
        fact = facts.get(name)
        if fact is None:
            proof = Misconduct(said.accused, DOUBLE_BOOKING, challenge, said.place)
            self._hold(network, name, proof, said.accused, now, list(shown))
        else:
            fact.rebuttals += [s for s in shown if s not in fact.rebuttals][: MAX_REBUTTALS - len(fact.rebuttals)]
            self._weigh(fact)
        if name in facts:
            self._store(network, name)

    def _kept(self, entry: Entry, seq: int) -> Entry | None:
        full = self._state.journal.get(KEPT + entry.network + entry.author + seq.to_bytes(8, "big"))
        return None if full is None else parse_entry(full)

    def _publish(self, network: Network, said: Misconduct, now: int) -> None:
        row = network.catalog.get((self._state.me, KIND, fact_name(said.accused, said.what, said.place)))
        dated = next_revision(row, now, now + DURABLE_LIFETIME, DURABLE_LIFETIME)
        record = seal_misconduct(self._state.signer, network.id, said, created=dated.created, revision=dated.revision)
        try:
            self._state.publish(network, record, now)
        except Refusal:  # no room in the catalog: it counts here all the same
            self.learned(network, record, now)

    def _store(self, network: Network, name: bytes) -> None:
        f = self._facts[network.id][name]
        row = [f.said.accused, f.said.what, f.said.place, f.said.proof, f.finder, f.at, f.rebuttals]
        self._state.journal.put(CONVICTED + network.id + name, encode(row), durable=False)

    def _tell(self, network: Network, accused: bytes) -> None:
        told = {"network": network.id.hex(), "author": accused.hex(), "name": self._state.directory.name(accused)}
        self._state.journal.out(Emit("misconduct", told))
