"""Who signs: an author, its keys, and how they are replaced.

author = BLAKE2b-256 of an immutable inception `[version, key0, hash(key1), nonce]`. The id itself commits to the
next key (pre-rotation, as in KERI), so whoever steals today's key cannot name a successor. The next
keys are derived from an entropy that exists only in the owner's backup words.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from typing import NamedTuple, Protocol

import msgspec
from nacl.bindings import (
    crypto_box,
    crypto_box_seal_open,
    crypto_scalarmult_base,
    crypto_sign,
    crypto_sign_ed25519_pk_to_curve25519,
    crypto_sign_ed25519_sk_to_curve25519,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import SigningKey

from protocols.codec import decode, encode
from protocols.errors import DecodeError, Reject
from protocols.limits import PROTOCOL_VERSION

MAX_INCEPTION = 128


def digest(data: bytes) -> bytes:
    """BLAKE2b-256, the hash of every id that is ours."""
    return blake2b(data, digest_size=32).digest()


class Inception(NamedTuple):
    """The immutable start of an identity. key: Ed25519 public key, 32 bytes; next_hash: digest of the next one."""

    key: bytes
    next_hash: bytes
    nonce: bytes  # 16 bytes

    def encode(self) -> bytes:
        return encode([PROTOCOL_VERSION, self.key, self.next_hash, self.nonce])

    @property
    def author(self) -> bytes:
        return digest(self.encode())


def parse_inception(data: bytes) -> Inception:
    """The inception that these bytes hold, or `DecodeError`."""
    value = decode(data, MAX_INCEPTION)
    if not (
        type(value) is list
        and len(value) == 4
        and type(value[0]) is int
        and all(type(v) is bytes for v in value[1:])
        and [len(v) for v in value[1:]] == [32, 32, 16]
    ):
        raise DecodeError("not an inception", "field")
    if value[0] != PROTOCOL_VERSION:
        raise DecodeError(f"inception version {value[0]}", "field")
    return Inception(value[1], value[2], value[3])


@lru_cache(maxsize=4_096)
def identify(inception: bytes) -> tuple[bytes, bytes]:
    """The author and the first key of an inception, or `DecodeError`. Remembered: most records are of a few authors."""
    return digest(inception), parse_inception(inception).key


class KeyState(NamedTuple):
    """What is known of an author's keys: the newest epoch, its public key, the hash of the one after."""

    epoch: int
    key: bytes
    next_hash: bytes


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payload of a `rotation` record, signed by the new key at the new epoch.

    seq: entries of the author's chain up to this number stay valid under the old key.
    """

    key: bytes
    next_hash: bytes
    seq: int


def initial_state(inception: Inception) -> KeyState:
    return KeyState(0, inception.key, inception.next_hash)


def rotated(state: KeyState, epoch: int, rotation: Rotation) -> KeyState:
    """The state after a rotation, or `Reject`: only the key committed to before may follow."""
    if epoch != state.epoch + 1:
        raise Reject("context", f"rotation to epoch {epoch} after epoch {state.epoch}")
    if len(rotation.key) != 32 or len(rotation.next_hash) != 32 or rotation.seq < -1:
        raise Reject("field", "rotation")
    if digest(rotation.key) != state.next_hash:
        raise Reject("signature", "the new key is not the one that was committed to")
    return KeyState(epoch, rotation.key, rotation.next_hash)


def derive_seed(entropy: bytes, epoch: int) -> bytes:
    """The Ed25519 seed of an epoch, from the 32 bytes that the backup words stand for."""
    return blake2b(entropy, digest_size=32, salt=epoch.to_bytes(16, "big"), person=b"p2pnode key").digest()


def derive_nonce(entropy: bytes) -> bytes:
    """The inception's nonce, so that the words alone name the author."""
    return blake2b(entropy, digest_size=16, person=b"p2pnode nonce").digest()


def incept(entropy: bytes) -> tuple["Signer", Inception]:
    """A new identity. Keep the signer; write the entropy down as words and forget it."""
    seed = derive_seed(entropy, 0)
    following = SigningKey(derive_seed(entropy, 1)).verify_key.encode()
    inception = Inception(SigningKey(seed).verify_key.encode(), digest(following), derive_nonce(entropy))
    return Signer(seed, inception, 0), inception


