"""The vectors of payloads and invites."""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from protocols.amounts import Price
from protocols.attestation import Attestation, commitment, seal_attestation
from protocols.blocklist import BlockEntry, BlockPage, page_name, seal_blocklist
from protocols.codec import decode, encode
from protocols.envelope import NO_NETWORK, Record, seal
from protocols.genesis import found
from protocols.invite import LINK_PREFIX, make_invite, parse_link
from protocols.lease import Lease, seal_lease
from protocols.limits import DAY, DURABLE_LIFETIME, FOREVER, MAX_LIFETIME, REPLICA_LIFETIME
from protocols.listing import Availability, Listing, seal_listing
from protocols.profile import PeerAddress, Profile, seal_profile
from protocols.redemption import seal_redemption
from protocols.replica import Replica, held_sum, seal_replica
from protocols.vouch import VouchStatement, seal_vouch
from tests.strategies import NOW, genesis_of, network, redemption_of, signer
from tests.vectors.json_form import jsonable

NAME = bytes(range(16))
DEAL = bytes(range(32))
ANN, BOB = signer(1), signer(2)


def valid_records() -> dict[str, Record]:
    net = network(1)
    genesis = found(ANN, genesis_of(1), NOW)
    _, redemption = redemption_of(ANN, BOB, genesis.id, 500)
    stewards = tuple(sorted((ANN.author, BOB.author)))
    rich = genesis_of(
        1,
        endowments=tuple((a, 5) for a in stewards),
        stewards=stewards,
        quorum=2,
        languages=("de", "en"),
        area="u33d",
        cell_precision=6,
    )
    listing = Listing(
        "offer",
        "rent",
        "Snowblower",
        text="Two-stage.\nBring it back clean.",
        tags=("snow", "garden"),
        language="en",
        price=Price(200, "hour", "hour"),
        quantity=1,
        available=Availability("FREQ=WEEKLY;BYDAY=SA", "Europe/Berlin", ((NOW, NOW + DAY),)),
        area="u33db1",
        photos=(DEAL,),
    )
    profile = Profile(
        "Ann",
        bytes(range(32)),
        (PeerAddress("12D3KooWGatU9DGpakz7JrN7AwAWZ9Az8AZCHPfFqC4z9vBNWvyU", ("/ip4/192.0.2.1/tcp/4001",)),),
        "Hello",
        "u33db",
        ("de",),
    )
    attestation = Attestation(DEAL, ANN.author, 2, NAME, {"care": 1, "time": -1}, "Fine", b"entry")
    absent = Attestation(DEAL, ANN.author, -2, NAME, {"care": -1, "no-show": -2}, "Nobody was there", b"entry")
    spam = BlockEntry(BOB.author, "spam", "The same thing forty times", NOW - DAY)
    ladder = BlockEntry(BOB.author, "unsafe", "A rung is missing", NOW, NAME)
    street = BlockPage("street", 0, (spam, ladder), "What we would not show on Elm Street")
    holds = Replica(BOB.author, 2, held_sum((DEAL, ANN.author)), ("u33d", "u33e"))
    return {
        "genesis": genesis,
        "genesis with all fields": found(ANN, rich, NOW),
        "genesis with dimensions": found(ANN, genesis_of(1, dimensions=("punctual", "friendly")), NOW),
        "genesis that bounds newcomers": found(ANN, genesis_of(1, newcomer_records=1_000), NOW),
        "profile": seal_profile(ANN, net, profile, created=NOW, until=NOW + MAX_LIFETIME, revision=3),
        "lease": seal_lease(ANN, net, Lease(("u33d8", "u33db")), created=NOW),
        "lease of nothing": seal_lease(ANN, net, Lease(), created=NOW),
        "listing": seal_listing(ANN, net, listing, name=NAME, created=NOW, until=NOW + DAY),
        "listing, only what it must have": seal_listing(
            ANN, net, Listing("request", "help", "Move a piano"), name=NAME, created=NOW, until=NOW + DAY
        ),
        "attestation": seal_attestation(BOB, net, attestation, created=NOW),
        "attestation with a reserved dimension": seal_attestation(BOB, net, absent, created=NOW),
        "redemption": seal_redemption(BOB, net, redemption, created=NOW),
        "vouch": seal_vouch(ANN, net, VouchStatement(BOB.author, 500, b"entry"), created=NOW),
        "replica": seal_replica(ANN, net, holds, created=NOW),
        "replica of nothing": seal_replica(ANN, net, Replica(BOB.author, 0, held_sum(())), created=NOW),
        "blocklist": seal_blocklist(ANN, net, street, created=NOW, until=NOW + MAX_LIFETIME, revision=7),
        "blocklist, its last page": seal_blocklist(
            ANN, net, BlockPage("street", 15, (spam,)), created=NOW, until=NOW + DAY, revision=7
        ),
    }


