"""Hypothesis strategies for every value of the wire, and signers from seeds."""

import random
from functools import cache
from typing import Any

from hypothesis import strategies as st

from protocols import cell as cells_module
from protocols.amounts import Price
from protocols.attestation import Attestation
from protocols.genesis import Genesis, found, network_id
from protocols.identity import Signer, incept
from protocols.invite import Invite, make_invite, parse_link
from protocols.lease import Lease
from protocols.limits import DAY, MAX_INT, MAX_LIFETIME
from protocols.listing import Availability, Listing
from protocols.profile import PeerAddress, Profile
from protocols.redemption import Redemption, countersign, prove
from protocols.vouch import VouchStatement

NOW = 1_700_000_000_000  # a moment in November 2023, milliseconds
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@cache
def signer(seed: int) -> Signer:
    """The same identity for the same seed, every time."""
    return incept(seed.to_bytes(32, "big"))[0]


def genesis_of(seed: int = 1, **changes: Any) -> Genesis:
    """A plain network whose founder and steward is `signer(seed)`."""
    fields: dict[str, Any] = {
        "name": "Elm Street",
        "unit": "hour",
        "decimals": 2,
        "endowments": ((signer(seed).author, 10_000),),
        "stewards": (signer(seed).author,),
        "quorum": 1,
        "newcomer_limit": 0,
        "open": True,
        "salt": bytes(16),
    }
    return Genesis(**(fields | changes))


@cache
def network(seed: int = 1) -> bytes:
    """The id of the network that `signer(seed)` founded."""
    return network_id(found(signer(seed), genesis_of(seed), NOW))


def byte_strings(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


signers = st.integers(1, 5).map(signer)
authors = byte_strings(32)
hashes = byte_strings(32)
times = st.integers(0, NOW + 1_000 * DAY)
integers = st.integers(-MAX_INT, MAX_INT)
amounts = st.integers(0, MAX_INT)
line_characters = st.characters(
    exclude_categories=("Cs", "Cc", "Zl", "Zp"),
    exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)
words = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=10)


def lines(max_size: int, min_size: int = 0) -> st.SearchStrategy[str]:
    return st.text(line_characters, min_size=min_size, max_size=max_size)


def texts(max_size: int) -> st.SearchStrategy[str]:
    return st.text(line_characters | st.sampled_from("\n\t"), max_size=max_size)


tokens = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,31}", fullmatch=True)
kinds = st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True)
units = st.sampled_from(["hour", "EUR", "kWh", "€", "Stunde", "x_1", "時"]) | words
languages = st.sampled_from(["", "de", "en", "sr-Latn", "pt-BR", "yue"])
cells = st.text(st.sampled_from(cells_module.ALPHABET), max_size=6)
places = st.text(st.sampled_from(cells_module.ALPHABET), min_size=1, max_size=6)
addresses = st.sampled_from(["/ip4/192.0.2.1/tcp/4001", "/ip6/2001:db8::1/tcp/4001", "/dns4/example.org/tcp/443"])

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | integers | st.binary(max_size=300) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=20), inner, max_size=20),
    max_leaves=20,
)

prices = st.builds(Price, amount=st.integers(1, MAX_INT), unit=units, per=tokens)
decimals = st.integers(0, 6)


@st.composite
def slots(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    bounds = sorted(draw(st.sets(times, max_size=10)))
    return tuple(zip(bounds[::2], bounds[1::2], strict=False))


availabilities = st.builds(Availability, slots=slots().filter(bool)) | st.builds(
    Availability, rrule=st.just("FREQ=WEEKLY;BYDAY=SA,-1SU"), zone=st.just("Europe/Berlin"), slots=slots()
)
listings = st.builds(
    Listing,
    direction=st.sampled_from(["offer", "request"]),
    kind=kinds,
    title=lines(120, min_size=1),
    text=texts(200),
    tags=st.lists(words, max_size=16, unique=True).map(tuple),
    language=languages,
    price=st.none() | prices,
    quantity=st.none() | st.integers(0, 1_000_000),
    available=st.none() | availabilities,
    area=cells,
    area_to=cells,
    photos=st.lists(hashes, max_size=12, unique=True).map(tuple),
    paused=st.booleans(),
)
peer_ids = st.text(st.sampled_from(BASE58), min_size=32, max_size=64)
peer_addresses = st.builds(PeerAddress, id=peer_ids, addresses=st.lists(addresses, max_size=16).map(tuple))
profiles = st.builds(
    Profile,
    name=lines(64, min_size=1),
    box=byte_strings(32),
    peers=st.lists(peer_addresses, max_size=4, unique_by=lambda p: p.id).map(tuple),
    about=texts(100),
    area=cells,
    languages=st.lists(languages.filter(bool), max_size=5, unique=True).map(tuple),
)
leases = st.builds(Lease, cells=st.sets(places, max_size=64).map(lambda s: tuple(sorted(s))))
vouches = st.builds(VouchStatement, subject=authors, amount=amounts, entry=st.binary(max_size=500))
ratings = st.integers(-2, 2)
attestations = st.builds(
    Attestation,
    deal=hashes,
    ratee=authors,
    outcome=ratings,
    nonce=byte_strings(16),
    dimensions=st.dictionaries(tokens, ratings, max_size=8),
    text=texts(100),
    proof=st.binary(max_size=500),
)


@st.composite
def geneses(draw: st.DrawFn) -> Genesis:
    stewards = tuple(sorted(draw(st.sets(authors, min_size=1, max_size=5))))
    founders = sorted(draw(st.sets(authors, max_size=5)))
    return Genesis(
        name=draw(lines(64, min_size=1)),
        unit=draw(units),
        decimals=draw(decimals),
        endowments=tuple((a, draw(st.integers(0, 10**12))) for a in founders),
        stewards=stewards,
        quorum=draw(st.integers(1, len(stewards))),
        newcomer_limit=draw(amounts),
        open=draw(st.booleans()),
        salt=draw(byte_strings(16)),
        listings_per_author=draw(st.integers(1, 1000)),
        records_per_author=draw(st.integers(1000, 100_000)),
        newcomer_records=draw(st.integers(0, 100_000)),
        languages=draw(st.lists(languages.filter(bool), max_size=5, unique=True).map(tuple)),
        area=draw(cells),
        cell_precision=draw(st.integers(1, 6)),
    )


@st.composite
def invites(draw: st.DrawFn) -> tuple[Invite, str]:
    """An invite by one of the signers, and its link."""
    return make_invite(
        draw(signers),
        draw(hashes.filter(lambda h: any(h[:16]))),
        random.Random(draw(st.integers(0, 2**32))),
        expires_at=draw(st.integers(1, NOW + MAX_LIFETIME)),
        vouch=draw(amounts),
        uses=draw(st.integers(1, 1000)),
        note=draw(lines(200)),
        addresses=draw(st.lists(addresses, max_size=8).map(tuple)),
    )


def redemption_of(inviter: Signer, newcomer: Signer, genesis: bytes, vouch: int = 0) -> tuple[Invite, Redemption]:
    """An invite and its redemption, valid in every part."""
    invite, link = make_invite(inviter, genesis, random.Random(7), expires_at=NOW + DAY, vouch=vouch)
    proof = prove(parse_link(link).seed, invite, newcomer.author)
    return invite, Redemption(invite.wire, proof, countersign(inviter, invite, newcomer.author, proof))
