"""The node's secrets: the identity's seed of this epoch, the host key's and the mailbox's.

    keystore.json   {"version": 1, "author", "inception", "epoch", "host_key", "box_key": public, hex
                     after a rotation "next_hash": of the key after this one, hex
                    and either "secrets": {"identity", "host", "box"}       32-byte seeds, hex
                                after a second one with "earlier": [those of the epochs from 1 on]
                     or "sealed": {"salt", "ops", "mem", "box"}}             argon2id, XSalsa20-Poly1305

The entropy behind the identity is not kept: the next key's secret exists only in the backup words, which are
returned once (protocols.identity). Earlier keys are kept, since each signs its rotation in networks joined later. The
host key is another key, so that it can be replaced.
"""

import json
import os
from pathlib import Path
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.signing import SigningKey

from protocols.errors import Refusal, Reject
from protocols.identity import Inception, Signer, Turn, derive_seed, digest, incept, parse_inception
from protocols.limits import MAX_EPOCH

from .files import mend_mode, write_atomic

KEYSTORE_VERSION = 1
MAX_KEYSTORE = 16 * 1024
# argon2id for a Pi with 512 MB: 64 MiB, 4 passes, about 0.3 s on a desktop. Read back from the file, within bounds.
OPS = 4
MEM = 64 * 1024 * 1024
MAX_OPS = 16
MAX_MEM = 1024 * 1024 * 1024

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Public:
    """What may be told of a keystore without its passphrase."""

    __slots__ = ("author", "box_key", "epoch", "host_key", "inception")

    def __init__(self, inception: Inception, epoch: int, host_key: bytes, box_key: bytes) -> None:
        self.inception = inception
        self.author: bytes = inception.author
        self.epoch = epoch
        self.host_key = host_key
        self.box_key = box_key

    @property
    def peer_id(self) -> str:
        return peer_id(self.host_key)


class Keys:
    """The secrets, opened. Never printed: `repr` shows the author only."""

    __slots__ = ("_earlier", "_identity", "_next_hash", "box_seed", "host_seed", "public")

    def __init__(
        self,
        public: Public,
        identity: bytes,
        host_seed: bytes,
        box_seed: bytes,
        earlier: tuple[bytes, ...] = (),
        next_hash: bytes = b"",
    ) -> None:
        """earlier: seeds of the epochs from 1 to the one before; next_hash: of the key to come, if one was replaced."""
        self.public = public
        self._earlier, self._next_hash = earlier, next_hash
        self._identity = identity
        self.host_seed = host_seed
        self.box_seed = box_seed

    def signer(self) -> Signer:
        return Signer(self._identity, self.public.inception, self.public.epoch)

    def turns(self) -> tuple[Turn, ...]:
        """All replacements of the key, in order."""
        if not self.public.epoch:
            return ()
        seeds = (*self._earlier, self._identity)
        signers = [Signer(seed, self.public.inception, epoch) for epoch, seed in enumerate(seeds, 1)]
        hashes = [*(digest(signer.public_key) for signer in signers[1:]), self._next_hash]
        return tuple(map(Turn, signers, hashes))

    def replaced(self, words: str) -> "Keys":
        """The same with the next key, which only the backup words know. `Refusal` unless they are this identity's."""
        public = self.public
        entropy = check_words(public, words)
        epoch = public.epoch + 1
        if epoch > MAX_EPOCH:
            raise Refusal("refused", f"a key can be replaced {MAX_EPOCH} times", "Make a new node: p2pnode init")
        following = SigningKey(derive_seed(entropy, epoch + 1)).verify_key.encode()
        return Keys(
            Public(public.inception, epoch, public.host_key, public.box_key),
            derive_seed(entropy, epoch),
            self.host_seed,
            self.box_seed,
            tuple(derive_seed(entropy, n) for n in range(1, epoch)),
            digest(following),
        )

    def __repr__(self) -> str:
        return f"Keys(author={self.public.author.hex()[:8]}…)"


