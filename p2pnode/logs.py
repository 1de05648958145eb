"""What LevelDB passes over in its own logs: the database's log and its MANIFEST have one format.

    log    = blocks of 32768 bytes
    record = masked CRC-32C of type and payload 4 | length 2 | type 1 | payload      integers little-endian

A record that reaches beyond the end of the file is taken for one whose writer died in the middle, and left out without
a word, paranoid checks or not, with all that comes after it. That is right after a crash. It also happens where one
bit of a length was flipped in the last block: then the checksum still fits the length as it was written, which a
record that was cut off does not (by chance once in 10^8 times).

A log that ends in zeros it calls damaged, though that is the same loss as one that is cut short: a file that had its
new length already, but not its content, when the power went.
"""

from pathlib import Path

BLOCK = 32_768
HEADER = 7
LAST_TYPE = 4
_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected
_MASK_DELTA = 0xA282EAD8


def flipped_length(file: Path) -> int | None:
    """Where in a log a record begins whose length has a flipped bit, so that LevelDB would leave out the rest of the
    file; None if there is none, also where the file ends in a record that was never whole. `OSError`."""
    with file.open("rb") as log:
        size = log.seek(0, 2)
        start = log.seek(size - size % BLOCK)
        block = log.read(BLOCK)
    place = 0
    while place + HEADER <= len(block):
        length = int.from_bytes(block[place + 4 : place + 6], "little")
        if place + HEADER + length > len(block):
            return start + place if _fits_another_length(block[place:], length) else None
        place += HEADER + length
    return None


def zeroed_from(log: bytes) -> int | None:
    """The length of the whole part, if what comes after it is the begin of one record at most, and then zeros; else
    None: the log is whole, or damaged in another way; also where one flipped bit explains a last record that ends in
    zeros by itself.
    """
    place = 0
    while place < len(log):
        left = BLOCK - place % BLOCK
        if left < HEADER:  # the rest of a block that no header fits into stays empty
            place += left
            continue
        if len(log) - place < HEADER:
            break
        length, kind = int.from_bytes(log[place + 4 : place + 6], "little"), log[place + 6]
        end = place + HEADER + length
        if 0 < kind <= LAST_TYPE and end <= len(log) and checksum(log[place + 6 : end]) == log[place : place + 4]:
            place = end
            continue
        written = len(log.rstrip(b"\0"))
        begun = place + min(left, HEADER + length) if any(log[place : place + HEADER]) else place
        if not log.endswith(b"\0") or written >= max(begun, place + 1):
            return None
        return None if end == len(log) and _one_bit_off(log[place:]) else place
    return None


def checksum(data: bytes) -> bytes:
    """The 4 bytes that stand before a record of this type and payload."""
    return _masked(_crc(data)).to_bytes(4, "little")


def _one_bit_off(record: bytes) -> bool:
    """Whether a record's checksum fits but for one flipped bit, of itself or of what it covers."""
    stored, covered = int.from_bytes(record[:4], "little"), record[6:]
    crc = _crc(covered)
    if (stored ^ _masked(crc)).bit_count() == 1:
        return True
    turned = (stored - _MASK_DELTA) & 0xFFFFFFFF
    wrong = ((turned >> 17 | turned << 15) & 0xFFFFFFFF) ^ crc
    for bit in range(8):
        effect = _TABLE[1 << bit]  # on the checksum, of this bit in the last byte; then in the one before, and so on
        for _ in covered:
            if effect == wrong:
                return True
            effect = _update(effect, 0)
    return False


def _crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _update(crc, byte)
    return crc ^ 0xFFFFFFFF


def _fits_another_length(record: bytes, length: int) -> bool:
    """Whether the checksum holds for a length that differs in one bit."""
    meant = {length ^ (1 << bit) for bit in range(16)}
    wanted = int.from_bytes(record[:4], "little")
    crc = _update(0xFFFFFFFF, record[6])
    for n, byte in enumerate(record[HEADER:]):
        if n in meant and _masked(crc ^ 0xFFFFFFFF) == wanted:
            return True
        crc = _update(crc, byte)
    return len(record) - HEADER in meant and _masked(crc ^ 0xFFFFFFFF) == wanted


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _row(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ (_POLYNOMIAL if index & 1 else 0)
    return index


_TABLE = tuple(_row(index) for index in range(256))


def _update(crc: int, byte: int) -> int:
    return crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
