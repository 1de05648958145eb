"""What the DHT keeps of an author: nothing older, of another, forged, too long or expired is taken."""

from collections.abc import Callable
from itertools import permutations

import msgspec
import pytest
from nacl.signing import SigningKey

from dht.keys import author_key
from dht.presences import Presences
from protocols.codec import encode
from protocols.envelope import Record, parse_record
from protocols.errors import Reject
from protocols.fields import seal_payload
from protocols.identity import Inception, Rotation, Signer, derive_nonce, derive_seed, digest, incept
from protocols.limits import MAX_PRESENCE, MAX_SKEW, PRESENCE_LIFETIME, SECOND
from protocols.presence import Presence, check_presence, seal_presence
from protocols.profile import PeerAddress, Profile, seal_profile
from protocols.rotation import rotation_name

NOW = 1_800_000_000_000
NETWORK = b"n" * 16
LAST = b"l" * 32
ENTROPY = b"anna".ljust(32)


def signer(epoch: int = 0, entropy: bytes = ENTROPY) -> Signer:
    keys = [SigningKey(derive_seed(entropy, e)).verify_key.encode() for e in (0, 1)]
    return Signer(derive_seed(entropy, epoch), Inception(keys[0], digest(keys[1]), derive_nonce(entropy)), epoch)


ANNA, EVE = signer(), incept(b"eve".ljust(32))[0]


def rotation(epoch: int, entropy: bytes = ENTROPY) -> bytes:
    here, following = (SigningKey(derive_seed(entropy, e)).verify_key.encode() for e in (epoch, epoch + 1))
    payload = Rotation(here, digest(following), 5)
    who = signer(epoch, entropy)
    made = seal_payload(who, NETWORK, "rotation", payload, created=NOW, until=NOW + SECOND, name=rotation_name(epoch))
    return made.wire


def profile(who: Signer = ANNA, network: bytes = NETWORK, about: str = "") -> bytes:
    said = Profile(name="Anna", box=bytes(32), peers=(PeerAddress("1" * 40, ("/ip4/192.0.2.1/tcp/1",)),), about=about)
    return seal_profile(who, network, said, created=NOW, until=NOW + SECOND, revision=1).wire


def presence(entries: int = 3, *, who: Signer = ANNA, at: int = NOW, **fields: object) -> Record:
    said = Presence(**{"profile": profile(), "entries": entries, "last": LAST, **fields})  # type: ignore[arg-type]
    return seal_presence(who, NETWORK, said, created=at)


def forced(payload: Presence, who: Signer = ANNA, **header: int) -> bytes:
    """Signed without a look at the rules."""
    times = {"created": NOW, "until": NOW + PRESENCE_LIFETIME, "revision": NOW // SECOND, **header}
    return seal_payload(who, NETWORK, "presence", payload, **times).wire


SOUND = Presence(profile(), 3, LAST)
RULES = Presences(lambda: NOW)
KEY = author_key(NETWORK, ANNA.author)


def test_a_sound_one_says_who_where_and_how_far() -> None:
    made = presence()
    checked = check_presence(made.wire, NOW)
    assert checked.presence.entries == 3
    assert checked.profile == parse_record(profile())
    RULES.validate(KEY, made.wire)
    assert check_presence(presence(0, profile=b"", last=bytes(32)).wire, NOW).profile is None


def test_after_rotations_it_can_still_be_checked_alone() -> None:
    made = presence(who=signer(2), rotations=(rotation(1), rotation(2)))
    assert check_presence(made.wire, NOW).record.epoch == 2
    RULES.validate(KEY, made.wire)
    of_now = presence(who=signer(1), rotations=(rotation(1),), profile=profile(signer(1)))
    RULES.validate(KEY, of_now.wire)


def resigned(wire: bytes) -> bytes:
    record = parse_record(wire)
    return encode([record.header, EVE.sign("presence", record.header), record.inception])


BAD: dict[str, Callable[[], bytes]] = {
    "forged": lambda: resigned(presence().wire),
    "of another author": lambda: presence(who=EVE, profile=b"").wire,
    "with another's profile": lambda: forced(msgspec.structs.replace(SOUND, profile=profile(EVE))),
    "with a profile of another network": lambda: forced(
        msgspec.structs.replace(SOUND, profile=profile(network=b"m" * 16))
    ),
    "with a forged profile": lambda: forced(msgspec.structs.replace(SOUND, profile=profile()[:-90] + bytes(90))),
    "with no rotations": lambda: forced(SOUND, signer(1)),
    "with too many rotations": lambda: forced(msgspec.structs.replace(SOUND, rotations=(rotation(1),))),
    "with somebody else's rotation": lambda: forced(
        msgspec.structs.replace(SOUND, rotations=(rotation(1, b"eve".ljust(32)),)), signer(1)
    ),
    "with rotations out of order": lambda: forced(
        msgspec.structs.replace(SOUND, rotations=(rotation(2), rotation(1))), signer(2)
    ),
    "signed with a key that was replaced": lambda: forced(
        msgspec.structs.replace(SOUND, rotations=(rotation(1),)), signer(0)
    ),
    "with entries and no last": lambda: forced(msgspec.structs.replace(SOUND, last=bytes(32))),
    "too long": lambda: forced(
        msgspec.structs.replace(SOUND, profile=profile(about="x" * 1_000) + bytes(MAX_PRESENCE))
    ),
    "living too long": lambda: forced(SOUND, until=NOW + PRESENCE_LIFETIME + 1),
    "of another revision": lambda: forced(SOUND, revision=NOW),
    "of another kind": lambda: profile(),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_sound_is_not_taken(what: str) -> None:
    wire = BAD[what]()
    with pytest.raises(Reject):
        RULES.validate(KEY, wire)
    sound = presence().wire
    assert RULES.select(KEY, [sound, wire]) == 0
    assert RULES.select(KEY, [wire, sound]) == 1


def test_it_is_not_taken_before_its_time_nor_after() -> None:
    wire = presence().wire
    for now in (NOW - MAX_SKEW, NOW + PRESENCE_LIFETIME - 1):
        Presences(lambda now=now: now).validate(KEY, wire)  # type: ignore[misc]
    for now in (NOW - MAX_SKEW - 1, NOW + PRESENCE_LIFETIME):
        with pytest.raises(Reject):
            Presences(lambda now=now: now).validate(KEY, wire)  # type: ignore[misc]


def test_of_several_the_newest_stays_in_whatever_order_they_come() -> None:
    rising = [
        presence(9, at=NOW - 20 * SECOND).wire,
        presence(10, at=NOW - 30 * SECOND).wire,  # of a longer chain, though older
        presence(10, at=NOW - 10 * SECOND).wire,
        presence(4, at=NOW - 40 * SECOND, who=signer(1), rotations=(rotation(1),)).wire,
    ]
    for some in permutations(range(len(rising))):
        wires = [rising[n] for n in some]
        assert wires[RULES.select(KEY, wires)] == rising[-1]
        assert RULES.select(KEY, [rising[some[0]], rising[some[1]]]) == int(some[1] > some[0])


def test_who_was_put_back_does_not_wipe_out_what_shows_it() -> None:
    before, restored = presence(10, at=NOW - SECOND).wire, presence(7, at=NOW).wire
    assert RULES.select(KEY, [before, restored]) == 0


def test_what_would_be_too_long_is_not_signed() -> None:
    with pytest.raises(Reject):
        presence(profile=bytes(MAX_PRESENCE))
