"""The genesis of a network: the one record that every other of its records names.

Immutable; its id's first 16 bytes are the network id. What a proof needs (endowments, limits, quotas) stands here.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.envelope import NO_NETWORK, Record, parse_record, verify_record
from protocols.fields import (
    LINE,
    Amount,
    Bytes16,
    Bytes32,
    Cell,
    Language,
    Token,
    Unit,
    ascending,
    expect,
    open_payload,
)
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer
from protocols.limits import (
    FOREVER,
    MAX_DECIMALS,
    MAX_DIMENSIONS,
    MAX_FOUNDERS,
    MAX_INT,
    MAX_LANGUAGES,
    MAX_PERSON_NAME,
    MAX_QUOTA,
    MAX_SCOPE,
)

KIND: Final = "genesis"


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """name, unit: of the network and its mutual credit. decimals: of the unit.

    endowments: (author, credit limit in minor units) of each founder, ascending by author. stewards: authors whose
    quorum may amend, ascending. newcomer_limit: the vouch that an invite carries unless it says otherwise; without a
    vouch a newcomer's limit is 0, or fresh keys would be money. open: whether one may join without an invite.
    cell_precision: characters of a scope. salt: makes two alike networks two. newcomer_records: so many listings, and
    as many other records, are kept in each scope of all whom nobody has let in or vouched for; 0: no such bound.
    dimensions: what besides the outcome people may say of a deal, each from −2 to 2.
    """

    name: Annotated[str, Meta(min_length=1, max_length=MAX_PERSON_NAME, pattern=LINE)]
    unit: Unit
    decimals: Annotated[int, Meta(ge=0, le=MAX_DECIMALS)]
    endowments: Annotated[tuple[tuple[Bytes32, Amount], ...], Meta(max_length=MAX_FOUNDERS)]
    stewards: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_FOUNDERS)]
    quorum: Annotated[int, Meta(ge=1, le=MAX_FOUNDERS)]
    newcomer_limit: Amount
    open: bool
    salt: Bytes16
    listings_per_author: Annotated[int, Meta(ge=1, le=MAX_QUOTA)] = 500
    records_per_author: Annotated[int, Meta(ge=1, le=MAX_QUOTA)] = 2_000
    languages: Annotated[tuple[Language, ...], Meta(max_length=MAX_LANGUAGES)] = ()
    area: Cell = ""
    cell_precision: Annotated[int, Meta(ge=1, le=MAX_SCOPE)] = 5
    newcomer_records: Annotated[int, Meta(ge=0, le=MAX_QUOTA)] = 0
    dimensions: Annotated[tuple[Token, ...], Meta(max_length=MAX_DIMENSIONS)] = ()

    def endowment(self, author: bytes) -> int:
        """The credit limit that an author starts with, minor units: 0 for all but the founders."""
        return dict(self.endowments).get(author, 0)


def network_id(record: Record) -> bytes:
    """The 16 bytes that stand for the network in headers."""
    return record.id[:16]


def found(signer: Signer, genesis: Genesis, created: int) -> Record:
    """The genesis record, signed by its founder at epoch 0."""
    record = _seal(signer, NO_NETWORK, KIND, genesis, created=created, until=FOREVER)
    parse_genesis(record.wire)
    return record


def parse_genesis(wire: bytes) -> tuple[Record, Genesis]:
    """The record and what it says, signature and every rule checked. `Reject` else."""
    record = parse_record(wire)
    genesis = open_payload(record, KIND, Genesis)
    expect(record.revision == 0, "revision")
    expect(record.until == FOREVER, "until")
    expect(record.epoch == 0, "epoch")
    expect(ascending(tuple(author for author, _ in genesis.endowments)), "endowments")
    expect(sum(limit for _, limit in genesis.endowments) <= MAX_INT, "endowments")
    expect(ascending(genesis.stewards), "stewards")
    expect(genesis.quorum <= len(genesis.stewards), "quorum")
    expect(genesis.listings_per_author <= genesis.records_per_author, "records_per_author")
    expect("" not in genesis.languages and len(set(genesis.languages)) == len(genesis.languages), "languages")
    expect(len(set(genesis.dimensions)) == len(genesis.dimensions), "dimensions")
    verify_record(record)
    return record, genesis
