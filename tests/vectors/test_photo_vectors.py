"""The vectors of photos, against the code."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from protocols.errors import Reject
from protocols.identity import digest
from protocols.photo import check_photo
from protocols.photo_messages import encode_message, parse_message

VECTORS: Any = json.loads((Path(__file__).parent / "photos.json").read_text())


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["name"])
def test_messages_are_read_and_written_the_same(case: Any) -> None:
    data = bytes.fromhex(case["bytes"])
    assert encode_message(parse_message(data)) == data


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["name"])
def test_what_is_no_message_is_refused(case: Any) -> None:
    with pytest.raises(Reject) as refused:
        parse_message(bytes.fromhex(case["bytes"]))
    assert refused.value.code == case["code"]


@pytest.mark.parametrize("case", VECTORS["photos"], ids=lambda case: case["name"])
def test_photos_have_their_hash_and_size(case: Any) -> None:
    data = bytes.fromhex(case["bytes"])
    assert check_photo(data) == (case["width"], case["height"]) and digest(data).hex() == case["hash"]


@pytest.mark.parametrize("case", VECTORS["no photos"], ids=lambda case: case["name"])
def test_other_pictures_are_none(case: Any) -> None:
    with pytest.raises(Reject) as refused:
        check_photo(bytes.fromhex(case["bytes"]))
    assert refused.value.code == case["code"]


def test_a_photo_is_what_others_take_for_a_jpeg() -> None:
    assert Image.open(io.BytesIO(bytes.fromhex(VECTORS["photos"][0]["bytes"]))).size == (8, 8)
