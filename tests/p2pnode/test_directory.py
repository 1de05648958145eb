import pytest

from p2pnode.core.directory import Directory, alike
from protocols.errors import Refusal
from protocols.profile import PeerAddress, Profile

ME, BEN, EVE = (bytes([i]) * 32 for i in (1, 2, 3))
PEER = {a: "12D3KooW" + c * 44 for a, c in ((ME, "M"), (BEN, "B"), (EVE, "E"))}


def profile(name: str, *peers: str) -> Profile:
    return Profile(name=name, box=bytes(32), peers=tuple(PeerAddress(p, ("/ip4/192.0.2.1/tcp/1",)) for p in peers))


@pytest.fixture
def directory() -> Directory:
    made = Directory(ME, PEER[ME], "Mia")
    made.learn(BEN, profile("Ben", PEER[BEN]), b"ben")
    return made


@pytest.mark.parametrize("text", ["Ben", "ben", PEER[BEN], PEER[BEN][:12], BEN.hex(), BEN.hex()[:8]])
def test_a_peer_by_name_and_prefix(directory, text):
    assert directory.resolve(text) == BEN


@pytest.mark.parametrize("text", ["Be", "Benn", PEER[BEN][:5], "ff00"])
def test_what_names_nobody(directory, text):
    with pytest.raises(Refusal) as e:
        directory.resolve(text)
    assert e.value.code == "not_found"


@pytest.mark.parametrize(
    ("text", "meant"), [("Be", "'Ben'"), ("jörg", "'Jörg Großmüller'"), ("Groß", "'Jörg Großmüller'")]
)
def test_who_may_be_meant_is_named_and_not_taken(directory, text, meant):
    directory.learn(EVE, profile("Jörg Großmüller", PEER[EVE]), b"eve")
    with pytest.raises(Refusal) as e:
        directory.resolve(text)
    assert e.value.code == "not_found" and e.value.hint == f"Did you mean {meant}?"


@pytest.mark.parametrize("text", ["", " ", "\u200b"])
def test_nothing_names_nobody(directory, text):
    with pytest.raises(Refusal, match="nobody"):
        directory.resolve(text)


def test_a_name_that_two_bear_is_neither_s(directory):
    directory.learn(EVE, profile("Ben", PEER[EVE]))
    with pytest.raises(Refusal) as e:
        directory.resolve("Ben")
    assert e.value.code == "conflict"
    assert directory.name(BEN) == f"Ben ({BEN.hex()[:8]})" and directory.name(EVE) == f"Ben ({EVE.hex()[:8]})"
    directory.pet_names[PEER[BEN]] = "Ben"
    assert directory.resolve("Ben") == BEN and directory.name(BEN) == "Ben"


@pytest.mark.parametrize("name", ["BEN", "B\u200ben", " Ben ", "\uff22en", "Be\u00adn", "you", "You ", "me", "MIA"])
def test_names_that_imitate_are_told_apart(directory, name):
    directory.learn(EVE, profile(name, PEER[EVE]))
    assert directory.name(EVE) == f"{name} ({EVE.hex()[:8]})"


@pytest.mark.parametrize("first", [True, False])
def test_nobody_takes_over_a_peer_id(first):
    directory = Directory(ME, PEER[ME])
    order = [(BEN, profile("Ben", PEER[BEN])), (EVE, profile("Eve", PEER[BEN], PEER[ME]))]
    for author, said in order if first else order[::-1]:
        directory.learn(author, said)
    assert directory.author_of(PEER[BEN]) is None and directory.author_of(PEER[ME]) == ME
    assert directory.peer_id(EVE) == EVE.hex()
    with pytest.raises(Refusal) as e:
        directory.resolve(PEER[BEN])
    assert e.value.code == "conflict"
    directory.pet_names[PEER[BEN]] = "my friend Ben"
    assert directory.name(EVE) == "Eve"
    assert directory.speaks_for(PEER[BEN], BEN)
    directory.learn(EVE, profile("Eve", PEER[EVE]))
    assert directory.author_of(PEER[BEN]) == BEN and directory.peer_id(BEN) == PEER[BEN]


def test_what_is_gone_is_forgotten(directory):
    directory.forget(BEN, b"an older record")
    assert directory.profile(BEN) is not None
    directory.forget(BEN, b"ben")
    assert directory.profile(BEN) is None and directory.author_of(PEER[BEN]) is None
    assert not list(directory.authors()) and directory.name(BEN) == BEN.hex()[:8]


def test_alike():
    assert alike("Ann A") == alike("ann\u00a0a") != alike("Anna B")