def peer_id(public_key: bytes) -> str:
    """The libp2p PeerId of an Ed25519 public key: base58 of an identity multihash over the key's protobuf.

    Source: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
    """
    data = b"\x00\x24\x08\x01\x12\x20" + public_key
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def check_words(public: Public, words: str) -> bytes:
    """The 32 bytes of entropy that 24 backup words (BIP-39) stand for. `Refusal` unless they are this identity's."""
    import mnemonic

    try:
        entropy = bytes(mnemonic.Mnemonic("english").to_entropy(words.lower().split()))
    except (ValueError, LookupError) as e:
        raise Refusal("usage", "these are not 24 backup words", "Each as `p2pnode init` showed it.") from e
    if incept(entropy)[1].author != public.author:
        raise Refusal("refused", "these are the words of another identity", "Those that init showed with this one.")
    return entropy


def read_passphrase(path: Path) -> bytes:
    """The first line of a passphrase file, without its line end. `Refusal` if it cannot be read or is empty."""
    try:
        with path.open("rb") as file:
            line = file.readline(4096).rstrip(b"\r\n")
    except OSError as e:
        raise Refusal("failed", f"Cannot read the passphrase file {path}: {e.strerror}", "Check its path") from e
    if not line:
        raise Refusal("failed", f"The passphrase file {path} is empty", "Put the passphrase in its first line")
    return line


def create_keystore(path: Path, passphrase: bytes | None = None, ops: int = OPS, mem: int = MEM) -> tuple[Keys, str]:
    """Make a new identity and its keystore. Returns the keys and the 24 backup words (BIP-39), which are kept nowhere.

    `Refusal` (`conflict`) if there is a keystore already: an identity is never overwritten.
    """
    if os.path.lexists(path):
        raise Refusal("conflict", f"There is an identity already: {path}", "Use it, or choose another --home")
    keys, words = new_keys()
    save_keystore(path, keys, passphrase, ops, mem)
    return keys, words


def new_keys() -> tuple[Keys, str]:
    """A new identity and its 24 backup words (BIP-39). Neither is kept anywhere yet."""
    import mnemonic  # a word list of 2,048 lines; not wanted at each start

    entropy = os.urandom(32)
    words: str = mnemonic.Mnemonic("english").to_mnemonic(entropy)
    _, inception = incept(entropy)
    identity, host, box = derive_seed(entropy, 0), os.urandom(32), os.urandom(32)
    public = Public(inception, 0, SigningKey(host).verify_key.encode(), PrivateKey(box).public_key.encode())
    return Keys(public, identity, host, box), words


def save_keystore(path: Path, keys: Keys, passphrase: bytes | None = None, ops: int = OPS, mem: int = MEM) -> None:
    """Write the keystore, sealed if there is a passphrase. Atomic and synced, mode 0600."""
    public = keys.public
    secrets: dict[str, Any] = {
        "identity": keys._identity.hex(),
        "host": keys.host_seed.hex(),
        "box": keys.box_seed.hex(),
    }
    if keys._earlier:
        secrets["earlier"] = [seed.hex() for seed in keys._earlier]
    form: dict[str, Any] = {
        "version": KEYSTORE_VERSION,
        "author": public.author.hex(),
        "inception": public.inception.encode().hex(),
        "epoch": public.epoch,
        "host_key": public.host_key.hex(),
        "box_key": public.box_key.hex(),
    }
    if public.epoch:
        form["next_hash"] = keys._next_hash.hex()
    if passphrase is None:
        form["secrets"] = secrets
    else:
        salt = os.urandom(argon2id.SALTBYTES)
        key = argon2id.kdf(SecretBox.KEY_SIZE, passphrase, salt, opslimit=ops, memlimit=mem)
        sealed = SecretBox(key).encrypt(json.dumps(secrets).encode())
        form["sealed"] = {"salt": salt.hex(), "ops": ops, "mem": mem, "box": bytes(sealed).hex()}
    write_atomic(path, json.dumps(form, indent=1).encode() + b"\n")


