"""The profile: what an author says of itself, and where its node can be reached."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.envelope import Record
from protocols.fields import LINE, Address, Bytes32, Cell, Language, ShortText, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer
from protocols.limits import MAX_ADDRESSES, MAX_LANGUAGES, MAX_PEERS_PER_PROFILE, MAX_PERSON_NAME

KIND: Final = "profile"


class PeerAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """id: a libp2p peer id in base58. addresses: multiaddrs without the /p2p/ part, most useful first."""

    id: Annotated[str, Meta(max_length=64, pattern=r"\A[1-9A-HJ-NP-Za-km-z]{32,}\Z")]
    addresses: Annotated[tuple[Address, ...], Meta(max_length=MAX_ADDRESSES)] = ()


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """name: what people call the author; nobody guarantees that it is theirs alone. box: X25519 key for sealed mail."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_PERSON_NAME, pattern=LINE)]
    box: Bytes32
    peers: Annotated[tuple[PeerAddress, ...], Meta(max_length=MAX_PEERS_PER_PROFILE)] = ()
    about: ShortText = ""
    area: Cell = ""
    languages: Annotated[tuple[Language, ...], Meta(max_length=MAX_LANGUAGES)] = ()


def parse_profile(record: Record) -> Profile:
    """What a profile record says. `Reject` if a field is out of bounds."""
    profile = open_payload(record, KIND, Profile)
    ids = [peer.id for peer in profile.peers]
    expect(len(set(ids)) == len(ids), "peers")
    expect("" not in profile.languages and len(set(profile.languages)) == len(profile.languages), "languages")
    return profile


def seal_profile(
    signer: Signer, network: bytes, profile: Profile, *, created: int, until: int, revision: int
) -> Record:
    record = _seal(signer, network, KIND, profile, created=created, until=until, revision=revision)
    parse_profile(record)
    return record
