"""The end of a LevelDB log, where a power cut can leave zeros: a file that had its length already, but not its content.

LevelDB takes a log that is cut short for whole up to there, and calls one that ends in zeros damaged. Both are the same
loss, and the head record names what was in it. Any other damage of a log is left to LevelDB's checks.

    log    = blocks of 32,768 bytes; a record never crosses a block, less than 7 bytes at its end stay empty
    record = checksum 4 | length 2 | type 1 (1 … 4) | data      integers little-endian
    checksum = CRC-32C of type and data, rotated right by 15 bits, plus 0xa282ead8
"""

import struct

BLOCK = 32_768
_HEADER = struct.Struct("<IHB")
_LAST_TYPE = 4


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


_TABLE = _table()


def checksum(data: bytes) -> int:
    """As it stands in a log."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def zeroed_from(log: bytes) -> int | None:
    """The length of the whole part, if what comes after it is the begin of one record at most, and then zeros; else
    None: the log is whole, or damaged in another way.
    """
    place = 0
    while place < len(log):
        left = BLOCK - place % BLOCK
        if left < _HEADER.size:
            place += left
            continue
        if len(log) - place < _HEADER.size:
            break
        stored, length, kind = _HEADER.unpack_from(log, place)
        end = place + _HEADER.size + length
        body = log[place + _HEADER.size - 1 : end]
        if 0 < kind <= _LAST_TYPE and end <= len(log) and checksum(body) == stored:
            place = end
            continue
        written = len(log.rstrip(b"\0"))
        begun = place + min(left, _HEADER.size + length) if any(log[place : place + _HEADER.size]) else place
        return place if log.endswith(b"\0") and written < max(begun, place + 1) else None
    return None
