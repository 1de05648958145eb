import json

import pytest

from protocols.double_booking import check_challenge, check_rebuttal, encode_agreement, parse_agreement
from protocols.errors import Reject
from protocols.limits import MAX_CHALLENGE
from tests.vectors.make_bookings import PATH, make, shown_json

VECTORS = json.loads(PATH.read_text())


def test_the_script_makes_the_file():
    assert PATH.read_text() == make()


def test_the_agreement():
    data = bytes.fromhex(VECTORS["agreement"])
    assert encode_agreement(parse_agreement(data)) == data and len(data) < MAX_CHALLENGE


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["name"])
def test_valid(vector):
    assert shown_json(check_challenge(bytes.fromhex(vector["bytes"]))) == vector["shows"]


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda v: v["why"])
def test_invalid(vector):
    with pytest.raises(Reject) as e:
        check_challenge(bytes.fromhex(vector["bytes"]))
    assert e.value.code == vector["code"]


@pytest.mark.parametrize("vector", VECTORS["rebuttals"], ids=lambda v: v["name"])
def test_rebuttals(vector):
    challenge, data = bytes.fromhex(vector["challenge"]), bytes.fromhex(vector["bytes"])
    check_challenge(challenge)
    if "code" in vector:
        with pytest.raises(Reject) as e:
            check_rebuttal(challenge, [data])
        assert e.value.code == vector["code"]
    else:
        found = check_rebuttal(challenge, [data])
        assert (found.exchange.hex(), found.reason) == (vector["exchange"], vector["reason"])
