"""What goes too deep is refused before it is parsed, and finding that out takes no longer than the text is long."""

import tomllib
from pathlib import Path

import pytest

from protocols.errors import Refusal
from protocols.limits import MAX_TEMPLATE, MAX_TEMPLATE_DEPTH
from protocols.templates import parse_template
from protocols.toml_depth import toml_depth

EXAMPLES = Path(__file__).resolve().parents[2]
LONG = ".".join("a" * (MAX_TEMPLATE // 2 - 4))
DEEP = [
    f"{LONG} = 1",
    f"[{LONG}]",
    "a" + " . 'b.' .\"\"" * 9 + " = 1",
    "x = {y = 1, " + ".".join("abcdefghij") + " = 1}",
    "x = '''it's''' \n" + ".".join("abcdefghij") + " = 1",
    "x = " + "[" * 9 + "]" * 9,
    "x = " + "{a = [" * 5 + "]}" * 5,
]


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_what_goes_deep_is_refused_unparsed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tomllib, "loads", lambda text: pytest.fail("it was parsed"))
    with pytest.raises(Refusal, match=r"^x\.toml: the file: more than 8 dots in a key"):
        parse_template(text, "x.toml")


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        ("kind = 'x' # ...........", 0),
        ("what = 'a.b.c.d.e.f.g.h.i.j' # [[[[[[[[[", 0),
        ('what = "say \\"a.b.c.d.e.f.g.h.i.j [[[[[[[[[[ \\""', 0),
        ('what = """\n"a.b.c.d.e.f.g.h.i.j" [[[[[[[[[[ \\""" ]"""', 0),
        ("what = '''\n'a.b.c.d.e.f.g.h.i.j' [[[[[[[[[[ '''", 0),
        ("[[duties]]\nfull.until.of = 1.5", 2),
        ("]]]][", 1),
    ],
)
def test_strings_and_comments_count_for_nothing(text: str, depth: int) -> None:
    assert toml_depth(text) == depth


@pytest.mark.parametrize("folder", ["protocols/kinds", "docs/examples/kinds"])
def test_no_kind_comes_near(folder: str) -> None:
    files = sorted((EXAMPLES / folder).glob("*.toml"))
    assert files and all(toml_depth(file.read_text()) < MAX_TEMPLATE_DEPTH / 2 for file in files)


@pytest.mark.parametrize("part", ['"""\\', '\\"""\n', '"\\', "'''", "'", '"', "\\", "#", ".", "[", '""\n"', "'\n''"])
def test_hostile_quotes_are_looked_at_once(part: str) -> None:
    """Were it not so, this would take minutes."""
    assert toml_depth('"""\n' + part * 100_000) >= 0
    assert toml_depth(part * 100_000) >= 0
