"""Secrets: made once, kept whole, opened by their owner only."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from mnemonic import Mnemonic
from nacl.signing import SigningKey

from p2pnode.home.keystore import (
    MAX_MEM,
    create_keystore,
    load_keystore,
    load_public,
    peer_id,
    read_passphrase,
    save_keystore,
)
from protocols.errors import Refusal
from protocols.identity import Rotation, derive_seed, digest, incept, initial_state, rotated

WEAK = {"ops": 1, "mem": 8192}  # for speed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keystore.json"


def test_what_was_made_is_opened_again(path: Path) -> None:
    keys, _ = create_keystore(path)
    again, notes = load_keystore(path)
    assert notes == [] and again.public.author == keys.public.author
    assert (again.host_seed, again.box_seed) == (keys.host_seed, keys.box_seed)
    assert again.signer().sign("x", b"m") == keys.signer().sign("x", b"m")
    assert load_public(path).peer_id == keys.public.peer_id
    assert len({keys.host_seed, keys.box_seed, keys._identity}) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_words_stand_for_the_identity_and_are_kept_nowhere(path: Path) -> None:
    keys, words = create_keystore(path)
    assert len(words.split()) == 24
    entropy = bytes(Mnemonic("english").to_entropy(words))
    assert incept(entropy)[1].author == keys.public.author
    stored = path.read_text()
    following = derive_seed(entropy, 1)
    for secret in (entropy, following):
        assert secret.hex() not in stored
    assert digest(SigningKey(following).verify_key.encode()) == keys.public.inception.next_hash
    assert " ".join(words.split()[:3]) not in stored
    assert not any(p.name != "keystore.json" for p in path.parent.iterdir())


@pytest.mark.parametrize("passphrase", [None, b"a good one"])
def test_the_words_replace_the_key_again_and_again(path: Path, passphrase: bytes | None) -> None:
    keys, words = create_keystore(path, passphrase, **WEAK)
    state, inception = initial_state(keys.public.inception), keys.public.inception
    for epoch in (1, 2, 3):
        keys = keys.replaced(words)
        save_keystore(path, keys, passphrase, **WEAK)
        keys, _ = load_keystore(path, passphrase)
        assert (keys.public.epoch, keys.public.author) == (epoch, inception.author)
        assert keys.signer().epoch == epoch and len(keys.turns()) == epoch
    for turn in keys.turns():
        state = rotated(state, turn.signer.epoch, Rotation(turn.signer.public_key, turn.next_hash, 0))
    assert state.key == keys.signer().public_key
    stored = path.read_text()
    assert derive_seed(bytes(Mnemonic("english").to_entropy(words)), 4).hex() not in stored, "the next one is not kept"


def test_no_other_words_do(path: Path) -> None:
    keys, words = create_keystore(path)
    _, others = create_keystore(path.with_name("other.json"))
    for wrong in (others, words.rsplit(" ", 1)[0], "abandon " * 24, "", words + " zoo"):
        with pytest.raises(Refusal):
            keys.replaced(wrong)
    assert keys.replaced(f"  {words.upper()}\n").public.epoch == 1


def test_a_keystore_that_lacks_an_earlier_key_is_damaged(path: Path) -> None:
    keys, words = create_keystore(path)
    save_keystore(path, keys.replaced(words).replaced(words))
    form = json.loads(path.read_text())
    for secrets in ({**form["secrets"], "earlier": []}, {k: v for k, v in form["secrets"].items() if k != "earlier"}):
        path.write_text(json.dumps({**form, "secrets": secrets}))
        with pytest.raises(Refusal, match="damaged"):
            load_keystore(path)


def test_an_identity_is_never_overwritten(path: Path) -> None:
    create_keystore(path)
    before = path.read_bytes()
    with pytest.raises(Refusal) as e:
        create_keystore(path)
    assert e.value.code == "conflict" and path.read_bytes() == before
    (path.parent / "link").symlink_to(path.parent / "nowhere")
    with pytest.raises(Refusal):
        create_keystore(path.parent / "link")


def test_a_passphrase_seals(path: Path) -> None:
    keys, _ = create_keystore(path, b"secret", **WEAK)
    stored = path.read_text()
    for seed in (keys.host_seed, keys.box_seed, keys._identity):
        assert seed.hex() not in stored
    assert load_keystore(path, b"secret")[0].host_seed == keys.host_seed
    assert load_public(path).peer_id == keys.public.peer_id, "who it is can be told without"
    for wrong, hint in ((None, "--passphrase-file"), (b"Secret", "passphrase")):
        with pytest.raises(Refusal) as e:
            load_keystore(path, wrong)
        assert e.value.code == "refused" and hint in e.value.hint


def test_a_passphrase_too_many_is_only_noted(path: Path) -> None:
    create_keystore(path)
    assert "not needed" in load_keystore(path, b"x")[1][0]


def test_a_passphrase_file_is_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_bytes(b"a b \r\nnot this\n")
    assert read_passphrase(file) == b"a b "
    file.write_bytes(b"\n")
    for bad in (file, tmp_path / "none"):
        with pytest.raises(Refusal):
            read_passphrase(bad)


def test_permissions_are_mended_with_a_note(path: Path) -> None:
    create_keystore(path)
    path.chmod(0o644)
    assert "0600" in load_keystore(path)[1][0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keystore(path)[1] == []


def change(path: Path, **fields: Any) -> None:
    form = json.loads(path.read_text())
    form.update(fields)
    path.write_text(json.dumps(form))


def test_damage_is_said_and_nothing_is_made_up(path: Path) -> None:
    create_keystore(path)
    good = path.read_text()
    form = json.loads(good)
    other, _ = create_keystore(path.with_name("other.json"))
    changes: list[dict[str, Any]] = [
        {"secrets": None},
        {"secrets": {}},
        {"secrets": {**form["secrets"], "host": other.host_seed.hex()}},
        {"secrets": {**form["secrets"], "box": "00"}},
        {"secrets": {**form["secrets"], "identity": other._identity.hex()}},
        {"host_key": other.public.host_key.hex()},
        {"author": other.public.author.hex()},
        {"inception": "zz"},
        {"inception": 7},
        {"epoch": "0"},
        {"epoch": -1},
        {"version": "1"},
    ]
    for fields in changes:
        path.write_text(good)
        change(path, **fields)
        with pytest.raises(Refusal, match="damaged") as e:
            load_keystore(path)
        assert "backup" in e.value.hint
    for text in ("", "{", "[]", "null", "x" * 20_000, "[" * 10_000, good[: len(good) // 2]):
        path.write_text(text)
        with pytest.raises(Refusal, match="damaged"):
            load_keystore(path)
    path.unlink()
    with pytest.raises(Refusal) as e:
        load_keystore(path)
    assert e.value.code == "no_daemon"


def test_a_file_cannot_ask_for_all_the_memory(path: Path) -> None:
    create_keystore(path, b"secret", **WEAK)
    sealed = json.loads(path.read_text())["sealed"]
    for fields in ({"mem": MAX_MEM + 1}, {"ops": 10**9}, {"mem": "8192"}, {"box": "00"}, {"salt": ""}):
        change(path, sealed={**sealed, **fields})
        with pytest.raises(Refusal):
            load_keystore(path, b"secret")


def test_a_newer_keystore_is_refused(path: Path) -> None:
    create_keystore(path)
    change(path, version=2)
    with pytest.raises(Refusal, match="newer"):
        load_keystore(path)


def test_secrets_are_not_shown(path: Path) -> None:
    keys, _ = create_keystore(path)
    for seed in (keys.host_seed, keys.box_seed, keys._identity):
        assert seed.hex() not in repr(keys) and repr(seed) not in repr(keys)


def test_peer_ids_are_libp2ps() -> None:
    # https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md: the Ed25519 test key, as a PeerId
    key = bytes.fromhex("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
    from libp2p.crypto.ed25519 import Ed25519PublicKey
    from libp2p.peer.id import ID

    for public in (key, bytes(32), bytes(range(32))):
        assert peer_id(public) == str(ID.from_pubkey(Ed25519PublicKey.from_bytes(public)))
    assert peer_id(key).startswith("12D3KooW")
