"""Records of any kind, made quickly: signing is not what these tests are about."""

from functools import lru_cache

from protocols.codec import encode
from protocols.envelope import Record, parse_record
from protocols.identity import Signer, incept
from protocols.limits import DAY, MAX_LIFETIME, PROTOCOL_VERSION

NETWORK = b"n" * 16
NOW = 1_700_000_000_000


@lru_cache
def author(i: int) -> Signer:
    return incept(bytes([i]) * 32)[0]


def record(
    who: int = 0,
    name: int = 0,
    revision: int = 0,
    *,
    kind: str = "listing",
    created: int = NOW,
    lifetime: int = 30 * DAY,
    scope: str = "",
    payload: bytes = b"x",
    network: bytes = NETWORK,
) -> Record:
    """A record whose signature is 64 zero bytes: catalogs and gossip do not look at it."""
    signer = author(who)
    named = name.to_bytes(4, "big")
    header = encode(
        [
            PROTOCOL_VERSION,
            network,
            kind,
            signer.author,
            0,
            named,
            revision,
            created,
            created + lifetime,
            scope,
            payload,
        ]
    )
    return parse_record(encode([header, bytes(64), signer.inception]))


def withdrawal(who: int = 0, name: int = 0, revision: int = 1, *, created: int = NOW, scope: str = "") -> Record:
    return record(who, name, revision, created=created, lifetime=MAX_LIFETIME, scope=scope, payload=b"")
