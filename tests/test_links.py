"""What the documents point to is there."""

import re
from pathlib import Path

import pytest

from p2pnode.web.views import VIEWS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
SCREENS = ROOT / "docs" / "screens"  # made by `make screens`: a view, desktop or phone, light or dark
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
_PICTURE = re.compile(r"(\w+)-(desktop|phone)-(light|dark)\.png")


def lost(document: Path, text: str) -> list[str]:
    """The links in text, as it stands in the document, that lead nowhere. Headings are not looked at."""
    found = []
    for match in _LINK.finditer(re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)):
        link = (match[1] or match[2]).partition("#")[0]
        if not link or re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        target = (document.parent / link).resolve()
        picture = _PICTURE.fullmatch(target.name)
        if target.parent == SCREENS and picture and picture[1] in {view.name for view in VIEWS}:
            continue
        if target != SCREENS and not target.exists():
            found.append(link)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    assert not lost(document, document.read_text())


def test_a_link_to_nowhere_is_seen() -> None:
    text = '[a](docs/web.md#x) [b](docs/nowhere.md) `[c](x)` \n<img src="docs/screens/no-phone-dark.png">'
    assert lost(ROOT / "README.md", text) == ["docs/nowhere.md", "docs/screens/no-phone-dark.png"]
