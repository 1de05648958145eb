"""A file sealed with a passphrase, written and read as a stream, so that its size is no matter of memory.

    file     = "p2pnode-backup\\n" | header length 4 | header | chunk … | checksum 32         integers big-endian
    header   = canonical array [version, made at (ms), "argon2id", ops, mem, salt 16, stream header 24]
    chunk    = length 4 | ciphertext of at most 64 KiB and 17 bytes
    checksum = BLAKE2b-256 of all before it

Chunks are those of libsodium's secretstream (XChaCha20-Poly1305), each with BLAKE2b-256 of the header as additional
data; the last carries the tag FINAL. The checksum shows, without the passphrase, whether a copy is whole; the seal
shows that nobody has changed it. Source: https://doc.libsodium.org/secret-key_cryptography/secretstream
"""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from nacl import bindings
from nacl.pwhash import argon2id

from protocols.codec import decode, encode
from protocols.errors import Refusal, Reject
from protocols.identity import digest

MAGIC = b"p2pnode-backup\n"
SEAL_VERSION = 1
CHUNK = 64 * 1024
CHECKSUM = 32
MAX_HEADER = 1024
OPS = 6  # argon2id: 64 MiB, 6 passes: a Pi with 512 MB can open it; read back from the file, within bounds
MEM = 64 * 1024 * 1024
MAX_OPS = 16
MAX_MEM = 1024 * 1024 * 1024

_EXTRA = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_KEY = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES


class SealedWriter:
    """Seals what is written into an open file. `finish` once, or the file is torn."""

    def __init__(self, file: BinaryIO, passphrase: bytes, made_at: int, ops: int = OPS, mem: int = MEM) -> None:
        salt = os.urandom(argon2id.SALTBYTES)
        key = argon2id.kdf(_KEY, passphrase, salt, opslimit=ops, memlimit=mem)
        self._stream = bindings.crypto_secretstream_xchacha20poly1305_state()
        start = bindings.crypto_secretstream_xchacha20poly1305_init_push(self._stream, key)
        header = encode([SEAL_VERSION, made_at, "argon2id", ops, mem, salt, start])
        self._file = file
        self._bound = digest(header)
        self._sum = blake2b(digest_size=CHECKSUM)
        self._waiting = bytearray()
        self._put(MAGIC + len(header).to_bytes(4, "big") + header)

    def write(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), _MESSAGE)
            del self._waiting[:CHUNK]

    def finish(self) -> None:
        self._seal(bytes(self._waiting), _FINAL)
        self._file.write(self._sum.digest())

    def _seal(self, plain: bytes, tag: int) -> None:
        sealed = bindings.crypto_secretstream_xchacha20poly1305_push(self._stream, plain, self._bound, tag)
        self._put(len(sealed).to_bytes(4, "big") + sealed)

    def _put(self, data: bytes) -> None:
        self._sum.update(data)
        self._file.write(data)


class SealedReader:
    """Reads what a `SealedWriter` wrote. Opening checks the whole file; `Refusal` says what is wrong with it."""

    def __init__(self, path: Path, file: BinaryIO, passphrase: bytes) -> None:
        self._path = path
        self._file = file
        header = self._check()
        self.made_at: int = header[1]
        self._chunks = self._open(header, passphrase)
        self._at_hand = bytearray()

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._at_hand) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise damaged(self._path)
            self._at_hand += chunk
        data = bytes(self._at_hand[:size])
        del self._at_hand[:size]
        return data

    def _check(self) -> list[Any]:
        """The header, once the checksum has shown that the file is whole."""
        if self._file.read(len(MAGIC)) != MAGIC:
            raise Refusal(
                "failed", f"{self._path} is not a backup of a p2pnode", "Name a file that p2pnode backup made"
            )
        length = int.from_bytes(self._file.read(4), "big")
        raw = self._file.read(min(length, MAX_HEADER))
        size = self._file.seek(0, os.SEEK_END)
        self._end = size - CHECKSUM
        self._begin = len(MAGIC) + 4 + length
        if not 0 < length <= MAX_HEADER or self._end <= self._begin:
            raise damaged(self._path)
        try:
            header = decode(raw)
        except Reject as e:
            raise damaged(self._path) from e
        if type(header) is list and header and type(header[0]) is int and header[0] > SEAL_VERSION:
            raise Refusal(
                "refused",
                f"{self._path} was made by a newer p2pnode (backup version {header[0]}; this one knows {SEAL_VERSION})",
                "Install the newer p2pnode; nothing was changed",
            )
        types = [int, int, str, int, int, bytes, bytes]
        if type(header) is not list or [type(v) for v in header] != types or header[0] != SEAL_VERSION:
            raise damaged(self._path)
        self._file.seek(0)
        whole, left = blake2b(digest_size=CHECKSUM), self._end
        while left:
            piece = self._file.read(min(left, 1024 * 1024))
            if not piece:
                raise damaged(self._path)
            whole.update(piece)
            left -= len(piece)
        if whole.digest() != self._file.read(CHECKSUM):
            raise damaged(self._path)
        return [*header, digest(raw)]

    def _open(self, header: list[Any], passphrase: bytes) -> Iterator[bytes]:
        _, _, how, ops, mem, salt, start, bound = header
        if how != "argon2id" or not (1 <= ops <= MAX_OPS and 8192 <= mem <= MAX_MEM):
            raise damaged(self._path)
        try:
            key = argon2id.kdf(_KEY, passphrase, salt, opslimit=ops, memlimit=mem)
            stream = bindings.crypto_secretstream_xchacha20poly1305_state()
            bindings.crypto_secretstream_xchacha20poly1305_init_pull(stream, start, key)
        except Exception as e:
            raise damaged(self._path) from e
        place, first = self._begin, True
        while True:
            self._file.seek(place)
            length = int.from_bytes(self._file.read(4), "big")
            if not _EXTRA <= length <= CHUNK + _EXTRA or place + 4 + length > self._end:
                raise damaged(self._path)
            try:
                plain, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(stream, self._file.read(length), bound)
            except Exception as e:  # the bindings raise a bare error of their own
                if not first:
                    raise damaged(self._path) from e
                raise Refusal("refused", f"The passphrase does not open {self._path}", "Check the passphrase") from e
            place, first = place + 4 + length, False
            yield plain
            if tag == _FINAL:
                if place != self._end:
                    raise damaged(self._path)
                return


def damaged(path: Path) -> Refusal:
    return Refusal("failed", f"{path} is torn or damaged", "Use another copy of this backup, or an older one")
