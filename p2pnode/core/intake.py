"""The validation ladder for records: one order for everything that comes in, each rung a function.

    size → (tokens: the host's) → decode → seen → fields → context → age → signature → quota

ACCEPT is a normal return, IGNORE is `Ignore` (costs nobody anything), REJECT is `Reject` (costs the peer).
"""

from collections.abc import Callable, Sequence
from functools import partial

from dht.catalog import Verdict
from dht.keys import covers
from ledger.entry import Entry
from ledger.halves import first_key
from ledger.tokens import Token
from protocols.attestation import parse_attestation
from protocols.blocklist import parse_blocklist
from protocols.envelope import Record, parse_record, verify_record
from protocols.errors import Ignore, Reject
from protocols.identity import (
    Claim,
    KeyState,
    Rotation,
    Verify,
    digest,
    initial_state,
    parse_inception,
    rotated,
    verify_in_turn,
)
from protocols.invite import parse_invite
from protocols.lease import parse_lease
from protocols.limits import MAX_RECORD, MAX_SKEW
from protocols.listing import parse_listing
from protocols.misconduct import Misconduct, parse_misconduct
from protocols.profile import parse_profile
from protocols.redemption import Redemption, parse_redemption, verify_redemption
from protocols.rotation import parse_rotation, rotation_name
from protocols.vouch import parse_vouch

from .effects import Reindex
from .keys import FLOOR, KEY_STATE, RECORD
from .rating_proof import check_attestation
from .rotations import encode_key_state
from .state import Network, State

Outcome = Record | Reject | Ignore

_FIRST = {"rotation": 0, "redemption": 1}  # kinds that others rest on, in their turn
_PROVED = ("attestation", "misconduct")  # kinds that hold what others have signed


