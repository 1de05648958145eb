"""The vouch statement: the public edge of the trust graph that a VOUCH entry of the ledger stands behind."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.envelope import Record
from protocols.fields import Amount, Bytes32, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer
from protocols.limits import DURABLE_LIFETIME, MAX_VOUCH_ENTRY

KIND: Final = "vouch"


class VouchStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """subject: the author vouched for. amount: minor units of the network's credit. entry: the VOUCH entry, full form.

    What the entry says is the ledger's to check. A vouch that has been returned is withdrawn like any record.
    """

    subject: Bytes32
    amount: Amount
    entry: Annotated[bytes, Meta(max_length=MAX_VOUCH_ENTRY)] = b""


def parse_vouch(record: Record) -> VouchStatement:
    """What a vouch record says: its author vouches for the subject, who stands in the record's name."""
    statement = open_payload(record, KIND, VouchStatement, name=None)
    expect(record.name == statement.subject, "name")
    expect(statement.subject != record.author, "subject")
    return statement


def seal_vouch(signer: Signer, network: bytes, statement: VouchStatement, *, created: int, revision: int = 0) -> Record:
    record = _seal(
        signer,
        network,
        KIND,
        statement,
        created=created,
        until=created + DURABLE_LIFETIME,
        revision=revision,
        name=statement.subject,
    )
    parse_vouch(record)
    return record
