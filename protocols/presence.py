"""The presence: what the DHT keeps of an author, so that it is found again when its addresses have changed.

It carries the author's newest profile record and says how far its ledger has come; and the rotations of its keys, so
that who keeps it can check it alone. Its author signs it as one thing: nobody can put an old part beside a new one.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.envelope import Record, parse_record, verify_record
from protocols.errors import Reject
from protocols.fields import Bytes32, Time, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer, digest, initial_state, parse_inception, rotated
from protocols.limits import MAX_PRESENCE, MAX_PRESENCE_ROTATIONS, MAX_SKEW, PRESENCE_LIFETIME, SECOND
from protocols.profile import parse_profile
from protocols.rotation import parse_rotation

KIND: Final = "presence"


class Presence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """profile: wire of the newest profile record, or empty. entries: how many the author's chain in this network has;
    last: id of the newest, 32 zero bytes if there is none. rotations: wires of all rotation records, in order.
    """

    profile: bytes
    entries: Time
    last: Bytes32
    rotations: Annotated[tuple[bytes, ...], Meta(max_length=MAX_PRESENCE_ROTATIONS)] = ()


class Checked(msgspec.Struct, frozen=True):
    """A presence of which every signature holds. profile: the record in it, or None."""

    record: Record
    presence: Presence
    profile: Record | None

    @property
    def rank(self) -> tuple[int, int, int, bytes]:
        """Of two presences of an author the one that ranks higher stays. The length of the chain comes before the
        revision: a node that was put back to an older state does not wipe out what shows it."""
        inverted = bytes(255 - byte for byte in self.record.id)
        return self.record.epoch, self.presence.entries, self.record.revision, inverted


def seal_presence(signer: Signer, network: bytes, presence: Presence, *, created: int) -> Record:
    """A presence of this moment. `Reject` if it is too long for the DHT, or not sound."""
    until, revision = created + PRESENCE_LIFETIME, created // SECOND
    record = _seal(signer, network, KIND, presence, created=created, until=until, revision=revision)
    check_presence(record.wire, created)
    return record


def check_presence(wire: bytes, now: int) -> Checked:
    """The presence in these bytes, every rule and signature checked. `Reject` else. now: ms."""
    expect(len(wire) <= MAX_PRESENCE, "size")
    record = parse_record(wire)
    presence = open_payload(record, KIND, Presence)
    expect(record.revision == record.created // SECOND, "revision")
    expect(record.until == record.created + PRESENCE_LIFETIME, "until")
    expect((presence.entries == 0) == (presence.last == bytes(32)), "last")
    expect(record.created <= now + MAX_SKEW, "created")
    expect(now < record.until, "until")
    keys = _keys(record, [parse_record(wire) for wire in presence.rotations])
    if record.epoch != len(keys) - 1:
        raise Reject("context", "the rotations do not lead to this key")
    verify_record(record, keys[-1])
    return Checked(record, presence, _profile(record, presence.profile, keys))


def _keys(record: Record, rotations: Sequence[Record]) -> list[bytes]:
    """The author's key of each epoch, by the inception and the rotations."""
    if digest(record.inception) != record.author:
        raise Reject("signature", "the inception is not the author's")
    state = initial_state(parse_inception(record.inception))
    keys = [state.key]
    for one in rotations:
        if one.author != record.author:
            raise Reject("context", "somebody else's rotation")
        state = rotated(state, one.epoch, parse_rotation(one))
        verify_record(one, state.key)
        keys.append(state.key)
    return keys


def _profile(record: Record, wire: bytes, keys: Sequence[bytes]) -> Record | None:
    if not wire:
        return None
    profile = parse_record(wire)
    if (profile.author, profile.network) != (record.author, record.network) or profile.epoch >= len(keys):
        raise Reject("context", "somebody else's profile")
    parse_profile(profile)
    verify_record(profile, keys[profile.epoch])
    return profile