def payload_vectors() -> dict[str, Any]:
    valid = []
    for name, record in valid_records().items():
        case = {
            "name": name,
            "kind": record.kind,
            "payload": jsonable(decode(record.payload)),
            "wire": record.wire.hex(),
        }
        if record.kind == "attestation":
            case["commitment"] = commitment(Attestation(**_attestation(record))).hex()
        valid.append(case)
    return {"what": "payloads in their records; cell precision 5", "valid": valid, "invalid": _invalid_payloads()}


def _attestation(record: Record) -> dict[str, Any]:
    fields: dict[str, Any] = decode(record.payload)
    return fields


def _invalid_payloads() -> list[dict[str, Any]]:
    good = {k: decode(r.payload) for k, r in valid_records().items()}
    out = []

    def add(
        kind: str,
        title: str,
        why: str,
        /,
        drop: str = "",
        code: str = "field",
        raw: bytes | None = None,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        payload = {k: v for k, v in (good[kind] | changes).items() if k != drop}
        durable = kind in ("attestation", "redemption", "vouch")
        life = FOREVER - NOW if kind == "genesis" else DURABLE_LIFETIME if durable else MAX_LIFETIME
        life = REPLICA_LIFETIME if kind == "replica" else life
        fields: dict[str, Any] = {
            "network": NO_NETWORK if kind == "genesis" else network(1),
            "kind": kind,
            "name": {
                "listing": NAME,
                "attestation": DEAL,
                "vouch": BOB.author,
                "replica": BOB.author,
                "blocklist": page_name("street", 0),
            }.get(kind, b""),
            "revision": NOW // 1000 if kind in ("lease", "replica") else 0,
            "created": NOW,
            "until": NOW + life,
            "scope": "u33db" if kind == "listing" else "",
            "payload": encode(payload) if raw is None else raw,
        }
        who = BOB if kind in ("attestation", "redemption") else ANN
        record = seal(who, **(fields | (header or {})))
        out.append({"name": f"{kind}: {title}", "kind": kind, "wire": record.wire.hex(), "code": code, "why": why})

    add("listing", "a field nobody knows", "unknown fields are refused", colour="red")
    add("listing", "no title", "title is required", drop="title")
    add("listing", "a default written out", "what is at its default is left out", paused=False)
    add("listing", "nil for no price", "what is at its default is left out", price=None)
    add("listing", "title empty", "1 to 120 characters", title="")
    add("listing", "title of 121", "1 to 120 characters", title="é" * 121)
    add("listing", "title with a line end", "one line", title="a\nb")
    add("listing", "title with ESC", "no control characters", title="\x1b[2J")
    add("listing", "title with CSI", "no control characters", title="\x9b2J")
    add("listing", "title with a line separator", "one line", title="a\u2028b")
    add("listing", "unit with a no-break space", "no white space in a unit", price={"amount": 1, "unit": "a\xa0b"})
    add("listing", "text with a bidi override", "no characters that turn the reading order", text="\u202eabc")
    add("listing", "text of 4001", "at most 4000 characters", text="a" * 4001)
    add("listing", "direction swap", "offer or request", direction="swap")
    add("listing", "kind in capitals", "a token", kind="Rent")
    add("listing", "price of nothing", "at least 1", price={"amount": 0, "unit": "hour"})
    add("listing", "price as a decimal string", "an integer", price={"amount": "2", "unit": "hour"})
    add("listing", "price true", "an integer", price={"amount": True, "unit": "hour"})
    add("listing", "unit with a space", "no white space in a unit", price={"amount": 1, "unit": "two words"})
    add(
        "listing",
        "per at its default",
        "what is at its default is left out",
        price={"amount": 1, "unit": "hour", "per": "item"},
    )
    add("listing", "quantity -1", "0 to 1000000", quantity=-1)
    add("listing", "17 tags", "at most 16", tags=[f"t{i}" for i in range(17)])
    add("listing", "a tag twice", "each once", tags=["a", "a"])
    add("listing", "photo of 31 bytes", "32 bytes", photos=[bytes(31)])
    add("listing", "a photo twice", "each once", photos=[DEAL, DEAL])
    add("listing", "photo as base64 text", "bytes", photos=["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="])
    add("listing", "area of 7", "at most 6", area="u33db12")
    add("listing", "area with i", "a geohash", area="u33di")
    add("listing", "slot that ends before it starts", "start < end", available={"slots": [[2, 1]]})
    add("listing", "slots that overlap", "apart and ascending", available={"slots": [[1, 3], [2, 4]]})
    add("listing", "slot of three", "start, end", available={"slots": [[1, 2, 3]]})
    add("listing", "rule without a zone", "a rule needs a zone", available={"rrule": "FREQ=DAILY"})
    add("listing", "available, but empty", "left out instead", available={})
    add("listing", "scope elsewhere", "the scope is the area, cut to the cell precision", header={"scope": "u33dc"})
    add("listing", "scope too wide", "the scope is the area, cut to the cell precision", header={"scope": "u33d"})
    add("listing", "no scope", "the scope is the area, cut to the cell precision", header={"scope": ""})
    add("listing", "name of 15 bytes", "16 bytes", header={"name": bytes(15)})
    add("listing", "payload an array", "a map", raw=encode([1]))
    add("listing", "payload not canonical", "canonical", code="decode", raw=b"\x82\xa1b\x01\xa1a\x01")
    add("listing", "withdrawn", "a withdrawal has no payload to read", code="state", raw=b"")
    add("profile", "box of 31 bytes", "32 bytes", box=bytes(31))
    add("profile", "no name", "1 to 64 characters", name="")
    add("profile", "five peers", "at most 4", peers=[{"id": str(i + 1) * 40} for i in range(5)])
    add("profile", "a peer twice", "each once", peers=[{"id": "1" * 40}, {"id": "1" * 40}])
    add("profile", "peer id with 0", "base58", peers=[{"id": "0" * 40}])
    add("profile", "address without a slash", "a multiaddr", peers=[{"id": "1" * 40, "addresses": ["ip4/1.2.3.4"]}])
    add("profile", "address with a space", "a multiaddr", peers=[{"id": "1" * 40, "addresses": ["/ip4/1.2.3.4 /tcp"]}])
    add("profile", "a name in the header", "empty", header={"name": b"x"})
    add("profile", "a scope", "the whole network", header={"scope": "u33db"})
    add("profile", "language empty", "left out instead", languages=[""])
    add("lease", "cells out of order", "ascending, each once", cells=["u33db", "u33d8"])
    add("lease", "65 cells", "at most 64", cells=sorted(f"u3{a}{b}" for a in "0123456789" for b in "0123456789")[:65])
    add("lease", "revision 0", "seconds of created", header={"revision": 0})
    add("lease", "until a day", "created + 90 days", header={"until": NOW + DAY})
    add("attestation", "outcome 3", "-2 to 2", outcome=3)
    add("attestation", "of oneself", "not the rater", ratee=BOB.author)
    add("attestation", "another deal in the name", "name = deal", header={"name": bytes(32)})
    add("attestation", "nine dimensions", "at most 8", dimensions={f"d{i}": 0 for i in range(9)})
    add("attestation", "nonce of 15 bytes", "16 bytes", nonce=bytes(15))
    add("vouch", "for oneself", "not the voucher", subject=ANN.author, header={"name": ANN.author})
    add("vouch", "another name", "name = subject", header={"name": bytes(32)})
    add("vouch", "amount -1", "not negative", amount=-1)
    spam, ladder = good["blocklist"]["entries"]
    add(
        "blocklist",
        "an entry without a reason",
        "why is said",
        entries=[{k: v for k, v in spam.items() if k != "reason"}],
    )
    add("blocklist", "a reason of nothing", "a token", entries=[spam | {"reason": ""}])
    add("blocklist", "an entry without words", "why is said", entries=[{k: v for k, v in spam.items() if k != "text"}])
    add("blocklist", "words of nothing", "1 to 200 characters", entries=[spam | {"text": ""}])
    add("blocklist", "words of spaces", "words", entries=[spam | {"text": " \xa0 "}])
    add("blocklist", "words in two lines", "one line", entries=[spam | {"text": "a\nb"}])
    add("blocklist", "words of 201", "1 to 200 characters", entries=[spam | {"text": "a" * 201}])
    add("blocklist", "of oneself", "not the list's author", entries=[spam | {"author": ANN.author}])
    add("blocklist", "author of 31 bytes", "32 bytes", entries=[spam | {"author": bytes(31)}])
    add("blocklist", "listing of 15 bytes", "16 bytes, or left out", entries=[spam | {"listing": bytes(15)}])
    add("blocklist", "since later than it was signed", "since <= created", entries=[spam | {"since": NOW + 1}])
    add("blocklist", "entries out of order", "by author and listing, ascending", entries=[ladder, spam])
    add("blocklist", "an entry twice", "by author and listing, ascending", entries=[spam, spam])
    add("blocklist", "no entries", "withdrawn instead", entries=[])
    many = [spam | {"author": i.to_bytes(32, "big"), "text": "a"} for i in range(65)]
    add("blocklist", "65 entries", "at most 64", entries=many)
    add("blocklist", "page 16", "0 to 15", page=16, header={"name": page_name("street", 16)})
    add("blocklist", "another page in the name", "name = H(blocklist, page, name)", page=1)
    add("blocklist", "another name", "name = H(blocklist, page, name)", **{"name": "elm"})
    add("blocklist", "a scope", "the whole network", header={"scope": "u33db"})
    add("redemption", "of another network", "the invite's network", code="context", header={"network": network(2)})
    add("redemption", "after expiry", "created <= expires_at", code="context", header={"created": NOW + 2 * DAY})
    add(
        "redemption",
        "proof by another",
        "signed with the invite's key",
        code="signature",
        proof=good["redemption"]["countersignature"],
    )
    add(
        "redemption",
        "countersigned by another",
        "signed by the inviter",
        code="signature",
        countersignature=good["redemption"]["proof"],
    )
    token, _, inception = decode(good["redemption"]["invite"])
    unsigned = encode([token, good["redemption"]["proof"], inception])
    add("redemption", "invite not signed by the inviter", "the invite's signature", code="signature", invite=unsigned)
    add("redemption", "invite cut", "the invite's wire form", code="decode", invite=good["redemption"]["invite"][:-1])
    a, b = sorted((ANN.author, BOB.author))
    add("genesis", "quorum 2 of 1", "at most the stewards", quorum=2)
    add("genesis", "no stewards", "at least one", stewards=[])
    add("genesis", "stewards out of order", "ascending", stewards=[b, a])
    add("genesis", "an endowment twice", "ascending, each once", endowments=[[a, 1], [a, 2]])
    add("genesis", "endowments beyond 2^53 - 1", "their sum counts", endowments=[[a, 2**53 - 1], [b, 1]])
    add("genesis", "7 decimals", "at most 6", decimals=7)
    add("genesis", "cell precision 7", "1 to 6", cell_precision=7)
    add("genesis", "revision 1", "immutable", header={"revision": 1})
    add("genesis", "ends", "for ever", header={"until": NOW + DAY})
    add("replica", "of the author's own listings", "owner is another", owner=ANN.author, header={"name": ANN.author})
    add("replica", "name is not the owner", "name is the owner", header={"name": ANN.author})
    add("replica", "cells not in order", "ascending", cells=["u33e", "u33d"])
    add("replica", "a short sum", "16 bytes", sum=bytes(8))
    add("replica", "for two months", "30 days exactly", header={"until": NOW + 60 * DAY})
    add("replica", "revision is no time", "seconds of created", header={"revision": 1})
    return out


def invite_vectors() -> dict[str, Any]:
    genesis = found(ANN, genesis_of(1), NOW)
    valid = []
    for name, options in {
        "plain": {},
        "with everything": {
            "vouch": 500,
            "uses": 3,
            "note": "for Åsa",
            "addresses": ("/dns4/example.org/tcp/4001/p2p/12D3KooWGatU9DGpakz7JrN7AwAWZ9Az8AZCHPfFqC4z9vBNWvyU",),
        },
    }.items():
        invite, link = make_invite(ANN, genesis.id, random.Random(3), expires_at=NOW + DAY, **options)  # type: ignore[arg-type]
        parsed = parse_link(link)
        fields = invite._asdict() | {"seed": parsed.seed, "addresses": parsed.addresses, "genesis": parsed.genesis}
        valid.append({"name": name, "link": link, "fields": jsonable(fields)})
    link = str(valid[1]["link"])
    _, other = make_invite(ANN, network(2) + genesis.id[16:], random.Random(3), expires_at=NOW + DAY)
    parts = _link_parts(link)

    def with_part(i: int, value: Any) -> str:
        return _link([*parts[:i], value, *parts[i + 1 :]])

    invalid = [
        ("empty", "", "starts with p2pnode://join/"),
        ("a web address", "https://example.org/" + link[len(LINK_PREFIX) :], "starts with p2pnode://join/"),
        ("nothing after the prefix", LINK_PREFIX, "no data"),
        ("cut by one", link[:-1], "cut off"),
        ("cut in half", link[: len(link) // 2], "cut off"),
        ("padded", link + "=", "base64url without padding"),
        ("with a plus sign", link[:-1] + "+", "base64url, not base64"),
        ("another's seed", with_part(3, bytes(32)), "the seed must fit the key"),
        ("another genesis", with_part(5, _link_parts(other)[5]), "the network must be the genesis's"),
        ("another's signature", with_part(1, bytes(64)), "signed by the inviter"),
        ("another's inception", with_part(2, BOB.inception), "the inception must hash to the inviter"),
        ("nine addresses", with_part(4, ["/ip4/192.0.2.1"] * 9), "at most 8"),
        ("a field more", _link([*parts, 0]), "six parts"),
        ("too long", LINK_PREFIX + "A" * 8192, "at most 8192 characters"),
        ("uses 0", with_part(0, encode([*decode(parts[0])[:6], 0, *decode(parts[0])[7:]])), "1 to 1000"),
    ]
    return {
        "what": "invite links",
        "valid": valid,
        "invalid": [{"name": n, "link": text, "why": why} for n, text, why in invalid],
    }


def _link_parts(link: str) -> list[Any]:
    body = link[len(LINK_PREFIX) :]
    parts: list[Any] = decode(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return parts


def _link(parts: list[Any]) -> str:
    return LINK_PREFIX + urlsafe_b64encode(encode(parts)).decode().rstrip("=")
