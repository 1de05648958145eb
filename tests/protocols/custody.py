"""Receipts for tests: people by a number, parcels by a letter."""

from collections.abc import Sequence
from itertools import pairwise

from protocols.receipt import NO_PREV, Half, Particulars, Receipt, offer_custody, take_custody
from tests.strategies import NOW, network, signer

PARCEL = b"P" * 32


def half(giver: int, taker: int, prev: bytes = NO_PREV, at: int = NOW, parcel: bytes = PARCEL, **said: object) -> Half:
    return offer_custody(
        signer(giver), network=network(), parcel=parcel, prev=prev, taker=signer(taker).author, taker_epoch=0, at=at,
        said=Particulars(**said),
    )  # fmt: skip


def receipt(
    giver: int, taker: int, prev: bytes = NO_PREV, at: int = NOW, parcel: bytes = PARCEL, **said: object
) -> Receipt:
    return take_custody(signer(taker), half(giver, taker, prev, at, parcel, **said))


def chain(people: Sequence[int], prev: bytes = NO_PREV, at: int = NOW) -> list[Receipt]:
    """From hand to hand, a second each."""
    made = []
    for i, (giver, taker) in enumerate(pairwise(people)):
        made.append(receipt(giver, taker, prev, at + 1_000 * i))
        prev = made[-1].id
    return made
