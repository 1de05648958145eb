"""Kinds of exchange: each in words; one's own added with what the checker says, and removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.core.kinds import kind_json
from p2pnode.exchange_arguments import AddKind, RemoveKind
from p2pnode.home.kinds import read_kind
from p2pnode.web.views.kinds import EXAMPLE
from protocols.errors import Refusal
from protocols.templates import templates
from tests.web.hostile import mixed
from tests.web.street import Street, open_street

FILE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "kinds" / "tool-library.toml"


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna") as made:
        yield made


def test_the_example_is_the_one_of_the_documentation_and_a_kind() -> None:
    assert FILE.read_text().endswith(EXAMPLE) and read_kind(EXAMPLE, "x").kind == "tool-library"


def test_all_kinds_in_words(street: Street) -> None:
    page = street.browsers["anna"].get("/kinds")
    for kind in templates():
        assert f'id="kind-{kind}"' in page.source and f"/publish/{kind}" in [link for link, _ in page.links]
    assert "hand over the thing" in page.words and "{" not in page.words.split("Those that everybody has")[1]


def test_one_is_added_and_removed(street: Street) -> None:
    anna, port = street.browsers["anna"], street.ports["anna"]
    kinds = port.node.core.state.settings.kinds
    own = read_kind(EXAMPLE.replace("For a yearly fee", mixed(30).replace('"', "'").replace("\\", "")), "x")

    port.answers[AddKind] = kind_json(own, True)
    anna.get("/kinds")
    kinds[own.kind] = own  # as the daemon does
    page = anna.submit("/do/kinds.add", text=EXAMPLE)
    assert "Kept. You can publish by it now." in page.words and "Tool library" in page.words
    assert next(args for _, args, _ in port.calls if isinstance(args, AddKind)).text == EXAMPLE
    port.answers[RemoveKind] = kind_json(own, True)
    assert "Do away with this kind?" in anna.submit("/do/kinds.remove").words
    anna.submit("/do/kinds.remove")
    assert RemoveKind(kind="tool-library") in [args for _, args, _ in port.calls]


def test_what_the_checker_says_stands_at_the_field(street: Street) -> None:
    anna, port = street.browsers["anna"], street.ports["anna"]

    class Checked(dict[type, object]):
        """As the daemon answers."""

        def __getitem__(self, key: type) -> object:
            raise Refusal("usage", "the file: duties[1].by: is missing", "docs/exchanges.md").about("text")

    port.answers = Checked({AddKind: None})
    anna.get("/kinds")
    page = anna.submit("/do/kinds.add", text=mixed(100))
    assert page.status == 422 and "duties[1].by: is missing" in page.words
    assert 'aria-describedby="kinds-add-text-wrong"' in page.source


def test_one_that_is_listed_by_says_so(street: Street) -> None:
    lab, port = street.lab, street.ports["anna"]
    own = read_kind(EXAMPLE, "x")
    port.node.core.state.settings.kinds[own.kind] = own
    lab.ask(lab.anna, "listing.publish", direction="offer", kind=own.kind, title="Tools", price="3")
    page = street.browsers["anna"].get("/kinds")
    assert "A listing of yours is of this kind" in page.words
    assert not [form for form in page.forms if form.action == "/do/kinds.remove"]
