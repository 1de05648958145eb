"""Attestations: ours are sealed until both have rated or the window is over; everybody's make the reputation."""

from collections.abc import Callable
from typing import Any

from ledger.agreement import check_agreement
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.halves import Keys, proof_of_deal, verify_with
from ledger.payloads import Settlement
from ledger.reputation import Attestation as Rated
from ledger.reputation import View
from ledger.tokens import Token
from p2pnode import commands
from p2pnode.bounds import RATING_WINDOW
from protocols.attestation import Attestation, commitment, parse_attestation, seal_attestation
from protocols.codec import decode, decode_as, encode, plain
from protocols.envelope import Record
from protocols.errors import Ignore, Refusal, Reject
from protocols.exchange import Status
from protocols.fact import parse_fact, verify_fact
from protocols.invite import parse_invite
from protocols.limits import HOUR
from protocols.redemption import parse_redemption
from protocols.vouch import parse_vouch

from .exchanges import Exchanges
from .held import Held, step_payload
from .keys import RATING
from .listings import Listings
from .settlements import Settlements
from .state import Network, State
from .vouches import Vouches

_RATEABLE = frozenset({Status.SETTLED, Status.CLOSED, Status.CANCELLED})


def check_attestation(
    record: Record, attestation: Attestation, entry_key: Keys, fact_key: Callable[[bytes, int], bytes | None]
) -> None:
    """`Reject` unless the proof shows an exchange of this author with the ratee: paid, or agreed by both.

    `Ignore` while a key that signed in it is not known here.
    """

    def keys(signed: Entry | Token) -> bytes | None:
        key = entry_key(signed)
        if key is None and fact_key(signed.author, signed.epoch) is None:
            raise Ignore("epoch", "a key in the proof has not arrived yet")
        return key

    entry = parse_entry(attestation.proof)
    parties = {record.author, attestation.ratee}
    if entry.network != record.network:
        raise Reject("context", "a proof of another network")
    if entry.kind in ("PAY_COMPLETE", "PAY_RECEIPT"):
        proof = proof_of_deal(entry, keys)
        shown, deal = {proof.payer, proof.payee}, proof.deal
    elif entry.kind == "AGREE":
        verify_with(entry, keys)
        said = settlement_of(entry)
        if said is None:
            raise Reject("field", "an agreement without its payload")
        fact = parse_fact(said.half)
        fact_signer = fact_key(fact.author, fact.epoch)
        if fact.epoch and fact_signer is None:
            raise Ignore("epoch", "a key in the proof has not arrived yet")
        verify_fact(fact, fact_signer)
        check_agreement(entry, said, fact)
        shown, deal = {entry.author, fact.author}, said.deal
    else:
        raise Reject("context", f"{entry.kind} proves no exchange")
    if shown != parties or deal != attestation.deal:
        raise Reject("context", "a proof of somebody else's exchange")


