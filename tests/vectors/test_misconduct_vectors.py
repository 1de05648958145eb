"""The vectors of misconduct hold, and are as made."""

import json

import pytest

from ledger.misconduct import check_misconduct
from protocols.envelope import parse_record, verify_record
from protocols.errors import Reject
from protocols.misconduct import parse_misconduct
from tests.vectors.make_misconduct import PATH, make, shown_json

VECTORS = json.loads(PATH.read_text())


def test_the_file_is_as_made():
    assert make() == VECTORS, "run python -m tests.vectors.make_misconduct"


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["name"])
def test_valid(case):
    record = parse_record(bytes.fromhex(case["wire"]))
    verify_record(record)
    assert shown_json(record) == case["shows"] and parse_misconduct(record).what == case["what"]


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["name"])
def test_invalid(case):
    record = parse_record(bytes.fromhex(case["wire"]))
    verify_record(record)
    with pytest.raises(Reject) as e:
        check_misconduct(parse_misconduct(record), record.network, VECTORS["endowment"])
    assert e.value.code == case["code"]
