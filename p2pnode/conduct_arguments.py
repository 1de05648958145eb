"""The arguments of commands about how somebody has behaved: ratings, reputation, proven misconduct."""

from typing import Annotated

import msgspec
from msgspec import Meta

from p2pnode.bounds import MAX_SURROUNDINGS
from protocols.limits import MAX_DIMENSIONS, MAX_MISCONDUCT_PROOF

from .arguments import Args, Id, Note, PeerName, ReceiptNote

File = Annotated[bytes, Meta(min_length=1, max_length=MAX_MISCONDUCT_PROOF)]  # base64 in JSON

_Outcome = Annotated[int, Meta(ge=-2, le=2)]


class Attest(Args, frozen=True):
    """again: in place of what we have said of this exchange before. dimensions: of those that the genesis names."""

    exchange: Id
    outcome: _Outcome
    text: Note = ""
    again: bool = False
    dimensions: Annotated[dict[str, _Outcome], Meta(max_length=MAX_DIMENSIONS)] = msgspec.field(default_factory=dict)


class Reputation(Args, frozen=True):
    """why: also which deals, by whom, and the path from us to each rater."""

    peer: PeerName
    why: bool = False


class TrustGraph(Args, frozen=True):
    """most: how many people are shown, those of whom this node has most trust first."""

    most: Annotated[int, Meta(ge=1, le=MAX_SURROUNDINGS)] = MAX_SURROUNDINGS


class Forgive(Args, frozen=True):
    """reason: our user's words, a line; None: take the pardon back."""

    peer: PeerName
    reason: ReceiptNote | None = None


class Accuse(Args, frozen=True):
    """challenge: the file that shows a double booking; rebuttals: files that show that it was none after all."""

    challenge: File
    rebuttals: Annotated[tuple[File, ...], Meta(max_length=16)] = ()
