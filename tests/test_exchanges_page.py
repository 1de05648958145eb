"""docs/exchanges.md and its pictures are what the files of the kinds make."""

import re
from xml.etree import ElementTree

import pytest

from protocols.templates import templates
from scripts.draw_kinds import DOCS, ORDER, PICTURES, WIDTH, cancelling, pages, picture, rows_of, when


def test_the_page_and_the_pictures_are_up_to_date() -> None:
    made = pages()
    assert set(PICTURES.glob("*")) == {path for path in made if path.parent == PICTURES}
    stale = [path.relative_to(DOCS) for path, text in made.items() if not path.exists() or path.read_text() != text]
    assert not stale, "run: python -m scripts.draw_kinds"


def test_every_kind_is_drawn() -> None:
    assert sorted(ORDER) == sorted(templates())


@pytest.mark.parametrize("kind", sorted(templates()))
def test_a_picture_shows_every_duty_with_its_time_and_fits(kind: str) -> None:
    of = templates()[kind]
    root = ElementTree.fromstring(picture(of))
    texts = [(t, "".join(t.itertext())) for t in root.iter("{http://www.w3.org/2000/svg}text")]
    words = [text for _, text in texts]
    for row in rows_of(of):
        assert any(word.startswith(f"{row.id}: ") for word in words) and when(row) in words
    assert set(cancelling(of)) <= set(words) and {of.giver, of.taker} <= set(words)
    height = float(root.attrib["viewBox"].split()[3])
    for element, text in texts:
        wide = len(text) * float(element.attrib.get("font-size", 14)) * 0.55
        room = WIDTH - 48 if element.attrib.get("text-anchor") != "middle" else WIDTH
        assert wide <= room and float(element.attrib["y"]) < height, text


def test_the_page_names_every_key_of_a_template() -> None:
    from protocols.templates import _Duty, _File

    page = (DOCS / "exchanges.md").read_text()
    keys = {re.sub("^begins$", "from", f) for struct in (_File, _Duty) for f in struct.__struct_fields__}
    assert not [key for key in keys if f"`{key}`" not in page]