class Intake:
    """Takes records in, from peers and from our own hand, and keeps store, catalog, directory and index in step."""

    def __init__(self, state: State, verify: Verify = verify_in_turn) -> None:
        self._state = state
        self._verify = verify
        self.contested: Callable[[Network, Record, int], bool] = lambda network, record, now: False  # set by the core
        self.judge: Callable[[Network, Misconduct], None]  # likewise: `Reject`, `Ignore` what does not hold
        self.learned: Callable[[Network, Record, int], None]  # likewise: what a new record proves beside what it says

    def take(self, network: Network, wire: bytes, now: int) -> Record:
        """A record that a peer sent: stored and in the catalog, or `Ignore` or `Reject`."""
        record = self.check(network, wire, now)
        return self.admit(network, record, now)

    def take_all(self, network: Network, wires: Sequence[bytes], now: int) -> list[Outcome]:
        """`take` for many at once, with what it raises in place of a record; signatures are checked together.

        What others rest on goes before them, wherever it stands, one by one: rotations, then redemptions, an older
        one first, since who invites is in already. What is checked with other people's keys comes last.
        """
        outcomes: dict[int, Outcome] = {}
        records: dict[int, Record] = {}
        for place, wire in enumerate(wires):
            try:
                _size(wire)
                records[place] = parse_record(wire)
            except Reject as e:
                outcomes[place] = e
        first = [place for place, record in records.items() if record.kind in _FIRST]
        for place in sorted(first, key=lambda p: (_FIRST[records[p].kind], records[p].epoch, records[p].created)):
            outcomes[place] = self._outcome(self._take, network, records[place], now)
        waiting: list[tuple[int, Claim]] = []
        for place, record in records.items():
            if place not in outcomes and record.kind not in _PROVED:
                try:
                    self._before_signature(network, record, now)
                    waiting.append((place, (record, record.kind, self._signing_key(record))))
                except (Reject, Ignore) as e:
                    outcomes[place] = e
        verdicts = self._verify([claim for _, claim in waiting])
        for (place, _), verdict in zip(waiting, verdicts, strict=True):
            outcomes[place] = verdict or self._outcome(self.admit, network, records[place], now)
        for place, record in records.items():
            if place not in outcomes:
                outcomes[place] = self._outcome(self._take, network, record, now)
        return [outcomes[place] for place in range(len(wires))]

    def _take(self, network: Network, record: Record, now: int) -> Record:
        self._before_signature(network, record, now)
        self._signature(network, record)
        return self.admit(network, record, now)

    def check(self, network: Network, wire: bytes, now: int) -> Record:
        """All rungs up to the signature."""
        _size(wire)
        record = parse_record(wire)
        self._before_signature(network, record, now)
        self._signature(network, record)
        return record

    def check_elsewhere(self, network: Network, wires: Sequence[bytes], now: int) -> list[Outcome]:
        """Listings of cells that need not be kept here: all other rungs to the signature, and nothing is taken in."""
        outcomes: list[Outcome | None] = []
        waiting: list[tuple[int, Record, Claim]] = []
        for place, wire in enumerate(wires):
            outcomes.append(None)
            try:
                _size(wire)
                record = parse_record(wire)
                self._before_signature(network, record, now, anywhere=True)
                if record.kind != "listing" or record.withdrawn:
                    raise Reject("context", "not a listing that stands")
                waiting.append((place, record, (record, record.kind, self._signing_key(record))))
            except (Reject, Ignore) as e:
                outcomes[place] = e
        verdicts = self._verify([claim for _, _, claim in waiting])
        for (place, record, _), verdict in zip(waiting, verdicts, strict=True):
            outcomes[place] = verdict or record
        return [outcome for outcome in outcomes if outcome is not None]

    def _before_signature(self, network: Network, record: Record, now: int, anywhere: bool = False) -> None:
        _seen(network, record, now)
        _fields(network, record)
        self._context(network, record, anywhere)
        _age(record, now)

    def _outcome(self, take: Callable[..., Record], *args: object) -> Outcome:
        try:
            return take(*args)
        except (Reject, Ignore) as e:
            return e

    def admit(self, network: Network, record: Record, now: int) -> Record:
        """The last rung, the author's quota, and what follows from a new record."""
        if self.contested(network, record, now):
            raise Ignore("contested")
        admission = network.catalog.admit(record, now)
        if admission.added:
            self._state.journal.put(
                RECORD + network.id + record.id, record.wire, durable=record.author == self._state.me
            )
        if admission.removed:
            self.gone(network, admission.removed)
        if not admission.added:
            raise Ignore(_WORDS[admission.verdict])
        self._learn(network, record)
        if not record.withdrawn:
            self.learned(network, record, now)
        return record

    def gone(self, network: Network, removed: tuple[bytes, ...]) -> None:
        """Delete what the catalog let go of: ids of records."""
        journal = self._state.journal
        for record_id in removed:
            stored = journal.get(RECORD + network.id + record_id)
            journal.delete(RECORD + network.id + record_id)
            if stored is not None:
                self._state.directory.forget(parse_record(stored).author, record_id)
        if removed:
            journal.out(Reindex(gone=removed))

    def load(self, network: Network, now: int) -> None:
        """After a restart: the catalog from what is stored, and what the records say of people and keys."""
        journal = self._state.journal
        for key, _ in journal.scan(FLOOR + network.id):
            journal.delete(key)
        for key, wire in journal.scan(RECORD + network.id):
            record = parse_record(wire)
            early = record.author == self._state.me and record.kind == "lease" and record.created > now + MAX_SKEW
            if early:  # our clock was ahead: nobody took it, and it would keep us from signing the next
                journal.delete(key)
                continue
            admission = network.catalog.admit(record, now)
            self.gone(network, admission.removed)
            if not admission.added:
                journal.delete(key)
        for kind in ("rotation", "profile"):
            for row in sorted(network.catalog.rows(kind=kind), key=lambda r: r.created):
                stored = self._state.journal.get(RECORD + network.id + row.id)
                if stored is not None and not row.withdrawn:
                    self._learn(network, parse_record(stored))

    def _context(self, network: Network, record: Record, anywhere: bool) -> None:
        if record.network != network.id:
            raise Reject("context", "a record of another network")
        known = self._state.key_states.get(record.author)
        if known is not None and record.epoch < known.epoch and record.kind != "rotation":
            raise Ignore("epoch", "signed with a key that has been replaced")
        if (
            not network.genesis.open
            and record.kind not in ("redemption", "rotation")
            and not network.member(record.author)
        ):
            raise Ignore("member", "its author is not a member, as far as is known here")
        if not anywhere and not covers(network.scopes, record.scope):
            raise Ignore("scope", "of a cell that is not kept here")

    def _signature(self, network: Network, record: Record) -> None:
        verify_record(record, self._signing_key(record))
        if record.kind == "attestation" and not record.withdrawn:
            entry_key, fact_key = partial(self._entry_key, network), partial(self._key_at, network)
            check_attestation(record, parse_attestation(record), entry_key, fact_key)
        elif record.kind == "misconduct" and not record.withdrawn:
            self.judge(network, parse_misconduct(record))
        elif record.kind == "redemption" and not record.withdrawn:
            self._redemption(network, record, parse_redemption(record))

    def _signing_key(self, record: Record) -> bytes | None:
        """The key that must have signed; None where the inception that travels along says it (epoch 0)."""
        if record.kind == "rotation":
            return self._rotation(record)[1].key
        if record.epoch == 0:
            return None
        known = self._state.key_states.get(record.author)
        if known is None or known.epoch < record.epoch:
            raise Ignore("epoch", "the rotation to this key has not arrived yet")
        return known.key

    def _redemption(self, network: Network, record: Record, redemption: Redemption) -> None:
        """Three signatures, and where a network is joined by invite only, an inviter who is in it."""
        invite = parse_invite(redemption.invite)
        key = None
        if invite.epoch:
            key = self._key_at(network, invite.inviter, invite.epoch)
            if key is None:
                raise Ignore("epoch", "the inviter's key has not arrived yet")
        verify_redemption(record, redemption, key)
        if not network.catalog.is_known(invite.inviter) or not (network.genesis.open or network.member(invite.inviter)):
            raise Ignore("member", "the inviter is not a member, as far as is known here")

    def _key_at(self, network: Network, author: bytes, epoch: int) -> bytes | None:
        """An author's key of this epoch or an earlier one: every rotation keeps a slot of its own."""
        known = self._state.key_of(author, epoch)
        if known is not None:
            return known
        rotation = self._rotation_to(network, author, epoch)
        return None if rotation is None else rotation.key

    def _rotation_to(self, network: Network, author: bytes, epoch: int) -> Rotation | None:
        """What led to this epoch, if it is held here."""
        row = network.catalog.get((author, "rotation", rotation_name(epoch)))
        wire = self._state.journal.get(RECORD + network.id + row.id) if row is not None else None
        return None if wire is None else parse_rotation(parse_record(wire))

    def _entry_key(self, network: Network, signed: Entry | Token) -> bytes | None:
        """`State.entry_key`, and the keys between the first and the newest one, each up to where the next ended it."""
        newest = self._state.key_states.get(signed.author)
        ended = self._rotation_to(network, signed.author, signed.epoch + 1)
        if newest is None or signed.epoch >= newest.epoch or ended is None:
            return self._state.entry_key(signed)
        if isinstance(signed, Entry) and signed.seq > ended.seq:
            return None
        return self._key_at(network, signed.author, signed.epoch) or first_key(signed)

    def _rotation(self, record: Record) -> tuple[Rotation, KeyState]:
        """The rotation in a record, and the key state that it leads to."""
        if digest(record.inception) != record.author:
            raise Reject("signature", "the inception is not the author's")
        rotation = parse_rotation(record)
        before = self._state.key_states.get(record.author) or initial_state(parse_inception(record.inception))
        if record.epoch <= before.epoch:
            raise Ignore("epoch", "an older rotation")
        if record.epoch > before.epoch + 1:
            raise Ignore("epoch", "an earlier rotation has not arrived yet")
        return rotation, rotated(before, record.epoch, rotation)

    def _learn(self, network: Network, record: Record) -> None:
        if record.kind == "listing":
            self._state.journal.out(Reindex(slots=((network.id, record.author, record.name),)))
        elif record.kind == "profile" and not record.withdrawn:
            self._state.directory.learn(record.author, parse_profile(record), record.id)
        elif record.kind == "redemption":
            self.gone(network, network.catalog.know_one(record.author))
        elif record.kind == "attestation":
            self._state.rated(network, record)
        elif record.kind == "rotation":
            try:
                rotation, state = self._rotation(record)
            except Ignore:
                return
            self._state.key_states[record.author] = state
            self._state.rotated_at[record.author] = rotation.seq
            self._state.journal.put(KEY_STATE + record.author, encode_key_state(state, rotation.seq), durable=False)


