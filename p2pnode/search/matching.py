"""Whether one listing fits what is wanted: a search that was saved, or a listing of our own the other way round. Pure.

The rules are those of search (words by their beginnings and stems, kind, distance, price, date), asked of a single
listing instead of an index, so that what arrives costs as much as there are wishes and own listings, and no more.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

import msgspec

from p2pnode.bounds import FORMS_KEPT, MATCH_WITHIN_KM, MAX_TELLING
from p2pnode.when import available_at, available_within
from protocols.amounts import Price
from protocols.booking import Span
from protocols.listing import Listing

from .document import title_tokens
from .places import Point, centre, distance_km
from .words import stemmer, tokens

ENOUGH: Final = 500  # thousandths of the letters of the shorter title that words of the other must make up
_SHORT: Final = 3  # letters: shorter words say too little to match by

Forms = Callable[[str], frozenset[str]]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a saved search asks for; see `finding.Query`. words: as typed; max_price: None for any; free: nothing that
    costs something. per: whether the measure (hour, day, …) must be that of max_price, too."""

    words: tuple[str, ...] = ()
    kind: str | None = None
    direction: str | None = None
    centre: Point | None = None
    within_km: float | None = None
    max_price: Price | None = None
    free: bool = False
    per: bool = False
    available: int | None = None
    available_until: int | None = None


class Said(msgspec.Struct, frozen=True):
    """A listing as it is matched. named: words of title and tags that are long enough, each with its stems; said: all
    words and stems; created: ms."""

    listing: Listing
    named: tuple[frozenset[str], ...]
    said: frozenset[str]
    created: int


class Match(msgspec.Struct, frozen=True):
    """score: thousandths; 1,000 if every word of the shorter title is in the other; long words count more. reason: for
    our user."""

    score: int
    reason: str


def forms(languages: Iterable[str]) -> Forms:
    """A word with its stems in these languages."""
    stems = stemmer(languages)
    return lru_cache(maxsize=FORMS_KEPT)(lambda token: stems(token) | {token})


def said(listing: Listing, created: int, forms: Forms) -> Said:
    """What a listing says, ready to be matched many times."""
    title = title_tokens(listing.title, listing.tags)
    named = tuple(dict.fromkeys(forms(token) for token in title if len(token) >= _SHORT))
    return Said(listing, named, frozenset().union(*map(forms, [*title, *tokens(listing.text)])), created)


def telling(listing: Listing) -> list[str]:
    """The words by which what goes with a listing is looked for: the longest of its title and tags."""
    words = {token for token in title_tokens(listing.title, listing.tags) if len(token) >= _SHORT}
    return sorted(words, key=lambda word: (-len(word), word))[:MAX_TELLING]


def fits(wish: Wish, found: Said, forms: Forms) -> bool:
    """Whether a search would find this listing. It does not look at when the listing ends."""
    listing = found.listing
    if listing.paused or wish.kind not in (None, listing.kind) or wish.direction not in (None, listing.direction):
        return False
    for word in wish.words:
        if not forms(word) & found.said and not any(other.startswith(word) for other in found.said):
            return False
    if wish.centre is not None and wish.within_km is not None:
        place = centre(listing.area)
        if place is not None and distance_km(wish.centre, place) > wish.within_km:
            return False
    if listing.price is not None and not _affordable(wish, listing.price):
        return False
    if wish.available is not None and wish.available_until is not None:
        return available_within(listing.available, Span(wish.available, wish.available_until), found.created)
    return wish.available is None or available_at(listing.available, wish.available, found.created)


def matches(mine: Said, theirs: Said) -> Match | None:
    """Whether an offer and a request go together, and why; None if not. The price of a request is what it would pay."""
    one, other = mine.listing, theirs.listing
    if one.direction == other.direction or one.kind != other.kind or one.paused or other.paused:
        return None
    here, there = centre(one.area), centre(other.area)
    far = None if here is None or there is None else distance_km(here, there)
    if far is not None and far > MATCH_WITHIN_KM:
        return None
    offer, request = (one, other) if one.direction == "offer" else (other, one)
    if not _within(request.price, offer.price):
        return None
    few, many = sorted((mine.named, theirs.named), key=lambda words: (_letters(words), sorted(map(sorted, words))))
    if not few:
        return None
    shared = [word for word in few if any(word & each for each in many)]
    score = 1_000 * _letters(shared) // _letters(few)
    if score < ENOUGH:
        return None
    distance = "" if far is None else f", {far:.0f} km away"
    return Match(score, f"{one.kind}: {', '.join(sorted(max(sorted(word), key=len) for word in shared))}{distance}")


def _letters(words: Iterable[frozenset[str]]) -> int:
    return sum(min(map(len, word)) for word in words)


def _affordable(wish: Wish, price: Price) -> bool:
    if wish.free:
        return False
    if wish.max_price is None:
        return True
    same = price.unit == wish.max_price.unit and (not wish.per or price.per == wish.max_price.per)
    return same and price.amount <= wish.max_price.amount


def _within(most: Price | None, asked: Price | None) -> bool:
    """Whether what is asked is at most what would be paid; True where that cannot be compared."""
    if most is None or asked is None or (most.unit, most.per) != (asked.unit, asked.per):
        return True
    return asked.amount <= most.amount
