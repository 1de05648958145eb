"""Every text of the page is there in every language, and says the same with the same fields."""

import re

import pytest

from p2pnode.web import languages
from p2pnode.web.languages import LANGUAGES, Catalog, choose, fragments, load_catalog, parse_po
from tests.web.texts import differing, lacking, texts

OTHERS = [code for code in LANGUAGES if code != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_left_untranslated(language: str) -> None:
    assert len(texts()) > 150
    assert not lacking(language), f"python -m tests.web.texts {language}"


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_translated_that_is_not_there(language: str) -> None:
    assert not load_catalog(language).rows.keys() - {text[0] for text in texts()}


@pytest.mark.parametrize("language", OTHERS)
def test_translations_name_the_same_fields(language: str) -> None:
    for text, row in load_catalog(language).rows.items():
        for one in row:
            assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", one)), text
            assert "<" not in one and one.strip() == one, text


@pytest.mark.parametrize("language", OTHERS)
def test_no_two_fragments_translate_a_text_otherwise(language: str) -> None:
    assert not differing(fragments(language))


def test_of_two_that_do_the_first_counts_and_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    two = [("a.po", {"Date": ("Datum",), "Pay": ("Zahlen",)}), ("b.po", {"Pay": ("Zahlen",), "Date": ("Tag",)})]
    assert differing(two) == ["a.po and b.po differ in 'Date': ('Datum',) and ('Tag',)"]
    monkeypatch.setattr(languages, "fragments", lambda _: iter(two))
    assert load_catalog("de").gettext("Date") == "Datum"


def test_a_text_that_lacks_is_found() -> None:
    assert ("In your words",) in texts() and ("%(n)s day", "%(n)s days") in texts()
    catalog = Catalog({"a": ("",), "b": ("B",), "c": ("C",)})
    assert (catalog.gettext("a"), catalog.gettext("b")) == ("a", "B")
    assert (catalog.ngettext("c", "cs", 1), catalog.ngettext("c", "cs", 2)) == ("c", "cs")


@pytest.mark.parametrize(
    ("wanted", "accept", "language"),
    [
        ("", "", "en"), ("de", "en", "de"), ("xx", "de", "de"), ("", "de-AT,en;q=0.5", "de"),
        ("", "fr, de;q=0.1", "de"),
        ("", "en;q=0.2, de;q=0.9", "de"), ("", "*", "en"), ("", "de;q=.", "en"), ("", ";;;,,", "en"), ("", "DE", "de"),
    ],
)  # fmt: skip
def test_which_language(wanted: str, accept: str, language: str) -> None:
    assert choose(wanted, accept) == language


def test_fragments_are_read() -> None:
    source = 'msgid ""\nmsgstr "Language: x\\n"\n\n# why\nmsgid "a \\"b\\""\nmsgstr ""\n"c\\n"\n"d"\n\nmsgid "e"\n'
    source += 'msgid_plural "es"\nmsgstr[0] "f"\nmsgstr[1] "fs"\n'
    assert parse_po(source) == {'a "b"': ("c\nd",), "e": ("f", "fs")}
    for broken in (
        'msgctxt "x"',
        '"a"',
        "msgid a",
        'msgid "a',
        'msgid "a" + "b"',
        'msgid "a"\nmsgstr __import__("os")',
    ):
        with pytest.raises(ValueError):
            parse_po(broken)