def load_public(path: Path) -> Public:
    """What a keystore says without its passphrase. `Refusal` if it is missing or damaged."""
    return _public(path, _read(path))


def load_keystore(path: Path, passphrase: bytes | None = None) -> tuple[Keys, list[str]]:
    """Open a keystore. Returns the keys and notes for the user (permissions that were mended).

    `Refusal`: not there, another user's, damaged, of a newer version, sealed and no or the wrong passphrase.
    """
    form = _read(path)
    notes = [note for note in (mend_mode(path),) if note]
    public = _public(path, form)
    if "sealed" in form:
        secrets = _unseal(path, form["sealed"], passphrase)
    else:
        secrets = form.get("secrets")
        if passphrase is not None:
            notes.append("The keystore has no passphrase; the one given was not needed")
    try:
        identity, host, box = (_seed(secrets[name]) for name in ("identity", "host", "box"))
        earlier = tuple(map(_seed, secrets.get("earlier", ())))
        keys = Keys(public, identity, host, box, earlier, _seed(form["next_hash"]) if public.epoch else b"")
        fits = (
            SigningKey(keys.host_seed).verify_key.encode() == public.host_key
            and PrivateKey(keys.box_seed).public_key.encode() == public.box_key
            and (public.epoch != 0 or keys.signer().public_key == public.inception.key)
            and len(earlier) == max(0, public.epoch - 1)
        )
    except (KeyError, TypeError, ValueError) as e:
        raise _damaged(path) from e
    if not fits:
        raise _damaged(path)
    return keys, notes


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_KEYSTORE + 1)
        if len(raw) > MAX_KEYSTORE:
            raise _damaged(path)
        form = json.loads(raw)
    except FileNotFoundError as e:
        raise Refusal("no_daemon", f"There is no identity in {path.parent}", "p2pnode init --name NAME") from e
    except OSError as e:
        raise Refusal("failed", f"Cannot read {path}: {e.strerror}", "Check who may read it") from e
    except (ValueError, RecursionError) as e:
        raise _damaged(path) from e
    if type(form) is not dict or type(form.get("version")) is not int:
        raise _damaged(path)
    if form["version"] > KEYSTORE_VERSION:
        raise Refusal(
            "refused", f"{path} was written by a newer p2pnode", "Install the newer p2pnode again; nothing was changed"
        )
    return form


def _public(path: Path, form: dict[str, Any]) -> Public:
    try:
        inception = parse_inception(bytes.fromhex(form["inception"]))
        public = Public(inception, form["epoch"], _seed(form["host_key"]), _seed(form["box_key"]))
    except (KeyError, TypeError, ValueError, Reject) as e:
        raise _damaged(path) from e
    if type(public.epoch) is not int or public.epoch < 0 or form.get("author") != public.author.hex():
        raise _damaged(path)
    return public


def _unseal(path: Path, sealed: Any, passphrase: bytes | None) -> Any:
    if passphrase is None:
        raise Refusal(
            "refused", f"{path} is sealed with a passphrase", "Name the file that holds it: --passphrase-file FILE"
        )
    try:
        ops, mem, salt, box = sealed["ops"], sealed["mem"], bytes.fromhex(sealed["salt"]), bytes.fromhex(sealed["box"])
        if not (type(ops) is int and type(mem) is int and 1 <= ops <= MAX_OPS and 8192 <= mem <= MAX_MEM):
            raise _damaged(path)
        key = argon2id.kdf(SecretBox.KEY_SIZE, passphrase, salt, opslimit=ops, memlimit=mem)
        return json.loads(SecretBox(key).decrypt(box))
    except CryptoError as e:
        raise Refusal("refused", "The passphrase does not open the keystore", "Check the passphrase file") from e
    except (KeyError, TypeError, ValueError) as e:
        raise _damaged(path) from e


def _seed(text: str) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != 32:
        raise ValueError("not 32 bytes")
    return value


def _damaged(path: Path) -> Refusal:
    return Refusal("failed", f"{path} is damaged", "Restore it from a backup; do not run init over it")
