"""Our own attestations: sealed until both have rated or the window is over, then published."""

from typing import Any

from msgspec.structs import replace

from dht.catalog import Row
from ledger.entry import encode_entry
from ledger.payloads import Settlement
from p2pnode import commands
from p2pnode.bounds import RATING_WINDOW
from protocols.attestation import Attestation, commitment, parse_attestation, seal_attestation
from protocols.codec import decode, decode_as, encode, plain
from protocols.errors import Refusal
from protocols.exchange import Status
from protocols.faults import RESERVED, marks
from protocols.limits import MAX_DIMENSIONS

from .carrying_over import CarryingOver
from .exchanges import Exchanges
from .held import Held, agreement, step_payload
from .keys import RATING
from .seals import Seals
from .settlements import Settlements
from .state import Network, State

_RATEABLE = frozenset({Status.SETTLED, Status.CLOSED, Status.CANCELLED, Status.DEFAULTED})


class Ratings:
    def __init__(self, state: State, exchanges: Exchanges, settlements: Settlements) -> None:
        self._state = state
        self._exchanges = exchanges
        self._settlements = settlements
        self._sealed: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}  # (network, deal) → (since, payload)
        cut = len(RATING)
        for key, value in state.journal.scan(RATING):
            since, payload = decode(value)
            self._sealed[key[cut : cut + 16], key[cut + 16 :]] = (since, payload)
        exchanges.rated = self.reveal
        self.seals = Seals(state, exchanges)
        self._carrying = CarryingOver(state)

    def attest(self, args: commands.Attest, now: int) -> dict[str, Any]:
        """Rate the other side of an exchange. It stays sealed until they have rated too, or the window is over."""
        held = self._exchanges.find(args.exchange)
        network = self._state.networks[held.network]
        view = self._exchanges.view(held, now)
        me = self._state.me
        if me not in view.terms.parties:
            raise Refusal("conflict", "only its parties rate an exchange", "What its mediator decided stands in it.")
        other = view.counterparty(me)
        if not view.agreed or view.status not in _RATEABLE:
            raise Refusal(
                "conflict",
                f"this exchange is {view.status}",
                "Rate it when it is settled, cancelled or defaulted: see `p2pnode exchange show`.",
            )
        args = replace(args, dimensions=_said_besides(network, marks(view, me), args.dimensions))
        network.chain.check_ready()
        public = self._public(network, held.id)
        if public is not None and args.again:
            return self._correct(network, held, args, public, now)
        if me in view.rated or public is not None:
            hint = "It can be corrected once it is open: --again." if public is None else "To correct it: --again."
            raise Refusal("conflict", "you have rated this exchange already", hint)
        if args.again:
            raise Refusal("conflict", "you have not rated this exchange yet", "Leave --again out.")
        attestation = Attestation(
            deal=held.id,
            ratee=other,
            outcome=args.outcome,
            nonce=self._state.rng.randbytes(16),
            dimensions=dict(sorted(args.dimensions.items())),
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
        opened = (network.id, held.id) not in self._sealed
        return self._said(held, other, args, opened, now)

    def _correct(self, network: Network, held: Held, args: commands.Attest, row: Row, now: int) -> dict[str, Any]:
        """A new revision of our rating. Its commitment is said beforehand, as an older node asks for it."""
        record = self._state.record_of(network, row.id)
        if record is None:
            raise Refusal("failed", "your rating is missing from the disk", "`p2pnode run` again, with neighbours.")
        old = parse_attestation(record)
        said = {"outcome": args.outcome, "text": args.text, "dimensions": dict(sorted(args.dimensions.items()))}
        if said == {name: getattr(old, name) for name in said}:
            raise Refusal("conflict", "that is what you have said already", "`p2pnode reputation PEER --why` shows it.")
        new = replace(old, nonce=self._state.rng.randbytes(16), **said)
        created = max(now, record.created)
        revised = seal_attestation(self._state.signer, network.id, new, created=created, revision=record.revision + 1)
        self._exchanges.check_room(held)
        view, sealed = self._exchanges.view(held, now), commitment(new)
        network.chain.append("ATTEST", Settlement(old.ratee, 0, held.id, terms=sealed), None, now)
        self._exchanges.say(held, "rated", agreement(view), step_payload(commitment=sealed), now)
        self._state.publish(network, revised, now)
        return self._said(held, old.ratee, args, True, now)

    def _said(self, held: Held, other: bytes, args: commands.Attest, public: bool, now: int) -> dict[str, Any]:
        return {
            "exchange_id": held.id.hex(),
            "peer_id": self._state.directory.peer_id(other),
            "outcome": args.outcome,
            "text": args.text,
            "dimensions": args.dimensions,
            "state": "published" if public else "sealed",
            "until": None if public else now + RATING_WINDOW,
        }

    def reveal(self, held: Held, now: int) -> None:
        """Publish our rating of an exchange, if both have rated or the window is over."""
        stored = self._sealed.get((held.network, held.id))
        view = self._exchanges.view(held, now)
        if stored is None:
            return self.seals.look(self._state.networks[held.network], held, view.counterparty(self._state.me))
        since, payload = stored
        if len(view.rated) < 2 and now < since + RATING_WINDOW:
            return
        network = self._state.networks[held.network]
        other = view.counterparty(self._state.me)
        self.seals.pin(network, held, view.rated.get(other, b""), other)
        del self._sealed[network.id, held.id]
        self._state.journal.delete(RATING + network.id + held.id, durable=True)
        if self._public(network, held.id) is not None:
            return
        attestation = decode_as(payload, Attestation)
        record = seal_attestation(self._state.signer, network.id, attestation, created=now)
        self._state.publish(network, record, now)

    def _public(self, network: Network, deal: bytes) -> Row | None:
        """Our rating, if it is out already. After a restore it comes back from neighbours, and stands."""
        return network.catalog.get((self._state.me, "attestation", deal))

    def woke(self, now: int) -> None:
        self._carrying.woke(now)
        for _, deal in list(self._sealed):
            if deal in self._exchanges.held:
                self.reveal(self._exchanges.held[deal], now)

    def next_wake(self) -> int | None:
        times = [since + RATING_WINDOW for since, _ in self._sealed.values()]
        return min([*times, *([] if (at := self._carrying.next_wake()) is None else [at])], default=None)

    def _proof(self, network: Network, held: Held) -> bytes:
        paid = self._settlements.proof(network.id, held.id)
        if paid is not None:
            return paid
        agreed = network.chain.entry(held.agreed_seq)
        if agreed is None:
            raise Refusal("failed", "the agreement is missing from the ledger", "`p2pnode ledger verify` says more.")
        return encode_entry(agreed)


def _said_besides(network: Network, shown: dict[str, int], said: dict[str, int]) -> dict[str, int]:
    """What a rating says besides its outcome: along the network's dimensions what our user says, and the faults that
    the exchange shows, unless he says 0 of one. shown: these, by their reserved names."""
    own = {name: value for name, value in said.items() if name not in RESERVED}
    _check_dimensions(network, own)
    for name in sorted(said.keys() - own.keys()):
        if said[name] > 0 or (said[name] and name not in shown):
            why = "is a fault: -1 or -2, or 0 to leave it out" if name in shown else "is not what this exchange shows"
            raise Refusal("usage", f"{name} {why}", "`p2pnode exchange show` says what went wrong.")
    faults = {name: said.get(name, value) for name, value in shown.items()}
    besides = {**own, **{name: value for name, value in faults.items() if value}}
    return dict([*besides.items()][:MAX_DIMENSIONS])


def _check_dimensions(network: Network, said: dict[str, int]) -> None:
    """`Refusal` for one that this network does not have."""
    known = network.dimensions
    for name in said:
        if name not in known:
            names = f"It has {', '.join(known)}." if known else "It has none: say it in --text."
            raise Refusal("usage", f"{name} is nothing that is rated in {network.genesis.name}", names)