class Signer:
    """Signs as one author at one epoch. Holds the secret; never prints it."""

    __slots__ = ("_secret", "author", "epoch", "inception", "public_key")

    def __init__(self, seed: bytes, inception: Inception, epoch: int) -> None:
        self.public_key, self._secret = crypto_sign_seed_keypair(seed)
        if epoch == 0 and self.public_key != inception.key:
            raise ValueError("the seed is not the inception's")
        self.inception: bytes = inception.encode()
        self.author: bytes = inception.author
        self.epoch = epoch

    def sign(self, domain: str, message: bytes) -> bytes:
        """64 bytes: Ed25519 over `p2pnode/v1/<domain>\\0` and the message."""
        signed: bytes = crypto_sign(prefix(domain) + message, self._secret)
        return signed[:64]

    def unseal(self, sealed: bytes) -> bytes:
        """What `seal_to` sealed to the key of this epoch. `Reject` (`signature`) for anything else."""
        secret = crypto_sign_ed25519_sk_to_curve25519(self._secret)
        try:
            opened: bytes = crypto_box_seal_open(sealed, crypto_scalarmult_base(secret), secret)
        except (CryptoError, ValueError, TypeError) as e:
            raise Reject("signature", "not sealed to this key") from e
        return opened


class Turn(NamedTuple):
    """One replacement of an author's key. signer: of the key from then on; next_hash: of the one after it."""

    signer: Signer
    next_hash: bytes


def seal_to(key: bytes, plaintext: bytes, secret: bytes) -> bytes:
    """libsodium's sealed box (48 bytes longer) to the X25519 form of an Ed25519 key. Who sealed it is not in it.

    secret: 32 bytes of chance, used for this box alone and then forgotten. `Reject` (`signature`) for what is no key
    that anything can be sealed to.
    """
    try:
        box = crypto_sign_ed25519_pk_to_curve25519(key)
        ours = crypto_scalarmult_base(secret)
        sealed: bytes = crypto_box(plaintext, blake2b(ours + box, digest_size=24).digest(), box, secret)
    except (CryptoError, ValueError, TypeError) as e:
        raise Reject("signature", "nothing can be sealed to this key") from e
    return ours + sealed


@cache
def prefix(domain: str) -> bytes:
    return b"p2pnode/v1/" + domain.encode() + b"\0"


class Signed(Protocol):
    """What records and facts have in common: a header that its author signed, and the author's inception beside it."""

    @property
    def author(self) -> bytes: ...
    @property
    def epoch(self) -> int: ...
    @property
    def header(self) -> bytes: ...
    @property
    def signature(self) -> bytes: ...
    @property
    def inception(self) -> bytes: ...


def verify_signed(signed: Signed, domain: str, key: bytes | None = None) -> None:
    """`Reject` unless the author signed. key: the author's at this epoch, or none at epoch 0.

    At epoch 0 what is signed verifies alone: the inception that it carries hashes to its author. The inception is
    checked at every epoch: it is not signed, and would else be room for anybody to vary the bytes.
    """
    author, first_key = identify(signed.inception)
    if author != signed.author:
        raise Reject("signature", "the inception is not the author's")
    if key is None:
        if signed.epoch != 0:
            raise Reject("context", "the key of this epoch is not known")
        key = first_key
    verify(key, domain, signed.header, signed.signature)


Claim = tuple[Signed, str, bytes | None]
"""What is signed, its domain, and the key, as `verify_signed` takes them."""
Verify = Callable[[Sequence[Claim]], list[Reject | None]]
"""Says of each claim what is wrong with it, or None: `verify_in_turn`, or one that uses several cores."""


def verify_in_turn(claims: Sequence[Claim]) -> list[Reject | None]:
    """What is wrong with each claim, or None."""
    return [_wrong(*claim) for claim in claims]


def _wrong(signed: Signed, domain: str, key: bytes | None) -> Reject | None:
    try:
        verify_signed(signed, domain, key)
    except Reject as e:
        return e
    return None


def verify(key: bytes, domain: str, message: bytes, signature: bytes) -> None:
    """`Reject` unless `key` signed this. libsodium's rules: small-order keys and S ≥ L are refused."""
    if len(signature) != 64 or len(key) != 32:
        raise Reject("signature", "wrong length")
    try:
        crypto_sign_open(signature + prefix(domain) + message, key)
    except (BadSignatureError, ValueError) as e:
        raise Reject("signature", f"bad signature on {domain}") from e
