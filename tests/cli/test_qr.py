"""Codes that a phone reads. Compared once, module by module, with what segno 1.6.6 makes of 149 texts of 1 to 4,296
characters: the same but where the bits end with a byte, and segno adds one of zeros; OpenCV 4 read those. Here: that
they are still what they were."""

import re
from hashlib import blake2b

import pytest

from p2pnode.qr import encode, lines, svg


def test_the_corners_and_the_clock_between_them():
    rows = encode("K7QM-2XPD-9V3T")
    assert len(rows) == 21 and all(len(row) == 21 for row in rows)
    finder = [[1] * 7, [1, 0, 0, 0, 0, 0, 1], *[[1, 0, 1, 1, 1, 0, 1]] * 3, [1, 0, 0, 0, 0, 0, 1], [1] * 7]
    for y, x in ((0, 0), (0, 14), (14, 0)):
        assert [row[x : x + 7] for row in rows[y : y + 7]] == finder
    assert rows[6][7:14] == [row[6] for row in rows][7:14] == [0, 1, 0, 1, 0, 1, 0]


def fingerprint(text: str) -> str:
    return blake2b(repr(encode(text)).encode(), digest_size=8).hexdigest()


@pytest.mark.parametrize(
    ("text", "side", "known"),
    [
        ("K7QM-2XPD-9V3T", 21, "2787e15a439e0e83"),
        ("A", 21, "b2d0f6c750f154ab"),
        ("P2PNODE:RECEIPT:", 21, "66d87e49d85eb576"),
        ("ABCDEFGHIJ", 21, "3bdd103543c16396"),
        ("P2PNODE:RECEIPT:" + "SNMQ7A" * 100, 69, "8d2cf9ea09ef22e2"),
        ("Z9" * 1_000, 125, "85ff42ad46f4dcd7"),
        ("p2pnode://join/abc_-Ä", 25, "2e7ce548cb9c67eb"),
        ("p2pnode://join/" + "aB3_-z" * 120, 93, "8acc010a6eb8be1e"),
    ],
)
def test_the_same_modules_as_others_make(text, side, known):
    assert (len(encode(text)), fingerprint(text)) == (side, known)


def test_two_rows_a_line_and_light_around():
    shown = lines("A")
    assert len(shown) == (21 + 8 + 1) // 2 and {len(line) for line in shown} == {29}
    assert shown[0] == shown[1] == "█" * 29 and shown[2][:11] == "████ ▄▄▄▄▄ "


@pytest.mark.parametrize("text", ["A" * 4_297, "a" * 2_954, "Ä" * 1_477])
def test_what_no_code_holds(text):
    with pytest.raises(ValueError):
        encode(text)


def test_a_picture_of_it():
    rows = encode("A")
    picture = svg("A").decode()
    assert 'viewBox="0 0 29 29"' in picture and sum(map(int, re.findall(r"h(\d+)v1", picture))) == sum(map(sum, rows))
    assert "M4 4h7v1h-7z" in picture and "style" not in picture and "script" not in picture
