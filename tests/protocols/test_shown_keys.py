"""Later keys that a file shows: they prove themselves, and nothing else changes."""

import pytest

from protocols.codec import decode, encode
from protocols.double_booking import check_challenge, check_rebuttal, encode_agreement, encode_rebuttal, parse_agreement
from protocols.errors import Reject
from protocols.limits import HOUR, MAX_CHALLENGE, MAX_SHOWN_ROTATIONS
from protocols.shown_keys import AROUND, encode_with_keys, open_with_keys
from tests.protocols.bookings import Deal, barn, later, rotation
from tests.protocols.test_double_booking import ANN, CLEO, booked, challenge
from tests.strategies import NOW


def by_later_keys() -> tuple[Deal, bytes]:
    """Bob's second key accepts Ann's proposal; Cleo's first is accepted by his first."""
    one = Deal(barn(ANN), NOW)
    one.accept(later(2, 2), one.root, NOW + 1_000)
    return one, challenge(one, booked(CLEO, NOW + HOUR))


ROTATIONS = [rotation(2, 1, last=4), rotation(2, 2, last=9)]


def test_a_file_of_first_keys_has_nothing_around_it() -> None:
    plain = challenge(booked(ANN), booked(CLEO, NOW + HOUR))
    assert encode_with_keys(plain, []) == plain
    assert open_with_keys(plain, MAX_CHALLENGE) == (plain, (), {}, {})


def test_later_keys_are_believed_by_what_leads_to_them() -> None:
    one, data = by_later_keys()
    with pytest.raises(Reject, match="key of this epoch"):
        check_challenge(data)
    file = encode_with_keys(data, ROTATIONS)
    assert check_challenge(file).booked == 2 and len(file) < len(data) + AROUND
    opened = open_with_keys(file, MAX_CHALLENGE)
    assert opened.file == data and opened.last == {(later(2, 1).author, 0): 4, (later(2, 1).author, 1): 9}
    assert opened.keys[later(2, 2).author, 2] == later(2, 2).public_key
    assert parse_agreement(encode_with_keys(encode_agreement(one.agreement), ROTATIONS)) == one.agreement
    said = [one.say(later(2, 2), "cancel", NOW + 2_000), one.say(ANN, "cancel", NOW + 2_000)]
    rebuttal = encode_with_keys(encode_rebuttal(said), ROTATIONS)
    assert check_rebuttal(file, [rebuttal]).reason == "cancelled by both"
    with pytest.raises(Reject):
        check_rebuttal(data, [rebuttal])


def test_what_does_not_lead_to_them_is_refused() -> None:
    data = by_later_keys()[1]
    forged = decode(ROTATIONS[1], 1_024)
    forged[1] = bytes(64)
    for rotations in ([ROTATIONS[1]], [ROTATIONS[0]], [rotation(3, 1), rotation(3, 2)], [ROTATIONS[0], encode(forged)]):
        with pytest.raises(Reject):
            check_challenge(encode_with_keys(data, rotations))


@pytest.mark.parametrize(
    "row",
    [
        lambda file: ["p2pnode-with-keys", 2, file, ROTATIONS],
        lambda file: ["p2pnode-with-keys", 1, file, []],
        lambda file: ["p2pnode-with-keys", 1, file, ROTATIONS + ROTATIONS],
        lambda file: ["p2pnode-with-keys", 1, file, [bytes(1_025)]],
        lambda file: ["p2pnode-with-keys", 1, file],
        lambda file: ["p2pnode-with-keys", 1, encode(["p2pnode-with-keys", 1, file, ROTATIONS]), ROTATIONS],
        lambda file: ["p2pnode-with-keys", 1, 7, ROTATIONS],
    ],
)
def test_what_is_no_such_file(row) -> None:
    with pytest.raises(Reject):
        check_challenge(encode(row(by_later_keys()[1])))


def test_no_more_are_shown_than_are_read() -> None:
    many = [bytes([n, n]) for n in range(MAX_SHOWN_ROTATIONS + 1)]
    with pytest.raises(Reject, match="128 can be shown"):
        encode_with_keys(b"x", many)