def _size(wire: bytes) -> None:
    if len(wire) > MAX_RECORD:
        raise Reject("size", f"{len(wire)} bytes")


def _seen(network: Network, record: Record, now: int) -> None:
    """The catalog is the memory of what was taken in: a copy costs no signature check, nor does an older revision or
    what its author's quota leaves no room for."""
    verdict = network.catalog.judge(record, now)
    if verdict is not Verdict.ADDED:
        raise Ignore("over_quota" if verdict is Verdict.OVER_QUOTA else "seen")


def _fields(network: Network, record: Record) -> None:
    """Known kinds say what they must; a kind that we do not know is kept and passed on as it is."""
    if record.withdrawn:
        length = _NAMES.get(record.kind)
        if length is not None and len(record.name) != length:
            raise Reject("field", f"a {record.kind} has a name of {length} bytes")
        if length is not None and len(record.scope) > (
            network.genesis.cell_precision if record.kind == "listing" else 0
        ):
            raise Reject("field", f"a {record.kind} of this scope")
        return
    match record.kind:
        case "listing":
            parse_listing(record, network.genesis.cell_precision)
        case "profile":
            parse_profile(record)
        case "lease":
            parse_lease(record)
        case "attestation":
            parse_attestation(record)
        case "redemption":
            parse_redemption(record)
        case "vouch":
            parse_vouch(record)
        case "misconduct":
            parse_misconduct(record)
        case "rotation":
            parse_rotation(record)
        case "blocklist":
            parse_blocklist(record)
        case "genesis":
            raise Reject("context", "a genesis does not spread")


def _age(record: Record, now: int) -> None:
    """From the future: its author's clock, or ours, is wrong; it will be offered again. Past its end: of no use."""
    if record.created > now + MAX_SKEW:
        raise Ignore("future")
    if record.until <= now:
        raise Ignore("expired")


# Bytes in the name of a record of each kind, for withdrawals: they have no payload that tells.
_NAMES = {
    "listing": 16,
    "profile": 0,
    "lease": 0,
    "attestation": 32,
    "vouch": 32,
    "blocklist": 16,
    "misconduct": 32,
}

_WORDS = {
    Verdict.KNOWN: "known",
    Verdict.OLDER: "older",
    Verdict.OVER_QUOTA: "over_quota",
    Verdict.EXPIRED: "expired",
    Verdict.ADDED: "added",
}