class Ratings:
    def __init__(
        self, state: State, exchanges: Exchanges, settlements: Settlements, listings: Listings, vouches: Vouches
    ) -> None:
        self._state = state
        self._exchanges = exchanges
        self._settlements = settlements
        self._listings = listings
        self._vouches = vouches
        self._sealed: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}  # (network, deal) → (since, payload)
        self._views: dict[bytes, tuple[object, View]] = {}
        cut = len(RATING)
        for key, value in state.journal.scan(RATING):
            since, payload = decode(value)
            self._sealed[key[cut : cut + 16], key[cut + 16 :]] = (since, payload)

    def attest(self, args: commands.Attest, now: int) -> dict[str, Any]:
        """Rate the other side of an exchange. It stays sealed until they have rated too, or the window is over."""
        held = self._exchanges.find(args.exchange)
        network = self._state.networks[held.network]
        view = self._exchanges.view(held, now)
        me = self._state.me
        other = view.counterparty(me)
        if not view.agreed or view.status not in _RATEABLE:
            raise Refusal(
                "conflict",
                f"this exchange is {view.status}",
                "Rate it when it is settled: see `p2pnode exchange show`.",
            )
        network.chain.check_ready()
        if me in view.rated or self._public(network, held.id):
            raise Refusal("conflict", "you have rated this exchange already", "One rating an exchange.")
        attestation = Attestation(
            deal=held.id,
            ratee=other,
            outcome=args.outcome,
            nonce=self._state.rng.randbytes(16),
            text=args.text,
            proof=self._proof(network, held),
        )
        seal_attestation(
            self._state.signer, network.id, attestation, created=now
        )  # what others would refuse stays here
        self._exchanges.check_room(held)
        sealed = commitment(attestation)
        network.chain.append("ATTEST", Settlement(other, 0, held.id, terms=sealed), None, now)
        payload = encode(plain(attestation))
        self._sealed[network.id, held.id] = (now, payload)
        self._state.journal.put(RATING + network.id + held.id, encode([now, payload]))
        prev = view.acceptance.id if view.acceptance else view.terms_fact.id
        self._exchanges.say(held, "rated", prev, step_payload(commitment=sealed), now)
        self.reveal(held, now)
        public = (network.id, held.id) not in self._sealed
        return {
            "exchange_id": held.id.hex(),
            "peer_id": self._state.directory.peer_id(other),
            "outcome": args.outcome,
            "text": args.text,
            "state": "published" if public else "sealed",
            "until": None if public else now + RATING_WINDOW,
        }

    def reveal(self, held: Held, now: int) -> None:
        """Publish our rating of an exchange, if both have rated or the window is over."""
        stored = self._sealed.get((held.network, held.id))
        if stored is None:
            return
        since, payload = stored
        if len(self._exchanges.view(held, now).rated) < 2 and now < since + RATING_WINDOW:
            return
        network = self._state.networks[held.network]
        del self._sealed[network.id, held.id]
        self._state.journal.delete(RATING + network.id + held.id, durable=True)
        if self._public(network, held.id):
            return
        attestation = decode_as(payload, Attestation)
        record = seal_attestation(self._state.signer, network.id, attestation, created=now)
        self._state.publish(network, record, now)

    def _public(self, network: Network, deal: bytes) -> bool:
        """Whether our rating is out already. After a restore it comes back from neighbours, and stands."""
        return network.catalog.get((self._state.me, "attestation", deal)) is not None

    def woke(self, now: int) -> None:
        for _, deal in list(self._sealed):
            if deal in self._exchanges.held:
                self.reveal(self._exchanges.held[deal], now)

    def next_wake(self) -> int | None:
        return min((since + RATING_WINDOW for since, _ in self._sealed.values()), default=None)

    def reputation(self, args: commands.Reputation, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        directory = self._state.directory
        mine = args.peer in (self._state.settings.name, self._state.settings.peer_id, "me", self._state.me.hex())
        subject = self._state.me if mine else directory.resolve(args.peer)
        score = self.view(network, now).score(subject)
        result: dict[str, Any] = {
            "peer_id": directory.peer_id(subject),
            "author": subject.hex(),
            "name": self._state.settings.name if mine else directory.name(subject),
            "score": round(score.score, 4),
            "confidence": round(score.confidence, 4),
            "limit": self._limit(network, subject),
            "misconduct": score.misconduct,
            "why": [],
        }
        if args.why:
            result["why"] = [
                {
                    "exchange_id": r.deal.hex(),
                    "rater": directory.peer_id(r.rater),
                    "rater_name": self._name(r.rater),
                    "outcome": r.outcome,
                    "trust": round(r.trust, 4),
                    "path": [directory.peer_id(a) for a in r.path],
                    "path_names": [self._name(a) for a in r.path],
                    "text": self._text(network, r.rater, r.deal),
                }
                for r in score.why
            ]
        return result

    def score(self, network: Network, author: bytes, now: int) -> float:
        return self.view(network, now).score(author).score

    def view(self, network: Network, now: int) -> View:
        """The trust graph from here, made anew when something in it changed."""
        version = self._version(network, now)
        cached = self._views.get(network.id)
        if cached is None or cached[0] != version:
            made = View(self._state.me, self._edges(network), self._ratings(network), now=now)
            self._views[network.id] = cached = (version, made)
        return cached[1]

    def _version(self, network: Network, now: int) -> object:
        rows = [r.id for k in ("attestation", "redemption") for r in network.catalog.rows(kind=k)]
        vouches = tuple(sorted(self._vouches.held_with(network.id)))
        return (now // HOUR, tuple(sorted(rows)), vouches)

    def _edges(self, network: Network) -> list[tuple[bytes, bytes]]:
        """Redeemed invites, countersigned by their inviters, and the vouches that we gave or took ourselves."""
        edges = [(other, self._state.me) for other in self._vouches.held_with(network.id)]
        for row in network.catalog.rows(kind="redemption"):
            record = self._listings.record_of(network, row.id)
            if record is not None and not record.withdrawn:
                edges.append((parse_invite(parse_redemption(record).invite).inviter, record.author))
        return edges

    def _ratings(self, network: Network) -> list[Rated]:
        found = []
        for row in network.catalog.rows(kind="attestation"):
            record = self._listings.record_of(network, row.id)
            if record is not None and not record.withdrawn:
                a = parse_attestation(record)
                if self._broken_seal(record, a):
                    continue
                found.append(Rated(record.author, a.ratee, a.deal, record.created, a.outcome))
        return found

    def _broken_seal(self, record: Record, attestation: Attestation) -> bool:
        """Whether this is not the rating that its author had sealed towards us: written after ours was open to read."""
        held = self._exchanges.held.get(attestation.deal)
        if held is None or record.author == self._state.me:
            return False
        promised = self._exchanges.commitments(held, record.author)
        return bool(promised) and commitment(attestation) not in promised

    def _proof(self, network: Network, held: Held) -> bytes:
        paid = self._settlements.proof(network.id, held.id)
        if paid is not None:
            return paid
        agreed = network.chain.entry(held.agreed_seq)
        if agreed is None:
            raise Refusal("failed", "the agreement is missing from the ledger", "`p2pnode ledger verify` says more.")
        return encode_entry(agreed)

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

    def _text(self, network: Network, rater: bytes, deal: bytes) -> str:
        row = network.catalog.get((rater, "attestation", deal))
        record = self._listings.record_of(network, row.id) if row else None
        return parse_attestation(record).text if record is not None and not record.withdrawn else ""

    def _name(self, author: bytes) -> str:
        return "you" if author == self._state.me else self._state.directory.name(author)
